//! The simple Merkle map of CometBFT, whose root is the app hash.
//!
//! Entries stand in order of name; the leaf of an entry is
//! `SHA-256(0x00 || uvarint(len name) || name || uvarint(32) || SHA-256(value))`, and the tree
//! above is that of RFC 6962. Its proofs follow `ics23::tendermint_spec()`.

use std::collections::BTreeMap;

use ics23::commitment_proof::Proof;
use ics23::{CommitmentProof, ExistenceProof, HashOp, InnerOp, LeafOp, LengthOp};
use tessera_proto::hash::sha256;
use tessera_proto::pb::query::v1::PathStep;

use super::merkle_path::{INNER_PREFIX, LEAF_PREFIX, subtree_root};

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
                path: path.iter().map(inner_step).collect(),
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
    for part in [name, sha256(value).as_slice()] {
        // Lossless: no supported platform has more than 64 bits.
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        prost_ics23::encoding::encode_varint(length, &mut image);
        image.extend_from_slice(part);
    }
    sha256(image)
}

/// A step of a way up as ICS23 writes it.
fn inner_step(step: &PathStep) -> InnerOp {
    if step.is_left {
        inner_op([&[INNER_PREFIX], step.sibling.as_ref()].concat(), Vec::new())
    } else {
        inner_op(vec![INNER_PREFIX], step.sibling.to_vec())
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
                    let value_hash = sha256(value);
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
