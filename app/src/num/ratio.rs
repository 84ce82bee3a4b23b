//! Parts of amounts.

use ruint::Uint;
use ruint::aliases::{U256, U512};
use tessera_proto::amount::Amount;

/// The whole, in basis points.
pub const FULL_BPS: u32 = 10_000;

/// `floor(amount * numerator / denominator)`, with a 256-bit product; none when the denominator
/// is zero or the result exceeds [`Amount::MAX`].
#[must_use]
pub fn mul_div_floor(amount: Amount, numerator: u128, denominator: u128) -> Option<Amount> {
    let product = U256::from(amount.base_units()).checked_mul(U256::from(numerator))?;
    let quotient = product.checked_div(U256::from(denominator))?;
    Amount::new(quotient.try_into().ok()?)
}

/// `floor(amount * bps / 10,000)`; none when `bps` is above the whole.
#[must_use]
pub fn share_of_bps(amount: Amount, bps: u32) -> Option<Amount> {
    if bps > FULL_BPS {
        return None;
    }
    mul_div_floor(amount, u128::from(bps), u128::from(FULL_BPS))
}

/// Whether `part` is at least `bps` basis points of `whole`, exactly.
#[must_use]
pub fn exceeds_bps(part: Amount, whole: Amount, bps: u32) -> bool {
    let left = U256::from(part.base_units()).saturating_mul(U256::from(FULL_BPS));
    let right = U256::from(whole.base_units()).saturating_mul(U256::from(bps));
    left >= right
}

/// Fraction bits of an income index.
const INDEX_FRACTION_BITS: usize = 128;

/// An income index after a payment, and what the division left over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncomeStep {
    /// The new index, big-endian.
    pub index: [u8; 32],
    /// Numerator left over, less than the supply; belongs to the next payment.
    pub remainder: Amount,
}

/// Raises an income index by `amount` spread over `supply` units.
///
/// The index counts base units of currency per base unit of asset, times 2^128. With the
/// remainder carried along, nothing is lost between payments, and since claims round down, never
/// more is claimed than was paid.
///
/// None when the supply is zero or the index would overflow 256 bits.
#[must_use]
pub fn advance_income_index(
    index: &[u8; 32],
    remainder: Amount,
    amount: Amount,
    supply: Amount,
) -> Option<IncomeStep> {
    let numerator = U512::from(amount.base_units())
        .checked_shl(INDEX_FRACTION_BITS)?
        .checked_add(U512::from(remainder.base_units()))?;
    let supply = U512::from(supply.base_units());
    let step = numerator.checked_div(supply)?;
    let left_over = numerator.checked_rem(supply)?;
    let index = widen(index).checked_add(step)?;
    let index: U256 = Uint::checked_from_limbs_slice(index.as_limbs())?;
    Some(IncomeStep {
        index: index.to_be_bytes(),
        remainder: Amount::new(left_over.try_into().ok()?)?,
    })
}

/// Income of `balance` units while the index rose from `from` to `to`, rounded down; none when
/// the index fell or the result exceeds [`Amount::MAX`].
#[must_use]
pub fn accrued_income(balance: Amount, from: &[u8; 32], to: &[u8; 32]) -> Option<Amount> {
    let rise = widen(to).checked_sub(widen(from))?;
    let product = rise.checked_mul(U512::from(balance.base_units()))?;
    let whole: U512 = product.wrapping_shr(INDEX_FRACTION_BITS);
    Amount::new(whole.try_into().ok()?)
}

fn widen(index: &[u8; 32]) -> U512 {
    U512::from(U256::from_be_bytes(*index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn amount(base_units: u128) -> Amount {
        Amount::new(base_units).unwrap()
    }

    #[test]
    fn extremes_do_not_overflow() {
        let max = Amount::MAX;
        assert_eq!(mul_div_floor(max, u128::MAX, u128::MAX), Some(max));
        assert_eq!(mul_div_floor(max, 2, 1), None);
        assert_eq!(mul_div_floor(max, 1, 0), None);
        let step = advance_income_index(&[0; 32], Amount::ZERO, max, amount(1)).unwrap();
        assert_eq!(accrued_income(amount(1), &[0; 32], &step.index), Some(max));
        assert_eq!(accrued_income(max, &[0; 32], &step.index), None);
        assert_eq!(advance_income_index(&[0xff; 32], Amount::ZERO, max, amount(1)), None);
        assert_eq!(advance_income_index(&[0; 32], Amount::ZERO, max, Amount::ZERO), None);
    }

    #[test]
    fn quorum_is_exact() {
        assert!(exceeds_bps(amount(1), amount(3), 3_333));
        assert!(!exceeds_bps(amount(1), amount(3), 3_334));
        assert!(exceeds_bps(Amount::ZERO, Amount::ZERO, FULL_BPS));
    }

    proptest! {
        #[test]
        fn claims_never_exceed_payments(
            payments in prop::collection::vec(1u128..1_000_000_000, 1..8),
            holdings in prop::collection::vec(1u128..1_000_000, 1..8),
        ) {
            let supply = amount(holdings.iter().sum());
            let (mut index, mut remainder) = ([0; 32], Amount::ZERO);
            for payment in &payments {
                let step = advance_income_index(&index, remainder, amount(*payment), supply);
                IncomeStep { index, remainder } = step.unwrap();
            }
            let paid: u128 = payments.iter().sum();
            let claimed: u128 = holdings
                .iter()
                .map(|held| accrued_income(amount(*held), &[0; 32], &index).unwrap().base_units())
                .sum();
            prop_assert!(claimed <= paid);
            let left_over = paid.checked_sub(claimed).unwrap();
            prop_assert!(left_over <= u128::try_from(holdings.len()).unwrap());
        }
    }
}
