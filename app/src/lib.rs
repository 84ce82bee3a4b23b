//! State machine and node of the Tessera chain.
#![warn(missing_docs)]
pub mod node;
