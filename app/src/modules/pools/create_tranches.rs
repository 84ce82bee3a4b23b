//! `CreateTranches`: an asset whose income is shared by others in an order.

use std::sync::Arc;

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::pools::v1 as pb;
use tessera_proto::pb::pools::v1::{Tranche, Waterfall};
use tessera_proto::split::SplitFactor;
use tessera_proto::state_key::StateKey;

use super::composition::{self, Basket};
use super::error::PoolError;
use super::waterfall;
use crate::modules::assets::roles::{self, Role};
use crate::modules::assets::{history, load_asset, load_currency, load_open};
use crate::modules::{Context, Message, committed, fields};
use crate::num::{Share, advance_income_index};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Most tranches of an asset.
pub const MAX_TRANCHES: usize = 16;

/// So many base units of currency for every so many of a tranche.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Base units of the currency; above zero.
    pub per_unit: Amount,
    /// Base units of the tranche; above zero.
    pub units: Amount,
}

/// Divides an asset in tranches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTranches {
    /// What is divided.
    pub parent: AssetId,
    /// Currency of all that is due.
    pub currency: AssetId,
    /// When the first period begins; 0 for the time of the block.
    pub begins_ms: u64,
    /// Length of a period; 0 when amounts are due once.
    pub period_ms: u64,
    /// From the most senior to the last, to which nothing is due.
    pub tranches: Vec<(AssetId, Option<Due>)>,
}

impl TryFrom<pb::CreateTranches> for CreateTranches {
    type Error = PoolError;

    /// Refuses malformed fields in the order of the message's fields, with
    /// [`PoolError::NamedTwice`] after the currency; then, tranche by tranche,
    /// [`PoolError::NamedTwice`], [`PoolError::LastTakesTheRest`], malformed rates.
    fn try_from(message: pb::CreateTranches) -> Result<Self, PoolError> {
        let pb::CreateTranches { parent, currency, begins_ms, period_ms, tranches: given } =
            message;
        let parent = fields::asset_id("parent", &parent)?;
        let currency = fields::asset_id("currency", &currency)?;
        if parent == currency {
            return Err(PoolError::NamedTwice { asset: parent });
        }
        fields::count("tranches", given.len(), 1, MAX_TRANCHES)?;
        let (last, mut tranches) = (given.len(), Vec::with_capacity(given.len()));
        for (rank, pb::TrancheTerms { asset, per_unit, units }) in (1..).zip(given) {
            let asset = fields::asset_id("tranche", &asset)?;
            let is_named = tranches.iter().any(|(other, _)| *other == asset);
            if is_named || [parent, currency].contains(&asset) {
                return Err(PoolError::NamedTwice { asset });
            }
            let due = match rank == last {
                true if per_unit.is_empty() && units.is_empty() => None,
                true => return Err(PoolError::LastTakesTheRest),
                false => Some(Due {
                    per_unit: fields::amount("per_unit", &per_unit)?,
                    units: fields::amount("units", &units)?,
                }),
            };
            tranches.push((asset, due));
        }
        Ok(Self { parent, currency, begins_ms, period_ms, tranches })
    }
}

impl CreateTranches {
    /// Ends the tranches that there were.
    fn dissolve(&self, context: &mut Context<'_>, parent: &Asset) -> Result<(), ExecutionError> {
        if parent.tranche_count == 0 {
            return Ok(());
        }
        let waterfall = waterfall::load(context.state, (&self.parent, parent))?;
        for id in waterfall::tranches_of(&waterfall)? {
            let mut tranche = Arc::unwrap_or_clone(load_asset(context.state, &id)?);
            composition::require_none(context.state, (&id, &tranche))?;
            tranche.tranche_of = Bytes::new();
            tranche.tranche_rank = 0;
            context.state.store(StateKey::asset(&id), &tranche)?;
        }
        Ok(())
    }

    /// Makes an asset the tranche of a rank.
    fn link(
        &self,
        context: &mut Context<'_>,
        parent: &Asset,
        (id, due, rank): (&AssetId, Option<Due>, u32),
    ) -> Result<Tranche, ExecutionError> {
        let mut tranche = Arc::unwrap_or_clone(load_asset(context.state, id)?);
        let name = tranche.name.clone();
        if tranche.issuer != parent.issuer {
            let parent = parent.name.clone();
            return Err(PoolError::OtherIssuer { name, parent }.into());
        }
        if !tranche.tranche_of.is_empty() {
            let parent = committed::asset_id("parent of a tranche", &tranche.tranche_of)?;
            return Err(PoolError::TrancheOfAnother { name, parent }.into());
        }
        composition::require_none(context.state, (id, &tranche))?;
        let mut index = Bytes::new();
        if let Some(Due { per_unit, units }) = due {
            let units = Share { units, factor: SplitFactor::of(&tranche).get() };
            let step = advance_income_index(&[0; 32], Amount::ZERO, per_unit, units);
            let step = step.ok_or(PoolError::DueTooLarge { name })?;
            index = Bytes::copy_from_slice(&step.index);
        }
        tranche.tranche_of = self.parent.to_bytes();
        tranche.tranche_rank = rank;
        context.state.store(StateKey::asset(id), &tranche)?;
        let (paid, received) = (Bytes::from_static(&[0; 32]), Amount::ZERO.to_string());
        Ok(Tranche { asset: id.to_bytes(), due: index, paid, received })
    }
}

impl Message for CreateTranches {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { parent, currency, tranches, .. } = self;
        roles::declare(access, parent, sender);
        access.write(StateKey::asset(parent));
        access.read(StateKey::asset_totals(parent));
        access.write(StateKey::waterfall(parent));
        access.read(StateKey::pool(parent));
        access.read(StateKey::asset(currency));
        let before = waterfall::tranches_before(state, parent)?;
        for tranche in before.iter().chain(tranches.iter().map(|(tranche, _)| tranche)) {
            access.write(StateKey::asset(tranche));
            access.read(StateKey::asset_totals(tranche));
        }
        history::declare(state, access, parent)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::RoleNeeded`],
    /// [`AssetError::Closed`]; [`AssetError::UnknownAsset`], [`AssetError::NotACurrency`] of
    /// the currency; [`PoolError::UnitsExist`], [`PoolError::PaidInMember`] of a pool that is
    /// divided; [`PoolError::UnitsExist`] of the tranches that there were; tranche by tranche
    /// [`AssetError::UnknownAsset`], [`PoolError::OtherIssuer`], [`PoolError::TrancheOfAnother`],
    /// [`PoolError::UnitsExist`], [`PoolError::DueTooLarge`].
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::RoleNeeded`]: crate::modules::assets::AssetError::RoleNeeded
    /// [`AssetError::Closed`]: crate::modules::assets::AssetError::Closed
    /// [`AssetError::NotACurrency`]: crate::modules::assets::AssetError::NotACurrency
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { parent: id, currency, begins_ms, period_ms, tranches } = self;
        let (sender, now_ms) = (context.sender, context.block.time_ms);
        roles::require(context.state, id, &sender, Role::Issuer, now_ms)?;
        let mut parent = Arc::unwrap_or_clone(load_open(context.state, id)?);
        load_currency(context.state, currency)?;
        if parent.pool {
            composition::require_none(context.state, (id, &parent))?;
            let members = Basket::load(context.state, id)?.members;
            composition::require_other_currency(&parent, &members, currency)?;
        }
        self.dissolve(context, &parent)?;
        let (mut linked, mut count) = (Vec::with_capacity(tranches.len()), 0);
        for (rank, (tranche, due)) in (1..).zip(tranches) {
            linked.push(self.link(context, &parent, (tranche, *due, rank))?);
            count = rank;
        }
        let begins_ms = if *begins_ms == 0 { now_ms } else { *begins_ms };
        let (currency, period_ms) = (currency.to_bytes(), *period_ms);
        let created = pb::TranchesCreated {
            parent: id.to_bytes(),
            currency: currency.clone(),
            begins_ms,
            period_ms,
            tranches: tranches.iter().map(|(tranche, _)| tranche.to_bytes()).collect(),
        };
        let waterfall = Waterfall { currency, begins_ms, period_ms, tranches: linked };
        context.state.store(StateKey::waterfall(id), &waterfall)?;
        parent.tranche_count = count;
        context.state.store(StateKey::asset(id), &parent)?;
        history::record(context, id, Kind::TranchesCreated(created))
    }
}
