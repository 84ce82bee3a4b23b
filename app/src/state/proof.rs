//! Proofs of single keys under the app hash.

use jmt::Sha256Jmt;
use tessera_client::verify::encode_commitment_proof;
use tessera_proto::pb::query::v1::StateProof;
use tessera_proto::state_key::{StateKey, shard_root_name};

use super::error::Fault;
use super::forest::{Forest, ShardReader, ShardRoot, ValueSource, root_map};

/// Proves the value of a key, or that it has none, as of the block with these roots.
///
/// # Errors
/// [`Fault`] when nodes or values cannot be read.
pub fn prove(
    forest: &Forest,
    roots: &[ShardRoot],
    values: &dyn ValueSource,
    key: &StateKey,
) -> Result<StateProof, Fault> {
    let shard = key.shard();
    let root = roots
        .get(usize::from(shard))
        .ok_or_else(|| Fault::DamagedTree(format!("no root for shard {shard}")))?;
    let reader = ShardReader::with_values(forest, shard, values);
    let (value, shard_proof) = Sha256Jmt::new(&reader)
        .get_with_ics23_proof(key.as_bytes().to_vec(), root.version)
        .map_err(|error| Fault::DamagedTree(format!("{error:#}")))?;
    let root_proof = root_map(roots)
        .prove(shard_root_name(shard).as_bytes())
        .ok_or_else(|| Fault::DamagedTree(format!("no root for shard {shard}")))?;
    Ok(StateProof {
        key: key.as_bytes().to_vec().into(),
        value: value.unwrap_or_default().into(),
        shard_proof: encode_commitment_proof(&shard_proof).into(),
        root_proof: encode_commitment_proof(&root_proof).into(),
    })
}
