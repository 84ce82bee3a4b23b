//! What a group of transactions, and each of them, sees of the state and changes.

use std::collections::BTreeMap;

use bytes::Bytes;
use quick_cache::DefaultHashBuilder;
use tessera_proto::state_key::StateKey;

use super::plan::DeferredKeys;
use super::tx::TxError;
use crate::modules::BlockInfo;
use crate::modules::router::apply_delta;
use crate::state::access::{Access, AccessSet, Mode};
use crate::state::changes::Change;
use crate::state::delta::Delta;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{InMemory, StateReader, StateView};

/// A key that a group of transactions touches.
#[derive(Default)]
struct Touched {
    /// None where it was neither read nor written yet.
    value: InMemory,
    is_changed: bool,
}

#[expect(clippy::disallowed_types, reason = "put in order where groups are merged")]
type TouchedKeys = std::collections::HashMap<StateKey, Touched, DefaultHashBuilder>;

/// Changes of a group of transactions over the state before the block.
pub struct GroupOverlay<'a> {
    base: &'a dyn StateReader,
    deferred_keys: &'a DeferredKeys,
    keys: TouchedKeys,
    deferred: Vec<(u32, Delta)>,
}

impl<'a> GroupOverlay<'a> {
    /// No changes yet. Additions to `deferred_keys` are put aside.
    #[must_use]
    pub fn new(base: &'a dyn StateReader, deferred_keys: &'a DeferredKeys) -> Self {
        Self { base, deferred_keys, keys: TouchedKeys::default(), deferred: Vec::new() }
    }

    /// Looks up, all at once, what is in memory of the keys that transactions declare.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn look_up<'b>(
        &mut self,
        declared: impl Iterator<Item = &'b AccessSet>,
    ) -> Result<(), Fault> {
        let accesses = declared.flat_map(AccessSet::as_slice);
        let is_read = |access: &&Access| {
            access.mode != Mode::Add || !self.deferred_keys.contains(&access.key)
        };
        let accesses: Vec<&Access> = accesses.filter(is_read).collect();
        let mut keys = Vec::with_capacity(accesses.len());
        self.keys.reserve(accesses.len());
        for Access { key, .. } in accesses {
            self.keys.entry(*key).or_insert_with(|| {
                keys.push(*key);
                Touched::default()
            });
        }
        for (key, value) in keys.iter().zip(self.base.in_memory(&keys)?) {
            if let Some(touched) = self.keys.get_mut(key) {
                touched.value = value;
            }
        }
        Ok(())
    }

    /// All changes, in no order, and the additions that were put aside with the positions of their
    /// transactions.
    #[must_use]
    pub fn into_parts(self) -> (Vec<Change>, Vec<(u32, Delta)>) {
        let changed = self.keys.into_iter().filter(|(_, touched)| touched.is_changed);
        let changes = changed.map(|(key, touched)| (key, touched.value.flatten()));
        (changes.collect(), self.deferred)
    }

    fn read(&self, key: &StateKey) -> Result<Option<Bytes>, Fault> {
        match self.keys.get(key).and_then(|touched| touched.value.as_ref()) {
            Some(value) => Ok(value.clone()),
            None => self.base.read(key),
        }
    }

    fn write(&mut self, key: StateKey, value: Option<Bytes>) {
        self.keys.insert(key, Touched { value: Some(value), is_changed: true });
    }
}

/// What one transaction sees: only what it declared. Its changes reach the group when they are
/// [kept](TxOverlay::keep).
pub struct TxOverlay<'a, 'b> {
    group: &'a mut GroupOverlay<'b>,
    access: &'a AccessSet,
    block: &'a BlockInfo,
    index: u32,
    /// New values by the places of their keys in `access`.
    changes: Vec<Option<Option<Bytes>>>,
    deferred: Vec<(u32, Delta)>,
}

impl<'a, 'b> TxOverlay<'a, 'b> {
    /// No changes yet, for the transaction at this position of the block.
    #[must_use]
    pub fn new(
        group: &'a mut GroupOverlay<'b>,
        access: &'a AccessSet,
        block: &'a BlockInfo,
        index: u32,
    ) -> Self {
        let changes = vec![None; access.as_slice().len()];
        Self { group, access, block, index, changes, deferred: Vec::new() }
    }

    /// Hands all changes so far to the group.
    pub fn keep(&mut self) {
        for (access, change) in self.access.as_slice().iter().zip(&mut self.changes) {
            if let Some(value) = change.take() {
                self.group.write(access.key, value);
            }
        }
        self.group.deferred.append(&mut self.deferred);
    }

    /// Forgets all changes since the last [`TxOverlay::keep`].
    pub fn discard(&mut self) {
        self.changes.fill(None);
        self.deferred.clear();
    }

    /// The place of a key that is declared in one of these modes.
    fn require(&self, key: &StateKey, allowed: &[Mode]) -> Result<usize, ExecutionError> {
        match self.access.find(key) {
            Some((place, mode)) if allowed.contains(&mode) => Ok(place),
            _ => Err(TxError::StateChangedInBlock.into()),
        }
    }

    fn read_as(&self, key: &StateKey, allowed: &[Mode]) -> Result<Option<Bytes>, ExecutionError> {
        match self.changes.get(self.require(key, allowed)?) {
            Some(Some(value)) => Ok(value.clone()),
            _ => Ok(self.group.read(key)?),
        }
    }

    fn write_as(
        &mut self,
        key: &StateKey,
        allowed: &[Mode],
        value: Option<Bytes>,
    ) -> Result<(), ExecutionError> {
        let place = self.require(key, allowed)?;
        if let Some(change) = self.changes.get_mut(place) {
            *change = Some(value);
        }
        Ok(())
    }
}

impl StateView for TxOverlay<'_, '_> {
    fn read(&mut self, key: &StateKey) -> Result<Option<Bytes>, ExecutionError> {
        self.read_as(key, &[Mode::Read, Mode::Write])
    }

    fn write(&mut self, key: StateKey, value: Option<Bytes>) -> Result<(), ExecutionError> {
        self.write_as(&key, &[Mode::Write], value)
    }

    fn add(&mut self, delta: Delta) -> Result<(), ExecutionError> {
        let key = delta.key();
        self.require(&key, &[Mode::Add, Mode::Write])?;
        if self.group.deferred_keys.contains(&key) {
            self.deferred.push((self.index, delta));
            return Ok(());
        }
        let block = self.block;
        apply_delta(&mut Applying(self), block, &delta)
    }
}

/// The view of a transaction while an addition is applied at once: adding allows reading and
/// writing what is added to.
struct Applying<'a, 'b, 'c>(&'a mut TxOverlay<'b, 'c>);

impl StateView for Applying<'_, '_, '_> {
    fn read(&mut self, key: &StateKey) -> Result<Option<Bytes>, ExecutionError> {
        self.0.read_as(key, &[Mode::Read, Mode::Add, Mode::Write])
    }

    fn write(&mut self, key: StateKey, value: Option<Bytes>) -> Result<(), ExecutionError> {
        self.0.write_as(&key, &[Mode::Add, Mode::Write], value)
    }

    fn add(&mut self, delta: Delta) -> Result<(), ExecutionError> {
        self.0.add(delta)
    }
}

/// The state after all groups, while additions that were put aside are applied to one key.
pub struct DeferredOverlay<'a> {
    base: &'a dyn StateReader,
    index: u32,
    changes: BTreeMap<StateKey, Option<Bytes>>,
    further: Vec<(u32, Delta)>,
}

impl<'a> DeferredOverlay<'a> {
    /// No changes yet.
    #[must_use]
    pub fn new(base: &'a dyn StateReader) -> Self {
        Self { base, index: 0, changes: BTreeMap::new(), further: Vec::new() }
    }

    /// What follows belongs to the transaction at this position of the block.
    pub fn at(&mut self, index: u32) {
        self.index = index;
    }

    /// All changes, and the additions to other keys that they entail.
    #[must_use]
    pub fn into_parts(self) -> (Vec<Change>, Vec<(u32, Delta)>) {
        (self.changes.into_iter().collect(), self.further)
    }
}

impl StateView for DeferredOverlay<'_> {
    fn read(&mut self, key: &StateKey) -> Result<Option<Bytes>, ExecutionError> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => Ok(self.base.read(key)?),
        }
    }

    fn write(&mut self, key: StateKey, value: Option<Bytes>) -> Result<(), ExecutionError> {
        self.changes.insert(key, value);
        Ok(())
    }

    fn add(&mut self, delta: Delta) -> Result<(), ExecutionError> {
        self.further.push((self.index, delta));
        Ok(())
    }
}
