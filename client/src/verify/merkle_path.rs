//! Ways up an RFC 6962 tree: leaves are hashed as `SHA-256(0x00 || leaf)`, inner nodes as
//! `SHA-256(0x01 || left || right)`, and the left part of a node is the largest power of two
//! that leaves something for the right.

use tessera_proto::hash::sha256_of;
use tessera_proto::pb::query::v1::PathStep;

pub(crate) const LEAF_PREFIX: u8 = 0;
pub(crate) const INNER_PREFIX: u8 = 1;

/// The way from leaf number `index` to the root; none when there is no such leaf.
#[must_use]
pub fn path_of(leaves: &[Vec<u8>], index: usize) -> Option<Vec<PathStep>> {
    leaves.get(index)?;
    let hashes: Vec<[u8; 32]> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let mut path = Vec::new();
    subtree_root(&hashes, Some(index), &mut path);
    Some(path)
}

/// The root that a way leads to; none when a step is malformed.
///
/// A leaf can never be taken for an inner node, so a way of any length proves the leaf.
pub(super) fn root_of(leaf: &[u8], path: &[PathStep]) -> Option<[u8; 32]> {
    path.iter().try_fold(leaf_hash(leaf), |hash, step| {
        let sibling: [u8; 32] = step.sibling.as_ref().try_into().ok()?;
        let (left, right) = if step.is_left { (sibling, hash) } else { (hash, sibling) };
        Some(inner_hash(&left, &right))
    })
}

/// Root over hashes of leaves, appending the way up from the one at `target` to `path`;
/// SHA-256 of nothing when there are none.
pub(crate) fn subtree_root(
    leaves: &[[u8; 32]],
    target: Option<usize>,
    path: &mut Vec<PathStep>,
) -> [u8; 32] {
    match leaves {
        [] => sha256_of(&[]),
        [leaf] => *leaf,
        _ => {
            let split = leaves.len().div_ceil(2).next_power_of_two();
            let (left, right) = leaves.split_at(split);
            let target_left = target.filter(|index| *index < split);
            let target_right = target.and_then(|index| index.checked_sub(split));
            let left_root = subtree_root(left, target_left, path);
            let right_root = subtree_root(right, target_right, path);
            if target_left.is_some() {
                path.push(PathStep { sibling: right_root.to_vec().into(), is_left: false });
            } else if target_right.is_some() {
                path.push(PathStep { sibling: left_root.to_vec().into(), is_left: true });
            }
            inner_hash(&left_root, &right_root)
        }
    }
}

/// Root over leaves; SHA-256 of nothing when there are none.
#[must_use]
pub fn merkle_root(leaves: &[impl AsRef<[u8]>]) -> [u8; 32] {
    let hashes: Vec<[u8; 32]> = leaves.iter().map(|leaf| leaf_hash(leaf.as_ref())).collect();
    subtree_root(&hashes, None, &mut Vec::new())
}

fn leaf_hash(leaf: &[u8]) -> [u8; 32] {
    sha256_of(&[&[LEAF_PREFIX], leaf])
}

fn inner_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    sha256_of(&[&[INNER_PREFIX], left, right])
}

#[cfg(test)]
mod tests {
    use super::*;
    use tendermint::merkle::simple_hash_from_byte_vectors;

    #[test]
    fn every_leaf_leads_to_the_root_of_the_consensus_engine() {
        for count in [1_usize, 2, 3, 4, 5, 7, 8, 9, 100] {
            let leaves: Vec<Vec<u8>> = (0..count).map(|n| format!("leaf {n}").into()).collect();
            let root =
                simple_hash_from_byte_vectors::<tendermint::crypto::default::Sha256>(&leaves);
            for (index, leaf) in leaves.iter().enumerate() {
                let path = path_of(&leaves, index).unwrap();
                assert_eq!(root_of(leaf, &path), Some(root), "{index} of {count}");
                assert_ne!(root_of(b"another", &path), Some(root));
            }
            assert_eq!(path_of(&leaves, count), None);
        }
        let step = PathStep { sibling: vec![1; 31].into(), is_left: true };
        assert_eq!(root_of(b"leaf", &[step]), None, "a sibling must be a hash");
    }
}
