//! One key in the state: from the key to its shard, from the shard to the app hash.

use bytes::Bytes;
use ics23::commitment_proof::Proof;
use ics23::{
    CommitmentProof, ExistenceProof, HashOp, HostFunctionsManager, InnerOp, LeafOp,
    NonExistenceProof, verify_membership, verify_non_membership,
};
use prost_ics23::Message;
use tessera_proto::pb::query::v1::StateProof;
use tessera_proto::state_key::{StateKey, shard_of, shard_root_name};

use super::error::ProofError;
use super::simple_map;

/// Prefix of inner nodes in a shard.
const SHARD_INNER_PREFIX: &[u8] = b"JMT::IntrnalNode";
/// Prefix of inner nodes above the shards.
const ROOT_INNER_PREFIX: &[u8] = &[1];
/// Bytes of a hash.
const HASH_LENGTH: usize = 32;
/// Longest way from a leaf of a shard to its root: the bits of a key's hash.
pub(super) const MAX_SHARD_DEPTH: usize = 256;
/// Longest way from a shard to the app hash, far above what 256 shards need.
const MAX_ROOT_DEPTH: usize = 32;

/// What a state proof proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEntry {
    /// The key.
    pub key: StateKey,
    /// Its value, or none when the key is proven absent.
    pub value: Option<Bytes>,
    /// Hashes on the way from the key to the app hash.
    pub depth: usize,
}

/// Checks a state proof against an app hash: the value, or none when absence is proven.
///
/// # Errors
/// In order of precedence: [`ProofError::Malformed`] and [`ProofError::NotCanonical`] of any
/// part, [`ProofError::RootProofFailed`], [`ProofError::ShardProofFailed`].
pub fn verify_state_proof(
    proof: &StateProof,
    app_hash: &[u8],
) -> Result<Option<Bytes>, ProofError> {
    verify_entry(proof, app_hash).map(|entry| entry.value)
}

/// Like [`verify_state_proof`], telling also how long the way was.
///
/// # Errors
/// Those of [`verify_state_proof`].
pub fn verify_entry(proof: &StateProof, app_hash: &[u8]) -> Result<VerifiedEntry, ProofError> {
    let key = StateKey::from_bytes(&proof.key).ok_or(ProofError::Malformed { part: "key" })?;
    let root_proof = decode_canonical(&proof.root_proof, "root proof")?;
    let shard_proof = decode_canonical(&proof.shard_proof, "shard proof")?;

    let (shard_root, root_depth) = verify_root_proof(&root_proof, &key, app_hash)?;
    let shard_depth = if proof.value.is_empty() {
        verify_absence(&shard_proof, &key, &shard_root)
    } else {
        verify_presence(&shard_proof, &key, &proof.value, &shard_root)
    }
    .ok_or_else(|| ProofError::ShardProofFailed { key: hex::encode(key.as_bytes()) })?;
    Ok(VerifiedEntry {
        key,
        value: (!proof.value.is_empty()).then(|| proof.value.clone()),
        depth: root_depth.saturating_add(shard_depth),
    })
}

pub(super) fn decode_canonical(
    bytes: &[u8],
    part: &'static str,
) -> Result<CommitmentProof, ProofError> {
    let proof = CommitmentProof::decode(bytes).map_err(|_| ProofError::Malformed { part })?;
    // Unknown fields, repeated fields and long spellings would survive a change unnoticed.
    if proof.encode_to_vec() == bytes { Ok(proof) } else { Err(ProofError::NotCanonical { part }) }
}

/// The root of the shard that the key belongs to, and the number of hashes above it.
pub(super) fn verify_root_proof(
    proof: &CommitmentProof,
    key: &StateKey,
    app_hash: &[u8],
) -> Result<(Vec<u8>, usize), ProofError> {
    let shard = shard_of(&key.hash());
    let name = shard_root_name(shard).into_bytes();
    let spec = ics23::tendermint_spec();
    let root = app_hash.to_vec();
    exist_proof(proof)
        .filter(|exist| {
            exist.key == name
                && exist.value.len() == HASH_LENGTH
                && has_shape(exist, &simple_map::leaf_op(), ROOT_INNER_PREFIX, MAX_ROOT_DEPTH)
                && verify_membership::<HostFunctionsManager>(
                    proof,
                    &spec,
                    &root,
                    &name,
                    &exist.value,
                )
        })
        .map(|exist| (exist.value.clone(), exist.path.len()))
        .ok_or(ProofError::RootProofFailed { shard })
}

/// The number of hashes above a key that has this value in the shard with this root.
pub(super) fn verify_presence(
    proof: &CommitmentProof,
    key: &StateKey,
    value: &[u8],
    shard_root: &Vec<u8>,
) -> Option<usize> {
    let exist = exist_proof(proof).filter(|exist| is_shard_path(exist))?;
    verify_membership::<HostFunctionsManager>(
        proof,
        &jmt::ics23_spec(),
        shard_root,
        key.as_bytes(),
        value,
    )
    .then_some(exist.path.len())
}

fn verify_absence(proof: &CommitmentProof, key: &StateKey, shard_root: &Vec<u8>) -> Option<usize> {
    let Some(Proof::Nonexist(absence)) = &proof.proof else { return None };
    let neighbours = [&absence.left, &absence.right];
    let sound = absence.key == key.as_bytes()
        && neighbours.iter().all(|side| side.as_ref().is_none_or(is_shard_path))
        && paths_diverge(absence);
    let depth = neighbours.iter().copied().flatten().map(|exist| exist.path.len()).max()?;
    (sound
        && verify_non_membership::<HostFunctionsManager>(
            proof,
            &jmt::ics23_spec(),
            shard_root,
            key.as_bytes(),
        ))
    .then_some(depth)
}

pub(super) fn exist_proof(proof: &CommitmentProof) -> Option<&ExistenceProof> {
    match &proof.proof {
        Some(Proof::Exist(exist)) => Some(exist),
        Some(Proof::Nonexist(_) | Proof::Batch(_) | Proof::Compressed(_)) | None => None,
    }
}

/// Whether a path has the shape of a shard's and turns at each node as the key's hash says.
fn is_shard_path(exist: &ExistenceProof) -> bool {
    let leaf = jmt::ics23_spec().leaf_spec.unwrap_or_default();
    has_shape(exist, &leaf, SHARD_INNER_PREFIX, MAX_SHARD_DEPTH)
        && StateKey::from_bytes(&exist.key).is_some_and(|key| {
            let hash = key.hash();
            exist
                .path
                .iter()
                .rev()
                .zip(bits(&hash))
                .all(|(op, right)| op.suffix.is_empty() == right)
        })
}

/// Whether leaf and nodes are hashed exactly as in our trees. ICS23 itself checks lengths only.
fn has_shape(exist: &ExistenceProof, leaf: &LeafOp, inner_prefix: &[u8], max_depth: usize) -> bool {
    let is_inner = |op: &InnerOp| {
        let sibling_left = op.prefix.strip_prefix(inner_prefix).map(<[u8]>::len);
        op.hash == i32::from(HashOp::Sha256)
            && matches!(
                (sibling_left, op.suffix.len()),
                (Some(0), HASH_LENGTH) | (Some(HASH_LENGTH), 0)
            )
    };
    exist.leaf.as_ref() == Some(leaf)
        && exist.path.len() <= max_depth
        && exist.path.iter().all(is_inner)
}

/// Whether two neighbours part somewhere below the root, which the `ics23` crate takes for
/// granted: it panics otherwise.
fn paths_diverge(absence: &NonExistenceProof) -> bool {
    match (&absence.left, &absence.right) {
        (Some(left), Some(right)) => {
            left.path.iter().rev().zip(right.path.iter().rev()).any(|(left, right)| left != right)
        }
        (Some(_), None) | (None, Some(_)) => true,
        (None, None) => false,
    }
}

/// Bits of a hash, the most significant first.
fn bits(hash: &[u8; 32]) -> impl Iterator<Item = bool> {
    const MASKS: [u8; 8] = [128, 64, 32, 16, 8, 4, 2, 1];
    hash.iter().flat_map(|byte| MASKS.iter().map(move |mask| byte & mask != 0))
}
