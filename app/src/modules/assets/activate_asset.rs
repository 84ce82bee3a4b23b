//! `ActivateAsset`: opens an asset for issuance.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::AssetStatus;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::state_key::StateKey;

use super::appraisals;
use super::error::AssetError;
use super::facts::{load_asset, require_issuer};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Opens an asset for issuance and transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivateAsset {
    /// The asset.
    pub asset: AssetId,
}

impl TryFrom<pb::ActivateAsset> for ActivateAsset {
    type Error = AssetError;

    /// Refuses a malformed id.
    fn try_from(message: pb::ActivateAsset) -> Result<Self, AssetError> {
        let pb::ActivateAsset { asset } = message;
        Ok(Self { asset: fields::asset_id("asset", &asset)? })
    }
}

impl Message for ActivateAsset {
    fn declare(
        &self,
        _sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.write(StateKey::asset(&self.asset));
        appraisals::declare_recent(state, access, &self.asset)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::NotIssuer`],
    /// [`AssetError::AlreadyActive`], [`AssetError::NoValidAppraisal`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id } = self;
        let mut asset = load_asset(context.state, id)?;
        require_issuer(&asset, &context.sender)?;
        if asset.status() != AssetStatus::Proposed {
            return Err(AssetError::AlreadyActive { name: asset.name }.into());
        }
        appraisals::require_valid(context.state, context.block, id, &asset)?;
        asset.set_status(AssetStatus::Active);
        context.state.store(StateKey::asset(id), &asset)?;
        context.emit(Kind::AssetActivated(pb::AssetActivated { asset: id.to_bytes() }));
        Ok(())
    }
}
