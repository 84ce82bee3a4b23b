//! Binding units of a holding without moving them.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::state_key::StateKey;

use super::holdings::{insufficient, load_active, load_holding, store_holding};
use crate::modules::committed;
use crate::state::access::AccessSet;
use crate::state::error::ExecutionError;
use crate::state::view::StateView;

/// Declares what [`encumber`] and [`release`] touch.
pub(crate) fn declare(access: &mut AccessSet, asset: &AssetId, account: &Address) {
    access.read(StateKey::asset(asset));
    access.write(StateKey::holding(asset, account));
}

/// Binds units of an account, which must have them free.
///
/// # Errors
/// As a [`debit`](super::holdings::debit) of as much would be refused.
pub(crate) fn encumber(
    view: &mut dyn StateView,
    asset: &AssetId,
    account: &Address,
    amount: Amount,
) -> Result<(), ExecutionError> {
    let facts = load_active(view, asset)?;
    let mut holding = load_holding(view, asset, account)?;
    if amount > holding.free() {
        return Err(insufficient(&facts, account, &holding, amount).into());
    }
    holding.encumbered = committed::sum("encumbered units", holding.encumbered, amount)?;
    store_holding(view, asset, account, &holding)
}

/// Frees units that were bound.
pub(crate) fn release(
    view: &mut dyn StateView,
    asset: &AssetId,
    account: &Address,
    amount: Amount,
) -> Result<(), ExecutionError> {
    let mut holding = load_holding(view, asset, account)?;
    holding.encumbered = committed::difference("encumbered units", holding.encumbered, amount)?;
    store_holding(view, asset, account, &holding)
}
