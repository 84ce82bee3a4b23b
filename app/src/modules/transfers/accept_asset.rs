//! `AcceptAsset`: units of an asset may arrive.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Holding;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::transfers::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::error::TransferError;
use super::holdings;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Accepts an asset, so that its units arrive; or does so no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptAsset {
    /// The asset.
    pub asset: AssetId,
    /// Whether it is accepted.
    pub accepted: bool,
}

impl TryFrom<pb::AcceptAsset> for AcceptAsset {
    type Error = TransferError;

    /// Refuses a malformed id.
    fn try_from(message: pb::AcceptAsset) -> Result<Self, TransferError> {
        let pb::AcceptAsset { asset, accepted } = message;
        Ok(Self { asset: fields::asset_id("asset", &asset)?, accepted })
    }
}

impl Message for AcceptAsset {
    fn declare(
        &self,
        sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.read(StateKey::asset(&self.asset));
        access.write(StateKey::holding(&self.asset, sender));
        Ok(())
    }

    /// Refused only by [`TransferError::UnknownAsset`]: saying again what is so already is no
    /// mistake.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, accepted } = self;
        let account = context.sender;
        let facts = holdings::load_facts(context.state, asset)?;
        let mut holding = holdings::load_holding(context.state, (asset, &facts), &account)?;
        match accepted {
            true => holding.flags |= Holding::ACCEPTED,
            false => holding.flags &= !Holding::ACCEPTED,
        }
        holdings::store_holding(context.state, asset, &account, &holding)?;
        let (asset, account) = (asset.to_bytes(), account.to_bytes());
        let accepted = *accepted;
        context.emit(Kind::AssetAccepted(pb::AssetAccepted { asset, account, accepted }));
        Ok(())
    }
}
