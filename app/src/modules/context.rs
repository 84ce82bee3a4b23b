//! What every operation is given, and what every message must do.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::{Event, event};

use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{StateReader, StateView};

/// The block that an operation is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockInfo {
    /// Height of the block.
    pub height: u64,
    /// Time of the block in milliseconds since the Unix epoch, as consensus set it.
    pub time_ms: u64,
    /// SHA-256 of the chain id.
    pub chain_id_hash: [u8; 32],
    /// The currency that fees are paid in.
    pub fee_currency: AssetId,
}

/// What an operation works with.
pub struct Context<'a> {
    /// The block.
    pub block: &'a BlockInfo,
    /// Who signed the transaction.
    pub sender: Address,
    /// The state, limited to what was declared.
    pub state: &'a mut dyn StateView,
    /// What has happened in this transaction so far.
    pub events: &'a mut Vec<Event>,
}

impl Context<'_> {
    /// Records an event.
    pub fn emit(&mut self, kind: event::Kind) {
        self.events.push(Event { kind: Some(kind) });
    }
}

/// A message whose content has been checked as far as that is possible without the state.
pub trait Message {
    /// Declares every key that [`Message::execute`] may touch, given the state before the block.
    ///
    /// It must be a pure function of the message, the sender and that state. What an earlier
    /// transaction of the same block changes so that other keys are needed makes this one fail.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails; a message that will be refused declares what it can.
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault>;

    /// Checks the message against the state, then carries it out.
    ///
    /// # Errors
    /// A refusal in the order of precedence that the message documents, or a fault. After an
    /// error nothing that was written counts.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError>;
}
