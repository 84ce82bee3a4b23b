//! The state: what a transaction sees of it, and the authenticated store beneath.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic
)]

pub mod access;
pub mod delta;
pub mod error;
pub mod view;
