//! Moving units from one account to others, under the rules of their asset.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::state_key::StateKey;

use super::error::TransferError;
use super::holdings::{self, Slot};
use super::record::RecordHeights;
use crate::modules::BlockInfo;
use crate::modules::eligibility::{self, Movement, Parties, Scope, Verdict};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault, Rejected};
use crate::state::view::{LeafReader, Leaves, StateReader, StateView};

/// Declares what [`transfer`] touches.
pub(crate) fn declare(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    from: &Address,
    to: &[Address],
) -> Result<(), Fault> {
    let facts: Option<Asset> = state.leaf(&StateKey::asset(asset))?;
    let record = facts.as_ref().map(RecordHeights::of).unwrap_or_default();
    access.debit(asset, from, record);
    for account in to {
        access.credit(asset, account, record);
    }
    if facts.is_some_and(|facts| facts.regulated) {
        eligibility::declare(state, access, asset, &Parties { from: Some(from), to })?;
    }
    Ok(())
}

/// Moves units that their holder has free, all legs or none. The rules of a regulated asset see
/// the net effect of all legs.
///
/// # Errors
/// In order of precedence: [`TransferError::UnknownAsset`], [`TransferError::AssetNotActive`],
/// [`TransferError::AssetPaused`], [`TransferError::HolderFrozen`],
/// [`TransferError::InsufficientBalance`], then those of
/// [`EligibilityError`](eligibility::EligibilityError).
pub(crate) fn transfer(
    view: &mut dyn StateView,
    block: &BlockInfo,
    asset: &AssetId,
    from: &Address,
    legs: &[(Address, Amount)],
) -> Result<(), ExecutionError> {
    let mut total = Amount::ZERO;
    for (_, amount) in legs {
        total = total.checked_add(*amount).ok_or(TransferError::TotalTooLarge)?;
    }
    leave(view, block, asset, from, (total, legs))?;
    for (to, amount) in legs {
        holdings::credit(view, asset, to, *amount)?;
    }
    Ok(())
}

/// Takes units from their holder under the rules, for whoever is to get them.
fn leave(
    view: &mut dyn StateView,
    block: &BlockInfo,
    asset: &AssetId,
    from: &Address,
    (total, legs): (Amount, &[(Address, Amount)]),
) -> Result<(), ExecutionError> {
    let facts = holdings::load_transferable(view, asset)?;
    let holding = holdings::load_holding(view, asset, from)?;
    holdings::require_free(&facts, from, &holding, total)?;
    if facts.regulated {
        let movement =
            Movement { asset, facts: &facts, from: Some(from), total, legs, scope: Scope::Full };
        eligibility::assess(view, block, &movement)?.carry_out(view, asset)?;
    }
    holdings::take(view, block, &Slot { asset, facts: &facts, account: from }, holding, total)
}

/// Declares what [`issue`] touches.
pub(crate) fn declare_issue(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    to: &Address,
) -> Result<(), Fault> {
    holdings::declare_credit(state, access, asset, to)?;
    let facts: Option<Asset> = state.leaf(&StateKey::asset(asset))?;
    if facts.is_some_and(|facts| facts.regulated) {
        eligibility::declare(state, access, asset, &Parties { from: None, to: &[*to] })?;
    }
    Ok(())
}

/// Gives new units to an account that may hold them.
///
/// # Errors
/// Those of [`EligibilityError`](eligibility::EligibilityError).
pub(crate) fn issue(
    view: &mut dyn StateView,
    block: &BlockInfo,
    (asset, facts): (&AssetId, &Asset),
    to: &Address,
    amount: Amount,
) -> Result<(), ExecutionError> {
    if facts.regulated {
        let legs = &[(*to, amount)];
        let movement =
            Movement { asset, facts, from: None, total: amount, legs, scope: Scope::Full };
        eligibility::assess(view, block, &movement)?.carry_out(view, asset)?;
    }
    holdings::credit(view, asset, to, amount)
}

/// Declares what [`burn`] touches.
pub(crate) fn declare_burn(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    from: &Address,
) -> Result<(), Fault> {
    declare(state, access, asset, from, &[])
}

/// Takes units that their holder has free out of circulation.
///
/// # Errors
/// Those of [`transfer`].
pub(crate) fn burn(
    view: &mut dyn StateView,
    block: &BlockInfo,
    asset: &AssetId,
    from: &Address,
    amount: Amount,
) -> Result<(), ExecutionError> {
    leave(view, block, asset, from, (amount, &[]))
}

/// What every check of [`transfer`] says of one leg; nothing is changed.
///
/// # Errors
/// Only of the view, and [`TransferError::UnknownAsset`].
pub(crate) fn verdicts(
    view: &mut dyn StateView,
    block: &BlockInfo,
    asset: &AssetId,
    from: &Address,
    (to, amount): (Address, Amount),
) -> Result<Vec<Verdict>, ExecutionError> {
    let facts: Option<Asset> = view.load(&StateKey::asset(asset))?;
    let facts = facts.ok_or(TransferError::UnknownAsset { asset: *asset })?;
    let holding = holdings::load_holding(view, asset, from)?;
    let itself = (*from == to).then_some(TransferError::SelfTransfer { account: *from }.into());
    let active = refusal(holdings::require_active(&facts));
    let unpaused = refusal(holdings::require_unpaused(&facts));
    let unfrozen = refusal(holdings::require_unfrozen(&facts, from, &holding));
    let free = match amount > holding.free() {
        true => Some(holdings::insufficient(&facts, from, &holding, amount).into()),
        false => None,
    };
    let mut verdicts = vec![
        Verdict::general("two parties", Some(*from), itself),
        Verdict::general("asset active", None, active),
        Verdict::general("asset not paused", None, unpaused),
        Verdict::general("sender not frozen", Some(*from), unfrozen),
        Verdict::general("free balance", Some(*from), free),
    ];
    if facts.regulated && *from != to {
        let legs = &[(to, amount)];
        let movement = Movement {
            asset,
            facts: &facts,
            from: Some(from),
            total: amount,
            legs,
            scope: Scope::Full,
        };
        verdicts.extend(eligibility::assess(view, block, &movement)?.verdicts);
    }
    Ok(verdicts)
}

fn refusal(result: Result<(), TransferError>) -> Option<Rejected> {
    result.err().map(Into::into)
}
