//! Test harness: chains in temporary folders, random transactions, and a naive model of what
//! they must do.
//!
//! * [`fixture`]: people, a genesis document, and chains driven block by block.
//! * [`builders`]: transactions, right and wrong ones, from a few random numbers.
//! * [`model`]: what each transaction must do, written down as plainly as possible and sharing
//!   no code with the state machine.
//! * [`programs`]: the built programs, run as processes.

pub mod builders;
pub mod fixture;
pub mod model;
pub mod programs;
