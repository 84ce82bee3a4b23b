//! Tables of the embedded database (fjall), written in one atomic batch per block.

use std::path::Path;

use bytes::Bytes;
use fjall::{Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};

use super::error::Fault;

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
    /// Single facts about the database.
    Meta,
}

/// All tables with their names, in order of [`Table`].
const TABLES: [(Table, &str); 12] = [
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
    (Table::Meta, "meta"),
];

/// Bytes of blocks that the database may keep in memory.
const CACHE_BYTES: u64 = 64 << 20;
/// Bytes of one table that gather in memory before they are written out.
const MEMTABLE_BYTES: u64 = 64 << 20;
/// Bytes of journal before tables must be written out.
const JOURNAL_BYTES: u64 = 512 << 20;

/// Changes of several tables that are made together or not at all.
#[derive(Debug, Default)]
pub struct Batch {
    writes: Vec<(Table, Bytes, Option<Bytes>)>,
}

impl Batch {
    /// Sets an entry. A batch sets or removes an entry only once.
    pub fn put(&mut self, table: Table, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.writes.push((table, key.into(), Some(value.into())));
    }

    /// Removes an entry.
    pub fn remove(&mut self, table: Table, key: impl Into<Bytes>) {
        self.writes.push((table, key.into(), None));
    }

    /// Adds all changes of other batches.
    pub fn append(&mut self, others: Vec<Self>) {
        self.writes.reserve(others.iter().map(|other| other.writes.len()).sum());
        for mut other in others {
            self.writes.append(&mut other.writes);
        }
    }
}

/// The embedded database.
#[derive(Clone)]
pub struct Database {
    inner: fjall::Database,
    tables: Vec<Keyspace>,
}

/// An entry of a table.
pub type Entry = (Bytes, Bytes);

impl Database {
    /// Opens the database in a folder, or creates it.
    ///
    /// # Errors
    /// [`Fault::Database`] when the folder is in use, not writable or damaged.
    pub fn open(folder: &Path) -> Result<Self, Fault> {
        let inner = fjall::Database::builder(folder)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            .open()
            .map_err(|error| open_fault(folder, &error))?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let mut tables = Vec::with_capacity(TABLES.len());
        for (_, name) in TABLES {
            tables.push(inner.keyspace(name, options).map_err(|error| fault(&error))?);
        }
        Ok(Self { inner, tables })
    }

    /// The value of an entry.
    ///
    /// # Errors
    /// [`Fault::Database`].
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        let value = self.keyspace(table)?.get(key).map_err(|error| fault(&error))?;
        Ok(value.map(Bytes::from))
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
        let start = from.max(prefix).to_vec();
        let mut entries = Vec::new();
        for guard in self.keyspace(table)?.range(start..).take(limit) {
            let entry = read_entry(guard)?;
            if !entry.0.starts_with(prefix) {
                break;
            }
            entries.push(entry);
        }
        Ok(entries)
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
        let range = self.keyspace(table)?.range(prefix.to_vec()..before.to_vec());
        let mut entries = Vec::new();
        for guard in range.rev().take(limit) {
            let entry = read_entry(guard)?;
            if !entry.0.starts_with(prefix) {
                break;
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Makes all changes of a batch or, on any failure or crash, none.
    ///
    /// A durable batch, and with it every batch before, is on disk when this returns; another
    /// survives the end of the process but not a loss of power.
    ///
    /// # Errors
    /// [`Fault::Database`]: the process must stop.
    pub fn commit(&self, batch: Batch, durable: bool) -> Result<(), Fault> {
        let mode = if durable { PersistMode::SyncAll } else { PersistMode::Buffer };
        let writes = OwnedWriteBatch::with_capacity(self.inner.clone(), batch.writes.len());
        let mut writes = writes.durability(Some(mode));
        for (table, key, value) in batch.writes {
            let keyspace = self.keyspace(table)?;
            match value {
                Some(value) => writes.insert(keyspace, key, value),
                None => writes.remove(keyspace, key),
            }
        }
        writes.commit().map_err(|error| fault(&error))
    }

    fn keyspace(&self, table: Table) -> Result<&Keyspace, Fault> {
        TABLES
            .iter()
            .position(|(other, _)| *other == table)
            .and_then(|index| self.tables.get(index))
            .ok_or_else(|| Fault::Invariant(format!("no table {table:?}")))
    }
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
