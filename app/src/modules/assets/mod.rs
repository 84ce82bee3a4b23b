//! The register of assets: registration, appraisals, the life of an asset, its units, who may act
//! for it, and its history.
//!
//! # State
//! | leaf | key | written by |
//! |---|---|---|
//! | asset | asset | all messages here; income, royalties and votes keep their heads in it |
//! | asset totals | asset | `RegisterAsset`, `MintUnits`, `BurnUnits`, who becomes a holder |
//! | asset name | SHA-256 of the name | `RegisterAsset` |
//! | document | asset, number | `RegisterAsset`, `AddDocument` |
//! | appraisal | asset, number | `AppendAppraisal` |
//! | appraiser | address | genesis, `AccreditAppraiser`, `RevokeAccreditation` |
//! | attributes | asset | `RegisterAsset`, `AmendAsset` |
//! | supply copy | asset, record height | `MintUnits`, `BurnUnits`, `SplitUnits` |
//! | nav | asset, currency, account | `SetNav` |
//! | pending action | asset, SHA-256 of it | `ProposeAction`, `WithdrawAction`, the operation |
//! | role grants | asset, account | `GrantRole`, `RevokeRole` |
//! | history head | asset | every message here |
//! | history page | asset, number | every message here |
//!
//! # Invariants
//! * A name belongs to one asset for ever.
//! * The terms of an asset are fixed once it is more than proposed.
//! * Units are issued, burned and moved only while the asset is active; there are never more than
//!   `max_supply`, and only currencies are issued without an appraisal that is valid at the time.
//! * A split changes nobody's part: whatever counts base units is multiplied alike, the supply at
//!   once and all else when it is next read.
//! * Appraisals are appended in the order of the beginning of their validity, so none can be
//!   brought twice or brought back over a newer one.
//! * The history has an entry for every change that a message here makes, and its head commits to
//!   all of them.

mod accredit_appraiser;
mod accreditation;
mod activate_asset;
mod add_document;
mod amend_asset;
mod append_appraisal;
mod appraisals;
mod burn_units;
mod change_asset_status;
mod error;
mod facts;
mod grant_role;
pub(crate) mod history;
mod life_cycle;
mod mint_units;
pub mod nav;
mod propose_action;
mod record_statement;
mod register_asset;
mod revoke_accreditation;
mod revoke_role;
pub mod roles;
pub mod schema;
mod set_nav;
mod set_two_person_rule;
mod split_units;
#[cfg(test)]
mod tests;
mod totals;
pub(crate) mod two_person;
mod withdraw_action;

pub use accredit_appraiser::AccreditAppraiser;
pub use activate_asset::ActivateAsset;
pub use add_document::AddDocument;
pub use amend_asset::AmendAsset;
pub use append_appraisal::{AppendAppraisal, MAX_METHOD_LENGTH};
pub use burn_units::BurnUnits;
pub use change_asset_status::ChangeAssetStatus;
pub use error::AssetError;
pub(crate) use facts::{load_asset, load_currency, load_open, require_issuer};
pub use grant_role::GrantRole;
pub use mint_units::MintUnits;
pub use propose_action::ProposeAction;
pub use record_statement::RecordStatement;
pub use register_asset::{
    Document, MAX_DECIMALS, MAX_DOCUMENTS, MAX_SALT_LENGTH, MAX_TITLE_LENGTH, MAX_URI_LENGTH,
    RegisterAsset,
};
pub use revoke_accreditation::RevokeAccreditation;
pub use revoke_role::RevokeRole;
pub use set_nav::SetNav;
pub use set_two_person_rule::SetTwoPersonRule;
pub use split_units::SplitUnits;
pub(crate) use totals::{apply_holder_count, declare_supply_at, load_totals, supply_at};
pub use withdraw_action::WithdrawAction;
