//! Supply and number of holders.

use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::{Asset, AssetTotals, SupplyCopy};
use tessera_proto::state_key::StateKey;

use crate::modules::BlockInfo;
use crate::modules::committed::broken;
use crate::modules::transfers::holdings;
use crate::modules::transfers::record::Version;
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader, StateView};

/// Totals of a registered asset.
pub(crate) fn load_totals(
    view: &mut dyn StateView,
    asset: &AssetId,
) -> Result<AssetTotals, ExecutionError> {
    let totals = view.load(&StateKey::asset_totals(asset))?;
    Ok(totals.ok_or_else(|| broken(format!("{asset} has no totals")))?)
}

/// Declares what [`set_supply`] touches.
pub(super) fn declare_set_supply(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
) -> Result<(), Fault> {
    access.write(StateKey::asset_totals(asset));
    for record in holdings::record_height(state, asset)? {
        access.write(StateKey::supply_copy(asset, record));
    }
    Ok(())
}

/// Changes the supply, keeping the old one for the record date.
pub(super) fn set_supply(
    view: &mut dyn StateView,
    block: &BlockInfo,
    id: &AssetId,
    asset: &Asset,
    supply: Amount,
) -> Result<(), ExecutionError> {
    let mut totals = load_totals(view, id)?;
    let old = Version::try_from(&totals)?;
    if let Some(record) = old.copy_due(asset, block.height) {
        view.store(StateKey::supply_copy(id, record), &SupplyCopy::from(old))?;
        totals.copy_height = record;
    }
    totals.supply = supply.to_string();
    totals.changed_height = block.height;
    view.store(StateKey::asset_totals(id), &totals)
}

/// Declares what [`supply_at`] reads, also when units are minted earlier in the block.
pub(crate) fn declare_supply_at(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    record: u64,
) -> Result<(), Fault> {
    let key = StateKey::asset_totals(asset);
    access.read(key);
    for latest in holdings::record_height(state, asset)? {
        access.read(StateKey::supply_copy(asset, latest));
    }
    let Some(totals) = state.leaf::<AssetTotals>(&key)? else { return Ok(()) };
    Version::try_from(&totals)?.at(record, |height| {
        let key = StateKey::supply_copy(asset, height);
        access.read(key);
        state.leaf::<SupplyCopy>(&key)?.map(Version::try_from).transpose()
    })?;
    Ok(())
}

/// Supply at a record date of the asset; none when too many copies lie between.
pub(crate) fn supply_at(
    view: &mut dyn StateView,
    asset: &AssetId,
    record: u64,
) -> Result<Option<Amount>, ExecutionError> {
    let totals = load_totals(view, asset)?;
    Version::try_from(&totals)?.at(record, |height| {
        let copy: Option<SupplyCopy> = view.load(&StateKey::supply_copy(asset, height))?;
        Ok(copy.map(Version::try_from).transpose()?)
    })
}

/// Applies [`Delta::HolderCount`](crate::state::delta::Delta::HolderCount).
pub(crate) fn apply_holder_count(
    view: &mut dyn StateView,
    asset: &AssetId,
    joined: bool,
) -> Result<(), ExecutionError> {
    let mut totals = load_totals(view, asset)?;
    let count = totals.holder_count;
    let changed = if joined { count.checked_add(1) } else { count.checked_sub(1) };
    totals.holder_count =
        changed.ok_or_else(|| broken(format!("holder count of {asset} leaves its range")))?;
    view.store(StateKey::asset_totals(asset), &totals)
}
