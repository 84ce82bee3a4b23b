//! `TakeRecord`: a record date.

use std::sync::Arc;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::distributions::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::error::DistributionError;
use super::records;
use crate::modules::assets::{load_asset, require_issuer};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Makes the closing balances of a block a record date: of this one or of a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeRecord {
    /// Of which asset.
    pub asset: AssetId,
    /// Height of the block; 0 for the one that includes this.
    pub height: u64,
}

impl TryFrom<pb::TakeRecord> for TakeRecord {
    type Error = DistributionError;

    /// Refuses a malformed id.
    fn try_from(message: pb::TakeRecord) -> Result<Self, DistributionError> {
        let pb::TakeRecord { asset, height } = message;
        Ok(Self { asset: fields::asset_id("asset", &asset)?, height })
    }
}

impl Message for TakeRecord {
    fn declare(
        &self,
        _sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.write(StateKey::asset(&self.asset));
        records::declare_take(state, access, &self.asset)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::NotIssuer`],
    /// [`DistributionError::RecordInThePast`], [`DistributionError::TooManyScheduled`].
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::NotIssuer`]: crate::modules::assets::AssetError::NotIssuer
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, height } = self;
        let mut asset = Arc::unwrap_or_clone(load_asset(context.state, id)?);
        require_issuer(&asset, &context.sender)?;
        let record = records::take(context.state, context.block, (id, *height), &mut asset, 0)?;
        context.state.store(StateKey::asset(id), &asset)?;
        let height = if *height == 0 { context.block.height } else { *height };
        context.emit(Kind::RecordTaken(pb::RecordTaken { asset: id.to_bytes(), record, height }));
        Ok(())
    }
}
