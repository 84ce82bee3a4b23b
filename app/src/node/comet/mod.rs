//! CometBFT as our consensus engine: the program, its home folders, its process and its RPC.

pub mod binary;
pub mod clock;
pub mod config;
pub mod genesis;
pub mod headers;
pub mod home;
pub mod keys;
pub mod local_net;
pub mod process;
pub mod rpc;
