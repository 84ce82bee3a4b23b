//! `ContributeUnits`: a pool keeps more.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::pools::v1 as pb;

use super::composition::{self, Basket};
use super::error::PoolError;
use crate::modules::assets::roles::{self, Role};
use crate::modules::assets::{history, load_asset, load_open};
use crate::modules::transfers::movement;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Delivers units of a member from the sender to a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContributeUnits {
    /// The pool.
    pub pool: AssetId,
    /// What is delivered.
    pub member: AssetId,
    /// How many base units; above zero.
    pub amount: Amount,
}

impl TryFrom<pb::ContributeUnits> for ContributeUnits {
    type Error = PoolError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::ContributeUnits) -> Result<Self, PoolError> {
        let pb::ContributeUnits { pool, member, amount } = message;
        Ok(Self {
            pool: fields::asset_id("pool", &pool)?,
            member: fields::asset_id("member", &member)?,
            amount: fields::amount("amount", &amount)?,
        })
    }
}

impl Message for ContributeUnits {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { pool, member, amount: _ } = self;
        roles::declare(access, pool, sender);
        composition::declare(access, pool);
        movement::declare(state, access, member, sender, &[Address::pool_account(pool)])?;
        history::declare(state, access, pool)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::RoleNeeded`],
    /// [`AssetError::Closed`], [`PoolError::NotAPool`], [`PoolError::NotAMember`],
    /// [`PoolError::MemberIsPool`]; then as a transfer of the units is refused.
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::RoleNeeded`]: crate::modules::assets::AssetError::RoleNeeded
    /// [`AssetError::Closed`]: crate::modules::assets::AssetError::Closed
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { pool: id, member, amount } = self;
        let (block, sender) = (context.block, context.sender);
        roles::require(context.state, id, &sender, Role::Issuer, block.time_ms)?;
        load_open(context.state, id)?;
        Basket::load(context.state, id)?.require_members(&[*member])?;
        // It may have become one since it was named.
        let facts = load_asset(context.state, member)?;
        if facts.pool {
            return Err(PoolError::MemberIsPool { name: facts.name.clone() }.into());
        }
        let legs = &[(Address::pool_account(id), *amount)];
        movement::transfer(context.state, block, member, &sender, legs)?;
        let contributed = Kind::UnitsContributed(pb::UnitsContributed {
            pool: id.to_bytes(),
            contributor: sender.to_bytes(),
            member: member.to_bytes(),
            amount: amount.to_string(),
        });
        history::record(context, id, contributed)
    }
}
