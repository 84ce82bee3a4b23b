//! The register of assets: registration, appraisals, activation, issuance.
//!
//! # State
//! | leaf | key | written by |
//! |---|---|---|
//! | asset | asset | all messages here; income, royalties and votes keep their heads in it |
//! | asset totals | asset | `RegisterAsset`, `MintUnits`, whatever makes or ends a holder |
//! | asset name | SHA-256 of the name | `RegisterAsset` |
//! | document | asset, number | `RegisterAsset` |
//! | appraisal | asset, number | `AppendAppraisal` |
//! | appraiser | address | genesis |
//! | supply copy | asset, record height | `MintUnits` |
//!
//! # Invariants
//! * A name belongs to one asset for ever.
//! * Units exist only of active assets, never more than `max_supply`, and only currencies are
//!   issued without an appraisal that is valid at the time.
//! * Appraisals are appended in the order of the beginning of their validity, so none can be
//!   brought twice or brought back over a newer one.

mod activate_asset;
mod append_appraisal;
mod appraisals;
mod error;
mod facts;
mod mint_units;
mod register_asset;
#[cfg(test)]
mod tests;
mod totals;

pub use activate_asset::ActivateAsset;
pub use append_appraisal::{AppendAppraisal, MAX_METHOD_LENGTH};
pub use error::AssetError;
pub(crate) use facts::{load_asset, load_currency, require_issuer};
pub use mint_units::MintUnits;
pub use register_asset::{
    Document, MAX_DECIMALS, MAX_DOCUMENTS, MAX_SALT_LENGTH, MAX_TITLE_LENGTH, MAX_URI_LENGTH,
    RegisterAsset,
};
pub(crate) use totals::{apply_holder_count, declare_supply_at, load_totals, supply_at};
