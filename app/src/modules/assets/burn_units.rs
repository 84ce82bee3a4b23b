//! `BurnUnits`: units of the sender go out of existence.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::chain::v1::event::Kind;

use super::error::AssetError;
use super::facts::{load_asset, require_active};
use super::{history, totals};
use crate::modules::transfers::movement;
use crate::modules::{Context, Message, committed, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Takes free base units of the sender out of existence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BurnUnits {
    /// What is burned.
    pub asset: AssetId,
    /// How many base units; above zero.
    pub amount: Amount,
}

impl TryFrom<pb::BurnUnits> for BurnUnits {
    type Error = AssetError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::BurnUnits) -> Result<Self, AssetError> {
        let pb::BurnUnits { asset, amount } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            amount: fields::amount("amount", &amount)?,
        })
    }
}

impl Message for BurnUnits {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        movement::declare_burn(state, access, &self.asset, sender)?;
        totals::declare_set_supply(state, access, &self.asset)?;
        history::declare(state, access, &self.asset)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::NotActive`]; then as
    /// a transfer is refused.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, amount } = self;
        let (block, holder) = (context.block, context.sender);
        let asset = load_asset(context.state, id)?;
        require_active(&asset)?;
        movement::burn(context.state, block, id, &holder, *amount)?;
        let supply = totals::load_totals(context.state, id)?.supply;
        let supply = committed::amount("supply", &supply)?;
        let lowered = committed::difference("supply", supply, *amount)?;
        totals::set_supply(context.state, block, id, &asset, lowered)?;
        let burned = Kind::UnitsBurned(pb::UnitsBurned {
            asset: id.to_bytes(),
            holder: holder.to_bytes(),
            amount: amount.to_string(),
        });
        history::record(context, id, burned)
    }
}
