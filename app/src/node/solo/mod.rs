//! An embedded sequencer: one validator in this process, with real signed headers and no network.
//!
//! It drives the application through the same calls as CometBFT and builds the same blocks, so
//! proofs verify in the same way. It tolerates no faults: it is not BFT and never says it is.

mod block;
mod engine;
mod error;
mod log;
mod sequencer;
mod state;
#[cfg(test)]
mod tests;

pub use error::SoloError;
pub use log::LogError;
pub use sequencer::{Sequencer, SoloConfig, SoloHandle};

/// How the sequencer names itself to the application.
const SOFTWARE: &str = concat!("tessera-solo/", env!("CARGO_PKG_VERSION"));
