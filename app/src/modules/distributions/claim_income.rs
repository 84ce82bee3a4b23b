//! `ClaimIncome`: a holder collects what has accrued.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::distributions::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::error::DistributionError;
use crate::modules::assets::load_asset;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Collects the income that has accrued to a holding, also one sold since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimIncome {
    /// Whose income it is.
    pub asset: AssetId,
    /// What is collected.
    pub currency: AssetId,
    /// Whose holding; the sender's if left out. A treasury has no key: anybody may collect for it.
    pub holder: Option<Address>,
}

impl TryFrom<pb::ClaimIncome> for ClaimIncome {
    type Error = DistributionError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::ClaimIncome) -> Result<Self, DistributionError> {
        let pb::ClaimIncome { asset, currency, holder } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            currency: fields::asset_id("currency", &currency)?,
            holder: fields::optional_address("holder", &holder)?,
        })
    }
}

impl Message for ClaimIncome {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let holder = self.holder.as_ref().unwrap_or(sender);
        access.read(StateKey::asset(&self.asset));
        access.write(StateKey::holding(&self.asset, holder));
        let record = holdings::record_height(state, &self.currency)?;
        access.debit(&self.currency, &Address::income_pool(&self.asset), record);
        access.credit(&self.currency, holder, record);
        Ok(())
    }

    /// In order of precedence: [`AssetError::UnknownAsset`],
    /// [`DistributionError::NothingToClaim`].
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, currency, holder } = self;
        let account = holder.unwrap_or(context.sender);
        if collect(context, id, currency, &account)?.is_zero() {
            let (name, currency) = (load_asset(context.state, id)?.name.clone(), *currency);
            return Err(DistributionError::NothingToClaim { account, name, currency }.into());
        }
        Ok(())
    }
}

/// Collects the income of a holding; zero, with nothing changed, when there is none.
///
/// # Errors
/// [`AssetError::UnknownAsset`](crate::modules::assets::AssetError::UnknownAsset).
pub(crate) fn collect(
    context: &mut Context<'_>,
    id: &AssetId,
    currency: &AssetId,
    holder: &Address,
) -> Result<Amount, ExecutionError> {
    let asset = load_asset(context.state, id)?;
    let mut holding = holdings::load_holding(context.state, (id, &asset), holder)?;
    holdings::collect_income(&mut holding, &asset)?;
    let entry = holding.income.iter_mut().find(|entry| entry.currency == *currency);
    let amount = entry.map_or(Amount::ZERO, |entry| std::mem::take(&mut entry.accrued));
    if amount.is_zero() {
        return Ok(amount);
    }
    let (block, pool) = (context.block, Address::income_pool(id));
    holdings::store_holding(context.state, id, holder, &holding)?;
    holdings::debit(context.state, block, currency, &pool, amount)?;
    holdings::credit(context.state, currency, holder, amount)?;
    context.emit(Kind::IncomeClaimed(pb::IncomeClaimed {
        asset: id.to_bytes(),
        holder: holder.to_bytes(),
        currency: currency.to_bytes(),
        amount: amount.to_string(),
    }));
    Ok(amount)
}
