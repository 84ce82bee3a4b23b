//! Compliance: every refusal, and what a freeze, a claim, a rule, a hold, a seizure and a
//! recovery do to each other.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod acceptance;
mod denial;
mod desk;
mod distributions;
mod enforcement;
mod holds;
mod identities;
mod matrix;
mod model;
mod rules;
