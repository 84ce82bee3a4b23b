//! Reads of the latest state, and of the state as of a height.

use std::sync::Arc;

use bytes::Bytes;
use tessera_proto::state_key::{StateKey, shard_of};

use super::Store;
use crate::state::error::Fault;
use crate::state::history::Record;
use crate::state::proof::ValueSource;
use crate::state::tree::Hash;
use crate::state::values::{Announced, Known, ShardValues};
use crate::state::view::{InMemory, StateReader};

/// The latest state.
pub struct LatestReader<'a> {
    pub(super) store: &'a Store,
    pub(super) announced: Option<Arc<Announced>>,
    pub(super) remember: bool,
}

impl LatestReader<'_> {
    /// What the announced block makes of a key, if it changes it.
    fn announced(&self, key: &StateKey) -> Option<Option<Bytes>> {
        self.announced.as_deref().and_then(|announced| announced.value(key))
    }

    /// What is newer than the values in memory.
    fn newer(&self, key: &StateKey) -> Option<Option<Bytes>> {
        let is_newer = self.announced.as_deref().is_some_and(Announced::is_newer);
        if is_newer { self.announced(key) } else { None }
    }

    /// Reads a key whose value is not in memory.
    fn read_stored(
        &self,
        key: &StateKey,
        hash: &Hash,
        values: &mut ShardValues,
    ) -> Result<Option<Bytes>, Fault> {
        // It may have been in memory and left.
        if let Some(value) = self.announced(key) {
            return Ok(value);
        }
        let record = self.store.history().latest(hash)?;
        if self.remember {
            values.insert(key, hash, record.as_ref().map(Known::of));
        }
        Ok(record.and_then(|record| record.value))
    }
}

impl StateReader for LatestReader<'_> {
    fn read(&self, key: &StateKey) -> Result<Option<Bytes>, Fault> {
        if let Some(value) = self.newer(key) {
            return Ok(value);
        }
        let hash = key.hash();
        let mut values = self.store.values.shard(shard_of(&hash))?;
        if let Some(known) = values.get(key, &hash) {
            return Ok(known.and_then(|known| known.value).map(Bytes::copy_from_slice));
        }
        self.read_stored(key, &hash, &mut values)
    }

    fn in_memory(&self, keys: &[&StateKey]) -> Result<Vec<InMemory>, Fault> {
        let mut found: Vec<InMemory> = keys.iter().map(|key| self.newer(key)).collect();
        let rest = keys.iter().zip(&mut found).filter(|(_, found)| found.is_none());
        let mut rest: Vec<_> = rest.map(|(key, found)| (key.hash(), *key, found)).collect();
        rest.sort_unstable_by_key(|(hash, ..)| shard_of(hash));
        // All in one piece of memory.
        let mut bytes = Vec::new();
        let mut places = Vec::with_capacity(rest.len());
        for of_shard in rest.chunk_by(|(one, ..), (other, ..)| shard_of(one) == shard_of(other)) {
            let shard = of_shard.first().map_or(0, |(hash, ..)| shard_of(hash));
            let mut values = self.store.values.shard(shard)?;
            values.fetch(of_shard.iter().map(|(hash, ..)| hash));
            for (hash, key, _) in of_shard {
                places.push(values.get(key, hash).map(|known| {
                    let start = bytes.len();
                    bytes.extend_from_slice(known?.value?);
                    Some(start..bytes.len())
                }));
            }
        }
        let bytes = Bytes::from(bytes);
        for ((.., found), place) in rest.into_iter().zip(places) {
            *found = place.map(|place| place.map(|place| bytes.slice(place)));
        }
        Ok(found)
    }
}

/// The state as of a height.
pub struct HeightReader<'a> {
    pub(super) store: &'a Store,
    pub(super) height: u64,
}

impl HeightReader<'_> {
    /// The height.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.height
    }
}

impl StateReader for HeightReader<'_> {
    fn read(&self, key: &StateKey) -> Result<Option<Bytes>, Fault> {
        let record = self.store.history().at(&key.hash(), self.height)?;
        Ok(record.and_then(|record| record.value))
    }
}

impl ValueSource for HeightReader<'_> {
    fn entry(&self, key_hash: &[u8; 32]) -> Result<Option<(Bytes, Option<Bytes>)>, Fault> {
        let record = self.store.history().at(key_hash, self.height)?;
        let entry = |record: Record| (Bytes::copy_from_slice(record.key.as_bytes()), record.value);
        Ok(record.map(entry))
    }
}
