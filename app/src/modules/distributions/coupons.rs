//! What a period of a schedule of coupons pays, exactly.

use tessera_proto::amount::Amount;
use tessera_proto::pb::distributions::v1::CouponSchedule;

use super::open::Rate;
use crate::modules::committed;
use crate::num::day_count::year_fraction;
use crate::num::{FULL_BPS, reduce};
use crate::state::error::Fault;

/// Millionths of a whole.
pub(super) const PPM: u128 = 1_000_000;

/// Interest and repayment at the end of a period (from 1), for every so many units of the asset.
///
/// With the principal `p` for every `u` units, of which the part `o` is still owed in the period,
/// interest of the rate `r` a year and the part `a` repaid at its end, that is
/// `p * (o * r * year fraction + a)` for every `u` units, as a fraction in lowest terms: nothing
/// is rounded here, only each holder's part is.
///
/// None when there is no such period, nothing is paid in it, or the fraction is too large.
///
/// # Errors
/// [`Fault::Contradiction`] when the leaf is damaged.
pub fn coupon(schedule: &CouponSchedule, period: u32) -> Result<Option<Rate>, Fault> {
    let principal = committed::amount("principal", &schedule.principal)?;
    let units = committed::amount("units", &schedule.units)?;
    Ok(rate(schedule, period, principal, units))
}

fn rate(schedule: &CouponSchedule, period: u32, principal: Amount, units: Amount) -> Option<Rate> {
    let index = usize::try_from(period).ok()?.checked_sub(1)?;
    let this = schedule.periods.get(index)?;
    let earlier = schedule.periods.get(..index)?;
    let start = earlier.last().map_or(schedule.start_day, |period| period.end_day);
    let repaid = earlier.iter().fold(0_u32, |sum, period| sum.saturating_add(period.repay_bps));
    let owed = u128::from(FULL_BPS.checked_sub(repaid)?);
    let years = year_fraction(schedule.day_count(), start, this.end_day)?;
    // In parts of 10,000 * 1,000,000 * the denominator of the year fraction.
    let interest = owed.checked_mul(schedule.rate_ppm.into())?.checked_mul(years.numerator)?;
    let repayment = u128::from(this.repay_bps).checked_mul(PPM)?.checked_mul(years.denominator)?;
    let part = interest.checked_add(repayment)?;
    let whole = u128::from(FULL_BPS).checked_mul(PPM)?.checked_mul(years.denominator)?;
    let (part, whole) = reduce(part, whole)?;
    let (principal, whole) = reduce(principal.base_units(), whole)?;
    let (part, units) = reduce(part, units.base_units())?;
    Some(Rate {
        per_unit: Amount::new(principal.checked_mul(part)?).filter(|rate| !rate.is_zero())?,
        units: Amount::new(units.checked_mul(whole)?)?,
    })
}
