//! The gRPC services of a node, over the wire, on a chain with a solo sequencer.

mod chain;
mod limits;
mod proofs;
mod queries;
mod reflection;
mod transactions;
