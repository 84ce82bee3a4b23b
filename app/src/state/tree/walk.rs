//! The way to a key, and its neighbours: what proofs are made of.

use super::node::{Child, Children as _, Node, Range};
use super::path::{Path, nibble};
use super::{Hash, NodeSource};
use crate::state::error::Fault;

/// A subtree beside the way from a leaf to the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sibling {
    /// Its hash.
    pub hash: Hash,
    /// Whether it lies to the left of the way.
    pub is_left: bool,
}

/// The subtrees beside the way from the leaf of a key up to the root; none when the tree does
/// not have the key.
///
/// # Errors
/// [`Fault`] when nodes cannot be read.
pub fn siblings(
    source: &dyn NodeSource,
    root: Option<Child>,
    key: &Hash,
) -> Result<Option<Vec<Sibling>>, Fault> {
    let mut siblings = Vec::new();
    let (mut path, mut current) = (Path::ROOT, root);
    while let Some(Child { leaf: None, .. }) = current {
        let node = source.node(&path)?;
        let branch = nibble(key, path.length());
        current = step(&node, branch, &mut siblings);
        path = path.child(branch);
    }
    siblings.reverse();
    Ok(current.filter(|child| child.leaf == Some(*key)).map(|_| siblings))
}

/// Goes from a node towards a branch, noting what lies beside; none where nothing is.
fn step(node: &Node, branch: u8, siblings: &mut Vec<Sibling>) -> Option<Child> {
    let mut range = Range::ALL;
    loop {
        if let Some(only) = node.only(range) {
            return node.child(only);
        }
        if node.is_empty(range) {
            return None;
        }
        let (lower, upper) = range.halves();
        let is_left = range.is_right(branch);
        let (ahead, beside) = if is_left { (upper, lower) } else { (lower, upper) };
        siblings.push(Sibling { hash: node.range_hash(beside), is_left });
        range = ahead;
    }
}

/// The keys next to one that the tree does not have: the last before it and the first after it.
///
/// # Errors
/// [`Fault`] when nodes cannot be read.
pub fn neighbours(
    source: &dyn NodeSource,
    root: Option<Child>,
    key: &Hash,
) -> Result<(Option<Hash>, Option<Hash>), Fault> {
    let (mut before, mut after) = (None, None);
    let (mut path, mut current) = (Path::ROOT, root);
    while let Some(child) = current {
        if let Some(leaf) = child.leaf {
            let side = if leaf < *key { &mut before } else { &mut after };
            *side = Some((path, child));
            break;
        }
        let node = source.node(&path)?;
        let branch = nibble(key, path.length());
        current = None;
        for (other, child) in node.children() {
            let there = Some((path.child(other), child));
            match other.cmp(&branch) {
                std::cmp::Ordering::Less => before = there,
                std::cmp::Ordering::Equal => current = Some(child),
                std::cmp::Ordering::Greater => {
                    after = there;
                    break;
                }
            }
        }
        path = path.child(branch);
    }
    Ok((
        edge(source, before, |node| node.children().next_back())?,
        edge(source, after, |node| node.children().next())?,
    ))
}

/// Takes the first or the last child.
type Pick = fn(&Node) -> Option<(u8, Child)>;

/// The key at one edge of a subtree.
fn edge(
    source: &dyn NodeSource,
    subtree: Option<(Path, Child)>,
    pick: Pick,
) -> Result<Option<Hash>, Fault> {
    let Some((mut path, mut child)) = subtree else { return Ok(None) };
    loop {
        if child.leaf.is_some() {
            return Ok(child.leaf);
        }
        let node = source.node(&path)?;
        let (branch, next) = pick(&node)
            .ok_or_else(|| Fault::DamagedTree("an inner node has no children".into()))?;
        (path, child) = (path.child(branch), next);
    }
}
