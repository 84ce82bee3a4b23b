//! `ActivateAsset`: opens an asset for issuance.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::AssetStatus;

use super::error::AssetError;
use super::life_cycle;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

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
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        life_cycle::declare(state, access, (&self.asset, sender), AssetStatus::Active)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::RoleNeeded`],
    /// [`AssetError::AlreadyInStatus`], [`AssetError::StatusNotReachable`],
    /// [`AssetError::NoValidAppraisal`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        life_cycle::change(context, &self.asset, AssetStatus::Active, None)
    }
}
