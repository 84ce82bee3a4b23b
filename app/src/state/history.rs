//! Values and what they replaced, so that the state of a recent height can be read and proven.
//!
//! The latest value of a key stands under its hash, with the height of the block that set it. For
//! every block and shard one entry keeps the values that the block replaced. From the latest
//! value on, each tells in which block to look for the one before.

use bytes::{Buf, Bytes};
use tessera_proto::state_key::{StateKey, shard_of};

use super::batch::Batch;
use super::database::Database;
use super::error::Fault;
use super::table::Table;
use super::tree::Hash;
use super::values::Known;

/// The value of a key and since when it has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Height of the block that set it.
    pub height: u64,
    /// The key.
    pub key: StateKey,
    /// The value; none where the block removed the key.
    pub value: Option<Bytes>,
}

/// Appends a [`Record`]: height (8 bytes), presence (1), length of the key (1), key, value.
pub(super) fn push_record(bytes: &mut Vec<u8>, key: &StateKey, known: Known<'_>) {
    let key = key.as_bytes();
    bytes.extend_from_slice(&known.height.to_be_bytes());
    bytes.push(u8::from(known.value.is_some()));
    // Keys have at most 56 bytes.
    bytes.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(known.value.unwrap_or_default());
}

impl Record {
    /// Reads what [`push_record`] wrote; none when it is damaged.
    pub(crate) fn decode(mut bytes: Bytes) -> Option<Self> {
        let height = bytes.try_get_u64().ok()?;
        let present = bytes.try_get_u8().ok()?;
        let key_length = usize::from(bytes.try_get_u8().ok()?);
        if bytes.len() < key_length {
            return None;
        }
        let key = StateKey::from_bytes(&bytes.split_to(key_length))?;
        Some(Self { height, key, value: (present == 1).then_some(bytes) })
    }
}

/// A key that a block changed in one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// Hash of the key.
    pub hash: Hash,
    /// Whether the block removed the key.
    pub removed: bool,
    /// What it was before; none when it never was.
    pub record: Option<Record>,
}

/// Appends a [`Replaced`] to the entry of a block: hash of the key (32 bytes), whether it is
/// removed (1), length (4) and record before.
pub(super) fn push_replaced(
    entry: &mut Vec<u8>,
    (hash, key): (&Hash, &StateKey),
    removed: bool,
    before: Option<Known<'_>>,
) {
    entry.extend_from_slice(hash);
    entry.push(u8::from(removed));
    let length = entry.len();
    entry.extend_from_slice(&[0; 4]);
    if let Some(known) = before {
        let start = entry.len();
        push_record(entry, key, known);
        let written = u32::try_from(entry.len().saturating_sub(start)).unwrap_or(u32::MAX);
        if let Some(length) = entry.get_mut(length..start) {
            length.copy_from_slice(&written.to_be_bytes());
        }
    }
}

fn pop_replaced(entry: &mut Bytes) -> Option<Replaced> {
    let (hash, _) = entry.split_first_chunk::<32>()?;
    let hash = *hash;
    entry.advance(32);
    let removed = entry.try_get_u8().ok()? == 1;
    let length = usize::try_from(entry.try_get_u32().ok()?).ok()?;
    if entry.len() < length {
        return None;
    }
    let record = entry.split_to(length);
    let record = if record.is_empty() { None } else { Some(Record::decode(record)?) };
    Some(Replaced { hash, removed, record })
}

/// Where the entry of a block and shard stands.
pub(crate) fn history_key(shard: u8, height: u64) -> Vec<u8> {
    [[shard].as_slice(), &height.to_be_bytes()].concat()
}

/// Values and what they replaced, as they stand in a database.
#[derive(Clone, Copy)]
pub struct History<'a> {
    database: &'a Database,
}

impl<'a> History<'a> {
    /// The history that is kept in a database.
    #[must_use]
    pub fn new(database: &'a Database) -> Self {
        Self { database }
    }

    /// The latest record of a key; none when it never was, or is long gone.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails or is damaged.
    pub fn latest(&self, hash: &Hash) -> Result<Option<Record>, Fault> {
        let bytes = self.database.get(Table::Values, hash)?;
        bytes.map(|bytes| Record::decode(bytes).ok_or_else(damaged)).transpose()
    }

    /// The record of a key as of a height that is kept.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails or is damaged.
    pub fn at(&self, hash: &Hash, height: u64) -> Result<Option<Record>, Fault> {
        let mut record = self.latest(hash)?;
        while let Some(younger) = record.as_ref().filter(|record| record.height > height) {
            // Without an entry, the height has been pruned while this ran.
            let block = self.block(shard_of(hash), younger.height)?;
            record = block
                .into_iter()
                .find(|replaced| replaced.hash == *hash)
                .and_then(|replaced| replaced.record);
        }
        Ok(record)
    }

    /// The keys of a shard that a block changed.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails or is damaged.
    pub fn block(&self, shard: u8, height: u64) -> Result<Vec<Replaced>, Fault> {
        let entry = self.database.get(Table::History, &history_key(shard, height))?;
        entry.map_or_else(|| Ok(Vec::new()), decode_entry)
    }

    /// The keys of a shard that the blocks from `first` to `last` changed, in order of block.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails or is damaged.
    pub fn blocks(&self, shard: u8, first: u64, last: u64) -> Result<Vec<Replaced>, Fault> {
        let from = history_key(shard, first);
        let until = history_key(shard, last);
        let mut all = Vec::new();
        for (key, entry) in self.database.scan(Table::History, &[shard], &from, usize::MAX)? {
            if key.as_ref() > until.as_slice() {
                break;
            }
            all.append(&mut decode_entry(entry)?);
        }
        Ok(all)
    }

    /// Adds to a batch the removal of what a block replaced in some shards. Keys that it removed
    /// and that are still removed are forgotten, unless `is_rewritten` says that the batch sets
    /// them.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails or is damaged.
    pub fn prune(
        &self,
        shards: impl Iterator<Item = u8>,
        height: u64,
        is_rewritten: &dyn Fn(&Hash) -> bool,
        batch: &mut Batch,
    ) -> Result<(), Fault> {
        for shard in shards {
            for Replaced { hash, .. } in
                self.block(shard, height)?.into_iter().filter(|replaced| replaced.removed)
            {
                let latest = self.latest(&hash)?;
                let is_gone =
                    latest.is_some_and(|record| record.height == height && record.value.is_none());
                if is_gone && !is_rewritten(&hash) {
                    batch.remove(Table::Values, hash);
                }
            }
            batch.remove(Table::History, history_key(shard, height));
        }
        Ok(())
    }
}

fn decode_entry(mut entry: Bytes) -> Result<Vec<Replaced>, Fault> {
    let mut all = Vec::new();
    while entry.has_remaining() {
        all.push(pop_replaced(&mut entry).ok_or_else(damaged)?);
    }
    Ok(all)
}

fn damaged() -> Fault {
    Fault::DamagedTree("a value or its history cannot be read".into())
}
