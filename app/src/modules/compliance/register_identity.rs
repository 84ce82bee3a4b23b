//! `RegisterIdentity`: the sender becomes an identity.

use tessera_proto::id::Address;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::error::ComplianceError;
use crate::modules::eligibility::{identity_of, wallet};
use crate::modules::{Context, Message};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Makes the sender an identity with one wallet, its own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterIdentity;

impl TryFrom<pb::RegisterIdentity> for RegisterIdentity {
    type Error = ComplianceError;

    /// Has no fields to refuse.
    fn try_from(message: pb::RegisterIdentity) -> Result<Self, ComplianceError> {
        let pb::RegisterIdentity {} = message;
        Ok(Self)
    }
}

impl Message for RegisterIdentity {
    fn declare(
        &self,
        sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.write(StateKey::wallet(sender));
        access.write(StateKey::identity(sender));
        Ok(())
    }

    /// [`ComplianceError::HasIdentity`], also for who has founded one and left it.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let account = context.sender;
        let mut wallet = wallet(context.state, &account)?;
        let key = StateKey::identity(&account);
        let founded = context.state.load::<pb::Identity>(&key)?.map(|_| account);
        if let Some(identity) = identity_of(&wallet)?.or(founded) {
            return Err(ComplianceError::HasIdentity { account, identity }.into());
        }
        wallet.identity = account.to_bytes();
        context.state.store(StateKey::wallet(&account), &wallet)?;
        let registered_ms = context.block.time_ms;
        context.state.store(key, &pb::Identity { wallet_count: 1, registered_ms })?;
        let identity = account.to_bytes();
        context.emit(Kind::IdentityRegistered(pb::IdentityRegistered { identity }));
        Ok(())
    }
}
