//! What an asset is worth, by whom, since when, and for how long that may be used.
//!
//! Each account's word stands under its own key, so nobody's overwrites another's. A reader
//! names whose word it takes, and is refused one that is too old.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::{Asset, Nav};
use tessera_proto::state_key::StateKey;

use super::error::AssetError;
use super::facts::{load_asset, splits};
use crate::modules::committed;
use crate::state::access::AccessSet;
use crate::state::error::ExecutionError;
use crate::state::view::{Leaves, StateView};

/// Declares what [`price`] reads.
pub fn declare(access: &mut AccessSet, asset: &AssetId, currency: &AssetId, stated_by: &Address) {
    access.read(StateKey::asset(asset));
    access.read(StateKey::nav(asset, currency, stated_by));
}

/// The price of one unit (10^decimals base units) of an asset, in base units of the currency,
/// as an account has stated it.
///
/// # Errors
/// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::NavMissing`],
/// [`AssetError::NavStale`], [`AssetError::NavBeforeSplit`].
pub fn price(
    view: &mut dyn StateView,
    asset: &AssetId,
    currency: &AssetId,
    stated_by: &Address,
    now_ms: u64,
) -> Result<Amount, ExecutionError> {
    let facts = load_asset(view, asset)?;
    let name = facts.name.clone();
    let nav: Option<Nav> = view.load(&StateKey::nav(asset, currency, stated_by))?;
    let Some(nav) = nav else {
        let stated_by = *stated_by;
        return Err(AssetError::NavMissing { name, stated_by }.into());
    };
    if is_stale(&nav, now_ms) {
        return Err(stale(name, &nav, now_ms).into());
    }
    if is_of_other_units(&nav, &facts) {
        let stated_by = *stated_by;
        return Err(AssetError::NavBeforeSplit { name, stated_by }.into());
    }
    Ok(committed::amount("price", &nav.price)?)
}

/// Whether the asset was split since a price was stated.
#[must_use]
pub fn is_of_other_units(nav: &Nav, asset: &Asset) -> bool {
    nav.split_count != splits(asset)
}

/// Whether a price is too old to be used: its time has reached its age.
#[must_use]
pub fn is_stale(nav: &Nav, now_ms: u64) -> bool {
    now_ms >= end_ms(nav)
}

pub(super) fn stale(name: String, nav: &Nav, time_ms: u64) -> AssetError {
    AssetError::NavStale { name, until_ms: end_ms(nav), time_ms }
}

fn end_ms(nav: &Nav) -> u64 {
    nav.computed_at_ms.saturating_add(nav.max_age_ms)
}
