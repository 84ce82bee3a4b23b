//! Changing and reading holdings: the only code that moves units.

use std::sync::Arc;

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::{Holding, HoldingCopy, HoldingIncome};
use tessera_proto::pb::assets::v1::{Asset, AssetStatus};
use tessera_proto::split::{InUnits, SplitFactor};
use tessera_proto::state_key::StateKey;

use super::error::TransferError;
use super::record::{RecordHeights, Version};
use crate::modules::committed::{self, broken};
use crate::modules::{BlockInfo, eligibility};
use crate::num::{self, Share};
use crate::state::access::AccessSet;
use crate::state::delta::Delta;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader, StateView};

/// The record heights that changes of holdings of an asset may copy to, before the block.
pub(crate) fn record_height(
    state: &dyn StateReader,
    asset: &AssetId,
) -> Result<RecordHeights, Fault> {
    let facts = state.asset(asset)?;
    Ok(facts.as_deref().map(RecordHeights::of).unwrap_or_default())
}

/// Declares what [`debit`] touches.
pub(crate) fn declare_debit(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    account: &Address,
) -> Result<(), Fault> {
    access.debit(asset, account, record_height(state, asset)?);
    Ok(())
}

/// Declares what [`credit`] touches.
pub(crate) fn declare_credit(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    account: &Address,
) -> Result<(), Fault> {
    access.credit(asset, account, record_height(state, asset)?);
    Ok(())
}

/// Takes units from an account, which must have them free. Units of regulated assets only
/// [move](super::movement).
///
/// # Errors
/// In order of precedence: [`TransferError::UnknownAsset`], [`TransferError::AssetNotActive`],
/// [`TransferError::AssetPaused`], [`TransferError::HolderFrozen`],
/// [`TransferError::InsufficientBalance`], [`TransferError::Regulated`].
pub(crate) fn debit(
    view: &mut dyn StateView,
    block: &BlockInfo,
    asset: &AssetId,
    account: &Address,
    amount: Amount,
) -> Result<(), ExecutionError> {
    let facts = load_transferable(view, asset)?;
    let holding = load_holding(view, (asset, &facts), account)?;
    require_free(&facts, account, &holding, amount)?;
    if facts.regulated {
        return Err(TransferError::Regulated { name: facts.name.clone() }.into());
    }
    take(view, block, &Slot { asset, facts: &facts, account }, holding, amount)
}

/// Takes units out of a holding as it is given, whatever is free of it.
pub(crate) fn take(
    view: &mut dyn StateView,
    block: &BlockInfo,
    slot: &Slot<'_>,
    holding: Holding,
    amount: Amount,
) -> Result<(), ExecutionError> {
    let balance = committed::difference("balance", holding.balance, amount)?;
    slot.set_balance(view, block, holding, balance)
}

/// Whether [`debit`] would take the amount; for outcomes that fail instead of being refused.
pub(crate) fn can_debit(
    view: &mut dyn StateView,
    asset: &AssetId,
    account: &Address,
    amount: Amount,
) -> Result<bool, ExecutionError> {
    let facts = view.asset(asset)?.unwrap_or_default();
    let open = facts.status() == AssetStatus::Active && !facts.paused && !facts.regulated;
    let holding = load_holding(view, (asset, &facts), account)?;
    Ok(open && !holding.is_frozen() && holding.free() >= amount)
}

/// Gives units to an account: those of a [`debit`], or new ones. Whatever moves units comes by
/// here, so none reach an account that is denied the chain.
///
/// # Errors
/// [`EligibilityError::Sanctioned`](eligibility::EligibilityError::Sanctioned).
pub(crate) fn credit(
    view: &mut dyn StateView,
    asset: &AssetId,
    account: &Address,
    amount: Amount,
) -> Result<(), ExecutionError> {
    eligibility::require_allowed(view, account)?;
    view.add(Delta::Credit { asset: *asset, account: *account, amount })
}

/// Refuses to let others move units of an owner who is denied the chain.
///
/// # Errors
/// [`TransferError::OwnerSanctioned`].
pub(crate) fn require_owner_allowed(
    view: &mut dyn StateView,
    owner: &Address,
) -> Result<(), ExecutionError> {
    match eligibility::is_denied(view, owner)? {
        true => Err(TransferError::OwnerSanctioned { owner: *owner }.into()),
        false => Ok(()),
    }
}

/// Who gets what falls due to an account by what others do: the account, or the treasury of the
/// asset that it is due from while the account is denied the chain. So nobody waits for it.
pub(crate) fn payee(
    view: &mut dyn StateView,
    asset: &AssetId,
    account: &Address,
) -> Result<Address, ExecutionError> {
    Ok(match eligibility::is_denied(view, account)? {
        true => Address::treasury(asset),
        false => *account,
    })
}

/// Applies [`Delta::Credit`].
pub(crate) fn apply_credit(
    view: &mut dyn StateView,
    block: &BlockInfo,
    asset: &AssetId,
    account: &Address,
    amount: Amount,
) -> Result<(), ExecutionError> {
    let facts = view
        .asset(asset)?
        .ok_or_else(|| broken(format!("units of unknown asset {asset} arrive")))?;
    let holding = load_holding(view, (asset, &facts), account)?;
    let balance = committed::sum("balance", holding.balance, amount)?;
    Slot { asset, facts: &facts, account }.set_balance(view, block, holding, balance)
}

/// What an account holds of an asset now, all splits counted; all zero when it holds nothing.
pub(crate) fn load_holding(
    view: &mut dyn StateView,
    (asset, facts): (&AssetId, &Asset),
    account: &Address,
) -> Result<Holding, ExecutionError> {
    let holding: Option<Holding> = view.load(&StateKey::holding(asset, account))?;
    let mut holding = holding.unwrap_or_default();
    holding.bring_to(SplitFactor::of(facts));
    Ok(holding)
}

/// Stores a holding, or removes it when it says nothing.
pub(crate) fn store_holding(
    view: &mut dyn StateView,
    asset: &AssetId,
    account: &Address,
    holding: &Holding,
) -> Result<(), ExecutionError> {
    let key = StateKey::holding(asset, account);
    if says_nothing(holding) { view.write(key, None) } else { view.store(key, holding) }
}

/// Brings the income of a holding up to the indexes of its asset, before its balance changes.
///
/// Income is rounded down; what is left over stays in the income pool.
pub(crate) fn settle_income(holding: &mut Holding, asset: &Asset) -> Result<(), Fault> {
    settle_by(holding, asset, |share, from, to| {
        num::accrued_income(share, from, to).map(|accrued| (accrued, *to))
    })
}

/// Like [`settle_income`] where the balance stays: what is rounded off counts the next time.
pub(crate) fn collect_income(holding: &mut Holding, asset: &Asset) -> Result<(), Fault> {
    settle_by(holding, asset, num::collect_income)
}

/// Income of a share between two indexes, and the index from which on more counts.
type Settlement = fn(Share, &[u8; 32], &[u8; 32]) -> Option<(Amount, [u8; 32])>;

fn settle_by(holding: &mut Holding, asset: &Asset, settle: Settlement) -> Result<(), Fault> {
    let mut income = Vec::with_capacity(asset.income.len());
    for entry in &asset.income {
        let currency = committed::asset_id("income currency", &entry.currency)?;
        let to = committed::index("income index", &entry.index)?;
        let settled = holding.income.iter().find(|settled| settled.currency == currency);
        // Without an entry the holding is older than the first payment: the index was zero.
        let (from, before) =
            settled.map_or(([0; 32], Amount::ZERO), |settled| (settled.index, settled.accrued));
        let share = Share { units: holding.balance, factor: holding.split_factor.get() };
        if to < from {
            return Err(broken(format!("income of `{}` has fallen", asset.name)));
        }
        // Who may take units of the currency back out of the pool can pay in more than there is.
        // Nobody can claim that much, but the units that it came from must stay free to move.
        let (risen, index) = settle(share, &from, &to).unwrap_or((Amount::MAX, to));
        let accrued = before.saturating_add(risen);
        income.push(HoldingIncome { currency, index, accrued });
    }
    holding.income = income;
    Ok(())
}

/// What an account held at a record date of the asset, in units of that time; none when too many
/// copies lie between.
pub(crate) fn balance_at(
    view: &mut dyn StateView,
    asset: &AssetId,
    account: &Address,
    record: u64,
) -> Result<Option<Amount>, ExecutionError> {
    let facts = view.asset(asset)?.unwrap_or_default();
    let holding: Holding = view.load(&StateKey::holding(asset, account))?.unwrap_or_default();
    let units = SplitFactor::at(&facts, record);
    Version::of(&holding, units).at(record, |height| {
        let copy: Option<HoldingCopy> =
            view.load(&StateKey::holding_copy(asset, account, height))?;
        Ok(copy.map(|copy| Version::of_copy(copy, SplitFactor::at(&facts, height), units)))
    })
}

/// The same of a state that is only read.
pub(crate) fn balance_at_of(
    state: &dyn StateReader,
    asset: &AssetId,
    account: &Address,
    record: u64,
) -> Result<Option<Amount>, Fault> {
    let facts = state.asset(asset)?.unwrap_or_default();
    let holding: Holding = state.leaf(&StateKey::holding(asset, account))?.unwrap_or_default();
    let units = SplitFactor::at(&facts, record);
    Version::of(&holding, units).at(record, |height| {
        let copy: Option<HoldingCopy> =
            state.leaf(&StateKey::holding_copy(asset, account, height))?;
        let copy = copy.map(|copy| Version::of_copy(copy, SplitFactor::at(&facts, height), units));
        Ok::<_, Fault>(copy)
    })
}

/// Declares what [`balance_at`] reads, also when the holding changes earlier in the block.
pub(crate) fn declare_balance_at(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    account: &Address,
    record: u64,
) -> Result<(), Fault> {
    let key = StateKey::holding(asset, account);
    access.read(StateKey::asset(asset));
    access.read(key);
    for latest in record_height(state, asset)? {
        access.read(StateKey::holding_copy(asset, account, latest));
    }
    let holding: Holding = state.leaf(&key)?.unwrap_or_default();
    let units = holding.split_factor;
    Version::of(&holding, units).at(record, |height| {
        let key = StateKey::holding_copy(asset, account, height);
        access.read(key);
        let copy: Option<HoldingCopy> = state.leaf(&key)?;
        Ok::<_, Fault>(copy.map(|copy| Version::of_copy(copy, units, units)))
    })?;
    Ok(())
}

/// Where one account holds one asset.
pub(crate) struct Slot<'a> {
    /// Id of the asset.
    pub(crate) asset: &'a AssetId,
    /// The asset.
    pub(crate) facts: &'a Asset,
    /// The account.
    pub(crate) account: &'a Address,
}

impl Slot<'_> {
    /// Settles income, keeps the old balance for the record date, sets the new one and counts
    /// the holders. The result does not depend on the order of changes within a block.
    fn set_balance(
        &self,
        view: &mut dyn StateView,
        block: &BlockInfo,
        mut holding: Holding,
        balance: Amount,
    ) -> Result<(), ExecutionError> {
        settle_income(&mut holding, self.facts)?;
        let old = Version::of(&holding, holding.split_factor);
        if let Some(record) = old.copy_due(self.facts, block.height) {
            let key = StateKey::holding_copy(self.asset, self.account, record);
            let then = Version::of(&holding, SplitFactor::at(self.facts, record));
            view.store(key, &HoldingCopy::from(then))?;
            holding.copy_height = record;
        }
        if old.value.is_zero() != balance.is_zero() {
            view.add(Delta::HolderCount { asset: *self.asset, joined: old.value.is_zero() })?;
        }
        holding.balance = balance;
        holding.changed_height = block.height;
        store_holding(view, self.asset, self.account, &holding)
    }
}

/// An asset whose units may move.
pub(crate) fn load_transferable(
    view: &mut dyn StateView,
    asset: &AssetId,
) -> Result<Arc<Asset>, ExecutionError> {
    let facts = load_facts(view, asset)?;
    require_transferable(&facts)?;
    Ok(facts)
}

/// Refuses an asset whose units may not move now.
pub(crate) fn require_transferable(facts: &Asset) -> Result<(), TransferError> {
    require_active(facts)?;
    require_unpaused(facts)
}

/// Refuses while the agent has stopped transfers.
pub(crate) fn require_unpaused(facts: &Asset) -> Result<(), TransferError> {
    match facts.paused {
        true => Err(TransferError::AssetPaused { name: facts.name.clone() }),
        false => Ok(()),
    }
}

/// Refuses a holder whom the agent has frozen.
pub(crate) fn require_unfrozen(
    facts: &Asset,
    account: &Address,
    holding: &Holding,
) -> Result<(), TransferError> {
    match holding.is_frozen() {
        true => Err(TransferError::HolderFrozen { account: *account, name: facts.name.clone() }),
        false => Ok(()),
    }
}

/// Refuses a frozen holder, then one that has less free.
pub(crate) fn require_free(
    facts: &Asset,
    account: &Address,
    holding: &Holding,
    amount: Amount,
) -> Result<(), TransferError> {
    require_unfrozen(facts, account, holding)?;
    match amount > holding.free() {
        true => Err(insufficient(facts, account, holding, amount)),
        false => Ok(()),
    }
}

/// A registered asset.
pub(crate) fn load_facts(
    view: &mut dyn StateView,
    asset: &AssetId,
) -> Result<Arc<Asset>, ExecutionError> {
    let facts = view.asset(asset)?;
    Ok(facts.ok_or(TransferError::UnknownAsset { asset: *asset })?)
}

/// Refuses an asset that is not open for issuance and transfer.
pub(super) fn require_active(facts: &Asset) -> Result<(), TransferError> {
    match facts.status() {
        AssetStatus::Active => Ok(()),
        status => Err(TransferError::AssetNotActive { name: facts.name.clone(), status }),
    }
}

/// Less is there than is needed.
pub(crate) fn insufficient(
    facts: &Asset,
    account: &Address,
    holding: &Holding,
    need: Amount,
) -> TransferError {
    TransferError::InsufficientBalance {
        account: *account,
        name: facts.name.clone(),
        need,
        free: holding.free(),
        balance: holding.balance,
        encumbered: holding.encumbered,
        frozen: holding.frozen,
    }
}

fn says_nothing(holding: &Holding) -> bool {
    let Holding { balance, frozen, encumbered, flags, copy_height, income, .. } = holding;
    let amounts =
        [balance, frozen, encumbered].into_iter().chain(income.iter().map(|i| &i.accrued));
    amounts.into_iter().all(|amount| amount.is_zero()) && *flags == 0 && *copy_height == 0
}
