//! Integration tests of the whole chain, over real components.

mod abci;
mod cli;
mod comet;
mod demo;
mod grpc;
mod network;
mod tidy;
