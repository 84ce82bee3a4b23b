//! Checks proofs of the state, without I/O and without trust in whoever sent them.
//!
//! Nothing here panics on any input.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::panic,
        clippy::float_arithmetic
    )
)]

mod certificate;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod history;
mod history_file;
mod ownership;
mod proof_file;
pub mod simple_map;
mod state_proof;
#[cfg(test)]
mod tests;

use prost_ics23::Message;

pub use certificate::{
    TrustRoot, TrustedHeader, VerifiedCertificate, VerifiedHeader, claimed_validators_hash,
    encode_signed_header, encode_validator_set, verify_certificate, verify_header,
};
pub use error::{ProofError, ProofStep};
pub use history::{VerifiedHistory, history_keys, verify_history};
pub use history_file::HistoryFile;
pub use ownership::{VerifiedOwnership, verify_ownership};
pub use proof_file::{ProofFile, display_time};
pub use state_proof::{VerifiedEntry, verify_entry, verify_state_proof};

/// Serialises an ICS23 proof as it stands in a `StateProof`.
#[must_use]
pub fn encode_commitment_proof(proof: &ics23::CommitmentProof) -> Vec<u8> {
    proof.encode_to_vec()
}
