//! Opening a distribution: the check that it is funded, and the money that goes into its pool.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::distributions::v1 as pb;
use tessera_proto::pb::distributions::v1::{Distribution, HolderSelection, Record};
use tessera_proto::state_key::StateKey;

use super::error::DistributionError;
use super::records;
use super::terms::Terms;
use crate::modules::assets::{declare_supply_at, load_currency, supply_at};
use crate::modules::committed::{self, broken};
use crate::modules::transfers::holdings;
use crate::modules::{Context, fields};
use crate::num::mul_div_floor;
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// An amount of currency for every so many units of the asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Base units of the currency; above zero.
    pub per_unit: Amount,
    /// Base units of the asset; above zero.
    pub units: Amount,
}

impl Rate {
    /// What a balance is due, rounded down.
    pub(super) fn of(&self, balance: Amount) -> Option<Amount> {
        mul_div_floor(balance, self.per_unit.base_units(), self.units.base_units())
    }
}

/// A distribution about to be opened by the sender.
pub(super) struct Opening<'a> {
    pub(super) asset: &'a AssetId,
    pub(super) currency: &'a AssetId,
    pub(super) record: u64,
    pub(super) terms: &'a Terms,
}

/// Schedule and period of a coupon; zero for other distributions.
pub(super) type Coupon = (u64, u32);

impl Opening<'_> {
    /// Declares what [`Opening::open`] touches.
    pub(super) fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { asset, currency, record, terms } = self;
        let key = StateKey::record(asset, *record);
        access.write(StateKey::asset(asset));
        access.write(key);
        let facts = state.asset(asset)?.unwrap_or_default();
        let count = facts.distribution_count;
        records::declare_next(access, count, |number| StateKey::distribution(asset, number))?;
        holdings::declare_debit(state, access, currency, sender)?;
        // Which of the next numbers it is given depends on what comes before it in the block.
        let numbers: Vec<u64> =
            (1..=records::AHEAD).filter_map(|step| count.checked_add(step)).collect();
        terms.declare(state, access, (asset, &facts), &numbers)?;
        for number in &numbers {
            let pool = Address::distribution_pool(asset, *number);
            holdings::declare_credit(state, access, currency, &pool)?;
        }
        let Some(Record { height, .. }) = state.leaf(&key)? else { return Ok(()) };
        declare_supply_at(state, access, asset, height)?;
        for holder in &terms.holders {
            holdings::declare_balance_at(state, access, asset, holder, height)?;
        }
        Ok(())
    }

    /// Checks that the distribution is funded, takes the money and stores it.
    ///
    /// # Errors
    /// In order of precedence: [`AssetError::UnknownAsset`] of the currency,
    /// [`AssetError::NotACurrency`], [`DistributionError::AlreadyExpired`],
    /// [`DistributionError::UnknownRecord`], [`DistributionError::RecordNotFinished`],
    /// [`DistributionError::RecordTooFarBack`], [`DistributionError::NobodyIsDue`],
    /// [`DistributionError::PromiseTooLarge`], [`DistributionError::NotFunded`]; then as a
    /// transfer of the currency is refused.
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::NotACurrency`]: crate::modules::assets::AssetError::NotACurrency
    pub(super) fn open(
        &self,
        context: &mut Context<'_>,
        mut facts: Asset,
        rate: Rate,
        coupon: Coupon,
    ) -> Result<(), ExecutionError> {
        let Self { asset, currency, record, terms } = *self;
        let (block, payer) = (context.block, context.sender);
        load_currency(context.state, currency)?;
        let Terms { expires_ms, payment_ms, funded, .. } = *terms;
        if block.time_ms >= expires_ms {
            let now_ms = block.time_ms;
            return Err(DistributionError::AlreadyExpired { expires_ms, now_ms }.into());
        }
        let height = self.use_record(context)?;
        let entitled = self.entitled(context, height)?;
        let promised = promised(&rate, entitled, &facts, height)?;
        if funded < promised {
            return Err(DistributionError::NotFunded { funded, promised, entitled }.into());
        }
        let too_many = || broken("distributions have come to their end");
        let number = facts.distribution_count.checked_add(1).ok_or_else(too_many)?;
        facts.distribution_count = number;
        context.state.store(StateKey::asset(asset), &facts)?;
        terms.store(context.state, (asset, &facts), number)?;
        let pool = Address::distribution_pool(asset, number);
        holdings::debit(context.state, block, currency, &payer, funded)?;
        holdings::credit(context.state, currency, &pool, funded)?;
        let distribution = Distribution {
            asset: asset.to_bytes(),
            number,
            payer: payer.to_bytes(),
            currency: currency.to_bytes(),
            record,
            record_height: height,
            per_unit: rate.per_unit.to_string(),
            units: rate.units.to_string(),
            promised: promised.to_string(),
            funded: funded.to_string(),
            declared_ms: block.time_ms,
            payment_ms,
            expires_ms,
            withholding_bps: terms.withholding_bps,
            tax_account: terms.tax_account.map(Address::to_bytes).unwrap_or_default(),
            selection: terms.selection.into(),
            remainder: terms.remainder.into(),
            memo_sha256: fields::optional_bytes(terms.memo_sha256.as_ref()),
            closed: false,
            coupon_schedule: coupon.0,
            coupon_period: coupon.1,
        };
        context.state.store(StateKey::distribution(asset, number), &distribution)?;
        context.emit(Kind::DistributionDeclared(declared(distribution)));
        Ok(())
    }

    /// One user more of the record date; its height.
    fn use_record(&self, context: &mut Context<'_>) -> Result<u64, ExecutionError> {
        let number = self.record;
        let key = StateKey::record(self.asset, number);
        let record: Option<Record> = context.state.load(&key)?;
        let mut record = record.ok_or(DistributionError::UnknownRecord { record: number })?;
        if record.height >= context.block.height {
            let height = record.height;
            return Err(DistributionError::RecordNotFinished { record: number, height }.into());
        }
        record.uses = record.uses.saturating_add(1);
        context.state.store(key, &record)?;
        Ok(record.height)
    }

    /// Units at the record that the distribution is for.
    fn entitled(&self, context: &mut Context<'_>, height: u64) -> Result<Amount, ExecutionError> {
        let too_far = || DistributionError::RecordTooFarBack { record: height };
        let mut listed = Amount::ZERO;
        for holder in &self.terms.holders {
            let balance = holdings::balance_at(context.state, self.asset, holder, height)?;
            listed = committed::sum("listed units", listed, balance.ok_or_else(too_far)?)?;
        }
        if self.terms.selection == HolderSelection::Listed {
            return Ok(listed);
        }
        let supply = supply_at(context.state, self.asset, height)?.ok_or_else(too_far)?;
        Ok(committed::difference("entitled units", supply, listed)?)
    }
}

fn promised(
    rate: &Rate,
    entitled: Amount,
    facts: &Asset,
    height: u64,
) -> Result<Amount, DistributionError> {
    let promised = rate.of(entitled).ok_or(DistributionError::PromiseTooLarge { entitled })?;
    if promised.is_zero() {
        let name = facts.name.clone();
        return Err(DistributionError::NobodyIsDue { name, record: height });
    }
    Ok(promised)
}

fn declared(distribution: Distribution) -> pb::DistributionDeclared {
    pb::DistributionDeclared {
        asset: distribution.asset,
        distribution: distribution.number,
        payer: distribution.payer,
        currency: distribution.currency,
        funded: distribution.funded,
        promised: distribution.promised,
        record: distribution.record,
        payment_ms: distribution.payment_ms,
        expires_ms: distribution.expires_ms,
        coupon_schedule: distribution.coupon_schedule,
        coupon_period: distribution.coupon_period,
    }
}
