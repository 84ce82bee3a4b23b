//! Who receives what part of a royalty.

use std::collections::BTreeMap;

use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::royalties::v1 as pb;

use super::error::RoyaltyError;
use crate::modules::committed::broken;
use crate::modules::fields;
use crate::num::{FULL_BPS, share_of_bps};
use crate::state::error::Fault;

/// Most recipients of a schedule that pays them at once.
pub const MAX_SHARES: usize = 16;

/// Shares in basis points by account, above zero each.
pub(super) type Shares = BTreeMap<Address, u32>;

/// A schedule that pays its recipients at once: shares that are the whole together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    shares: Shares,
    resale_bps: u32,
}

/// Reads shares in ascending order.
///
/// # Errors
/// The number of shares; then, share by share, malformed fields and
/// [`RoyaltyError::SharesNotAscending`].
pub(super) fn read_shares(
    given: Vec<pb::RoyaltyShare>,
    max: usize,
) -> Result<Shares, RoyaltyError> {
    fields::count("shares", given.len(), 1, max)?;
    let mut shares = Shares::new();
    for pb::RoyaltyShare { account, share_bps } in given {
        let account = fields::recipient("account", &account)?;
        fields::range("share_bps", share_bps, 1, FULL_BPS)?;
        if shares.last_key_value().is_some_and(|(last, _)| *last >= account) {
            return Err(RoyaltyError::SharesNotAscending { account });
        }
        shares.insert(account, share_bps);
    }
    Ok(shares)
}

impl TryFrom<pb::RoyaltySchedule> for Schedule {
    type Error = RoyaltyError;

    /// Refuses what [`AddRoyaltyRecipients`](super::AddRoyaltyRecipients) sets, the number of
    /// shares; then, share by share, malformed fields and [`RoyaltyError::SharesNotAscending`];
    /// then `resale_bps`, then [`RoyaltyError::SharesMustBeWhole`].
    fn try_from(schedule: pb::RoyaltySchedule) -> Result<Self, RoyaltyError> {
        let pb::RoyaltySchedule { shares, resale_bps, list, recipient_count } = schedule;
        fields::range("list", list, 0, 0)?;
        fields::range("recipient_count", recipient_count, 0, 0)?;
        let shares = read_shares(shares, MAX_SHARES)?;
        fields::range("resale_bps", resale_bps, 0, FULL_BPS)?;
        let sum = shares.values().fold(0_u32, |sum, bps| sum.saturating_add(*bps));
        if sum != FULL_BPS {
            return Err(RoyaltyError::SharesMustBeWhole { sum });
        }
        Ok(Self { shares, resale_bps })
    }
}

impl From<&Schedule> for pb::RoyaltySchedule {
    fn from(schedule: &Schedule) -> Self {
        let Schedule { shares, resale_bps } = schedule;
        let share = |(account, share_bps): (&Address, &u32)| pb::RoyaltyShare {
            account: account.to_bytes(),
            share_bps: *share_bps,
        };
        let shares = shares.iter().map(share).collect();
        Self { shares, resale_bps: *resale_bps, list: 0, recipient_count: 0 }
    }
}

impl Schedule {
    /// Who receives anything, in ascending order.
    pub fn recipients(&self) -> impl Iterator<Item = &Address> {
        self.shares.keys()
    }

    /// Splits an amount: each recipient gets `floor(amount * share / 10,000)`, and what the
    /// floors leave over goes to the first. Those who get nothing are left out.
    ///
    /// # Invariants
    /// The parts add up to the amount.
    #[must_use]
    pub fn split(&self, amount: Amount) -> Vec<(Address, Amount)> {
        let mut parts: Vec<_> = self
            .shares
            .iter()
            // A share is at most the whole, so its part always exists.
            .map(|(account, bps)| (*account, share_of_bps(amount, *bps).unwrap_or_default()))
            .collect();
        let left = parts.iter().fold(amount, |left, (_, part)| left.saturating_sub(*part));
        if let Some((_, first)) = parts.first_mut() {
            *first = first.checked_add(left).unwrap_or(*first);
        }
        parts.retain(|(_, part)| !part.is_zero());
        parts
    }
}

/// Who receives a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Recipients {
    /// Few, each credited at once.
    AtOnce(Schedule),
    /// Those of the list with this number, who claim.
    List(u64),
}

/// A schedule in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) resale_bps: u32,
    pub(super) recipients: Recipients,
}

impl Terms {
    /// Reads a schedule of the committed state.
    pub(super) fn committed(leaf: pb::RoyaltySchedule) -> Result<Self, Fault> {
        let resale_bps = leaf.resale_bps;
        let recipients = match leaf.list {
            0 => Recipients::AtOnce(
                leaf.try_into().map_err(|error| broken(format!("royalty schedule: {error}")))?,
            ),
            list => Recipients::List(list),
        };
        Ok(Self { resale_bps, recipients })
    }
}
