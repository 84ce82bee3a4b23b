//! `PayWaterfall`: income of an asset for its tranches, in order of rank.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::pools::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::error::PoolError;
use super::waterfall;
use crate::modules::assets::load_asset;
use crate::modules::distributions::PayIncome;
use crate::modules::{Context, Message, fields};
use crate::num::Share;
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Pays income of an asset to its tranches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayWaterfall {
    /// Whose income it is.
    pub parent: AssetId,
    /// What is paid.
    pub currency: AssetId,
    /// How many base units; above zero.
    pub amount: Amount,
    /// Hash of the statement behind the payment.
    pub memo_sha256: Option<[u8; 32]>,
}

impl TryFrom<pb::PayWaterfall> for PayWaterfall {
    type Error = PoolError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::PayWaterfall) -> Result<Self, PoolError> {
        let pb::PayWaterfall { parent, currency, amount, memo_sha256 } = message;
        Ok(Self {
            parent: fields::asset_id("parent", &parent)?,
            currency: fields::asset_id("currency", &currency)?,
            amount: fields::amount("amount", &amount)?,
            memo_sha256: fields::optional_sha256("memo_sha256", &memo_sha256)?,
        })
    }
}

impl PayWaterfall {
    fn to_tranche(&self, asset: AssetId, amount: Amount) -> PayIncome {
        PayIncome { asset, currency: self.currency, amount, memo_sha256: self.memo_sha256 }
    }
}

impl Message for PayWaterfall {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.read(StateKey::asset(&self.parent));
        access.write(StateKey::waterfall(&self.parent));
        for tranche in waterfall::tranches_before(state, &self.parent)? {
            self.to_tranche(tranche, self.amount).declare(sender, state, access)?;
        }
        Ok(())
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`PoolError::NotDivided`],
    /// [`PoolError::OtherCurrency`], [`PoolError::NoTrancheUnits`]; then as the income of a
    /// tranche is refused.
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { parent, currency, amount, memo_sha256 } = self;
        let facts = load_asset(context.state, parent)?;
        let mut waterfall = waterfall::load(context.state, (parent, &facts))?;
        let paid_in = waterfall::currency_of(&waterfall)?;
        let name = facts.name.clone();
        if paid_in != *currency {
            return Err(PoolError::OtherCurrency { name, currency: paid_in }.into());
        }
        let shares = waterfall::shares(context.state, &waterfall)?;
        let units: Vec<Share> = shares.iter().map(|(_, units)| *units).collect();
        if !units.iter().any(Share::has_units) {
            return Err(PoolError::NoTrancheUnits { name }.into());
        }
        let now_ms = context.block.time_ms;
        let divided = waterfall::divide(&mut waterfall, &units, *amount, now_ms)?;
        context.state.store(StateKey::waterfall(parent), &waterfall)?;
        let mut parts = Vec::with_capacity(divided.len());
        for ((tranche, _), part) in shares.iter().zip(divided) {
            if !part.is_zero() {
                self.to_tranche(*tranche, part).execute(context)?;
                parts.push(pb::UnitsPart { asset: tranche.to_bytes(), amount: part.to_string() });
            }
        }
        context.emit(Kind::WaterfallPaid(pb::WaterfallPaid {
            parent: parent.to_bytes(),
            payer: context.sender.to_bytes(),
            currency: currency.to_bytes(),
            amount: amount.to_string(),
            parts,
            memo_sha256: fields::optional_bytes(memo_sha256.as_ref()),
        }));
        Ok(())
    }
}
