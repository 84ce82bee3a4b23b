//! What binds units of a holding.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Holding;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1::{
    Encumbrance, EncumbranceKind, EncumbranceReleased, Encumbrances,
};

use super::error::ComplianceError;
use crate::modules::transfers::encumbrances;
pub use crate::modules::transfers::encumbrances::MAX_ENCUMBRANCES;
pub(crate) use crate::modules::transfers::encumbrances::{load, store};
use crate::modules::{Context, committed};
use crate::state::error::{ExecutionError, Fault};

/// Adds an encumbrance, which gets the next number.
pub(crate) fn bind(
    list: &mut Encumbrances,
    account: &Address,
    holding: &mut Holding,
    entry: Encumbrance,
) -> Result<u64, ExecutionError> {
    let (account, max) = (*account, MAX_ENCUMBRANCES);
    let number = encumbrances::bind(list, holding, entry)?;
    Ok(number.ok_or(ComplianceError::TooManyEncumbrances { account, max })?)
}

/// Takes an encumbrance out of the list, so that its units are free; none when it has ended.
pub(crate) fn unbind(
    list: &mut Encumbrances,
    holding: &mut Holding,
    kind: EncumbranceKind,
    number: u64,
) -> Result<Option<Encumbrance>, Fault> {
    let is_it = |entry: &Encumbrance| entry.number == number && entry.kind() == kind;
    let Some(index) = list.entries.iter().position(is_it) else { return Ok(None) };
    let entry = list.entries.remove(index);
    holding.encumbered = committed::difference("encumbered", holding.encumbered, amount(&entry)?)?;
    Ok(Some(entry))
}

/// Like [`unbind`] for a hold, which must be there.
pub(super) fn unbind_hold(
    list: &mut Encumbrances,
    holder: &Address,
    holding: &mut Holding,
    number: u64,
) -> Result<Encumbrance, ExecutionError> {
    let hold = unbind(list, holding, EncumbranceKind::Hold, number)?;
    Ok(hold.ok_or(ComplianceError::UnknownHold { holder: *holder, number })?)
}

/// Ends all orders of a holding: whoever may not send any more has nothing for sale.
pub(super) fn release_orders(
    list: &mut Encumbrances,
    holding: &mut Holding,
) -> Result<Vec<Encumbrance>, Fault> {
    let is_order = |entry: &Encumbrance| entry.kind() == EncumbranceKind::Order;
    let (orders, others) = std::mem::take(&mut list.entries).into_iter().partition(is_order);
    let orders: Vec<Encumbrance> = orders;
    list.entries = others;
    for order in &orders {
        let amount = amount(order)?;
        holding.encumbered = committed::difference("encumbered", holding.encumbered, amount)?;
    }
    Ok(orders)
}

/// Ends encumbrances until `need` units are bound by none, in the order of
/// [`EncumbranceKind`]: orders, then holds, then collateral; of one kind the oldest first.
pub(super) fn release_for(
    list: &mut Encumbrances,
    holding: &mut Holding,
    need: Amount,
) -> Result<Vec<Encumbrance>, Fault> {
    list.entries.sort_by_key(|entry| (entry.kind, entry.number));
    let mut released = Vec::new();
    while holding.balance.saturating_sub(holding.encumbered) < need && !list.entries.is_empty() {
        let entry = list.entries.remove(0);
        holding.encumbered =
            committed::difference("encumbered", holding.encumbered, amount(&entry)?)?;
        released.push(entry);
    }
    list.entries.sort_by_key(|entry| entry.number);
    Ok(released)
}

/// Tells all parties that units are bound no more.
pub(super) fn tell_released(
    context: &mut Context<'_>,
    asset: &AssetId,
    holder: &Address,
    entry: Encumbrance,
) {
    let releaser = context.sender.to_bytes();
    context.emit(Kind::EncumbranceReleased(EncumbranceReleased {
        asset: asset.to_bytes(),
        holder: holder.to_bytes(),
        number: entry.number,
        kind: entry.kind,
        amount: entry.amount,
        payee: entry.payee,
        escrow: entry.escrow,
        releaser,
    }));
}

/// Amount of an encumbrance.
pub(super) fn amount(entry: &Encumbrance) -> Result<Amount, Fault> {
    committed::amount("encumbrance", &entry.amount)
}
