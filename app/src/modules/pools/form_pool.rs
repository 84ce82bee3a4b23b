//! `FormPool`: an asset that stands for a basket of others.

use std::sync::Arc;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::pools::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::composition::{self, MAX_MEMBERS};
use super::error::PoolError;
use super::waterfall;
use crate::modules::assets::roles::{self, Role};
use crate::modules::assets::{history, load_asset, load_open};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Makes an asset a pool, or replaces the members of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormPool {
    /// The asset.
    pub pool: AssetId,
    /// What it may keep, ascending.
    pub members: Vec<AssetId>,
}

impl TryFrom<pb::FormPool> for FormPool {
    type Error = PoolError;

    /// Refuses malformed fields in the order of the message's fields, with
    /// [`PoolError::MembersNotAscending`], then [`PoolError::KeepsItself`].
    fn try_from(message: pb::FormPool) -> Result<Self, PoolError> {
        let pb::FormPool { pool, members } = message;
        let pool = fields::asset_id("pool", &pool)?;
        let members = composition::read_members(&members, (1, MAX_MEMBERS))?;
        if members.contains(&pool) {
            return Err(PoolError::KeepsItself { pool });
        }
        Ok(Self { pool, members })
    }
}

impl Message for FormPool {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { pool: id, members } = self;
        roles::declare(access, id, sender);
        access.write(StateKey::asset(id));
        access.write(StateKey::pool(id));
        composition::declare_units(state, access, id)?;
        for member in members {
            access.read(StateKey::asset(member));
        }
        history::declare(state, access, id)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::RoleNeeded`],
    /// [`AssetError::Closed`], [`PoolError::UnitsExist`], [`PoolError::PaidInMember`]; then,
    /// member by member, [`AssetError::UnknownAsset`], [`PoolError::MemberIsPool`].
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::RoleNeeded`]: crate::modules::assets::AssetError::RoleNeeded
    /// [`AssetError::Closed`]: crate::modules::assets::AssetError::Closed
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { pool: id, members } = self;
        let (sender, now_ms) = (context.sender, context.block.time_ms);
        roles::require(context.state, id, &sender, Role::Issuer, now_ms)?;
        let mut asset = Arc::unwrap_or_clone(load_open(context.state, id)?);
        composition::require_no_units(context.state, (id, &asset))?;
        if asset.tranche_count > 0 {
            let waterfall = waterfall::load(context.state, (id, &asset))?;
            let currency = waterfall::currency_of(&waterfall)?;
            composition::require_other_currency(&asset, members, &currency)?;
        }
        for member in members {
            let member = load_asset(context.state, member)?;
            if member.pool {
                return Err(PoolError::MemberIsPool { name: member.name.clone() }.into());
            }
        }
        let members: Vec<_> = members.iter().map(|member| member.to_bytes()).collect();
        context.state.store(StateKey::pool(id), &pb::Pool { members: members.clone() })?;
        asset.pool = true;
        context.state.store(StateKey::asset(id), &asset)?;
        let formed = pb::PoolFormed { pool: id.to_bytes(), members };
        history::record(context, id, Kind::PoolFormed(formed))
    }
}
