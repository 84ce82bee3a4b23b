//! Integration tests of the whole chain, over real components.

mod abci;
mod bench;
mod cli;
mod comet;
mod demo;
mod execution;
mod export;
mod grpc;
mod network;
mod pages;
mod pool;
mod proofs;
mod refusals;
mod replay;
mod signatures;
mod store;
mod tidy;
mod upgrade;
