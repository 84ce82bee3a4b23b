//! Proofs of single keys under the app hash, in the form of ICS23.

use bytes::Bytes;
use ics23::commitment_proof::Proof;
use ics23::{CommitmentProof, ExistenceProof, InnerOp, NonExistenceProof};
use tessera_client::verify::encode_commitment_proof;
use tessera_client::verify::simple_map::SimpleMap;
use tessera_proto::pb::query::v1::StateProof;
use tessera_proto::state_key::{StateKey, shard_root_name};

use super::error::Fault;
use super::tree::node::{Child, INNER_PREFIX};
use super::tree::walk::{Sibling, neighbours, siblings};
use super::tree::{Hash, NodeSource};

/// Values and keys as of one height, by key hash.
pub trait ValueSource: Sync {
    /// The key and value whose key has this hash; no value when it is absent.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    fn entry(&self, key_hash: &Hash) -> Result<Option<(Bytes, Option<Bytes>)>, Fault>;
}

/// One tree, its root and its values, as of one height.
pub struct ProvenTree<'a> {
    /// The inner nodes.
    pub nodes: &'a dyn NodeSource,
    /// The root.
    pub root: Option<Child>,
    /// The values.
    pub values: &'a dyn ValueSource,
}

/// Proves the value of a key, or that it has none, as of the block with this map of roots.
///
/// # Errors
/// [`Fault`] when nodes or values cannot be read.
pub fn prove(
    tree: &ProvenTree<'_>,
    roots: &SimpleMap,
    key: &StateKey,
) -> Result<StateProof, Fault> {
    let hash = key.hash();
    let (value, proof) = match tree.existence(&hash)? {
        Some(proof) => (proof.value.clone(), Proof::Exist(proof)),
        None => (Vec::new(), Proof::Nonexist(tree.absence(key, &hash)?)),
    };
    let shard_proof = CommitmentProof { proof: Some(proof) };
    let shard = key.shard();
    let root_proof = roots
        .prove(shard_root_name(shard).as_bytes())
        .ok_or_else(|| Fault::DamagedTree(format!("no root for shard {shard:02x}")))?;
    Ok(StateProof {
        key: key.as_bytes().to_vec().into(),
        value: value.into(),
        shard_proof: encode_commitment_proof(&shard_proof).into(),
        root_proof: encode_commitment_proof(&root_proof).into(),
    })
}

impl ProvenTree<'_> {
    fn existence(&self, hash: &Hash) -> Result<Option<ExistenceProof>, Fault> {
        let Some(path) = siblings(self.nodes, self.root, hash)? else { return Ok(None) };
        let (key, value) = self
            .values
            .entry(hash)?
            .and_then(|(key, value)| Some((key, value?)))
            .ok_or_else(|| Fault::DamagedTree("a leaf has no value".into()))?;
        Ok(Some(ExistenceProof {
            key: key.into(),
            value: value.into(),
            leaf: jmt::ics23_spec().leaf_spec,
            path: path.iter().map(inner_op).collect(),
        }))
    }

    fn absence(&self, key: &StateKey, hash: &Hash) -> Result<NonExistenceProof, Fault> {
        let (before, after) = neighbours(self.nodes, self.root, hash)?;
        let neighbour = |hash: Option<Hash>| match hash {
            Some(hash) => self.existence(&hash),
            None => Ok(None),
        };
        let (left, right) = (neighbour(before)?, neighbour(after)?);
        Ok(NonExistenceProof { key: key.as_bytes().to_vec(), left, right })
    }
}

/// A step from a subtree to the one above: hash of the prefix and both halves.
fn inner_op(sibling: &Sibling) -> InnerOp {
    let mut prefix = INNER_PREFIX.to_vec();
    let mut suffix = Vec::new();
    if sibling.is_left { &mut prefix } else { &mut suffix }.extend(sibling.hash);
    InnerOp { hash: ics23::HashOp::Sha256.into(), prefix, suffix }
}
