//! Committed heights, staged blocks, and reads as of a height.
//!
//! A block is staged (computed, in memory), then committed (one atomic batch). The values of
//! older heights are kept for a window of blocks, then pruned.

mod heights;
mod readers;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use bytes::{Buf, Bytes};
use rayon::prelude::*;
use tessera_proto::pb::query::v1::StateProof;
use tessera_proto::state_key::{Namespace, StateKey, shard_of};

pub use self::readers::{HeightReader, LatestReader};
use super::batch::Batch;
use super::changes::Changes;
use super::database::Database;
use super::error::Fault;
pub use super::error::HeightError;
use super::forest::{
    ChangedTree, Forest, SHARD_COUNT, ShardRoots, decode_roots, encode_roots, sentinels,
};
use super::history::{History, Record, Replaced, history_key, push_record, push_replaced};
use super::lock::{lock, read_lock, write_lock};
use super::parallel::in_order;
use super::proof::{self, ProvenTree};
use super::table::Table;
use super::tree::node::{Node, leaf_hash};
use super::tree::update::{Change, TreeUpdate};
use super::tree::{Hash, NodeSource as _};
use super::values::{Announced, Known, Values};

/// Version of the database layout; a database of another version is not opened.
const FORMAT: u64 = 3;
const META_FORMAT: &[u8] = b"format";
const META_COMMITTED: &[u8] = b"committed";
/// Height of the first state; left out when it is 0.
const META_BASE: &[u8] = b"base";
/// Heights whose roots are kept in memory.
const RECENT_ROOTS: usize = 64;

/// What the operator chooses.
#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
    /// Heights before the latest whose state can still be read and proven.
    pub keep_heights: u64,
    /// Blocks between two waits for the disk. So many, and one more, are replayed after a loss of
    /// power.
    pub fsync_every_blocks: u64,
    /// Bytes of entries that gather in memory before they are moved into their tables.
    pub gather_bytes: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { keep_heights: 1_000, fsync_every_blocks: 10, gather_bytes: 64 << 20 }
    }
}

/// The latest committed state.
#[derive(Debug, Clone)]
pub struct Committed {
    /// Height of the block; 0 is genesis.
    pub height: u64,
    /// Root of everything.
    pub app_hash: [u8; 32],
    /// Height of the first state; above 0 where the chain goes on with the state of another.
    pub base_height: u64,
    roots: Arc<ShardRoots>,
}

/// The state after a block that is computed and not yet committed.
pub struct Staged {
    height: u64,
    app_hash: [u8; 32],
    roots: Arc<ShardRoots>,
    shards: Vec<StagedShard>,
}

impl Staged {
    /// Height of the block.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.height
    }

    /// Root of everything after the block.
    #[must_use]
    pub fn app_hash(&self) -> [u8; 32] {
        self.app_hash
    }
}

struct StagedShard {
    shard: u8,
    update: TreeUpdate,
    /// Hashes of the changed keys, in order.
    hashes: Vec<Hash>,
    /// The changed keys in the same order, and new values that are not among those in memory yet.
    values: Vec<(StateKey, Option<Bytes>)>,
    batch: Batch,
}

/// The new value of a key, and the hash of the key.
struct HashedChange<'a> {
    hash: Hash,
    key: &'a StateKey,
    value: Option<&'a Bytes>,
}

/// The authenticated store.
pub struct Store {
    database: Database,
    forest: Forest,
    options: StoreOptions,
    committed: RwLock<Option<Committed>>,
    announced: RwLock<Option<Arc<Announced>>>,
    values: Values,
    recent_roots: Mutex<BTreeMap<u64, Arc<ShardRoots>>>,
    /// The oldest height that has not been removed, whatever is to be kept from now on.
    oldest_stored: AtomicU64,
}

impl Store {
    /// Opens the store in a folder, or creates an empty one.
    ///
    /// # Errors
    /// [`Fault`] when the database cannot be opened or is of another format.
    pub fn open(folder: &Path, options: StoreOptions) -> Result<Self, Fault> {
        let mut database = Database::open(folder, options.gather_bytes)?;
        let format = database.get(Table::Meta, META_FORMAT)?;
        if format.is_none() && !database.is_empty()? {
            // The process ended while the first state was being stored.
            drop(database);
            fs::remove_dir_all(folder).map_err(|error| {
                Fault::Database(format!("`{}` cannot be emptied: {error}", folder.display()))
            })?;
            database = Database::open(folder, options.gather_bytes)?;
        }
        if let Some(bytes) = format {
            let found = bytes.clone().try_get_u64().map_err(|_| damaged("format"))?;
            if found != FORMAT {
                let folder = folder.display();
                return Err(Fault::Database(format!(
                    "`{folder}` has format {found}, this build reads format {FORMAT}"
                )));
            }
        }
        let store = Self {
            forest: Forest::open(database.clone())?,
            database,
            options,
            committed: RwLock::new(None),
            announced: RwLock::new(None),
            values: Values::default(),
            recent_roots: Mutex::new(BTreeMap::new()),
            oldest_stored: AtomicU64::new(0),
        };
        if let Some(mut bytes) = store.database.get(Table::Meta, META_COMMITTED)? {
            let height = bytes.try_get_u64().map_err(|_| damaged("committed"))?;
            let app_hash = bytes.as_ref().try_into().map_err(|_| damaged("committed"))?;
            let roots = store.load_roots(height)?;
            if roots.map().root() != app_hash {
                return Err(damaged("app hash and shard roots differ"));
            }
            // First, for the nodes of older trees are wanted to bring them up to date.
            store.warm_up()?;
            store.restore_trees(height, roots.hashes())?;
            let base = store.database.get(Table::Meta, META_BASE)?;
            let base = base.map(|mut bytes| bytes.try_get_u64()).transpose();
            let base_height = base.map_err(|_| damaged("base"))?.unwrap_or(0);
            let oldest = store.database.scan(Table::Roots, &[], &[], 1)?;
            let (mut oldest, _) = oldest.into_iter().next().ok_or_else(|| damaged("roots"))?;
            let oldest = oldest.try_get_u64().map_err(|_| damaged("roots"))?;
            store.oldest_stored.store(oldest, Ordering::Relaxed);
            *write_lock(&store.committed) =
                Some(Committed { height, app_hash, base_height, roots });
        }
        Ok(store)
    }

    /// The latest committed state; none before genesis.
    #[must_use]
    pub fn committed(&self) -> Option<Committed> {
        read_lock(&self.committed).clone()
    }

    /// The database, for tables beside the state.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Makes the changes of a staged block part of the latest state before they are written,
    /// which must follow with [`Store::commit`] before another block is staged.
    pub fn announce(&self, height: u64, changes: Arc<Changes>) {
        *write_lock(&self.announced) = Some(Arc::new(Announced::new(height, changes)));
    }

    /// Takes the new values of an announced block into memory, where they are found faster.
    /// [`Store::commit`] does it, too, if it was not done.
    ///
    /// # Errors
    /// [`Fault`], which does not happen: there are values for every shard.
    pub(crate) fn remember(&self, staged: &mut Staged) -> Result<(), Fault> {
        let height = staged.height;
        in_order::<(), ()>(staged.shards.par_iter_mut().map(|staged| {
            let mut values = self.values.shard(staged.shard)?;
            values.fetch(staged.hashes.iter());
            for (hash, (key, value)) in staged.hashes.iter().zip(staged.values.drain(..)) {
                values.insert(&key, hash, Some(Known { height, value: value.as_deref() }));
            }
            Ok(())
        }))?;
        if let Some(announced) = self.announced() {
            announced.set_remembered();
        }
        Ok(())
    }

    /// Height of the latest state: that of the announced block, or of the committed one.
    #[must_use]
    pub fn latest_height(&self) -> Option<u64> {
        let announced = read_lock(&self.announced).as_ref().map(|announced| announced.height());
        announced.or_else(|| self.committed().map(|committed| committed.height))
    }

    /// The latest state, for execution: what is read stays in memory. Only to be used where no
    /// block is committed that was not announced, or what it changes could be remembered as it
    /// was before.
    #[must_use]
    pub fn latest(&self) -> LatestReader<'_> {
        LatestReader { store: self, announced: self.announced(), remember: true }
    }

    /// The latest state, at any time.
    #[must_use]
    pub fn peek(&self) -> LatestReader<'_> {
        LatestReader { store: self, announced: self.announced(), remember: false }
    }

    fn announced(&self) -> Option<Arc<Announced>> {
        read_lock(&self.announced).clone()
    }

    /// Proves the value of a key, or that it has none, as of a height.
    ///
    /// # Errors
    /// [`HeightError`], in the order in which it lists them.
    pub fn prove(&self, height: u64, key: &StateKey) -> Result<StateProof, HeightError> {
        let reader = self.at(height)?;
        let roots = self.roots(height)?;
        let shard = key.shard();
        // Before the tree is held: a block must not wait for a proof.
        let seen = self.forest.tree(shard)?.height().unwrap_or_default();
        let mut undone = BTreeMap::new();
        self.undo(shard, (height, seen), &mut undone)?;
        let tree = self.forest.tree(shard)?;
        let latest = tree.height().unwrap_or_default();
        if latest <= height {
            let tree = ProvenTree { nodes: &tree, root: tree.root(), values: &reader };
            return Ok(proof::prove(&tree, roots.map(), key)?);
        }
        self.undo(shard, (height.max(seen), latest), &mut undone)?;
        let undone: Vec<Change> = undone.into_iter().collect();
        let tree = ChangedTree::new(tree, &undone)?;
        let tree = ProvenTree { nodes: &tree, root: tree.root(), values: &reader };
        Ok(proof::prove(&tree, roots.map(), key)?)
    }

    /// The root of everything as of a height.
    ///
    /// # Errors
    /// [`HeightError`], in the order in which it lists them.
    pub fn app_hash(&self, height: u64) -> Result<[u8; 32], HeightError> {
        self.at(height)?;
        Ok(self.roots(height)?.map().root())
    }

    /// Computes the state after a block, on top of the latest committed one. Nothing is stored.
    ///
    /// The first block staged is genesis: it also gets a sentinel in every shard.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn stage(&self, height: u64, changes: &Changes) -> Result<Staged, Fault> {
        let committed = self.committed();
        let sentinels = if committed.is_none() { sentinels() } else { Changes::new() };
        let mut hashed: Vec<HashedChange<'_>> = changes
            .as_slice()
            .par_iter()
            .chain(sentinels.as_slice())
            .map(|(key, value)| HashedChange { hash: key.hash(), key, value: value.as_ref() })
            .collect();
        hashed.par_sort_unstable_by_key(|change| change.hash);
        let by_shard: Vec<_> =
            hashed.chunk_by(|one, other| shard_of(&one.hash) == shard_of(&other.hash)).collect();
        let stage = |changes| self.stage_shard(height, changes);
        let shards: Vec<StagedShard> = in_order(by_shard.into_par_iter().map(stage))?;
        let mut roots = committed
            .map_or_else(|| vec![[0; 32]; SHARD_COUNT], |latest| latest.roots.hashes().to_vec());
        for staged in &shards {
            if let Some(root) = roots.get_mut(usize::from(staged.shard)) {
                *root = root_hash(staged.shard, &staged.update)?;
            }
        }
        let roots = ShardRoots::new(roots);
        let app_hash = roots.map().root();
        Ok(Staged { height, app_hash, roots: Arc::new(roots), shards })
    }

    /// New nodes of all trees, of a staged block that the latest committed one comes before.
    ///
    /// # Errors
    /// [`Fault`] when nodes cannot be read.
    pub fn new_nodes(&self, staged: &Staged) -> Result<Vec<Node>, Fault> {
        let mut nodes = Vec::new();
        for StagedShard { shard, update, .. } in &staged.shards {
            let tree = self.forest.tree(*shard)?;
            for (path, change) in &update.nodes {
                nodes.extend(change.clone().apply(|| tree.node(path).map(Cow::into_owned))?);
            }
        }
        Ok(nodes)
    }

    /// Stores a staged block and `extra`, or neither.
    ///
    /// # Errors
    /// [`Fault`]: the process must stop.
    pub fn commit(&self, mut staged: Staged, extra: Batch) -> Result<Committed, Fault> {
        self.remember(&mut staged)?;
        let Staged { height, app_hash, roots, mut shards } = staged;
        let mut batch = extra;
        batch.append(shards.iter_mut().map(|shard| std::mem::take(&mut shard.batch)).collect());
        let changed = shards.iter().map(|shard| shard.shard);
        batch.put(Table::Roots, height.to_be_bytes(), encode_roots(changed, &roots));
        batch.put(Table::Meta, META_COMMITTED, [&height.to_be_bytes()[..], &app_hash].concat());
        batch.put(Table::Meta, META_FORMAT, FORMAT.to_be_bytes());
        let before = self.committed();
        let base_height = before.as_ref().map_or(height, |committed| committed.base_height);
        if height == base_height && height > 0 {
            batch.put(Table::Meta, META_BASE, height.to_be_bytes());
        }
        match before {
            None => self.store_first(height, shards, batch)?,
            Some(_) => self.store_next(height, shards, batch)?,
        }
        let mut recent = lock(&self.recent_roots);
        recent.insert(height, Arc::clone(&roots));
        while recent.len() > RECENT_ROOTS {
            recent.pop_first();
        }
        let committed = Committed { height, app_hash, base_height, roots };
        *write_lock(&self.committed) = Some(committed.clone());
        write_lock(&self.announced).take_if(|announced| announced.height() == height);
        Ok(committed)
    }

    /// Stores the first state with all its trees. It may be far larger than what a block changes.
    fn store_first(
        &self,
        height: u64,
        shards: Vec<StagedShard>,
        mut batch: Batch,
    ) -> Result<(), Fault> {
        self.apply(height, shards)?;
        let all: Vec<u8> = (0..=u8::MAX).collect();
        self.forest.checkpoint(&all, &mut batch)?;
        self.database.commit_first(batch)?;
        self.oldest_stored.store(height, Ordering::Release);
        self.forest.checkpointed(&all)
    }

    /// Stores what a block changes, and the trees whose turn it is.
    fn store_next(
        &self,
        height: u64,
        shards: Vec<StagedShard>,
        mut batch: Batch,
    ) -> Result<(), Fault> {
        let oldest = self.remove_oldest(height, &shards, &mut batch)?;
        let due = self.forest.due(height);
        self.forest.checkpoint(&due, &mut batch)?;
        let durable = height.checked_rem(self.options.fsync_every_blocks).unwrap_or(0) == 0;
        self.database.commit(batch, durable)?;
        self.oldest_stored.store(oldest, Ordering::Release);
        self.forest.checkpointed(&due)?;
        self.apply(height, shards)
    }

    /// Makes staged trees the latest.
    fn apply(&self, height: u64, shards: Vec<StagedShard>) -> Result<(), Fault> {
        let apply = |staged: StagedShard| self.forest.apply(height, staged.shard, staged.update);
        in_order(shards.into_par_iter().map(apply))
    }

    /// Stages changes of one shard, in order of hash.
    fn stage_shard(&self, height: u64, changes: &[HashedChange<'_>]) -> Result<StagedShard, Fault> {
        let shard = changes.first().map_or(0, |change| shard_of(&change.hash));
        let leaf = |change: &HashedChange<'_>| {
            let leaf = change.value.map(|value| leaf_hash(&change.hash, value));
            (change.hash, leaf)
        };
        let leaves: Vec<Change> = changes.iter().map(leaf).collect();
        let update = self.forest.tree(shard)?.update(&leaves)?;
        let (mut batch, mut history, mut encoded) = (Batch::default(), Vec::new(), Vec::new());
        let mut values = self.values.shard(shard)?;
        values.fetch(changes.iter().map(|change| &change.hash));
        for HashedChange { hash, key, value } in changes {
            let stored;
            let old = match values.get(key, hash) {
                Some(known) => known,
                None => {
                    stored = self.history().latest(hash)?;
                    stored.as_ref().map(Known::of)
                }
            };
            let (was_present, is_present) =
                (old.is_some_and(|known| known.value.is_some()), value.is_some());
            if was_present != is_present {
                list_key(&mut batch, key, is_present);
            }
            push_replaced(&mut history, (hash, key), !is_present, old);
            encoded.clear();
            push_record(&mut encoded, key, Known { height, value: value.map(|value| &**value) });
            batch.put(Table::Values, hash, &encoded);
        }
        drop(values);
        // Nobody asks what was before the first state.
        if read_lock(&self.committed).is_some() {
            batch.put(Table::History, history_key(shard, height), history);
        }
        let hashes = leaves.into_iter().map(|(hash, _)| hash).collect();
        let value = |change: &HashedChange<'_>| (*change.key, change.value.cloned());
        let values = changes.iter().map(value).collect();
        Ok(StagedShard { shard, update, hashes, values, batch })
    }

    /// Adds what brings a tree back from one height, `to`, to an earlier one, `from`. What is there
    /// already is of blocks before, and stays.
    fn undo(
        &self,
        shard: u8,
        (from, to): (u64, u64),
        before: &mut BTreeMap<Hash, Option<Hash>>,
    ) -> Result<(), Fault> {
        if from >= to {
            return Ok(());
        }
        let first = from.saturating_add(1);
        for Replaced { hash, record, .. } in self.history().blocks(shard, first, to)? {
            // The first block that changed a key tells what it was.
            before.entry(hash).or_insert_with(|| leaf_of(&hash, record));
        }
        Ok(())
    }

    /// Brings trees that are older than the values in the database up to the latest block.
    fn restore_trees(&self, height: u64, roots: &[Hash]) -> Result<(), Fault> {
        let restore = |(shard, root)| self.restore_tree(shard, height, root);
        in_order((0..=u8::MAX).into_par_iter().zip(roots).map(restore))
    }

    fn restore_tree(&self, shard: u8, height: u64, root: &Hash) -> Result<(), Fault> {
        let tree = self.forest.tree(shard)?;
        let first = tree.height().map_or(0, |height| height.saturating_add(1));
        let changed = self.history().blocks(shard, first, height)?;
        let key = |replaced: Replaced| (replaced.hash, replaced.record.map(|record| record.key));
        let keys: BTreeMap<Hash, Option<StateKey>> = changed.into_iter().map(key).collect();
        let mut changes = Vec::with_capacity(keys.len());
        let mut values = self.values.shard(shard)?;
        values.fetch(keys.keys());
        for (hash, key) in &keys {
            let leaf = match key.and_then(|key| values.get(&key, hash)) {
                Some(known) => {
                    known.and_then(|known| known.value).map(|value| leaf_hash(hash, value))
                }
                None => leaf_of(hash, self.history().latest(hash)?),
            };
            changes.push((*hash, leaf));
        }
        drop(values);
        let update = tree.update(&changes)?;
        drop(tree);
        if root_hash(shard, &update)? != *root {
            return Err(damaged("a tree does not have the root that was committed"));
        }
        self.forest.apply(height, shard, update)
    }

    fn history(&self) -> History<'_> {
        History::new(&self.database)
    }

    /// Takes values and nodes into memory, so that a node is as fast after a start as before: what
    /// gathered, then of each shard as much as its share has room for.
    fn warm_up(&self) -> Result<(), Fault> {
        self.values.reserve(self.database.stored_count(Table::Values)?);
        self.forest.reserve(self.database.stored_count(Table::Nodes)?);
        let gathered = |table| self.database.gathered(table).map(Ok);
        let have_gathered = self.values.warm_up(gathered(Table::Values))?;
        self.forest.warm_up(gathered(Table::Nodes))?;
        in_order((0..=u8::MAX).into_par_iter().map(|shard| {
            let stored = |table| self.database.stored(table, &[shard]);
            let have_stored = self.values.warm_up(stored(Table::Values)?)?;
            if !(have_gathered && have_stored) {
                self.values.shard(shard)?.set_lacking();
            }
            self.forest.warm_up(stored(Table::Nodes)?)
        }))
    }

    fn roots(&self, height: u64) -> Result<Arc<ShardRoots>, Fault> {
        let recent = lock(&self.recent_roots);
        if let Some(roots) = recent.get(&height) {
            return Ok(Arc::clone(roots));
        }
        drop(recent);
        self.load_roots(height)
    }

    fn load_roots(&self, height: u64) -> Result<Arc<ShardRoots>, Fault> {
        let bytes = self.database.get(Table::Roots, &height.to_be_bytes())?;
        let decoded = bytes.and_then(|bytes| decode_roots(&bytes));
        let (_, roots) = decoded.ok_or_else(|| damaged("roots"))?;
        Ok(Arc::new(ShardRoots::new(roots)))
    }
}

/// The leaf that a record makes in a tree; none where there is no value.
fn leaf_of(hash: &Hash, record: Option<Record>) -> Option<Hash> {
    record.and_then(|record| record.value).map(|value| leaf_hash(hash, &value))
}

fn root_hash(shard: u8, update: &TreeUpdate) -> Result<Hash, Fault> {
    let root = update.root.map(|root| root.hash);
    root.ok_or_else(|| Fault::DamagedTree(format!("shard {shard:02x} is empty")))
}

/// Enters a key into the lists, or takes it out.
fn list_key(batch: &mut Batch, key: &StateKey, present: bool) {
    let mut entries = vec![(Table::Keys, key.as_bytes().to_vec())];
    // A holding key is the namespace, 16 bytes of asset and 20 of account.
    if let Some((&[namespace], rest)) = key.as_bytes().split_first_chunk::<1>()
        && namespace == Namespace::Holding.byte()
        && let Some((asset, account)) = rest.split_first_chunk::<16>()
    {
        let by_account = [account, asset.as_slice()].concat();
        entries.push((Table::HoldingsByAccount, by_account));
    }
    for (table, key) in entries {
        if present {
            batch.put(table, key, []);
        } else {
            batch.remove(table, key);
        }
    }
}

fn damaged(what: &str) -> Fault {
    Fault::DamagedTree(what.to_owned())
}
