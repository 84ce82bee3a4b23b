//! What a quantity was at a past record date.
//!
//! A quantity (a balance, a supply) stands in its leaf with the height of its last change. The
//! first change after a record date first keeps a copy of the old value under the record's
//! height; leaf and copies are chained, newest first. So the value at a record costs nothing to
//! keep where nothing changed, and survives pruning and state sync, for it is in the state.

use std::iter::{Chain, Flatten};
use std::{array, option};

use tessera_proto::amount::Amount;
use tessera_proto::leaf::{Holding, HoldingCopy};
use tessera_proto::pb::assets::v1::{Asset, AssetTotals, SupplyCopy};
use tessera_proto::split::SplitFactor;

use crate::modules::committed::{self, broken};
use crate::state::error::Fault;

/// Most copies looked through for one value. Bounds the work that dust sent to a holder between
/// many record dates can cause.
const MAX_COPIES_WALKED: u32 = 1_024;

/// Most record dates that an asset has declared ahead at a time.
pub(crate) const MAX_SCHEDULED: usize = 4;

/// The record date that a change in the block of `height` must keep a copy for: the latest of
/// an earlier block, taken then or declared ahead.
///
/// Nothing has to happen when a date that was declared ahead passes: the first change after it
/// finds it here.
pub(crate) fn effective(asset: &Asset, height: u64) -> Option<u64> {
    let scheduled = asset.scheduled_records.iter().map(|record| record.height);
    let records = [asset.record_height, asset.previous_record_height].into_iter().chain(scheduled);
    records.filter(|record| (1..height).contains(record)).max()
}

/// Heights of record dates, as far as there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RecordHeights {
    taken: Option<u64>,
    scheduled: [Option<u64>; MAX_SCHEDULED],
}

impl RecordHeights {
    /// The record dates that may be in force in the next block: the latest that was taken, and
    /// those declared ahead, whether they have passed or not.
    pub(crate) fn of(asset: &Asset) -> Self {
        let mut scheduled = [None; MAX_SCHEDULED];
        for (slot, record) in scheduled.iter_mut().zip(&asset.scheduled_records) {
            *slot = Some(record.height);
        }
        Self { taken: (asset.record_height > 0).then_some(asset.record_height), scheduled }
    }
}

impl IntoIterator for RecordHeights {
    type Item = u64;
    type IntoIter =
        Chain<option::IntoIter<u64>, Flatten<array::IntoIter<Option<u64>, MAX_SCHEDULED>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.taken.into_iter().chain(self.scheduled.into_iter().flatten())
    }
}

/// A value of a quantity, and where older ones are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version {
    /// The value.
    pub(crate) value: Amount,
    /// Height at which it came to be.
    pub(crate) changed_height: u64,
    /// Record height of the copy before it; 0 when there is none.
    pub(crate) copy_height: u64,
}

impl Version {
    /// The record that needs a copy of this value before it changes at `height`, if one does.
    ///
    /// Nothing is kept of zero: where there is no copy, there was nothing.
    pub(crate) fn copy_due(&self, asset: &Asset, height: u64) -> Option<u64> {
        let due = |record: &u64| self.changed_height <= *record && !self.value.is_zero();
        effective(asset, height).filter(due)
    }

    /// The value at `record`, which must be a record date; none when it lies beyond more than
    /// [`MAX_COPIES_WALKED`] copies. `load` finds the copy at a record height.
    pub(crate) fn at<E: From<Fault>>(
        self,
        record: u64,
        mut load: impl FnMut(u64) -> Result<Option<Self>, E>,
    ) -> Result<Option<Amount>, E> {
        let mut version = self;
        for _ in 0..MAX_COPIES_WALKED {
            if version.changed_height <= record {
                return Ok(Some(version.value));
            }
            if version.copy_height < record {
                return Ok(Some(Amount::ZERO));
            }
            let height = version.copy_height;
            version = load(height)?
                .ok_or_else(|| broken(format!("there is no copy at record height {height}")))?;
        }
        Ok(None)
    }
}

impl Version {
    /// The balance of a holding, in units of a factor. One that was last changed before splits
    /// was a whole number in the units before them too.
    pub(crate) fn of(holding: &Holding, units: SplitFactor) -> Self {
        let Holding { balance, changed_height, copy_height, split_factor, .. } = *holding;
        Self { value: split_factor.carry(balance, units), changed_height, copy_height }
    }

    /// The balance of a copy, which is kept in the units of its record date.
    pub(crate) fn of_copy(copy: HoldingCopy, kept: SplitFactor, units: SplitFactor) -> Self {
        let HoldingCopy { balance, changed_height, copy_height } = copy;
        Self { value: kept.carry(balance, units), changed_height, copy_height }
    }
}

impl From<Version> for HoldingCopy {
    fn from(version: Version) -> Self {
        let Version { value: balance, changed_height, copy_height } = version;
        Self { balance, changed_height, copy_height }
    }
}

impl TryFrom<&AssetTotals> for Version {
    type Error = Fault;

    fn try_from(totals: &AssetTotals) -> Result<Self, Fault> {
        let value = committed::amount("supply", &totals.supply)?;
        let AssetTotals { changed_height, copy_height, .. } = *totals;
        Ok(Self { value, changed_height, copy_height })
    }
}

impl TryFrom<SupplyCopy> for Version {
    type Error = Fault;

    fn try_from(copy: SupplyCopy) -> Result<Self, Fault> {
        let value = committed::amount("supply copy", &copy.supply)?;
        let SupplyCopy { changed_height, copy_height, .. } = copy;
        Ok(Self { value, changed_height, copy_height })
    }
}

impl From<Version> for SupplyCopy {
    fn from(version: Version) -> Self {
        let Version { value, changed_height, copy_height } = version;
        Self { supply: value.to_string(), changed_height, copy_height }
    }
}
