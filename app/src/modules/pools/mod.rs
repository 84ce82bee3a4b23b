//! Pools of assets, and tranches of one.
//!
//! A **pool** is an asset whose units stand for a basket of units of other assets, its members,
//! which an account without keys keeps. Units are given up for their part of the basket; what the
//! members earn goes to the holders of the pool.
//!
//! **Tranches** are assets that share in the income of another one, their parent, in an order: the
//! most senior gets what is due to it first, the last one gets what is left.
//!
//! # State
//! | leaf | key | written by |
//! |---|---|---|
//! | asset (what it is a pool, tranche or parent of) | asset | `FormPool`, `CreateTranches` |
//! | pool | asset | `FormPool` |
//! | holding (of a member) | member, pool account | whatever moves units |
//! | waterfall | asset | `CreateTranches`, `PayWaterfall` |
//!
//! # Invariants
//! * What was delivered to a pool and is not there any more was redeemed, or withdrawn while
//!   nobody had units, or seized by an agent of the member. No vote, mandate or key moves what a
//!   pool keeps.
//! * No transfer brings units of a pool, or of its tranches, into its own account.
//! * Units of a pool are issued at once, while there are none, so that nobody's part shrinks.
//! * A redemption never lowers what is kept for each unit that remains; the last takes all.
//! * A pool keeps no units of pools: no two of them can keep each other's for ever.
//! * The parts of a payment into a waterfall are the payment, exactly. No tranche gets any of it
//!   while something is due to one before it that has units, save for fractions of a base unit.

mod collect_pool_income;
mod composition;
mod contribute_units;
mod create_tranches;
mod error;
mod form_pool;
mod pay_waterfall;
mod redeem_units;
#[cfg(test)]
mod tests;
mod waterfall;
mod withdraw_units;

pub use collect_pool_income::CollectPoolIncome;
pub use composition::MAX_MEMBERS;
pub use contribute_units::ContributeUnits;
pub use create_tranches::{CreateTranches, Due, MAX_TRANCHES};
pub use error::PoolError;
pub use form_pool::FormPool;
pub use pay_waterfall::PayWaterfall;
pub use redeem_units::RedeemUnits;
pub use waterfall::{outstanding, periods_begun, standing_due};
pub use withdraw_units::WithdrawUnits;
