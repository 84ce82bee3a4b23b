//! `ReleaseHold`: the units of a hold are free again.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::encumbrances;
use super::error::ComplianceError;
use crate::modules::assets::load_asset;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Frees the units of a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseHold {
    /// The asset.
    pub asset: AssetId,
    /// Whose units.
    pub holder: Address,
    /// Number of the hold.
    pub number: u64,
}

impl TryFrom<pb::ReleaseHold> for ReleaseHold {
    type Error = ComplianceError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::ReleaseHold) -> Result<Self, ComplianceError> {
        let pb::ReleaseHold { asset, holder, number } = message;
        let asset = fields::asset_id("asset", &asset)?;
        Ok(Self { asset, holder: fields::address("holder", &holder)?, number })
    }
}

impl Message for ReleaseHold {
    fn declare(
        &self,
        _sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.read(StateKey::asset(&self.asset));
        access.write(StateKey::holding(&self.asset, &self.holder));
        access.write(StateKey::encumbrances(&self.asset, &self.holder));
        Ok(())
    }

    /// In order of precedence: an unknown asset, [`ComplianceError::UnknownHold`],
    /// [`ComplianceError::NotReleasable`]. Nothing else can keep units bound: neither freeze,
    /// pause nor an expired claim.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, holder, number } = self;
        let (sender, number) = (context.sender, *number);
        let facts = load_asset(context.state, asset)?;
        let mut list = encumbrances::load(context.state, (asset, &facts), holder)?;
        let mut holding = holdings::load_holding(context.state, (asset, &facts), holder)?;
        let hold = encumbrances::unbind_hold(&mut list, holder, &mut holding, number)?;
        let is_party = [&hold.escrow, &hold.payee].contains(&&sender.to_bytes());
        if !is_party && context.block.time_ms < hold.expires_ms {
            let expires_ms = hold.expires_ms;
            return Err(ComplianceError::NotReleasable { sender, number, expires_ms }.into());
        }
        encumbrances::store(context.state, asset, holder, &list)?;
        holdings::store_holding(context.state, asset, holder, &holding)?;
        encumbrances::tell_released(context, asset, holder, hold);
        Ok(())
    }
}
