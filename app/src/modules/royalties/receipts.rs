//! What was paid to lists of recipients, and what of it is whose.

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::pb::royalties::v1::{RoyaltyReceipts, RoyaltyRecipient};
use tessera_proto::state_key::StateKey;

use crate::modules::committed::{self, broken};
use crate::num::{add_to_total, rise_of_total, share_of_total};
use crate::state::delta::Delta;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateView};

/// Applies [`Delta::RoyaltyReceipts`].
pub(crate) fn apply_receipts(
    view: &mut dyn StateView,
    delta: &Delta,
) -> Result<(), ExecutionError> {
    let Delta::RoyaltyReceipts { asset, list, currency, amount } = delta else {
        return Err(broken("royalty receipts were to change by something else").into());
    };
    let key = StateKey::royalty_receipts(asset, *list, currency);
    let receipts: Option<RoyaltyReceipts> = view.load(&key)?;
    let paid = receipts.map_or(Ok([0; 32]), |leaf| total("royalty receipts", &leaf.paid))?;
    let paid = add_to_total(&paid, *amount).ok_or_else(|| broken("royalty receipts overflow"))?;
    view.store(key, &RoyaltyReceipts { paid: Bytes::copy_from_slice(&paid) })
}

/// What a recipient may claim in a currency, and its part of all that was ever paid.
pub(super) fn due(
    recipient: &RoyaltyRecipient,
    receipts: Option<&RoyaltyReceipts>,
    currency: &AssetId,
) -> Result<(Amount, [u8; 32]), Fault> {
    let Some(receipts) = receipts else { return Ok((Amount::ZERO, [0; 32])) };
    let paid = total("royalty receipts", &receipts.paid)?;
    let part = share_of_total(&paid, recipient.share_bps)
        .ok_or_else(|| broken("a royalty recipient has more than the whole"))?;
    let id = currency.to_bytes();
    let taken = recipient.taken.iter().find(|taken| taken.currency == id);
    let taken = taken.map_or(Ok([0; 32]), |taken| total("royalty taken", &taken.amount))?;
    if part < taken {
        return Err(broken("a royalty recipient has taken more than its part"));
    }
    // Who may take units of the currency back out of the pool can pay in more than there is.
    let amount = rise_of_total(&taken, &part).unwrap_or(Amount::MAX);
    Ok((amount, part))
}

/// What a recipient of a list may claim in a currency, for queries.
///
/// # Errors
/// [`Fault::Contradiction`] when the leaves contradict each other.
pub fn claimable_royalty(
    recipient: &RoyaltyRecipient,
    receipts: Option<&RoyaltyReceipts>,
    currency: &AssetId,
) -> Result<Amount, Fault> {
    due(recipient, receipts, currency).map(|(amount, _)| amount)
}

fn total(what: &str, bytes: &[u8]) -> Result<[u8; 32], Fault> {
    committed::index(what, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regress_a_part_above_all_that_can_exist_is_no_damage() {
        let recipient = RoyaltyRecipient { share_bps: 10_000, ..RoyaltyRecipient::default() };
        let paid = Bytes::from_static(&[0xff; 32]);
        let receipts = RoyaltyReceipts { paid };
        let due = claimable_royalty(&recipient, Some(&receipts), &AssetId::new([1; 16]));
        assert_eq!(due.unwrap(), Amount::MAX);
    }
}
