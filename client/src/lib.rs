//! Client of the Tessera chain.
//!
//! * [`verify`]: checks proofs without any I/O, so that what a node says need not be believed.
//! * [`signer`], [`keystore`]: keys that sign, and where they are kept.
//! * [`operations`], [`tx_builder`]: what a transaction does, and its exact bytes.
//! * [`client`]: the typed client of a node; it hides nonces, fees and retries.
//! * [`trust`]: which validators are trusted, remembered between runs.
//! * [`cli`]: the `tessera` command.
//! * [`error`]: why something did not happen.

pub mod cli;
pub mod client;
pub mod error;
pub mod keystore;
#[cfg(test)]
mod mock_node;
pub mod operations;
pub mod signer;
pub mod trust;
pub mod tx_builder;
pub mod tx_file;
pub mod verify;

pub use client::{Client, SendOptions};
pub use error::{ClientError, Refusal};
pub use signer::Signer;
pub use tx_builder::{PreparedTransaction, TransactionBuilder, TransactionId};
