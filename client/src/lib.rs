//! Client of the Tessera chain.
//!
//! * [`verify`]: checks proofs without any I/O, so that what a node says need not be believed.
//! * [`signer`], [`keystore`]: keys that sign, and where they are kept.
//! * [`operations`], [`tx_builder`]: what a transaction does, and its exact bytes.

pub mod keystore;
pub mod operations;
pub mod signer;
pub mod tx_builder;
pub mod verify;
