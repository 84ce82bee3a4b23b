//! `WithdrawAction`: what was proposed is not to be done.

use bytes::Bytes;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::PendingAction;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::state_key::StateKey;

use super::error::AssetError;
use super::facts::load_asset;
use super::history;
use super::roles::{self, Role};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Takes a proposed operation back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithdrawAction {
    /// The asset that it is about.
    pub asset: AssetId,
    /// SHA-256 of the operation.
    pub operation_sha256: [u8; 32],
}

impl TryFrom<pb::WithdrawAction> for WithdrawAction {
    type Error = AssetError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::WithdrawAction) -> Result<Self, AssetError> {
        let pb::WithdrawAction { asset, operation_sha256 } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            operation_sha256: fields::bytes32("operation_sha256", &operation_sha256)?,
        })
    }
}

impl Message for WithdrawAction {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        roles::declare(access, &self.asset, sender);
        access.write(StateKey::pending_action(&self.asset, &self.operation_sha256));
        history::declare(state, access, &self.asset)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::NotProposed`],
    /// [`AssetError::RoleNeeded`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, operation_sha256 } = self;
        let (sender, now_ms) = (context.sender, context.block.time_ms);
        load_asset(context.state, id)?;
        let key = StateKey::pending_action(id, operation_sha256);
        let Some(pending) = context.state.load::<PendingAction>(&key)? else {
            let operation = hex::encode(operation_sha256);
            return Err(AssetError::NotProposed { operation }.into());
        };
        if pending.proposer != sender.as_bytes().as_slice() {
            roles::require(context.state, id, &sender, Role::Issuer, now_ms)?;
        }
        context.state.write(key, None)?;
        let withdrawn = Kind::ActionWithdrawn(pb::ActionWithdrawn {
            asset: id.to_bytes(),
            operation_sha256: Bytes::copy_from_slice(operation_sha256),
        });
        history::record(context, id, withdrawn)
    }
}
