//! Royalties: payments split among the recipients of an asset, to the base unit.
//!
//! A schedule of few recipients pays them at once. One of up to 10,000 recipients is a list,
//! written page by page: what is paid to it adds up in one total per currency, and each recipient
//! claims its part of that total whenever it likes, at a cost that does not depend on the others.
//!
//! A payment into the split is split as a whole. Of a resale the protocol takes the part of the
//! price that the schedule names; `take_from_sale` is how every market does that.
//!
//! # State
//! | leaf | key | written by |
//! |---|---|---|
//! | royalty schedule | asset | `SetRoyaltySchedule`, the last `AddRoyaltyRecipients` of a list |
//! | royalty list | asset | `AddRoyaltyRecipients` |
//! | royalty recipient | asset, list, account | `AddRoyaltyRecipients`, `ClaimRoyalty` |
//! | royalty receipts | asset, list, currency | payments, by commutative adds |
//! | royalty list facts | asset, list | `AddRoyaltyRecipients`, payments |
//!
//! `PruneRoyaltyList` removes the last three of a list that is not paid any more.
//!
//! # Invariants
//! * The shares of a schedule add up to the whole.
//! * What a payer gives is what the recipients get, or what the royalty pool gets for them.
//! * The royalty pool holds at least what all recipients of all lists may claim.
//! * Whoever has something to claim stays on its list.

mod add_recipients;
mod claim_royalty;
mod error;
mod list_facts;
mod pay_royalty;
mod prune_list;
mod receipts;
mod schedule;
mod set_royalty_schedule;
mod split;
#[cfg(test)]
mod tests;

pub use add_recipients::{AddRoyaltyRecipients, MAX_PAGE, MAX_RECIPIENTS};
pub use claim_royalty::{ClaimRoyalty, MAX_TAKEN_CURRENCIES};
pub use error::RoyaltyError;
pub use pay_royalty::PayRoyalty;
pub use prune_list::{PruneRoyaltyList, is_abandoned};
pub(crate) use receipts::apply_receipts;
pub use receipts::claimable_royalty;
pub use schedule::{MAX_SHARES, Schedule};
pub use set_royalty_schedule::SetRoyaltySchedule;
pub(crate) use set_royalty_schedule::{declare_store, store_schedule};
pub(crate) use split::{declare_sale, take_from_sale};
