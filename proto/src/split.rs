//! Splits: what amounts that a leaf keeps are worth now.
//!
//! A split multiplies all base units of an asset, but no leaf is touched by it. Each keeps its
//! amounts together with the factor of the splits at the time, and whoever reads it [brings it
//! to](InUnits::bring_to) the factor of the asset now, or that of a record date. As factors only
//! grow by whole multiples, nothing is ever rounded.

use crate::amount::Amount;
use crate::pb::accounts::v1::Mandate;
use crate::pb::assets::v1::Asset;
use crate::pb::compliance::v1::{Encumbrances, HolderRecord};
use crate::pb::distributions::v1::CouponSchedule;
use crate::pb::market::v1::{LastSale, Offer};
use crate::pb::transfers::v1::Allowance;

/// By how much base units of an asset have been multiplied since it was registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SplitFactor(u64);

impl Default for SplitFactor {
    fn default() -> Self {
        Self(1)
    }
}

impl SplitFactor {
    /// That of an asset now.
    #[must_use]
    pub fn of(asset: &Asset) -> Self {
        asset.splits.last().map_or_else(Self::default, |split| Self::from_field(split.factor))
    }

    /// That of an asset at the end of a block.
    #[must_use]
    pub fn at(asset: &Asset, height: u64) -> Self {
        let split = asset.splits.iter().rev().find(|split| split.height <= height);
        split.map_or_else(Self::default, |split| Self::from_field(split.factor))
    }

    /// Reads the field of a leaf, where 0 stands for 1.
    #[must_use]
    pub const fn from_field(field: u64) -> Self {
        Self(if field == 0 { 1 } else { field })
    }

    /// The field of a leaf, so that leaves of assets without splits do not mention it.
    #[must_use]
    pub const fn to_field(self) -> u64 {
        if self.0 == 1 { 0 } else { self.0 }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// That after another split; none when it is too large.
    #[must_use]
    pub fn multiplied(self, by: u64) -> Option<Self> {
        self.0.checked_mul(by).filter(|factor| *factor > 0).map(Self)
    }

    /// What an amount kept with this factor is with another one.
    ///
    /// The larger of the two is a multiple of the smaller. Only what exceeds every supply, such
    /// as a frozen amount, can come to more than [`Amount::MAX`], and stays there.
    #[must_use]
    pub fn carry(self, amount: Amount, to: Self) -> Amount {
        let times = |one: Self, other: Self| u128::from(one.0.checked_div(other.0).unwrap_or(1));
        let base_units = if to >= self {
            amount.base_units().saturating_mul(times(to, self))
        } else {
            amount.base_units().checked_div(times(self, to)).unwrap_or_default()
        };
        Amount::new(base_units).unwrap_or(Amount::MAX)
    }

    fn carry_text(self, text: &mut String, to: Self) {
        // What is no amount is left for its reader to find.
        if let Ok(amount) = text.parse() {
            *text = self.carry(amount, to).to_string();
        }
    }
}

/// A leaf that keeps amounts of an asset.
pub trait InUnits {
    /// Brings its amounts to a factor of the asset.
    fn bring_to(&mut self, factor: SplitFactor);
}

/// Leaves whose one amount is in units.
macro_rules! amount_in_units {
    ($($leaf:ty),*) => {$(
        impl InUnits for $leaf {
            fn bring_to(&mut self, factor: SplitFactor) {
                SplitFactor::from_field(self.split_factor).carry_text(&mut self.amount, factor);
                self.split_factor = factor.to_field();
            }
        }
    )*};
}

amount_in_units!(Allowance, LastSale, Mandate, Offer);

impl InUnits for Encumbrances {
    fn bring_to(&mut self, factor: SplitFactor) {
        let kept = SplitFactor::from_field(self.split_factor);
        for entry in &mut self.entries {
            kept.carry_text(&mut entry.amount, factor);
        }
        self.split_factor = factor.to_field();
    }
}

impl InUnits for HolderRecord {
    fn bring_to(&mut self, factor: SplitFactor) {
        let kept = SplitFactor::from_field(self.split_factor);
        let lots = self.lots.iter_mut().map(|lot| &mut lot.amount);
        for amount in [&mut self.balance, &mut self.sent].into_iter().chain(lots) {
            kept.carry_text(amount, factor);
        }
        self.split_factor = factor.to_field();
    }
}

impl InUnits for CouponSchedule {
    /// For a record date before the schedule was made the principal grows instead of the units
    /// shrinking, which would round.
    fn bring_to(&mut self, factor: SplitFactor) {
        let kept = SplitFactor::from_field(self.split_factor);
        if factor >= kept {
            kept.carry_text(&mut self.units, factor);
        } else {
            factor.carry_text(&mut self.principal, kept);
        }
        self.split_factor = factor.to_field();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf::Holding;
    use crate::pb::assets::v1::Split;

    fn amount(base_units: u64) -> Amount {
        Amount::from_u64(base_units)
    }

    fn asset(splits: &[(u64, u64)]) -> Asset {
        let split = |(height, factor): &(u64, u64)| Split {
            height: *height,
            factor: *factor,
            ..Split::default()
        };
        Asset { splits: splits.iter().map(split).collect(), ..Asset::default() }
    }

    #[test]
    fn a_factor_counts_from_the_end_of_its_block() {
        let asset = asset(&[(5, 2), (9, 6), (9, 30)]);
        let factors = [4, 5, 8, 9, 10].map(|height| SplitFactor::at(&asset, height).get());
        assert_eq!(factors, [1, 2, 2, 30, 30]);
        assert_eq!(SplitFactor::of(&asset).get(), 30);
        assert_eq!(SplitFactor::of(&Asset::default()), SplitFactor::default());
    }

    #[test]
    fn amounts_are_carried_both_ways_exactly() {
        let (one, thirty) = (SplitFactor::default(), SplitFactor::from_field(30));
        assert_eq!(one.carry(amount(7), thirty), amount(210));
        assert_eq!(thirty.carry(amount(210), one), amount(7));
        assert_eq!(one.carry(Amount::MAX, thirty), Amount::MAX);
        assert_eq!(SplitFactor::from_field(u64::MAX).multiplied(2), None);
    }

    #[test]
    fn everything_about_a_holding_grows_together() {
        let mut holding = Holding {
            balance: amount(10),
            frozen: amount(3),
            encumbered: amount(4),
            ..Holding::default()
        };
        holding.bring_to(SplitFactor::from_field(5));
        assert_eq!((holding.balance, holding.free()), (amount(50), amount(15)));
        holding.bring_to(SplitFactor::from_field(5));
        assert_eq!(holding.balance, amount(50));
    }

    #[test]
    fn a_schedule_keeps_its_rate_in_any_units() {
        let schedule = CouponSchedule {
            principal: "100".to_owned(),
            units: "3".to_owned(),
            split_factor: 2,
            ..CouponSchedule::default()
        };
        let (mut later, mut before) = (schedule.clone(), schedule);
        later.bring_to(SplitFactor::from_field(4));
        assert_eq!((later.principal.as_str(), later.units.as_str()), ("100", "6"));
        before.bring_to(SplitFactor::default());
        assert_eq!((before.principal.as_str(), before.units.as_str()), ("200", "3"));
    }
}
