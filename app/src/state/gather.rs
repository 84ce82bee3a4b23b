//! Entries of tables whose keys are hashes, on their way into the database.
//!
//! Such keys land all over a table, and finding the place of each among the sorted entries that a
//! database keeps in memory is the dearest part of storing a block. So a batch stores them
//! together, as one entry of a log; they gather in memory and, once they are many, are moved into
//! their tables in order of key. After a crash they are read back from the log.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::ops::{Bound, RangeBounds as _};
use std::sync::{Arc, Mutex, RwLock};

use bytes::Bytes;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use quick_cache::DefaultHashBuilder;
use rayon::prelude::*;

use super::batch::{self, damaged, places};
use super::error::Fault;
use super::lock::{lock, read_lock, write_lock};
use super::parallel::in_order;
use super::table::{GATHERED, Table};

/// Entries that are fetched together on their way into a table.
const FETCHED_ENTRIES: usize = 64;

/// A key that is compared by its first bytes without being looked up in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key<B> {
    /// The first 8 bytes, or as many as there are and zeros; big-endian.
    start: u64,
    bytes: B,
}

impl<B: AsRef<[u8]>> Key<B> {
    pub(crate) fn new(bytes: B) -> Self {
        Self { start: start_of(bytes.as_ref()), bytes }
    }

    /// All its bytes.
    pub(crate) fn bytes(&self) -> &B {
        &self.bytes
    }

    /// All its bytes.
    pub(crate) fn into_bytes(self) -> B {
        self.bytes
    }
}

impl Key<Bytes> {
    fn of(bytes: &[u8]) -> Self {
        Self::new(Bytes::copy_from_slice(bytes))
    }
}

/// The first 8 bytes of a key, or as many as there are and zeros.
fn start_of(key: &[u8]) -> u64 {
    let mut start = [0; 8];
    for (to, from) in start.iter_mut().zip(key) {
        *to = *from;
    }
    u64::from_be_bytes(start)
}

/// Entries of a table by key, in order; none where one is removed.
pub(super) type Entries = BTreeMap<Key<Bytes>, Option<Bytes>>;

/// Parts of a table, by the first bits of a key, so that several threads can add to it.
const PARTS: usize = 16;

fn part_of(key: &[u8]) -> usize {
    key.first().map_or(0, |byte| usize::from(byte >> 4))
}

/// Where an entry stands: all that is kept of it beside its log.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// What its key begins with, by which nearly all keys are told apart.
    start: u64,
    /// Number of the log among those of the part.
    log: u32,
    /// Where it begins there.
    offset: u32,
}

/// An entry of a log before it is added to a part.
struct Added {
    table: usize,
    part: usize,
    /// What its key begins with.
    start: u64,
    /// Where it begins.
    offset: u32,
}

/// Entries of logs.
struct Part {
    logs: Vec<Bytes>,
    index: Index,
    hasher: DefaultHashBuilder,
}

/// How the entries of a part are found.
enum Index {
    /// Of a table that is read by key alone.
    Scattered(HashTable<Place>),
    /// Of a table that is read in order: each run in order of key, the latest last, none less than
    /// twice as long as the next.
    Runs(Vec<Vec<Place>>),
}

impl Part {
    fn new(table: Table) -> Self {
        let index = match table {
            Table::ReceiptsBySubject => Index::Runs(Vec::new()),
            _ => Index::Scattered(HashTable::new()),
        };
        Self::empty(index)
    }

    fn empty(index: Index) -> Self {
        Self { logs: Vec::new(), index, hasher: DefaultHashBuilder::default() }
    }

    /// Leaves an empty part with room for as much again.
    fn take(&mut self) -> Self {
        let index = match &self.index {
            Index::Scattered(places) => Index::Scattered(HashTable::with_capacity(places.len())),
            Index::Runs(_) => Index::Runs(Vec::new()),
        };
        std::mem::replace(self, Self::empty(index))
    }

    /// Adds entries of a log.
    fn add(&mut self, log: &Bytes, entries: &[Added]) -> Result<(), Fault> {
        let number = u32::try_from(self.logs.len()).map_err(|_| damaged())?;
        self.logs.push(log.clone());
        let place = |added: &Added| Place { start: added.start, log: number, offset: added.offset };
        let places = entries.iter().map(place);
        let Self { logs, index, hasher } = self;
        match index {
            Index::Scattered(index) => {
                for place in places {
                    let key = key_at(logs, place);
                    let is_it =
                        |other: &Place| other.start == place.start && key_at(logs, *other) == key;
                    let hash = |place: &Place| hasher.hash_one(place.start);
                    match index.entry(hash(&place), is_it, hash) {
                        Entry::Occupied(mut known) => *known.get_mut() = place,
                        Entry::Vacant(vacant) => drop(vacant.insert(place)),
                    }
                }
            }
            Index::Runs(runs) => {
                let mut run: Vec<Place> = places.collect();
                while let Some(mut before) =
                    runs.pop_if(|before| before.len() < run.len().saturating_mul(2))
                {
                    before.append(&mut run);
                    run = before;
                }
                sort(logs, &mut run);
                runs.push(run);
            }
        }
        Ok(())
    }

    /// The entry of a key, if it is here: its value, or that it is removed.
    fn get(&self, key: &[u8]) -> Option<Option<Bytes>> {
        let key = Key::new(key);
        let place = match &self.index {
            Index::Scattered(places) => {
                let is_it = |place: &Place| {
                    place.start == key.start && key_at(&self.logs, *place) == key.bytes
                };
                places.find(self.hasher.hash_one(key.start), is_it)
            }
            Index::Runs(runs) => runs.iter().rev().find_map(|run| {
                let place = run.binary_search_by_key(&key, |place| key_of(&self.logs, *place));
                run.get(place.ok()?)
            }),
        };
        place.and_then(|place| self.entry_at(*place)).map(|(_, value)| value)
    }

    /// All entries, in order of key.
    fn in_order(&self) -> impl Iterator<Item = (Bytes, Option<Bytes>)> {
        let mut places: Vec<Place> = match &self.index {
            Index::Scattered(places) => places.iter().copied().collect(),
            Index::Runs(runs) => runs.concat(),
        };
        sort(&self.logs, &mut places);
        (0..places.len()).filter_map(move |number| {
            if number.is_multiple_of(FETCHED_ENTRIES) {
                places.iter().skip(number).take(FETCHED_ENTRIES).for_each(|next| self.fetch(*next));
            }
            self.entry_at(*places.get(number)?)
        })
    }

    /// Brings an entry into the caches of the processor. Entries lie all over the memory, so
    /// several are to be fetched at a time.
    fn fetch(&self, place: Place) {
        black_box(log_of(&self.logs, place).and_then(|log| log.get(offset_of(place)).copied()));
    }

    /// Adds the entries of a range of keys to others.
    fn copy_range(&self, keys: &(Bound<Key<Bytes>>, Bound<Key<Bytes>>), to: &mut Entries) {
        let (lowest, highest) = (start_or(&keys.0, 0), start_or(&keys.1, u64::MAX));
        let mut add = |places: &mut dyn Iterator<Item = &Place>| {
            let entries = places.filter_map(|place| self.entry_at(*place));
            let entries = entries.map(|(key, value)| (Key::new(key), value));
            to.extend(entries.filter(|(key, _)| keys.contains(key)));
        };
        match &self.index {
            Index::Scattered(places) => {
                let is_near = |place: &&Place| (lowest..=highest).contains(&place.start);
                add(&mut places.iter().filter(is_near));
            }
            Index::Runs(runs) => {
                for run in runs {
                    let first = run.partition_point(|place| place.start < lowest);
                    let rest = run.iter().skip(first);
                    add(&mut rest.take_while(|place| place.start <= highest));
                }
            }
        }
    }

    /// The key and the value of the entry at a place.
    fn entry_at(&self, place: Place) -> Option<(Bytes, Option<Bytes>)> {
        let log = log_of(&self.logs, place)?;
        let batch::Place { key, value, .. } = batch::Place::at(log, offset_of(place))?;
        Some((log.slice(key), value.map(|value| log.slice(value))))
    }
}

/// What a key at the end of a range begins with; another number where the range has no end.
fn start_or(end: &Bound<Key<Bytes>>, other: u64) -> u64 {
    match end {
        Bound::Included(key) | Bound::Excluded(key) => key.start,
        Bound::Unbounded => other,
    }
}

fn log_of(logs: &[Bytes], place: Place) -> Option<&Bytes> {
    logs.get(usize::try_from(place.log).ok()?)
}

fn offset_of(place: Place) -> usize {
    usize::try_from(place.offset).unwrap_or(usize::MAX)
}

/// The key of the entry at a place of some logs.
fn key_at(logs: &[Bytes], place: Place) -> &[u8] {
    let log = log_of(logs, place);
    let key = log.and_then(|log| log.get(batch::Place::at(log, offset_of(place))?.key));
    key.unwrap_or_default()
}

/// Puts entries in order of key, which they are in for long stretches, and keeps of those with one
/// key the last.
fn sort(logs: &[Bytes], places: &mut Vec<Place>) {
    places.sort_by(|one, other| {
        let by_key = || key_at(logs, *one).cmp(key_at(logs, *other));
        one.start.cmp(&other.start).then_with(by_key)
    });
    places.dedup_by(|later, earlier| {
        let is_same =
            later.start == earlier.start && key_at(logs, *later) == key_at(logs, *earlier);
        if is_same {
            *earlier = *later;
        }
        is_same
    });
}

fn key_of(logs: &[Bytes], place: Place) -> Key<&[u8]> {
    Key { start: place.start, bytes: key_at(logs, place) }
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
    pub(super) fn tables(
        &self,
    ) -> impl Iterator<Item = (Table, impl Iterator<Item = (Bytes, Option<Bytes>)>)> {
        let tables = GATHERED.into_iter().zip(&self.tables);
        tables.map(|(table, parts)| (table, parts.iter().flat_map(Part::in_order)))
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
    fn add(&self, log: &Bytes) -> Result<(), Fault> {
        let mut entries = Vec::new();
        for place in places(log) {
            let batch::Place { table, start, key, .. } = place?;
            let key = log.get(key).unwrap_or_default();
            let table = usize::from(table.number());
            let offset = u32::try_from(start).map_err(|_| damaged())?;
            entries.push(Added { table, part: part_of(key), start: start_of(key), offset });
        }
        // Those of a part one right after the other, so that the processor fetches what several
        // of them need at a time.
        let part = |added: &Added| (added.table, added.part);
        entries.sort_by_key(part);
        for of_part in entries.chunk_by(|one, other| part(one) == part(other)) {
            let Some(Added { table, part, .. }) = of_part.first() else { continue };
            let parts = self.tables.get(*table).ok_or_else(damaged)?;
            write_lock(parts.get(*part).ok_or_else(damaged)?).add(log, of_part)?;
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
        let add = |(_, log): &(u64, Bytes)| self.gathering.add(log);
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
            return Some(value);
        }
        read_lock(&self.moving).tables.get(number)?.get(part)?.get(key)
    }

    /// The entries of a range of keys.
    pub(super) fn range(&self, table: Table, start: &[u8], end: Bound<&[u8]>) -> Entries {
        let keys = (Bound::Included(Key::of(start)), end.map(Key::of));
        let number = usize::from(table.number());
        let first = part_of(start);
        let last = match end {
            Bound::Unbounded => PARTS,
            Bound::Included(end) | Bound::Excluded(end) => part_of(end),
        };
        let parts = last.saturating_sub(first).saturating_add(1);
        let (mut gathering, mut entries) = (Entries::new(), Entries::new());
        let of_table = self.gathering.tables.get(number).into_iter().flatten();
        for part in of_table.skip(first).take(parts) {
            read_lock(part).copy_range(&keys, &mut gathering);
        }
        let moving = read_lock(&self.moving);
        for part in moving.tables.get(number).into_iter().flatten().skip(first).take(parts) {
            part.copy_range(&keys, &mut entries);
        }
        entries.extend(gathering);
        entries
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::option::of;
    use proptest::prelude::*;

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

    /// Keys of which some begin alike.
    fn key_of_block(number: u8, block: u8) -> Vec<u8> {
        [&[number / 4; 9][..], &[number % 4, block / 4]].concat()
    }

    proptest! {
        #[test]
        fn what_gathers_is_found_by_key_and_in_order(
            blocks in vec(btree_map(0_u8..40, of(any::<u8>()), 1..12), 1..12),
            is_in_order: bool,
            (first, last) in (0_u8..40, 0_u8..40),
        ) {
            let table = if is_in_order { Table::ReceiptsBySubject } else { Table::Values };
            let (layers, mut latest) = (Layers::default(), BTreeMap::new());
            for (number, block) in (0..).zip(&blocks) {
                let mut batch = Batch::default();
                for (key, value) in block {
                    let key = key_of_block(*key, number);
                    let value = value.map(|value| vec![value; usize::from(value)]);
                    match &value {
                        Some(value) => batch.put(table, &key, value),
                        None => batch.remove(table, &key),
                    }
                    latest.insert(key, value);
                }
                let logs = batch.into_parts().unwrap().0;
                layers.add(&[(0, logs[0].clone())]).unwrap();
            }
            let copied = |(key, value): (Bytes, Option<Bytes>)| {
                (key.to_vec(), value.map(|value| value.to_vec()))
            };
            for (key, value) in &latest {
                let found = layers.get(table, key).map(|found| found.map(|value| value.to_vec()));
                prop_assert_eq!(found.as_ref(), Some(value));
            }
            let (first, last) = (key_of_block(first, 0), key_of_block(last, 5));
            prop_assert_eq!(layers.get(table, &key_of_block(41, 0)), None);
            let within: Vec<_> = layers
                .range(table, &first, Bound::Excluded(&last))
                .into_iter()
                .map(|(key, value)| copied((key.into_bytes(), value)))
                .collect();
            let expected = latest.iter().filter(|(key, _)| first <= **key && **key < last);
            let expected: Vec<_> = expected
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            prop_assert_eq!(within, expected);
            let gathered = layers.start_moving();
            let of_table = gathered.tables().filter(|(other, _)| *other == table);
            let in_order: Vec<_> = of_table.flat_map(|(_, entries)| entries.map(copied)).collect();
            prop_assert_eq!(in_order, latest.into_iter().collect::<Vec<_>>());
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
