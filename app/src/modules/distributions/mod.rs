//! Income of an asset, shared pro rata among all its units at once.
//!
//! A payment raises an index per currency in the asset leaf (income per base unit, times 2^128);
//! a holding remembers up to which index it has been settled. So a payment costs the same for
//! ten holders and ten million, and nothing ever loops over holders.
//!
//! # State
//! | leaf | key | written by |
//! |---|---|---|
//! | asset (income indexes) | asset | `PayIncome` |
//! | holding (settled income) | asset, account | every change of the holding, `ClaimIncome` |
//!
//! # Invariants
//! * The income pool of an asset holds at least what its holders may claim. Whole shares come out
//!   whole; a fraction of a base unit counts at the next claim, or stays in the pool when the
//!   balance changes first.
//! * An asset has income in at most [`MAX_INCOME_CURRENCIES`] currencies. Only its issuer adds
//!   one, so that nobody can fill the list with worthless ones; the fee currency anybody may.

mod claim_income;
mod claimable;
mod error;
mod pay_income;
#[cfg(test)]
mod tests;

pub use claim_income::ClaimIncome;
pub use claimable::claimable;
pub use error::DistributionError;
pub use pay_income::{MAX_INCOME_CURRENCIES, PayIncome};
