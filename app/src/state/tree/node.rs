//! Nodes of a tree and their hashes, which are those of the `jmt` crate.
//!
//! An inner node has up to sixteen children. It is hashed as the binary tree of height four over
//! them, in which a subtree that holds a single leaf is that leaf.

use bytes::{Buf, Bytes};
use tessera_proto::hash::{sha256, sha256_of};

use super::Hash;

/// Hash of a subtree that holds nothing.
pub const PLACEHOLDER: Hash = *b"SPARSE_MERKLE_PLACEHOLDER_HASH__";
/// What the hash of a leaf begins with.
pub const LEAF_PREFIX: &[u8] = b"JMT::LeafNode";
/// What the hash of two subtrees begins with.
pub const INNER_PREFIX: &[u8] = b"JMT::IntrnalNode";

/// A node as its parent knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Child {
    /// Hash of the node.
    pub hash: Hash,
    /// Key hash of a leaf; none of an inner node.
    pub leaf: Option<Hash>,
}

/// An inner node: its children by nibble, in order.
///
/// # Invariants
/// It has two leaves or more below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    children: Box<Children>,
    hash: Hash,
    /// Hashes of its binary tree, kept where it has many children: few of them change at once.
    ranges: Option<Box<Ranges>>,
}

impl Node {
    /// A node with these children, in order of nibble.
    #[must_use]
    pub fn new(children: Vec<(u8, Child)>) -> Self {
        Self::changed(None, children, u16::MAX)
    }

    /// A node whose children differ from those of another only in the nibbles of these bits.
    #[must_use]
    pub fn changed(old: Option<&Self>, children: Vec<(u8, Child)>, nibbles: u16) -> Self {
        let children: Box<Children> = children.into();
        if children.len() < DENSE {
            let hash = hash_range(&children, Range::ALL);
            return Self { children, hash, ranges: None };
        }
        let (mut ranges, nibbles) = match old.and_then(|old| old.ranges.clone()) {
            Some(ranges) => (ranges, nibbles),
            None => (Box::new([PLACEHOLDER; RANGE_COUNT]), u16::MAX),
        };
        let hash = refresh(&mut ranges, nibbles, &children, Range::ALL);
        Self { children, hash, ranges: Some(ranges) }
    }

    /// The children by nibble, in order.
    #[must_use]
    pub fn children(&self) -> &Children {
        &self.children
    }

    /// Hash of the node.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Computes [`Node::hash`] from the children alone.
    #[must_use]
    pub fn rehash(&self) -> Hash {
        hash_range(&self.children, Range::ALL)
    }

    /// Hash of its children in a range, which are those given.
    pub(super) fn range_hash(&self, children: &Children, range: Range) -> Hash {
        let known = self.ranges.as_ref().filter(|_| range.bit != 0);
        let known = known.and_then(|ranges| ranges.get(range.place()));
        known.copied().unwrap_or_else(|| hash_range(children, range))
    }

    /// Bytes that it takes in memory beside its own.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let ranges = self.ranges.as_ref().map_or(0, |_| size_of::<Ranges>());
        size_of_val(self.children()).saturating_add(ranges)
    }

    /// The node as it stands in the database: which nibbles have a child (2 bytes), which of
    /// these are leaves (2), then for each the hash and, of a leaf, the key hash.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let (mut present, mut leaves) = (0_u16, 0_u16);
        let mut hashes = Vec::with_capacity(self.children.len().saturating_mul(64));
        for (nibble, child) in &self.children {
            present |= nibble_bit(*nibble);
            hashes.extend_from_slice(&child.hash);
            if let Some(key) = &child.leaf {
                leaves |= nibble_bit(*nibble);
                hashes.extend_from_slice(key);
            }
        }
        [present.to_be_bytes().as_slice(), &leaves.to_be_bytes(), &hashes].concat().into()
    }

    /// Reads what [`Node::encode`] wrote; none when it is damaged.
    #[must_use]
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let present = bytes.try_get_u16().ok()?;
        let leaves = bytes.try_get_u16().ok()?;
        let mut children = Vec::with_capacity(16);
        for nibble in 0..16_u8 {
            let bit = nibble_bit(nibble);
            if present & bit != 0 {
                let hash = take_hash(&mut bytes)?;
                let leaf = if leaves & bit != 0 { Some(take_hash(&mut bytes)?) } else { None };
                children.push((nibble, Child { hash, leaf }));
            }
        }
        bytes.is_empty().then(|| Self::new(children))
    }
}

fn take_hash(bytes: &mut &[u8]) -> Option<Hash> {
    let (hash, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*hash)
}

/// The bit of a nibble.
pub(super) fn nibble_bit(nibble: u8) -> u16 {
    1_u16.checked_shl(u32::from(nibble)).unwrap_or_default()
}

/// Some of the children of a node by nibble, in order.
pub(super) type Children = [(u8, Child)];

/// Children from which on a node keeps the hashes of its binary tree.
const DENSE: usize = 6;
/// Ranges of two nibbles and more.
const RANGE_COUNT: usize = 15;
/// Hashes of the ranges, the whole first, then its halves, and so on.
type Ranges = [Hash; RANGE_COUNT];

/// The nibbles below a point of the binary tree of a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    first: u8,
    /// The bit that divides it in two; 0 of a single nibble.
    bit: u8,
}

impl Range {
    /// All nibbles.
    pub(super) const ALL: Self = Self { first: 0, bit: 8 };

    /// The half with the bit unset, and that with it.
    pub(super) fn halves(self) -> (Self, Self) {
        let bit = self.bit >> 1;
        (Self { first: self.first, bit }, Self { first: self.first | self.bit, bit })
    }

    /// Whether a nibble of the range lies in the half with the bit set.
    pub(super) fn is_right(self, nibble: u8) -> bool {
        nibble & self.bit != 0
    }

    /// Children of the range that lie left and right.
    pub(super) fn split(self, children: &Children) -> (&Children, &Children) {
        children.split_at(children.partition_point(|(nibble, _)| !self.is_right(*nibble)))
    }

    /// The node that the range consists of, where it is a single one.
    pub(super) fn only_child(self, children: &Children) -> Option<&Child> {
        match children {
            [(_, only)] if self.bit == 0 || only.leaf.is_some() => Some(only),
            _ => None,
        }
    }

    /// A bit for each of its nibbles.
    fn nibbles(self) -> u16 {
        let size = u32::from(self.bit).saturating_mul(2).max(1);
        let lowest = u16::MAX.checked_shr(16_u32.saturating_sub(size)).unwrap_or_default();
        lowest.checked_shl(u32::from(self.first)).unwrap_or_default()
    }

    /// Its place among the ranges.
    fn place(self) -> usize {
        let level = 8_u8.checked_div(self.bit).unwrap_or(16);
        let within = self.first.checked_div(self.bit.saturating_mul(2)).unwrap_or_default();
        usize::from(level.saturating_sub(1).saturating_add(within))
    }
}

/// Hash of the children of a range.
fn hash_range(children: &Children, range: Range) -> Hash {
    if let Some(only) = range.only_child(children) {
        return only.hash;
    }
    if children.is_empty() || range.bit == 0 {
        return PLACEHOLDER;
    }
    let (left, right) = range.split(children);
    let (lower, upper) = range.halves();
    inner_hash(&hash_range(left, lower), &hash_range(right, upper))
}

/// Hash of the children of a range, and in `known` those of all ranges in it, which are right
/// already but for those of the nibbles in `changed`.
fn refresh(known: &mut Ranges, changed: u16, children: &Children, range: Range) -> Hash {
    let place = range.place();
    if range.bit == 0 {
        return children.first().map_or(PLACEHOLDER, |(_, child)| child.hash);
    }
    if let Some(hash) = known.get(place).filter(|_| changed & range.nibbles() == 0) {
        return *hash;
    }
    let (left, right) = range.split(children);
    let (lower, upper) = range.halves();
    // Also where they are not hashed: a later change relies on all that it does not touch.
    let (left, right) =
        (refresh(known, changed, left, lower), refresh(known, changed, right, upper));
    let hash = match range.only_child(children) {
        Some(only) => only.hash,
        None if children.is_empty() => PLACEHOLDER,
        None => inner_hash(&left, &right),
    };
    if let Some(known) = known.get_mut(place) {
        *known = hash;
    }
    hash
}

/// Hash of two subtrees.
fn inner_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [0; 80];
    let (prefix, children) = bytes.split_at_mut(INNER_PREFIX.len());
    prefix.copy_from_slice(INNER_PREFIX);
    let (to_left, to_right) = children.split_at_mut(32);
    to_left.copy_from_slice(left);
    to_right.copy_from_slice(right);
    sha256(bytes)
}

/// Hash of the leaf of a key with a value.
#[must_use]
pub fn leaf_hash(key: &Hash, value: &[u8]) -> Hash {
    sha256_of(&[LEAF_PREFIX, key, &sha256(value)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_node_is_a_new_one_with_the_same_children() {
        let child = |nibble: u8, seed: u32| {
            let hash = sha256_of(&[&[nibble], &seed.to_be_bytes()]);
            Child { hash, leaf: seed.is_multiple_of(2).then_some(hash) }
        };
        let mut children: Vec<(u8, Child)> =
            (0..16).map(|nibble| (nibble, child(nibble, 0))).collect();
        let mut node = Node::new(children.clone());
        // Every nibble comes and goes beside many different others.
        for seed in 1_u32..4_000 {
            let [a, b, ..] = sha256(seed.to_be_bytes());
            let mut nibbles = 0;
            for nibble in [a & 15, a >> 4, b & 15] {
                nibbles |= nibble_bit(nibble);
                match children.binary_search_by_key(&nibble, |(nibble, _)| *nibble) {
                    Ok(place) if b >> 4 < 9 => drop(children.remove(place)),
                    Ok(place) => children[place] = (nibble, child(nibble, seed)),
                    Err(place) => children.insert(place, (nibble, child(nibble, seed))),
                }
            }
            node = Node::changed(Some(&node), children.clone(), nibbles);
            assert_eq!(node, Node::new(children.clone()));
            assert_eq!(node.hash(), node.rehash(), "after {seed} changes");
        }
    }

    #[test]
    fn a_node_reads_back_and_nothing_else_does() {
        let inner = Child { hash: [1; 32], leaf: None };
        let leaf = Child { hash: [2; 32], leaf: Some([3; 32]) };
        let node = Node::new(vec![(0, inner), (7, leaf), (15, inner)]);
        let bytes = node.encode();
        assert_eq!(bytes.len(), 4 + 32 + 64 + 32);
        assert_eq!(Node::decode(&bytes), Some(node));
        for length in 0..bytes.len() {
            assert_eq!(Node::decode(&bytes[..length]), None, "cut to {length} bytes");
        }
        assert_eq!(Node::decode(&[&bytes[..], &[0]].concat()), None);
    }
}
