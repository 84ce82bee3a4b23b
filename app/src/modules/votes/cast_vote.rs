//! `CastVote`: a holder's answer.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::pb::votes::v1::{Proposal, ProposalStatus, Vote, VoteChoice};
use tessera_proto::state_key::StateKey;

use super::error::VoteError;
use super::tally::within_reach;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, committed, fields};
use crate::state::access::AccessSet;
use crate::state::delta::Delta;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// Votes with all units that the sender held at the record, or changes that vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CastVote {
    /// Whose holders decide.
    pub asset: AssetId,
    /// Number of the proposal.
    pub proposal: u64,
    /// The answer; never `Unspecified`.
    pub choice: VoteChoice,
}

impl TryFrom<pb::CastVote> for CastVote {
    type Error = VoteError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::CastVote) -> Result<Self, VoteError> {
        let pb::CastVote { asset, proposal, choice } = message;
        let asset = fields::asset_id("asset", &asset)?;
        fields::range("proposal", proposal, 1, u64::MAX)?;
        fields::range("choice", choice, 1, i32::from(VoteChoice::Abstain))?;
        // The range check leaves only values that the enum has.
        let choice = VoteChoice::try_from(choice).unwrap_or(VoteChoice::Unspecified);
        Ok(Self { asset, proposal, choice })
    }
}

impl CastVote {
    fn check_open(&self, proposal: &Proposal, height: u64) -> Result<(), VoteError> {
        let number = self.proposal;
        let (status, end) = (proposal.status(), proposal.voting_end_height);
        if status != ProposalStatus::Voting {
            return Err(VoteError::Closed { proposal: number, status });
        }
        if height <= proposal.record_height {
            let first = proposal.record_height.saturating_add(1);
            return Err(VoteError::NotYetOpen { proposal: number, first, height });
        }
        if height > end {
            return Err(VoteError::VotingEnded { proposal: number, end, height });
        }
        Ok(())
    }

    fn delta(&self, choice: VoteChoice, weight: Amount, retracted: bool) -> Delta {
        let Self { asset, proposal, choice: _ } = *self;
        Delta::Tally { asset, proposal, choice, weight, retracted }
    }
}

impl Message for CastVote {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let key = StateKey::proposal(&self.asset, self.proposal);
        access.read(key);
        access.write(StateKey::vote(&self.asset, self.proposal, sender));
        access.add(StateKey::tally(&self.asset, self.proposal));
        if let Some(proposal) = state.leaf::<Proposal>(&key)? {
            let record = proposal.record_height;
            holdings::declare_balance_at(state, access, &self.asset, sender, record)?;
        }
        Ok(())
    }

    /// In order of precedence: [`VoteError::UnknownProposal`], [`VoteError::Closed`],
    /// [`VoteError::NotYetOpen`], [`VoteError::VotingEnded`], [`VoteError::RecordTooFarBack`],
    /// [`VoteError::NoWeight`], [`VoteError::AlreadyVoted`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, proposal: number, choice } = self;
        let (height, voter) = (context.block.height, context.sender);
        let proposal: Proposal = context
            .state
            .load(&StateKey::proposal(asset, *number))?
            .ok_or(VoteError::UnknownProposal { proposal: *number })?;
        self.check_open(&proposal, height)?;
        let record = proposal.record_height;
        let weight = holdings::balance_at(context.state, asset, &voter, record)?;
        let weight = within_reach(weight, record)?;
        if weight.is_zero() {
            return Err(VoteError::NoWeight { account: voter, record }.into());
        }
        let key = StateKey::vote(asset, *number, &voter);
        if let Some(old) = context.state.load::<Vote>(&key)? {
            if old.choice() == *choice {
                let (account, proposal, choice) = (voter, *number, *choice);
                return Err(VoteError::AlreadyVoted { account, proposal, choice }.into());
            }
            let old_weight = committed::amount("weight of a vote", &old.weight)?;
            context.state.add(self.delta(old.choice(), old_weight, true))?;
        }
        context.state.add(self.delta(*choice, weight, false))?;
        let vote = Vote { choice: (*choice).into(), weight: weight.to_string() };
        context.state.store(key, &vote)?;
        context.emit(Kind::VoteCast(pb::VoteCast {
            asset: asset.to_bytes(),
            proposal: *number,
            voter: voter.to_bytes(),
            choice: vote.choice,
            weight: vote.weight,
        }));
        Ok(())
    }
}
