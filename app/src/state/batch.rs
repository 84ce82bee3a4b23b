//! Changes of tables that are made together, as bytes.

use std::ops::Range;

use bytes::{Buf as _, Bytes};

use super::error::Fault;
use super::table::Table;

/// Bytes of a log, about, from which on the next entries of a batch are in another, so that
/// several threads can take them over.
const LOG_BYTES: usize = 64 << 10;
/// Logs of a batch, about, at most: finding out which logs are left takes longer the more there
/// were.
const LOGS: usize = 64;

/// Changes of several tables that are made together or not at all.
#[derive(Debug, Default)]
pub struct Batch {
    /// Entries of tables whose entries gather, in the logs that they will be in.
    logs: Vec<Vec<u8>>,
    /// Entries of the other tables.
    others: Vec<Vec<u8>>,
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
        let entries = if table.gathers() { &mut self.logs } else { &mut self.others };
        if entries.is_empty() {
            entries.push(Vec::new());
        }
        let entries = entries.last_mut();
        let pushed = entries.and_then(|entries| push_entry(entries, table, key, value));
        self.is_too_long |= pushed.is_none();
    }

    /// Adds all changes of other batches.
    pub fn append(&mut self, others: Vec<Self>) {
        let bytes: usize = others.iter().flat_map(|other| &other.logs).map(Vec::len).sum();
        let most = bytes.checked_div(LOGS).unwrap_or_default().max(LOG_BYTES);
        for mut other in others {
            self.others.append(&mut other.others);
            for mut log in other.logs {
                match self.logs.last_mut() {
                    Some(last) if last.len().saturating_add(log.len()) <= most => {
                        last.append(&mut log);
                    }
                    _ => self.logs.push(log),
                }
            }
            self.is_too_long |= other.is_too_long;
        }
    }

    /// The logs of entries that gather, and the [entries](entries_of) of the other tables.
    ///
    /// # Errors
    /// [`Fault::Database`] when an entry is too long.
    pub(super) fn into_parts(self) -> Result<(Vec<Bytes>, Vec<Bytes>), Fault> {
        if self.is_too_long {
            return Err(Fault::Database("an entry is too long".into()));
        }
        let bytes = |entries: Vec<Vec<u8>>| entries.into_iter().map(Bytes::from).collect();
        Ok((bytes(self.logs), bytes(self.others)))
    }
}

/// A change: its table, the key, and the new value or that the entry is removed.
pub(super) type Write = (Table, Bytes, Option<Bytes>);

/// Where a change stands in a part of a batch.
pub(super) struct Place {
    /// Its table.
    pub(super) table: Table,
    /// Where it begins.
    pub(super) start: usize,
    /// Where its key is.
    pub(super) key: Range<usize>,
    /// Where the new value is; none where the entry is removed.
    pub(super) value: Option<Range<usize>>,
}

impl Place {
    /// The change that begins at a place of a part of a batch; none when it is damaged.
    pub(super) fn at(part: &[u8], start: usize) -> Option<Self> {
        let mut entry = part.get(start..)?;
        let table = Table::numbered(entry.try_get_u8().ok()?)?;
        let key = usize::from(entry.try_get_u8().ok()?);
        let value = usize::try_from(entry.try_get_u32().ok()?).ok()?.checked_sub(1);
        if entry.len() < key.checked_add(value.unwrap_or(0))? {
            return None;
        }
        let first = start.checked_add(HEADER_BYTES)?;
        let key = first..first.checked_add(key)?;
        let value = value.map(|value| key.end..key.end.saturating_add(value));
        Some(Self { table, start, key, value })
    }

    fn end(&self) -> usize {
        self.value.as_ref().map_or(self.key.end, |value| value.end)
    }
}

/// Where the changes of a part of a batch stand, in the order in which they were made.
///
/// # Errors
/// [`Fault::Database`], and then nothing more, when it is damaged.
pub(super) fn places(part: &[u8]) -> impl Iterator<Item = Result<Place, Fault>> {
    let mut next = Some(0).filter(|_| !part.is_empty());
    std::iter::from_fn(move || {
        let place = Place::at(part, next?).ok_or_else(damaged);
        let end = place.as_ref().ok().map(Place::end);
        next = end.filter(|end| *end < part.len());
        Some(place)
    })
}

/// The changes of a part of a batch, in the order in which they were made.
///
/// # Errors
/// [`Fault::Database`], and then nothing more, when it is damaged.
pub(super) fn entries_of(part: &Bytes) -> impl Iterator<Item = Result<Write, Fault>> {
    places(part).map(|place| {
        let Place { table, key, value, .. } = place?;
        Ok((table, part.slice(key), value.map(|value| part.slice(value))))
    })
}

/// Bytes of an entry before its key.
const HEADER_BYTES: usize = 6;

/// Appends an entry: number of the table (1 byte), length of the key (1), length of the value and
/// one more, 0 where it is removed (4), key, value. None when it is too long for that.
fn push_entry(entries: &mut Vec<u8>, table: Table, key: &[u8], value: Option<&[u8]>) -> Option<()> {
    let key_length = u8::try_from(key.len()).ok()?;
    let length = value.map_or(0, |value| value.len().saturating_add(1));
    let length = u32::try_from(length).ok()?;
    entries.push(table.number());
    entries.push(key_length);
    entries.extend_from_slice(&length.to_be_bytes());
    entries.extend_from_slice(key);
    entries.extend_from_slice(value.unwrap_or_default());
    Some(())
}

/// That entries which were stored together cannot be read.
pub(super) fn damaged() -> Fault {
    Fault::Database("the log of entries is damaged".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(part: &Bytes) -> Result<Vec<Write>, Fault> {
        entries_of(part).collect()
    }

    #[test]
    fn a_batch_reads_back_and_no_part_of_it_does() {
        let mut batch = Batch::default();
        batch.put(Table::Values, "key", "value");
        batch.put(Table::Meta, "fact", "");
        batch.put(Table::Nodes, "", "");
        batch.remove(Table::Values, "gone");
        let (logs, others) = batch.into_parts().unwrap();
        let [log] = logs.as_slice() else { panic!("{} logs", logs.len()) };
        let of = |text: &'static str| Bytes::from_static(text.as_bytes());
        let entries = [
            (Table::Values, of("key"), Some(of("value"))),
            (Table::Nodes, of(""), Some(of(""))),
            (Table::Values, of("gone"), None),
        ];
        assert_eq!(read(log).unwrap(), entries);
        let fact = (Table::Meta, of("fact"), Some(of("")));
        assert_eq!(others.iter().map(|part| read(part).unwrap()).collect::<Vec<_>>(), [[fact]]);
        for length in 1..log.len() {
            let part = read(&log.slice(..length));
            assert_eq!(part.is_ok(), [14, 20].contains(&length), "cut to {length} bytes");
        }
        assert!(read(&Bytes::from_static(&[13, 0, 0, 0, 0, 1])).is_err(), "no such table");
    }

    #[test]
    fn what_is_too_long_is_not_stored() {
        let mut long = Batch::default();
        long.remove(Table::Values, [0; 256]);
        let mut batch = Batch::default();
        batch.append(vec![Batch::default(), long]);
        assert!(batch.into_parts().is_err());
    }

    #[test]
    fn small_logs_are_joined_and_large_ones_are_not() {
        let of_bytes = |bytes: usize| {
            let mut batch = Batch::default();
            batch.put(Table::Nodes, "", vec![0; bytes]);
            batch
        };
        let sizes = [LOG_BYTES / 2, LOG_BYTES / 4, LOG_BYTES / 2, 2 * LOG_BYTES, 1];
        let mut batch = Batch::default();
        batch.append(sizes.map(of_bytes).into());
        let (logs, _) = batch.into_parts().unwrap();
        let entries: Vec<usize> = logs.iter().map(|log| read(log).unwrap().len()).collect();
        assert_eq!(entries, [2, 1, 1, 1]);
    }
}
