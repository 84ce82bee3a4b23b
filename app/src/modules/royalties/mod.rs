//! Royalties: payments split among fixed recipients, to the base unit.
//!
//! # State
//! | leaf | key | written by |
//! |---|---|---|
//! | royalty schedule | asset | `SetRoyaltySchedule` |
//!
//! # Invariants
//! * The shares of a schedule add up to the whole.
//! * What a payer gives is what the recipients get.

mod error;
mod pay_royalty;
mod schedule;
mod set_royalty_schedule;
#[cfg(test)]
mod tests;

pub use error::RoyaltyError;
pub use pay_royalty::PayRoyalty;
pub use schedule::{MAX_SHARES, Schedule};
pub use set_royalty_schedule::SetRoyaltySchedule;
