//! The simple Merkle map of CometBFT, whose root is the app hash.
//!
//! Entries stand in order of name; the leaf of an entry is
//! `SHA-256(0x00 || uvarint(len name) || name || uvarint(32) || SHA-256(value))`, an inner node
//! `SHA-256(0x01 || left || right)`, and the left part of a node is the largest power of two
//! that leaves something for the right. Its proofs follow `ics23::tendermint_spec()`.

use std::collections::BTreeMap;

use ics23::commitment_proof::Proof;
use ics23::{CommitmentProof, ExistenceProof, HashOp, InnerOp, LeafOp, LengthOp};
use sha2::{Digest, Sha256};

const LEAF_PREFIX: u8 = 0;
const INNER_PREFIX: u8 = 1;

/// A map of names to values with a Merkle root.
#[derive(Debug, Clone)]
pub struct SimpleMap {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    leaf_hashes: Vec<[u8; 32]>,
}

impl SimpleMap {
    /// A map of these entries.
    #[must_use]
    pub fn new(entries: BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        let leaf_hashes = entries.iter().map(|(name, value)| leaf_hash(name, value)).collect();
        Self { entries, leaf_hashes }
    }

    /// Root of the map; SHA-256 of nothing when it is empty.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        subtree_root(&self.leaf_hashes, None, &mut Vec::new())
    }

    /// Proof that `name` has its value; none when the map does not have the name.
    #[must_use]
    pub fn prove(&self, name: &[u8]) -> Option<CommitmentProof> {
        let value = self.entries.get(name)?;
        let index = self.entries.keys().position(|key| key == name)?;
        let mut path = Vec::new();
        subtree_root(&self.leaf_hashes, Some(index), &mut path);
        Some(CommitmentProof {
            proof: Some(Proof::Exist(ExistenceProof {
                key: name.to_vec(),
                value: value.clone(),
                leaf: Some(leaf_op()),
                path,
            })),
        })
    }
}

/// How `ics23::tendermint_spec()` hashes a leaf.
pub(crate) fn leaf_op() -> LeafOp {
    LeafOp {
        hash: HashOp::Sha256.into(),
        prehash_key: HashOp::NoHash.into(),
        prehash_value: HashOp::Sha256.into(),
        length: LengthOp::VarProto.into(),
        prefix: vec![LEAF_PREFIX],
    }
}

fn leaf_hash(name: &[u8], value: &[u8]) -> [u8; 32] {
    let mut image = vec![LEAF_PREFIX];
    for part in [name, Sha256::digest(value).as_slice()] {
        // Lossless: no supported platform has more than 64 bits.
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        prost_ics23::encoding::encode_varint(length, &mut image);
        image.extend_from_slice(part);
    }
    Sha256::digest(image).into()
}

/// Root over `leaves`, appending the way up from the leaf at `target` to `path`.
fn subtree_root(leaves: &[[u8; 32]], target: Option<usize>, path: &mut Vec<InnerOp>) -> [u8; 32] {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let split = leaves.len().div_ceil(2).next_power_of_two();
            let (left, right) = leaves.split_at(split);
            let target_left = target.filter(|index| *index < split);
            let target_right = target.and_then(|index| index.checked_sub(split));
            let left_root = subtree_root(left, target_left, path);
            let right_root = subtree_root(right, target_right, path);
            if target_left.is_some() {
                path.push(inner_op(vec![INNER_PREFIX], right_root.to_vec()));
            } else if target_right.is_some() {
                path.push(inner_op([&[INNER_PREFIX], left_root.as_slice()].concat(), Vec::new()));
            }
            let image = [&[INNER_PREFIX], left_root.as_slice(), right_root.as_slice()].concat();
            Sha256::digest(image).into()
        }
    }
}

fn inner_op(prefix: Vec<u8>, suffix: Vec<u8>) -> InnerOp {
    InnerOp { hash: HashOp::Sha256.into(), prefix, suffix }
}

#[cfg(test)]
mod tests {
    use ics23::{HostFunctionsManager, tendermint_spec, verify_membership};
    use tendermint::merkle::simple_hash_from_byte_vectors;

    use super::*;

    fn map_of(count: u32) -> SimpleMap {
        let entry = |n: u32| (format!("name/{n:04}").into_bytes(), n.to_be_bytes().repeat(8));
        SimpleMap::new((0..count).map(entry).collect())
    }

    #[test]
    fn root_is_that_of_the_tree_of_the_consensus_engine() {
        for count in [0, 1, 2, 3, 4, 5, 7, 8, 9, 257] {
            let map = map_of(count);
            let pairs: Vec<Vec<u8>> = map
                .entries
                .iter()
                .map(|(name, value)| {
                    let value_hash = Sha256::digest(value);
                    let name_length = u8::try_from(name.len()).unwrap();
                    [&[name_length], name.as_slice(), &[32], &value_hash].concat()
                })
                .collect();
            let expected =
                simple_hash_from_byte_vectors::<tendermint::crypto::default::Sha256>(&pairs);
            assert_eq!(map.root(), expected, "{count} entries");
        }
    }

    #[test]
    fn every_entry_is_provable_and_no_other() {
        for count in [1, 2, 3, 6, 257] {
            let map = map_of(count);
            let root = map.root().to_vec();
            for (name, value) in &map.entries {
                let proof = map.prove(name).unwrap();
                let verify = |value: &[u8]| {
                    verify_membership::<HostFunctionsManager>(
                        &proof,
                        &tendermint_spec(),
                        &root,
                        name,
                        value,
                    )
                };
                assert!(verify(value));
                assert!(!verify(b"another value"));
            }
            assert!(map.prove(b"missing").is_none());
        }
    }
}
