//! `PruneRoyaltyList`: what nobody needs any more of a list that is not paid any more is removed.

use std::collections::BTreeSet;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::royalties::v1 as pb;
use tessera_proto::pb::royalties::v1::{
    RoyaltyList, RoyaltyListFacts, RoyaltyReceipts, RoyaltyRecipient, RoyaltySchedule,
};
use tessera_proto::state_key::StateKey;

use super::add_recipients::MAX_PAGE;
use super::error::RoyaltyError;
use super::receipts::due;
use crate::modules::assets::load_asset;
use crate::modules::committed::{self, broken};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// Removes recipients of an abandoned list who have nothing to claim, and after the last of them
/// the rest of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruneRoyaltyList {
    /// Whose list it is.
    pub asset: AssetId,
    /// Number of the list.
    pub list: u64,
    /// Who is removed.
    pub recipients: BTreeSet<Address>,
}

impl TryFrom<pb::PruneRoyaltyList> for PruneRoyaltyList {
    type Error = RoyaltyError;

    /// Refuses malformed fields in the order of the message's fields, then
    /// [`RoyaltyError::SharesNotAscending`].
    fn try_from(message: pb::PruneRoyaltyList) -> Result<Self, RoyaltyError> {
        let pb::PruneRoyaltyList { asset, list, recipients: named } = message;
        let asset = fields::asset_id("asset", &asset)?;
        let list = fields::range("list", list, 1, u64::MAX)?;
        fields::count("recipients", named.len(), 1, MAX_PAGE)?;
        let mut recipients = BTreeSet::new();
        for account in named {
            let account = fields::address("recipient", &account)?;
            if recipients.last().is_some_and(|last| *last >= account) {
                return Err(RoyaltyError::SharesNotAscending { account });
            }
            recipients.insert(account);
        }
        Ok(Self { asset, list, recipients })
    }
}

/// Whether a list is neither in force nor being written, and will never be again.
#[must_use]
pub fn is_abandoned(
    number: u64,
    latest: Option<&RoyaltyList>,
    schedule: Option<&RoyaltySchedule>,
) -> bool {
    let latest_number = latest.map_or(0, |latest| latest.number);
    let complete = latest.is_none_or(|latest| latest.complete);
    let in_force = schedule.is_some_and(|schedule| schedule.list == number);
    number <= latest_number && !in_force && (number < latest_number || complete)
}

/// What was paid in each currency.
type Receipts = Vec<(AssetId, RoyaltyReceipts)>;

/// The currencies in which a list was paid.
fn currencies(facts: &RoyaltyListFacts) -> Result<Vec<AssetId>, Fault> {
    let read = |id| committed::asset_id("currency of royalties", id);
    facts.currencies.iter().map(|id| read(id)).collect()
}

impl PruneRoyaltyList {
    fn receipts_key(&self, currency: &AssetId) -> StateKey {
        StateKey::royalty_receipts(&self.asset, self.list, currency)
    }

    fn facts_key(&self) -> StateKey {
        StateKey::royalty_list_facts(&self.asset, self.list)
    }

    /// What is known of the list, if nobody is paid by it any more.
    fn load_abandoned(
        &self,
        context: &mut Context<'_>,
        name: &str,
    ) -> Result<RoyaltyListFacts, ExecutionError> {
        let (name, list) = (name.to_owned(), self.list);
        let latest: Option<RoyaltyList> =
            context.state.load(&StateKey::royalty_list(&self.asset))?;
        let schedule: Option<RoyaltySchedule> =
            context.state.load(&StateKey::royalty_schedule(&self.asset))?;
        if !is_abandoned(list, latest.as_ref(), schedule.as_ref()) {
            return Err(RoyaltyError::ListInUse { name, list }.into());
        }
        let facts: Option<RoyaltyListFacts> = context.state.load(&self.facts_key())?;
        let facts = facts.unwrap_or_default();
        match facts.more_currencies {
            true => Err(RoyaltyError::TooManyListCurrencies { name, list }.into()),
            false => Ok(facts),
        }
    }

    /// Removes those who have nothing to claim; how many that were.
    fn remove(
        &self,
        context: &mut Context<'_>,
        currencies: &[AssetId],
    ) -> Result<u32, ExecutionError> {
        let mut receipts = Receipts::new();
        for currency in currencies {
            let leaf: Option<RoyaltyReceipts> = context.state.load(&self.receipts_key(currency))?;
            receipts.extend(leaf.map(|leaf| (*currency, leaf)));
        }
        let mut removed = 0_u32;
        for account in &self.recipients {
            let key = StateKey::royalty_recipient(&self.asset, self.list, account);
            let leaf: Option<RoyaltyRecipient> = context.state.load(&key)?;
            let Some(leaf) = leaf else { continue };
            if !has_claim(&leaf, &receipts)? {
                context.state.write(key, None)?;
                removed = removed.saturating_add(1);
            }
        }
        Ok(removed)
    }
}

fn has_claim(recipient: &RoyaltyRecipient, receipts: &Receipts) -> Result<bool, Fault> {
    for (currency, paid) in receipts {
        let (amount, _) = due(recipient, Some(paid), currency)?;
        if !amount.is_zero() {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Message for PruneRoyaltyList {
    fn declare(
        &self,
        _sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { asset, list, recipients } = self;
        access.read(StateKey::asset(asset));
        access.read(StateKey::royalty_list(asset));
        access.read(StateKey::royalty_schedule(asset));
        let key = self.facts_key();
        access.write(key);
        for currency in currencies(&state.leaf(&key)?.unwrap_or_default())? {
            access.write(self.receipts_key(&currency));
        }
        for account in recipients {
            access.write(StateKey::royalty_recipient(asset, *list, account));
        }
        Ok(())
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`RoyaltyError::ListInUse`],
    /// [`RoyaltyError::TooManyListCurrencies`], [`RoyaltyError::NothingToPrune`].
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let (id, list) = (&self.asset, self.list);
        let name = load_asset(context.state, id)?.name.clone();
        let mut facts = self.load_abandoned(context, &name)?;
        let currencies = currencies(&facts)?;
        let removed = self.remove(context, &currencies)?;
        if removed == 0 {
            return Err(RoyaltyError::NothingToPrune { name, list }.into());
        }
        let left = facts.recipient_count.checked_sub(removed);
        let left = left.ok_or_else(|| broken("a royalty list has more recipients than it says"))?;
        facts.recipient_count = left;
        if left > 0 {
            context.state.store(self.facts_key(), &facts)?;
        } else {
            for currency in &currencies {
                context.state.write(self.receipts_key(currency), None)?;
            }
            context.state.write(self.facts_key(), None)?;
        }
        context.emit(Kind::RoyaltyListPruned(pb::RoyaltyListPruned {
            asset: id.to_bytes(),
            list,
            removed,
            recipient_count: left,
        }));
        Ok(())
    }
}
