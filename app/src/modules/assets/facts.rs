//! Reading the asset leaf, and the checks on it that many operations share.

use std::sync::Arc;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::{Asset, AssetClass, AssetStatus};

use super::error::AssetError;
use crate::modules::committed;
use crate::state::error::ExecutionError;
use crate::state::view::StateView;

/// A registered asset.
pub(crate) fn load_asset(
    view: &mut dyn StateView,
    asset: &AssetId,
) -> Result<Arc<Asset>, ExecutionError> {
    let facts = view.asset(asset)?;
    Ok(facts.ok_or(AssetError::UnknownAsset { asset: *asset })?)
}

/// A registered asset that has not come to its end.
pub(crate) fn load_open(
    view: &mut dyn StateView,
    asset: &AssetId,
) -> Result<Arc<Asset>, ExecutionError> {
    let facts = load_asset(view, asset)?;
    let status = facts.status();
    if matches!(status, AssetStatus::Cancelled | AssetStatus::Retired) {
        return Err(AssetError::Closed { name: facts.name.clone(), status }.into());
    }
    Ok(facts)
}

/// A registered asset of class CURRENCY.
pub(crate) fn load_currency(
    view: &mut dyn StateView,
    asset: &AssetId,
) -> Result<Arc<Asset>, ExecutionError> {
    let facts = load_asset(view, asset)?;
    if facts.class() != AssetClass::Currency {
        return Err(AssetError::NotACurrency { name: facts.name.clone() }.into());
    }
    Ok(facts)
}

/// How often an asset was split: what was said of its units before a split is of other units.
pub(super) fn splits(asset: &Asset) -> u32 {
    u32::try_from(asset.splits.len()).unwrap_or(u32::MAX)
}

/// Refuses anybody but the account that registered the asset.
pub(crate) fn require_issuer(asset: &Asset, sender: &Address) -> Result<(), ExecutionError> {
    let issuer = committed::address("issuer", &asset.issuer)?;
    if issuer != *sender {
        let (account, name) = (*sender, asset.name.clone());
        return Err(AssetError::NotIssuer { account, name, issuer }.into());
    }
    Ok(())
}

/// Refuses an asset that is not active.
pub(super) fn require_active(asset: &Asset) -> Result<(), AssetError> {
    if asset.status() != AssetStatus::Active {
        let (name, status) = (asset.name.clone(), asset.status());
        return Err(AssetError::NotActive { name, status });
    }
    Ok(())
}
