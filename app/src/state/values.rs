//! The latest values in memory, by key.
//!
//! Most stand in their slot as a whole, so that little has to be fetched to find one, and nothing
//! to set it anew where it stands.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use tessera_proto::state_key::{StateKey, shard_of};

use super::changes::Changes;
use super::clock::{self, Clock};
use super::database::Entry;
use super::error::Fault;
use super::forest::SHARD_COUNT;
use super::history::Record;
use super::lock::lock;
use super::tree::Hash;

/// Bytes that the values of a shard may take.
const SHARD_BYTES: usize = 5 << 19;
/// Bytes of a slot for a key and its value: those of a holding without income fit.
const INLINE_BYTES: usize = 107;

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known<'a> {
    /// Height of the block that set it.
    pub(super) height: u64,
    /// The value; none where the block removed the key.
    pub(super) value: Option<&'a [u8]>,
}

impl<'a> Known<'a> {
    /// What a record says.
    pub(super) fn of(record: &'a Record) -> Self {
        Self { height: record.height, value: record.value.as_deref() }
    }
}

/// Values that were set or read lately.
pub(super) struct Values {
    shards: Vec<Mutex<ShardValues>>,
}

impl Default for Values {
    fn default() -> Self {
        let shard = || Mutex::new(ShardValues::new(SHARD_BYTES));
        Self { shards: (0..SHARD_COUNT).map(|_| shard()).collect() }
    }
}

impl Values {
    /// The values of a shard, for as long as this is held.
    ///
    /// # Errors
    /// [`Fault`], which does not happen: there are values for every shard.
    pub(super) fn shard(&self, shard: u8) -> Result<MutexGuard<'_, ShardValues>, Fault> {
        let values = self.shards.get(usize::from(shard));
        values.map(lock).ok_or_else(|| Fault::Invariant(format!("no values {shard:02x}")))
    }

    /// [Makes room](Clock::reserve) for so many values at once.
    pub(super) fn reserve(&self, values: usize) {
        self.shards.iter().for_each(|shard| lock(shard).clock.reserve(values, SHARD_COUNT));
    }

    /// Keeps values of entries of [`Table::Values`](super::table::Table::Values), as long as none
    /// has to give way; whether it kept all.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails or is damaged.
    pub(super) fn warm_up(
        &self,
        entries: impl Iterator<Item = Result<Entry, Fault>>,
    ) -> Result<bool, Fault> {
        for entry in entries {
            let (hash, bytes) = entry?;
            let record = Record::decode(bytes);
            let hash = hash.as_ref().try_into().ok();
            let (hash, record): (Hash, _) =
                hash.zip(record).ok_or_else(|| Fault::DamagedTree("a value".into()))?;
            let mut shard = self.shard(shard_of(&hash))?;
            if shard.clock.is_full() {
                return Ok(false);
            }
            shard.insert(&record.key, &hash, Some(Known::of(&record)));
        }
        Ok(true)
    }
}

/// Values of one shard that were set or read lately.
pub(super) struct ShardValues {
    clock: Clock<Slot>,
    /// Whether all keys of the shard are here that the database knows.
    has_all: bool,
}

/// A key with what is known of it.
#[repr(align(64))]
struct Slot {
    height: u64,
    record: KeyValue,
    tag: u32,
    state: State,
    /// Whether somebody asked for it since the hand came by.
    is_wanted: bool,
}

/// What there is of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing, and there never was.
    Never,
    /// Nothing any more.
    Removed,
    Present,
}

/// The bytes of a key, then those of its value.
enum KeyValue {
    Short { key_length: u8, length: u8, bytes: [u8; INLINE_BYTES] },
    Long { key_length: u8, bytes: Box<[u8]> },
}

impl KeyValue {
    fn new(key: &[u8], value: &[u8]) -> Self {
        // Keys have at most 56 bytes.
        let key_length = u8::try_from(key.len()).unwrap_or(u8::MAX);
        let length = key.len().saturating_add(value.len());
        let mut bytes = [0; INLINE_BYTES];
        if let Some((to_key, rest)) = bytes.split_at_mut_checked(key.len())
            && let Some(to_value) = rest.get_mut(..value.len())
            && let Ok(length) = u8::try_from(length)
        {
            to_key.copy_from_slice(key);
            to_value.copy_from_slice(value);
            return Self::Short { key_length, length, bytes };
        }
        Self::Long { key_length, bytes: [key, value].concat().into() }
    }

    fn parts(&self) -> (&[u8], &[u8]) {
        let (key_length, bytes) = match self {
            Self::Short { key_length, length, bytes } => {
                (key_length, bytes.get(..usize::from(*length)).unwrap_or_default())
            }
            Self::Long { key_length, bytes } => (key_length, &**bytes),
        };
        bytes.split_at_checked(usize::from(*key_length)).unwrap_or((bytes, &[]))
    }

    fn key(&self) -> &[u8] {
        self.parts().0
    }

    /// Its last byte, in its slot.
    fn last(&self) -> Option<u8> {
        match self {
            Self::Short { bytes, .. } => bytes.last().copied(),
            Self::Long { .. } => None,
        }
    }
}

impl Slot {
    fn new(key: &StateKey, hash: &Hash, known: Option<Known<'_>>) -> Self {
        let value = known.and_then(|known| known.value);
        let state = match (known, value) {
            (None, _) => State::Never,
            (Some(_), None) => State::Removed,
            (Some(_), Some(_)) => State::Present,
        };
        Self {
            height: known.map_or(0, |known| known.height),
            record: KeyValue::new(key.as_bytes(), value.unwrap_or_default()),
            tag: tag(hash),
            state,
            is_wanted: false,
        }
    }

    fn known(&self) -> Option<Known<'_>> {
        let value = (self.state == State::Present).then(|| self.record.parts().1);
        (self.state != State::Never).then_some(Known { height: self.height, value })
    }
}

impl clock::Slot for Slot {
    fn tag(&self) -> u32 {
        self.tag
    }

    fn heap_bytes(&self) -> usize {
        match &self.record {
            KeyValue::Short { .. } => 0,
            KeyValue::Long { bytes, .. } => bytes.len(),
        }
    }

    fn stays(&mut self) -> bool {
        std::mem::take(&mut self.is_wanted)
    }
}

/// The part of the hash of a key that tells it apart from others of its shard.
fn tag(hash: &Hash) -> u32 {
    hash.last_chunk().copied().map_or(0, u32::from_be_bytes)
}

impl ShardValues {
    /// Those of a shard without keys.
    fn new(room: usize) -> Self {
        Self { clock: Clock::new(room), has_all: true }
    }

    /// There are keys that are not here.
    pub(super) fn set_lacking(&mut self) {
        self.has_all = false;
    }

    /// What is known of a key with this hash, and none where there never was anything.
    pub(super) fn get(&mut self, key: &StateKey, hash: &Hash) -> Option<Option<Known<'_>>> {
        let place = self.place(key, hash);
        let Some(slot) = place.and_then(|place| self.clock.get_mut(place)) else {
            return self.has_all.then_some(None);
        };
        slot.is_wanted = true;
        Some(slot.known())
    }

    /// Keeps what is the latest of a key with this hash.
    pub(super) fn insert(&mut self, key: &StateKey, hash: &Hash, known: Option<Known<'_>>) {
        let place = self.place(key, hash);
        let is_wanted = place.is_some();
        self.clock.set(place, Slot { is_wanted, ..Slot::new(key, hash, known) });
        self.has_all &= self.clock.make_room(0) == 0;
    }

    /// Fetches what is known of keys with these hashes into the caches of the processor, several
    /// at a time.
    pub(super) fn fetch<'a>(&self, hashes: impl Iterator<Item = &'a Hash>) {
        for slot in self.clock.likely(hashes.map(tag)) {
            black_box((slot.height, slot.is_wanted, slot.record.last()));
        }
    }

    fn place(&self, key: &StateKey, hash: &Hash) -> Option<usize> {
        self.clock.find(tag(hash), |slot| slot.record.key() == key.as_bytes())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_last_is_known_whatever_its_size() {
        let mut values = ShardValues::new(1 << 20);
        let key = StateKey::sentinel(1);
        let hash = key.hash();
        for height in 1..400 {
            let value = vec![7; usize::try_from(height).unwrap()];
            let knowns = [
                Some(Known { height, value: Some(&value) }),
                Some(Known { height, value: Some(&[]) }),
                Some(Known { height, value: None }),
                None,
            ];
            for known in knowns {
                values.insert(&key, &hash, known);
                assert_eq!(values.get(&key, &hash), Some(known));
            }
        }
        let same_tag = StateKey::sentinel(2);
        assert_eq!(values.get(&same_tag, &hash), Some(None));
    }

    #[test]
    fn a_key_that_is_not_here_has_no_value_unless_others_are_not_here_either() {
        let keys: Vec<StateKey> = (0..100).map(StateKey::sentinel).collect();
        let room = 50 * Clock::<Slot>::SLOT_BYTES;
        let is_known = |values: &mut ShardValues, key: &StateKey| {
            let known = values.get(key, &key.hash());
            known.is_some_and(|known| known.is_none())
        };
        let mut values = ShardValues::new(room);
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(is_known(&mut values, key), number <= 50, "after {number} keys");
            values.insert(key, &key.hash(), Some(Known { height: 1, value: Some(&[1]) }));
        }
        let mut values = ShardValues::new(room);
        values.set_lacking();
        assert!(!is_known(&mut values, &keys[0]));
    }

    #[test]
    fn a_holding_without_income_fits_into_a_slot_of_two_cache_lines() {
        assert_eq!(size_of::<Slot>(), 128);
        let fits = |value| matches!(KeyValue::new(&[1; 37], value), KeyValue::Short { .. });
        assert!(fits(&[2; 70]) && !fits(&[2; 71]));
    }
}
