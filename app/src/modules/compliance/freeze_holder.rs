//! `FreezeHolder` and `UnfreezeHolder`: stopping one holder of an asset.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Holding;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::agent::{self, load_for_agent};
use super::encumbrances;
use super::error::ComplianceError;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Stops an account from sending an asset, and from receiving it where it is regulated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezeHolder {
    /// The asset.
    pub asset: AssetId,
    /// The holder.
    pub account: Address,
}

impl TryFrom<pb::FreezeHolder> for FreezeHolder {
    type Error = ComplianceError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::FreezeHolder) -> Result<Self, ComplianceError> {
        let pb::FreezeHolder { asset, account } = message;
        let asset = fields::asset_id("asset", &asset)?;
        Ok(Self { asset, account: fields::recipient("account", &account)? })
    }
}

impl Message for FreezeHolder {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        agent::declare(state, access, &self.asset, sender)?;
        access.write(StateKey::holding(&self.asset, &self.account));
        access.write(StateKey::encumbrances(&self.asset, &self.account));
        Ok(())
    }

    /// Refused to who does not act for the asset, then [`ComplianceError::AlreadyFrozen`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, account } = self;
        let facts = load_for_agent(context, asset)?;
        let mut holding = holdings::load_holding(context.state, (asset, &facts), account)?;
        if holding.is_frozen() {
            let (account, name) = (*account, facts.name.clone());
            return Err(ComplianceError::AlreadyFrozen { account, name }.into());
        }
        holding.flags |= Holding::FROZEN;
        let mut list = encumbrances::load(context.state, (asset, &facts), account)?;
        let orders = encumbrances::release_orders(&mut list, &mut holding)?;
        if !orders.is_empty() {
            encumbrances::store(context.state, asset, account, &list)?;
        }
        holdings::store_holding(context.state, asset, account, &holding)?;
        for order in orders {
            encumbrances::tell_released(context, asset, account, order);
        }
        let agent = context.sender.to_bytes();
        let (asset, account) = (asset.to_bytes(), account.to_bytes());
        let event = Kind::HolderFrozen(pb::HolderFrozen { asset, account, agent });
        agent::record(context, &self.asset, event)
    }
}

/// Ends [`FreezeHolder`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfreezeHolder {
    /// The asset.
    pub asset: AssetId,
    /// The holder.
    pub account: Address,
}

impl TryFrom<pb::UnfreezeHolder> for UnfreezeHolder {
    type Error = ComplianceError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::UnfreezeHolder) -> Result<Self, ComplianceError> {
        let pb::UnfreezeHolder { asset, account } = message;
        let asset = fields::asset_id("asset", &asset)?;
        Ok(Self { asset, account: fields::recipient("account", &account)? })
    }
}

impl Message for UnfreezeHolder {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        agent::declare(state, access, &self.asset, sender)?;
        access.write(StateKey::holding(&self.asset, &self.account));
        Ok(())
    }

    /// Refused to who does not act for the asset, then [`ComplianceError::NotFrozen`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, account } = self;
        let facts = load_for_agent(context, asset)?;
        let mut holding = holdings::load_holding(context.state, (asset, &facts), account)?;
        if !holding.is_frozen() {
            let (account, name) = (*account, facts.name.clone());
            return Err(ComplianceError::NotFrozen { account, name }.into());
        }
        holding.flags &= !Holding::FROZEN;
        holdings::store_holding(context.state, asset, account, &holding)?;
        let agent = context.sender.to_bytes();
        let (asset, account) = (asset.to_bytes(), account.to_bytes());
        let event = Kind::HolderUnfrozen(pb::HolderUnfrozen { asset, account, agent });
        agent::record(context, &self.asset, event)
    }
}
