//! Totals that only grow: 256 bits, so that no number of payments fills them.

use ruint::Uint;
use ruint::aliases::{U256, U512};
use tessera_proto::amount::Amount;

use super::FULL_BPS;

/// The total after another amount; none past 256 bits, which takes 2^129 of the largest amounts.
#[must_use]
pub fn add_to_total(total: &[u8; 32], amount: Amount) -> Option<[u8; 32]> {
    let sum = U256::from_be_bytes(*total).checked_add(U256::from(amount.base_units()))?;
    Some(sum.to_be_bytes())
}

/// `floor(total * bps / 10,000)`; none when `bps` is above the whole.
#[must_use]
pub fn share_of_total(total: &[u8; 32], bps: u32) -> Option<[u8; 32]> {
    if bps > FULL_BPS {
        return None;
    }
    let product = U512::from(U256::from_be_bytes(*total)).checked_mul(U512::from(bps))?;
    let share = product.checked_div(U512::from(FULL_BPS))?;
    let share: U256 = Uint::checked_from_limbs_slice(share.as_limbs())?;
    Some(share.to_be_bytes())
}

/// How much a total is above an earlier one; none when it is below or the difference exceeds
/// [`Amount::MAX`].
#[must_use]
pub fn rise_of_total(earlier: &[u8; 32], total: &[u8; 32]) -> Option<Amount> {
    let rise = U256::from_be_bytes(*total).checked_sub(U256::from_be_bytes(*earlier))?;
    Amount::new(rise.try_into().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_totals_are_exact_and_never_fall() {
        let mut total = [0; 32];
        let mut before = [0; 32];
        for _ in 0..30_000 {
            total = add_to_total(&total, Amount::from_u64(1)).unwrap();
            let share = share_of_total(&total, 3).unwrap();
            assert!(rise_of_total(&before, &share).is_some());
            before = share;
        }
        assert_eq!(rise_of_total(&[0; 32], &before), Some(Amount::from_u64(9)));
        assert_eq!(share_of_total(&[0xff; 32], FULL_BPS), Some([0xff; 32]));
        assert_eq!(share_of_total(&total, FULL_BPS + 1), None);
        assert_eq!(add_to_total(&[0xff; 32], Amount::from_u64(1)), None);
        assert_eq!(rise_of_total(&[0; 32], &[0xff; 32]), None);
    }
}
