//! A signed header and the state under it.

use std::collections::BTreeSet;
use std::time::Duration;

use tendermint::block::signed_header::SignedHeader;
use tendermint::block::{Commit, CommitSig, Height};
use tendermint::crypto::default::signature::Verifier as SignatureVerifier;
use tendermint::validator::{Info, Set};
use tendermint::vote::{SignedVote, Type, ValidatorIndex, Vote};
use tendermint::{Hash, Time, chain};
use tendermint_light_client_verifier::options::Options;
use tendermint_light_client_verifier::types::{
    TrustThreshold, TrustedBlockState, UntrustedBlockState,
};
use tendermint_light_client_verifier::{ProdVerifier, Verdict, Verifier};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{
    SignedHeader as RawSignedHeader, ValidatorSet as RawValidatorSet,
};
use tessera_proto::pb::query::v1::Certificate;

use super::error::ProofError;
use super::state_proof::{VerifiedEntry, verify_entry};

/// How far the clock of a trusted header's user may be behind.
const CLOCK_DRIFT: Duration = Duration::from_secs(10);

/// What the verifier believes before it sees the certificate.
#[derive(Debug, Clone)]
pub enum TrustRoot {
    /// The validators are those with this hash.
    ValidatorsHash([u8; 32]),
    /// The header at this height has this hash.
    Header {
        /// Height of the header, one more than that of the proven state.
        height: u64,
        /// Hash of the header.
        hash: [u8; 32],
    },
    /// An older header is trusted; validators that it trusts must have signed the new one.
    Skipping(Box<TrustedHeader>),
}

/// A header trusted earlier, from which trust is carried to a newer one.
#[derive(Debug, Clone)]
pub struct TrustedHeader {
    /// Its chain.
    pub chain_id: chain::Id,
    /// Its height.
    pub height: u64,
    /// Its time.
    pub time: Time,
    /// Hash of the validators that it names for the next block.
    pub next_validators_hash: Hash,
    /// Those validators.
    pub next_validators: Set,
    /// How long the header may be trusted after its time.
    pub trusting_period: Duration,
    /// Time of the check: nothing here reads a clock.
    pub now: Time,
}

/// A header that more than two thirds of a trusted validator set signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedHeader {
    /// Name of the chain.
    pub chain_id: String,
    /// Block whose closing state the header commits to: one less than its own height.
    pub state_height: u64,
    /// Time of the header.
    pub time: Time,
    /// Hash of the header.
    pub header_hash: [u8; 32],
    /// Hash of the validators that signed.
    pub validators_hash: [u8; 32],
    /// Root of the state.
    pub app_hash: Vec<u8>,
    /// Root of the results of the block whose state is proven; none before the first block.
    pub results_hash: Option<[u8; 32]>,
    /// Voting power that signed this header.
    pub signed_power: u64,
    /// Voting power of all validators.
    pub total_power: u64,
    /// Validators that signed this header.
    pub signer_count: usize,
    /// All validators.
    pub validator_count: usize,
}

/// A header and what is proven under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCertificate {
    /// The header.
    pub header: VerifiedHeader,
    /// What each proof of the certificate proves, in its order.
    pub entries: Vec<VerifiedEntry>,
}

/// The one encoding of a signed header that certificates may carry.
#[must_use]
pub fn encode_signed_header(signed_header: &SignedHeader) -> Vec<u8> {
    Protobuf::<RawSignedHeader>::encode_vec(signed_header.clone())
}

/// The one encoding of a validator set that certificates may carry: in order of power and
/// address, without what the set's hash does not cover (proposer and priorities).
#[must_use]
pub fn encode_validator_set(validators: &Set) -> Vec<u8> {
    let mut canonical = validators.clone();
    canonical.proposer = None;
    for validator in &mut canonical.validators {
        validator.proposer_priority = 0.into();
    }
    Protobuf::<RawValidatorSet>::encode_vec(canonical)
}

/// Checks a certificate: header, validators, signatures, trust and every proof.
///
/// # Errors
/// Those of [`verify_header`], then those of [`verify_entry`] for each proof in turn.
pub fn verify_certificate(
    certificate: &Certificate,
    trust: &TrustRoot,
) -> Result<VerifiedCertificate, ProofError> {
    let header = verify_header(certificate, trust)?;
    let entries = certificate
        .proofs
        .iter()
        .map(|proof| verify_entry(proof, &header.app_hash))
        .collect::<Result<_, _>>()?;
    Ok(VerifiedCertificate { header, entries })
}

/// Checks the signed header of a certificate.
///
/// Every vote is checked, also those beyond two thirds, so that no byte can be changed.
///
/// # Errors
/// In order of precedence: [`ProofError::Malformed`] and [`ProofError::NotCanonical`] of either
/// part, [`ProofError::WrongChain`], [`ProofError::WrongHeight`],
/// [`ProofError::HeaderHashMismatch`], [`ProofError::ValidatorSetMismatch`],
/// [`ProofError::DuplicateValidator`], [`ProofError::VoteCountMismatch`],
/// [`ProofError::VoteOfAnother`], [`ProofError::InvalidSignature`],
/// [`ProofError::NotEnoughPower`], [`ProofError::LightClient`],
/// [`ProofError::UntrustedValidators`], [`ProofError::UntrustedHeader`].
pub fn verify_header(
    certificate: &Certificate,
    trust: &TrustRoot,
) -> Result<VerifiedHeader, ProofError> {
    let signed_header = decode_signed_header(&certificate.signed_header)?;
    let validators = decode_validator_set(&certificate.validator_set)?;
    check_header(certificate, &signed_header)?;
    check_validator_set(&signed_header, &validators)?;
    let tally = check_votes(&signed_header, &validators)?;
    let verified = VerifiedHeader {
        chain_id: certificate.chain_id.clone(),
        state_height: certificate.state_height,
        time: signed_header.header.time,
        header_hash: hash_bytes(signed_header.header.hash())?,
        validators_hash: hash_bytes(signed_header.header.validators_hash)?,
        app_hash: signed_header.header.app_hash.as_bytes().to_vec(),
        results_hash: signed_header.header.last_results_hash.and_then(|hash| hash_bytes(hash).ok()),
        signed_power: tally.signed_power,
        total_power: validators.total_voting_power().value(),
        signer_count: tally.signer_count,
        validator_count: validators.validators().len(),
    };
    check_power(&verified)?;
    check_with_light_client(&signed_header, &validators)?;
    check_trust(&verified, &signed_header, &validators, trust)?;
    Ok(verified)
}

/// Hash of the validator set that a certificate carries. Nothing is checked: it is what trust on
/// first use would come to trust, if the certificate then verifies under it.
///
/// # Errors
/// [`ProofError::Malformed`], [`ProofError::NotCanonical`].
pub fn claimed_validators_hash(certificate: &Certificate) -> Result<[u8; 32], ProofError> {
    hash_bytes(decode_validator_set(&certificate.validator_set)?.hash())
}

fn decode_signed_header(bytes: &[u8]) -> Result<SignedHeader, ProofError> {
    let part = "signed header";
    let decoded = <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(bytes)
        .map_err(|_| ProofError::Malformed { part })?;
    if encode_signed_header(&decoded) == bytes {
        Ok(decoded)
    } else {
        Err(ProofError::NotCanonical { part })
    }
}

fn decode_validator_set(bytes: &[u8]) -> Result<Set, ProofError> {
    let part = "validator set";
    let decoded = <Set as Protobuf<RawValidatorSet>>::decode_vec(bytes)
        .map_err(|_| ProofError::Malformed { part })?;
    if encode_validator_set(&decoded) == bytes {
        Ok(decoded)
    } else {
        Err(ProofError::NotCanonical { part })
    }
}

fn check_header(certificate: &Certificate, signed: &SignedHeader) -> Result<(), ProofError> {
    let header = &signed.header;
    if header.chain_id.as_str() != certificate.chain_id {
        return Err(ProofError::WrongChain {
            found: header.chain_id.to_string(),
            expected: certificate.chain_id.clone(),
        });
    }
    if Some(header.height.value()) != certificate.state_height.checked_add(1) {
        return Err(ProofError::WrongHeight {
            state_height: certificate.state_height,
            found: header.height.value(),
        });
    }
    let hash = header.hash();
    if hash != signed.commit.block_id.hash {
        return Err(ProofError::HeaderHashMismatch {
            found: hash.to_string(),
            expected: signed.commit.block_id.hash.to_string(),
        });
    }
    Ok(())
}

fn check_validator_set(signed: &SignedHeader, validators: &Set) -> Result<(), ProofError> {
    let hash = validators.hash();
    if hash != signed.header.validators_hash {
        return Err(ProofError::ValidatorSetMismatch {
            found: hash.to_string(),
            expected: signed.header.validators_hash.to_string(),
        });
    }
    let mut seen = BTreeSet::new();
    for validator in validators.validators() {
        if !seen.insert(validator.address) {
            return Err(ProofError::DuplicateValidator { address: validator.address.to_string() });
        }
    }
    Ok(())
}

struct Tally {
    signed_power: u64,
    signer_count: usize,
}

fn check_votes(signed: &SignedHeader, validators: &Set) -> Result<Tally, ProofError> {
    let commit = &signed.commit;
    let (found, expected) = (commit.signatures.len(), validators.validators().len());
    if found != expected {
        return Err(ProofError::VoteCountMismatch { found, expected });
    }
    let mut tally = Tally { signed_power: 0, signer_count: 0 };
    for (index, (vote, validator)) in
        commit.signatures.iter().zip(validators.validators()).enumerate()
    {
        let Some(voter) = vote.validator_address() else { continue };
        if voter != validator.address {
            return Err(ProofError::VoteOfAnother {
                index,
                found: voter.to_string(),
                expected: validator.address.to_string(),
            });
        }
        check_signature(vote, validator, commit, &signed.header.chain_id)
            .ok_or_else(|| ProofError::InvalidSignature { address: voter.to_string() })?;
        if vote.is_commit() {
            tally.signed_power = tally.signed_power.saturating_add(validator.power());
            tally.signer_count = tally.signer_count.saturating_add(1);
        }
    }
    Ok(tally)
}

fn check_signature(
    vote: &CommitSig,
    validator: &Info,
    commit: &Commit,
    chain_id: &chain::Id,
) -> Option<()> {
    let (timestamp, signature, block_id) = match vote {
        CommitSig::BlockIdFlagAbsent => return Some(()),
        CommitSig::BlockIdFlagCommit { timestamp, signature, .. } => {
            (*timestamp, signature, Some(commit.block_id))
        }
        CommitSig::BlockIdFlagNil { timestamp, signature, .. } => (*timestamp, signature, None),
    };
    let vote = Vote {
        vote_type: Type::Precommit,
        height: commit.height,
        round: commit.round,
        block_id,
        timestamp: Some(timestamp),
        validator_address: validator.address,
        // Not part of what is signed.
        validator_index: ValidatorIndex::try_from(0_u32).ok()?,
        signature: signature.clone(),
        extension: Vec::new(),
        extension_signature: None,
    };
    let signed = SignedVote::from_vote(vote, chain_id.clone())?;
    validator
        .verify_signature::<SignatureVerifier>(
            &SignatureVerifier,
            &signed.sign_bytes(),
            signed.signature(),
        )
        .ok()
}

fn check_power(header: &VerifiedHeader) -> Result<(), ProofError> {
    let (signed, total) = (header.signed_power, header.total_power);
    if u128::from(signed).saturating_mul(3) > u128::from(total).saturating_mul(2) {
        Ok(())
    } else {
        Err(ProofError::NotEnoughPower { signed, total })
    }
}

/// Asks the light client of the consensus engine's own project for a second opinion.
fn check_with_light_client(signed: &SignedHeader, validators: &Set) -> Result<(), ProofError> {
    let verifier = ProdVerifier::default();
    let untrusted =
        UntrustedBlockState { signed_header: signed, validators, next_validators: None };
    accept(verifier.verify_validator_sets(&untrusted))?;
    accept(verifier.verify_commit(&untrusted))
}

fn accept(verdict: Verdict) -> Result<(), ProofError> {
    match verdict {
        Verdict::Success => Ok(()),
        Verdict::NotEnoughTrust(tally) => {
            Err(ProofError::NotEnoughPower { signed: tally.tallied, total: tally.total })
        }
        Verdict::Invalid(detail) => Err(ProofError::LightClient { reason: detail.to_string() }),
    }
}

fn check_trust(
    verified: &VerifiedHeader,
    signed: &SignedHeader,
    validators: &Set,
    trust: &TrustRoot,
) -> Result<(), ProofError> {
    match trust {
        TrustRoot::ValidatorsHash(trusted) if *trusted == verified.validators_hash => Ok(()),
        TrustRoot::ValidatorsHash(trusted) => Err(ProofError::UntrustedValidators {
            found: hex::encode(verified.validators_hash),
            trusted: hex::encode(trusted),
        }),
        TrustRoot::Header { height, hash } => {
            let found_height = signed.header.height.value();
            if *height == found_height && *hash == verified.header_hash {
                return Ok(());
            }
            Err(ProofError::UntrustedHeader {
                found_height,
                found: hex::encode(verified.header_hash),
                height: *height,
                trusted: hex::encode(hash),
            })
        }
        TrustRoot::Skipping(trusted) => check_skipping(signed, validators, trusted),
    }
}

fn check_skipping(
    signed: &SignedHeader,
    validators: &Set,
    trusted: &TrustedHeader,
) -> Result<(), ProofError> {
    if trusted.next_validators.hash() != trusted.next_validators_hash {
        return Err(ProofError::ValidatorSetMismatch {
            found: trusted.next_validators.hash().to_string(),
            expected: trusted.next_validators_hash.to_string(),
        });
    }
    let height = Height::try_from(trusted.height)
        .map_err(|_| ProofError::Malformed { part: "trusted height" })?;
    let options = Options {
        trust_threshold: TrustThreshold::ONE_THIRD,
        trusting_period: trusted.trusting_period,
        clock_drift: CLOCK_DRIFT,
    };
    accept(ProdVerifier::default().verify_update_header(
        UntrustedBlockState { signed_header: signed, validators, next_validators: None },
        TrustedBlockState {
            chain_id: &trusted.chain_id,
            header_time: trusted.time,
            height,
            next_validators: &trusted.next_validators,
            next_validators_hash: trusted.next_validators_hash,
        },
        &options,
        trusted.now,
    ))
}

fn hash_bytes(hash: Hash) -> Result<[u8; 32], ProofError> {
    match hash {
        Hash::Sha256(bytes) => Ok(bytes),
        Hash::None => Err(ProofError::Malformed { part: "header" }),
    }
}
