//! `ClaimRoyalty`: a recipient of a list collects its part.

use bytes::Bytes;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::royalties::v1 as pb;
use tessera_proto::pb::royalties::v1::{RoyaltyReceipts, RoyaltyRecipient, RoyaltyTaken};
use tessera_proto::state_key::StateKey;

use super::error::RoyaltyError;
use super::receipts::due;
use crate::modules::assets::load_asset;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Most currencies in which one recipient collects from one list.
pub const MAX_TAKEN_CURRENCIES: usize = 16;

/// Collects a recipient's part of all that was paid to a list, less what it had before.
///
/// What the part is rounded down by counts as soon as further payments make it whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRoyalty {
    /// Whose list it is.
    pub asset: AssetId,
    /// Number of the list.
    pub list: u64,
    /// What is collected.
    pub currency: AssetId,
    /// For whom; the sender if left out.
    pub recipient: Option<Address>,
}

impl TryFrom<pb::ClaimRoyalty> for ClaimRoyalty {
    type Error = RoyaltyError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::ClaimRoyalty) -> Result<Self, RoyaltyError> {
        let pb::ClaimRoyalty { asset, list, currency, recipient } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            list: fields::range("list", list, 1, u64::MAX)?,
            currency: fields::asset_id("currency", &currency)?,
            recipient: fields::optional_address("recipient", &recipient)?,
        })
    }
}

impl ClaimRoyalty {
    fn key(&self, account: &Address) -> StateKey {
        StateKey::royalty_recipient(&self.asset, self.list, account)
    }
}

impl Message for ClaimRoyalty {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { asset, list, currency, recipient } = self;
        let account = recipient.as_ref().unwrap_or(sender);
        access.read(StateKey::asset(asset));
        access.write(self.key(account));
        access.read(StateKey::royalty_receipts(asset, *list, currency));
        let record = holdings::record_height(state, currency)?;
        access.debit(currency, &Address::royalty_pool(asset), record);
        access.credit(currency, account, record);
        Ok(())
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`RoyaltyError::NotARecipient`],
    /// [`RoyaltyError::NothingToClaim`], [`RoyaltyError::TooManyCurrencies`]; then as a transfer
    /// of the currency is refused.
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, list, currency, recipient } = self;
        let (block, account) = (context.block, recipient.unwrap_or(context.sender));
        let name = load_asset(context.state, id)?.name.clone();
        let key = self.key(&account);
        let leaf: Option<RoyaltyRecipient> = context.state.load(&key)?;
        let Some(mut leaf) = leaf else {
            return Err(RoyaltyError::NotARecipient { account, name, list: *list }.into());
        };
        let receipts = StateKey::royalty_receipts(id, *list, currency);
        let receipts: Option<RoyaltyReceipts> = context.state.load(&receipts)?;
        let (amount, part) = due(&leaf, receipts.as_ref(), currency)?;
        if amount.is_zero() {
            let currency = *currency;
            return Err(RoyaltyError::NothingToClaim { account, name, currency }.into());
        }
        let (currency_id, part) = (currency.to_bytes(), Bytes::copy_from_slice(&part));
        let known = leaf.taken.iter().position(|taken| taken.currency == currency_id);
        if known.is_none() && leaf.taken.len() >= MAX_TAKEN_CURRENCIES {
            return Err(RoyaltyError::TooManyCurrencies { account, name }.into());
        }
        match known.and_then(|position| leaf.taken.get_mut(position)) {
            Some(taken) => taken.amount = part,
            None => leaf.taken.push(RoyaltyTaken { currency: currency_id, amount: part }),
        }
        context.state.store(key, &leaf)?;
        holdings::debit(context.state, block, currency, &Address::royalty_pool(id), amount)?;
        holdings::credit(context.state, currency, &account, amount)?;
        context.emit(Kind::RoyaltyClaimed(pb::RoyaltyClaimed {
            asset: id.to_bytes(),
            list: *list,
            recipient: account.to_bytes(),
            currency: currency.to_bytes(),
            amount: amount.to_string(),
        }));
        Ok(())
    }
}
