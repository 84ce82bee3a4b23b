//! `RotateKeys`: other keys for the same address.

use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1 as pb;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::state_key::StateKey;

use super::authority::Authority;
use super::error::AccountError;
use crate::modules::fields::FieldError;
use crate::modules::{Context, Message};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Replaces the keys of the sender's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotateKeys {
    /// Who may sign from the next transaction on.
    pub authority: Authority,
}

impl TryFrom<pb::RotateKeys> for RotateKeys {
    type Error = AccountError;

    /// Refuses a missing authority, then what [`Authority`] refuses.
    fn try_from(message: pb::RotateKeys) -> Result<Self, AccountError> {
        let pb::RotateKeys { authority } = message;
        let authority = authority.ok_or(FieldError::Missing { field: "authority" })?;
        Ok(Self { authority: authority.try_into()? })
    }
}

impl Message for RotateKeys {
    fn declare(
        &self,
        sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.write(StateKey::account(sender));
        Ok(())
    }

    /// Nothing of the state can refuse it: whoever may sign may hand over.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { authority } = self;
        let authority = Some(pb::Authority::from(authority));
        let key = StateKey::account(&context.sender);
        let mut account: pb::Account = context.state.load(&key)?.unwrap_or_default();
        account.authority.clone_from(&authority);
        context.state.store(key, &account)?;
        let account = context.sender.to_bytes();
        context.emit(Kind::KeysRotated(pb::KeysRotated { account, authority }));
        Ok(())
    }
}
