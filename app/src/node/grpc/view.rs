//! The state as of a block, as queries see it.

use bytes::Bytes;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Leaf;
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::query::v1::{PageResponse, QueryContext, QueryOptions, StateProof};
use tessera_proto::split::{InUnits, SplitFactor};
use tessera_proto::state_key::{Namespace, StateKey};
use tonic::Status;

use super::pages::Page;
use super::status;
use crate::chain::receipts::block_summary;
use crate::state::database::Database;
use crate::state::store::{HeightError, HeightReader, Store};
use crate::state::table::Table;
use crate::state::view::LeafReader;

/// Longest text that can be an id or a name.
const MAX_REFERENCE_LENGTH: usize = 90;
/// Assets whose names are compared with one that does not exist.
const MAX_COMPARED_NAMES: usize = 256;
/// How alike (0 to 1) a name must be to be suggested.
const MIN_SIMILARITY: f64 = 0.75;

/// The state after one block.
pub(crate) struct View<'a> {
    store: &'a Store,
    state: HeightReader<'a>,
    prove: bool,
}

impl View<'_> {
    /// Answers a query from the height that it asks for; 0 means the latest.
    pub(crate) fn read<T>(
        store: &Store,
        options: QueryOptions,
        answer: impl FnOnce(&View<'_>) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let latest = latest_height(store)?;
        let height = if options.height == 0 { latest } else { options.height };
        View::open(store, height, options.prove, answer)
    }

    /// Answers from exactly this height, which may be that of genesis.
    pub(crate) fn read_at<T>(
        store: &Store,
        height: u64,
        answer: impl FnOnce(&View<'_>) -> Result<T, Status>,
    ) -> Result<T, Status> {
        View::open(store, height, false, answer)
    }

    fn open<T>(
        store: &Store,
        height: u64,
        prove: bool,
        answer: impl FnOnce(&View<'_>) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let refused = |error: HeightError| out_of_range(store, &error);
        let read = || {
            let state = store.at(height).map_err(refused)?;
            answer(&View { store, state, prove })
        };
        store.while_kept(height, read).map_err(refused)?
    }

    /// Height of the block.
    pub(crate) fn height(&self) -> u64 {
        self.state.height()
    }

    /// Milliseconds since the Unix epoch of the block; none of genesis.
    pub(crate) fn time_ms(&self) -> Result<Option<u64>, Status> {
        let block = block_summary(self.database(), self.height());
        let block = block.map_err(|fault| status::failed(&fault))?;
        Ok(block.map(|block| block.time_ms))
    }

    /// The database, for lists.
    pub(crate) fn database(&self) -> &Database {
        self.store.database()
    }

    /// Root of the state.
    pub(crate) fn app_hash(&self) -> Result<[u8; 32], Status> {
        self.store.app_hash(self.height()).map_err(|error| status::no_such_height(&error))
    }

    /// The state itself.
    pub(crate) fn state(&self) -> &HeightReader<'_> {
        &self.state
    }

    /// The fact at a key.
    pub(crate) fn leaf<L: Leaf>(&self, key: &StateKey) -> Result<Option<L>, Status> {
        self.state.leaf(key).map_err(|fault| status::failed(&fault))
    }

    /// The fact at a key, its amounts of an asset with all splits counted.
    pub(crate) fn units<L: Leaf + InUnits>(
        &self,
        asset: &Asset,
        key: &StateKey,
    ) -> Result<Option<L>, Status> {
        let mut leaf: Option<L> = self.leaf(key)?;
        if let Some(leaf) = &mut leaf {
            leaf.bring_to(SplitFactor::of(asset));
        }
        Ok(leaf)
    }

    /// A page of the facts of a kind that are of an id, each with the rest of its key. What is
    /// newer than the state that is read is left out.
    pub(crate) fn list<L: Leaf>(
        &self,
        page: &Page,
        namespace: Namespace,
        id: &[u8],
    ) -> Result<(Vec<(Bytes, L)>, PageResponse), Status> {
        let prefix = namespace.prefix(id);
        let (rest, page) = page.scan(self.database(), Table::Keys, &prefix)?;
        let mut found = Vec::with_capacity(rest.len());
        for rest in rest {
            let Some(key) = StateKey::from_bytes(&[prefix.as_slice(), &rest].concat()) else {
                continue;
            };
            found.extend(self.leaf(&key)?.map(|leaf| (rest, leaf)));
        }
        Ok((found, page))
    }

    /// As [`View::list`], without the rest of the keys.
    pub(crate) fn leaves<L: Leaf>(
        &self,
        page: &Page,
        namespace: Namespace,
        id: &[u8],
    ) -> Result<(Vec<L>, PageResponse), Status> {
        let (found, page) = self.list(page, namespace, id)?;
        Ok((found.into_iter().map(|(_, leaf)| leaf).collect(), page))
    }

    /// What was read, with a proof of this key if one was asked for.
    pub(crate) fn context(&self, key: &StateKey) -> Result<Option<QueryContext>, Status> {
        let proof = if self.prove { Some(self.proof(key)?) } else { None };
        Ok(Some(QueryContext { height: self.height(), proof }))
    }

    /// Proof of a key.
    pub(crate) fn proof(&self, key: &StateKey) -> Result<StateProof, Status> {
        let proof = self.store.prove(self.height(), key);
        proof.map_err(|error| status::no_such_height(&error))
    }

    /// The asset with this id or name.
    pub(crate) fn asset(&self, reference: &str) -> Result<(AssetId, Asset), Status> {
        let id = self.asset_id(reference)?;
        let asset = self.leaf(&StateKey::asset(&id))?;
        let none = || status::not_found(format!("there is no asset `{reference}`"));
        Ok((id, asset.ok_or_else(none)?))
    }

    fn asset_id(&self, reference: &str) -> Result<AssetId, Status> {
        check_reference("asset", reference)?;
        // No name begins as ids do.
        if reference.starts_with("asset1") {
            return reference.parse().map_err(status::invalid);
        }
        match self.leaf(&StateKey::asset_name(reference))? {
            Some(id) => Ok(id),
            None => Err(status::not_found(match self.nearest_name(reference)? {
                Some(near) => {
                    format!("there is no asset `{reference}`; did you mean `{near}`?")
                }
                None => format!("there is no asset `{reference}`"),
            })),
        }
    }

    fn nearest_name(&self, wanted: &str) -> Result<Option<String>, Status> {
        let prefix = [Namespace::Asset.byte()];
        let keys = self.database().scan(Table::Keys, &prefix, &prefix, MAX_COMPARED_NAMES);
        let mut best: Option<(f64, String)> = None;
        for (key, _) in keys.map_err(|fault| status::failed(&fault))? {
            let Some(key) = StateKey::from_bytes(&key) else { continue };
            let Some(asset) = self.leaf::<Asset>(&key)? else { continue };
            let similarity = strsim::jaro_winkler(wanted, &asset.name);
            let to_beat = best.as_ref().map_or(MIN_SIMILARITY, |(best, _)| *best);
            if similarity > to_beat {
                best = Some((similarity, asset.name));
            }
        }
        Ok(best.map(|(_, name)| name))
    }

    /// Name of an asset that something else refers to.
    pub(crate) fn asset_name(&self, id: &AssetId) -> Result<String, Status> {
        Ok(self.referred(id)?.name)
    }

    /// An asset that something else refers to.
    pub(crate) fn referred(&self, id: &AssetId) -> Result<Asset, Status> {
        Ok(self.leaf(&StateKey::asset(id))?.unwrap_or_default())
    }
}

/// Height of the latest block.
pub(crate) fn latest_height(store: &Store) -> Result<u64, Status> {
    let none = || Status::unavailable("the chain has not begun yet; try again in a moment");
    Ok(store.committed().ok_or_else(none)?.height)
}

/// Says which heights there are.
fn out_of_range(store: &Store, error: &HeightError) -> Status {
    match error {
        HeightError::Fault(_) => status::no_such_height(error),
        HeightError::Future { .. } | HeightError::Pruned { .. } => {
            let oldest = store.oldest_settled_height();
            let latest = store.committed().map_or(0, |committed| committed.height);
            Status::out_of_range(format!("{error}; ask for {oldest} to {latest}, or 0 for latest"))
        }
    }
}

fn check_reference(field: &str, text: &str) -> Result<(), Status> {
    if text.is_empty() {
        return Err(status::invalid(format!("`{field}` is missing")));
    }
    if text.len() > MAX_REFERENCE_LENGTH {
        let length = text.len();
        return Err(status::invalid(format!("`{field}` has {length} bytes, that is too long")));
    }
    Ok(())
}

/// The account with this address.
pub(crate) fn account(text: &str) -> Result<Address, Status> {
    check_reference("account", text)?;
    text.parse().map_err(status::invalid)
}
