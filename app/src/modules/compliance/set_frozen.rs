//! `SetFrozen`: how many units of a holding cannot be sent.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::agent::{self, load_for_agent};
use super::error::ComplianceError;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Sets the frozen amount of a holding; it may exceed the balance (ERC-7943).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetFrozen {
    /// The asset.
    pub asset: AssetId,
    /// The holder.
    pub account: Address,
    /// Base units, absolute; zero ends it.
    pub amount: Amount,
}

impl TryFrom<pb::SetFrozen> for SetFrozen {
    type Error = ComplianceError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::SetFrozen) -> Result<Self, ComplianceError> {
        let pb::SetFrozen { asset, account, amount } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            account: fields::recipient("account", &account)?,
            amount: fields::amount_or_zero("amount", &amount)?,
        })
    }
}

impl Message for SetFrozen {
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

    /// Refused only to who does not act for the asset: setting what is so already is no mistake,
    /// for the amount is absolute.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, account, amount } = self;
        let facts = load_for_agent(context, asset)?;
        let mut holding = holdings::load_holding(context.state, (asset, &facts), account)?;
        let before = std::mem::replace(&mut holding.frozen, *amount);
        holdings::store_holding(context.state, asset, account, &holding)?;
        let agent = context.sender.to_bytes();
        let event = Kind::FrozenSet(pb::FrozenSet {
            asset: asset.to_bytes(),
            account: account.to_bytes(),
            before: before.to_string(),
            after: amount.to_string(),
            agent,
        });
        agent::record(context, &self.asset, event)
    }
}
