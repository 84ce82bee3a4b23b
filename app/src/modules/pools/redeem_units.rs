//! `RedeemUnits`: units of a pool for what they stand for.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::pools::v1 as pb;

use super::composition::{self, Basket, MAX_MEMBERS};
use super::error::PoolError;
use super::waterfall;
use crate::modules::assets::{BurnUnits, load_asset};
use crate::modules::committed::broken;
use crate::modules::transfers::{holdings, movement};
use crate::modules::{Context, Message, fields};
use crate::num::mul_div_floor;
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Burns units of a pool and delivers the part of its members that they stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedeemUnits {
    /// The pool.
    pub pool: AssetId,
    /// How many base units are given up; above zero.
    pub amount: Amount,
    /// Which members are taken, ascending.
    pub members: Vec<AssetId>,
}

impl TryFrom<pb::RedeemUnits> for RedeemUnits {
    type Error = PoolError;

    /// Refuses malformed fields in the order of the message's fields, with
    /// [`PoolError::MembersNotAscending`].
    fn try_from(message: pb::RedeemUnits) -> Result<Self, PoolError> {
        let pb::RedeemUnits { pool, amount, members } = message;
        Ok(Self {
            pool: fields::asset_id("pool", &pool)?,
            amount: fields::amount("amount", &amount)?,
            members: composition::read_members(&members, (1, MAX_MEMBERS))?,
        })
    }
}

impl RedeemUnits {
    fn burn(&self) -> BurnUnits {
        BurnUnits { asset: self.pool, amount: self.amount }
    }

    /// Delivers the part of a member that `amount` of `supply` stands for, rounded down.
    fn deliver(
        &self,
        context: &mut Context<'_>,
        member: &AssetId,
        supply: Amount,
    ) -> Result<Amount, ExecutionError> {
        let (account, holder) = (Address::pool_account(&self.pool), context.sender);
        let facts = load_asset(context.state, member)?;
        let kept = holdings::load_holding(context.state, (member, &facts), &account)?.balance;
        let part = mul_div_floor(kept, self.amount.base_units(), supply.base_units())
            .ok_or_else(|| broken(format!("{} of {supply} is no part", self.amount)))?;
        if !part.is_zero() {
            let legs = &[(holder, part)];
            movement::transfer(context.state, context.block, member, &account, legs)?;
        }
        Ok(part)
    }
}

impl Message for RedeemUnits {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { pool, members, amount: _ } = self;
        self.burn().declare(sender, state, access)?;
        composition::declare(access, pool);
        waterfall::declare_units(state, access, pool)?;
        for member in members {
            movement::declare(state, access, member, &Address::pool_account(pool), &[*sender])?;
        }
        Ok(())
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`PoolError::NotAPool`],
    /// [`PoolError::NotAMember`], [`PoolError::UnitsExist`] of a tranche; then as burning the
    /// units is refused; then, member by member, as a transfer to the sender is refused;
    /// [`PoolError::NothingRedeemed`].
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { pool: id, amount, members } = self;
        let basket = Basket::load(context.state, id)?;
        basket.require_members(members)?;
        composition::require_no_tranche_units(context.state, (id, &basket.facts))?;
        let supply = composition::supply(context.state, id)?;
        self.burn().execute(context)?;
        let (mut parts, mut any) = (Vec::with_capacity(members.len()), false);
        for member in members {
            let part = self.deliver(context, member, supply)?;
            any |= !part.is_zero();
            parts.push(pb::UnitsPart { asset: member.to_bytes(), amount: part.to_string() });
        }
        if !any {
            let (name, amount) = (basket.facts.name.clone(), *amount);
            return Err(PoolError::NothingRedeemed { name, amount }.into());
        }
        let (pool, holder) = (id.to_bytes(), context.sender.to_bytes());
        let amount = amount.to_string();
        context.emit(Kind::UnitsRedeemed(pb::UnitsRedeemed { pool, holder, amount, parts }));
        Ok(())
    }
}
