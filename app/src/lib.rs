//! State machine and node of the Tessera chain.
//!
//! * [`state`]: the authenticated store, and what a transaction sees of it.
//! * [`num`]: exact arithmetic.
//! * [`modules`]: one folder per capability; what each operation checks and changes.
//! * [`chain`]: transactions, their parallel execution, blocks and receipts.
//! * [`node`]: files, sockets, clocks and processes around all that.
//!
//! Everything but [`node`] is deterministic: the same blocks give the same state on every
//! machine, with any number of threads.

pub mod chain;
pub mod modules;
pub mod node;
pub mod num;
pub mod state;
