//! `PayIncome`: income for all holders of an asset.

use std::sync::Arc;

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::{Asset, IncomeIndex};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::distributions::v1 as pb;
use tessera_proto::split::SplitFactor;
use tessera_proto::state_key::StateKey;

use super::error::DistributionError;
use crate::modules::assets::{load_asset, load_currency, load_totals};
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, committed, fields};
use crate::num::{Share, advance_income_index};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Most currencies in which an asset has income.
pub const MAX_INCOME_CURRENCIES: usize = 8;

/// Pays income of an asset to all its holders pro rata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayIncome {
    /// Whose income it is.
    pub asset: AssetId,
    /// What is paid.
    pub currency: AssetId,
    /// How many base units; above zero.
    pub amount: Amount,
    /// Hash of the statement behind the payment.
    pub memo_sha256: Option<[u8; 32]>,
}

impl TryFrom<pb::PayIncome> for PayIncome {
    type Error = DistributionError;

    /// Refuses malformed fields in the order of the message's fields, then
    /// [`DistributionError::PaidInOwnUnits`].
    fn try_from(message: pb::PayIncome) -> Result<Self, DistributionError> {
        let pb::PayIncome { asset, currency, amount, memo_sha256 } = message;
        let asset = fields::asset_id("asset", &asset)?;
        let currency = fields::asset_id("currency", &currency)?;
        let amount = fields::amount("amount", &amount)?;
        let memo_sha256 = fields::optional_sha256("memo_sha256", &memo_sha256)?;
        if asset == currency {
            return Err(DistributionError::PaidInOwnUnits { asset });
        }
        Ok(Self { asset, currency, amount, memo_sha256 })
    }
}

impl PayIncome {
    /// The entry of the currency, made when it is the first payment in it.
    fn income_entry<'a>(
        &self,
        context: &Context<'_>,
        asset: &'a mut Asset,
        currency: &Asset,
    ) -> Result<&'a mut IncomeIndex, ExecutionError> {
        let id = self.currency.to_bytes();
        let known = asset.income.iter().position(|entry| entry.currency == id);
        let position = known.unwrap_or(asset.income.len());
        if known.is_none() {
            let (name, currency) = (asset.name.clone(), currency.name.clone());
            if position >= MAX_INCOME_CURRENCIES {
                return Err(DistributionError::TooManyCurrencies { name, currency }.into());
            }
            let issuer = committed::address("issuer", &asset.issuer)?;
            if issuer != context.sender && self.currency != context.block.fee_currency {
                return Err(DistributionError::CurrencyNotOpened { name, currency, issuer }.into());
            }
            let (index, remainder) = (Bytes::from_static(&[0; 32]), Amount::ZERO.to_string());
            asset.income.push(IncomeIndex { currency: id, index, remainder });
        }
        let entry = asset.income.get_mut(position);
        Ok(entry.ok_or_else(|| committed::broken("an income entry has vanished"))?)
    }
}

impl Message for PayIncome {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.write(StateKey::asset(&self.asset));
        access.read(StateKey::asset_totals(&self.asset));
        let record = holdings::record_height(state, &self.currency)?;
        access.debit(&self.currency, sender, record);
        access.credit(&self.currency, &Address::income_pool(&self.asset), record);
        Ok(())
    }

    /// In order of precedence: [`AssetError::UnknownAsset`] of the asset, then of the currency,
    /// [`AssetError::NotACurrency`], [`DistributionError::NoUnits`],
    /// [`DistributionError::TooManyCurrencies`], [`DistributionError::CurrencyNotOpened`],
    /// [`DistributionError::IndexExhausted`]; then as a transfer of the currency is refused.
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::NotACurrency`]: crate::modules::assets::AssetError::NotACurrency
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, currency: currency_id, amount, memo_sha256 } = self;
        let (block, payer) = (context.block, context.sender);
        let mut asset = Arc::unwrap_or_clone(load_asset(context.state, id)?);
        let currency = load_currency(context.state, currency_id)?;
        let supply = committed::amount("supply", &load_totals(context.state, id)?.supply)?;
        let name = asset.name.clone();
        if supply.is_zero() {
            return Err(DistributionError::NoUnits { name }.into());
        }
        let supply = Share { units: supply, factor: SplitFactor::of(&asset).get() };
        let entry = self.income_entry(context, &mut asset, &currency)?;
        let index = committed::index("income index", &entry.index)?;
        let remainder = committed::amount("income remainder", &entry.remainder)?;
        let step = advance_income_index(&index, remainder, *amount, supply)
            .ok_or(DistributionError::IndexExhausted { name, currency: currency.name.clone() })?;
        entry.index = Bytes::copy_from_slice(&step.index);
        entry.remainder = step.remainder.to_string();
        holdings::debit(context.state, block, currency_id, &payer, *amount)?;
        holdings::credit(context.state, currency_id, &Address::income_pool(id), *amount)?;
        context.state.store(StateKey::asset(id), &asset)?;
        context.emit(Kind::IncomePaid(pb::IncomePaid {
            asset: id.to_bytes(),
            payer: payer.to_bytes(),
            currency: currency_id.to_bytes(),
            amount: amount.to_string(),
            memo_sha256: fields::optional_bytes(memo_sha256.as_ref()),
        }));
        Ok(())
    }
}
