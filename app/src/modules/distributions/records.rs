//! Record dates of an asset, and who still asks for them.
//!
//! The copies of old balances behind a record date are needed as long as a distribution or a
//! ballot uses it. A record date that nobody uses is kept for [`KEPT_MS`], so that its issuer can
//! declare something for it, and may then be pruned.

use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::distributions::v1::Record;
use tessera_proto::state_key::StateKey;

use crate::modules::BlockInfo;
use crate::modules::committed::broken;
use crate::state::access::{AccessSet, Mode};
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader, StateView};

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
    let facts: Option<Asset> = state.leaf(&StateKey::asset(asset))?;
    let count = facts.map_or(0, |facts| facts.record_count);
    access.write(StateKey::record(asset, count.saturating_add(1)));
    Ok(())
}

/// Makes the closing balances of this block a record date, if they are none yet, with `uses` more
/// users; its number. The asset must be stored afterwards.
pub(crate) fn take(
    view: &mut dyn StateView,
    block: &BlockInfo,
    id: &AssetId,
    asset: &mut Asset,
    uses: u64,
) -> Result<u64, ExecutionError> {
    if asset.record_height != block.height {
        asset.previous_record_height = asset.record_height;
        asset.record_height = block.height;
        asset.record_count = asset
            .record_count
            .checked_add(1)
            .ok_or_else(|| broken("record dates have come to their end"))?;
    }
    let number = asset.record_count;
    let key = StateKey::record(id, number);
    let fresh = Record { height: block.height, taken_ms: block.time_ms, uses: 0 };
    let mut record: Record = view.load(&key)?.unwrap_or(fresh);
    record.uses = record.uses.saturating_add(uses);
    view.store(key, &record)?;
    Ok(number)
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
