//! Sponsors and mandates: every refusal in order of precedence, and what gets past neither.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod mandates;
mod sponsors;
