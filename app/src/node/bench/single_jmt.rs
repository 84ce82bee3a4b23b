//! A baseline for our trees: one tree of the `jmt` crate in memory, fed with the same changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader, TreeUpdateBatch};
use jmt::{KeyHash, OwnedValue, Sha256Jmt, Version};

use crate::state::changes::Changes;

/// A tree, its nodes in memory.
#[derive(Clone, Default)]
pub(super) struct SingleJmt {
    nodes: Nodes,
    next_version: Version,
}

impl SingleJmt {
    /// Changes the tree in one step. Told is the time of `put_value_set` alone: not that of
    /// hashing keys before, nor that of storing nodes after.
    pub(super) fn put(&mut self, changes: &Changes) -> Result<Duration> {
        let owned = |value: &Option<bytes::Bytes>| value.as_ref().map(|value| value.to_vec());
        let changes: Vec<(KeyHash, Option<OwnedValue>)> = changes
            .as_slice()
            .iter()
            .map(|(key, value)| (KeyHash(key.hash()), owned(value)))
            .collect();
        let started = Instant::now();
        let (_, update) = Sha256Jmt::new(&self.nodes).put_value_set(changes, self.next_version)?;
        let time = started.elapsed();
        self.nodes.apply(update);
        self.next_version += 1;
        Ok(time)
    }

    /// Time of several steps one after the other, without the first `warm_up` of them.
    pub(super) fn run(mut self, blocks: &[Arc<Changes>], warm_up: usize) -> Result<Duration> {
        let times: Vec<Duration> =
            blocks.iter().map(|changes| self.put(changes)).collect::<Result<_>>()?;
        Ok(times.into_iter().skip(warm_up).sum())
    }
}

/// The nodes of the latest tree.
#[derive(Clone, Default)]
struct Nodes(HashMap<NodeKey, Node>);

impl Nodes {
    fn apply(&mut self, update: TreeUpdateBatch) {
        for stale in update.stale_node_index_batch {
            self.0.remove(&stale.node_key);
        }
        let new = update.node_batch.nodes().iter();
        self.0.extend(new.map(|(key, node)| (key.clone(), node.clone())));
    }
}

impl TreeReader for Nodes {
    fn get_node_option(&self, key: &NodeKey) -> Result<Option<Node>> {
        Ok(self.0.get(key).cloned())
    }

    fn get_value_option(&self, _: Version, _: KeyHash) -> Result<Option<OwnedValue>> {
        bail!("this tree keeps no values")
    }

    fn get_rightmost_leaf(&self) -> Result<Option<(NodeKey, LeafNode)>> {
        bail!("this tree is not restored from another")
    }
}

#[cfg(test)]
mod tests {
    use tessera_proto::state_key::StateKey;

    use super::*;

    #[test]
    fn the_latest_tree_has_the_nodes_of_all_steps_and_no_others() {
        let step = |numbers: std::ops::Range<u32>, value: Option<&'static [u8]>| -> Changes {
            let value = value.map(bytes::Bytes::from_static);
            numbers.map(|number| (StateKey::sentinel(number), value.clone())).collect()
        };
        let mut in_steps = SingleJmt::default();
        in_steps.put(&step(0..40, Some(b"first"))).unwrap();
        in_steps.put(&step(20..50, Some(b"second"))).unwrap();
        in_steps.put(&step(30..50, None)).unwrap();
        let mut at_once = SingleJmt::default();
        at_once.put(&step(0..20, Some(b"first"))).unwrap();
        at_once.put(&step(20..30, Some(b"second"))).unwrap();
        let root = |tree: &SingleJmt| {
            let latest = tree.next_version - 1;
            Sha256Jmt::new(&tree.nodes).get_root_hash(latest).unwrap()
        };
        assert_eq!(root(&in_steps).0, root(&at_once).0);
        assert_eq!(in_steps.nodes.0.len(), at_once.nodes.0.len());
    }
}
