//! Nodes of a tree and their hashes, which are those of the `jmt` crate.
//!
//! An inner node has up to sixteen children. It is hashed as the binary tree of height four over
//! them, in which a subtree that holds a single leaf is that leaf.

use std::hint::black_box;

use bytes::{Buf, Bytes};
use tessera_proto::hash::{sha256, sha256_of};

use super::Hash;
use super::draft::Scattered;

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

/// Children by nibble.
pub(super) trait Children {
    /// A bit for each nibble with a child.
    fn present(&self) -> u16;

    /// A bit for each nibble whose child is a leaf.
    fn leaves(&self) -> u16;

    /// Hash of the child at a nibble.
    fn hash_at(&self, nibble: u8) -> Option<&Hash>;

    /// Whether there is no child in a range.
    fn is_empty(&self, range: Range) -> bool {
        self.present() & range.nibbles() == 0
    }

    /// The nibble of the node that a range consists of, where it is a single one.
    fn only(&self, range: Range) -> Option<u8> {
        let children = self.present() & range.nibbles();
        let is_node = range.bit == 0 || children & self.leaves() != 0;
        (children.is_power_of_two() && is_node).then(|| lowest(children))
    }

    /// Hash of the children in a range.
    fn hash_range(&self, range: Range) -> Hash {
        if let Some(hash) = self.only(range).and_then(|nibble| self.hash_at(nibble)) {
            return *hash;
        }
        if self.is_empty(range) {
            return PLACEHOLDER;
        }
        let (lower, upper) = range.halves();
        inner_hash(&self.hash_range(lower), &self.hash_range(upper))
    }

    /// Hash of the children in a range, and in `known` those of all ranges in it, which are right
    /// already but for those of the nibbles in `changed`.
    fn refresh(&self, known: &mut Ranges, changed: u16, range: Range) -> Hash {
        if range.bit == 0 {
            return self.hash_at(range.first).copied().unwrap_or(PLACEHOLDER);
        }
        let place = range.place();
        if let Some(hash) = known.get(place).filter(|_| changed & range.nibbles() == 0) {
            return *hash;
        }
        let (lower, upper) = range.halves();
        // Also where they are not hashed: a later change relies on all that it does not touch.
        let (left, right) =
            (self.refresh(known, changed, lower), self.refresh(known, changed, upper));
        let hash = match self.only(range).and_then(|nibble| self.hash_at(nibble)) {
            Some(only) => *only,
            None if self.is_empty(range) => PLACEHOLDER,
            None => inner_hash(&left, &right),
        };
        if let Some(known) = known.get_mut(place) {
            *known = hash;
        }
        hash
    }
}

/// An inner node.
///
/// # Invariants
/// It has two leaves or more below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    present: u16,
    leaves: u16,
    /// Its own hash, or where it has many children, of which few change at once, those of all
    /// ranges; then the hashes of the children, then the key hashes of those that are leaves.
    hashes: Box<[Hash]>,
}

/// Hashes of a node that are others after a change, where it keeps its children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHashes {
    /// A bit for each place in the node where there is one, its own hash among them.
    places: u64,
    /// In order of place.
    hashes: Box<[Hash]>,
}

impl NewHashes {
    /// Hash of the node.
    pub(super) fn own(&self) -> Hash {
        self.hashes.first().copied().unwrap_or(PLACEHOLDER)
    }
}

impl Children for Node {
    fn present(&self) -> u16 {
        self.present
    }

    fn leaves(&self) -> u16 {
        self.leaves
    }

    fn hash_at(&self, nibble: u8) -> Option<&Hash> {
        self.of_children().get(place_among(self.present, nibble)?)
    }
}

impl Node {
    /// A node with these bits and hashes, which must belong together.
    pub(super) fn new(present: u16, leaves: u16, hashes: Box<[Hash]>) -> Self {
        Self { present, leaves, hashes }
    }

    /// The children by nibble, in order.
    pub fn children(&self) -> impl DoubleEndedIterator<Item = (u8, Child)> {
        (0..16).filter_map(|nibble| Some((nibble, self.child(nibble)?)))
    }

    /// The child at a nibble.
    #[must_use]
    pub fn child(&self, nibble: u8) -> Option<Child> {
        Some(Child { hash: *self.hash_at(nibble)?, leaf: self.key_at(nibble).copied() })
    }

    /// Hash of the node.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hashes.first().copied().unwrap_or(PLACEHOLDER)
    }

    /// Computes [`Node::hash`] from the children alone.
    #[must_use]
    pub fn rehash(&self) -> Hash {
        self.hash_range(Range::ALL)
    }

    /// Hash of its children in a range.
    pub(super) fn range_hash(&self, range: Range) -> Hash {
        let known = self.ranges().filter(|_| range.bit != 0);
        let known = known.and_then(|ranges| ranges.get(range.place()));
        known.copied().unwrap_or_else(|| self.hash_range(range))
    }

    /// Bytes that it takes in memory beside its own.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.hashes)
    }

    /// Brings its beginning into the caches of the processor.
    pub(crate) fn fetch_start(&self) {
        black_box(self.hashes.first().map(|[first, ..]| *first));
    }

    /// Brings it into the caches of the processor.
    pub(crate) fn fetch(&self) {
        // Two hashes lie in one line.
        self.hashes.iter().step_by(2).for_each(|[first, ..]| {
            black_box(*first);
        });
    }

    /// The node as it stands in the database: which nibbles have a child (2 bytes), which of
    /// these are leaves (2), then for each the hash and, of a leaf, the key hash.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let hashes = self.hashes.len().saturating_mul(size_of::<Hash>());
        let mut bytes = Vec::with_capacity(hashes.saturating_add(4));
        bytes.extend(self.present.to_be_bytes());
        bytes.extend(self.leaves.to_be_bytes());
        let mut keys = self.keys().iter();
        for (nibble, hash) in nibbles(self.present).zip(self.of_children()) {
            bytes.extend_from_slice(hash);
            if self.leaves & nibble_bit(nibble) != 0 {
                bytes.extend(keys.next().into_iter().flatten());
            }
        }
        bytes.into()
    }

    /// Reads what [`Node::encode`] wrote; none when it is damaged.
    #[must_use]
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let present = bytes.try_get_u16().ok()?;
        let leaves = bytes.try_get_u16().ok()?;
        let mut children = Scattered::default();
        for nibble in nibbles(present) {
            let hash = take_hash(&mut bytes)?;
            let is_leaf = leaves & nibble_bit(nibble) != 0;
            let leaf = if is_leaf { Some(take_hash(&mut bytes)?) } else { None };
            children.set(nibble, Some(Child { hash, leaf }));
        }
        (bytes.is_empty() && leaves & !present == 0).then(|| children.pack())
    }

    pub(super) fn ranges(&self) -> Option<&Ranges> {
        self.hashes.first_chunk().filter(|_| is_dense(self.present))
    }

    /// Hashes of the children, in order of nibble.
    pub(super) fn of_children(&self) -> &[Hash] {
        let rest = self.hashes.get(range_count(self.present)..).unwrap_or_default();
        rest.get(..count(self.present)).unwrap_or_default()
    }

    /// Key hashes of the children that are leaves, in order of nibble.
    pub(super) fn keys(&self) -> &[Hash] {
        let before = range_count(self.present).saturating_add(count(self.present));
        self.hashes.get(before..).unwrap_or_default()
    }

    fn key_at(&self, nibble: u8) -> Option<&Hash> {
        self.keys().get(place_among(self.leaves, nibble)?)
    }

    /// Takes over hashes that the same node has after a change.
    pub(crate) fn set_hashes(&mut self, new: &NewHashes) {
        for (place, hash) in bits(new.places).zip(&new.hashes) {
            if let Some(entry) = self.hashes.get_mut(place) {
                *entry = *hash;
            }
        }
    }

    /// Hashes of the node with other hashes of some of its children: these, and all that depend on
    /// them.
    pub(super) fn with_children(&self, new: &NewChildren) -> NewHashes {
        let children = WithChildren { node: self, new };
        let places = self.places_of(new.nibbles());
        let mut hashes = Vec::with_capacity(bits(places).count());
        if let Some(mut ranges) = self.ranges().copied() {
            children.refresh(&mut ranges, new.nibbles(), Range::ALL);
            let changed = bits(places).filter_map(|place| ranges.get(place));
            hashes.extend(changed);
        } else {
            hashes.push(children.hash_range(Range::ALL));
        }
        hashes.extend(new.hashes());
        NewHashes { places, hashes: hashes.into() }
    }

    /// Places of the hashes of the children at some nibbles, and of all that depend on them: a bit
    /// each.
    fn places_of(&self, changed: u16) -> u64 {
        let before = range_count(self.present);
        let mut places = place_bit(0);
        for nibble in nibbles(changed) {
            if let Some(place) = place_among(self.present, nibble) {
                places |= place_bit(place.saturating_add(before));
            }
            let mut range = Range::ALL;
            while is_dense(self.present) && range.bit != 0 {
                places |= place_bit(range.place());
                let (lower, upper) = range.halves();
                range = if range.is_right(nibble) { upper } else { lower };
            }
        }
        places
    }
}

/// Other hashes of children, which are as many and of the same kinds as before.
#[derive(Debug, Default)]
pub struct NewChildren {
    /// A bit for each nibble with another hash.
    nibbles: u16,
    /// In order of nibble.
    hashes: Vec<Hash>,
}

impl NewChildren {
    /// A bit for each nibble with another hash.
    pub(super) fn nibbles(&self) -> u16 {
        self.nibbles
    }

    /// The hashes in order of nibble.
    pub(super) fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The hash at a nibble, if it is another.
    pub(super) fn get(&self, nibble: u8) -> Option<&Hash> {
        self.hashes.get(place_among(self.nibbles, nibble)?)
    }

    /// Sets the hash at a nibble.
    pub(super) fn set(&mut self, nibble: u8, hash: Hash) {
        let bit = nibble_bit(nibble);
        let place = count(self.nibbles & bit.wrapping_sub(1));
        match self.hashes.get_mut(place).filter(|_| self.nibbles & bit != 0) {
            Some(entry) => *entry = hash,
            None => self.hashes.insert(place, hash),
        }
        self.nibbles |= bit;
    }
}

/// The children of a node, of which some have other hashes.
struct WithChildren<'a> {
    node: &'a Node,
    new: &'a NewChildren,
}

impl Children for WithChildren<'_> {
    fn present(&self) -> u16 {
        self.node.present
    }

    fn leaves(&self) -> u16 {
        self.node.leaves
    }

    fn hash_at(&self, nibble: u8) -> Option<&Hash> {
        self.new.get(nibble).or_else(|| self.node.hash_at(nibble))
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

/// The nibbles of some bits, in order.
pub(super) fn nibbles(nibbles: u16) -> impl Iterator<Item = u8> {
    bits(u64::from(nibbles)).filter_map(|nibble| u8::try_from(nibble).ok())
}

/// The bit of a place among the hashes of a node, of which there are at most 47.
fn place_bit(place: usize) -> u64 {
    u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or_default()
}

/// The places of some bits, in order.
fn bits(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let first = usize::try_from(bits.trailing_zeros()).ok()?;
        bits &= bits.wrapping_sub(1);
        (first < 64).then_some(first)
    })
}

/// The nibble of the lowest of some bits.
pub(super) fn lowest(bits: u16) -> u8 {
    u8::try_from(bits.trailing_zeros()).unwrap_or(u8::MAX)
}

/// How many bits are set.
fn count(bits: u16) -> usize {
    usize::try_from(bits.count_ones()).unwrap_or(16)
}

/// How many bits are set below that of a nibble; none when its own is not.
fn place_among(bits: u16, nibble: u8) -> Option<usize> {
    let bit = nibble_bit(nibble);
    (bits & bit != 0).then(|| count(bits & bit.wrapping_sub(1)))
}

/// Children from which on a node keeps the hashes of its binary tree.
const DENSE: usize = 6;
/// Ranges of two nibbles and more.
const RANGE_COUNT: usize = 15;
/// Hashes of the ranges, the whole first, then its halves, and so on.
pub(super) type Ranges = [Hash; RANGE_COUNT];

pub(super) fn is_dense(present: u16) -> bool {
    count(present) >= DENSE
}

/// How many hashes of ranges a node keeps.
pub(super) fn range_count(present: u16) -> usize {
    if is_dense(present) { RANGE_COUNT } else { 1 }
}

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
    use std::borrow::Cow;
    use std::collections::BTreeMap;

    use super::*;
    use crate::state::error::Fault;
    use crate::state::tree::draft::Draft;

    fn node_of(children: &BTreeMap<u8, Child>) -> Node {
        let mut scattered = Scattered::default();
        children.iter().for_each(|(nibble, child)| scattered.set(*nibble, Some(*child)));
        scattered.pack()
    }

    #[test]
    fn a_changed_node_is_a_new_one_with_the_same_children() {
        let child = |nibble: u8, seed: u32| {
            let hash = sha256_of(&[&[nibble], &seed.to_be_bytes()]);
            Child { hash, leaf: seed.is_multiple_of(2).then_some(hash) }
        };
        let mut children: BTreeMap<u8, Child> =
            (0..16).map(|nibble| (nibble, child(nibble, 0))).collect();
        let mut node = node_of(&children);
        // Every nibble comes and goes beside many different others.
        for seed in 1_u32..4_000 {
            let [a, b, ..] = sha256(seed.to_be_bytes());
            let mut draft = Draft::of(Cow::Borrowed(&node));
            for nibble in [a & 15, a >> 4, b & 15] {
                let is_removed = children.contains_key(&nibble) && b >> 4 < 9;
                match is_removed {
                    true => children.remove(&nibble),
                    false => children.insert(nibble, child(nibble, seed)),
                };
                draft.set(nibble, children.get(&nibble).copied());
            }
            let change = draft.finish();
            assert_eq!(change.hash(), Some(node_of(&children).hash()));
            node = change.apply(|| Ok::<_, Fault>(node.clone())).unwrap().unwrap();
            assert_eq!(node, node_of(&children));
            assert!(node.children().eq(children.iter().map(|(nibble, child)| (*nibble, *child))));
            assert_eq!(node.hash(), node.rehash(), "after {seed} changes");
        }
    }

    #[test]
    fn a_node_reads_back_and_nothing_else_does() {
        let inner = Child { hash: [1; 32], leaf: None };
        let leaf = Child { hash: [2; 32], leaf: Some([3; 32]) };
        let node = node_of(&BTreeMap::from([(0, inner), (7, leaf), (15, inner)]));
        let bytes = node.encode();
        assert_eq!(bytes.len(), 4 + 32 + 64 + 32);
        assert_eq!(Node::decode(&bytes), Some(node));
        for length in 0..bytes.len() {
            assert_eq!(Node::decode(&bytes[..length]), None, "cut to {length} bytes");
        }
        assert_eq!(Node::decode(&[&bytes[..], &[0]].concat()), None);
    }
}
