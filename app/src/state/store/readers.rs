//! Reads of the latest state, and of the state as of a height.

use std::sync::Arc;

use bytes::Bytes;
use tessera_proto::state_key::StateKey;

use super::Store;
use crate::state::error::Fault;
use crate::state::history::Record;
use crate::state::proof::ValueSource;
use crate::state::values::Announced;
use crate::state::view::StateReader;

/// The latest state.
pub struct LatestReader<'a> {
    pub(super) store: &'a Store,
    pub(super) announced: Option<Arc<Announced>>,
    pub(super) remember: bool,
}

impl StateReader for LatestReader<'_> {
    fn read(&self, key: &StateKey) -> Result<Option<Bytes>, Fault> {
        let announced = self.announced.as_deref();
        let changed = || announced.and_then(|announced| announced.value(key));
        if announced.is_some_and(Announced::is_newer)
            && let Some(value) = changed()
        {
            return Ok(value);
        }
        if let Some(kept) = self.store.values.get(key) {
            return Ok(kept.and_then(|kept| kept.value));
        }
        // It may have been there and left.
        if let Some(value) = changed() {
            return Ok(value);
        }
        let kept = self.store.stored(&key.hash())?;
        if self.remember {
            self.store.values.insert(*key, kept.clone());
        }
        Ok(kept.and_then(|kept| kept.value))
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
