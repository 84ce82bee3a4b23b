//! Compliance: identities and claims, rules of regulated assets, and what an agent, an escrow
//! agent or the authority of the chain may do to holdings.
//!
//! # State
//! | leaf | key | written by |
//! |---|---|---|
//! | identity | address of its first account | `RegisterIdentity`, `LinkWallet`, `UnlinkWallet` |
//! | encumbrances | asset, account | holds; a forced transfer; recovery |
//!
//! and the leaves of [`eligibility`](super::eligibility), except those that movements write.
//!
//! # Invariants
//! * `wallet_count` of an identity is the number of wallets that name it, at least one.
//! * `encumbered` of a holding is the sum of its encumbrances, and at most its balance.
//! * A claim is valid while the time is below its end and below its revocation.

mod agent;
mod authority;
pub(crate) mod encumbrances;
mod error;
mod execute_hold;
mod forced_transfer;
mod freeze_holder;
mod issue_claim;
mod link_wallet;
mod pause_asset;
mod place_hold;
mod recover_wallet;
mod refresh_holder;
mod register_identity;
mod release_hold;
mod revoke_claim;
mod revoke_issuer;
mod set_exemptions;
mod set_frozen;
mod set_rules;
mod set_sanction;
#[cfg(test)]
mod tests;
mod unlink_wallet;

pub use encumbrances::MAX_ENCUMBRANCES;
pub use error::ComplianceError;
pub use execute_hold::ExecuteHold;
pub use forced_transfer::ForcedTransfer;
pub use freeze_holder::{FreezeHolder, UnfreezeHolder};
pub use issue_claim::IssueClaim;
pub use link_wallet::{LinkWallet, MAX_WALLETS};
pub use pause_asset::{PauseAsset, ResumeAsset};
pub use place_hold::PlaceHold;
pub use recover_wallet::RecoverWallet;
pub use refresh_holder::RefreshHolder;
pub use register_identity::RegisterIdentity;
pub use release_hold::ReleaseHold;
pub use revoke_claim::RevokeClaim;
pub use revoke_issuer::RevokeIssuer;
pub use set_exemptions::SetExemptions;
pub use set_frozen::SetFrozen;
pub use set_rules::SetRules;
pub use set_sanction::SetSanction;
pub use unlink_wallet::UnlinkWallet;
