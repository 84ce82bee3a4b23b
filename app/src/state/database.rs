//! Tables of the embedded database (fjall), written in one atomic batch per block.

use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use bytes::{Buf as _, Bytes};
use fjall::compaction::Leveled;
use fjall::{Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};
use rayon::prelude::*;

use super::batch::{Batch, damaged, entries_of};
use super::error::Fault;
pub(crate) use super::gather::Key;
use super::gather::{Entries, Gathered, Layers};
use super::lock::lock;
use super::parallel::in_order;
use super::table::Table;

/// Bytes of blocks that the database may keep in memory.
const CACHE_BYTES: u64 = 256 << 20;
/// Bytes of one table that gather in memory before they are written out.
const MEMTABLE_BYTES: u64 = 64 << 20;
/// Files of one table whose keys overlap, from which on they are merged: the more, the less often
/// an entry is written again, and the more files are looked at for one.
const OVERLAPPING_FILES: u8 = 12;
/// The same of logs, of which most are removed by then and so never written out, in times of what
/// gathers.
const LOG_MEMTABLE_TIMES: usize = 4;
/// Bytes of journal before tables must be written out.
const JOURNAL_BYTES: u64 = 512 << 20;

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
    /// In order of [`Table::ALL`].
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
        let log_bytes = gather_bytes.saturating_mul(LOG_MEMTABLE_TIMES);
        let log_bytes = u64::try_from(log_bytes).unwrap_or(u64::MAX);
        let memtable_bytes = |table: Table| match table {
            Table::Log => MEMTABLE_BYTES.max(log_bytes),
            _ => MEMTABLE_BYTES,
        };
        let keyspace = |table: Table| {
            let merging = Leveled::default().with_l0_threshold(OVERLAPPING_FILES);
            let options = KeyspaceCreateOptions::default().compaction_strategy(Arc::new(merging));
            inner.keyspace(table.name(), || options.max_memtable_size(memtable_bytes(table)))
        };
        let keyspaces: Result<_, _> = Table::ALL.into_iter().map(keyspace).collect();
        let keyspaces = keyspaces.map_err(|error| fault(&error))?;
        let (tables, layers) = (Tables { inner, keyspaces }, Layers::default());
        let mut writer = Writer::default();
        for guard in tables.keyspace(Table::Log)?.iter() {
            let (mut number, log) = read_entry(guard)?;
            let number = number.try_get_u64().map_err(|_| damaged())?;
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

    /// How many entries a table has, about, but for what gathered.
    ///
    /// # Errors
    /// [`Fault::Database`].
    pub(super) fn stored_count(&self, table: Table) -> Result<usize, Fault> {
        Ok(self.tables.keyspace(table)?.approximate_len())
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
        let (batch_logs, others) = batch.into_parts()?;
        let mut writer = lock(&self.writer);
        writer.syncer.wait()?;
        let mut writes = self.tables.writes();
        for entry in others.iter().flat_map(entries_of) {
            let (table, key, value) = entry?;
            let keyspace = self.tables.keyspace(table)?;
            // Copies, for what is kept of a batch would keep all of it.
            match value {
                Some(value) => writes.insert(keyspace, key.as_ref(), value.as_ref()),
                None => writes.remove(keyspace, key.as_ref()),
            }
        }
        let mut logs = Vec::with_capacity(batch_logs.len());
        for log in batch_logs {
            let number = writer.next;
            writes.insert(self.tables.keyspace(Table::Log)?, number.to_be_bytes(), log.clone());
            logs.push((number, log));
            writer.next = number.saturating_add(1);
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

    /// Makes all changes of a first batch, which may be far larger than others, or on any failure
    /// all but those of [`Table::Meta`]: entries go into the empty tables in order of key, past
    /// the journal, and those facts, which tell that the others are there, come last.
    ///
    /// # Errors
    /// [`Fault::Database`]: the process must stop.
    pub fn commit_first(&self, batch: Batch) -> Result<(), Fault> {
        let (logs, others) = batch.into_parts()?;
        for table in Table::ALL.into_iter().filter(|table| *table != Table::Meta) {
            let parts = if table.gathers() { &logs } else { &others };
            let mut entries = entries_of_table(table, parts)?;
            entries.par_sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
            let entries = entries.into_iter().map(|(key, value)| (key.into_bytes(), value));
            self.tables.ingest(table, entries)?;
        }
        let mut facts = Batch::default();
        for (key, value) in entries_of_table(Table::Meta, &others)? {
            facts.put(Table::Meta, key.bytes(), value.unwrap_or_default());
        }
        self.commit(facts, true)
    }

    /// Whether there is nothing in it.
    ///
    /// # Errors
    /// [`Fault::Database`].
    pub fn is_empty(&self) -> Result<bool, Fault> {
        for keyspace in &self.tables.keyspaces {
            if !keyspace.is_empty().map_err(|error| fault(&error))? {
                return Ok(false);
            }
        }
        Ok(true)
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
        let keyspace = self.keyspaces.get(usize::from(table.number()));
        keyspace.ok_or_else(|| Fault::Invariant(format!("no table {table:?}")))
    }

    /// No changes yet.
    fn writes(&self) -> OwnedWriteBatch {
        OwnedWriteBatch::with_capacity(self.inner.clone(), 0).durability(Some(PersistMode::Buffer))
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
            self.ingest(table, entries)?;
        }
        let mut writes = self.writes();
        for number in gathered.logs() {
            writes.remove(self.keyspace(Table::Log)?, number.to_be_bytes());
        }
        writes.commit().map_err(|error| fault(&error))
    }

    /// Puts entries in order of key into a table; none where one is removed.
    fn ingest(
        &self,
        table: Table,
        entries: impl Iterator<Item = (Bytes, Option<Bytes>)>,
    ) -> Result<(), Fault> {
        let keyspace = self.keyspace(table)?;
        let mut ingestion = keyspace.start_ingestion().map_err(|error| fault(&error))?;
        for (key, value) in entries {
            let written = match value {
                Some(value) => ingestion.write(key, value),
                None => ingestion.write_tombstone(key),
            };
            written.map_err(|error| fault(&error))?;
        }
        ingestion.finish().map_err(|error| fault(&error))
    }
}

/// A change of a table; none where an entry is removed.
type TableWrite = (Key<Bytes>, Option<Bytes>);

/// The changes of one table among parts of a batch.
fn entries_of_table(table: Table, parts: &[Bytes]) -> Result<Vec<TableWrite>, Fault> {
    let of_part = |part: &Bytes| {
        let entries = entries_of(part).filter_map(|entry| match entry {
            Ok((other, key, value)) => (other == table).then(|| Ok((Key::new(key), value))),
            Err(fault) => Some(Err(fault)),
        });
        entries.collect()
    };
    let of_parts: Vec<Vec<_>> = in_order(parts.par_iter().map(of_part))?;
    Ok(of_parts.into_iter().flatten().collect())
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
