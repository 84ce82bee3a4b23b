//! Who receives what part of a royalty.

use std::collections::BTreeMap;

use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::royalties::v1 as pb;

use super::error::RoyaltyError;
use crate::modules::fields;
use crate::num::{FULL_BPS, share_of_bps};

/// Most recipients of a schedule.
pub const MAX_SHARES: usize = 64;

/// Shares in basis points, above zero each, the whole together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    shares: BTreeMap<Address, u32>,
}

impl TryFrom<pb::RoyaltySchedule> for Schedule {
    type Error = RoyaltyError;

    /// Refuses the number of shares; then, share by share, malformed fields and
    /// [`RoyaltyError::SharesNotAscending`]; then [`RoyaltyError::SharesMustBeWhole`].
    fn try_from(schedule: pb::RoyaltySchedule) -> Result<Self, RoyaltyError> {
        let pb::RoyaltySchedule { shares: given } = schedule;
        fields::count("shares", given.len(), 1, MAX_SHARES)?;
        let (mut shares, mut sum) = (BTreeMap::<Address, u32>::new(), 0_u32);
        for pb::RoyaltyShare { account, share_bps } in given {
            let account = fields::recipient("account", &account)?;
            fields::range("share_bps", share_bps, 1, FULL_BPS)?;
            if shares.last_key_value().is_some_and(|(last, _)| *last >= account) {
                return Err(RoyaltyError::SharesNotAscending { account });
            }
            shares.insert(account, share_bps);
            sum = sum.saturating_add(share_bps);
        }
        if sum != FULL_BPS {
            return Err(RoyaltyError::SharesMustBeWhole { sum });
        }
        Ok(Self { shares })
    }
}

impl From<&Schedule> for pb::RoyaltySchedule {
    fn from(schedule: &Schedule) -> Self {
        let share = |(account, share_bps): (&Address, &u32)| pb::RoyaltyShare {
            account: account.to_bytes(),
            share_bps: *share_bps,
        };
        Self { shares: schedule.shares.iter().map(share).collect() }
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
