//! The services of the node over gRPC, all on one port.
//!
//! * [`server`]: the port and its limits; `connections`: what each connection may cost.
//! * `services`: what all services share; `view`: the state as of a block; `pages`: lists.
//! * `transactions`, `admission`, `waiting`: transactions in, receipts out.
//! * `chain`, `proofs`, `register` (all holders, proven), and one file per module for its queries.
//!
//! Reads of the state run on threads of their own, a bounded number at a time. A stream whose
//! reader is too slow ends with an error that says so; it never grows.

mod accounts;
mod admission;
mod assets;
mod chain;
mod compliance;
mod connections;
mod distributions;
mod holdings;
mod market;
mod pages;
mod pools;
mod proofs;
mod register;
mod royalties;
pub mod server;
mod services;
mod status;
mod submit_stream;
mod transactions;
mod view;
mod votes;
mod waiting;

pub use server::{DEFAULT_ADDRESS, GrpcConfig, GrpcError, GrpcServer};
pub use services::ChainMode;
