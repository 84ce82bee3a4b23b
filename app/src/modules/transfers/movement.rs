//! Moving units from one account to others, under the rules of their asset.

use std::collections::BTreeMap;

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1::{Encumbrance, EncumbranceKind};
use tessera_proto::pb::transfers::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::encumbrances::MAX_ENCUMBRANCES;
use super::error::TransferError;
use super::holdings::{self, Slot};
use super::record::RecordHeights;
use super::{acceptance, encumbrances};
use crate::modules::eligibility::{self, EligibilityError, Movement, Parties, Scope, Verdict};
use crate::modules::{BlockInfo, Context, committed, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault, Rejected};
use crate::state::view::{StateReader, StateView};

/// How long units are held for an account that has not accepted their asset: 30 days.
pub(crate) const QUARANTINE_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// Declares what [`send`] and [`transfer`] touch.
pub(crate) fn declare(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    from: &Address,
    to: &[Address],
) -> Result<(), Fault> {
    let facts = state.asset(asset)?;
    let record = facts.as_deref().map(RecordHeights::of).unwrap_or_default();
    access.debit(asset, from, record);
    for account in to {
        access.credit(asset, account, record);
    }
    let Some(facts) = facts else { return Ok(()) };
    if acceptance::declare(state, access, (asset, &facts), to)? {
        access.write(StateKey::encumbrances(asset, from));
    }
    if facts.regulated {
        eligibility::declare(state, access, asset, &Parties { from: Some(from), to })?;
    }
    Ok(())
}

/// Units on their way to others.
#[derive(Clone, Copy)]
pub(super) struct Sending<'a> {
    pub(super) asset: &'a AssetId,
    pub(super) from: &'a Address,
    /// Who gets how many, each account once and not `from`.
    pub(super) legs: &'a [(Address, Amount)],
    pub(super) memo_sha256: Option<&'a [u8; 32]>,
}

/// Moves units as [`transfer`] does, and tells of it. Those for an account that asks to accept
/// the asset first, and has not, stay with their holder, held for that account.
///
/// # Errors
/// Those of [`transfer`]; then [`TransferError::TooManyHeld`].
pub(super) fn send(context: &mut Context<'_>, sending: &Sending<'_>) -> Result<(), ExecutionError> {
    let Sending { asset, from, legs, memo_sha256 } = *sending;
    let facts = holdings::load_transferable(context.state, asset)?;
    let mut numbers = BTreeMap::new();
    if acceptance::is_asked(&facts) {
        numbers = quarantine(context, &facts, sending)?;
    }
    if numbers.is_empty() {
        transfer_of(context.state, context.block, (asset, &facts), from, legs)?;
    } else {
        let arrives = |(to, _): &&(Address, Amount)| !numbers.contains_key(to);
        let legs: Vec<_> = legs.iter().filter(arrives).copied().collect();
        if !legs.is_empty() {
            transfer_of(context.state, context.block, (asset, &facts), from, &legs)?;
        }
    }
    for (to, amount) in legs {
        let (asset, from, amount) = (asset.to_bytes(), from.to_bytes(), amount.to_string());
        let memo_sha256 = fields::optional_bytes(memo_sha256);
        context.emit(match numbers.get(to) {
            None => {
                let to = to.to_bytes();
                Kind::Transferred(pb::Transferred { asset, from, to, amount, memo_sha256 })
            }
            Some(number) => Kind::TransferQuarantined(pb::TransferQuarantined {
                asset,
                from,
                to: to.to_bytes(),
                amount,
                memo_sha256,
                number: *number,
                expires_ms: quarantine_end(context.block),
            }),
        });
    }
    Ok(())
}

fn quarantine_end(block: &BlockInfo) -> u64 {
    block.time_ms.saturating_add(QUARANTINE_MS)
}

/// Holds the units of those legs whose receiver has not accepted the asset, if the rules let all
/// legs pass; the numbers of the holds.
fn quarantine(
    context: &mut Context<'_>,
    facts: &Asset,
    sending: &Sending<'_>,
) -> Result<BTreeMap<Address, u64>, ExecutionError> {
    let Sending { asset, from, legs, .. } = *sending;
    let (block, of) = (context.block, (asset, facts));
    let mut held = Vec::new();
    for leg in legs {
        if acceptance::is_missing(context.state, of, &leg.0)? {
            held.push(leg);
        }
    }
    let mut numbers = BTreeMap::new();
    if held.is_empty() {
        return Ok(numbers);
    }
    let total = total_of(legs)?;
    let mut holding = holdings::load_holding(context.state, of, from)?;
    holdings::require_free(facts, from, &holding, total)?;
    if facts.regulated {
        let movement = Movement { asset, facts, from: Some(from), total, legs, scope: Scope::Full };
        eligibility::assess(context.state, block, &movement)?.require()?;
    }
    let mut list = encumbrances::load(context.state, of, from)?;
    for (to, amount) in held {
        let entry = Encumbrance {
            number: 0,
            kind: EncumbranceKind::Hold.into(),
            amount: amount.to_string(),
            escrow: to.to_bytes(),
            payee: to.to_bytes(),
            expires_ms: quarantine_end(block),
        };
        let number = encumbrances::bind(&mut list, &mut holding, entry)?;
        let (account, max) = (*from, MAX_ENCUMBRANCES);
        numbers.insert(*to, number.ok_or(TransferError::TooManyHeld { account, max })?);
    }
    encumbrances::store(context.state, asset, from, &list)?;
    holdings::store_holding(context.state, asset, from, &holding)?;
    Ok(numbers)
}

/// Moves units that their holder has free, all legs or none, whether the receivers have accepted
/// the asset or not. The rules of a regulated asset see the net effect of all legs.
///
/// # Errors
/// In order of precedence: [`TransferError::UnknownAsset`], [`TransferError::AssetNotActive`],
/// [`TransferError::AssetPaused`], [`TransferError::OwnPool`], [`TransferError::TotalTooLarge`],
/// [`TransferError::HolderFrozen`], [`TransferError::InsufficientBalance`], then those of
/// [`EligibilityError`](eligibility::EligibilityError).
pub(crate) fn transfer(
    view: &mut dyn StateView,
    block: &BlockInfo,
    asset: &AssetId,
    from: &Address,
    legs: &[(Address, Amount)],
) -> Result<(), ExecutionError> {
    let facts = holdings::load_transferable(view, asset)?;
    transfer_of(view, block, (asset, &facts), from, legs)
}

fn transfer_of(
    view: &mut dyn StateView,
    block: &BlockInfo,
    (asset, facts): (&AssetId, &Asset),
    from: &Address,
    legs: &[(Address, Amount)],
) -> Result<(), ExecutionError> {
    for (to, _) in legs {
        require_other_pool(asset, facts, to)?;
    }
    leave(view, block, (asset, facts), from, (total_of(legs)?, legs))?;
    for (to, amount) in legs {
        holdings::credit(view, asset, to, *amount)?;
    }
    Ok(())
}

/// Refuses to bring units of a pool, or of its tranches, into the account of that pool.
fn require_other_pool(asset: &AssetId, facts: &Asset, to: &Address) -> Result<(), ExecutionError> {
    let mut pools = Vec::new();
    if facts.pool {
        pools.push(Address::pool_account(asset));
    }
    if !facts.tranche_of.is_empty() {
        let parent = committed::asset_id("parent of a tranche", &facts.tranche_of)?;
        pools.push(Address::pool_account(&parent));
    }
    if pools.contains(to) {
        let (account, name) = (*to, facts.name.clone());
        return Err(TransferError::OwnPool { account, name }.into());
    }
    Ok(())
}

fn total_of(legs: &[(Address, Amount)]) -> Result<Amount, TransferError> {
    legs.iter()
        .try_fold(Amount::ZERO, |total, (_, amount)| total.checked_add(*amount))
        .ok_or(TransferError::TotalTooLarge)
}

/// Takes units from their holder under the rules, for whoever is to get them.
fn leave(
    view: &mut dyn StateView,
    block: &BlockInfo,
    (asset, facts): (&AssetId, &Asset),
    from: &Address,
    (total, legs): (Amount, &[(Address, Amount)]),
) -> Result<(), ExecutionError> {
    let holding = holdings::load_holding(view, (asset, facts), from)?;
    holdings::require_free(facts, from, &holding, total)?;
    if facts.regulated {
        let movement = Movement { asset, facts, from: Some(from), total, legs, scope: Scope::Full };
        eligibility::assess(view, block, &movement)?.carry_out(view, asset)?;
    }
    holdings::take(view, block, &Slot { asset, facts, account: from }, holding, total)
}

/// Declares what [`issue`] touches.
pub(crate) fn declare_issue(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    to: &Address,
) -> Result<(), Fault> {
    holdings::declare_credit(state, access, asset, to)?;
    let facts = state.asset(asset)?;
    let Some(facts) = facts else { return Ok(()) };
    acceptance::declare(state, access, (asset, &facts), &[*to])?;
    if facts.regulated {
        eligibility::declare(state, access, asset, &Parties { from: None, to: &[*to] })?;
    }
    Ok(())
}

/// Gives new units to an account that may hold them.
///
/// # Errors
/// [`TransferError::OwnPool`], [`TransferError::NotAccepted`], then those of
/// [`EligibilityError`](eligibility::EligibilityError).
pub(crate) fn issue(
    view: &mut dyn StateView,
    block: &BlockInfo,
    (asset, facts): (&AssetId, &Asset),
    to: &Address,
    amount: Amount,
) -> Result<(), ExecutionError> {
    require_other_pool(asset, facts, to)?;
    acceptance::require(view, (asset, facts), to)?;
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
    let facts = holdings::load_transferable(view, asset)?;
    leave(view, block, (asset, &facts), from, (amount, &[]))
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
    let facts = holdings::load_facts(view, asset)?;
    let holding = holdings::load_holding(view, (asset, &facts), from)?;
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
    if !facts.regulated {
        let denied = eligibility::is_denied(view, &to)?;
        let denied = denied.then(|| EligibilityError::Sanctioned { account: to }.into());
        verdicts.push(Verdict::general("sanctions", Some(to), denied));
    }
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
