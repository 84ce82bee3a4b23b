//! The authenticated store: 256 Jellyfish Merkle trees, chosen by the first byte of a key's hash,
//! and the map of their roots that makes the app hash.
//!
//! Trees are independent, so a block updates them in parallel. New nodes gather in memory and are
//! written every [`CHECKPOINT_BLOCKS`] blocks, a share of the trees with each block, or sooner
//! where there are many, so that a node that is soon replaced is never written. After a crash,
//! what the database lacks is computed again from the values that changed since.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Mutex, RwLock, RwLockReadGuard};

use bytes::Bytes;
use rayon::prelude::*;
use tessera_client::verify::simple_map::SimpleMap;
use tessera_proto::leaf::{Leaf as _, Sentinel};
use tessera_proto::state_key::{StateKey, shard_root_name};

use super::batch::Batch;
use super::changes::Changes;
use super::database::{Database, Entry};
use super::error::Fault;
use super::lock::{get_mut, lock, read_lock, write_lock};
use super::nodes::Nodes;
use super::parallel::in_order;
use super::table::Table;
use super::tree::draft::NodeChange;
use super::tree::node::{Child, Node};
use super::tree::path::Path;
use super::tree::update::{Change, TreeUpdate, update};
use super::tree::{Hash, NodeSource};

/// Number of trees.
pub const SHARD_COUNT: usize = 256;

/// Blocks after which every tree is in the database again, at the latest.
pub const CHECKPOINT_BLOCKS: u64 = 128;
/// Nodes of a tree that the database may lack before the tree is written out of turn: they cannot
/// give way to others, and are computed again after a crash.
const UNWRITTEN_NODES: usize = 1_024;

/// The roots of all trees after a block, and the map that makes the app hash of them.
#[derive(Debug)]
pub struct ShardRoots {
    hashes: Vec<Hash>,
    map: SimpleMap,
}

impl ShardRoots {
    /// Roots with these hashes, in order of shard.
    #[must_use]
    pub fn new(hashes: Vec<Hash>) -> Self {
        Self { map: root_map(&hashes), hashes }
    }

    /// Hashes in order of shard.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The map of root names to root hashes, whose root is the app hash.
    #[must_use]
    pub fn map(&self) -> &SimpleMap {
        &self.map
    }
}

/// The map of root names to root hashes, whose root is the app hash.
#[must_use]
pub fn root_map(roots: &[Hash]) -> SimpleMap {
    let entry = |(shard, root): (u8, &Hash)| (shard_root_name(shard).into_bytes(), root.to_vec());
    SimpleMap::new((0..=u8::MAX).zip(roots).map(entry).collect::<BTreeMap<_, _>>())
}

/// Which shards a block changed (a bit each, 32 bytes), then the roots of all.
pub(crate) fn encode_roots(changed: impl Iterator<Item = u8>, roots: &ShardRoots) -> Vec<u8> {
    let mut bytes = vec![0; SHARD_COUNT / 8];
    for shard in changed {
        if let Some(byte) = bytes.get_mut(usize::from(shard / 8)) {
            *byte |= 0x80_u8.checked_shr(u32::from(shard % 8)).unwrap_or_default();
        }
    }
    bytes.extend(roots.hashes.iter().flatten());
    bytes
}

/// Reads what [`encode_roots`] wrote; none when it is damaged.
pub(crate) fn decode_roots(bytes: &[u8]) -> Option<(Vec<u8>, Vec<Hash>)> {
    let (bits, roots) = bytes.split_at_checked(SHARD_COUNT / 8)?;
    let is_changed = |shard: &u8| {
        let bit = 0x80_u8.checked_shr(u32::from(shard % 8)).unwrap_or_default();
        bits.get(usize::from(shard / 8)).is_some_and(|byte| byte & bit != 0)
    };
    let changed = (0..=u8::MAX).filter(is_changed).collect();
    let (roots, rest) = roots.as_chunks::<32>();
    (roots.len() == SHARD_COUNT && rest.is_empty()).then(|| (changed, roots.to_vec()))
}

/// One key in every shard, present from genesis on.
pub(super) fn sentinels() -> Changes {
    let mut found: BTreeMap<u8, _> = BTreeMap::new();
    for nonce in 0..=u32::MAX {
        let key = StateKey::sentinel(nonce);
        found.entry(key.shard()).or_insert((key, Some(Sentinel.to_leaf_bytes())));
        if found.len() == SHARD_COUNT {
            break;
        }
    }
    found.into_values().collect()
}

/// One tree as of the latest block that changed it.
#[derive(Default)]
struct Tree {
    /// Height of that block; none before genesis.
    height: Option<u64>,
    root: Option<Child>,
    /// Whether the database has an older tree.
    is_ahead: bool,
    nodes: Mutex<Nodes>,
}

/// The trees.
pub struct Forest {
    database: Database,
    trees: Vec<RwLock<Tree>>,
}

impl Forest {
    /// The trees as they stand in a database, which may be older than its values.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails or is damaged.
    pub fn open(database: Database) -> Result<Self, Fault> {
        let mut trees = Vec::with_capacity(SHARD_COUNT);
        for shard in 0..=u8::MAX {
            let tree = match database.get(Table::Trees, &[shard])? {
                None => Tree::default(),
                Some(bytes) => decode_tree(&bytes)
                    .ok_or_else(|| Fault::DamagedTree(format!("root of shard {shard:02x}")))?,
            };
            trees.push(RwLock::new(tree));
        }
        Ok(Self { database, trees })
    }

    /// The latest tree of a shard. As long as this is held, the tree does not change.
    ///
    /// # Errors
    /// [`Fault`], which does not happen: there is a tree for every shard.
    pub fn tree(&self, shard: u8) -> Result<TreeView<'_>, Fault> {
        let tree = read_lock(self.lock(shard)?);
        Ok(TreeView { forest: self, shard, tree })
    }

    /// Takes over what a block of `height` makes of a tree.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn apply(&self, height: u64, shard: u8, update: TreeUpdate) -> Result<(), Fault> {
        let mut tree = write_lock(self.lock(shard)?);
        tree.height = Some(height);
        tree.root = update.root;
        tree.is_ahead = true;
        get_mut(&mut tree.nodes).change(update.nodes, |path| self.stored_node(shard, path))
    }

    /// Shards whose trees are to be written with the block of a height: those whose turn it is,
    /// and those of which the database lacks much.
    pub(super) fn due(&self, height: u64) -> Vec<u8> {
        let is_turn =
            |shard: u8| u64::from(shard) % CHECKPOINT_BLOCKS == height % CHECKPOINT_BLOCKS;
        let lacks_much =
            |tree: &RwLock<Tree>| lock(&read_lock(tree).nodes).unwritten_count() > UNWRITTEN_NODES;
        let trees = (0..=u8::MAX).zip(&self.trees);
        let due = trees.filter(|(shard, tree)| is_turn(*shard) || lacks_much(tree));
        due.map(|(shard, _)| shard).collect()
    }

    /// Adds to a batch what the database lacks of some trees. Once it is written,
    /// [`Forest::checkpointed`] must be told.
    ///
    /// # Errors
    /// [`Fault`], which does not happen: there is a tree for every shard.
    pub fn checkpoint(&self, shards: &[u8], batch: &mut Batch) -> Result<(), Fault> {
        let lacking = |shard: &u8| self.lacking(*shard);
        batch.append(in_order(shards.par_iter().map(lacking))?);
        Ok(())
    }

    /// What the database lacks of a tree.
    fn lacking(&self, shard: u8) -> Result<Batch, Fault> {
        let mut batch = Batch::default();
        let tree = read_lock(self.lock(shard)?);
        if !tree.is_ahead {
            return Ok(batch);
        }
        for (path, node) in lock(&tree.nodes).unwritten() {
            let key = database_key(shard, path);
            match node {
                Some(node) => batch.put(Table::Nodes, key, node.encode()),
                None => batch.remove(Table::Nodes, key),
            }
        }
        batch.put(Table::Trees, [shard], encode_tree(&tree));
        Ok(batch)
    }

    /// The database has all nodes of some trees now, so that they may be dropped when memory is
    /// short.
    ///
    /// # Errors
    /// [`Fault`], which does not happen: there is a tree for every shard.
    pub fn checkpointed(&self, shards: &[u8]) -> Result<(), Fault> {
        in_order(shards.par_iter().map(|shard| {
            let mut tree = write_lock(self.lock(*shard)?);
            tree.is_ahead = false;
            get_mut(&mut tree.nodes).set_written();
            Ok(())
        }))
    }

    /// Makes room in memory for so many nodes at once.
    pub(super) fn reserve(&self, nodes: usize) {
        for tree in &self.trees {
            lock(&read_lock(tree).nodes).reserve(nodes, SHARD_COUNT);
        }
    }

    /// Takes entries of [`Table::Nodes`] into memory, as long as none has to give way. Of one
    /// shard, those near the root come first.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails or is damaged.
    pub(super) fn warm_up(
        &self,
        entries: impl Iterator<Item = Result<Entry, Fault>>,
    ) -> Result<(), Fault> {
        for entry in entries {
            let (key, bytes) = entry?;
            let place = key.split_first();
            let place = place.and_then(|(shard, path)| Some((*shard, Path::from_bytes(path)?)));
            let node = place.zip(Node::decode(&bytes));
            let ((shard, path), node) =
                node.ok_or_else(|| Fault::DamagedTree(format!("node {}", hex::encode(key))))?;
            let tree = read_lock(self.lock(shard)?);
            let mut nodes = lock(&tree.nodes);
            if nodes.is_full() {
                break;
            }
            nodes.keep(path, node);
        }
        Ok(())
    }

    fn lock(&self, shard: u8) -> Result<&RwLock<Tree>, Fault> {
        let tree = self.trees.get(usize::from(shard));
        tree.ok_or_else(|| Fault::Invariant(format!("no tree {shard:02x}")))
    }

    fn stored_node(&self, shard: u8, path: &Path) -> Result<Node, Fault> {
        let bytes = self.database.get(Table::Nodes, &database_key(shard, path))?;
        bytes
            .and_then(|bytes| Node::decode(&bytes))
            .ok_or_else(|| Fault::DamagedTree(format!("shard {shard:02x} has no node at {path:?}")))
    }
}

/// The latest tree of a shard, held still.
pub struct TreeView<'a> {
    forest: &'a Forest,
    shard: u8,
    tree: RwLockReadGuard<'a, Tree>,
}

impl TreeView<'_> {
    /// Height of the latest block that changed the tree; none before genesis.
    #[must_use]
    pub fn height(&self) -> Option<u64> {
        self.tree.height
    }

    /// The root; none of an empty tree.
    #[must_use]
    pub fn root(&self) -> Option<Child> {
        self.tree.root
    }

    /// Computes the tree with changes, sorted by key hash. Nothing is stored.
    ///
    /// # Errors
    /// [`Fault`] when nodes cannot be read.
    pub fn update(&self, changes: &[Change]) -> Result<TreeUpdate, Fault> {
        let mut nodes = lock(&self.tree.nodes);
        nodes.fetch(changes);
        let held = HeldNodes { view: self, nodes: &nodes, read: RefCell::default() };
        let update = update(&held, self.tree.root, changes)?;
        for (path, node) in held.read.into_inner() {
            nodes.keep(path, node);
        }
        Ok(update)
    }

    fn stored_node(&self, path: &Path) -> Result<Node, Fault> {
        self.forest.stored_node(self.shard, path)
    }
}

impl NodeSource for TreeView<'_> {
    fn node(&self, path: &Path) -> Result<Cow<'_, Node>, Fault> {
        if let Some(node) = known_node(&lock(&self.tree.nodes), path)? {
            return Ok(Cow::Owned(node.clone()));
        }
        // The tree does not change meanwhile.
        let node = self.stored_node(path)?;
        lock(&self.tree.nodes).keep(*path, node.clone());
        Ok(Cow::Owned(node))
    }
}

/// The nodes of a tree while none comes or goes in memory.
struct HeldNodes<'a> {
    view: &'a TreeView<'a>,
    nodes: &'a Nodes,
    /// Those that memory lacked.
    read: RefCell<Vec<(Path, Node)>>,
}

impl NodeSource for HeldNodes<'_> {
    fn node(&self, path: &Path) -> Result<Cow<'_, Node>, Fault> {
        if let Some(node) = known_node(self.nodes, path)? {
            return Ok(Cow::Borrowed(node));
        }
        let node = self.view.stored_node(path)?;
        self.read.borrow_mut().push((*path, node.clone()));
        Ok(Cow::Owned(node))
    }
}

/// The node at a path, which the tree must have, if it is in memory.
fn known_node<'a>(nodes: &'a Nodes, path: &Path) -> Result<Option<&'a Node>, Fault> {
    match nodes.get(path) {
        Some(None) => Err(Fault::DamagedTree(format!("node at {path:?} is removed"))),
        known => Ok(known.flatten()),
    }
}

/// A tree with changes that are not its own: how it was, or will be.
pub struct ChangedTree<'a> {
    tree: TreeView<'a>,
    root: Option<Child>,
    nodes: BTreeMap<Path, NodeChange>,
}

impl<'a> ChangedTree<'a> {
    /// The tree with changes, sorted by key hash.
    ///
    /// # Errors
    /// [`Fault`] when nodes cannot be read.
    pub fn new(tree: TreeView<'a>, changes: &[Change]) -> Result<Self, Fault> {
        // Nodes are locked one by one: a block must not wait for a proof.
        let TreeUpdate { root, nodes } = update(&tree, tree.root(), changes)?;
        Ok(Self { tree, root, nodes: nodes.into_iter().collect() })
    }

    /// The root; none of an empty tree.
    #[must_use]
    pub fn root(&self) -> Option<Child> {
        self.root
    }
}

impl NodeSource for ChangedTree<'_> {
    fn node(&self, path: &Path) -> Result<Cow<'_, Node>, Fault> {
        let Some(change) = self.nodes.get(path) else { return self.tree.node(path) };
        let node = change.clone().apply(|| self.tree.node(path).map(Cow::into_owned))?;
        node.map(Cow::Owned)
            .ok_or_else(|| Fault::DamagedTree(format!("node at {path:?} is removed")))
    }
}

fn database_key(shard: u8, path: &Path) -> Vec<u8> {
    let mut key = vec![shard];
    key.extend(path.to_bytes());
    key
}

/// Height (8 bytes), then the hash of the root and, where it is a leaf, its key hash.
fn encode_tree(tree: &Tree) -> Bytes {
    let mut bytes = tree.height.unwrap_or_default().to_be_bytes().to_vec();
    for hash in tree.root.iter().flat_map(|root| [Some(root.hash), root.leaf]).flatten() {
        bytes.extend(hash);
    }
    bytes.into()
}

fn decode_tree(bytes: &[u8]) -> Option<Tree> {
    let (height, hashes) = bytes.split_first_chunk::<8>()?;
    let mut hashes = hashes.chunks_exact(32).map(|hash| hash.try_into().ok());
    let root = match hashes.next() {
        None => None,
        Some(hash) => Some(Child { hash: hash?, leaf: hashes.next().flatten() }),
    };
    let height = Some(u64::from_be_bytes(*height));
    Some(Tree { height, root, ..Tree::default() })
}
