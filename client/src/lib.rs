//! Client of the Tessera chain.
//!
//! * [`verify`]: checks proofs without any I/O, so that what a node says need not be believed.

pub mod verify;
