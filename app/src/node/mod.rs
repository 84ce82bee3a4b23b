//! The node: everything around the state machine that touches files, sockets, clocks and processes.

pub mod abci;
pub mod application;
pub mod comet;
pub mod pool;
pub mod solo;
