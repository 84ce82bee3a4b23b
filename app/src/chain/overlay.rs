//! What a group of transactions, and each of them, sees of the state and changes.

use std::collections::BTreeSet;

use bytes::Bytes;
use tessera_proto::state_key::StateKey;

use super::tx::TxError;
use crate::modules::BlockInfo;
use crate::modules::router::apply_delta;
use crate::state::access::{AccessSet, Mode};
use crate::state::delta::Delta;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Changes, StateReader, StateView};

/// Changes of a group of transactions over the state before the block.
pub struct GroupOverlay<'a> {
    base: &'a dyn StateReader,
    deferred_keys: &'a BTreeSet<StateKey>,
    changes: Changes,
    deferred: Vec<(u32, Delta)>,
}

impl<'a> GroupOverlay<'a> {
    /// No changes yet. Additions to `deferred_keys` are put aside.
    #[must_use]
    pub fn new(base: &'a dyn StateReader, deferred_keys: &'a BTreeSet<StateKey>) -> Self {
        Self { base, deferred_keys, changes: Changes::new(), deferred: Vec::new() }
    }

    /// All changes, and the additions that were put aside with the positions of their
    /// transactions.
    #[must_use]
    pub fn into_parts(self) -> (Changes, Vec<(u32, Delta)>) {
        (self.changes, self.deferred)
    }

    fn read(&self, key: &StateKey) -> Result<Option<Bytes>, Fault> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.read(key),
        }
    }
}

/// What one transaction sees: only what it declared. Its changes reach the group when they are
/// [kept](TxOverlay::keep).
pub struct TxOverlay<'a, 'b> {
    group: &'a mut GroupOverlay<'b>,
    access: &'a AccessSet,
    block: &'a BlockInfo,
    index: u32,
    changes: Changes,
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
        Self { group, access, block, index, changes: Changes::new(), deferred: Vec::new() }
    }

    /// Hands all changes so far to the group.
    pub fn keep(&mut self) {
        // Not `append`: that rebuilds the whole map of the group.
        self.group.changes.extend(std::mem::take(&mut self.changes));
        self.group.deferred.append(&mut self.deferred);
    }

    /// Forgets all changes since the last [`TxOverlay::keep`].
    pub fn discard(&mut self) {
        self.changes.clear();
        self.deferred.clear();
    }

    fn require(&self, key: &StateKey, allowed: [Mode; 2]) -> Result<(), ExecutionError> {
        match self.access.mode(key) {
            Some(mode) if allowed.contains(&mode) => Ok(()),
            _ => Err(TxError::StateChangedInBlock.into()),
        }
    }

    fn read_any(&self, key: &StateKey) -> Result<Option<Bytes>, Fault> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.group.read(key),
        }
    }
}

impl StateView for TxOverlay<'_, '_> {
    fn read(&mut self, key: &StateKey) -> Result<Option<Bytes>, ExecutionError> {
        self.require(key, [Mode::Read, Mode::Write])?;
        Ok(self.read_any(key)?)
    }

    fn write(&mut self, key: StateKey, value: Option<Bytes>) -> Result<(), ExecutionError> {
        self.require(&key, [Mode::Write, Mode::Write])?;
        self.changes.insert(key, value);
        Ok(())
    }

    fn add(&mut self, delta: Delta) -> Result<(), ExecutionError> {
        let key = delta.key();
        self.require(&key, [Mode::Add, Mode::Write])?;
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
        self.0.require_any(key)?;
        Ok(self.0.read_any(key)?)
    }

    fn write(&mut self, key: StateKey, value: Option<Bytes>) -> Result<(), ExecutionError> {
        self.0.require(&key, [Mode::Add, Mode::Write])?;
        self.0.changes.insert(key, value);
        Ok(())
    }

    fn add(&mut self, delta: Delta) -> Result<(), ExecutionError> {
        self.0.add(delta)
    }
}

impl TxOverlay<'_, '_> {
    fn require_any(&self, key: &StateKey) -> Result<(), ExecutionError> {
        match self.access.mode(key) {
            Some(_) => Ok(()),
            None => Err(TxError::StateChangedInBlock.into()),
        }
    }
}

/// The state after all groups, while additions that were put aside are applied to one key.
pub struct DeferredOverlay<'a> {
    base: &'a dyn StateReader,
    index: u32,
    changes: Changes,
    further: Vec<(u32, Delta)>,
}

impl<'a> DeferredOverlay<'a> {
    /// No changes yet.
    #[must_use]
    pub fn new(base: &'a dyn StateReader) -> Self {
        Self { base, index: 0, changes: Changes::new(), further: Vec::new() }
    }

    /// What follows belongs to the transaction at this position of the block.
    pub fn at(&mut self, index: u32) {
        self.index = index;
    }

    /// All changes, and the additions to other keys that they entail.
    #[must_use]
    pub fn into_parts(self) -> (Changes, Vec<(u32, Delta)>) {
        (self.changes, self.further)
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
