//! What code sees of the state: read, written and added to by key, typed by leaf.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tessera_proto::id::AssetId;
use tessera_proto::leaf::Leaf;
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::state_key::StateKey;

use super::delta::Delta;
use super::error::{ExecutionError, Fault};
use super::lock::lock;

/// A state that can be read by key.
pub trait StateReader: Sync {
    /// The value of a key, none when it is absent.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    fn read(&self, key: &StateKey) -> Result<Option<Bytes>, Fault>;

    /// The values of those of some keys, in their order, that need not be fetched from the disk.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    fn in_memory(&self, keys: &[&StateKey]) -> Result<Vec<InMemory>, Fault> {
        Ok(vec![None; keys.len()])
    }

    /// An asset, which hardly any transaction can do without.
    ///
    /// # Errors
    /// Those of [`StateReader::read`], then [`Fault::DamagedLeaf`].
    fn asset(&self, asset: &AssetId) -> Result<Option<Arc<Asset>>, Fault> {
        Ok(self.leaf(&StateKey::asset(asset))?.map(Arc::new))
    }
}

/// A value, or that a key is absent; none where that is not known without the disk.
pub type InMemory = Option<Option<Bytes>>;

/// A state that an operation works on.
pub trait StateView {
    /// The value of a key, none when it is absent.
    ///
    /// # Errors
    /// A refusal when the key was not declared, a fault when the storage fails.
    fn read(&mut self, key: &StateKey) -> Result<Option<Bytes>, ExecutionError>;

    /// Sets the value of a key, or removes it.
    ///
    /// # Errors
    /// A refusal when the key was not declared for writing.
    fn write(&mut self, key: StateKey, value: Option<Bytes>) -> Result<(), ExecutionError>;

    /// Applies a commutative change, now or at the end of the block.
    ///
    /// # Errors
    /// A refusal when the key was not declared for adding or writing.
    fn add(&mut self, delta: Delta) -> Result<(), ExecutionError>;

    /// An asset.
    ///
    /// # Errors
    /// Those of [`StateView::read`], then [`Fault::DamagedLeaf`].
    fn asset(&mut self, asset: &AssetId) -> Result<Option<Arc<Asset>>, ExecutionError> {
        Ok(self.load(&StateKey::asset(asset))?.map(Arc::new))
    }
}

/// A state that does not change, of which each asset is read and decoded once. Threads that ask
/// for many have one each, on one for all.
pub struct EachAssetOnce<'a> {
    state: &'a dyn StateReader,
    assets: Mutex<BTreeMap<AssetId, Option<Arc<Asset>>>>,
}

impl<'a> EachAssetOnce<'a> {
    /// None was read yet.
    #[must_use]
    pub fn new(state: &'a dyn StateReader) -> Self {
        Self { state, assets: Mutex::default() }
    }
}

impl StateReader for EachAssetOnce<'_> {
    fn read(&self, key: &StateKey) -> Result<Option<Bytes>, Fault> {
        self.state.read(key)
    }

    fn in_memory(&self, keys: &[&StateKey]) -> Result<Vec<InMemory>, Fault> {
        self.state.in_memory(keys)
    }

    fn asset(&self, asset: &AssetId) -> Result<Option<Arc<Asset>>, Fault> {
        // Not held while it is read: others may want another one.
        let known = lock(&self.assets).get(asset).cloned();
        if let Some(facts) = known {
            return Ok(facts);
        }
        let facts = self.state.asset(asset)?;
        lock(&self.assets).insert(*asset, facts.clone());
        Ok(facts)
    }
}

/// Typed access to the leaves of a [`StateView`].
pub trait Leaves: StateView {
    /// The fact at a key, none when it is absent.
    ///
    /// # Errors
    /// Those of [`StateView::read`], then [`Fault::DamagedLeaf`].
    fn load<L: Leaf>(&mut self, key: &StateKey) -> Result<Option<L>, ExecutionError> {
        let bytes = StateView::read(self, key)?;
        Ok(decode_leaf(key, bytes)?)
    }

    /// Sets the fact at a key.
    ///
    /// # Errors
    /// Those of [`StateView::write`].
    fn store<L: Leaf>(&mut self, key: StateKey, leaf: &L) -> Result<(), ExecutionError> {
        self.write(key, Some(leaf.to_leaf_bytes()))
    }
}

impl<V: StateView + ?Sized> Leaves for V {}

/// Typed access to the leaves of a [`StateReader`].
pub trait LeafReader: StateReader {
    /// The fact at a key, none when it is absent.
    ///
    /// # Errors
    /// Those of [`StateReader::read`], then [`Fault::DamagedLeaf`].
    fn leaf<L: Leaf>(&self, key: &StateKey) -> Result<Option<L>, Fault> {
        decode_leaf(key, StateReader::read(self, key)?)
    }
}

impl<R: StateReader + ?Sized> LeafReader for R {}

/// The asset in the value of its key.
///
/// # Errors
/// [`Fault::DamagedLeaf`].
pub(crate) fn decode_asset(
    key: &StateKey,
    value: &Option<Bytes>,
) -> Result<Option<Arc<Asset>>, Fault> {
    Ok(decode_leaf(key, value.clone())?.map(Arc::new))
}

/// The fact in the value of a key.
///
/// # Errors
/// [`Fault::DamagedLeaf`].
pub fn decode_leaf<L: Leaf>(key: &StateKey, bytes: Option<Bytes>) -> Result<Option<L>, Fault> {
    bytes
        .map(|bytes| L::from_leaf_bytes(&bytes))
        .transpose()
        .map_err(|source| Fault::DamagedLeaf { key: *key, source })
}
