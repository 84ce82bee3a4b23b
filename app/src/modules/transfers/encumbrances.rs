//! What binds units of a holding, as it stands in the state.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Holding;
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::compliance::v1::{Encumbrance, Encumbrances};
use tessera_proto::split::{InUnits, SplitFactor};
use tessera_proto::state_key::StateKey;

use crate::modules::committed::{self, broken};
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateView};

/// Most encumbrances of one holding.
pub const MAX_ENCUMBRANCES: usize = 64;

/// Everything that binds units of a holding, all splits counted.
pub(crate) fn load(
    view: &mut dyn StateView,
    (asset, facts): (&AssetId, &Asset),
    account: &Address,
) -> Result<Encumbrances, ExecutionError> {
    let list: Option<Encumbrances> = view.load(&StateKey::encumbrances(asset, account))?;
    let mut list = list.unwrap_or_default();
    list.bring_to(SplitFactor::of(facts));
    Ok(list)
}

/// Keeps it; numbers are never used again, so an empty list stays.
pub(crate) fn store(
    view: &mut dyn StateView,
    asset: &AssetId,
    account: &Address,
    list: &Encumbrances,
) -> Result<(), ExecutionError> {
    view.store(StateKey::encumbrances(asset, account), list)
}

/// Adds an encumbrance, which gets the next number; none when there are
/// [`MAX_ENCUMBRANCES`] already.
pub(crate) fn bind(
    list: &mut Encumbrances,
    holding: &mut Holding,
    entry: Encumbrance,
) -> Result<Option<u64>, Fault> {
    if list.entries.len() >= MAX_ENCUMBRANCES {
        return Ok(None);
    }
    let number = list.next_number.max(1);
    list.next_number = number.checked_add(1).ok_or_else(|| broken("too many encumbrances"))?;
    let amount = committed::amount("encumbrance", &entry.amount)?;
    holding.encumbered = committed::sum("encumbered", holding.encumbered, amount)?;
    list.entries.push(Encumbrance { number, ..entry });
    Ok(Some(number))
}
