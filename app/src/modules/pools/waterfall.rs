//! What is due to tranches, and how a payment is divided among them.

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::pools::v1::{Tranche, Waterfall};
use tessera_proto::split::SplitFactor;
use tessera_proto::state_key::StateKey;

use super::composition;
use super::error::PoolError;
use crate::modules::assets::load_asset;
use crate::modules::committed::{self, broken};
use crate::num::{Share, accrued_income, advance_paid_index, multiply_income_index};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader, StateView};

/// Declares what [`load`] and the number of units of each tranche read.
pub(super) fn declare_units(
    state: &dyn StateReader,
    access: &mut AccessSet,
    parent: &AssetId,
) -> Result<(), Fault> {
    access.read(StateKey::waterfall(parent));
    for tranche in tranches_before(state, parent)? {
        access.read(StateKey::asset(&tranche));
        access.read(StateKey::asset_totals(&tranche));
    }
    Ok(())
}

/// The tranches of an asset before the block.
pub(super) fn tranches_before(
    state: &dyn StateReader,
    parent: &AssetId,
) -> Result<Vec<AssetId>, Fault> {
    let waterfall: Option<Waterfall> = state.leaf(&StateKey::waterfall(parent))?;
    tranches_of(&waterfall.unwrap_or_default())
}

/// The tranches, from the most senior to the last.
pub(super) fn tranches_of(waterfall: &Waterfall) -> Result<Vec<AssetId>, Fault> {
    let id = |tranche: &Tranche| committed::asset_id("tranche", &tranche.asset);
    waterfall.tranches.iter().map(id).collect()
}

/// What everything is due in.
pub(super) fn currency_of(waterfall: &Waterfall) -> Result<AssetId, Fault> {
    committed::asset_id("currency of a waterfall", &waterfall.currency)
}

/// The waterfall of an asset.
///
/// # Errors
/// [`PoolError::NotDivided`].
pub(super) fn load(
    view: &mut dyn StateView,
    (parent, facts): (&AssetId, &Asset),
) -> Result<Waterfall, ExecutionError> {
    if facts.tranche_count == 0 {
        return Err(PoolError::NotDivided { name: facts.name.clone() }.into());
    }
    let waterfall = view.load(&StateKey::waterfall(parent))?;
    Ok(waterfall.ok_or_else(|| broken(format!("{parent} has tranches and no waterfall")))?)
}

/// Whether tranches of an asset would get a payment in a currency.
pub(super) fn is_payable(
    view: &mut dyn StateView,
    (parent, facts): (&AssetId, &Asset),
    currency: &AssetId,
) -> Result<bool, ExecutionError> {
    if facts.tranche_count == 0 {
        return Ok(false);
    }
    let waterfall = load(view, (parent, facts))?;
    let units = shares(view, &waterfall)?;
    Ok(waterfall.currency == currency.to_bytes() && units.iter().any(|(_, one)| one.has_units()))
}

/// The units of each tranche, in order of rank.
pub(super) fn shares(
    view: &mut dyn StateView,
    waterfall: &Waterfall,
) -> Result<Vec<(AssetId, Share)>, ExecutionError> {
    let mut shares = Vec::with_capacity(waterfall.tranches.len());
    for tranche in tranches_of(waterfall)? {
        let facts = load_asset(view, &tranche)?;
        let units = composition::supply(view, &tranche)?;
        shares.push((tranche, Share { units, factor: SplitFactor::of(&facts).get() }));
    }
    Ok(shares)
}

/// How many periods have begun at a time.
#[must_use]
pub fn periods_begun(waterfall: &Waterfall, now_ms: u64) -> u64 {
    match now_ms.checked_sub(waterfall.begins_ms) {
        None => 0,
        Some(past) => past.checked_div(waterfall.period_ms).unwrap_or(0).saturating_add(1),
    }
}

/// What is due to all units of a tranche for each period; none for the last tranche.
///
/// # Errors
/// [`Fault::Contradiction`] when the leaf is damaged.
pub fn standing_due(tranche: &Tranche, units: Share) -> Result<Option<Amount>, Fault> {
    let due = due_index(tranche, 1)?;
    Ok(due.map(|due| accrued_income(units, &[0; 32], &due).unwrap_or(Amount::MAX)))
}

/// What is due to all units of a tranche after so many periods and was not paid, rounded down;
/// none for the last tranche.
///
/// # Errors
/// [`Fault::Contradiction`] when the leaf is damaged.
pub fn outstanding(tranche: &Tranche, units: Share, periods: u64) -> Result<Option<Amount>, Fault> {
    let Some(due) = due_index(tranche, periods)? else { return Ok(None) };
    let paid = committed::index("paid to a tranche", &tranche.paid)?;
    if paid >= due {
        return Ok(Some(Amount::ZERO));
    }
    // More than can be counted is more than can be paid.
    Ok(Some(accrued_income(units, &paid, &due).unwrap_or(Amount::MAX)))
}

fn due_index(tranche: &Tranche, periods: u64) -> Result<Option<[u8; 32]>, Fault> {
    if tranche.due.is_empty() {
        return Ok(None);
    }
    let due = committed::index("due to a tranche", &tranche.due)?;
    Ok(Some(multiply_income_index(&due, periods)))
}

/// Divides a payment: to each tranche in order of rank what is due to it, what is left to the last
/// that has units. A tranche without units gets nothing, and what was due to it for periods that
/// have begun is not due any more; what is due once stays due.
///
/// The parts are those of `units`, and add up to the payment; the tranches remember them.
///
/// # Errors
/// [`Fault::Contradiction`] when the leaf is damaged or no tranche has units.
pub(super) fn divide(
    waterfall: &mut Waterfall,
    units: &[Share],
    payment: Amount,
    now_ms: u64,
) -> Result<Vec<Amount>, Fault> {
    let (periods, is_once) = (periods_begun(waterfall, now_ms), waterfall.period_ms == 0);
    let (mut left, mut parts) = (payment, Vec::with_capacity(units.len()));
    for (tranche, units) in waterfall.tranches.iter_mut().zip(units) {
        let part = outstanding(tranche, *units, periods)?.unwrap_or(Amount::ZERO).min(left);
        if units.has_units() || !is_once {
            settle(tranche, *units, part, periods)?;
        }
        left = committed::difference("payment", left, part)?;
        parts.push(part);
    }
    let last = parts.iter_mut().zip(units).rfind(|(_, units)| units.has_units());
    let (last, _) = last.ok_or_else(|| broken("tranches without units are paid"))?;
    *last = committed::sum("part of a tranche", *last, left)?;
    for (tranche, part) in waterfall.tranches.iter_mut().zip(&parts) {
        let received = committed::amount("received by a tranche", &tranche.received)?;
        // The same money may come around again and again.
        tranche.received = received.saturating_add(*part).to_string();
    }
    Ok(parts)
}

/// Counts a part of what is due to a tranche as paid; all of it where there are no units.
fn settle(tranche: &mut Tranche, units: Share, part: Amount, periods: u64) -> Result<(), Fault> {
    let Some(due) = due_index(tranche, periods)? else { return Ok(()) };
    let paid = committed::index("paid to a tranche", &tranche.paid)?;
    let paid = match (units.has_units(), part.is_zero()) {
        (true, true) => return Ok(()),
        (true, false) => advance_paid_index(&paid, part, units).unwrap_or(due),
        (false, _) => paid.max(due),
    };
    tranche.paid = Bytes::copy_from_slice(&paid);
    Ok(())
}
