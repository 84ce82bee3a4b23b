//! Nodes while their children change.

use std::borrow::Cow;

use super::Hash;
use super::node::{
    Child, Children, NewChildren, NewHashes, Node, PLACEHOLDER, Range, Ranges, is_dense, lowest,
    nibble_bit, nibbles,
};

/// A node while its children change.
#[derive(Debug)]
pub enum Draft<'a> {
    /// Only hashes of children have changed.
    Same {
        /// The node before.
        node: Cow<'a, Node>,
        /// The others.
        new: NewChildren,
    },
    /// There may be other children.
    Other(Box<Scattered>),
}

impl Default for Draft<'_> {
    fn default() -> Self {
        Self::Other(Box::default())
    }
}

impl<'a> Draft<'a> {
    /// The children of a node.
    #[must_use]
    pub fn of(node: Cow<'a, Node>) -> Self {
        Self::Same { node, new: NewChildren::default() }
    }

    /// The child at a nibble.
    #[must_use]
    pub fn child(&self, nibble: u8) -> Option<Child> {
        match self {
            Self::Same { node, new } => {
                let child = node.child(nibble)?;
                Some(Child { hash: new.get(nibble).copied().unwrap_or(child.hash), ..child })
            }
            Self::Other(children) => children.child(nibble),
        }
    }

    /// Sets the child at a nibble, or removes it.
    pub fn set(&mut self, nibble: u8, child: Option<Child>) {
        match self {
            Self::Other(children) => children.set(nibble, child),
            Self::Same { node, new } => match (node.child(nibble), child) {
                (None, None) => {}
                (Some(old), Some(Child { hash, leaf })) if old.leaf == leaf => {
                    new.set(nibble, hash);
                }
                _ => {
                    let mut children = Scattered::of(node, new);
                    children.set(nibble, child);
                    *self = Self::Other(Box::new(children));
                }
            },
        }
    }

    /// What stands in place of a node where there would be but one leaf, or nothing.
    #[must_use]
    pub fn collapsed(&self) -> Option<Option<Child>> {
        match self {
            Self::Same { .. } => None,
            Self::Other(children) => children.collapsed(),
        }
    }

    /// What becomes of the node.
    #[must_use]
    pub fn finish(self) -> NodeChange {
        match self {
            Self::Same { node, new } => NodeChange::Hashes(node.with_children(&new)),
            Self::Other(children) => NodeChange::Node(children.pack()),
        }
    }
}

/// What becomes of the node at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeChange {
    /// It keeps its children and has these hashes: most changes are so, and take far less memory
    /// than a node.
    Hashes(NewHashes),
    /// There is this one.
    Node(Node),
    /// There is none.
    Removed,
}

impl NodeChange {
    /// Hash of the node; none where there is none.
    pub(super) fn hash(&self) -> Option<Hash> {
        match self {
            Self::Hashes(hashes) => Some(hashes.own()),
            Self::Node(node) => Some(node.hash()),
            Self::Removed => None,
        }
    }

    /// The node after the change; none where there is none.
    ///
    /// # Errors
    /// Those of `before`, which is asked where the node before is wanted.
    pub(crate) fn apply<E>(
        self,
        before: impl FnOnce() -> Result<Node, E>,
    ) -> Result<Option<Node>, E> {
        match self {
            Self::Hashes(hashes) => {
                let mut node = before()?;
                node.set_hashes(&hashes);
                Ok(Some(node))
            }
            Self::Node(node) => Ok(Some(node)),
            Self::Removed => Ok(None),
        }
    }
}

/// The children of a node while they come and go.
#[derive(Debug)]
pub struct Scattered {
    present: u16,
    leaves: u16,
    hashes: [Hash; 16],
    keys: [Hash; 16],
    /// Hashes of ranges as they were, where they were kept.
    ranges: Option<Ranges>,
    /// A bit for each nibble that has been set since.
    changed: u16,
}

impl Default for Scattered {
    fn default() -> Self {
        Self {
            present: 0,
            leaves: 0,
            hashes: [PLACEHOLDER; 16],
            keys: [PLACEHOLDER; 16],
            ranges: None,
            changed: 0,
        }
    }
}

impl Children for Scattered {
    fn present(&self) -> u16 {
        self.present
    }

    fn leaves(&self) -> u16 {
        self.leaves
    }

    fn hash_at(&self, nibble: u8) -> Option<&Hash> {
        let hash = self.hashes.get(usize::from(nibble));
        hash.filter(|_| self.present & nibble_bit(nibble) != 0)
    }
}

impl Scattered {
    /// The children of a node, of which some have other hashes.
    fn of(node: &Node, new: &NewChildren) -> Self {
        let (present, leaves) = (node.present(), node.leaves());
        let ranges = node.ranges().copied();
        let mut children =
            Self { present, leaves, ranges, changed: new.nibbles(), ..Self::default() };
        scatter(&mut children.hashes, present, node.of_children());
        scatter(&mut children.keys, leaves, node.keys());
        scatter(&mut children.hashes, new.nibbles(), new.hashes());
        children
    }

    fn child(&self, nibble: u8) -> Option<Child> {
        let key = self.keys.get(usize::from(nibble));
        let leaf = key.filter(|_| self.leaves & nibble_bit(nibble) != 0).copied();
        Some(Child { hash: *self.hash_at(nibble)?, leaf })
    }

    /// Sets the child at a nibble, or removes it.
    pub(super) fn set(&mut self, nibble: u8, child: Option<Child>) {
        let bit = nibble_bit(nibble);
        (self.present, self.leaves) = (self.present & !bit, self.leaves & !bit);
        self.changed |= bit;
        let Some(Child { hash, leaf }) = child else { return };
        let place = usize::from(nibble);
        if let Some(entry) = self.hashes.get_mut(place) {
            *entry = hash;
            self.present |= bit;
        }
        if let (Some(key), Some(entry)) = (leaf, self.keys.get_mut(place)) {
            *entry = key;
            self.leaves |= bit;
        }
    }

    fn collapsed(&self) -> Option<Option<Child>> {
        match self.present {
            0 => Some(None),
            one if one.is_power_of_two() && self.leaves == one => Some(self.child(lowest(one))),
            _ => None,
        }
    }

    /// The node with these children.
    pub(super) fn pack(&self) -> Node {
        let children = nibbles(self.present).filter_map(|nibble| self.hash_at(nibble));
        let keys = nibbles(self.leaves).filter_map(|nibble| self.keys.get(usize::from(nibble)));
        let of_children = children.chain(keys).copied();
        let hashes = if is_dense(self.present) {
            let known = self.ranges.map(|ranges| (ranges, self.changed));
            let (mut ranges, changed) = known.unwrap_or(([PLACEHOLDER; _], u16::MAX));
            self.refresh(&mut ranges, changed, Range::ALL);
            ranges.into_iter().chain(of_children).collect()
        } else {
            [self.hash_range(Range::ALL)].into_iter().chain(of_children).collect()
        };
        Node::new(self.present, self.leaves, hashes)
    }
}

/// Puts hashes in order where their nibbles say.
fn scatter(to: &mut [Hash; 16], bits: u16, hashes: &[Hash]) {
    for (nibble, hash) in nibbles(bits).zip(hashes) {
        if let Some(entry) = to.get_mut(usize::from(nibble)) {
            *entry = *hash;
        }
    }
}
