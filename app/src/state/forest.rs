//! The authenticated store: 256 Jellyfish Merkle trees, chosen by the first byte of a key's hash,
//! and the map of their roots that makes the app hash.
//!
//! Trees are independent, so a block updates them in parallel. Each counts its own versions, one
//! per block that changes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jmt::storage::{HasPreimage, LeafNode, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, Sha256Jmt, Version};
use quick_cache::sync::Cache;
use tessera_client::verify::simple_map::SimpleMap;
use tessera_proto::state_key::shard_root_name;

use super::database::{Database, Table};
use super::error::Fault;

/// Number of trees.
pub const SHARD_COUNT: usize = 256;

/// Nodes kept in memory; those near the roots are read by every block.
const NODE_CACHE_ENTRIES: usize = 100_000;

/// Root of one tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardRoot {
    /// Version of the tree, counted from 0 at genesis.
    pub version: Version,
    /// Height of the block that made this version.
    pub changed_height: u64,
    /// Hash of the root node.
    pub hash: [u8; 32],
}

/// Roots of all trees, in order of shard.
pub type ShardRoots = Arc<Vec<ShardRoot>>;

/// The map of root names to root hashes, whose root is the app hash.
#[must_use]
pub fn root_map(roots: &[ShardRoot]) -> SimpleMap {
    let entry =
        |(shard, root): (u8, &ShardRoot)| (shard_root_name(shard).into_bytes(), root.hash.to_vec());
    SimpleMap::new((0..=u8::MAX).zip(roots).map(entry).collect::<BTreeMap<_, _>>())
}

/// New state of one tree after a block.
#[derive(Debug)]
pub struct ShardUpdate {
    /// The new root.
    pub root: ShardRoot,
    /// New nodes by database key.
    pub nodes: Vec<(Bytes, Arc<Node>)>,
    /// Database keys of the nodes that the new tree no longer needs.
    pub stale: Vec<Bytes>,
}

/// New value of each changed key of one tree by key hash; none where the key is removed.
pub type ShardChanges = BTreeMap<[u8; 32], Option<Bytes>>;

/// The trees' nodes.
pub struct Forest {
    database: Database,
    cache: Cache<Bytes, Arc<Node>>,
}

impl Forest {
    /// The trees whose nodes are in this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database, cache: Cache::new(NODE_CACHE_ENTRIES) }
    }

    /// Computes what the block of `height` makes of one tree. Nothing is stored.
    ///
    /// # Errors
    /// [`Fault`] when nodes cannot be read.
    pub fn update(
        &self,
        height: u64,
        shard: u8,
        root: Option<ShardRoot>,
        changes: &ShardChanges,
    ) -> Result<ShardUpdate, Fault> {
        let version = match root {
            None => 0,
            Some(root) => root.version.checked_add(1).ok_or_else(version_overflow)?,
        };
        let reader = ShardReader { forest: self, shard, values: None };
        let tree = Sha256Jmt::new(&reader);
        let owned = |value: &Bytes| value.to_vec();
        // Batches are faster, but cannot remove.
        let (hash, update) = if changes.values().all(Option::is_some) {
            let values = changes
                .iter()
                .filter_map(|(hash, value)| Some((KeyHash(*hash), owned(value.as_ref()?))))
                .collect();
            let (roots, update) = tree
                .batch_put_value_sets(vec![values], None, version)
                .map_err(|error| tree_fault(&error))?;
            let root = roots.first().copied();
            (root.ok_or_else(|| Fault::DamagedTree("no root for a batch".into()))?, update)
        } else {
            let values =
                changes.iter().map(|(hash, value)| (KeyHash(*hash), value.as_ref().map(owned)));
            tree.put_value_set(values, version).map_err(|error| tree_fault(&error))?
        };
        Ok(ShardUpdate {
            root: ShardRoot { version, changed_height: height, hash: hash.0 },
            nodes: update
                .node_batch
                .nodes()
                .iter()
                .map(|(key, node)| (database_key(shard, key), Arc::new(node.clone())))
                .collect(),
            stale: update
                .stale_node_index_batch
                .iter()
                .map(|index| database_key(shard, &index.node_key))
                .collect(),
        })
    }

    /// Keeps new nodes in memory, once they are committed.
    pub fn remember(&self, update: &ShardUpdate) {
        for key in &update.stale {
            self.cache.remove(key);
        }
        for (key, node) in &update.nodes {
            self.cache.insert(key.clone(), Arc::clone(node));
        }
    }

    fn node(&self, key: Bytes) -> anyhow::Result<Option<Arc<Node>>> {
        if let Some(node) = self.cache.get(&key) {
            return Ok(Some(node));
        }
        let Some(bytes) = self.database.get(Table::Nodes, &key)? else { return Ok(None) };
        let node = Arc::new(decode_node(&bytes)?);
        self.cache.insert(key, Arc::clone(&node));
        Ok(Some(node))
    }
}

/// The bytes of a node as they stand in the database.
///
/// # Errors
/// [`Fault::DamagedTree`], which does not happen.
pub fn encode_node(node: &Node) -> Result<Bytes, Fault> {
    borsh::to_vec(node)
        .map(Bytes::from)
        .map_err(|error| Fault::DamagedTree(format!("node cannot be encoded: {error}")))
}

fn decode_node(bytes: &[u8]) -> anyhow::Result<Node> {
    Ok(borsh::from_slice(bytes)?)
}

fn database_key(shard: u8, key: &NodeKey) -> Bytes {
    let path = key.nibble_path();
    let mut bytes = Vec::with_capacity(path.num_nibbles().saturating_add(9));
    bytes.push(shard);
    bytes.extend_from_slice(&key.version().to_be_bytes());
    bytes.extend(path.nibbles().map(u8::from));
    bytes.into()
}

fn version_overflow() -> Fault {
    Fault::DamagedTree("tree version overflows".into())
}

fn tree_fault(error: &anyhow::Error) -> Fault {
    Fault::DamagedTree(format!("{error:#}"))
}

/// Values and keys as of one height, by key hash, for proofs.
pub trait ValueSource: Sync {
    /// The key and value whose key has this hash; no value when it is absent.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    fn entry(&self, key_hash: &[u8; 32]) -> Result<Option<(Bytes, Option<Bytes>)>, Fault>;
}

/// One tree as the `jmt` crate wants to read it.
pub struct ShardReader<'a> {
    forest: &'a Forest,
    shard: u8,
    values: Option<&'a dyn ValueSource>,
}

impl<'a> ShardReader<'a> {
    /// The tree of a shard with the values of one height.
    #[must_use]
    pub fn with_values(forest: &'a Forest, shard: u8, values: &'a dyn ValueSource) -> Self {
        Self { forest, shard, values: Some(values) }
    }

    fn entry(&self, key_hash: KeyHash) -> anyhow::Result<Option<(Bytes, Option<Bytes>)>> {
        match self.values {
            Some(values) => Ok(values.entry(&key_hash.0)?),
            None => Ok(None),
        }
    }
}

impl TreeReader for ShardReader<'_> {
    fn get_node_option(&self, node_key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let node = self.forest.node(database_key(self.shard, node_key))?;
        Ok(node.map(|node| Node::clone(&node)))
    }

    fn get_value_option(
        &self,
        _max_version: Version,
        key_hash: KeyHash,
    ) -> anyhow::Result<Option<OwnedValue>> {
        Ok(self.entry(key_hash)?.and_then(|(_, value)| value).map(|value| value.to_vec()))
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        // Only restoring from a snapshot asks for it.
        Ok(None)
    }
}

impl HasPreimage for ShardReader<'_> {
    fn preimage(&self, key_hash: KeyHash) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self.entry(key_hash)?.map(|(key, _)| key.to_vec()))
    }
}
