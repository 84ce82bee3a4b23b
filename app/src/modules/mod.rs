//! The capabilities of the chain, one folder each, all of one shape: a file per message with what
//! it checks and changes, `error.rs` with the refusals and their stable codes.
//!
//! A module may use those above it in this list, never those below:
//! `eligibility`, `transfers`, `accounts`, `assets`, `compliance`, `royalties`, `market`,
//! `distributions`, `pools`, `votes`, `router`, `delegation`. Transfers come early because their
//! holdings are the ledger that every other module moves value on; eligibility comes first because
//! it decides whether they may; delegation comes last because it runs the operations of all others.
//!
//! In every codespace codes 1 to 9 are those of [`fields::FieldError`].
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

pub mod accounts;
pub mod assets;
mod committed;
pub mod compliance;
mod context;
pub mod delegation;
pub mod distributions;
pub mod eligibility;
pub mod fields;
#[cfg(test)]
mod many_holders;
pub mod market;
#[cfg(test)]
mod pitfalls;
pub mod pools;
#[cfg(test)]
mod properties;
pub mod router;
pub mod royalties;
#[cfg(test)]
pub(crate) mod testing;
pub mod transfers;
pub mod votes;

pub use context::{BlockInfo, Context, Message};
