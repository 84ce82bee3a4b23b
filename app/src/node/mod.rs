//! The node: everything around the state machine that touches files, sockets, clocks and processes.

pub mod abci;
pub mod comet;
pub mod solo;
