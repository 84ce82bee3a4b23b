//! Transactions, their parallel execution, blocks and receipts.
//!
//! * [`tx`]: from bytes to a checked transaction; [`verify`]: its signatures,
//!   by the rule in [`signature`].
//! * [`plan`]: which transactions of a block may run side by side; [`overlay`]: what each of
//!   them sees; [`executor`]: runs them, in parallel or serially, with the same results.
//! * [`outcome`]: what became of each transaction, and the hash that commits to it.
//! * [`genesis`]: the first state; [`state_file`]: that of a chain that goes on with another's.
//! * [`ledger`]: one block after another on the store; [`receipts`]: what is kept of them for
//!   queries; [`subjects`]: which accounts and assets a receipt is about.
//! * [`version`]: which blocks a program of which version computes.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::float_arithmetic
    )
)]

pub mod executor;
pub mod fees;
pub mod genesis;
pub mod ledger;
pub mod outcome;
pub mod overlay;
pub mod plan;
pub mod receipts;
pub mod signature;
pub mod state_file;
pub mod subjects;
pub mod tx;
pub mod verify;
pub mod version;
