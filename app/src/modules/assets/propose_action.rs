//! `ProposeAction`: the first of two persons.

use bytes::Bytes;
use prost::Message as _;
use tessera_proto::hash::sha256;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::PendingAction;
use tessera_proto::pb::chain::v1::Operation;
use tessera_proto::pb::chain::v1::event;
use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::state_key::StateKey;

use super::error::AssetError;
use super::facts::{load_open, splits};
use super::history;
use super::roles::{self, Role};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Most bytes of an operation that can be proposed.
const MAX_OPERATION_LENGTH: usize = 1_024;

/// Proposes an operation that takes two persons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposeAction {
    /// The asset that it is about.
    pub asset: AssetId,
    /// The operation, as its message.
    pub operation: Bytes,
    /// Role that both persons need.
    pub role: Role,
    /// First millisecond at which it is too late.
    pub expires_ms: u64,
}

impl TryFrom<pb::ProposeAction> for ProposeAction {
    type Error = AssetError;

    /// Refuses malformed fields in the order of the message's fields, then
    /// [`AssetError::NotProposable`].
    fn try_from(message: pb::ProposeAction) -> Result<Self, AssetError> {
        let pb::ProposeAction { asset, operation, expires_ms } = message;
        let id = fields::asset_id("asset", &asset)?;
        fields::length("operation", &operation, 1, MAX_OPERATION_LENGTH)?;
        let role = subject(&operation)
            .filter(|(of, _)| *of == asset)
            .map(|(_, role)| role)
            .ok_or(AssetError::NotProposable)?;
        Ok(Self { asset: id, operation, role, expires_ms })
    }
}

/// The asset of an operation that may take two persons, and the role that they need; none for
/// all other operations and other encodings.
fn subject(bytes: &Bytes) -> Option<(Bytes, Role)> {
    let operation = Operation::decode(bytes.clone()).ok()?;
    if operation.encode_to_vec() != *bytes {
        return None;
    }
    match operation.kind? {
        Kind::MintUnits(mint) => Some((mint.asset, Role::Minter)),
        Kind::SplitUnits(split) => Some((split.asset, Role::Issuer)),
        Kind::ForcedTransfer(forced) => Some((forced.asset, Role::Agent)),
        Kind::SetTwoPersonRule(rule) => Some((rule.asset, Role::Issuer)),
        _ => None,
    }
}

impl ProposeAction {
    fn key(&self) -> StateKey {
        StateKey::pending_action(&self.asset, &sha256(&self.operation))
    }
}

impl Message for ProposeAction {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        roles::declare(access, &self.asset, sender);
        access.write(self.key());
        history::declare(state, access, &self.asset)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::Closed`],
    /// [`AssetError::RoleNeeded`], [`AssetError::ProposalExpired`],
    /// [`AssetError::AlreadyProposed`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, operation, role, expires_ms } = self;
        let (sender, time_ms) = (context.sender, context.block.time_ms);
        let split_count = splits(load_open(context.state, id)?.as_ref());
        roles::require(context.state, id, &sender, *role, time_ms)?;
        if *expires_ms <= time_ms {
            return Err(AssetError::ProposalExpired { expires_ms: *expires_ms, time_ms }.into());
        }
        let known: Option<PendingAction> = context.state.load(&self.key())?;
        let waits =
            |known: &PendingAction| time_ms < known.expires_ms && known.split_count == split_count;
        if let Some(known) = known.filter(waits) {
            return Err(AssetError::AlreadyProposed { expires_ms: known.expires_ms }.into());
        }
        let (operation, proposer, expires_ms) = (operation.clone(), sender.to_bytes(), *expires_ms);
        let pending = PendingAction { operation, proposer, expires_ms, split_count };
        context.state.store(self.key(), &pending)?;
        let PendingAction { operation, proposer, .. } = pending;
        let asset = id.to_bytes();
        let proposed = pb::ActionProposed { asset, operation, proposer, expires_ms };
        history::record(context, id, event::Kind::ActionProposed(proposed))
    }
}
