//! `ChangeAssetStatus`: an asset moves on in its life.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::AssetStatus;

use super::error::AssetError;
use super::life_cycle;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Moves an asset on to another status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeAssetStatus {
    /// The asset.
    pub asset: AssetId,
    /// What it becomes.
    pub status: AssetStatus,
    /// Hash of the document that says why.
    pub reason_sha256: Option<[u8; 32]>,
}

impl TryFrom<pb::ChangeAssetStatus> for ChangeAssetStatus {
    type Error = AssetError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::ChangeAssetStatus) -> Result<Self, AssetError> {
        let pb::ChangeAssetStatus { asset, status, reason_sha256 } = message;
        let asset = fields::asset_id("asset", &asset)?;
        fields::range("status", status, 1, i32::from(AssetStatus::Retired))?;
        // The range check leaves only values that the enum has.
        let status = AssetStatus::try_from(status).unwrap_or(AssetStatus::Unspecified);
        let reason_sha256 = fields::optional_sha256("reason_sha256", &reason_sha256)?;
        Ok(Self { asset, status, reason_sha256 })
    }
}

impl Message for ChangeAssetStatus {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        life_cycle::declare(state, access, (&self.asset, sender), self.status)
    }

    /// As the life of assets allows: see [`AssetError`] 11, 30, 15, 27, 17, 28.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, status, reason_sha256 } = self;
        life_cycle::change(context, asset, *status, reason_sha256.as_ref())
    }
}
