//! A certificate as one self-contained file that people can read and keep.
//!
//! The file is JSON in one canonical layout. Its summary is there for people only: it is
//! computed again from the certificate and must agree, so that no byte of the file can be
//! changed unnoticed.

use serde::{Deserialize, Serialize};
use tendermint::Time;
use tessera_proto::amount::Amount;
use tessera_proto::pb::query::v1::{Certificate, StateProof};

use super::certificate::{TrustRoot, claimed_validators_hash};
use super::error::ProofError;
use super::ownership::{VerifiedOwnership, verify_ownership};

/// What the file says it is.
pub(super) const FORMAT: &str = "tessera/proof";
/// Version of the layout.
pub(super) const VERSION: u32 = 1;
/// What this kind of file says that it proves.
const KIND_OWNERSHIP: &str = "ownership";
/// What the summary says of itself.
pub(super) const SUMMARY_NOTE: &str =
    "for people only and not trusted; verification computes it again";
/// Name of the whole in errors.
pub(super) const FILE: &str = "proof file";

/// A proof file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofFile {
    format: String,
    version: u32,
    kind: String,
    chain_id: String,
    state_height: u64,
    summary_not_trusted: Summary,
    certificate: Parts,
}

/// What the certificate proves, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Summary {
    note: String,
    asset: String,
    asset_name: String,
    asset_title: String,
    account: String,
    holds_anything: bool,
    balance: String,
    balance_display: String,
    free: String,
    supply: String,
    supply_display: String,
    block_time: String,
    validators_hash: String,
}

/// The certificate; bytes in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parts {
    proofs: Vec<ProofParts>,
    signed_header: String,
    validator_set: String,
}

/// One state proof; bytes in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofParts {
    key: String,
    value: String,
    shard_proof: String,
    root_proof: String,
}

impl Parts {
    pub(super) fn of(certificate: &Certificate) -> Self {
        let proof = |proof: &StateProof| ProofParts {
            key: hex::encode(&proof.key),
            value: hex::encode(&proof.value),
            shard_proof: hex::encode(&proof.shard_proof),
            root_proof: hex::encode(&proof.root_proof),
        };
        Self {
            proofs: certificate.proofs.iter().map(proof).collect(),
            signed_header: hex::encode(&certificate.signed_header),
            validator_set: hex::encode(&certificate.validator_set),
        }
    }

    pub(super) fn certificate(
        &self,
        chain_id: &str,
        state_height: u64,
    ) -> Result<Certificate, ProofError> {
        Ok(Certificate {
            chain_id: chain_id.to_owned(),
            state_height,
            proofs: self.proofs.iter().map(state_proof).collect::<Result<_, _>>()?,
            signed_header: bytes_of(&self.signed_header, "signed header")?.into(),
            validator_set: bytes_of(&self.validator_set, "validator set")?.into(),
        })
    }
}

impl ProofFile {
    /// The file of an ownership certificate, once it is verified.
    #[must_use]
    pub fn of_ownership(certificate: &Certificate, verified: &VerifiedOwnership) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            kind: KIND_OWNERSHIP.to_owned(),
            chain_id: certificate.chain_id.clone(),
            state_height: certificate.state_height,
            summary_not_trusted: Summary::of(verified),
            certificate: Parts::of(certificate),
        }
    }

    /// Reads a file in its canonical layout. Proves nothing yet.
    ///
    /// # Errors
    /// [`ProofError::Malformed`], [`ProofError::NotCanonical`].
    pub fn from_text(text: &str) -> Result<Self, ProofError> {
        let file: Self =
            serde_json::from_str(text).map_err(|_| ProofError::Malformed { part: FILE })?;
        let known = file.format == FORMAT && file.version == VERSION && file.kind == KIND_OWNERSHIP;
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

    /// The certificate in the file.
    ///
    /// # Errors
    /// [`ProofError::Malformed`].
    pub fn certificate(&self) -> Result<Certificate, ProofError> {
        self.certificate.certificate(&self.chain_id, self.state_height)
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

    /// Checks the certificate, and the summary against it.
    ///
    /// # Errors
    /// Those of [`ProofFile::certificate`] and [`verify_ownership`], then
    /// [`ProofError::SummaryMismatch`].
    pub fn verify(&self, trust: &TrustRoot) -> Result<VerifiedOwnership, ProofError> {
        let verified = verify_ownership(&self.certificate()?, trust)?;
        self.summary_not_trusted.check(&Summary::of(&verified))?;
        Ok(verified)
    }
}

impl Summary {
    fn of(verified: &VerifiedOwnership) -> Self {
        let decimals = verified.asset.decimals.min(18);
        let display = |amount: Amount| amount.display(decimals);
        Self {
            note: SUMMARY_NOTE.to_owned(),
            asset: verified.asset_id.to_string(),
            asset_name: verified.asset.name.clone(),
            asset_title: verified.asset.title.clone(),
            account: verified.account.to_string(),
            holds_anything: !verified.balance().is_zero(),
            balance: verified.balance().to_string(),
            balance_display: display(verified.balance()),
            free: verified.free().to_string(),
            supply: verified.supply.to_string(),
            supply_display: display(verified.supply),
            block_time: display_time(verified.header.time),
            validators_hash: hex::encode(verified.header.validators_hash),
        }
    }

    fn fields(&self) -> [(&'static str, String); 13] {
        [
            ("note", self.note.clone()),
            ("asset", self.asset.clone()),
            ("asset_name", self.asset_name.clone()),
            ("asset_title", self.asset_title.clone()),
            ("account", self.account.clone()),
            ("holds_anything", self.holds_anything.to_string()),
            ("balance", self.balance.clone()),
            ("balance_display", self.balance_display.clone()),
            ("free", self.free.clone()),
            ("supply", self.supply.clone()),
            ("supply_display", self.supply_display.clone()),
            ("block_time", self.block_time.clone()),
            ("validators_hash", self.validators_hash.clone()),
        ]
    }

    fn check(&self, proven: &Self) -> Result<(), ProofError> {
        for ((field, found), (_, proven)) in self.fields().into_iter().zip(proven.fields()) {
            if found != proven {
                return Err(ProofError::SummaryMismatch { field: field.to_owned(), found, proven });
            }
        }
        Ok(())
    }
}

/// A time as people write it, to the second: `2026-11-21 11:40:07 UTC`.
#[must_use]
pub fn display_time(time: Time) -> String {
    let text = time.to_rfc3339();
    let seconds = text.get(..19).unwrap_or(&text).replace('T', " ");
    format!("{seconds} UTC")
}

fn state_proof(parts: &ProofParts) -> Result<StateProof, ProofError> {
    Ok(StateProof {
        key: bytes_of(&parts.key, "key")?.into(),
        value: bytes_of(&parts.value, "value")?.into(),
        shard_proof: bytes_of(&parts.shard_proof, "shard proof")?.into(),
        root_proof: bytes_of(&parts.root_proof, "root proof")?.into(),
    })
}

pub(super) fn bytes_of(text: &str, part: &'static str) -> Result<Vec<u8>, ProofError> {
    let bytes = hex::decode(text).map_err(|_| ProofError::Malformed { part })?;
    // Upper case would be a second spelling.
    if hex::encode(&bytes) == text { Ok(bytes) } else { Err(ProofError::NotCanonical { part }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::ProofStep;
    use crate::verify::fixture::{HOLDER, STRANGER, ownership_certificate, validators_hash};
    use tessera_proto::id::Address;

    fn trust() -> TrustRoot {
        TrustRoot::ValidatorsHash(validators_hash())
    }

    fn file_of(account: &Address) -> ProofFile {
        let certificate = ownership_certificate(account);
        let verified = verify_ownership(&certificate, &trust()).unwrap();
        ProofFile::of_ownership(&certificate, &verified)
    }

    #[test]
    fn a_file_carries_its_proof() {
        for account in [HOLDER, STRANGER] {
            let file = file_of(&account);
            let read = ProofFile::from_text(&file.to_text()).unwrap();
            assert_eq!(read, file);
            assert_eq!(read.claimed_validators_hash().unwrap(), validators_hash());
            let verified = read.verify(&trust()).unwrap();
            assert_eq!(
                (verified.account, account == HOLDER),
                (account, verified.holding.is_some())
            );
        }
        assert!(file_of(&HOLDER).to_text().contains("\"balance\": \"120\""));
    }

    #[test]
    fn single_byte_changes_of_the_file_are_refused() {
        let honest = file_of(&HOLDER).to_text();
        let read = |text: &str| ProofFile::from_text(text).and_then(|file| file.verify(&trust()));
        read(&honest).unwrap();
        // The bytes of the certificate itself are changed one by one where it is tested.
        let certificate = honest.find("\"certificate\"").unwrap();
        for index in (0..certificate + 200).chain((certificate..honest.len()).step_by(31)) {
            let mut bytes = honest.clone().into_bytes();
            bytes[index] ^= 1;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            assert!(read(&text).is_err(), "byte {index}: {}", &text[index.saturating_sub(20)..]);
        }
        for text in [format!("{honest} "), format!(" {honest}"), honest.replace("  ", "\t")] {
            assert!(read(&text).is_err());
        }
    }

    #[test]
    fn a_changed_summary_is_named() {
        let honest = file_of(&HOLDER).to_text();
        let forged = honest.replace("\"balance\": \"120\"", "\"balance\": \"999\"");
        let error = ProofFile::from_text(&forged).unwrap().verify(&trust()).unwrap_err();
        assert_eq!(error.step(), ProofStep::Contents);
        assert_eq!(error.to_string(), "the summary says `balance` is `999`, proven is `120`");
    }

    #[test]
    fn times_are_shown_to_the_second() {
        let time = Time::from_unix_timestamp(1_795_261_207, 500_000_000).unwrap();
        assert_eq!(display_time(time), "2026-11-21 11:40:07 UTC");
    }
}
