//! All leaves of the state as of a height, one after the other, in order of key.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use tessera_proto::state_key::StateKey;

use super::error::Fault;
use super::history::History;
use super::store::{HeightError, HeightReader, Store};
use super::table::Table;
use super::view::StateReader as _;

/// Keys that are read at a time.
const PAGE: usize = 10_000;

/// All leaves as of a height, in order of key, of a store to which nothing is committed
/// meanwhile.
///
/// A page of keys is in memory at a time, and the keys that were removed since that height.
pub struct Leaves<'a> {
    store: &'a Store,
    reader: HeightReader<'a>,
    removed: BTreeSet<StateKey>,
    page: VecDeque<StateKey>,
    /// Where the next page begins.
    next: Option<Vec<u8>>,
}

impl<'a> Leaves<'a> {
    /// The leaves as of a height that is kept.
    ///
    /// # Errors
    /// [`HeightError`], in the order in which it lists them.
    pub fn at(store: &'a Store, height: u64) -> Result<Self, HeightError> {
        let reader = store.at(height)?;
        let latest = store.committed().map_or(0, |committed| committed.height);
        let mut removed = BTreeSet::new();
        if height < latest {
            let history = History::new(store.database());
            for shard in 0..=u8::MAX {
                let changed = history.blocks(shard, height.saturating_add(1), latest)?;
                let gone = changed.into_iter().filter(|replaced| replaced.removed);
                removed.extend(gone.filter_map(|replaced| replaced.record).map(|old| old.key));
            }
        }
        Ok(Self { store, reader, removed, page: VecDeque::new(), next: Some(Vec::new()) })
    }

    /// Reads the keys from `from` on: those that are listed, and among them those removed since.
    fn load_page(&mut self, from: &[u8]) -> Result<(), Fault> {
        let entries = self.store.database().scan(Table::Keys, &[], from, PAGE)?;
        let full = entries.len() == PAGE;
        let mut keys = BTreeSet::new();
        for (key, _) in entries {
            let read = StateKey::from_bytes(&key);
            keys.insert(read.ok_or_else(|| Fault::DamagedTree("a listed key is none".into()))?);
        }
        let last = keys.last().copied().filter(|_| full);
        while let Some(key) = self.removed.first().copied()
            && last.is_none_or(|last| key <= last)
        {
            self.removed.pop_first();
            keys.insert(key);
        }
        self.next = last.map(|last| [last.as_bytes(), &[0]].concat());
        self.page = keys.into_iter().collect();
        Ok(())
    }

    fn advance(&mut self) -> Result<Option<(StateKey, Bytes)>, Fault> {
        loop {
            while let Some(key) = self.page.pop_front() {
                if let Some(value) = self.reader.read(&key)? {
                    return Ok(Some((key, value)));
                }
            }
            let Some(from) = self.next.take() else { return Ok(None) };
            self.load_page(&from)?;
        }
    }
}

impl Iterator for Leaves<'_> {
    type Item = Result<(StateKey, Bytes), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
