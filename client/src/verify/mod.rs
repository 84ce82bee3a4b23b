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
#[cfg(test)]
mod golden;
mod history;
mod merkle_path;
mod ownership;
mod proof_file;
mod receipt;
mod register;
pub mod simple_map;
mod state_proof;
#[cfg(test)]
mod tests;
mod vote;

use prost_ics23::Message;

pub use certificate::{
    TrustRoot, TrustedHeader, VerifiedCertificate, VerifiedHeader, claimed_validators_hash,
    encode_signed_header, encode_validator_set, verify_certificate, verify_header,
};
pub use error::{ProofError, ProofStep};
pub use history::{
    AssetHistory, HistoryEntries, HistoryFile, VerifiedHistory, history_keys, verify_history,
};
pub use merkle_path::{merkle_root, path_of};
pub use ownership::{Ownership, OwnershipFile, VerifiedOwnership, verify_ownership};
pub use proof_file::{Kind, NoBody, ProofFile, display_time, kind_of};
pub use receipt::{
    ReceiptBody, ReceiptFile, TransactionReceipt, VerifiedReceipt, result_leaf, verify_receipt,
};
pub use register::{
    CompleteRegister, RegisterBody, RegisterFile, VerifiedRegister, register_keys, verify_register,
};
pub use state_proof::{VerifiedEntry, verify_entry, verify_state_proof};
pub use vote::{CountedVote, VerifiedVote, VoteFile, verify_vote, vote_keys};

/// Serialises an ICS23 proof as it stands in a `StateProof`.
#[must_use]
pub fn encode_commitment_proof(proof: &ics23::CommitmentProof) -> Vec<u8> {
    proof.encode_to_vec()
}
