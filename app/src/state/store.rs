//! Committed heights, staged blocks, and reads as of a height.
//!
//! A block is staged (computed, in memory), then committed (one atomic batch). The values of
//! older heights are kept for a window of blocks, then pruned.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::{Buf, Bytes};
use jmt::storage::Node;
use quick_cache::sync::Cache;
use rayon::prelude::*;
use tessera_proto::leaf::{Leaf, Sentinel};
use tessera_proto::pb::query::v1::StateProof;
use tessera_proto::state_key::{Namespace, StateKey, shard_of};

use super::database::{Batch, Database, Table};
use super::error::Fault;
use super::forest::{
    Forest, SHARD_COUNT, ShardChanges, ShardRoot, ShardRoots, ShardUpdate, ValueSource,
    encode_node, root_map,
};
use super::proof;
use super::stale::{StaleKind, pop_stale, push_stale};
use super::view::{Changes, StateReader};

/// Version of the database layout; a database of another version is not opened.
const FORMAT: u64 = 1;
const META_FORMAT: &[u8] = b"format";
const META_COMMITTED: &[u8] = b"committed";
/// Values kept in memory.
const VALUE_CACHE_ENTRIES: usize = 200_000;
/// Heights whose roots are kept in memory.
const RECENT_ROOTS: usize = 64;

/// What the operator chooses.
#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
    /// Heights before the latest whose state can still be read and proven.
    pub keep_heights: u64,
    /// Blocks between two waits for the disk. Blocks since the last are replayed after a loss
    /// of power.
    pub fsync_every_blocks: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { keep_heights: 1_000, fsync_every_blocks: 10 }
    }
}

/// The latest committed state.
#[derive(Debug, Clone)]
pub struct Committed {
    /// Height of the block; 0 is genesis.
    pub height: u64,
    /// Root of everything.
    pub app_hash: [u8; 32],
    roots: ShardRoots,
}

/// The state after a block that is computed and not yet committed.
pub struct Staged {
    height: u64,
    app_hash: [u8; 32],
    roots: ShardRoots,
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

    /// New nodes of all trees.
    pub fn new_nodes(&self) -> impl Iterator<Item = &Node> {
        self.shards.iter().flat_map(|shard| &shard.update.nodes).map(|(_, node)| node.as_ref())
    }
}

struct StagedShard {
    shard: u8,
    update: ShardUpdate,
    values: Vec<(StateKey, Record)>,
    batch: Batch,
    stale: Vec<u8>,
}

/// The value of a key and since when it has it.
#[derive(Debug, Clone)]
struct Record {
    height: u64,
    key: Bytes,
    value: Option<Bytes>,
}

impl Record {
    fn encode(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(160);
        bytes.extend_from_slice(&self.height.to_be_bytes());
        bytes.push(u8::from(self.value.is_some()));
        // Keys have at most 56 bytes.
        bytes.push(u8::try_from(self.key.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(&self.key);
        bytes.extend_from_slice(self.value.as_deref().unwrap_or_default());
        bytes.into()
    }

    fn decode(mut bytes: Bytes) -> Option<Self> {
        let height = bytes.try_get_u64().ok()?;
        let present = bytes.try_get_u8().ok()?;
        let key_length = usize::from(bytes.try_get_u8().ok()?);
        if bytes.len() < key_length {
            return None;
        }
        let key = bytes.split_to(key_length);
        Some(Self { height, key, value: (present == 1).then_some(bytes) })
    }
}

/// Why a height cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HeightError {
    /// Not there yet.
    #[error("height {height} is not committed yet, the latest is {latest}")]
    Future {
        /// The height asked for.
        height: u64,
        /// The latest height.
        latest: u64,
    },
    /// Not there any more.
    #[error("height {height} is pruned, the oldest kept is {oldest}")]
    Pruned {
        /// The height asked for.
        height: u64,
        /// The oldest height.
        oldest: u64,
    },
    /// The storage failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The authenticated store.
pub struct Store {
    database: Database,
    forest: Forest,
    options: StoreOptions,
    committed: RwLock<Option<Committed>>,
    values: Cache<StateKey, Option<Record>>,
    recent_roots: Mutex<BTreeMap<u64, ShardRoots>>,
}

impl Store {
    /// Opens the store in a folder, or creates an empty one.
    ///
    /// # Errors
    /// [`Fault`] when the database cannot be opened or is of another format.
    pub fn open(folder: &Path, options: StoreOptions) -> Result<Self, Fault> {
        let database = Database::open(folder)?;
        if let Some(bytes) = database.get(Table::Meta, META_FORMAT)? {
            let found = read_u64(&bytes).ok_or_else(|| damaged("format"))?;
            if found != FORMAT {
                let folder = folder.display();
                return Err(Fault::Database(format!(
                    "`{folder}` has format {found}, this build reads format {FORMAT}"
                )));
            }
        }
        let store = Self {
            forest: Forest::new(database.clone()),
            database,
            options,
            committed: RwLock::new(None),
            values: Cache::new(VALUE_CACHE_ENTRIES),
            recent_roots: Mutex::new(BTreeMap::new()),
        };
        if let Some(mut bytes) = store.database.get(Table::Meta, META_COMMITTED)? {
            let height = bytes.try_get_u64().map_err(|_| damaged("committed"))?;
            let app_hash = bytes.as_ref().try_into().map_err(|_| damaged("committed"))?;
            let roots = store.load_roots(height)?;
            if root_map(&roots).root() != app_hash {
                return Err(damaged("app hash and shard roots differ"));
            }
            *write_lock(&store.committed) = Some(Committed { height, app_hash, roots });
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

    /// Oldest height whose state can be read.
    #[must_use]
    pub fn oldest_height(&self) -> u64 {
        let latest = self.committed().map_or(0, |committed| committed.height);
        latest.saturating_sub(self.options.keep_heights)
    }

    /// Oldest height whose state no commit under way can be removing: what was read as of it, or
    /// of a later one, before this is asked is right.
    #[must_use]
    pub fn oldest_settled_height(&self) -> u64 {
        let latest = self.committed().map_or(0, |committed| committed.height);
        latest.saturating_add(1).saturating_sub(self.options.keep_heights).min(latest)
    }

    /// The latest state, for execution: what is read stays in memory. Only to be used between
    /// commits, or what a commit changes could be remembered as it was before.
    #[must_use]
    pub fn latest(&self) -> LatestReader<'_> {
        LatestReader { store: self, remember: true }
    }

    /// The latest state, at any time.
    #[must_use]
    pub fn peek(&self) -> LatestReader<'_> {
        LatestReader { store: self, remember: false }
    }

    /// The state as of a height.
    ///
    /// # Errors
    /// [`HeightError`], in the order in which it lists them.
    pub fn at(&self, height: u64) -> Result<HeightReader<'_>, HeightError> {
        let latest = self.committed().map_or(0, |committed| committed.height);
        if height > latest {
            return Err(HeightError::Future { height, latest });
        }
        let oldest = self.oldest_height();
        if height < oldest {
            return Err(HeightError::Pruned { height, oldest });
        }
        Ok(HeightReader { store: self, height })
    }

    /// Proves the value of a key, or that it has none, as of a height.
    ///
    /// # Errors
    /// [`HeightError`], in the order in which it lists them.
    pub fn prove(&self, height: u64, key: &StateKey) -> Result<StateProof, HeightError> {
        let reader = self.at(height)?;
        let roots = self.roots(height)?;
        Ok(proof::prove(&self.forest, &roots, &reader, key)?)
    }

    /// The root of everything as of a height.
    ///
    /// # Errors
    /// [`HeightError`], in the order in which it lists them.
    pub fn app_hash(&self, height: u64) -> Result<[u8; 32], HeightError> {
        self.at(height)?;
        Ok(root_map(&self.roots(height)?).root())
    }

    /// Computes the state after a block, on top of the latest committed one. Nothing is stored.
    ///
    /// The first block staged is genesis: it also gets a sentinel in every shard.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn stage(&self, height: u64, changes: &Changes) -> Result<Staged, Fault> {
        let committed = self.committed();
        let mut shards = vec![Vec::new(); SHARD_COUNT];
        let hashed: Vec<_> =
            changes.par_iter().map(|(key, value)| (key.hash(), *key, value.clone())).collect();
        let sentinels = if committed.is_none() { sentinels() } else { Vec::new() };
        for change in hashed.into_iter().chain(sentinels) {
            if let Some(shard) = shards.get_mut(usize::from(shard_of(&change.0))) {
                shard.push(change);
            }
        }
        let roots = committed.as_ref().map(|committed| Arc::clone(&committed.roots));
        let shards = (0..=u8::MAX)
            .into_par_iter()
            .zip(shards)
            .filter(|(_, changes)| !changes.is_empty())
            .map(|(shard, changes)| self.stage_shard(height, shard, roots.as_deref(), changes))
            .collect::<Vec<Result<_, _>>>();
        // Collected in order of shard first, so that the same failure is told every time.
        let shards: Vec<_> = shards.into_iter().collect::<Result<_, _>>()?;
        let empty = ShardRoot { version: 0, changed_height: 0, hash: [0; 32] };
        let mut roots = roots.map_or_else(|| vec![empty; SHARD_COUNT], |roots| roots.to_vec());
        for staged in &shards {
            if let Some(root) = roots.get_mut(usize::from(staged.shard)) {
                *root = staged.update.root;
            }
        }
        let app_hash = root_map(&roots).root();
        Ok(Staged { height, app_hash, roots: Arc::new(roots), shards })
    }

    /// Stores a staged block and, in the same atomic batch, `extra`.
    ///
    /// # Errors
    /// [`Fault`]: the process must stop.
    pub fn commit(&self, staged: Staged, extra: Batch) -> Result<Committed, Fault> {
        let Staged { height, app_hash, roots, mut shards } = staged;
        let mut batch = extra;
        let mut stale = Vec::new();
        for shard in &mut shards {
            batch.append(std::mem::take(&mut shard.batch));
            stale.append(&mut shard.stale);
        }
        batch.put(Table::Stale, height.to_be_bytes().to_vec(), stale);
        let committed = [height.to_be_bytes().as_slice(), &app_hash].concat();
        batch.put(Table::Meta, META_COMMITTED, committed);
        batch.put(Table::Meta, META_FORMAT, FORMAT.to_be_bytes().to_vec());
        if let Some(height) = height.checked_sub(self.options.keep_heights) {
            self.prune(height, &mut batch)?;
        }
        let durable = height.checked_rem(self.options.fsync_every_blocks).unwrap_or(0) == 0;
        self.database.commit(batch, durable)?;

        for shard in shards {
            self.forest.remember(&shard.update);
            for (key, record) in shard.values {
                self.values.insert(key, Some(record));
            }
        }
        let mut recent = self.recent_roots.lock().unwrap_or_else(PoisonError::into_inner);
        recent.insert(height, Arc::clone(&roots));
        while recent.len() > RECENT_ROOTS {
            recent.pop_first();
        }
        let committed = Committed { height, app_hash, roots };
        *write_lock(&self.committed) = Some(committed.clone());
        Ok(committed)
    }

    fn stage_shard(
        &self,
        height: u64,
        shard: u8,
        roots: Option<&Vec<ShardRoot>>,
        changes: Vec<([u8; 32], StateKey, Option<Bytes>)>,
    ) -> Result<StagedShard, Fault> {
        let root = roots.and_then(|roots| roots.get(usize::from(shard))).copied();
        let by_hash: ShardChanges =
            changes.iter().map(|(hash, _, value)| (*hash, value.clone())).collect();
        let update = self.forest.update(height, shard, root, &by_hash)?;
        let (mut batch, mut stale) = (Batch::default(), Vec::new());
        for (key, node) in &update.nodes {
            batch.put(Table::Nodes, key.clone(), encode_node(node)?);
        }
        for key in &update.stale {
            push_stale(&mut stale, StaleKind::Node, key);
        }
        let mut values = Vec::with_capacity(changes.len());
        for (hash, key, value) in changes {
            let old = self.record(&hash, &key, false)?;
            let stale_list = (&mut batch, &mut stale);
            let record = stage_value(height, (&hash, &key), old, value, stale_list);
            values.push((key, record));
        }
        let root_key = |height: u64| [[shard].as_slice(), &height.to_be_bytes()].concat();
        let root_value = [update.root.version.to_be_bytes().as_slice(), &update.root.hash].concat();
        batch.put(Table::Roots, root_key(height), root_value);
        if let Some(superseded) = root {
            push_stale(&mut stale, StaleKind::Root, &root_key(superseded.changed_height));
        }
        Ok(StagedShard { shard, update, values, batch, stale })
    }

    /// Removes what only heights before `height` needed.
    fn prune(&self, height: u64, batch: &mut Batch) -> Result<(), Fault> {
        let list_key = height.to_be_bytes();
        let Some(mut list) = self.database.get(Table::Stale, &list_key)? else { return Ok(()) };
        while list.has_remaining() {
            let (kind, key) = pop_stale(&mut list).ok_or_else(|| damaged("stale list"))?;
            match kind {
                StaleKind::Node => batch.remove(Table::Nodes, key),
                StaleKind::History => batch.remove(Table::History, key),
                StaleKind::Root => batch.remove(Table::Roots, key),
            }
        }
        batch.remove(Table::Stale, list_key.to_vec());
        Ok(())
    }

    fn record(
        &self,
        hash: &[u8; 32],
        key: &StateKey,
        remember: bool,
    ) -> Result<Option<Record>, Fault> {
        if let Some(record) = self.values.get(key) {
            return Ok(record);
        }
        let record = self.stored_record(hash)?;
        if remember {
            self.values.insert(*key, record.clone());
        }
        Ok(record)
    }

    fn stored_record(&self, hash: &[u8; 32]) -> Result<Option<Record>, Fault> {
        self.database.get(Table::Values, hash)?.map(decode_record).transpose()
    }

    /// The record of a key as of a height.
    fn record_at(&self, hash: &[u8; 32], height: u64) -> Result<Option<Record>, Fault> {
        let Some(latest) = self.stored_record(hash)? else { return Ok(None) };
        if latest.height <= height {
            return Ok(Some(latest));
        }
        let next = height.saturating_add(1).to_be_bytes();
        let from = [hash.as_slice(), &next].concat();
        let older = self.database.first_from(Table::History, hash, &from)?;
        let older = older.map(|(_, bytes)| decode_record(bytes)).transpose()?;
        // What was kept may itself be younger than the height: the key did not exist yet.
        Ok(older.filter(|record| record.height <= height))
    }

    fn roots(&self, height: u64) -> Result<ShardRoots, Fault> {
        let recent = self.recent_roots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(roots) = recent.get(&height) {
            return Ok(Arc::clone(roots));
        }
        drop(recent);
        self.load_roots(height)
    }

    fn load_roots(&self, height: u64) -> Result<ShardRoots, Fault> {
        let mut roots = Vec::with_capacity(SHARD_COUNT);
        for shard in 0..=u8::MAX {
            let key = [[shard].as_slice(), &height.to_be_bytes()].concat();
            let (found, mut value) = self
                .database
                .last_until(Table::Roots, &[shard], &key)?
                .ok_or_else(|| damaged("shard root is missing"))?;
            let changed_height = found.get(1..).and_then(read_u64);
            let changed_height = changed_height.ok_or_else(|| damaged("shard root"))?;
            let version = value.try_get_u64().map_err(|_| damaged("shard root"))?;
            let hash = value.as_ref().try_into().map_err(|_| damaged("shard root"))?;
            roots.push(ShardRoot { version, changed_height, hash });
        }
        Ok(Arc::new(roots))
    }
}

/// Writes the new record of a key, and moves the old one to the history.
fn stage_value(
    height: u64,
    (hash, key): (&[u8; 32], &StateKey),
    old: Option<Record>,
    value: Option<Bytes>,
    (batch, stale): (&mut Batch, &mut Vec<u8>),
) -> Record {
    let was_present = old.as_ref().is_some_and(|record| record.value.is_some());
    if let Some(old) = old {
        let history_key = [hash.as_slice(), &height.to_be_bytes()].concat();
        push_stale(stale, StaleKind::History, &history_key);
        batch.put(Table::History, history_key, old.encode());
    }
    let key_bytes = Bytes::copy_from_slice(key.as_bytes());
    if was_present != value.is_some() {
        list_key(batch, &key_bytes, value.is_some());
    }
    let record = Record { height, key: key_bytes, value };
    batch.put(Table::Values, hash.to_vec(), record.encode());
    record
}

/// Enters a key into the lists, or takes it out.
fn list_key(batch: &mut Batch, key: &Bytes, present: bool) {
    let mut entries = vec![(Table::Keys, key.clone())];
    // A holding key is the namespace, 16 bytes of asset and 20 of account.
    if let Some((&[namespace], rest)) = key.split_first_chunk::<1>()
        && namespace == Namespace::Holding.byte()
        && let Some((asset, account)) = rest.split_first_chunk::<16>()
    {
        let by_account = [account, asset.as_slice()].concat();
        entries.push((Table::HoldingsByAccount, by_account.into()));
    }
    for (table, key) in entries {
        if present {
            batch.put(table, key, Bytes::new());
        } else {
            batch.remove(table, key);
        }
    }
}

/// One key in every shard, present from genesis on.
fn sentinels() -> Vec<([u8; 32], StateKey, Option<Bytes>)> {
    let mut found: BTreeMap<u8, _> = BTreeMap::new();
    for nonce in 0..=u32::MAX {
        let key = StateKey::sentinel(nonce);
        let hash = key.hash();
        let value = Some(Sentinel.to_leaf_bytes());
        found.entry(shard_of(&hash)).or_insert((hash, key, value));
        if found.len() == SHARD_COUNT {
            break;
        }
    }
    found.into_values().collect()
}

/// The latest state.
pub struct LatestReader<'a> {
    store: &'a Store,
    remember: bool,
}

impl StateReader for LatestReader<'_> {
    fn read(&self, key: &StateKey) -> Result<Option<Bytes>, Fault> {
        let record = match self.store.values.get(key) {
            Some(record) => record,
            None => self.store.record(&key.hash(), key, self.remember)?,
        };
        Ok(record.and_then(|record| record.value))
    }
}

/// The state as of a height.
pub struct HeightReader<'a> {
    store: &'a Store,
    height: u64,
}

impl HeightReader<'_> {
    /// The height.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.height
    }
}

impl StateReader for HeightReader<'_> {
    fn read(&self, key: &StateKey) -> Result<Option<Bytes>, Fault> {
        let record = self.store.record_at(&key.hash(), self.height)?;
        Ok(record.and_then(|record| record.value))
    }
}

impl ValueSource for HeightReader<'_> {
    fn entry(&self, key_hash: &[u8; 32]) -> Result<Option<(Bytes, Option<Bytes>)>, Fault> {
        let record = self.store.record_at(key_hash, self.height)?;
        Ok(record.map(|record| (record.key, record.value)))
    }
}

fn decode_record(bytes: Bytes) -> Result<Record, Fault> {
    Record::decode(bytes).ok_or_else(|| damaged("value"))
}

fn read_u64(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

fn damaged(what: &str) -> Fault {
    Fault::DamagedTree(what.to_owned())
}

fn read_lock<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write_lock<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
