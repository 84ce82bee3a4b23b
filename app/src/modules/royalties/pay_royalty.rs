//! `PayRoyalty`: a payment into the split of an asset.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::royalties::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::error::RoyaltyError;
use super::schedule::Schedule;
use crate::modules::assets::{load_asset, load_currency};
use crate::modules::committed::broken;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// Pays an amount into the royalty split of an asset; anybody may.
///
/// A payer who is a recipient too needs the whole amount and gets the own share back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayRoyalty {
    /// Whose schedule splits the payment.
    pub asset: AssetId,
    /// What is paid.
    pub currency: AssetId,
    /// How many base units; above zero.
    pub amount: Amount,
}

impl TryFrom<pb::PayRoyalty> for PayRoyalty {
    type Error = RoyaltyError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::PayRoyalty) -> Result<Self, RoyaltyError> {
        let pb::PayRoyalty { asset, currency, amount } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            currency: fields::asset_id("currency", &currency)?,
            amount: fields::amount("amount", &amount)?,
        })
    }
}

fn committed_schedule(schedule: pb::RoyaltySchedule) -> Result<Schedule, Fault> {
    schedule.try_into().map_err(|error| broken(format!("royalty schedule: {error}")))
}

impl Message for PayRoyalty {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let key = StateKey::royalty_schedule(&self.asset);
        access.read(StateKey::asset(&self.asset));
        access.read(key);
        let record = holdings::record_height(state, &self.currency)?;
        access.debit(&self.currency, sender, record);
        if let Some(schedule) = state.leaf(&key)? {
            for recipient in committed_schedule(schedule)?.recipients() {
                access.credit(&self.currency, recipient, record);
            }
        }
        Ok(())
    }

    /// In order of precedence: [`AssetError::UnknownAsset`] of the asset,
    /// [`RoyaltyError::NoSchedule`], [`AssetError::UnknownAsset`] of the currency,
    /// [`AssetError::NotACurrency`]; then as a transfer of the currency is refused.
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::NotACurrency`]: crate::modules::assets::AssetError::NotACurrency
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, currency, amount } = self;
        let (block, payer) = (context.block, context.sender);
        let asset = load_asset(context.state, id)?;
        let schedule = context.state.load(&StateKey::royalty_schedule(id))?;
        let schedule = schedule.ok_or(RoyaltyError::NoSchedule { name: asset.name })?;
        load_currency(context.state, currency)?;
        let parts = committed_schedule(schedule)?.split(*amount);
        holdings::debit(context.state, block, currency, &payer, *amount)?;
        for (recipient, part) in &parts {
            holdings::credit(context.state, currency, recipient, *part)?;
        }
        let payout = |(recipient, part): &(Address, Amount)| pb::RoyaltyPayout {
            account: recipient.to_bytes(),
            amount: part.to_string(),
        };
        context.emit(Kind::RoyaltyPaid(pb::RoyaltyPaid {
            asset: id.to_bytes(),
            payer: payer.to_bytes(),
            currency: currency.to_bytes(),
            amount: amount.to_string(),
            payouts: parts.iter().map(payout).collect(),
        }));
        Ok(())
    }
}
