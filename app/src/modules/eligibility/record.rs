//! What one identity holds of a regulated asset, and how it is counted.

use std::collections::BTreeSet;

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::pb::compliance::v1::RuleKind;
use tessera_proto::split::{InUnits, SplitFactor};
use tessera_proto::state_key::{HolderBucket, StateKey};

use super::claims::Standing;
use super::rules::Country;
use crate::modules::committed::{self, broken};
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateView};

/// The end of a lock-up is rounded up to this part of its period, so that lots stay few.
const LOTS_PER_PERIOD: u64 = 16;

/// A [`pb::HolderRecord`], read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// Base units in all wallets.
    pub(crate) balance: Amount,
    /// What it is counted under.
    pub(crate) counted: Standing,
    /// Beginning of the window of `sent`.
    pub(super) window_start_ms: u64,
    /// Base units sent within the window.
    pub(super) sent: Amount,
    /// Units that are locked up, by end.
    pub(super) lots: Vec<(u64, Amount)>,
    /// Rules that do not bind.
    pub(crate) exemptions: BTreeSet<RuleKind>,
    /// With which factor of the splits amounts are kept.
    split_factor: u64,
}

impl TryFrom<&pb::HolderRecord> for Record {
    type Error = Fault;

    fn try_from(message: &pb::HolderRecord) -> Result<Self, Fault> {
        let pb::HolderRecord { balance, claim_types, country, lots, .. } = message;
        let country: Option<Country> = match country.is_empty() {
            true => None,
            false => Some(country.as_bytes().try_into().map_err(|_| broken("a country"))?),
        };
        let lot = |lot: &pb::Lot| {
            committed::amount("lot", &lot.amount).map(|amount| (lot.locked_until_ms, amount))
        };
        Ok(Self {
            balance: committed::amount("balance of record", balance)?,
            counted: Standing { claim_types: claim_types.iter().copied().collect(), country },
            window_start_ms: message.window_start_ms,
            sent: committed::amount("sent", &message.sent)?,
            lots: lots.iter().map(lot).collect::<Result<_, _>>()?,
            exemptions: message.exemptions().collect(),
            split_factor: message.split_factor,
        })
    }
}

impl From<&Record> for pb::HolderRecord {
    fn from(record: &Record) -> Self {
        let Record { balance, counted, window_start_ms, sent, lots, exemptions, split_factor } =
            record;
        let lot = |(locked_until_ms, amount): &(u64, Amount)| pb::Lot {
            locked_until_ms: *locked_until_ms,
            amount: amount.to_string(),
        };
        Self {
            balance: balance.to_string(),
            claim_types: counted.claim_types.iter().copied().collect(),
            country: counted.country_text(),
            window_start_ms: *window_start_ms,
            sent: sent.to_string(),
            lots: lots.iter().map(lot).collect(),
            exemptions: exemptions.iter().map(|kind| i32::from(*kind)).collect(),
            split_factor: *split_factor,
        }
    }
}

impl Record {
    /// The counters that count it: none while it holds nothing.
    pub(super) fn buckets(&self) -> BTreeSet<HolderBucket> {
        if self.balance.is_zero() {
            return BTreeSet::new();
        }
        let types = self.counted.claim_types.iter().map(|of| HolderBucket::ClaimType(*of));
        let country = self.counted.country.map(HolderBucket::Country);
        std::iter::once(HolderBucket::All).chain(types).chain(country).collect()
    }

    /// Base units that are locked up, and when the first of them will not be.
    pub(super) fn locked(&self, now_ms: u64) -> (Amount, u64) {
        let mut locked = Amount::ZERO;
        let mut until_ms = 0;
        for (until, amount) in self.lots.iter().filter(|(until, _)| *until > now_ms) {
            locked = locked.saturating_add(*amount);
            until_ms = if until_ms == 0 { *until } else { until_ms };
        }
        (locked, until_ms)
    }

    /// Locks up units that arrive.
    pub(super) fn add_lot(&mut self, now_ms: u64, period_ms: u64, amount: Amount) {
        let step = (period_ms / LOTS_PER_PERIOD).max(1);
        let end = now_ms.saturating_add(period_ms).div_ceil(step).saturating_mul(step);
        match self.lots.iter_mut().find(|(until, _)| *until == end) {
            Some((_, lot)) => *lot = lot.saturating_add(amount),
            None => self.lots.push((end, amount)),
        }
        self.lots.sort_unstable();
    }

    /// Forgets lots that have ended, and whatever of them is not held any more.
    pub(super) fn trim_lots(&mut self, now_ms: u64) {
        let mut left = self.balance;
        self.lots.retain_mut(|(until, amount)| {
            *amount = (*amount).min(left);
            left = left.saturating_sub(*amount);
            *until > now_ms && !amount.is_zero()
        });
    }

    fn says_nothing(&self) -> bool {
        self.balance.is_zero() && self.sent.is_zero() && self.exemptions.is_empty()
    }
}

/// The record of an identity, all splits counted; all zero when it never held any.
pub(crate) fn load(
    view: &mut dyn StateView,
    (asset, facts): (&AssetId, &Asset),
    identity: &Address,
) -> Result<Record, ExecutionError> {
    let message: Option<pb::HolderRecord> = view.load(&StateKey::holder_record(asset, identity))?;
    let mut message = message.unwrap_or_default();
    message.bring_to(SplitFactor::of(facts));
    Ok(Record::try_from(&message)?)
}

/// Stores a record, or removes it when it says nothing.
pub(crate) fn store(
    view: &mut dyn StateView,
    asset: &AssetId,
    identity: &Address,
    record: &Record,
) -> Result<(), ExecutionError> {
    let key = StateKey::holder_record(asset, identity);
    match record.says_nothing() {
        true => view.write(key, None),
        false => view.store(key, &pb::HolderRecord::from(record)),
    }
}
