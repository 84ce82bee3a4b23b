//! What a pool may keep, and whether somebody relies on it.

use std::sync::Arc;

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::pools::v1::Pool;
use tessera_proto::state_key::StateKey;

use super::error::PoolError;
use super::waterfall;
use crate::modules::assets::{load_asset, load_totals};
use crate::modules::committed::{self, broken};
use crate::modules::fields;
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader, StateView};

/// Most members of a pool.
pub const MAX_MEMBERS: usize = 64;

/// Members that a message names: ascending, each once.
pub(super) fn read_members(
    given: &[Bytes],
    (min, max): (usize, usize),
) -> Result<Vec<AssetId>, PoolError> {
    fields::count("members", given.len(), min, max)?;
    let mut members: Vec<AssetId> = Vec::with_capacity(given.len());
    for member in given {
        let member = fields::asset_id("member", member)?;
        if members.last().is_some_and(|last| *last >= member) {
            return Err(PoolError::MembersNotAscending { member });
        }
        members.push(member);
    }
    Ok(members)
}

/// A pool.
pub(super) struct Basket {
    /// Its asset.
    pub(super) facts: Arc<Asset>,
    /// What it may keep, ascending.
    pub(super) members: Vec<AssetId>,
}

impl Basket {
    /// The pool of an asset.
    ///
    /// # Errors
    /// [`AssetError::UnknownAsset`](crate::modules::assets::AssetError::UnknownAsset),
    /// [`PoolError::NotAPool`].
    pub(super) fn load(view: &mut dyn StateView, id: &AssetId) -> Result<Self, ExecutionError> {
        let facts = load_asset(view, id)?;
        if !facts.pool {
            return Err(PoolError::NotAPool { name: facts.name.clone() }.into());
        }
        let pool: Option<Pool> = view.load(&StateKey::pool(id))?;
        let pool = pool.ok_or_else(|| broken(format!("the pool {id} has no list")))?;
        let member = |member: &Bytes| committed::asset_id("member of a pool", member);
        let members = pool.members.iter().map(member).collect::<Result<_, _>>()?;
        Ok(Self { facts, members })
    }

    /// Refuses what is not among the members.
    pub(super) fn require_members(&self, named: &[AssetId]) -> Result<(), PoolError> {
        match named.iter().find(|member| !self.members.contains(member)) {
            Some(member) => {
                let (name, member) = (self.facts.name.clone(), *member);
                Err(PoolError::NotAMember { name, member })
            }
            None => Ok(()),
        }
    }
}

/// Declares what [`Basket::load`] reads.
pub(super) fn declare(access: &mut AccessSet, id: &AssetId) {
    access.read(StateKey::asset(id));
    access.read(StateKey::pool(id));
}

/// Declares what [`require_no_units`] reads.
pub(super) fn declare_units(
    state: &dyn StateReader,
    access: &mut AccessSet,
    id: &AssetId,
) -> Result<(), Fault> {
    access.read(StateKey::asset_totals(id));
    waterfall::declare_units(state, access, id)
}

/// Refuses while there are units of an asset or of its tranches.
pub(super) fn require_no_units(
    view: &mut dyn StateView,
    (id, facts): (&AssetId, &Asset),
) -> Result<(), ExecutionError> {
    require_none(view, (id, facts))?;
    require_no_tranche_units(view, (id, facts))
}

/// Refuses while there are units of tranches of an asset.
pub(super) fn require_no_tranche_units(
    view: &mut dyn StateView,
    (id, facts): (&AssetId, &Asset),
) -> Result<(), ExecutionError> {
    if facts.tranche_count == 0 {
        return Ok(());
    }
    let waterfall = waterfall::load(view, (id, facts))?;
    for tranche in waterfall::tranches_of(&waterfall)? {
        let facts = load_asset(view, &tranche)?;
        require_none(view, (&tranche, &facts))?;
    }
    Ok(())
}

/// Refuses while there are units of an asset itself.
pub(super) fn require_none(
    view: &mut dyn StateView,
    (id, facts): (&AssetId, &Asset),
) -> Result<(), ExecutionError> {
    let supply = supply(view, id)?;
    if supply.is_zero() {
        return Ok(());
    }
    Err(PoolError::UnitsExist { name: facts.name.clone(), supply }.into())
}

/// Refuses a currency of tranches that is among the members: income and basket could not be told
/// apart.
pub(super) fn require_other_currency(
    facts: &Asset,
    members: &[AssetId],
    currency: &AssetId,
) -> Result<(), PoolError> {
    if members.contains(currency) {
        let (name, currency) = (facts.name.clone(), *currency);
        return Err(PoolError::PaidInMember { name, currency });
    }
    Ok(())
}

/// How many units of an asset there are.
pub(super) fn supply(view: &mut dyn StateView, id: &AssetId) -> Result<Amount, ExecutionError> {
    Ok(committed::amount("supply", &load_totals(view, id)?.supply)?)
}
