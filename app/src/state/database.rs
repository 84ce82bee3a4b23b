//! Tables of the embedded database (fjall), written in one atomic batch per block.

use std::ops::{Bound, RangeInclusive};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use bytes::{Buf as _, Bytes};
use fjall::{Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};

use super::error::Fault;
pub(crate) use super::gather::Key;
use super::gather::{self, Entries, Gathered, Layers, push_entry};
use super::lock::lock;

/// What is kept, by table. Integers in keys are big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Inner tree nodes: shard (1 byte), length of the path (1), nibbles of the path (2 each).
    Nodes,
    /// Trees in [`Table::Nodes`] by shard (1): height (8), hash of the root (32).
    Trees,
    /// Latest value by key hash: height of the last change, presence, key, value.
    Values,
    /// What a block replaced: shard (1), height (8) to older values.
    History,
    /// Keys present in the latest state, for lists.
    Keys,
    /// Holdings by holder: account (20), asset (16).
    HoldingsByAccount,
    /// Shard roots by height (8): which of them changed, and all their hashes.
    Roots,
    /// Receipts by height (8) and index (4) of the first of those stored together.
    Receipts,
    /// Height and index of receipts by transaction id.
    Transactions,
    /// Indexes of receipts (4 each) by subject (account or asset id) and height (8).
    ReceiptsBySubject,
    /// Blocks by height: time, counts and transaction ids.
    Blocks,
    /// Entries of other tables that are not there yet, by number (8) of their log.
    Log,
    /// Single facts about the database.
    Meta,
}

/// All tables with their names, in order of [`Table`].
const TABLES: [(Table, &str); 13] = [
    (Table::Nodes, "nodes"),
    (Table::Trees, "trees"),
    (Table::Values, "values"),
    (Table::History, "history"),
    (Table::Keys, "keys"),
    (Table::HoldingsByAccount, "holdings_by_account"),
    (Table::Roots, "roots"),
    (Table::Receipts, "receipts"),
    (Table::Transactions, "transactions"),
    (Table::ReceiptsBySubject, "receipts_by_subject"),
    (Table::Blocks, "blocks"),
    (Table::Log, "log"),
    (Table::Meta, "meta"),
];

/// Bytes of blocks that the database may keep in memory.
const CACHE_BYTES: u64 = 256 << 20;
/// Bytes of one table that gather in memory before they are written out.
const MEMTABLE_BYTES: u64 = 64 << 20;
/// Bytes of journal before tables must be written out.
const JOURNAL_BYTES: u64 = 512 << 20;

/// Bytes of a log, from which on the next entries of a batch are in another.
const LOG_BYTES: RangeInclusive<usize> = 64 << 10..=64 << 20;
/// Logs of a batch, about, so that several threads can take them over. A first state has no more:
/// finding out which logs are left takes longer the more there were.
const LOGS: usize = 64;

/// Changes of several tables that are made together or not at all.
#[derive(Debug, Default)]
pub struct Batch {
    writes: Vec<(Table, Bytes, Option<Bytes>)>,
    /// Entries of the tables whose entries gather.
    log: Vec<u8>,
    /// Logs that are full.
    full_logs: Vec<Vec<u8>>,
    /// Whether an entry is too long to be stored.
    is_too_long: bool,
}

impl Batch {
    /// Sets an entry. A batch sets or removes an entry only once.
    pub fn put(&mut self, table: Table, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.set(table, key.as_ref(), Some(value.as_ref()));
    }

    /// Removes an entry.
    pub fn remove(&mut self, table: Table, key: impl AsRef<[u8]>) {
        self.set(table, key.as_ref(), None);
    }

    fn set(&mut self, table: Table, key: &[u8], value: Option<&[u8]>) {
        match gather::number_of(table) {
            Some(number) => {
                self.make_room();
                self.is_too_long |= push_entry(&mut self.log, number, key, value).is_none();
            }
            None => {
                let value = value.map(Bytes::copy_from_slice);
                self.writes.push((table, Bytes::copy_from_slice(key), value));
            }
        }
    }

    fn log_bytes(&self) -> usize {
        self.full_logs.iter().chain([&self.log]).map(Vec::len).sum()
    }

    fn make_room(&mut self) {
        if self.log.len() >= *LOG_BYTES.end() {
            self.full_logs.push(std::mem::take(&mut self.log));
        }
    }

    /// Adds all changes of other batches.
    pub fn append(&mut self, others: Vec<Self>) {
        self.writes.reserve(others.iter().map(|other| other.writes.len()).sum());
        let bytes: usize = others.iter().map(Self::log_bytes).sum();
        let most = bytes.checked_div(LOGS).unwrap_or_default();
        let most = most.clamp(*LOG_BYTES.start(), *LOG_BYTES.end());
        for mut other in others {
            self.writes.append(&mut other.writes);
            self.full_logs.append(&mut other.full_logs);
            if self.log.is_empty() {
                self.log = other.log;
            } else if self.log.len().saturating_add(other.log.len()) <= most {
                self.log.append(&mut other.log);
            } else {
                self.full_logs.push(std::mem::replace(&mut self.log, other.log));
            }
            self.is_too_long |= other.is_too_long;
        }
    }
}

/// The embedded database.
#[derive(Clone)]
pub struct Database {
    tables: Tables,
    layers: Arc<Layers>,
    writer: Arc<Mutex<Writer>>,
    gather_bytes: usize,
}

/// The tables themselves.
#[derive(Clone)]
struct Tables {
    inner: fjall::Database,
    keyspaces: Vec<Keyspace>,
}

/// Who writes: one at a time.
#[derive(Default)]
struct Writer {
    /// Number of the next log.
    next: u64,
    /// Moves entries that have gathered.
    mover: Background,
    /// Waits for the disk.
    syncer: Background,
}

/// Work beside the writer, if any is under way.
#[derive(Default)]
struct Background(Option<JoinHandle<Result<(), Fault>>>);

/// An entry of a table.
pub type Entry = (Bytes, Bytes);

impl Database {
    /// Opens the database in a folder, or creates it. Entries with scattered keys gather in memory
    /// until their logs have `gather_bytes`.
    ///
    /// # Errors
    /// [`Fault::Database`] when the folder is in use, not writable or damaged.
    pub fn open(folder: &Path, gather_bytes: usize) -> Result<Self, Fault> {
        let inner = fjall::Database::builder(folder)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            // Of several, one hands what it does not take to itself as long as the others work.
            .worker_threads(1)
            .open()
            .map_err(|error| open_fault(folder, &error))?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let mut keyspaces = Vec::with_capacity(TABLES.len());
        for (_, name) in TABLES {
            keyspaces.push(inner.keyspace(name, options).map_err(|error| fault(&error))?);
        }
        let (tables, layers) = (Tables { inner, keyspaces }, Layers::default());
        let mut writer = Writer::default();
        for guard in tables.keyspace(Table::Log)?.iter() {
            let (mut number, log) = read_entry(guard)?;
            let number = number.try_get_u64().map_err(|_| gather::damaged())?;
            layers.add(&[(number, log)])?;
            writer.next = number.saturating_add(1);
        }
        let (layers, writer) = (Arc::new(layers), Arc::new(Mutex::new(writer)));
        Ok(Self { tables, layers, writer, gather_bytes })
    }

    /// The value of an entry.
    ///
    /// # Errors
    /// [`Fault::Database`].
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        // First, for entries move from there to the tables.
        if let Some(value) = self.layers.get(table, key) {
            return Ok(value);
        }
        let value = self.tables.keyspace(table)?.get(key).map_err(|error| fault(&error))?;
        Ok(value.map(Bytes::from))
    }

    /// Entries that have gathered and are not in their table yet.
    pub(super) fn gathered(&self, table: Table) -> impl Iterator<Item = Entry> + use<> {
        let gathered = self.layers.range(table, &[], Bound::Unbounded);
        gathered.into_iter().filter_map(|(key, value)| Some((key.bytes().clone(), value?)))
    }

    /// Entries of a table whose keys begin with `prefix`, in order, but for those that others
    /// replace which [gathered](Database::gathered).
    ///
    /// # Errors
    /// [`Fault::Database`], also of each entry.
    pub(super) fn stored<'a>(
        &'a self,
        table: Table,
        prefix: &[u8],
    ) -> Result<impl Iterator<Item = Result<Entry, Fault>> + use<'a>, Fault> {
        let entries = self.tables.keyspace(table)?.prefix(prefix).map(read_entry);
        let is_replaced = move |entry: &Entry| self.layers.get(table, &entry.0).is_some();
        Ok(entries.filter(move |entry| !entry.as_ref().is_ok_and(is_replaced)))
    }

    /// Up to `limit` entries whose keys are at least `from` and begin with `prefix`, in order.
    ///
    /// # Errors
    /// [`Fault::Database`].
    pub fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let start = from.max(prefix);
        let gathered = self.layers.range(table, start, Bound::Unbounded);
        let gathered = beginning_with(gathered, prefix);
        let stored = self.tables.keyspace(table)?.range(start.to_vec()..);
        let stored = take_entries(stored, prefix, limit.saturating_add(gathered.len()))?;
        Ok(merge(stored, gathered).take(limit).collect())
    }

    /// Up to `limit` entries whose keys are below `before` and begin with `prefix`, last first.
    ///
    /// # Errors
    /// [`Fault::Database`].
    pub fn scan_back(
        &self,
        table: Table,
        prefix: &[u8],
        before: &[u8],
        limit: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let before = before.max(prefix);
        let gathered = self.layers.range(table, prefix, Bound::Excluded(before));
        let gathered = beginning_with(gathered, prefix);
        let stored = self.tables.keyspace(table)?.range(prefix.to_vec()..before.to_vec()).rev();
        let stored = take_entries(stored, prefix, limit.saturating_add(gathered.len()))?;
        Ok(merge(stored, gathered).rev().take(limit).collect())
    }

    /// Makes all changes of a batch or, on any failure or crash, none.
    ///
    /// A durable batch, and with it every batch before, is on disk before the next batch is made;
    /// another survives the end of the process but not a loss of power.
    ///
    /// # Errors
    /// [`Fault::Database`]: the process must stop.
    pub fn commit(&self, batch: Batch, durable: bool) -> Result<(), Fault> {
        if batch.is_too_long {
            return Err(Fault::Database("an entry is too long".into()));
        }
        let mut writer = lock(&self.writer);
        writer.syncer.wait()?;
        let count = batch.writes.len().saturating_add(1);
        let writes = OwnedWriteBatch::with_capacity(self.tables.inner.clone(), count);
        let mut writes = writes.durability(Some(PersistMode::Buffer));
        for (table, key, value) in batch.writes {
            let keyspace = self.tables.keyspace(table)?;
            match value {
                Some(value) => writes.insert(keyspace, key, value),
                None => writes.remove(keyspace, key),
            }
        }
        let mut logs = Vec::with_capacity(batch.full_logs.len().saturating_add(1));
        for log in batch.full_logs.into_iter().chain([batch.log]) {
            let (number, log) = (writer.next, Bytes::from(log));
            if !log.is_empty() {
                writes.insert(self.tables.keyspace(Table::Log)?, number.to_be_bytes(), log.clone());
                logs.push((number, log));
                writer.next = number.saturating_add(1);
            }
        }
        writes.commit().map_err(|error| fault(&error))?;
        if durable {
            let tables = self.tables.clone();
            writer.syncer.start("syncer", move || tables.sync())?;
        }
        let gathered = self.layers.add(&logs)?;
        if gathered >= self.gather_bytes {
            self.start_moving(&mut writer)?;
        }
        Ok(())
    }

    /// Has what gathered moved into the tables, beside whatever comes next.
    fn start_moving(&self, writer: &mut Writer) -> Result<(), Fault> {
        writer.mover.wait()?;
        let (tables, layers) = (self.tables.clone(), Arc::clone(&self.layers));
        let gathered = layers.start_moving();
        let work = move || {
            tables.take_over(&gathered)?;
            layers.moved();
            Ok(())
        };
        writer.mover.start("mover", work)
    }
}

impl Background {
    fn start(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Result<(), Fault> + Send + 'static,
    ) -> Result<(), Fault> {
        let thread = Builder::new().name(name.into()).spawn(work);
        self.0 = Some(thread.map_err(|error| Fault::Database(error.to_string()))?);
        Ok(())
    }

    /// Waits until it is done.
    fn wait(&mut self) -> Result<(), Fault> {
        match self.0.take().map(JoinHandle::join).unwrap_or(Ok(Ok(()))) {
            Ok(done) => done,
            Err(_) => Err(Fault::Database("work beside the writer panicked".into())),
        }
    }
}

impl Drop for Background {
    /// Waits, for it keeps the folder in use. What could not be moved is still in the log.
    fn drop(&mut self) {
        let _ = self.wait();
    }
}

impl Tables {
    fn keyspace(&self, table: Table) -> Result<&Keyspace, Fault> {
        TABLES
            .iter()
            .position(|(other, _)| *other == table)
            .and_then(|index| self.keyspaces.get(index))
            .ok_or_else(|| Fault::Invariant(format!("no table {table:?}")))
    }

    /// Waits until all batches so far are on disk.
    fn sync(&self) -> Result<(), Fault> {
        self.inner.persist(PersistMode::SyncAll).map_err(|error| fault(&error))
    }

    /// Moves entries into their tables, past the journal, then removes them from the log.
    fn take_over(&self, gathered: &Gathered) -> Result<(), Fault> {
        // A loss of power must not leave a table ahead of the batches that changed it.
        self.sync()?;
        for (table, entries) in gathered.tables() {
            self.ingest(table, &entries)?;
        }
        let mut writes = OwnedWriteBatch::with_capacity(self.inner.clone(), gathered.logs().len());
        for number in gathered.logs() {
            writes.remove(self.keyspace(Table::Log)?, number.to_be_bytes());
        }
        writes.commit().map_err(|error| fault(&error))
    }

    fn ingest(&self, table: Table, entries: &[gather::Entry<'_>]) -> Result<(), Fault> {
        let keyspace = self.keyspace(table)?;
        let mut ingestion = keyspace.start_ingestion().map_err(|error| fault(&error))?;
        for (key, value) in entries {
            let written = match value {
                Some(value) => ingestion.write((*key.bytes()).clone(), (*value).clone()),
                None => ingestion.write_tombstone((*key.bytes()).clone()),
            };
            written.map_err(|error| fault(&error))?;
        }
        ingestion.finish().map_err(|error| fault(&error))
    }
}

/// The first entries whose keys begin with a prefix.
fn beginning_with(entries: Entries, prefix: &[u8]) -> Entries {
    entries.into_iter().filter(|(key, _)| key.bytes().starts_with(prefix)).collect()
}

/// Up to `limit` entries, as long as their keys begin with a prefix.
fn take_entries(
    entries: impl Iterator<Item = fjall::Guard>,
    prefix: &[u8],
    limit: usize,
) -> Result<Vec<Entry>, Fault> {
    let mut taken = Vec::new();
    for guard in entries.take(limit) {
        let entry = read_entry(guard)?;
        if !entry.0.starts_with(prefix) {
            break;
        }
        taken.push(entry);
    }
    Ok(taken)
}

/// Entries of a table with newer ones over them, in order of key.
fn merge(stored: Vec<Entry>, newer: Entries) -> impl DoubleEndedIterator<Item = Entry> {
    let stored = stored.into_iter().map(|(key, value)| (Key::new(key), Some(value)));
    let mut entries: Entries = stored.collect();
    entries.extend(newer);
    entries.into_iter().filter_map(|(key, value)| Some((key.bytes().clone(), value?)))
}

fn read_entry(guard: fjall::Guard) -> Result<Entry, Fault> {
    let (key, value) = guard.into_inner().map_err(|error| fault(&error))?;
    Ok((key.into(), value.into()))
}

fn fault(error: &fjall::Error) -> Fault {
    Fault::Database(error.to_string())
}

fn open_fault(folder: &Path, error: &fjall::Error) -> Fault {
    let folder = folder.display();
    Fault::Database(match error {
        fjall::Error::Locked => format!("`{folder}` is in use by another process"),
        other => format!("`{folder}` cannot be opened: {other}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_stored_or_has_gathered() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), 0).unwrap();
        let put = |database: &Database, entries: &[([u8; 2], Option<u8>)]| {
            let mut batch = Batch::default();
            for (key, value) in entries {
                match value {
                    Some(value) => batch.put(Table::Values, key, [*value]),
                    None => batch.remove(Table::Values, key),
                }
            }
            database.commit(batch, false).unwrap();
        };
        // Each batch has the one before moved into its table, and a start the last.
        put(
            &database,
            &[([1, 1], Some(1)), ([1, 2], Some(2)), ([1, 3], Some(3)), ([2, 1], Some(4))],
        );
        put(&database, &[([3, 1], Some(5))]);
        drop(database);
        let database = Database::open(folder.path(), usize::MAX).unwrap();
        put(&database, &[([1, 2], Some(6)), ([1, 3], None), ([1, 4], Some(7))]);
        let entry = |(key, value): ([u8; 2], u8)| {
            (Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&[value]))
        };
        let stored: Vec<_> = database.stored(Table::Values, &[1]).unwrap().collect();
        let stored: Vec<Entry> = stored.into_iter().collect::<Result<_, _>>().unwrap();
        assert_eq!(stored, [([1, 1], 1)].map(entry));
        let gathered: Vec<Entry> = database.gathered(Table::Values).collect();
        assert_eq!(gathered, [([1, 2], 6), ([1, 4], 7)].map(entry));
    }
}
