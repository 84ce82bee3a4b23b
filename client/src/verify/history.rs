//! What was done with an asset: all of it, under one signed header.

use bytes::Bytes;
use prost::Message as _;
use tessera_proto::history::History;
use tessera_proto::id::AssetId;
use tessera_proto::leaf::Leaf;
use tessera_proto::pb::assets::v1::{Asset, HistoryEntry, HistoryHead, HistoryPage};
use tessera_proto::pb::query::v1::Certificate;
use tessera_proto::state_key::StateKey;

use super::certificate::{TrustRoot, VerifiedHeader, verify_certificate};
use super::error::ProofError;
use super::ownership::read_asset;
use super::state_proof::VerifiedEntry;

/// What a history certificate proves, together with the entries.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedHistory {
    /// The header that everything else is under.
    pub header: VerifiedHeader,
    /// Id of the asset.
    pub asset_id: AssetId,
    /// The asset.
    pub asset: Asset,
    /// Every action on the asset up to the proven block, oldest first.
    pub entries: Vec<HistoryEntry>,
    /// Hash of all entries: the root of their RFC 6962 tree.
    pub root: [u8; 32],
    /// Hashes on the way from the head of the history to the app hash.
    pub proof_depth: usize,
}

/// The keys whose proofs make a history certificate, in their order.
#[must_use]
pub fn history_keys(asset: &AssetId) -> [StateKey; 2] {
    [StateKey::asset(asset), StateKey::history_head(asset)]
}

/// Checks that `entries` are the whole history of an asset: none left out, added, changed or
/// moved. The certificate proves [`history_keys`].
///
/// # Errors
/// Those of [`verify_certificate`], then in order of precedence
/// [`ProofError::WrongProofCount`], [`ProofError::WrongKey`], [`ProofError::Absent`] of the
/// asset, [`ProofError::UnreadableLeaf`], [`ProofError::HistoryCount`],
/// [`ProofError::HistoryMismatch`].
pub fn verify_history(
    certificate: &Certificate,
    entries: &[Bytes],
    trust: &TrustRoot,
) -> Result<VerifiedHistory, ProofError> {
    let verified = verify_certificate(certificate, trust)?;
    let [asset_entry, head_entry] = verified.entries.as_slice() else {
        return Err(ProofError::WrongProofCount { found: verified.entries.len(), expected: 2 });
    };
    let (asset_id, asset) = read_asset(asset_entry)?;
    let proven = read_head(head_entry, &asset_id)?;
    let found = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    if found != proven.count() {
        return Err(ProofError::HistoryCount { found, expected: proven.count() });
    }
    let mut history = History::default();
    entries.iter().for_each(|entry| history.append(entry));
    if history != proven {
        return Err(ProofError::HistoryMismatch);
    }
    let entries: Result<_, _> =
        entries.iter().map(|entry| HistoryEntry::decode(entry.clone())).collect();
    Ok(VerifiedHistory {
        header: verified.header,
        asset_id,
        asset,
        entries: entries.map_err(|_| ProofError::UnreadableLeaf { leaf: HistoryPage::KIND })?,
        root: history.root(),
        proof_depth: head_entry.depth,
    })
}

/// The head; an asset without one has no history yet.
fn read_head(entry: &VerifiedEntry, asset: &AssetId) -> Result<History, ProofError> {
    let leaf = HistoryHead::KIND;
    if entry.key != StateKey::history_head(asset) {
        return Err(ProofError::WrongKey { leaf });
    }
    let Some(value) = &entry.value else { return Ok(History::default()) };
    let head = HistoryHead::from_leaf_bytes(value).ok();
    head.and_then(|head| History::from_head(&head)).ok_or(ProofError::UnreadableLeaf { leaf })
}
