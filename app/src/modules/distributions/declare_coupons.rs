//! `DeclareCoupons`: a schedule of interest and repayments.

use std::sync::Arc;

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::distributions::v1 as pb;
use tessera_proto::pb::distributions::v1::{CouponPeriod, CouponSchedule, DayCount};
use tessera_proto::split::SplitFactor;
use tessera_proto::state_key::StateKey;

use super::error::DistributionError;
use super::records;
use crate::modules::assets::{load_asset, load_currency, require_issuer};
use crate::modules::committed::broken;
use crate::modules::{Context, Message, fields};
use crate::num::FULL_BPS;
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Most periods of a schedule.
pub const MAX_PERIODS: usize = 128;
/// Most interest for a year: ten times what is owed.
pub const MAX_RATE_PPM: u32 = 10_000_000;
/// Last day of a period: in the year 2999.
pub const MAX_DAY: u32 = 376_000;

/// Sets the coupons and repayments of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclareCoupons {
    /// Whose holders are paid.
    pub asset: AssetId,
    /// What is paid.
    pub currency: AssetId,
    /// What is owed at the beginning; above zero,
    pub principal: Amount,
    /// for every so many units of the asset; above zero.
    pub units: Amount,
    /// Interest for a year, in millionths.
    pub rate_ppm: u32,
    /// How parts of a year are counted; never `Unspecified`.
    pub day_count: DayCount,
    /// First day of the first period.
    pub start_day: u32,
    /// The periods, in order.
    pub periods: Vec<CouponPeriod>,
}

impl TryFrom<pb::DeclareCoupons> for DeclareCoupons {
    type Error = DistributionError;

    /// Refuses malformed fields in the order of the message's fields, then
    /// [`DistributionError::PeriodsNotAscending`], [`DistributionError::RepaysTooMuch`],
    /// [`DistributionError::PaidInOwnUnits`].
    fn try_from(message: pb::DeclareCoupons) -> Result<Self, DistributionError> {
        let pb::DeclareCoupons { rate_ppm, day_count, start_day, periods, .. } = message;
        let asset = fields::asset_id("asset", &message.asset)?;
        let currency = fields::asset_id("currency", &message.currency)?;
        let principal = fields::amount("principal", &message.principal)?;
        let units = fields::amount("units", &message.units)?;
        let rate_ppm = fields::range("rate_ppm", rate_ppm, 0, MAX_RATE_PPM)?;
        fields::range("day_count", day_count, 1, i32::from(DayCount::ActualActualIsda))?;
        // The range check leaves only values that the enum has.
        let day_count = DayCount::try_from(day_count).unwrap_or(DayCount::Unspecified);
        fields::range("start_day", start_day, 0, MAX_DAY)?;
        fields::count("periods", periods.len(), 1, MAX_PERIODS)?;
        let (mut last, mut repaid) = (start_day, 0_u32);
        for CouponPeriod { end_day, repay_bps } in &periods {
            fields::range("end_day", *end_day, 0, MAX_DAY)?;
            fields::range("repay_bps", *repay_bps, 0, FULL_BPS)?;
            if *end_day <= last {
                return Err(DistributionError::PeriodsNotAscending { day: *end_day });
            }
            last = *end_day;
            repaid = repaid.saturating_add(*repay_bps);
        }
        if repaid > FULL_BPS {
            return Err(DistributionError::RepaysTooMuch { sum: repaid });
        }
        if asset == currency {
            return Err(DistributionError::PaidInOwnUnits { asset });
        }
        Ok(Self { asset, currency, principal, units, rate_ppm, day_count, start_day, periods })
    }
}

impl DeclareCoupons {
    fn schedule(&self, number: u64, units: SplitFactor) -> CouponSchedule {
        CouponSchedule {
            asset: self.asset.to_bytes(),
            number,
            currency: self.currency.to_bytes(),
            principal: self.principal.to_string(),
            units: self.units.to_string(),
            rate_ppm: self.rate_ppm,
            day_count: self.day_count.into(),
            start_day: self.start_day,
            periods: self.periods.clone(),
            periods_declared: 0,
            split_factor: units.to_field(),
        }
    }
}

impl Message for DeclareCoupons {
    fn declare(
        &self,
        _sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { asset, currency, .. } = self;
        access.write(StateKey::asset(asset));
        access.read(StateKey::asset(currency));
        let count = state.asset(asset)?.map_or(0, |facts| facts.coupon_schedule_count);
        records::declare_next(access, count, |number| StateKey::coupon_schedule(asset, number))
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::NotIssuer`],
    /// [`AssetError::UnknownAsset`] of the currency, [`AssetError::NotACurrency`].
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::NotIssuer`]: crate::modules::assets::AssetError::NotIssuer
    /// [`AssetError::NotACurrency`]: crate::modules::assets::AssetError::NotACurrency
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let id = &self.asset;
        let mut asset = Arc::unwrap_or_clone(load_asset(context.state, id)?);
        require_issuer(&asset, &context.sender)?;
        load_currency(context.state, &self.currency)?;
        let too_many = || broken("schedules of coupons have come to their end");
        let number = asset.coupon_schedule_count.checked_add(1).ok_or_else(too_many)?;
        asset.coupon_schedule_count = number;
        context.state.store(StateKey::asset(id), &asset)?;
        let schedule = self.schedule(number, SplitFactor::of(&asset));
        context.state.store(StateKey::coupon_schedule(id, number), &schedule)?;
        context.emit(Kind::CouponsDeclared(pb::CouponsDeclared {
            asset: id.to_bytes(),
            schedule: number,
            currency: schedule.currency,
            periods: u32::try_from(schedule.periods.len()).unwrap_or(u32::MAX),
        }));
        Ok(())
    }
}
