//! Quantities of base units.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A quantity of base units of an asset; in messages and JSON a decimal number without sign,
/// leading zeros or separators.
///
/// There is no arithmetic but the checked kind: what overflows is an error of whoever asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(u128);

/// Why an amount could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Something else than digits, or leading zeros, or nothing.
    #[error("`{0}` is not an amount: expected a whole number of base units like 1500")]
    NotANumber(String),
    /// More than [`Amount::MAX`].
    #[error("`{0}` is more than the largest amount, {max}", max = Amount::MAX)]
    TooLarge(String),
    /// More decimals than the asset has.
    #[error("`{text}` has more than the {decimals} decimals that the asset has")]
    TooPrecise {
        /// What was given.
        text: String,
        /// Display decimals of the asset.
        decimals: u32,
    },
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The most that may exist of anything: so large that two of them still add up.
    pub const MAX: Self = Self(u128::MAX >> 1);

    /// An amount of base units, if it is not more than [`Amount::MAX`].
    #[must_use]
    pub const fn new(base_units: u128) -> Option<Self> {
        if base_units > Self::MAX.0 { None } else { Some(Self(base_units)) }
    }

    /// An amount of base units.
    #[must_use]
    pub const fn from_u64(base_units: u64) -> Self {
        Self(u64_to_u128(base_units))
    }

    /// Base units.
    #[must_use]
    pub const fn base_units(self) -> u128 {
        self.0
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Sum, unless it exceeds [`Amount::MAX`].
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::new)
    }

    /// Sum, or [`Amount::MAX`] if it would exceed it.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        self.checked_add(other).unwrap_or(Self::MAX)
    }

    /// Difference, unless it is below zero.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Difference, or zero if it would be below.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Reads a number in display units, like `12.50`, for an asset with `decimals`.
    ///
    /// # Errors
    /// In order of precedence: [`AmountError::NotANumber`], [`AmountError::TooPrecise`],
    /// [`AmountError::TooLarge`].
    pub fn parse_display(text: &str, decimals: u32) -> Result<Self, AmountError> {
        let clean: String = text.chars().filter(|c| *c != ',' && *c != '_').collect();
        let (whole, fraction) = clean.split_once('.').unwrap_or((&clean, ""));
        let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits_only(whole) || !digits_only(fraction) {
            return Err(AmountError::NotANumber(text.to_owned()));
        }
        let fraction = fraction.trim_end_matches('0');
        let missing = usize::try_from(decimals)
            .ok()
            .and_then(|decimals| decimals.checked_sub(fraction.len()))
            .ok_or_else(|| AmountError::TooPrecise { text: text.to_owned(), decimals })?;
        let padded = format!("{whole}{fraction}{}", "0".repeat(missing));
        let digits = padded.trim_start_matches('0');
        if digits.is_empty() {
            return Ok(Self::ZERO);
        }
        digits.parse().map_err(|_| AmountError::TooLarge(text.to_owned()))
    }

    /// The number in display units, like `1,250.50`, for an asset with `decimals`.
    ///
    /// At least two decimals are shown where the asset has them.
    #[must_use]
    pub fn display(self, decimals: u32) -> String {
        let digits = self.0.to_string();
        let decimals = usize::try_from(decimals).unwrap_or(0);
        let padding = decimals.saturating_add(1).saturating_sub(digits.len());
        let padded = "0".repeat(padding) + &digits;
        let (whole, fraction) = padded.split_at(padded.len().saturating_sub(decimals));
        let mut text = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && whole.len().saturating_sub(index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        let shown = fraction.trim_end_matches('0').len().max(decimals.min(2));
        if let Some(fraction) = fraction.get(..shown).filter(|shown| !shown.is_empty()) {
            text.push('.');
            text.push_str(fraction);
        }
        text
    }
}

const fn u64_to_u128(value: u64) -> u128 {
    // Widening: `u128::from` is not const.
    value as u128
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        if !plain || text.is_empty() || (text.len() > 1 && text.starts_with('0')) {
            return Err(AmountError::NotANumber(text.to_owned()));
        }
        text.parse().ok().and_then(Self::new).ok_or_else(|| AmountError::TooLarge(text.to_owned()))
    }
}

impl From<u64> for Amount {
    fn from(base_units: u64) -> Self {
        Self::from_u64(base_units)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_spelling_is_accepted() {
        assert_eq!("1500".parse(), Ok(Amount::from_u64(1500)));
        assert_eq!("0".parse(), Ok(Amount::ZERO));
        for bad in ["", "01", "+1", "-1", "1.0", " 1", "1e3", "１"] {
            assert_eq!(bad.parse::<Amount>(), Err(AmountError::NotANumber(bad.to_owned())));
        }
        let too_large = u128::MAX.to_string();
        assert_eq!(too_large.parse::<Amount>(), Err(AmountError::TooLarge(too_large)));
        assert_eq!(Amount::MAX.to_string().parse(), Ok(Amount::MAX));
    }

    #[test]
    fn display_units_round_trip() {
        for (text, decimals, base) in [
            ("1,250.50", 2, 125_050),
            ("0.00", 2, 0),
            ("0.05", 2, 5),
            ("1,000", 0, 1000),
            ("1.234567", 6, 1_234_567),
            ("1.50", 6, 1_500_000),
        ] {
            let amount = Amount::from_u64(base);
            assert_eq!(amount.display(decimals), text);
            assert_eq!(Amount::parse_display(text, decimals), Ok(amount));
        }
        let error = Amount::parse_display("1.005", 2).unwrap_err();
        assert!(matches!(error, AmountError::TooPrecise { decimals: 2, .. }));
        assert!(Amount::parse_display("1.2.3", 6).is_err());
        assert!(Amount::parse_display(".5", 6).is_err());
    }
}
