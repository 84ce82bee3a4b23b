//! `WithdrawUnits`: what is left in a pool that nobody has units of.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::pools::v1 as pb;

use super::composition::{self, Basket};
use super::error::PoolError;
use crate::modules::assets::history;
use crate::modules::assets::roles::{self, Role};
use crate::modules::transfers::movement;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Takes units out of a pool without units, to the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithdrawUnits {
    /// The pool.
    pub pool: AssetId,
    /// What is taken.
    pub asset: AssetId,
    /// How many base units; above zero.
    pub amount: Amount,
}

impl TryFrom<pb::WithdrawUnits> for WithdrawUnits {
    type Error = PoolError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::WithdrawUnits) -> Result<Self, PoolError> {
        let pb::WithdrawUnits { pool, asset, amount } = message;
        Ok(Self {
            pool: fields::asset_id("pool", &pool)?,
            asset: fields::asset_id("asset", &asset)?,
            amount: fields::amount("amount", &amount)?,
        })
    }
}

impl Message for WithdrawUnits {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { pool, asset, amount: _ } = self;
        roles::declare(access, pool, sender);
        composition::declare(access, pool);
        composition::declare_units(state, access, pool)?;
        movement::declare(state, access, asset, &Address::pool_account(pool), &[*sender])?;
        history::declare(state, access, pool)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::RoleNeeded`],
    /// [`PoolError::NotAPool`], [`PoolError::UnitsExist`]; then as a transfer of the units to
    /// the sender is refused.
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::RoleNeeded`]: crate::modules::assets::AssetError::RoleNeeded
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { pool: id, asset, amount } = self;
        let (block, sender) = (context.block, context.sender);
        roles::require(context.state, id, &sender, Role::Issuer, block.time_ms)?;
        let basket = Basket::load(context.state, id)?;
        composition::require_no_units(context.state, (id, &basket.facts))?;
        let legs = &[(sender, *amount)];
        movement::transfer(context.state, block, asset, &Address::pool_account(id), legs)?;
        let withdrawn = Kind::UnitsWithdrawn(pb::UnitsWithdrawn {
            pool: id.to_bytes(),
            asset: asset.to_bytes(),
            to: sender.to_bytes(),
            amount: amount.to_string(),
        });
        history::record(context, id, withdrawn)
    }
}
