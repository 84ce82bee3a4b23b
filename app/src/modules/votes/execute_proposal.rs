//! `ExecuteProposal`: what was decided is done, once it has waited.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::pb::votes::v1::{Proposal, ProposalStatus};
use tessera_proto::state_key::StateKey;

use super::error::VoteError;
use super::outcome::Outcome;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// Executes a proposal that has passed and waited; anyone may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecuteProposal {
    /// Whose holders have decided.
    pub asset: AssetId,
    /// Number of the proposal.
    pub proposal: u64,
}

impl TryFrom<pb::ExecuteProposal> for ExecuteProposal {
    type Error = VoteError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::ExecuteProposal) -> Result<Self, VoteError> {
        let asset = fields::asset_id("asset", &message.asset)?;
        Ok(Self { asset, proposal: fields::range("proposal", message.proposal, 1, u64::MAX)? })
    }
}

impl Message for ExecuteProposal {
    fn declare(
        &self,
        _sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let key = StateKey::proposal(&self.asset, self.proposal);
        access.write(key);
        match state.leaf::<Proposal>(&key)? {
            Some(proposal) => {
                Outcome::committed(&proposal)?.declare(&self.asset, self.proposal, state, access)
            }
            None => Ok(()),
        }
    }

    /// In order of precedence: [`VoteError::UnknownProposal`], [`VoteError::NotWaiting`],
    /// [`VoteError::TimeLocked`].
    ///
    /// One that comes too late expires, and one that cannot be carried out fails: neither is a
    /// refusal.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, proposal: number } = self;
        let (key, height) = (StateKey::proposal(asset, *number), context.block.height);
        let mut proposal: Proposal =
            context.state.load(&key)?.ok_or(VoteError::UnknownProposal { proposal: *number })?;
        let (status, from) = (proposal.status(), proposal.execute_from_height);
        if status != ProposalStatus::Passed {
            return Err(VoteError::NotWaiting { proposal: *number, status }.into());
        }
        if height < from {
            return Err(VoteError::TimeLocked { proposal: *number, from, height }.into());
        }
        let status = if height > proposal.execute_until_height {
            ProposalStatus::Expired
        } else if Outcome::committed(&proposal)?.execute(context, asset, *number)? {
            ProposalStatus::Executed
        } else {
            ProposalStatus::Failed
        };
        proposal.set_status(status);
        context.state.store(key, &proposal)?;
        context.emit(Kind::ProposalExecuted(pb::ProposalExecuted {
            asset: asset.to_bytes(),
            proposal: *number,
            status: status.into(),
        }));
        Ok(())
    }
}
