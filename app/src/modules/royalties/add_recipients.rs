//! `AddRoyaltyRecipients`: a page of a list of recipients.

use std::sync::Arc;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::royalties::v1 as pb;
use tessera_proto::pb::royalties::v1::{RoyaltyList, RoyaltyListFacts, RoyaltyRecipient};
use tessera_proto::state_key::StateKey;

use super::error::RoyaltyError;
use super::schedule::{Shares, read_shares};
use crate::modules::assets::{load_asset, require_issuer};
use crate::modules::committed::broken;
use crate::modules::{Context, Message, fields};
use crate::num::FULL_BPS;
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// Most recipients of a page.
pub const MAX_PAGE: usize = 512;
/// Most recipients of a list: as many as there are basis points.
pub const MAX_RECIPIENTS: u32 = FULL_BPS;

/// Writes a page of the recipients of an asset's royalties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddRoyaltyRecipients {
    /// The asset.
    pub asset: AssetId,
    /// Whether a new list begins.
    pub first: bool,
    /// Whether the list ends and comes into force.
    pub last: bool,
    /// Part of the price of a resale, of the whole list.
    pub resale_bps: u32,
    /// The recipients.
    pub shares: Shares,
}

impl TryFrom<pb::AddRoyaltyRecipients> for AddRoyaltyRecipients {
    type Error = RoyaltyError;

    /// Refuses malformed fields in the order of the message's fields, then, share by share,
    /// malformed fields and [`RoyaltyError::SharesNotAscending`].
    fn try_from(message: pb::AddRoyaltyRecipients) -> Result<Self, RoyaltyError> {
        let pb::AddRoyaltyRecipients { asset, first, last, resale_bps, shares } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            first,
            last,
            resale_bps: fields::range("resale_bps", resale_bps, 0, FULL_BPS)?,
            shares: read_shares(shares, MAX_PAGE)?,
        })
    }
}

impl AddRoyaltyRecipients {
    /// The list after this page.
    fn extended(&self, list: Option<RoyaltyList>, name: &str) -> Result<RoyaltyList, RoyaltyError> {
        let number = list.as_ref().map_or(0, |list| list.number);
        let mut list = if self.first {
            let number = number.saturating_add(1);
            RoyaltyList { number, resale_bps: self.resale_bps, ..RoyaltyList::default() }
        } else {
            let begun = list.filter(|list| !list.complete);
            begun.ok_or_else(|| RoyaltyError::NoListBegun { name: name.to_owned() })?
        };
        if let Some((account, _)) = self.shares.first_key_value()
            && list.last_account.as_ref() >= account.as_bytes().as_slice()
        {
            return Err(RoyaltyError::SharesNotAscending { account: *account });
        }
        let sum = self.shares.values().fold(list.sum_bps, |sum, bps| sum.saturating_add(*bps));
        if sum > FULL_BPS || (self.last && sum != FULL_BPS) {
            return Err(RoyaltyError::SharesMustBeWhole { sum });
        }
        if let Some((account, _)) = self.shares.last_key_value() {
            list.last_account = account.to_bytes();
        }
        // Each has a basis point at least, so there are never more than the whole has.
        let count = u32::try_from(self.shares.len()).unwrap_or(MAX_RECIPIENTS);
        list.recipient_count = list.recipient_count.saturating_add(count);
        (list.sum_bps, list.complete) = (sum, self.last);
        Ok(list)
    }
}

impl Message for AddRoyaltyRecipients {
    fn declare(
        &self,
        _sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { asset, first, last, .. } = self;
        let key = StateKey::royalty_list(asset);
        access.write(key);
        let current = state.leaf::<RoyaltyList>(&key)?.map_or(0, |list| list.number);
        let next = current.checked_add(1).ok_or_else(|| broken("royalty lists are used up"))?;
        // An earlier operation of the transaction may have begun the next list.
        for list in (if *first { next } else { current })..=next {
            access.write(StateKey::royalty_list_facts(asset, list));
            for account in self.shares.keys() {
                access.write(StateKey::royalty_recipient(asset, list, account));
            }
        }
        if *last {
            access.write(StateKey::asset(asset));
            access.write(StateKey::royalty_schedule(asset));
        } else {
            access.read(StateKey::asset(asset));
        }
        Ok(())
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::NotIssuer`],
    /// [`RoyaltyError::NoListBegun`], [`RoyaltyError::SharesNotAscending`],
    /// [`RoyaltyError::SharesMustBeWhole`].
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::NotIssuer`]: crate::modules::assets::AssetError::NotIssuer
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let id = &self.asset;
        let mut asset = Arc::unwrap_or_clone(load_asset(context.state, id)?);
        require_issuer(&asset, &context.sender)?;
        let key = StateKey::royalty_list(id);
        let list = context.state.load(&key)?;
        let list = self.extended(list, &asset.name)?;
        let (number, recipient_count) = (list.number, list.recipient_count);
        context.state.store(key, &list)?;
        let facts = RoyaltyListFacts { recipient_count, ..RoyaltyListFacts::default() };
        context.state.store(StateKey::royalty_list_facts(id, number), &facts)?;
        for (account, share_bps) in &self.shares {
            let leaf = RoyaltyRecipient { share_bps: *share_bps, taken: Vec::new() };
            context.state.store(StateKey::royalty_recipient(id, number, account), &leaf)?;
        }
        context.emit(Kind::RoyaltyRecipientsAdded(pb::RoyaltyRecipientsAdded {
            asset: id.to_bytes(),
            list: number,
            recipient_count,
        }));
        if self.last {
            let schedule = pb::RoyaltySchedule {
                shares: Vec::new(),
                resale_bps: list.resale_bps,
                list: number,
                recipient_count,
            };
            context.state.store(StateKey::royalty_schedule(id), &schedule)?;
            asset.has_royalty_schedule = true;
            context.state.store(StateKey::asset(id), &asset)?;
            let event = pb::RoyaltyScheduleSet { asset: id.to_bytes(), schedule: Some(schedule) };
            context.emit(Kind::RoyaltyScheduleSet(event));
        }
        Ok(())
    }
}
