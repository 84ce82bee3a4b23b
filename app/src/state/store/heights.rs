//! Which heights are kept, and how the others are removed.

use std::sync::atomic::Ordering;

use tessera_proto::state_key::shard_of;

use super::{HeightReader, StagedShard, Store, damaged};
use crate::state::batch::Batch;
use crate::state::error::{Fault, HeightError};
use crate::state::forest::{CHECKPOINT_BLOCKS, decode_roots};
use crate::state::table::Table;
use crate::state::tree::Hash;

/// Heights that a block removes at most, where there are more than are to be kept.
const PRUNED_AT_ONCE: usize = 16;

impl Store {
    /// Oldest height whose state can be read.
    #[must_use]
    pub fn oldest_height(&self) -> u64 {
        self.kept_from(self.options.keep_heights)
    }

    /// Oldest height whose state no commit under way can be removing: what was read as of it, or
    /// of a later one, before this is asked is right.
    #[must_use]
    pub fn oldest_settled_height(&self) -> u64 {
        self.kept_from(self.options.keep_heights.saturating_sub(1))
    }

    /// Reads as of a height that no commit removes meanwhile: what was read, or not found, while it
    /// was being removed says nothing.
    ///
    /// # Errors
    /// [`HeightError::Pruned`].
    pub fn while_kept<T>(&self, height: u64, read: impl FnOnce() -> T) -> Result<T, HeightError> {
        self.require_settled(height)?;
        let read = read();
        self.require_settled(height)?;
        Ok(read)
    }

    fn require_settled(&self, height: u64) -> Result<(), HeightError> {
        let oldest = self.oldest_settled_height();
        match height < oldest {
            true => Err(HeightError::Pruned { height, oldest }),
            false => Ok(()),
        }
    }

    /// The oldest of the latest heights that is stored.
    fn kept_from(&self, heights: u64) -> u64 {
        let oldest =
            self.committed().map_or(0, |committed| committed.height.saturating_sub(heights));
        oldest.max(self.oldest_stored.load(Ordering::Acquire))
    }

    /// The state as of a height.
    ///
    /// # Errors
    /// [`HeightError`], in the order in which it lists them.
    pub fn at(&self, height: u64) -> Result<HeightReader<'_>, HeightError> {
        let latest = self.committed().map_or(0, |committed| committed.height);
        if height > latest {
            return Err(HeightError::Future { height, latest });
        }
        let oldest = self.oldest_height();
        if height < oldest {
            return Err(HeightError::Pruned { height, oldest });
        }
        Ok(HeightReader { store: self, height })
    }

    /// Removes the oldest heights, some of those that need not be kept after the block of this
    /// height; the oldest that is left.
    pub(super) fn remove_oldest(
        &self,
        height: u64,
        shards: &[StagedShard],
        batch: &mut Batch,
    ) -> Result<u64, Fault> {
        // What the trees in the database lack is computed from the history after a crash.
        let keep = self.options.keep_heights.max(CHECKPOINT_BLOCKS);
        let mut oldest = self.oldest_stored.load(Ordering::Acquire);
        let removed = oldest.saturating_add(1)..=height.saturating_sub(keep);
        for next in removed.take(PRUNED_AT_ONCE) {
            self.prune(next, shards, batch)?;
            oldest = next;
        }
        Ok(oldest)
    }

    /// Removes what only heights before `height` needed, of which the one before it is the last
    /// that is still here.
    fn prune(&self, height: u64, shards: &[StagedShard], batch: &mut Batch) -> Result<(), Fault> {
        let bytes = self.database.get(Table::Roots, &height.to_be_bytes())?;
        let Some(bytes) = bytes else { return Ok(()) };
        let (changed, _) = decode_roots(&bytes).ok_or_else(|| damaged("roots"))?;
        let is_rewritten = |hash: &Hash| {
            let mut staged = shards.iter().filter(|staged| staged.shard == shard_of(hash));
            staged.any(|staged| staged.hashes.binary_search(hash).is_ok())
        };
        self.history().prune(changed.into_iter(), height, &is_rewritten, batch)?;
        if let Some(before) = height.checked_sub(1) {
            batch.remove(Table::Roots, before.to_be_bytes());
        }
        Ok(())
    }
}
