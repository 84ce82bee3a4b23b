//! Giving a payment to those whom the schedule names.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::royalties::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::list_facts;
use super::schedule::{Recipients, Terms};
use crate::modules::transfers::holdings;
use crate::modules::{Context, committed};
use crate::num::share_of_bps;
use crate::state::access::AccessSet;
use crate::state::delta::Delta;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader, StateView};

/// A payment into the split of an asset; the payer has been debited.
pub(super) struct Payment<'a> {
    pub(super) asset: &'a AssetId,
    pub(super) payer: &'a Address,
    pub(super) currency: &'a AssetId,
    pub(super) amount: Amount,
    pub(super) resale: bool,
}

/// The schedule in force.
pub(super) fn load_terms(
    view: &mut dyn StateView,
    asset: &AssetId,
) -> Result<Option<Terms>, ExecutionError> {
    let leaf: Option<pb::RoyaltySchedule> = view.load(&StateKey::royalty_schedule(asset))?;
    Ok(leaf.map(Terms::committed).transpose()?)
}

/// Declares what [`Payment::split`] touches.
pub(super) fn declare(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    currency: &AssetId,
) -> Result<(), Fault> {
    let key = StateKey::royalty_schedule(asset);
    access.read(key);
    let Some(leaf) = state.leaf::<pb::RoyaltySchedule>(&key)? else { return Ok(()) };
    let record = holdings::record_height(state, currency)?;
    match Terms::committed(leaf)?.recipients {
        Recipients::AtOnce(schedule) => {
            for recipient in schedule.recipients() {
                access.credit(currency, recipient, record);
            }
            access.credit(currency, &Address::treasury(asset), record);
        }
        Recipients::List(list) => {
            access.credit(currency, &Address::royalty_pool(asset), record);
            access.add(StateKey::royalty_receipts(asset, list, currency));
            list_facts::declare(state, access, (asset, list), currency)?;
        }
    }
    Ok(())
}

impl Payment<'_> {
    /// Credits everybody who receives a part, or the pool from which they claim. The part of who
    /// is denied the chain goes to the treasury of the asset.
    pub(super) fn split(
        self,
        context: &mut Context<'_>,
        recipients: &Recipients,
    ) -> Result<(), ExecutionError> {
        let Self { asset, payer, currency, amount, resale } = self;
        let parts = match recipients {
            Recipients::AtOnce(schedule) => {
                let mut parts = schedule.split(amount);
                for (recipient, _) in &mut parts {
                    *recipient = holdings::payee(context.state, asset, recipient)?;
                }
                parts
            }
            Recipients::List(list) => {
                list_facts::note(context.state, (asset, *list), currency)?;
                let (asset, list, currency) = (*asset, *list, *currency);
                context.state.add(Delta::RoyaltyReceipts { asset, list, currency, amount })?;
                vec![(Address::royalty_pool(&asset), amount)]
            }
        };
        for (recipient, part) in &parts {
            holdings::credit(context.state, currency, recipient, *part)?;
        }
        let payout = |(recipient, part): &(Address, Amount)| pb::RoyaltyPayout {
            account: recipient.to_bytes(),
            amount: part.to_string(),
        };
        context.emit(Kind::RoyaltyPaid(pb::RoyaltyPaid {
            asset: asset.to_bytes(),
            payer: payer.to_bytes(),
            currency: currency.to_bytes(),
            amount: amount.to_string(),
            payouts: parts.iter().map(payout).collect(),
            resale,
        }));
        Ok(())
    }
}

/// Declares what [`take_from_sale`] touches: nothing for an asset without a schedule.
pub(crate) fn declare_sale(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    currency: &AssetId,
) -> Result<(), Fault> {
    access.read(StateKey::asset(asset));
    let facts = state.asset(asset)?;
    match facts {
        Some(facts) if facts.has_royalty_schedule => declare(state, access, asset, currency),
        _ => Ok(()),
    }
}

/// Pays the royalty of a sale out of its price and tells how much that was.
///
/// The buyer has been debited the price; whatever is not royalty is the seller's. The royalty is
/// `floor(price * resale share / 10,000)`. Units that the issuer sells are not resold: nothing is
/// taken.
pub(crate) fn take_from_sale(
    context: &mut Context<'_>,
    asset: &Asset,
    seller: &Address,
    currency: &AssetId,
    price: Amount,
) -> Result<Amount, ExecutionError> {
    if !asset.has_royalty_schedule || asset.issuer == seller.to_bytes() {
        return Ok(Amount::ZERO);
    }
    let id = committed::asset_id("asset", &asset.id)?;
    let Some(terms) = load_terms(context.state, &id)? else { return Ok(Amount::ZERO) };
    let amount = share_of_bps(price, terms.resale_bps).unwrap_or_default();
    if !amount.is_zero() {
        let payment = Payment { asset: &id, payer: seller, currency, amount, resale: true };
        payment.split(context, &terms.recipients)?;
    }
    Ok(amount)
}
