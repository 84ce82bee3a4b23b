//! The latest values in memory, by key.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tessera_proto::state_key::StateKey;

use super::changes::Changes;
use super::database::Entry;
use super::error::Fault;
use super::history::Record;

/// Bytes that values may take.
pub(super) const VALUE_BYTES: u64 = 768 << 20;
/// Values that the cache is laid out for at first; it grows.
const ENTRIES: usize = 10_000;
/// What a value takes beside its own bytes.
const OVERHEAD_BYTES: usize = 250;
/// What most values take with them, about.
const USUAL_BYTES: u64 = 288;

/// A value as it is kept.
#[derive(Clone)]
pub(super) struct Kept {
    /// Height of the block that set it.
    pub(super) height: u64,
    /// The value; none where the block removed the key.
    pub(super) value: Option<Bytes>,
}

impl Kept {
    /// Of a record from the database, whose bytes are a part of far more.
    pub(super) fn copy(record: &Record) -> Self {
        let value = record.value.as_deref().map(Bytes::copy_from_slice);
        Self { height: record.height, value }
    }
}

/// Values that were set or read lately; none of a key that never had one.
pub(super) struct Values {
    cache: Cache<StateKey, Option<Kept>, ByMemory>,
}

impl Default for Values {
    fn default() -> Self {
        Self { cache: Cache::with_weighter(ENTRIES, VALUE_BYTES, ByMemory) }
    }
}

impl Values {
    /// What is known of a key.
    pub(super) fn get(&self, key: &StateKey) -> Option<Option<Kept>> {
        self.cache.get(key)
    }

    /// Keeps what is the latest of a key.
    pub(super) fn insert(&self, key: StateKey, kept: Option<Kept>) {
        self.cache.insert(key, kept);
    }

    /// Makes [room](reserve) for so many values.
    pub(super) fn reserve(&self, values: usize) {
        reserve(&self.cache, values, USUAL_BYTES);
    }

    /// Keeps values of entries of [`Table::Values`](super::table::Table::Values), as long as
    /// they take less than `room` bytes.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails or is damaged.
    pub(super) fn warm_up(
        &self,
        entries: impl Iterator<Item = Result<Entry, Fault>>,
        room: u64,
    ) -> Result<(), Fault> {
        fill(&self.cache, &ByMemory, room, entries, |(_, bytes)| {
            let record = Record::decode(bytes);
            let record = record.ok_or_else(|| Fault::DamagedTree("a value".into()))?;
            Ok((record.key, Some(Kept::copy(&record))))
        })
    }
}

/// Makes room in a cache for so many entries at once, as far as they may stay there, and not again
/// and again while it is filled. Most entries weigh `usual` bytes, about.
pub(super) fn reserve<K: Eq + Hash, V: Clone, W: Weighter<K, V> + Clone>(
    cache: &Cache<K, V, W>,
    entries: usize,
    usual: u64,
) {
    let most = cache.capacity().checked_div(usual).unwrap_or_default();
    cache.reserve(entries.min(usize::try_from(most).unwrap_or(usize::MAX)));
}

/// Puts what entries of a table say into a cache, as long as that takes less than `room` bytes.
///
/// # Errors
/// [`Fault`] of an entry, or of reading it.
pub(super) fn fill<K: Eq + Hash, V: Clone, W: Weighter<K, V> + Clone>(
    cache: &Cache<K, V, W>,
    weighter: &W,
    mut room: u64,
    entries: impl Iterator<Item = Result<Entry, Fault>>,
    read: impl Fn(Entry) -> Result<(K, V), Fault>,
) -> Result<(), Fault> {
    for entry in entries {
        let (key, value) = read(entry?)?;
        match room.checked_sub(weighter.weight(&key, &value)) {
            Some(left) => room = left,
            None => break,
        }
        cache.insert(key, value);
    }
    Ok(())
}

/// A block that is being written.
pub(super) struct Announced {
    height: u64,
    changes: Arc<Changes>,
    is_remembered: AtomicBool,
}

impl Announced {
    /// Its values are not among [`Values`] yet.
    pub(super) fn new(height: u64, changes: Arc<Changes>) -> Self {
        Self { height, changes, is_remembered: AtomicBool::new(false) }
    }

    /// Height of the block.
    pub(super) fn height(&self) -> u64 {
        self.height
    }

    /// The value that it sets, or that it removes it; none of a key that it does not change.
    pub(super) fn value(&self, key: &StateKey) -> Option<Option<Bytes>> {
        self.changes.get(key).cloned()
    }

    /// Whether it is newer than [`Values`].
    pub(super) fn is_newer(&self) -> bool {
        !self.is_remembered.load(Ordering::Acquire)
    }

    /// Its values are among [`Values`] now.
    pub(super) fn set_remembered(&self) {
        self.is_remembered.store(true, Ordering::Release);
    }
}

/// Weighs values by the memory that they take.
#[derive(Clone)]
struct ByMemory;

impl Weighter<StateKey, Option<Kept>> for ByMemory {
    fn weight(&self, _key: &StateKey, kept: &Option<Kept>) -> u64 {
        let value = kept.as_ref().and_then(|kept| kept.value.as_ref());
        let bytes = value.map_or(0, Bytes::len).saturating_add(OVERHEAD_BYTES);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}
