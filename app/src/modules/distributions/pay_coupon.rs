//! `PayCoupon`: a period of a schedule of coupons becomes a distribution.

use std::sync::Arc;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::distributions::v1 as pb;
use tessera_proto::pb::distributions::v1::{CouponSchedule, Record};
use tessera_proto::split::{InUnits, SplitFactor};
use tessera_proto::state_key::StateKey;

use super::coupons::coupon;
use super::error::DistributionError;
use super::open::{Opening, Rate};
use super::terms::Terms;
use crate::modules::assets::{load_asset, require_issuer};
use crate::modules::{Context, Message, committed, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// Declares the distribution of the next period of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayCoupon {
    /// Whose holders are paid.
    pub asset: AssetId,
    /// Number of the schedule.
    pub schedule: u64,
    /// Which period, from 1.
    pub period: u32,
    /// Number of the record date.
    pub record: u64,
    /// Everything else.
    pub terms: Terms,
}

impl TryFrom<pb::PayCoupon> for PayCoupon {
    type Error = DistributionError;

    /// Refuses malformed fields in the order of the message's fields, then what [`Terms`] refuses.
    fn try_from(message: pb::PayCoupon) -> Result<Self, DistributionError> {
        let pb::PayCoupon { asset, schedule, period, record, terms } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            schedule: fields::range("schedule", schedule, 1, u64::MAX)?,
            period: fields::range("period", period, 1, u32::MAX)?,
            record: fields::range("record", record, 1, u64::MAX)?,
            terms: Terms::try_from(terms)?,
        })
    }
}

impl PayCoupon {
    fn opening<'a>(&'a self, currency: &'a AssetId) -> Opening<'a> {
        Opening { asset: &self.asset, currency, record: self.record, terms: &self.terms }
    }

    /// What the period pays, if it is its turn.
    fn rate(&self, schedule: &CouponSchedule) -> Result<Rate, ExecutionError> {
        let (number, period) = (self.schedule, self.period);
        let next = schedule.periods_declared.saturating_add(1);
        if period != next {
            return Err(DistributionError::NotTheNextPeriod { schedule: number, next }.into());
        }
        let rate = coupon(schedule, period)?;
        let rate = rate.ok_or(DistributionError::NoCoupon { schedule: number, period })?;
        let index = usize::try_from(period).ok().and_then(|period| period.checked_sub(1));
        let end = index.and_then(|index| schedule.periods.get(index)).map_or(0, |one| one.end_day);
        let due_ms = u64::from(end).saturating_mul(DAY_MS);
        let payment_ms = self.terms.payment_ms;
        if payment_ms < due_ms {
            return Err(DistributionError::PaidBeforeDue { period, due_ms, payment_ms }.into());
        }
        Ok(rate)
    }
}

impl Message for PayCoupon {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.read(StateKey::asset(&self.asset));
        let key = StateKey::coupon_schedule(&self.asset, self.schedule);
        access.write(key);
        let Some(schedule) = state.leaf::<CouponSchedule>(&key)? else { return Ok(()) };
        let currency = committed::asset_id("currency", &schedule.currency)?;
        self.opening(&currency).declare(sender, state, access)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::NotIssuer`],
    /// [`DistributionError::UnknownSchedule`], [`DistributionError::NotTheNextPeriod`],
    /// [`DistributionError::NoCoupon`], [`DistributionError::PaidBeforeDue`]; then what opening a
    /// distribution refuses.
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::NotIssuer`]: crate::modules::assets::AssetError::NotIssuer
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let (id, number) = (&self.asset, self.schedule);
        let facts = load_asset(context.state, id)?;
        require_issuer(&facts, &context.sender)?;
        let key = StateKey::coupon_schedule(id, number);
        let schedule: Option<CouponSchedule> = context.state.load(&key)?;
        let mut schedule =
            schedule.ok_or(DistributionError::UnknownSchedule { schedule: number })?;
        let record: Option<Record> = context.state.load(&StateKey::record(id, self.record))?;
        // An unknown record date is refused when the distribution is opened.
        let height = record.map_or(u64::MAX, |record| record.height);
        let mut at_record = schedule.clone();
        at_record.bring_to(SplitFactor::at(&facts, height));
        let rate = self.rate(&at_record)?;
        schedule.periods_declared = self.period;
        let currency = committed::asset_id("currency", &schedule.currency)?;
        context.state.store(key, &schedule)?;
        self.opening(&currency).open(
            context,
            Arc::unwrap_or_clone(facts),
            rate,
            (number, self.period),
        )
    }
}
