//! Record dates of an asset, and who still asks for them.
//!
//! The copies of old balances behind a record date are needed as long as a distribution or a
//! ballot uses it. A record date that nobody uses is kept for [`KEPT_MS`], so that its issuer can
//! declare something for it, and may then be pruned.

use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::{Asset, ScheduledRecord};
use tessera_proto::pb::distributions::v1::Record;
use tessera_proto::state_key::StateKey;

use super::error::DistributionError;
use crate::modules::BlockInfo;
use crate::modules::committed::broken;
use crate::modules::transfers::record::MAX_SCHEDULED;
use crate::state::access::{AccessSet, Mode};
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader, StateView};

/// How long a record date that nobody uses is kept: 30 days.
pub(crate) const KEPT_MS: u64 = 30 * 86_400_000;
/// How many numbered leaves a transaction declares ahead, for others that may come before it in
/// the block.
pub(super) const AHEAD: u64 = 4;

/// Declares the next leaves of a numbered list, beyond those that earlier operations of the
/// transaction have declared.
pub(crate) fn declare_next(
    access: &mut AccessSet,
    count: u64,
    key: impl Fn(u64) -> StateKey,
) -> Result<(), Fault> {
    let next = count.checked_add(1).ok_or_else(|| broken("a numbered list has come to its end"))?;
    let mut left = AHEAD;
    access.settle();
    for key in (next..=u64::MAX).map(key) {
        if left == 0 {
            break;
        }
        if access.mode(&key) != Some(Mode::Write) {
            access.write(key);
            left = left.saturating_sub(1);
        }
    }
    Ok(())
}

/// Declares what [`take`] touches beside the asset leaf, which is written.
pub(crate) fn declare_take(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
) -> Result<(), Fault> {
    let facts = state.asset(asset)?.unwrap_or_default();
    for scheduled in &facts.scheduled_records {
        access.write(StateKey::record(asset, scheduled.number));
    }
    // Those taken in one block are one; those declared ahead in it are more.
    declare_next(access, facts.record_count, |number| StateKey::record(asset, number))
}

/// Makes the closing balances of the block at `height` a record date, if they are none yet, with
/// `uses` more users; its number. The asset must be stored afterwards.
///
/// A height of 0 is this block. A later one is only remembered in the asset: nothing has to
/// happen when it passes.
///
/// # Errors
/// In order of precedence: [`DistributionError::RecordInThePast`],
/// [`DistributionError::TooManyScheduled`].
pub(crate) fn take(
    view: &mut dyn StateView,
    block: &BlockInfo,
    (id, height): (&AssetId, u64),
    asset: &mut Asset,
    uses: u64,
) -> Result<u64, ExecutionError> {
    let now = block.height;
    let height = if height == 0 { now } else { height };
    if height < now {
        return Err(DistributionError::RecordInThePast { height, now }.into());
    }
    let number = match number_at(asset, height) {
        Some(number) => number,
        None => {
            enter(asset, height, now)?;
            asset.record_count
        }
    };
    let key = StateKey::record(id, number);
    let ahead = height > now;
    let fresh = Record {
        height,
        taken_ms: if ahead { 0 } else { block.time_ms },
        uses: 0,
        declared_height: if ahead { now } else { 0 },
    };
    let mut record: Record = view.load(&key)?.unwrap_or(fresh);
    record.uses = record.uses.saturating_add(uses);
    view.store(key, &record)?;
    Ok(number)
}

/// The number of the record date at a height, if it is the latest or declared ahead.
pub(crate) fn number_at(asset: &Asset, height: u64) -> Option<u64> {
    let scheduled = asset.scheduled_records.iter().find(|record| record.height == height);
    let taken = (asset.record_height == height).then_some(asset.record_number);
    scheduled.map(|record| record.number).or(taken)
}

/// Adds a record date to an asset, after those declared ahead that have passed are counted among
/// the taken ones. Which record date is in force in this block does not change.
fn enter(asset: &mut Asset, height: u64, now: u64) -> Result<(), ExecutionError> {
    let scheduled = std::mem::take(&mut asset.scheduled_records);
    let (passed, mut ahead): (Vec<_>, Vec<_>) =
        scheduled.into_iter().partition(|record| record.height < now);
    for record in passed {
        become_latest(asset, &record);
    }
    let next = asset.record_count.checked_add(1);
    let number = next.ok_or_else(|| broken("record dates have come to their end"))?;
    let record = ScheduledRecord { height, number };
    if height > now {
        if ahead.len() >= MAX_SCHEDULED {
            let name = asset.name.clone();
            return Err(DistributionError::TooManyScheduled { name, most: MAX_SCHEDULED }.into());
        }
        let at = ahead.partition_point(|other| other.height < height);
        ahead.insert(at, record);
    } else {
        become_latest(asset, &record);
    }
    asset.record_count = number;
    asset.scheduled_records = ahead;
    Ok(())
}

/// Keeps the two latest heights: one of them is in force in every block.
fn become_latest(asset: &mut Asset, record: &ScheduledRecord) {
    if record.height > asset.record_height {
        asset.previous_record_height = asset.record_height;
        asset.record_height = record.height;
        asset.record_number = record.number;
    } else {
        asset.previous_record_height = asset.previous_record_height.max(record.height);
    }
}

/// One user less of a record date.
pub(crate) fn release(
    view: &mut dyn StateView,
    asset: &AssetId,
    number: u64,
) -> Result<(), ExecutionError> {
    let key = StateKey::record(asset, number);
    let missing = || broken(format!("record {number} of {asset} is in use and is missing"));
    let mut record: Record = view.load(&key)?.ok_or_else(missing)?;
    record.uses = record.uses.checked_sub(1).ok_or_else(missing)?;
    view.store(key, &record)
}
