//! A tree with changes.

use super::draft::{Draft, NodeChange};
use super::node::Child;
use super::path::{KEY_NIBBLES, Path, nibble};
use super::{Hash, NodeSource};
use crate::state::error::Fault;

/// A changed key: its hash, and the hash of its new leaf; none where the key is removed.
pub type Change = (Hash, Option<Hash>);

/// What changes make of a tree.
#[derive(Debug, Default)]
pub struct TreeUpdate {
    /// The new root; none of an empty tree.
    pub root: Option<Child>,
    /// What becomes of inner nodes, by path.
    pub nodes: Vec<(Path, NodeChange)>,
}

/// Computes a tree with changes, which must be sorted by key hash and name each key once.
///
/// The result depends on the keys and values of the tree alone, not on how it came to be.
///
/// # Errors
/// [`Fault`] when nodes cannot be read.
pub fn update(
    source: &dyn NodeSource,
    root: Option<Child>,
    changes: &[Change],
) -> Result<TreeUpdate, Fault> {
    let mut updater = Updater { source, nodes: Vec::new() };
    let root = updater.subtree(Path::ROOT, root, changes)?;
    Ok(TreeUpdate { root, nodes: updater.nodes })
}

struct Updater<'a> {
    source: &'a dyn NodeSource,
    nodes: Vec<(Path, NodeChange)>,
}

impl<'a> Updater<'a> {
    /// The subtree at a path with changes of keys below it.
    fn subtree(
        &mut self,
        path: Path,
        current: Option<Child>,
        changes: &[Change],
    ) -> Result<Option<Child>, Fault> {
        if changes.is_empty() {
            return Ok(current);
        }
        let leaf = match current {
            Some(Child { leaf: None, .. }) => {
                let draft = Draft::of(self.source.node(&path)?);
                return self.inner(path, Some(draft), changes);
            }
            Some(Child { hash, leaf: Some(key) }) => Some((key, hash)),
            None => None,
        };
        // By far the most frequent change, a leaf that gets another value, needs no list.
        if let (Some((old, _)), [(key, Some(hash))]) = (leaf, changes)
            && old == *key
        {
            return Ok(Some(Child { hash: *hash, leaf: Some(*key) }));
        }
        let leaves = leaves(leaf, changes);
        match leaves.as_slice() {
            [] => Ok(None),
            [(key, Some(hash))] => Ok(Some(Child { hash: *hash, leaf: Some(*key) })),
            several => self.inner(path, None, several),
        }
    }

    /// The inner node at a path with changes of keys below it; a leaf or nothing where no more
    /// is left.
    fn inner(
        &mut self,
        path: Path,
        old: Option<Draft<'a>>,
        mut changes: &[Change],
    ) -> Result<Option<Child>, Fault> {
        if path.length() >= KEY_NIBBLES {
            return Err(Fault::DamagedTree("two keys have the same hash".into()));
        }
        let is_new = old.is_none();
        let mut draft = old.unwrap_or_default();
        while let Some((first, _)) = changes.first() {
            let branch = nibble(first, path.length());
            let is_below = |change: &Change| nibble(&change.0, path.length()) == branch;
            let (below, rest) = changes.split_at(changes.partition_point(is_below));
            changes = rest;
            let child = self.subtree(path.child(branch), draft.child(branch), below)?;
            draft.set(branch, child);
        }
        if let Some(instead) = draft.collapsed() {
            if !is_new {
                self.nodes.push((path, NodeChange::Removed));
            }
            return Ok(instead);
        }
        let node = draft.finish();
        let child = node.hash().map(|hash| Child { hash, leaf: None });
        self.nodes.push((path, node));
        Ok(child)
    }
}

/// The leaves that changes leave of a leaf and what they add, in order.
fn leaves(old: Option<(Hash, Hash)>, changes: &[Change]) -> Vec<Change> {
    let mut leaves: Vec<Change> =
        changes.iter().filter(|(_, leaf)| leaf.is_some()).copied().collect();
    if let Some((key, hash)) = old
        && let Err(_) = changes.binary_search_by_key(&key, |(key, _)| *key)
    {
        let position = leaves.partition_point(|(other, _)| *other < key);
        leaves.insert(position, (key, Some(hash)));
    }
    leaves
}
