//! `CloseProposal`: counts a vote that is over, and does what was decided.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::pb::votes::v1::{Proposal, ProposalStatus};
use tessera_proto::state_key::StateKey;

use super::error::VoteError;
use super::outcome::Outcome;
use super::tally::{Count, within_reach};
use crate::modules::assets::{declare_supply_at, supply_at};
use crate::modules::distributions::records;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, committed, fields};
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

/// What becomes of a proposal whose votes are counted.
fn verdict(proposal: &Proposal, count: &Count, supply: Amount) -> Result<Verdict, Fault> {
    let Proposal { quorum_bps, threshold_bps, veto_bps, .. } = *proposal;
    if !count.has_quorum(supply, quorum_bps)? {
        return Ok(Verdict::Rejected);
    }
    if count.is_vetoed(veto_bps)? {
        return Ok(Verdict::Vetoed);
    }
    Ok(if count.passes(threshold_bps)? { Verdict::Passed } else { Verdict::Rejected })
}

enum Verdict {
    Rejected,
    Vetoed,
    Passed,
}

/// Returns the deposit to the proposer, or leaves it to the treasury: after a veto, or when the
/// proposer is denied the chain.
fn settle_deposit(
    context: &mut Context<'_>,
    asset: &AssetId,
    proposal: &Proposal,
    vetoed: bool,
) -> Result<(), ExecutionError> {
    let Some((currency, deposit)) = deposit_of(proposal)? else { return Ok(()) };
    let to = match vetoed {
        true => Address::treasury(asset),
        false => {
            let proposer = committed::address("proposer", &proposal.proposer)?;
            holdings::payee(context.state, asset, &proposer)?
        }
    };
    let pool = Address::deposit_pool(asset);
    holdings::debit(context.state, context.block, &currency, &pool, deposit)?;
    holdings::credit(context.state, &currency, &to, deposit)
}

fn deposit_of(proposal: &Proposal) -> Result<Option<(AssetId, Amount)>, Fault> {
    if proposal.deposit_currency.is_empty() {
        return Ok(None);
    }
    let currency = committed::asset_id("deposit currency", &proposal.deposit_currency)?;
    Ok(Some((currency, committed::amount("deposit", &proposal.deposit)?)))
}

impl CloseProposal {
    /// What a proposal that has passed comes to: it waits, or is executed at once.
    fn pass(
        &self,
        context: &mut Context<'_>,
        proposal: &mut Proposal,
    ) -> Result<ProposalStatus, ExecutionError> {
        if proposal.timelock_blocks > 0 {
            let from = context.block.height.saturating_add(proposal.timelock_blocks);
            proposal.execute_from_height = from;
            proposal.execute_until_height =
                from.saturating_add(proposal.execution_window_blocks).saturating_sub(1);
            return Ok(ProposalStatus::Passed);
        }
        let done = Outcome::committed(proposal)?.execute(context, &self.asset, self.proposal)?;
        Ok(if done { ProposalStatus::Executed } else { ProposalStatus::Failed })
    }
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
            access.write(StateKey::record(&self.asset, proposal.record));
            declare_supply_at(state, access, &self.asset, proposal.record_height)?;
            if let Some((currency, _)) = deposit_of(&proposal)? {
                let record = holdings::record_height(state, &currency)?;
                let proposer = committed::address("proposer", &proposal.proposer)?;
                access.debit(&currency, &Address::deposit_pool(&self.asset), record);
                access.credit(&currency, &proposer, record);
                access.credit(&currency, &Address::treasury(&self.asset), record);
            }
            let outcome = Outcome::committed(&proposal)?;
            outcome.declare(&self.asset, self.proposal, state, access)?;
        }
        Ok(())
    }

    /// In order of precedence: [`VoteError::UnknownProposal`], [`VoteError::Closed`],
    /// [`VoteError::VotingGoesOn`], [`VoteError::RecordTooFarBack`].
    ///
    /// An outcome that cannot be carried out is not a refusal: the proposal ends as FAILED. The
    /// deposit goes back to the proposer, or to the treasury: after a veto, or when the proposer
    /// is denied the chain.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, proposal: number } = self;
        let key = StateKey::proposal(asset, *number);
        let mut proposal: Proposal =
            context.state.load(&key)?.ok_or(VoteError::UnknownProposal { proposal: *number })?;
        self.check_over(&proposal, context.block.height)?;
        let record = proposal.record_height;
        let supply = within_reach(supply_at(context.state, asset, record)?, record)?;
        let count = Count::load(context.state, asset, *number)?;
        let verdict = verdict(&proposal, &count, supply)?;
        let vetoed = matches!(verdict, Verdict::Vetoed);
        settle_deposit(context, asset, &proposal, vetoed)?;
        let status = match verdict {
            Verdict::Rejected => ProposalStatus::Rejected,
            Verdict::Vetoed => ProposalStatus::Vetoed,
            Verdict::Passed => self.pass(context, &mut proposal)?,
        };
        records::release(context.state, asset, proposal.record)?;
        proposal.record_supply = supply.to_string();
        proposal.set_status(status);
        context.state.store(key, &proposal)?;
        context.emit(Kind::ProposalClosed(pb::ProposalClosed {
            asset: asset.to_bytes(),
            proposal: *number,
            status: status.into(),
            tally: Some(count.into()),
            execute_from_height: proposal.execute_from_height,
            execute_until_height: proposal.execute_until_height,
        }));
        Ok(())
    }
}
