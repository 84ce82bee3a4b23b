//! The node: everything around the state machine that touches files, sockets, clocks and processes.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the bans keep the state machine deterministic; nothing here decides its results"
)]

pub mod abci;
pub mod application;
pub mod comet;
pub mod grpc;
pub mod pool;
pub mod solo;
