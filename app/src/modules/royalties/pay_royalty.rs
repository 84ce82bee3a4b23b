//! `PayRoyalty`: a payment into the split of an asset.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::royalties::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::error::RoyaltyError;
use super::split::{self, Payment};
use crate::modules::assets::{load_asset, load_currency};
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

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

impl Message for PayRoyalty {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.read(StateKey::asset(&self.asset));
        holdings::declare_debit(state, access, &self.currency, sender)?;
        split::declare(state, access, &self.asset, &self.currency)
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
        let terms = split::load_terms(context.state, id)?;
        let terms = terms.ok_or_else(|| RoyaltyError::NoSchedule { name: asset.name.clone() })?;
        load_currency(context.state, currency)?;
        holdings::debit(context.state, block, currency, &payer, *amount)?;
        let amount = *amount;
        let payment = Payment { asset: id, payer: &payer, currency, amount, resale: false };
        payment.split(context, &terms.recipients)
    }
}
