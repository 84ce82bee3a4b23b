//! Proofs as self-contained files that people can read and keep.
//!
//! A file is JSON in one canonical layout. Its summary is there for people only: it is computed
//! again from what is proven and must agree, so that no byte of the file can be changed
//! unnoticed. What differs from kind to kind is a [`Kind`].

use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use tendermint::Time;
use tessera_proto::pb::query::v1::{Certificate, StateProof};

use super::certificate::{TrustRoot, VerifiedHeader, claimed_validators_hash};
use super::error::ProofError;

/// What the file says it is.
const FORMAT: &str = "tessera/proof";
/// Version of the layout.
const VERSION: u32 = 1;
/// What the summary says of itself.
const SUMMARY_NOTE: &str = "for people only and not trusted; verification computes it again";
/// Name of the whole in errors.
const FILE: &str = "proof file";

/// A kind of proof.
pub trait Kind: Sized {
    /// What its files say that they prove.
    const NAME: &'static str;

    /// What stands in its files between summary and certificate.
    type Body: Clone + PartialEq + fmt::Debug + Serialize + DeserializeOwned;

    /// What is proven.
    type Verified;

    /// Checks a certificate together with the body.
    ///
    /// # Errors
    /// [`ProofError`], in the order of its steps.
    fn verify(
        certificate: &Certificate,
        body: &Self::Body,
        trust: &TrustRoot,
    ) -> Result<Self::Verified, ProofError>;

    /// The header that everything else is under.
    fn header(verified: &Self::Verified) -> &VerifiedHeader;

    /// What is proven, for people: names and values, without what the header says.
    fn summary(verified: &Self::Verified) -> Vec<(&'static str, Value)>;
}

/// The body of a kind that needs none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoBody {}

/// A proof file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct ProofFile<K: Kind> {
    format: String,
    version: u32,
    kind: String,
    chain_id: String,
    state_height: u64,
    summary_not_trusted: Summary,
    #[serde(flatten)]
    body: K::Body,
    certificate: Parts,
}

/// What is proven, for people: names and values in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Summary(Vec<(String, Value)>);

/// The certificate; bytes in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Parts {
    proofs: Vec<ProofParts>,
    signed_header: String,
    validator_set: String,
}

/// One state proof; bytes in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ProofParts {
    key: String,
    value: String,
    shard_proof: String,
    root_proof: String,
}

/// The kind that a text says it is of. Proves nothing.
#[must_use]
pub fn kind_of(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        kind: String,
    }
    serde_json::from_str(text).ok().map(|Named { kind }| kind)
}

impl<K: Kind> ProofFile<K> {
    /// The file of a certificate and what belongs to it, once they are verified.
    #[must_use]
    pub fn new(certificate: &Certificate, body: K::Body, verified: &K::Verified) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            kind: K::NAME.to_owned(),
            chain_id: certificate.chain_id.clone(),
            state_height: certificate.state_height,
            summary_not_trusted: Summary::of::<K>(verified),
            body,
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
        if file.format != FORMAT || file.version != VERSION || file.kind != K::NAME {
            return Err(ProofError::Malformed { part: FILE });
        }
        // Anything that was not read, or has another spelling, is not written again.
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

    /// Checks the certificate with the body, and the summary against them.
    ///
    /// # Errors
    /// Those of [`ProofFile::certificate`] and [`Kind::verify`], then
    /// [`ProofError::SummaryMismatch`].
    pub fn verify(&self, trust: &TrustRoot) -> Result<K::Verified, ProofError> {
        let verified = K::verify(&self.certificate()?, &self.body, trust)?;
        self.summary_not_trusted.check(&Summary::of::<K>(&verified))?;
        Ok(verified)
    }
}

impl Summary {
    fn of<K: Kind>(verified: &K::Verified) -> Self {
        let header = K::header(verified);
        let mut fields = vec![("note", SUMMARY_NOTE.into())];
        fields.extend(K::summary(verified));
        fields.push(("block_time", display_time(header.time).into()));
        fields.push(("validators_hash", hex::encode(header.validators_hash).into()));
        Self(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn check(&self, proven: &Self) -> Result<(), ProofError> {
        if self == proven {
            return Ok(());
        }
        let nothing = (String::new(), Value::Null);
        let length = self.0.len().max(proven.0.len());
        let at = |summary: &Self, index| summary.0.get(index).unwrap_or(&nothing).clone();
        let pairs = (0..length).map(|index| (at(self, index), at(proven, index)));
        let different = pairs.into_iter().find(|(found, proven)| found != proven);
        let (found, proven) = different.unwrap_or_default();
        let field = if proven.0.is_empty() { found.0 } else { proven.0 };
        let (found, proven) = (plain(&found.1), plain(&proven.1));
        Err(ProofError::SummaryMismatch { field, found, proven })
    }
}

/// A value as people write it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Summary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Summary;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("names and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Summary, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Summary(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl Parts {
    fn of(certificate: &Certificate) -> Self {
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

    fn certificate(&self, chain_id: &str, state_height: u64) -> Result<Certificate, ProofError> {
        Ok(Certificate {
            chain_id: chain_id.to_owned(),
            state_height,
            proofs: self.proofs.iter().map(state_proof).collect::<Result<_, _>>()?,
            signed_header: bytes_of(&self.signed_header, "signed header")?.into(),
            validator_set: bytes_of(&self.validator_set, "validator set")?.into(),
        })
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
    use crate::verify::fixture::{HOLDER, STRANGER, ownership_certificate, validators_hash};
    use crate::verify::{Ownership, OwnershipFile, ProofStep, verify_ownership};
    use tessera_proto::id::Address;

    fn trust() -> TrustRoot {
        TrustRoot::ValidatorsHash(validators_hash())
    }

    fn file_of(account: &Address) -> OwnershipFile {
        let certificate = ownership_certificate(account);
        let verified = verify_ownership(&certificate, &trust()).unwrap();
        ProofFile::new(&certificate, NoBody {}, &verified)
    }

    #[test]
    fn a_file_carries_its_proof() {
        assert_eq!(kind_of(&file_of(&HOLDER).to_text()).as_deref(), Some(Ownership::NAME));
        for account in [HOLDER, STRANGER] {
            let file = file_of(&account);
            let read = OwnershipFile::from_text(&file.to_text()).unwrap();
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
        let read =
            |text: &str| OwnershipFile::from_text(text).and_then(|file| file.verify(&trust()));
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
        let error = OwnershipFile::from_text(&forged).unwrap().verify(&trust()).unwrap_err();
        assert_eq!(error.step(), ProofStep::Contents);
        assert_eq!(error.to_string(), "the summary says `balance` is `999`, proven is `120`");
    }

    #[test]
    fn times_are_shown_to_the_second() {
        let time = Time::from_unix_timestamp(1_795_261_207, 500_000_000).unwrap();
        assert_eq!(display_time(time), "2026-11-21 11:40:07 UTC");
    }
}
