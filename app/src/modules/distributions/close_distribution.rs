//! `CloseDistribution`: what is left of a distribution goes to whom it belongs.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::distributions::v1 as pb;
use tessera_proto::pb::distributions::v1::{Distribution, RemainderPolicy};
use tessera_proto::state_key::StateKey;

use super::error::DistributionError;
use super::{payout, records};
use crate::modules::assets::load_asset;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, committed, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// Ends a distribution: cancels it before its payment date, or clears it after its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseDistribution {
    /// Whose holders were paid.
    pub asset: AssetId,
    /// Number of the distribution.
    pub distribution: u64,
}

impl TryFrom<pb::CloseDistribution> for CloseDistribution {
    type Error = DistributionError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::CloseDistribution) -> Result<Self, DistributionError> {
        let asset = fields::asset_id("asset", &message.asset)?;
        let distribution = fields::range("distribution", message.distribution, 1, u64::MAX)?;
        Ok(Self { asset, distribution })
    }
}

impl CloseDistribution {
    /// Whether this cancels the distribution, if it may be ended at all.
    fn cancels(
        &self,
        distribution: &Distribution,
        context: &Context<'_>,
    ) -> Result<bool, DistributionError> {
        let Distribution { number, payment_ms, expires_ms, closed, .. } = *distribution;
        let now_ms = context.block.time_ms;
        if closed {
            return Err(DistributionError::Closed { distribution: number });
        }
        let is_payer = distribution.payer == context.sender.to_bytes();
        if now_ms < payment_ms && is_payer {
            return Ok(true);
        }
        if now_ms < expires_ms {
            return Err(DistributionError::NotOverYet { distribution: number, expires_ms, now_ms });
        }
        Ok(false)
    }
}

/// Who may receive what is left: the payer, and whom the policy names.
fn heirs(asset: &AssetId, distribution: &Distribution) -> Result<[Address; 2], Fault> {
    let payer = committed::address("payer", &distribution.payer)?;
    let heir = match distribution.remainder() {
        RemainderPolicy::Treasury => Address::treasury(asset),
        RemainderPolicy::Payer | RemainderPolicy::Unspecified => payer,
    };
    Ok([payer, heir])
}

impl Message for CloseDistribution {
    fn declare(
        &self,
        _sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { asset, distribution: number } = self;
        let key = StateKey::distribution(asset, *number);
        access.write(key);
        let Some(distribution) = state.leaf::<Distribution>(&key)? else { return Ok(()) };
        access.write(StateKey::record(asset, distribution.record));
        let currency = committed::asset_id("currency", &distribution.currency)?;
        let record = holdings::record_height(state, &currency)?;
        access.debit(&currency, &Address::distribution_pool(asset, *number), record);
        for heir in heirs(asset, &distribution)? {
            access.credit(&currency, &heir, record);
        }
        access.credit(&currency, &Address::treasury(asset), record);
        Ok(())
    }

    /// In order of precedence: [`DistributionError::UnknownDistribution`],
    /// [`DistributionError::Closed`], [`DistributionError::NotOverYet`]; then as a transfer of the
    /// currency is refused. What is left for who is denied the chain goes to the treasury.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, distribution: number } = self;
        let mut distribution = payout::load(context.state, asset, *number)?;
        let cancelled = self.cancels(&distribution, context)?;
        let [payer, heir] = heirs(asset, &distribution)?;
        let to = if cancelled { payer } else { heir };
        let to = holdings::payee(context.state, asset, &to)?;
        let currency = committed::asset_id("currency", &distribution.currency)?;
        let pool = Address::distribution_pool(asset, *number);
        let facts = load_asset(context.state, &currency)?;
        let left = holdings::load_holding(context.state, (&currency, &facts), &pool)?.balance;
        if !left.is_zero() {
            holdings::debit(context.state, context.block, &currency, &pool, left)?;
            holdings::credit(context.state, &currency, &to, left)?;
        }
        records::release(context.state, asset, distribution.record)?;
        distribution.closed = true;
        context.state.store(StateKey::distribution(asset, *number), &distribution)?;
        context.emit(Kind::DistributionClosed(pb::DistributionClosed {
            asset: asset.to_bytes(),
            distribution: *number,
            currency: currency.to_bytes(),
            remainder: left.to_string(),
            to: to.to_bytes(),
            cancelled,
        }));
        Ok(())
    }
}
