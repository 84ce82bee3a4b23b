//! Income of an asset: shared among all its units at once, or promised to the holders of record.
//!
//! **Continuous income**: a payment raises an index per currency in the asset leaf (income per base
//! unit, times 2^128); a holding remembers up to which index it has been settled. So a payment
//! costs the same for ten holders and ten million, and nothing ever loops over holders.
//!
//! **Distributions**: an amount per unit for all who held the asset at a record date, paid in when
//! it is declared, in one step for any number of holders. Each is paid once, by its own claim or
//! in pages. **Coupons** are a schedule of distributions whose amounts the chain computes.
//!
//! # State
//! | leaf | key | written by |
//! |---|---|---|
//! | asset (income indexes) | asset | `PayIncome` |
//! | holding (settled income) | asset, account | every change of the holding, `ClaimIncome` |
//! | record | asset, number | `TakeRecord`, ballots, distributions; removed by `PruneRecords` |
//! | distribution | asset, number | `DeclareDistribution`, `PayCoupon`, `CloseDistribution` |
//! | holder terms | asset, number, account | `DeclareDistribution`, `PayCoupon` |
//! | distribution payout | asset, number, account | `ClaimDistribution`, `PushDistribution` |
//! | coupon schedule | asset, number | `DeclareCoupons`, `PayCoupon` |
//!
//! # Invariants
//! * The income pool of an asset holds at least what its holders may claim. Whole shares come out
//!   whole; a fraction of a base unit counts at the next claim, or stays in the pool when the
//!   balance changes first.
//! * An asset has income in at most [`MAX_INCOME_CURRENCIES`] currencies. Only its issuer adds
//!   one, so that nobody can fill the list with worthless ones; the fee currency anybody may.
//! * The pool of a distribution holds at least what its holders of record have not been paid yet;
//!   what was paid and what is left are what was paid in.
//! * A record date that a distribution or ballot under way uses keeps all its balances.

mod claim_distribution;
mod claim_income;
mod claimable;
mod close_distribution;
mod coupons;
mod declare_coupons;
mod declare_distribution;
mod error;
mod open;
mod pay_coupon;
mod pay_income;
mod payout;
mod prune_records;
mod push_distribution;
#[cfg(test)]
mod record_tests;
pub(crate) mod records;
mod take_record;
mod terms;
#[cfg(test)]
mod tests;

pub use claim_distribution::ClaimDistribution;
pub use claim_income::ClaimIncome;
pub(crate) use claim_income::collect as collect_income;
pub use claimable::claimable;
pub use close_distribution::CloseDistribution;
pub use coupons::coupon;
pub use declare_coupons::{DeclareCoupons, MAX_DAY, MAX_PERIODS, MAX_RATE_PPM};
pub use declare_distribution::DeclareDistribution;
pub use error::DistributionError;
pub use open::Rate;
pub use pay_coupon::PayCoupon;
pub use pay_income::{MAX_INCOME_CURRENCIES, PayIncome};
pub use payout::{Due, due_to};
pub use prune_records::{MAX_PRUNED_ACCOUNTS, PruneRecords};
pub use push_distribution::PushDistribution;
pub use take_record::TakeRecord;
pub use terms::{MAX_LISTED, Terms};
