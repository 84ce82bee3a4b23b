//! Accounts: who may sign, in what order transactions count, and prepaid fees.
//!
//! # State
//! | leaf | key | written by |
//! |---|---|---|
//! | account | address | every transaction of the account, `RotateKeys`, `TopUpFees` |
//! | fee pot | - | every transaction |
//! | sponsorship | sponsor, account | transactions that name the sponsor as payer, `delegation` |
//!
//! # Invariants
//! * The fee pool holds exactly the sum of all prepaid fees, what is set aside of them for
//!   others, and the fee pot.
//! * No sequence number of a lane is taken twice.
//! * The weights of an authority can reach its threshold.

mod authority;
mod error;
mod fees;
mod nonce;
mod rotate_keys;
mod sponsorship;
#[cfg(test)]
mod tests;
mod top_up_fees;

pub use authority::{Authority, MAX_KEYS, MAX_WEIGHT, authorise};
pub use error::AccountError;
pub(crate) use fees::apply_fee;
pub use fees::fee_credit;
pub use nonce::{MAX_NONCE_LANES, take_nonce};
pub use rotate_keys::RotateKeys;
pub use sponsorship::Sponsored;
pub use top_up_fees::TopUpFees;
