//! Entries of tables whose keys are hashes, on their way into the database.
//!
//! Such keys land all over a table, and finding the place of each among the sorted entries that a
//! database keeps in memory is the dearest part of storing a block. So a batch stores them
//! together, as one entry of a log; they gather in memory and, once they are many, are moved into
//! their tables in order of key. After a crash they are read back from the log.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds as _};
use std::sync::{Arc, RwLock};

use bytes::{Buf, Bytes};
use quick_cache::DefaultHashBuilder;

use super::database::Table;
use super::error::Fault;
use super::lock::{read_lock, write_lock};

/// The tables whose entries gather.
pub(super) const GATHERED: [Table; 4] =
    [Table::Nodes, Table::Values, Table::Transactions, Table::ReceiptsBySubject];

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

/// What has gathered of one table.
enum TableEntries {
    /// Of a table that is read by key alone.
    Scattered(Scattered),
    /// Of a table that is read in order.
    Ordered(Entries),
}

impl TableEntries {
    fn new(table: Table) -> Self {
        match table {
            Table::ReceiptsBySubject => Self::Ordered(Entries::new()),
            _ => Self::Scattered(Scattered::default()),
        }
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

    fn range(&self, keys: (Bound<Key<Bytes>>, Bound<Key<Bytes>>)) -> Entries {
        match self {
            Self::Scattered(entries) => {
                let entries = entries.iter().map(|(key, value)| (Key::new(key.clone()), value));
                let within = entries.filter(|(key, _)| keys.contains(key));
                within.map(|(key, value)| (key, value.clone())).collect()
            }
            Self::Ordered(entries) => {
                entries.range(keys).map(|(key, value)| (key.clone(), value.clone())).collect()
            }
        }
    }
}

/// Entries of some batches.
pub(super) struct Gathered {
    tables: [TableEntries; GATHERED.len()],
    /// Bytes of their logs.
    bytes: usize,
    /// Sequence numbers of their logs.
    logs: Vec<u64>,
}

impl Default for Gathered {
    fn default() -> Self {
        Self { tables: GATHERED.map(TableEntries::new), bytes: 0, logs: Vec::new() }
    }
}

impl Gathered {
    /// The entries by table, in order of key; none where one is removed.
    pub(super) fn tables(&self) -> impl Iterator<Item = (Table, Vec<Entry<'_>>)> {
        GATHERED.into_iter().zip(self.tables.iter().map(TableEntries::in_order))
    }

    /// Sequence numbers of the logs that hold the entries.
    pub(super) fn logs(&self) -> &[u64] {
        &self.logs
    }

    fn entries(&self, table: Table) -> Option<&TableEntries> {
        let mut tables = GATHERED.into_iter().zip(&self.tables);
        tables.find(|(other, _)| *other == table).map(|(_, entries)| entries)
    }

    fn add(&mut self, sequence: u64, log: Bytes) -> Result<(), Fault> {
        self.bytes = self.bytes.saturating_add(log.len());
        self.logs.push(sequence);
        let mut log = log;
        while log.has_remaining() {
            let (table, key, value) = pop_entry(&mut log).ok_or_else(damaged)?;
            let entries = self.tables.get_mut(usize::from(table)).ok_or_else(damaged)?;
            entries.insert(key, value);
        }
        Ok(())
    }
}

/// What the tables lack.
#[derive(Default)]
pub(super) struct Layers {
    gathering: RwLock<Gathered>,
    /// Older than what gathers.
    moving: RwLock<Arc<Gathered>>,
}

impl Layers {
    /// Takes over the entries of a log; tells how many bytes of logs have gathered.
    ///
    /// # Errors
    /// [`Fault::Database`] when the log is damaged.
    pub(super) fn add(&self, sequence: u64, log: Bytes) -> Result<usize, Fault> {
        let mut gathering = write_lock(&self.gathering);
        gathering.add(sequence, log)?;
        Ok(gathering.bytes)
    }

    /// Everything that has gathered, to be moved; what was moved before must be
    /// [forgotten](Layers::moved).
    pub(super) fn start_moving(&self) -> Arc<Gathered> {
        // A reader looks at what gathers first, so it must not leave there before it is here.
        let mut gathering = write_lock(&self.gathering);
        let moving = Arc::new(std::mem::take(&mut *gathering));
        *write_lock(&self.moving) = Arc::clone(&moving);
        moving
    }

    /// Forgets what was moved, which the tables have now.
    pub(super) fn moved(&self) {
        *write_lock(&self.moving) = Arc::default();
    }

    /// The entry of a key, if it is here: its value, or that it is removed.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<Option<Bytes>> {
        if !GATHERED.contains(&table) {
            return None;
        }
        let find = |gathered: &Gathered| gathered.entries(table)?.get(key).cloned();
        let gathering = find(&read_lock(&self.gathering));
        gathering.or_else(|| find(&read_lock(&self.moving)))
    }

    /// The entries of a range of keys.
    pub(super) fn range(&self, table: Table, start: &[u8], end: Bound<&[u8]>) -> Entries {
        let keys = (Bound::Included(Key::of(start)), end.map(Key::of));
        let within = |gathered: &Gathered| -> Entries {
            let entries = gathered.entries(table).map(|entries| entries.range(keys.clone()));
            entries.unwrap_or_default()
        };
        let gathering = within(&read_lock(&self.gathering));
        let mut entries = within(&read_lock(&self.moving));
        entries.extend(gathering);
        entries
    }
}

/// The number of a table in logs, where its entries gather.
pub(super) fn number_of(table: Table) -> Option<u8> {
    GATHERED.iter().zip(0..).find(|(other, _)| **other == table).map(|(_, number)| number)
}

/// Appends an entry to a log: number of the table (1 byte), length of the key (1), length of the
/// value and one more, 0 where it is removed (4), key, value. None when it is too long for that.
pub(super) fn push_entry(
    log: &mut Vec<u8>,
    number: u8,
    key: &[u8],
    value: Option<&[u8]>,
) -> Option<()> {
    let key_length = u8::try_from(key.len()).ok()?;
    let length = value.map_or(0, |value| value.len().saturating_add(1));
    let length = u32::try_from(length).ok()?;
    log.push(number);
    log.push(key_length);
    log.extend_from_slice(&length.to_be_bytes());
    log.extend_from_slice(key);
    log.extend_from_slice(value.unwrap_or_default());
    Some(())
}

/// Takes the next entry off a log: number of the table, key, value.
fn pop_entry(log: &mut Bytes) -> Option<(u8, Bytes, Option<Bytes>)> {
    let table = log.try_get_u8().ok()?;
    let key = usize::from(log.try_get_u8().ok()?);
    let value = usize::try_from(log.try_get_u32().ok()?).ok()?.checked_sub(1);
    if log.len() < key.checked_add(value.unwrap_or(0))? {
        return None;
    }
    let key = log.split_to(key);
    Some((table, key, value.map(|value| log.split_to(value))))
}

pub(super) fn damaged() -> Fault {
    Fault::Database("the log of entries is damaged".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_reads_back_and_no_part_of_it_does() {
        let mut log = Vec::new();
        let [nodes, values] = [Table::Nodes, Table::Values].map(|table| number_of(table).unwrap());
        assert_eq!(number_of(Table::Meta), None);
        push_entry(&mut log, values, b"key", Some(b"value")).unwrap();
        push_entry(&mut log, nodes, b"", Some(b"")).unwrap();
        push_entry(&mut log, values, b"gone", None).unwrap();
        assert_eq!(push_entry(&mut log, values, &[0; 256], None), None);
        let log = Bytes::from(log);
        let layers = Layers::default();
        assert_eq!(layers.add(7, log.clone()).unwrap(), log.len());
        assert_eq!(layers.get(Table::Values, b"key"), Some(Some(Bytes::from_static(b"value"))));
        assert_eq!(layers.get(Table::Nodes, b""), Some(Some(Bytes::new())));
        assert_eq!(layers.get(Table::Values, b"gone"), Some(None));
        assert_eq!(layers.get(Table::Nodes, b"key"), None);
        for length in 1..log.len() {
            let part = Layers::default().add(0, log.slice(..length));
            assert_eq!(part.is_ok(), [14, 20].contains(&length), "cut to {length} bytes");
        }
    }

    #[test]
    fn what_gathers_hides_what_is_being_moved() {
        let layers = Layers::default();
        let log = |key: &[u8], value: Option<&[u8]>| {
            let mut log = Vec::new();
            push_entry(&mut log, number_of(Table::Values).unwrap(), key, value).unwrap();
            Bytes::from(log)
        };
        layers.add(1, log(b"a", Some(b"1"))).unwrap();
        layers.add(2, log(b"b", Some(b"1"))).unwrap();
        let moving = layers.start_moving();
        assert_eq!(moving.logs(), [1, 2]);
        layers.add(3, log(b"a", Some(b"2"))).unwrap();
        layers.add(4, log(b"c", None)).unwrap();
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
