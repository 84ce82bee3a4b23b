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

pub mod simple_map;

use prost_ics23::Message;

/// Serialises an ICS23 proof as it stands in a `StateProof`.
#[must_use]
pub fn encode_commitment_proof(proof: &ics23::CommitmentProof) -> Vec<u8> {
    proof.encode_to_vec()
}
