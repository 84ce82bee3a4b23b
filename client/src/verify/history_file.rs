//! The whole history of an asset with its proof, as one self-contained file.
//!
//! Like the file of an ownership certificate: one canonical layout, and a summary that must
//! agree with what is proven.

use bytes::Bytes;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use tessera_proto::pb::query::v1::Certificate;

use super::certificate::{TrustRoot, claimed_validators_hash};
use super::error::ProofError;
use super::history::{VerifiedHistory, verify_history};
use super::proof_file::{FILE, FORMAT, Parts, SUMMARY_NOTE, VERSION, bytes_of, display_time};

/// What this kind of file says that it proves.
const KIND_HISTORY: &str = "history";

/// A proof file of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryFile {
    format: String,
    version: u32,
    kind: String,
    chain_id: String,
    state_height: u64,
    summary_not_trusted: Summary,
    entries: Vec<String>,
    certificate: Parts,
}

/// What the file proves, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Summary {
    note: String,
    asset: String,
    asset_name: String,
    asset_title: String,
    entry_count: String,
    history_root: String,
    block_time: String,
    validators_hash: String,
}

impl HistoryFile {
    /// The file of a history, once it is verified.
    #[must_use]
    pub fn new(certificate: &Certificate, verified: &VerifiedHistory) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            kind: KIND_HISTORY.to_owned(),
            chain_id: certificate.chain_id.clone(),
            state_height: certificate.state_height,
            summary_not_trusted: Summary::of(verified),
            entries: verified.entries.iter().map(|e| hex::encode(e.encode_to_vec())).collect(),
            certificate: Parts::of(certificate),
        }
    }

    /// Whether a text says that it is of this kind. Proves nothing.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        let file: Option<serde_json::Value> = serde_json::from_str(text).ok();
        file.is_some_and(|file| file.get("kind").is_some_and(|kind| kind == KIND_HISTORY))
    }

    /// Reads a file in its canonical layout. Proves nothing yet.
    ///
    /// # Errors
    /// [`ProofError::Malformed`], [`ProofError::NotCanonical`].
    pub fn from_text(text: &str) -> Result<Self, ProofError> {
        let file: Self =
            serde_json::from_str(text).map_err(|_| ProofError::Malformed { part: FILE })?;
        let known = file.format == FORMAT && file.version == VERSION && file.kind == KIND_HISTORY;
        if !known {
            return Err(ProofError::Malformed { part: FILE });
        }
        if file.to_text() == text { Ok(file) } else { Err(ProofError::NotCanonical { part: FILE }) }
    }

    /// The bytes of the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Strings and numbers always serialise.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The chain that the file says it is of.
    #[must_use]
    pub fn chain_id(&self) -> &str {
        &self.chain_id
    }

    /// Hash of the validators that the file carries: what trust on first use would trust.
    ///
    /// # Errors
    /// [`ProofError::Malformed`], [`ProofError::NotCanonical`].
    pub fn claimed_validators_hash(&self) -> Result<[u8; 32], ProofError> {
        claimed_validators_hash(&self.certificate()?)
    }

    /// Checks the certificate, the entries, and the summary against them.
    ///
    /// # Errors
    /// [`ProofError::Malformed`] and [`ProofError::NotCanonical`] of a part, those of
    /// [`verify_history`], then [`ProofError::SummaryMismatch`].
    pub fn verify(&self, trust: &TrustRoot) -> Result<VerifiedHistory, ProofError> {
        let entries = self.entries.iter().map(|entry| bytes_of(entry, "history entry"));
        let entries: Vec<Bytes> =
            entries.map(|bytes| Ok(bytes?.into())).collect::<Result<_, ProofError>>()?;
        let verified = verify_history(&self.certificate()?, &entries, trust)?;
        self.summary_not_trusted.check(&Summary::of(&verified))?;
        Ok(verified)
    }

    fn certificate(&self) -> Result<Certificate, ProofError> {
        self.certificate.certificate(&self.chain_id, self.state_height)
    }
}

impl Summary {
    fn of(verified: &VerifiedHistory) -> Self {
        Self {
            note: SUMMARY_NOTE.to_owned(),
            asset: verified.asset_id.to_string(),
            asset_name: verified.asset.name.clone(),
            asset_title: verified.asset.title.clone(),
            entry_count: verified.entries.len().to_string(),
            history_root: hex::encode(verified.root),
            block_time: display_time(verified.header.time),
            validators_hash: hex::encode(verified.header.validators_hash),
        }
    }

    fn fields(&self) -> [(&'static str, &str); 8] {
        [
            ("note", &self.note),
            ("asset", &self.asset),
            ("asset_name", &self.asset_name),
            ("asset_title", &self.asset_title),
            ("entry_count", &self.entry_count),
            ("history_root", &self.history_root),
            ("block_time", &self.block_time),
            ("validators_hash", &self.validators_hash),
        ]
    }

    fn check(&self, proven: &Self) -> Result<(), ProofError> {
        for ((field, found), (_, proven)) in self.fields().into_iter().zip(proven.fields()) {
            if found != proven {
                let (field, found, proven) = (field.into(), found.into(), proven.into());
                return Err(ProofError::SummaryMismatch { field, found, proven });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::fixture::{ASSET, CHAIN_ID, history_certificate, history_entries};
    use crate::verify::fixture::{HOLDER, ownership_certificate, validators_hash};
    use crate::verify::{ProofStep, history_keys};
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
        let (certificate, _, verified) = honest();
        assert_eq!((verified.asset_id, verified.entries.len()), (ASSET, 7));
        let file = HistoryFile::new(&certificate, &verified);
        assert!(HistoryFile::is_one(&file.to_text()));
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
        let (certificate, _, verified) = honest();
        let honest = HistoryFile::new(&certificate, &verified).to_text();
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
