//! `CloseProposal`: counts a vote that is over, and does what was decided.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::pb::votes::v1::{Proposal, ProposalStatus};
use tessera_proto::state_key::StateKey;

use super::error::VoteError;
use super::outcome::Outcome;
use super::tally::{Count, within_reach};
use crate::modules::assets::{declare_supply_at, supply_at};
use crate::modules::committed::broken;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// Closes a vote after its end; anyone may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseProposal {
    /// Whose holders have decided.
    pub asset: AssetId,
    /// Number of the proposal.
    pub proposal: u64,
}

impl TryFrom<pb::CloseProposal> for CloseProposal {
    type Error = VoteError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::CloseProposal) -> Result<Self, VoteError> {
        let pb::CloseProposal { asset, proposal } = message;
        let asset = fields::asset_id("asset", &asset)?;
        fields::range("proposal", proposal, 1, u64::MAX)?;
        Ok(Self { asset, proposal })
    }
}

impl CloseProposal {
    fn check_over(&self, proposal: &Proposal, height: u64) -> Result<(), VoteError> {
        let number = self.proposal;
        let (status, end) = (proposal.status(), proposal.voting_end_height);
        if status != ProposalStatus::Voting {
            return Err(VoteError::Closed { proposal: number, status });
        }
        if height <= end {
            return Err(VoteError::VotingGoesOn { proposal: number, end, height });
        }
        Ok(())
    }
}

fn committed_outcome(proposal: &Proposal) -> Result<Outcome, Fault> {
    let outcome = Outcome::try_from(proposal.outcome.clone());
    outcome.map_err(|error| broken(format!("outcome of a proposal: {error}")))
}

impl Message for CloseProposal {
    fn declare(
        &self,
        _sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let key = StateKey::proposal(&self.asset, self.proposal);
        access.write(key);
        access.read(StateKey::tally(&self.asset, self.proposal));
        if let Some(proposal) = state.leaf::<Proposal>(&key)? {
            declare_supply_at(state, access, &self.asset, proposal.record_height)?;
            committed_outcome(&proposal)?.declare(&self.asset, state, access)?;
        }
        Ok(())
    }

    /// In order of precedence: [`VoteError::UnknownProposal`], [`VoteError::Closed`],
    /// [`VoteError::VotingGoesOn`], [`VoteError::RecordTooFarBack`].
    ///
    /// An outcome that cannot be carried out is not a refusal: the proposal ends as FAILED.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, proposal: number } = self;
        let key = StateKey::proposal(asset, *number);
        let mut proposal: Proposal =
            context.state.load(&key)?.ok_or(VoteError::UnknownProposal { proposal: *number })?;
        self.check_over(&proposal, context.block.height)?;
        let record = proposal.record_height;
        let supply = within_reach(supply_at(context.state, asset, record)?, record)?;
        let count = Count::load(context.state, asset, *number)?;
        let passed = count.passes(supply, proposal.quorum_bps, proposal.threshold_bps)?;
        let status = if !passed {
            ProposalStatus::Rejected
        } else if committed_outcome(&proposal)?.execute(context, asset, *number)? {
            ProposalStatus::Executed
        } else {
            ProposalStatus::Failed
        };
        proposal.record_supply = supply.to_string();
        proposal.set_status(status);
        context.state.store(key, &proposal)?;
        context.emit(Kind::ProposalClosed(pb::ProposalClosed {
            asset: asset.to_bytes(),
            proposal: *number,
            status: status.into(),
            tally: Some(count.into()),
        }));
        Ok(())
    }
}
