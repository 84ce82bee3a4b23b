//! `DelegateVotes`: another account votes for a holder.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::pb::votes::v1::Delegation;
use tessera_proto::state_key::StateKey;

use super::error::VoteError;
use crate::modules::assets::load_asset;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Lets another account vote for the sender from the next record date on.
///
/// A delegation does not bind the holder: its own vote replaces that of the delegate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegateVotes {
    /// With which units.
    pub asset: AssetId,
    /// Who votes; nobody any more if left out.
    pub to: Option<Address>,
}

impl TryFrom<pb::DelegateVotes> for DelegateVotes {
    type Error = VoteError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::DelegateVotes) -> Result<Self, VoteError> {
        let asset = fields::asset_id("asset", &message.asset)?;
        Ok(Self { asset, to: fields::optional_address("to", &message.to)? })
    }
}

impl Message for DelegateVotes {
    fn declare(
        &self,
        sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.read(StateKey::asset(&self.asset));
        access.write(StateKey::delegation(&self.asset, sender));
        Ok(())
    }

    /// In order of precedence: [`VoteError::DelegatesToOneself`], [`AssetError::UnknownAsset`].
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, to } = self;
        let holder = context.sender;
        if *to == Some(holder) {
            return Err(VoteError::DelegatesToOneself { account: holder }.into());
        }
        load_asset(context.state, asset)?;
        let to = to.map(Address::to_bytes).unwrap_or_default();
        let delegation = Delegation { to: to.clone(), since_height: context.block.height };
        context.state.store(StateKey::delegation(asset, &holder), &delegation)?;
        let (asset, holder) = (asset.to_bytes(), holder.to_bytes());
        context.emit(Kind::VotesDelegated(pb::VotesDelegated { asset, holder, to }));
        Ok(())
    }
}
