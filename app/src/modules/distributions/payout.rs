//! Paying a holder of record.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1::Wallet;
use tessera_proto::pb::distributions::v1 as pb;
use tessera_proto::pb::distributions::v1::{
    Distribution, DistributionPayout, HolderSelection, HolderTerms,
};
use tessera_proto::state_key::StateKey;

use super::error::DistributionError;
use super::open::Rate;
use super::terms;
use crate::modules::assets::load_asset;
use crate::modules::committed::{self, broken};
use crate::modules::eligibility::{self, identity_of, wallet};
use crate::modules::transfers::holdings;
use crate::modules::{BlockInfo, Context};
use crate::num::{FULL_BPS, share_of_bps};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader, StateView};

/// What a holder of record is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Before tax.
    pub gross: Amount,
    /// Tax; rounded up, for what the holder gets is rounded down.
    pub withheld: Amount,
}

/// What a balance at the record is due; none when that is more than can be counted.
fn due(
    distribution: &Distribution,
    terms: &HolderTerms,
    balance: Amount,
) -> Result<Option<Due>, Fault> {
    let listed = terms.listed;
    let selected = match distribution.selection() {
        HolderSelection::Listed => listed,
        HolderSelection::NotListed => !listed,
        HolderSelection::All | HolderSelection::Unspecified => true,
    };
    if !selected {
        return Ok(Some(Due { gross: Amount::ZERO, withheld: Amount::ZERO }));
    }
    let rate = Rate {
        per_unit: committed::amount("amount per unit", &distribution.per_unit)?,
        units: committed::amount("units", &distribution.units)?,
    };
    let Some(gross) = rate.of(balance) else { return Ok(None) };
    let bps = terms.withholding_bps.unwrap_or(distribution.withholding_bps);
    let net = share_of_bps(gross, FULL_BPS.saturating_sub(bps))
        .ok_or_else(|| broken("a withholding rate is more than the whole"))?;
    Ok(Some(Due { gross, withheld: committed::difference("tax", gross, net)? }))
}

/// What a holder held at the record date of a distribution and is due of it, for queries; none
/// when too many record dates have passed since, or its part is more than can be counted.
///
/// # Errors
/// [`Fault`] when the storage fails or the leaves contradict each other.
pub fn due_to(
    state: &dyn StateReader,
    asset: &AssetId,
    distribution: &Distribution,
    holder: &Address,
) -> Result<Option<(Amount, Due)>, Fault> {
    let height = distribution.record_height;
    let balance = holdings::balance_at_of(state, asset, holder, height)?;
    let key = |account: &Address| StateKey::holder_terms(asset, distribution.number, account);
    let of_identity = match identity(state, asset, holder)? {
        Some(identity) => state.leaf(&key(&identity))?,
        None => None,
    };
    let terms = terms::combined(distribution, state.leaf(&key(holder))?, of_identity);
    let Some(balance) = balance else { return Ok(None) };
    Ok(due(distribution, &terms, balance)?.map(|due| (balance, due)))
}

/// The identity of a holder of a regulated asset.
fn identity(
    state: &dyn StateReader,
    asset: &AssetId,
    holder: &Address,
) -> Result<Option<Address>, Fault> {
    let facts = state.asset(asset)?;
    if !facts.is_some_and(|facts| facts.regulated) {
        return Ok(None);
    }
    let wallet: Wallet = state.leaf(&StateKey::wallet(holder))?.unwrap_or_default();
    identity_of(&wallet)
}

/// What a distribution says of a holder, and of its identity where the asset is regulated.
fn terms_of(
    view: &mut dyn StateView,
    asset: &AssetId,
    distribution: &Distribution,
    holder: &Address,
) -> Result<HolderTerms, ExecutionError> {
    let key = |account: &Address| StateKey::holder_terms(asset, distribution.number, account);
    let own = view.load(&key(holder))?;
    let regulated = load_asset(view, asset)?.regulated;
    let identity = if regulated { identity_of(&wallet(view, holder)?)? } else { None };
    let of_identity = match identity {
        Some(identity) => view.load(&key(&identity))?,
        None => None,
    };
    Ok(terms::combined(distribution, own, of_identity))
}

/// A distribution that exists.
pub(super) fn load(
    view: &mut dyn StateView,
    asset: &AssetId,
    number: u64,
) -> Result<Distribution, ExecutionError> {
    let distribution = view.load(&StateKey::distribution(asset, number))?;
    Ok(distribution.ok_or(DistributionError::UnknownDistribution { distribution: number })?)
}

/// Refuses before the payment date and after the end.
pub(super) fn require_payable(
    distribution: &Distribution,
    block: &BlockInfo,
) -> Result<(), DistributionError> {
    let Distribution { number, payment_ms, expires_ms, closed, .. } = *distribution;
    let now_ms = block.time_ms;
    if closed {
        return Err(DistributionError::Closed { distribution: number });
    }
    if now_ms < payment_ms {
        return Err(DistributionError::NotPayableYet { distribution: number, payment_ms, now_ms });
    }
    if now_ms >= expires_ms {
        return Err(DistributionError::Expired { distribution: number, expires_ms, now_ms });
    }
    Ok(())
}

/// Declares what [`pay`] touches for each holder.
pub(super) fn declare<'a>(
    state: &dyn StateReader,
    access: &mut AccessSet,
    (asset, number): (&AssetId, u64),
    holders: impl Iterator<Item = &'a Address>,
) -> Result<(), Fault> {
    let key = StateKey::distribution(asset, number);
    access.read(key);
    let Some(distribution) = state.leaf::<Distribution>(&key)? else { return Ok(()) };
    let currency = committed::asset_id("currency", &distribution.currency)?;
    let record = holdings::record_height(state, &currency)?;
    access.debit(&currency, &Address::distribution_pool(asset, number), record);
    if !distribution.tax_account.is_empty() {
        let account = committed::address("tax account", &distribution.tax_account)?;
        access.credit(&currency, &account, record);
        access.credit(&currency, &Address::treasury(asset), record);
    }
    access.read(StateKey::asset(asset));
    for holder in holders {
        access.read(StateKey::holder_terms(asset, number, holder));
        access.read(StateKey::wallet(holder));
        if let Some(identity) = identity(state, asset, holder)? {
            access.read(StateKey::holder_terms(asset, number, &identity));
        }
        access.write(StateKey::distribution_payout(asset, number, holder));
        let height = distribution.record_height;
        holdings::declare_balance_at(state, access, asset, holder, height)?;
        access.credit(&currency, holder, record);
    }
    Ok(())
}

/// Who receives the tax of a part, if any is withheld.
///
/// # Errors
/// [`EligibilityError::Sanctioned`](eligibility::EligibilityError::Sanctioned) when the treasury,
/// which stands in for the tax account, is denied the chain as well.
fn tax_payee(
    view: &mut dyn StateView,
    asset: &AssetId,
    distribution: &Distribution,
    withheld: Amount,
) -> Result<Option<Address>, ExecutionError> {
    if withheld.is_zero() {
        return Ok(None);
    }
    let account = committed::address("tax account", &distribution.tax_account)?;
    let account = holdings::payee(view, asset, &account)?;
    eligibility::require_allowed(view, &account)?;
    Ok(Some(account))
}

/// Pays a holder of record, once.
///
/// # Errors
/// In order of precedence: [`DistributionError::AlreadyPaid`],
/// [`DistributionError::RecordTooFarBack`], [`DistributionError::PartTooLarge`],
/// [`DistributionError::NothingDue`],
/// [`EligibilityError::Sanctioned`](eligibility::EligibilityError::Sanctioned) of the holder, then
/// of who receives its tax; up to here nothing is written. Then as a transfer of the currency is
/// refused.
pub(super) fn pay(
    context: &mut Context<'_>,
    asset: &AssetId,
    distribution: &Distribution,
    holder: &Address,
) -> Result<(), ExecutionError> {
    let number = distribution.number;
    let key = StateKey::distribution_payout(asset, number, holder);
    if context.state.load::<DistributionPayout>(&key)?.is_some() {
        let holder = *holder;
        return Err(DistributionError::AlreadyPaid { holder, distribution: number }.into());
    }
    let terms = terms_of(context.state, asset, distribution, holder)?;
    let record = distribution.record_height;
    let balance = holdings::balance_at(context.state, asset, holder, record)?;
    let balance = balance.ok_or(DistributionError::RecordTooFarBack { record })?;
    let due = due(distribution, &terms, balance)?;
    let too_large = DistributionError::PartTooLarge { holder: *holder, distribution: number };
    let Due { gross, withheld } = due.ok_or(too_large)?;
    if gross.is_zero() {
        let holder = *holder;
        return Err(DistributionError::NothingDue { holder, distribution: number }.into());
    }
    eligibility::require_allowed(context.state, holder)?;
    // Before anything is written: a page goes on after this refusal.
    let tax_payee = tax_payee(context.state, asset, distribution, withheld)?;
    let net = committed::difference("net part", gross, withheld)?;
    let currency = committed::asset_id("currency", &distribution.currency)?;
    let pool = Address::distribution_pool(asset, number);
    holdings::debit(context.state, context.block, &currency, &pool, gross)?;
    if !net.is_zero() {
        holdings::credit(context.state, &currency, holder, net)?;
    }
    if let Some(account) = tax_payee {
        holdings::credit(context.state, &currency, &account, withheld)?;
    }
    let (gross, withheld) = (gross.to_string(), withheld.to_string());
    let payout = DistributionPayout { gross, withheld: withheld.clone() };
    context.state.store(key, &payout)?;
    context.emit(Kind::DistributionPaid(pb::DistributionPaid {
        asset: asset.to_bytes(),
        distribution: number,
        holder: holder.to_bytes(),
        currency: currency.to_bytes(),
        net: net.to_string(),
        withheld,
    }));
    Ok(())
}
