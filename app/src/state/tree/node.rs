//! Nodes of a tree and their hashes, which are those of the `jmt` crate.
//!
//! An inner node has up to sixteen children. It is hashed as the binary tree of height four over
//! them, in which a subtree that holds a single leaf is that leaf.

use bytes::{Buf, Bytes};
use sha2::{Digest, Sha256};

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
}

impl Node {
    /// A node with these children, in order of nibble.
    #[must_use]
    pub fn new(children: Vec<(u8, Child)>) -> Self {
        Self { children: children.into() }
    }

    /// The children by nibble, in order.
    #[must_use]
    pub fn children(&self) -> &Children {
        &self.children
    }

    /// Hash of the node.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash_range(&self.children, TOP_BIT)
    }

    /// The node as it stands in the database: which nibbles have a child (2 bytes), which of
    /// these are leaves (2), then for each the hash and, of a leaf, the key hash.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let bit = |nibble: u8| 1_u16.checked_shl(u32::from(nibble)).unwrap_or_default();
        let (mut present, mut leaves) = (0_u16, 0_u16);
        let mut hashes = Vec::with_capacity(self.children.len().saturating_mul(64));
        for (nibble, child) in &self.children {
            present |= bit(*nibble);
            hashes.extend_from_slice(&child.hash);
            if let Some(key) = &child.leaf {
                leaves |= bit(*nibble);
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
            let bit = 1_u16.checked_shl(u32::from(nibble))?;
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

/// The bit of a nibble that decides at the root of the binary tree of a node.
pub(super) const TOP_BIT: u8 = 8;

/// Some of the children of a node by nibble, in order.
pub(super) type Children = [(u8, Child)];

/// Children that lie left and right under a bit.
pub(super) fn split(children: &Children, bit: u8) -> (&Children, &Children) {
    children.split_at(children.partition_point(|(nibble, _)| nibble & bit == 0))
}

/// The node that a subtree of the binary tree consists of, where it is a single one.
pub(super) fn only_child(children: &Children, bit: u8) -> Option<&Child> {
    match children {
        [(_, only)] if bit == 0 || only.leaf.is_some() => Some(only),
        _ => None,
    }
}

/// Hash of the subtree of the binary tree that holds these children and divides them by `bit`.
pub(super) fn hash_range(children: &Children, bit: u8) -> Hash {
    if let Some(only) = only_child(children, bit) {
        return only.hash;
    }
    if children.is_empty() || bit == 0 {
        return PLACEHOLDER;
    }
    let (left, right) = split(children, bit);
    inner_hash(&hash_range(left, bit >> 1), &hash_range(right, bit >> 1))
}

/// Hash of two subtrees.
fn inner_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update(INNER_PREFIX)
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// Hash of the leaf of a key with a value.
#[must_use]
pub fn leaf_hash(key: &Hash, value: &[u8]) -> Hash {
    let value = Sha256::digest(value);
    Sha256::new().chain_update(LEAF_PREFIX).chain_update(key).chain_update(value).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

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
