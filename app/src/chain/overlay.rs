//! What a group of transactions, and each of them, sees of the state and changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashTable;
use quick_cache::DefaultHashBuilder;
use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::state_key::StateKey;

use super::plan::{DeferredKeys, place_of};
use super::tx::TxError;
use crate::modules::BlockInfo;
use crate::modules::router::apply_delta;
use crate::state::access::{Access, AccessSet, Mode};
use crate::state::changes::Change;
use crate::state::delta::Delta;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{InMemory, StateReader, StateView, decode_asset};

/// A key that a group of transactions touches.
struct Touched<'a> {
    key: &'a StateKey,
    /// None where it was not written, and is not in memory.
    value: InMemory,
    /// The value, where it is an asset and was asked for as one.
    asset: Option<Arc<Asset>>,
    is_changed: bool,
    /// Whether additions to it are put aside.
    is_deferred: bool,
}

/// Changes of a group of transactions over the state before the block.
///
/// Where it keeps a key is found out once for each access that is declared, not again for each
/// read and write.
pub struct GroupOverlay<'a> {
    base: &'a dyn StateReader,
    touched: Vec<Touched<'a>>,
    /// What each transaction declares, with the first of its places.
    declared: Vec<(&'a AccessSet, usize)>,
    /// Where each access of each transaction is in `touched`.
    places: Vec<u32>,
    deferred: Vec<(u32, Delta)>,
}

impl<'a> GroupOverlay<'a> {
    /// No changes yet by transactions that declare this. What of it is in memory is looked up, all
    /// at once. Additions to keys of `deferred` will be put aside.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn new(
        base: &'a dyn StateReader,
        deferred: &DeferredKeys,
        declared: impl IntoIterator<Item = &'a AccessSet>,
    ) -> Result<Self, Fault> {
        let mut first = 0_usize;
        let declared = declared.into_iter().map(|access| {
            let next = first.saturating_add(access.as_slice().len());
            (access, std::mem::replace(&mut first, next))
        });
        let declared: Vec<_> = declared.collect();
        let mut places = Vec::with_capacity(first);
        let (mut touched, mut known) = (Vec::new(), HashTable::with_capacity(first));
        let hasher = DefaultHashBuilder::default();
        for Access { key, mode, .. } in declared.iter().flat_map(|(access, _)| access.as_slice()) {
            let key_at =
                |place: &u32| touched.get(place_of(*place)).map(|one: &Touched<'_>| one.key);
            let is_it = |place: &u32| key_at(place) == Some(key);
            let hash = |place: &u32| key_at(place).map_or(0, |key| hasher.hash_one(key));
            let next = u32::try_from(touched.len()).unwrap_or(u32::MAX);
            let place = *known.entry(hasher.hash_one(key), is_it, hash).or_insert(next).get();
            if place == next {
                // A key that is put aside is only added to, by all.
                let is_deferred = *mode == Mode::Add && deferred.contains(key);
                let (value, asset, is_changed) = (None, None, false);
                touched.push(Touched { key, value, asset, is_changed, is_deferred });
            }
            places.push(place);
        }
        let mut group = Self { base, touched, declared, places, deferred: Vec::new() };
        group.look_up()?;
        Ok(group)
    }

    fn look_up(&mut self) -> Result<(), Fault> {
        // Assets are rather asked for as such.
        let is_read = |touched: &&mut Touched<'_>| !touched.is_deferred && !touched.key.is_asset();
        let mut read: Vec<_> = self.touched.iter_mut().filter(is_read).collect();
        let keys: Vec<&StateKey> = read.iter().map(|touched| touched.key).collect();
        for (touched, value) in read.iter_mut().zip(self.base.in_memory(&keys)?) {
            touched.value = value;
        }
        Ok(())
    }

    /// The value of a key, which is kept at this place.
    fn read(&self, place: usize, key: &StateKey) -> Result<Option<Bytes>, Fault> {
        match self.touched.get(place).and_then(|touched| touched.value.as_ref()) {
            Some(value) => Ok(value.clone()),
            None => self.base.read(key),
        }
    }

    /// An asset, whose leaf is kept at this place.
    fn asset(&mut self, place: usize, id: &AssetId) -> Result<Option<Arc<Asset>>, Fault> {
        let Some(touched) = self.touched.get_mut(place) else { return Ok(None) };
        if touched.asset.is_none() {
            touched.asset = match &touched.value {
                Some(value) => decode_asset(touched.key, value)?,
                None => self.base.asset(id)?,
            };
        }
        Ok(touched.asset.clone())
    }

    /// What a transaction sees, by its number among those that the group was made for.
    pub fn transaction<'b>(
        &'b mut self,
        number: usize,
        block: &'b BlockInfo,
        position: u32,
    ) -> Option<TxOverlay<'b, 'a>> {
        let (access, first) = *self.declared.get(number)?;
        let places = self.places.iter().skip(first).take(access.as_slice().len());
        let accessed = places.map(|place| Accessed { place: place_of(*place), change: None });
        let accessed = accessed.collect();
        Some(TxOverlay { group: self, access, block, position, accessed, deferred: Vec::new() })
    }

    /// All changes, in no order, and the additions that were put aside with the positions of their
    /// transactions.
    #[must_use]
    pub fn into_parts(self) -> (Vec<Change>, Vec<(u32, Delta)>) {
        let changed = self.touched.into_iter().filter(|touched| touched.is_changed);
        let changes = changed.map(|touched| (*touched.key, touched.value.flatten()));
        (changes.collect(), self.deferred)
    }
}

/// A key that a transaction touches.
struct Accessed {
    /// Where the group keeps it.
    place: usize,
    /// What the transaction makes of it.
    change: Option<Option<Bytes>>,
}

/// What one transaction sees: only what it declared. Its changes reach the group when they are
/// [kept](TxOverlay::keep).
pub struct TxOverlay<'a, 'b> {
    group: &'a mut GroupOverlay<'b>,
    access: &'b AccessSet,
    block: &'a BlockInfo,
    position: u32,
    /// By the places of keys in `access`.
    accessed: Vec<Accessed>,
    deferred: Vec<(u32, Delta)>,
}

impl TxOverlay<'_, '_> {
    /// Hands all changes so far to the group.
    pub fn keep(&mut self) {
        for Accessed { place, change } in &mut self.accessed {
            if let Some(value) = change.take()
                && let Some(touched) = self.group.touched.get_mut(*place)
            {
                touched.value = Some(value);
                touched.asset = None;
                touched.is_changed = true;
            }
        }
        self.group.deferred.append(&mut self.deferred);
    }

    /// Forgets all changes since the last [`TxOverlay::keep`].
    pub fn discard(&mut self) {
        self.accessed.iter_mut().for_each(|accessed| accessed.change = None);
        self.deferred.clear();
    }

    /// A key that is declared in one of these modes.
    fn require(&mut self, key: &StateKey, allowed: &[Mode]) -> Result<&mut Accessed, TxError> {
        let declared = self.access.find(key).filter(|(_, mode)| allowed.contains(mode));
        let accessed = declared.and_then(|(place, _)| self.accessed.get_mut(place));
        accessed.ok_or(TxError::StateChangedInBlock)
    }

    fn read_as(
        &mut self,
        key: &StateKey,
        allowed: &[Mode],
    ) -> Result<Option<Bytes>, ExecutionError> {
        let Accessed { place, change } = self.require(key, allowed)?;
        let place = *place;
        match change {
            Some(value) => Ok(value.clone()),
            None => Ok(self.group.read(place, key)?),
        }
    }

    fn asset_as(
        &mut self,
        asset: &AssetId,
        allowed: &[Mode],
    ) -> Result<Option<Arc<Asset>>, ExecutionError> {
        let key = StateKey::asset(asset);
        let Accessed { place, change } = self.require(&key, allowed)?;
        let place = *place;
        match change {
            Some(value) => Ok(decode_asset(&key, value)?),
            None => Ok(self.group.asset(place, asset)?),
        }
    }

    fn write_as(
        &mut self,
        key: &StateKey,
        allowed: &[Mode],
        value: Option<Bytes>,
    ) -> Result<(), ExecutionError> {
        self.require(key, allowed)?.change = Some(value);
        Ok(())
    }
}

impl StateView for TxOverlay<'_, '_> {
    fn read(&mut self, key: &StateKey) -> Result<Option<Bytes>, ExecutionError> {
        self.read_as(key, &[Mode::Read, Mode::Write])
    }

    fn asset(&mut self, asset: &AssetId) -> Result<Option<Arc<Asset>>, ExecutionError> {
        self.asset_as(asset, &[Mode::Read, Mode::Write])
    }

    fn write(&mut self, key: StateKey, value: Option<Bytes>) -> Result<(), ExecutionError> {
        self.write_as(&key, &[Mode::Write], value)
    }

    fn add(&mut self, delta: Delta) -> Result<(), ExecutionError> {
        let place = self.require(&delta.key(), &[Mode::Add, Mode::Write])?.place;
        if self.group.touched.get(place).is_some_and(|touched| touched.is_deferred) {
            self.deferred.push((self.position, delta));
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

    fn asset(&mut self, asset: &AssetId) -> Result<Option<Arc<Asset>>, ExecutionError> {
        self.0.asset_as(asset, &[Mode::Read, Mode::Add, Mode::Write])
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

    fn asset(&mut self, asset: &AssetId) -> Result<Option<Arc<Asset>>, ExecutionError> {
        let key = StateKey::asset(asset);
        match self.changes.get(&key) {
            Some(value) => Ok(decode_asset(&key, value)?),
            None => Ok(self.base.asset(asset)?),
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

#[cfg(test)]
mod tests {
    use tessera_proto::amount::Amount;
    use tessera_proto::leaf::Leaf as _;

    use super::*;
    use crate::modules::testing::{TestChain, asset};
    use crate::state::error::Rejected;
    use crate::state::view::Leaves as _;

    /// A state with one asset, whose name is `before`.
    struct OneAsset;

    impl StateReader for OneAsset {
        fn read(&self, key: &StateKey) -> Result<Option<Bytes>, Fault> {
            Ok((*key == StateKey::asset(&asset("one"))).then(|| named("before").to_leaf_bytes()))
        }
    }

    fn named(name: &str) -> Asset {
        Asset { name: name.into(), ..Asset::default() }
    }

    fn name(view: &mut dyn StateView) -> Option<String> {
        view.asset(&asset("one")).unwrap().map(|asset| asset.name.clone())
    }

    #[test]
    fn an_asset_is_what_the_last_before_made_of_it() {
        let key = StateKey::asset(&asset("one"));
        let (mut reading, mut writing) = (AccessSet::new(), AccessSet::new());
        reading.read(key);
        writing.write(StateKey::params());
        writing.write(key);
        let (deferred, block) = (DeferredKeys::default(), TestChain::new().block);
        let declared = [&reading, &writing, &reading];
        let mut group = GroupOverlay::new(&OneAsset, &deferred, declared).unwrap();
        assert_eq!(name(&mut group.transaction(0, &block, 7).unwrap()).as_deref(), Some("before"));
        let mut second = group.transaction(1, &block, 8).unwrap();
        second.store(key, &named("discarded")).unwrap();
        assert_eq!(name(&mut second).as_deref(), Some("discarded"));
        second.discard();
        assert_eq!(name(&mut second).as_deref(), Some("before"));
        second.store(key, &named("after")).unwrap();
        second.keep();
        assert_eq!(name(&mut group.transaction(2, &block, 9).unwrap()).as_deref(), Some("after"));
        assert!(group.transaction(3, &block, 10).is_none());
        let changes = vec![(key, Some(named("after").to_leaf_bytes()))];
        assert_eq!(group.into_parts(), (changes, Vec::new()));
    }

    #[test]
    fn what_was_not_declared_is_refused_and_what_is_added_may_wait() {
        let (pot, other) = (StateKey::fee_pot(), StateKey::params());
        let mut adding = AccessSet::new();
        adding.add(pot);
        let (deferred, block) = (DeferredKeys::from_iter([pot]), TestChain::new().block);
        let mut group = GroupOverlay::new(&OneAsset, &deferred, [&adding, &adding]).unwrap();
        let mut transaction = group.transaction(1, &block, 5).unwrap();
        let refusal = Rejected::from(TxError::StateChangedInBlock);
        for refused in [
            transaction.read(&other).map(drop),
            transaction.read(&pot).map(drop),
            transaction.write(other, None),
            transaction.asset(&asset("one")).map(drop),
        ] {
            let Err(ExecutionError::Rejected(error)) = refused else { panic!("{refused:?}") };
            assert_eq!(error, refusal);
        }
        let fee = Delta::Fee { amount: Amount::from_u64(3) };
        transaction.add(fee).unwrap();
        transaction.discard();
        transaction.add(fee).unwrap();
        transaction.keep();
        assert_eq!(group.into_parts(), (Vec::new(), vec![(5, fee)]));
    }
}
