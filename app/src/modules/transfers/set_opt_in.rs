//! `SetOptIn`: an account asks to accept assets before their units arrive.

use tessera_proto::id::Address;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1::Wallet;
use tessera_proto::pb::transfers::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::error::TransferError;
use crate::modules::{Context, Message, eligibility};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Says whether units of assets that the sender has not accepted are held for it instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetOptIn {
    /// Whether they are.
    pub required: bool,
}

impl TryFrom<pb::SetOptIn> for SetOptIn {
    type Error = TransferError;

    /// Every message is well.
    fn try_from(message: pb::SetOptIn) -> Result<Self, TransferError> {
        let pb::SetOptIn { required } = message;
        Ok(Self { required })
    }
}

impl Message for SetOptIn {
    fn declare(
        &self,
        sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.write(StateKey::wallet(sender));
        Ok(())
    }

    /// Never refused: saying again what is so already is no mistake.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let account = context.sender;
        let mut wallet = eligibility::wallet(context.state, &account)?;
        wallet.opt_in = self.required;
        let key = StateKey::wallet(&account);
        match wallet == Wallet::default() {
            true => context.state.write(key, None)?,
            false => context.state.store(key, &wallet)?,
        }
        let (account, required) = (account.to_bytes(), self.required);
        context.emit(Kind::OptInSet(pb::OptInSet { account, required }));
        Ok(())
    }
}
