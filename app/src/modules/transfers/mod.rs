//! Holdings, the ledger of the chain, and moving units from one account to another.
//!
//! # State
//! | leaf | key | written by |
//! |---|---|---|
//! | holding | asset, account | whatever moves units |
//! | allowance | asset, hash of owner and spender | `ApproveSpender`, `TransferFrom` |
//! | encumbrances | asset, account | transfers to who must accept first, and `compliance` |
//! | holding copy | asset, account, record height | the first change of a holding after a record |
//!
//! # Invariants
//! * The balances of an asset sum up to its supply.
//! * `holder_count` is the number of holdings with a balance above zero.
//! * A holding that says nothing is absent: no balance, no restriction, no income to claim and
//!   no older balance that a record date may still ask for.
//! * A balance never falls below what is encumbered or frozen by a debit of its owner.

mod accept_asset;
pub(crate) mod acceptance;
mod approve_spender;
mod batch_transfer;
pub(crate) mod encumbrances;
mod error;
pub mod holdings;
pub(crate) mod movement;
pub(crate) mod record;
mod set_opt_in;
#[cfg(test)]
mod tests;
mod transfer;
mod transfer_from;

pub use accept_asset::AcceptAsset;
pub use approve_spender::ApproveSpender;
pub use batch_transfer::{BatchTransfer, MAX_LEGS};
pub use error::TransferError;
pub use set_opt_in::SetOptIn;
pub use transfer::Transfer;
pub use transfer_from::TransferFrom;
