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

/// A fraction in lowest terms; none when the denominator is zero.
#[must_use]
pub fn reduce(numerator: u128, denominator: u128) -> Option<(u128, u128)> {
    let (mut common, mut rest) = (denominator, numerator);
    while rest > 0 {
        (common, rest) = (rest, common.checked_rem(rest)?);
    }
    Some((numerator.checked_div(common)?, denominator.checked_div(common)?))
}

/// Fraction bits of an income index.
const INDEX_FRACTION_BITS: usize = 128;

/// An income index after a payment, and what rounding it up has given away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncomeStep {
    /// The new index, big-endian.
    pub index: [u8; 32],
    /// What all units together are promised beyond all payments, times 2^128: always less than
    /// half a base unit.
    pub remainder: Amount,
}

/// Units of an asset whose base units have been multiplied by splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Base units now.
    pub units: Amount,
    /// By how much splits have multiplied base units; at least 1.
    pub factor: u64,
}

impl Share {
    /// Whether there are any.
    #[must_use]
    pub fn has_units(&self) -> bool {
        !self.units.is_zero()
    }
}

/// So many times the rise of an income index from zero; the largest index when that is more.
#[must_use]
pub fn multiply_income_index(index: &[u8; 32], times: u64) -> [u8; 32] {
    U256::from_be_bytes(*index).saturating_mul(U256::from(times)).to_be_bytes()
}

/// Raises an income index by `amount` spread over all units, the `supply`.
///
/// The index counts base units of currency per base unit of asset before any split, times 2^128,
/// and is rounded up, so that a share that is a whole number comes out as that number. What this
/// gives away adds up in the remainder; before that could reach a base unit, it is taken back
/// from a payment. So all units together are promised less than one base unit more than was paid,
/// and since claims are whole numbers, never more is claimed than was paid, however the supply
/// and the holders change.
///
/// None when the supply or the amount is zero or the index would overflow 256 bits.
#[must_use]
pub fn advance_income_index(
    index: &[u8; 32],
    remainder: Amount,
    amount: Amount,
    supply: Share,
) -> Option<IncomeStep> {
    let Share { units, factor } = supply;
    if units.is_zero() || amount.is_zero() {
        return None;
    }
    let paid = U512::from(amount.base_units()).checked_shl(INDEX_FRACTION_BITS)?;
    let spread = |paid: U512| -> Option<(U512, Amount)> {
        let (step, excess) = divide_up(paid.checked_mul(U512::from(factor))?, units)?;
        let (given, _) = divide_up(U512::from(excess.base_units()), Amount::from_u64(factor))?;
        Some((step, Amount::new(given.try_into().ok()?)?))
    };
    let (step, given) = spread(paid)?;
    let (step, remainder) = match remainder.checked_add(given) {
        Some(sum) => (step, sum),
        None => spread(paid.checked_sub(U512::from(remainder.base_units()))?)?,
    };
    Some(IncomeStep { index: narrow(widen(index).checked_add(step)?)?, remainder })
}

/// Raises an index by `amount` spread over all units, rounded down: what they were paid, where
/// [`advance_income_index`] says what they are promised. So what is still to be paid of a whole
/// number is that number less the amounts.
///
/// None when there are no units or the index would overflow 256 bits.
#[must_use]
pub fn advance_paid_index(index: &[u8; 32], amount: Amount, units: Share) -> Option<[u8; 32]> {
    let paid = U512::from(amount.base_units()).checked_mul(whole_of(units.factor)?)?;
    let rise = paid.checked_div(U512::from(units.units.base_units()))?;
    narrow(widen(index).checked_add(rise)?)
}

/// The quotient, rounded up, and by how much its product exceeds the numerator.
fn divide_up(numerator: U512, divisor: Amount) -> Option<(U512, Amount)> {
    let divisor = U512::from(divisor.base_units());
    let quotient = numerator.checked_div(divisor)?;
    let rest = numerator.checked_rem(divisor)?;
    if rest.is_zero() {
        return Some((quotient, Amount::ZERO));
    }
    let excess = divisor.checked_sub(rest)?;
    Some((quotient.checked_add(U512::ONE)?, Amount::new(excess.try_into().ok()?)?))
}

/// Income of a share while the index rose from `from` to `to`, rounded down; none when the index
/// fell or the result exceeds [`Amount::MAX`].
///
/// A split changes units and factor alike, so it does not matter whether it was before, after or
/// between payments.
#[must_use]
pub fn accrued_income(share: Share, from: &[u8; 32], to: &[u8; 32]) -> Option<Amount> {
    let rise = widen(to).checked_sub(widen(from))?;
    let product = rise.checked_mul(U512::from(share.units.base_units()))?;
    let whole: U512 = product.checked_div(whole_of(share.factor)?)?;
    Amount::new(whole.try_into().ok()?)
}

/// A base unit of currency in an index, per unit with this factor.
fn whole_of(factor: u64) -> Option<U512> {
    U512::from(factor).checked_shl(INDEX_FRACTION_BITS)
}

/// Like [`accrued_income`] for a share that stays: also tells the index from which on the
/// share has not been paid, which is before `to` by the fraction that was rounded off. So
/// nothing is lost by claiming often.
#[must_use]
pub fn collect_income(share: Share, from: &[u8; 32], to: &[u8; 32]) -> Option<(Amount, [u8; 32])> {
    let accrued = accrued_income(share, from, to)?;
    if share.units.is_zero() {
        return Some((accrued, *to));
    }
    let paid = U512::from(accrued.base_units()).checked_mul(whole_of(share.factor)?)?;
    let (rise, _) = divide_up(paid, share.units)?;
    Some((accrued, narrow(widen(from).checked_add(rise)?)?))
}

fn widen(index: &[u8; 32]) -> U512 {
    U512::from(U256::from_be_bytes(*index))
}

fn narrow(index: U512) -> Option<[u8; 32]> {
    let index: U256 = Uint::checked_from_limbs_slice(index.as_limbs())?;
    Some(index.to_be_bytes())
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn amount(base_units: u128) -> Amount {
        Amount::new(base_units).unwrap()
    }

    fn share(base_units: u128) -> Share {
        Share { units: amount(base_units), factor: 1 }
    }

    #[test]
    fn extremes_do_not_overflow() {
        let max = Amount::MAX;
        assert_eq!(mul_div_floor(max, u128::MAX, u128::MAX), Some(max));
        assert_eq!(mul_div_floor(max, 2, 1), None);
        assert_eq!(mul_div_floor(max, 1, 0), None);
        assert_eq!((reduce(6, 4), reduce(0, 7)), (Some((3, 2)), Some((0, 1))));
        assert_eq!(reduce(1, 0), Some((1, 0)));
        assert_eq!(reduce(0, 0), None);
        let step = advance_income_index(&[0; 32], Amount::ZERO, max, share(1)).unwrap();
        assert_eq!(accrued_income(share(1), &[0; 32], &step.index), Some(max));
        assert_eq!(step.remainder, Amount::ZERO);
        assert_eq!(accrued_income(Share { units: max, factor: 1 }, &[0; 32], &step.index), None);
        assert_eq!(advance_income_index(&[0xff; 32], Amount::ZERO, max, share(1)), None);
        assert_eq!(advance_income_index(&[0; 32], Amount::ZERO, max, share(0)), None);
    }

    #[test]
    fn quorum_is_exact() {
        assert!(exceeds_bps(amount(1), amount(3), 3_333));
        assert!(!exceeds_bps(amount(1), amount(3), 3_334));
        assert!(exceeds_bps(Amount::ZERO, Amount::ZERO, FULL_BPS));
    }

    #[test]
    fn whole_shares_come_out_whole() {
        let step = advance_income_index(&[0; 32], Amount::ZERO, amount(70), share(1_000)).unwrap();
        for (balance, due) in [(1_000, 70), (100, 7), (99, 6)] {
            assert_eq!(accrued_income(share(balance), &[0; 32], &step.index), Some(amount(due)));
        }
    }

    #[test]
    fn what_rounding_up_gives_is_taken_back_in_time() {
        let supply = share(Amount::MAX.base_units() - 1);
        let (mut index, mut remainder) = ([0; 32], Amount::ZERO);
        for paid in 1..100 {
            let step = advance_income_index(&index, remainder, amount(1), supply);
            IncomeStep { index, remainder } = step.unwrap();
            assert!(accrued_income(supply, &[0; 32], &index).unwrap() <= amount(paid));
        }
    }

    proptest! {
        #[test]
        fn claims_never_exceed_payments(
            // Payments, the supply of each, and which holders collect after it.
            rounds in prop::collection::vec(
                (prop_oneof![1u128..1_000, 1..u128::MAX >> 4], any::<u8>(), any::<bool>()), 1..12,
            ),
            holdings in prop::collection::vec(prop_oneof![1u128..50, 1..u128::MAX >> 5], 1..8),
        ) {
            let (mut index, mut remainder) = ([0; 32], Amount::ZERO);
            let (mut paid, mut claimed) = (0, 0);
            let mut from = vec![[0; 32]; holdings.len()];
            for (payment, collectors, grow) in rounds {
                // Later holders join at the index of the time, as if newly issued.
                let count = if grow { holdings.len() } else { 1 };
                for joined in from.iter_mut().skip(count) {
                    *joined = index;
                }
                let supply = share(holdings.iter().take(count).sum());
                let step = advance_income_index(&index, remainder, amount(payment), supply);
                let Some(step) = step else { return Ok(()) };
                IncomeStep { index, remainder } = step;
                paid += payment;
                for (number, held) in holdings.iter().enumerate() {
                    if number >= count {
                        from[number] = index;
                    } else if collectors & (1 << number) != 0 {
                        let got = collect_income(share(*held), &from[number], &index);
                        let Some((got, reached)) = got else { return Ok(()) };
                        prop_assert!(reached <= index);
                        claimed += got.base_units();
                        // Leaving and joining again loses the fraction.
                        from[number] = if collectors & 1 == 0 { reached } else { index };
                    }
                    prop_assert!(claimed <= paid);
                }
            }
        }

        #[test]
        fn claiming_often_loses_nothing(
            payments in prop::collection::vec(1u128..1_000, 1..40),
            balance in 1u128..1_000,
        ) {
            let (mut index, mut remainder) = ([0; 32], Amount::ZERO);
            let (mut from, mut claimed) = ([0; 32], 0);
            for payment in payments {
                let step = advance_income_index(&index, remainder, amount(payment), share(1_000));
                IncomeStep { index, remainder } = step.unwrap();
                let (got, reached) = collect_income(share(balance), &from, &index).unwrap();
                from = reached;
                claimed += got.base_units();
                let at_once = accrued_income(share(balance), &[0; 32], &index).unwrap();
                prop_assert!(claimed.abs_diff(at_once.base_units()) <= 1);
            }
        }
    }

    #[test]
    fn parts_that_were_paid_leave_the_rest_of_a_whole_number() {
        let units = Share { units: Amount::from_u64(3), factor: 1 };
        let zero = [0; 32];
        let step = advance_income_index(&zero, Amount::ZERO, Amount::from_u64(7), units).unwrap();
        let due = multiply_income_index(&step.index, 3);
        let mut paid = zero;
        for (part, rest) in [(4, 17), (1, 16), (5, 11), (11, 0)] {
            paid = advance_paid_index(&paid, Amount::from_u64(part), units).unwrap();
            assert_eq!(accrued_income(units, &paid, &due), Some(Amount::from_u64(rest)));
        }
        assert_eq!(multiply_income_index(&[0xff; 32], 2), [0xff; 32]);
        let nobody = Share { units: Amount::ZERO, factor: 1 };
        assert_eq!(advance_paid_index(&paid, Amount::from_u64(1), nobody), None);
    }
}
