//! Entries of tables whose keys are hashes, on their way into the database.
//!
//! Such keys land all over a table, and finding the place of each among the sorted entries that a
//! database keeps in memory is the dearest part of storing a block. So a batch stores them
//! together, as one entry of a log; they gather in memory and, once they are many, are moved into
//! their tables in order of key. After a crash they are read back from the log.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds as _};
use std::sync::{Arc, Mutex, RwLock};

use bytes::Bytes;
use quick_cache::DefaultHashBuilder;
use rayon::prelude::*;

use super::batch::{Write, damaged, entries_of};
use super::error::Fault;
use super::lock::{lock, read_lock, write_lock};
use super::parallel::in_order;
use super::table::{GATHERED, Table};

/// A key that is compared by its first bytes without being looked up in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key<B> {
    /// The first 8 bytes, or as many as there are and zeros; big-endian.
    start: u64,
    bytes: B,
}

impl<B: AsRef<[u8]>> Key<B> {
    pub(crate) fn new(bytes: B) -> Self {
        let mut start = [0; 8];
        for (to, from) in start.iter_mut().zip(bytes.as_ref()) {
            *to = *from;
        }
        Self { start: u64::from_be_bytes(start), bytes }
    }

    /// All its bytes.
    pub(crate) fn bytes(&self) -> &B {
        &self.bytes
    }
}

impl Key<Bytes> {
    fn of(bytes: &[u8]) -> Self {
        Self::new(Bytes::copy_from_slice(bytes))
    }
}

/// Entries of a table by key, in order; none where one is removed.
pub(super) type Entries = BTreeMap<Key<Bytes>, Option<Bytes>>;

/// Entries of a table by key, found several times faster.
#[expect(clippy::disallowed_types, reason = "put in order by every way out but that of one key")]
type Scattered = std::collections::HashMap<Bytes, Option<Bytes>, DefaultHashBuilder>;

/// An entry, or that it is removed.
pub(super) type Entry<'a> = (Key<&'a Bytes>, Option<&'a Bytes>);

/// Parts of a table, by the first bits of a key, so that several threads can add to it.
const PARTS: usize = 16;

fn part_of(key: &[u8]) -> usize {
    key.first().map_or(0, |byte| usize::from(byte >> 4))
}

/// What has gathered of a part of a table.
enum Part {
    /// Of a table that is read by key alone.
    Scattered(Scattered),
    /// Of a table that is read in order.
    Ordered(Entries),
}

impl Part {
    fn new(table: Table) -> Self {
        match table {
            Table::ReceiptsBySubject => Self::Ordered(Entries::new()),
            _ => Self::Scattered(Scattered::default()),
        }
    }

    /// Leaves an empty part with room for as much again.
    fn take(&mut self) -> Self {
        let empty = match self {
            Self::Scattered(entries) => {
                let room = entries.len();
                Self::Scattered(Scattered::with_capacity_and_hasher(room, Default::default()))
            }
            Self::Ordered(_) => Self::Ordered(Entries::new()),
        };
        std::mem::replace(self, empty)
    }

    fn insert(&mut self, key: Bytes, value: Option<Bytes>) {
        match self {
            Self::Scattered(entries) => drop(entries.insert(key, value)),
            Self::Ordered(entries) => drop(entries.insert(Key::new(key), value)),
        }
    }

    fn get(&self, key: &[u8]) -> Option<&Option<Bytes>> {
        match self {
            Self::Scattered(entries) => entries.get(key),
            Self::Ordered(entries) => entries.get(&Key::of(key)),
        }
    }

    /// All entries, in order of key.
    fn in_order(&self) -> Vec<Entry<'_>> {
        let mut entries: Vec<_> = match self {
            Self::Scattered(entries) => {
                entries.iter().map(|(key, value)| (Key::new(key), value.as_ref())).collect()
            }
            Self::Ordered(entries) => {
                entries.iter().map(|(key, value)| (Key::new(key.bytes()), value.as_ref())).collect()
            }
        };
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries
    }

    /// Adds the entries of a range of keys to others.
    fn copy_range(&self, keys: &(Bound<Key<Bytes>>, Bound<Key<Bytes>>), to: &mut Entries) {
        match self {
            Self::Scattered(entries) => {
                let entries = entries.iter().map(|(key, value)| (Key::new(key.clone()), value));
                let within = entries.filter(|(key, _)| keys.contains(key));
                to.extend(within.map(|(key, value)| (key, value.clone())));
            }
            Self::Ordered(entries) => {
                let within = entries.range(keys.clone());
                to.extend(within.map(|(key, value)| (key.clone(), value.clone())));
            }
        }
    }
}

/// Entries of some batches that nothing is added to any more.
#[derive(Default)]
pub(super) struct Gathered {
    /// In order of [`GATHERED`], each with its parts in order of key.
    tables: Vec<Vec<Part>>,
    /// Sequence numbers of their logs.
    logs: Vec<u64>,
}

impl Gathered {
    /// The entries by table, in order of key; none where one is removed.
    pub(super) fn tables(&self) -> impl Iterator<Item = (Table, Vec<Entry<'_>>)> {
        let tables = GATHERED.into_iter().zip(&self.tables);
        tables.map(|(table, parts)| (table, parts.iter().flat_map(Part::in_order).collect()))
    }

    /// Sequence numbers of the logs that hold the entries.
    pub(super) fn logs(&self) -> &[u64] {
        &self.logs
    }
}

/// Entries that gather. A part is locked for itself.
struct Gathering {
    tables: [Vec<RwLock<Part>>; GATHERED.len()],
    logs: Mutex<Logs>,
}

/// The logs of entries that gather.
#[derive(Default)]
struct Logs {
    bytes: usize,
    sequence_numbers: Vec<u64>,
}

impl Default for Gathering {
    fn default() -> Self {
        let part = |table| RwLock::new(Part::new(table));
        let parts = |table| (0..PARTS).map(|_| part(table)).collect();
        Self { tables: GATHERED.map(parts), logs: Mutex::default() }
    }
}

impl Gathering {
    /// Adds the entries of a log.
    fn add(&self, log: Bytes) -> Result<(), Fault> {
        let mut entries: Vec<Write> = entries_of(log).collect::<Result<_, _>>()?;
        let place = |(table, key, _): &Write| (usize::from(table.number()), part_of(key));
        // Those of a part one right after the other, so that the processor fetches what several
        // of them need at a time.
        entries.sort_by_key(place);
        for of_part in entries.chunk_by_mut(|one, other| place(one) == place(other)) {
            let Some((table, part)) = of_part.first().map(place) else { continue };
            let parts = self.tables.get(table).ok_or_else(damaged)?;
            let mut part = write_lock(parts.get(part).ok_or_else(damaged)?);
            for (_, key, value) in of_part {
                part.insert(std::mem::take(key), value.take());
            }
        }
        Ok(())
    }

    /// Takes everything out.
    fn take(&self) -> Gathered {
        let take = |part: &RwLock<Part>| write_lock(part).take();
        let tables = self.tables.iter().map(|parts| parts.iter().map(take).collect()).collect();
        let logs = std::mem::take(&mut *lock(&self.logs));
        Gathered { tables, logs: logs.sequence_numbers }
    }
}

/// What the tables lack.
#[derive(Default)]
pub(super) struct Layers {
    gathering: Gathering,
    /// Older than what gathers.
    moving: RwLock<Arc<Gathered>>,
}

impl Layers {
    /// Takes over the entries of logs with their sequence numbers, in parallel: no two have an
    /// entry of the same key. Tells how many bytes of logs have gathered.
    ///
    /// # Errors
    /// [`Fault::Database`] when a log is damaged.
    pub(super) fn add(&self, added: &[(u64, Bytes)]) -> Result<usize, Fault> {
        let add = |(_, log): &(u64, Bytes)| self.gathering.add(log.clone());
        in_order::<(), ()>(added.par_iter().map(add))?;
        let mut logs = lock(&self.gathering.logs);
        for (sequence_number, log) in added {
            logs.bytes = logs.bytes.saturating_add(log.len());
            logs.sequence_numbers.push(*sequence_number);
        }
        Ok(logs.bytes)
    }

    /// Everything that has gathered, to be moved; what was moved before must be
    /// [forgotten](Layers::moved).
    pub(super) fn start_moving(&self) -> Arc<Gathered> {
        // A reader looks at what gathers first, and then has to wait until it is here.
        let mut moving = write_lock(&self.moving);
        *moving = Arc::new(self.gathering.take());
        Arc::clone(&moving)
    }

    /// Forgets what was moved, which the tables have now.
    pub(super) fn moved(&self) {
        *write_lock(&self.moving) = Arc::default();
    }

    /// The entry of a key, if it is here: its value, or that it is removed.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<Option<Bytes>> {
        let (number, part) = (usize::from(table.number()), part_of(key));
        let gathering = self.gathering.tables.get(number)?.get(part)?;
        if let Some(value) = read_lock(gathering).get(key) {
            return Some(value.clone());
        }
        read_lock(&self.moving).tables.get(number)?.get(part)?.get(key).cloned()
    }

    /// The entries of a range of keys.
    pub(super) fn range(&self, table: Table, start: &[u8], end: Bound<&[u8]>) -> Entries {
        let keys = (Bound::Included(Key::of(start)), end.map(Key::of));
        let number = usize::from(table.number());
        let (mut gathering, mut entries) = (Entries::new(), Entries::new());
        for part in self.gathering.tables.get(number).into_iter().flatten() {
            read_lock(part).copy_range(&keys, &mut gathering);
        }
        for part in read_lock(&self.moving).tables.get(number).into_iter().flatten() {
            part.copy_range(&keys, &mut entries);
        }
        entries.extend(gathering);
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::batch::Batch;

    #[test]
    fn what_is_in_a_log_is_found_and_no_part_of_it_is_added() {
        let mut batch = Batch::default();
        batch.put(Table::Values, "key", "value");
        batch.put(Table::Nodes, "", "");
        batch.remove(Table::Values, "gone");
        let log = batch.into_parts().unwrap().0.remove(0);
        let layers = Layers::default();
        assert_eq!(layers.add(&[(7, log.clone())]).unwrap(), log.len());
        assert_eq!(layers.get(Table::Values, b"key"), Some(Some(Bytes::from_static(b"value"))));
        assert_eq!(layers.get(Table::Nodes, b""), Some(Some(Bytes::new())));
        assert_eq!(layers.get(Table::Values, b"gone"), Some(None));
        assert_eq!(layers.get(Table::Nodes, b"key"), None);
        assert_eq!(layers.get(Table::Meta, b"key"), None);
        for length in 1..log.len() {
            let part = Layers::default().add(&[(0, log.slice(..length))]);
            assert_eq!(part.is_ok(), [14, 20].contains(&length), "cut to {length} bytes");
        }
    }

    #[test]
    fn what_gathers_hides_what_is_being_moved() {
        let layers = Layers::default();
        let log = |key: &[u8], value: Option<&[u8]>| {
            let mut batch = Batch::default();
            match value {
                Some(value) => batch.put(Table::Values, key, value),
                None => batch.remove(Table::Values, key),
            }
            batch.into_parts().unwrap().0.remove(0)
        };
        layers.add(&[(1, log(b"a", Some(b"1"))), (2, log(b"b", Some(b"1")))]).unwrap();
        let moving = layers.start_moving();
        assert_eq!(moving.logs(), [1, 2]);
        layers.add(&[(3, log(b"a", Some(b"2"))), (4, log(b"c", None))]).unwrap();
        let value = |key: &[u8]| layers.get(Table::Values, key);
        assert_eq!(value(b"a"), Some(Some(Bytes::from_static(b"2"))));
        assert_eq!(value(b"b"), Some(Some(Bytes::from_static(b"1"))));
        let range: Vec<_> =
            layers.range(Table::Values, b"", Bound::Unbounded).into_iter().collect();
        assert_eq!(range.len(), 3);
        assert_eq!(range[0].1.as_deref(), Some(b"2".as_slice()));
        layers.moved();
        assert_eq!(value(b"b"), None);
        assert_eq!(value(b"c"), Some(None));
    }
}
