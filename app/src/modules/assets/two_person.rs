//! Operations that take two persons: one proposes, another one carries out.
//!
//! What is proposed is the operation itself, known by its hash. The second person sends the same
//! operation, which finds the proposal, checks that somebody else made it who may still act, and
//! uses it up. So there is one way to carry an operation out, with or without the rule.

use prost::Message as _;
use tessera_proto::hash::sha256;
use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::PendingAction;
use tessera_proto::pb::chain::v1::Operation;
use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::state_key::StateKey;

use super::error::AssetError;
use super::facts::{load_asset, splits};
use super::roles::{self, Role};
use crate::modules::{Context, committed};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// Hash under which an operation is proposed: SHA-256 of its message.
pub(crate) fn operation_sha256(kind: Kind) -> [u8; 32] {
    sha256(Operation { kind: Some(kind) }.encode_to_vec())
}

/// Declares what [`require`] touches.
pub(crate) fn declare(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    operation_sha256: &[u8; 32],
) -> Result<(), Fault> {
    let key = StateKey::pending_action(asset, operation_sha256);
    access.write(key);
    if let Some(pending) = state.leaf::<PendingAction>(&key)? {
        let proposer = committed::address("proposer", &pending.proposer)?;
        roles::declare(access, asset, &proposer);
    }
    Ok(())
}

/// Uses up the proposal of an operation that another account has made, who must still have the
/// role.
///
/// # Errors
/// In order of precedence: [`AssetError::NotProposed`], [`AssetError::SecondPersonNeeded`],
/// [`AssetError::RoleNeeded`] of the proposer.
pub(crate) fn require(
    context: &mut Context<'_>,
    asset: &AssetId,
    role: Role,
    operation_sha256: &[u8; 32],
) -> Result<(), ExecutionError> {
    let now_ms = context.block.time_ms;
    let key = StateKey::pending_action(asset, operation_sha256);
    let pending: Option<PendingAction> = context.state.load(&key)?;
    let split_count = splits(load_asset(context.state, asset)?.as_ref());
    let waits =
        |pending: &PendingAction| now_ms < pending.expires_ms && pending.split_count == split_count;
    let Some(pending) = pending.filter(waits) else {
        let operation = hex::encode(operation_sha256);
        return Err(AssetError::NotProposed { operation }.into());
    };
    let proposer = committed::address("proposer", &pending.proposer)?;
    if proposer == context.sender {
        return Err(AssetError::SecondPersonNeeded { account: proposer }.into());
    }
    roles::require(context.state, asset, &proposer, role, now_ms)?;
    context.state.write(key, None)
}
