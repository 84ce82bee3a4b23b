//! The node: everything around the state machine that touches files, sockets, clocks and processes.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the bans keep the state machine deterministic; nothing here decides its results"
)]

pub mod abci;
pub mod application;
pub mod bench;
mod candidate;
pub mod cli;
pub mod comet;
pub mod config;
pub mod demo;
pub mod folder;
pub mod grpc;
pub mod local_chain;
pub mod output;
pub mod pool;
pub mod runtime;
pub mod solo;
mod standing;
