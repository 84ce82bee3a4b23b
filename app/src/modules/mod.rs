//! The capabilities of the chain, one folder each, all of one shape: a file per message with what
//! it checks and changes, `error.rs` with the refusals and their stable codes.
//!
//! A module may use those above it in this list, never those below:
//! `accounts`, `assets`, `transfers`, `royalties`, `distributions`, `votes`.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic
)]

mod context;

pub use context::{BlockInfo, Context, Message};
