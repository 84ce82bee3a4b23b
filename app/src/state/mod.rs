//! The state: what a transaction sees of it, and the authenticated store beneath.
//!
//! * [`view`], [`access`], [`delta`], [`error`]: what operations work with; [`changes`]: what comes
//!   of them.
//! * [`store`]: committed heights, staged blocks, reads as of a height.
//! * [`tree`]: a Jellyfish Merkle tree, its updates and paths.
//! * [`forest`]: 256 trees and the map of their roots.
//! * `values`, `nodes`: what of them is in memory, in slots of a `clock`.
//! * [`history`]: values, and what they replaced; [`leaves`]: all of a height.
//! * [`proof`]: proofs of single keys.
//! * [`database`]: the embedded database; [`table`]: its tables; [`batch`]: changes of them that
//!   are made together; `gather`: entries on their way there.
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

pub mod access;
pub mod batch;
pub mod changes;
mod clock;
pub mod database;
pub mod delta;
pub mod error;
pub mod forest;
mod gather;
pub mod history;
pub mod leaves;
mod lock;
mod nodes;
pub(crate) mod parallel;
pub mod proof;
pub mod store;
pub mod table;
pub mod tree;
mod values;
pub mod view;
