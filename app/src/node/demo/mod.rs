//! The demonstration: a chain of real nodes, and everything it promises shown on it.
//!
//! Every step asks the chain what has become of it and compares the answer with what it computed
//! itself: balances, codes, hashes, proofs. The first thing that does not hold ends it.

mod books;
mod import;
mod names;
pub mod register;
mod run;
mod scene;
mod screen;
mod steps;
mod trust;

pub use import::genesis as register_genesis;
pub use run::{DemoOptions, Interrupted, Story, run};
