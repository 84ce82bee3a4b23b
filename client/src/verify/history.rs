//! What was done with an asset: all of it, under one signed header.

use bytes::Bytes;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tessera_proto::history::History;
use tessera_proto::id::AssetId;
use tessera_proto::leaf::Leaf;
use tessera_proto::pb::assets::v1::{Asset, HistoryEntry, HistoryHead, HistoryPage};
use tessera_proto::pb::query::v1::Certificate;
use tessera_proto::state_key::StateKey;

use super::certificate::{TrustRoot, VerifiedHeader, verify_certificate};
use super::error::ProofError;
use super::ownership::{asset_summary, read_asset};
use super::proof_file::{Kind, ProofFile, bytes_of};
use super::state_proof::VerifiedEntry;

/// Files that prove everything that was done with an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetHistory;

/// A file that proves everything that was done with an asset.
pub type HistoryFile = ProofFile<AssetHistory>;

/// The entries of a history; bytes in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntries {
    entries: Vec<String>,
}

impl HistoryEntries {
    /// The entries as they stand in a file.
    #[must_use]
    pub fn new(entries: &[Bytes]) -> Self {
        Self { entries: entries.iter().map(hex::encode).collect() }
    }
}

impl Kind for AssetHistory {
    const NAME: &'static str = "history";
    type Body = HistoryEntries;
    type Verified = VerifiedHistory;

    fn verify(
        certificate: &Certificate,
        body: &HistoryEntries,
        trust: &TrustRoot,
    ) -> Result<VerifiedHistory, ProofError> {
        let entries = body.entries.iter().map(|entry| bytes_of(entry, "history entry"));
        let entries: Vec<Bytes> =
            entries.map(|bytes| Ok(bytes?.into())).collect::<Result<_, ProofError>>()?;
        verify_history(certificate, &entries, trust)
    }

    fn header(verified: &VerifiedHistory) -> &VerifiedHeader {
        &verified.header
    }

    fn summary(verified: &VerifiedHistory) -> Vec<(&'static str, Value)> {
        let mut fields = asset_summary(&verified.asset_id, &verified.asset);
        fields.extend([
            ("entry_count", verified.entries.len().to_string().into()),
            ("history_root", hex::encode(verified.root).into()),
        ]);
        fields
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::fixture::{ASSET, CHAIN_ID, history_certificate, history_entries};
    use crate::verify::fixture::{HOLDER, ownership_certificate, validators_hash};
    use crate::verify::{ProofStep, kind_of};
    use tessera_proto::state_key::StateKey;

    fn trust() -> TrustRoot {
        TrustRoot::ValidatorsHash(validators_hash())
    }

    fn honest() -> (Certificate, Vec<Bytes>, VerifiedHistory) {
        let (certificate, entries) = (history_certificate(7), history_entries(7));
        let verified = verify_history(&certificate, &entries, &trust()).unwrap();
        (certificate, entries, verified)
    }

    #[test]
    fn a_whole_history_is_proven() {
        let (certificate, entries, verified) = honest();
        assert_eq!((verified.asset_id, verified.entries.len()), (ASSET, 7));
        let file = HistoryFile::new(&certificate, HistoryEntries::new(&entries), &verified);
        assert_eq!(kind_of(&file.to_text()).as_deref(), Some(AssetHistory::NAME));
        let read = HistoryFile::from_text(&file.to_text()).unwrap();
        assert_eq!(read.chain_id(), CHAIN_ID);
        assert_eq!(read.verify(&trust()), Ok(verified));
        assert!(history_keys(&ASSET).contains(&StateKey::history_head(&ASSET)));
    }

    #[test]
    fn an_asset_without_actions_is_proven_to_have_none() {
        let certificate = history_certificate(0);
        let verified = verify_history(&certificate, &[], &trust()).unwrap();
        assert!(verified.entries.is_empty());
        let invented = verify_history(&certificate, &history_entries(1), &trust());
        assert_eq!(invented, Err(ProofError::HistoryCount { found: 1, expected: 0 }));
    }

    #[test]
    fn omissions_additions_and_changes_of_order_are_refused() {
        let (certificate, entries, _) = honest();
        let verify = |entries: &[Bytes]| verify_history(&certificate, entries, &trust());
        for omitted in 0..entries.len() {
            let mut fewer = entries.clone();
            fewer.remove(omitted);
            let error = verify(&fewer).unwrap_err();
            assert_eq!(error, ProofError::HistoryCount { found: 6, expected: 7 });
            assert_eq!(error.step(), ProofStep::Contents);
            // Another entry in its place does not help.
            let mut replaced = entries.clone();
            replaced[omitted] = history_entries(9).pop().unwrap();
            assert_eq!(verify(&replaced), Err(ProofError::HistoryMismatch));
        }
        let mut swapped = entries.clone();
        swapped.swap(2, 3);
        assert_eq!(verify(&swapped), Err(ProofError::HistoryMismatch));
        let of_ownership = verify_history(&ownership_certificate(&HOLDER), &entries, &trust());
        assert_eq!(of_ownership, Err(ProofError::WrongProofCount { found: 3, expected: 2 }));
    }

    #[test]
    fn single_byte_changes_of_the_file_are_refused() {
        let (certificate, entries, verified) = honest();
        let honest =
            HistoryFile::new(&certificate, HistoryEntries::new(&entries), &verified).to_text();
        let read = |text: &str| HistoryFile::from_text(text).and_then(|file| file.verify(&trust()));
        read(&honest).unwrap();
        let part = honest.find("\"certificate\"").unwrap();
        for index in (0..part + 100).chain((part..honest.len()).step_by(97)) {
            let mut bytes = honest.clone().into_bytes();
            bytes[index] ^= 1;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            assert!(read(&text).is_err(), "byte {index}: {}", &text[index.saturating_sub(20)..]);
        }
    }
}
