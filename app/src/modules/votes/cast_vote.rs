//! `CastVote`: a holder's answer, or that of its delegate.

use std::collections::{BTreeMap, BTreeSet};

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::pb::votes::v1::{Delegation, Proposal, ProposalStatus, Vote, VoteChoice};
use tessera_proto::state_key::StateKey;

use super::error::VoteError;
use super::tally::within_reach;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, committed, fields};
use crate::num::{FULL_BPS, share_of_bps};
use crate::state::access::AccessSet;
use crate::state::delta::Delta;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// Most holders for whom a delegate votes at a time.
pub const MAX_DELEGATORS: usize = 64;

/// Votes with all units that a holder had at the record, or changes that vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CastVote {
    /// Whose holders decide.
    pub asset: AssetId,
    /// Number of the proposal.
    pub proposal: u64,
    /// The answer, in basis points of the weight that are the whole together.
    pub answer: BTreeMap<VoteChoice, u32>,
    /// Holders for whom the sender votes as their delegate; none: for itself.
    pub on_behalf_of: BTreeSet<Address>,
}

impl TryFrom<pb::CastVote> for CastVote {
    type Error = VoteError;

    /// Refuses malformed fields in the order of the message's fields, then
    /// [`VoteError::SplitMustBeWhole`]; of the holders [`VoteError::HoldersNotAscending`].
    fn try_from(message: pb::CastVote) -> Result<Self, VoteError> {
        let pb::CastVote { asset, proposal, choice, split, on_behalf_of } = message;
        let asset = fields::asset_id("asset", &asset)?;
        fields::range("proposal", proposal, 1, u64::MAX)?;
        let answer = match split.is_empty() {
            true => BTreeMap::from([(read_choice(choice)?, FULL_BPS)]),
            false => {
                fields::range("choice", choice, 0, 0)?;
                read_split(&split)?
            }
        };
        fields::count("on_behalf_of", on_behalf_of.len(), 0, MAX_DELEGATORS)?;
        let mut holders = BTreeSet::<Address>::new();
        for account in &on_behalf_of {
            let account = fields::address("on_behalf_of", account)?;
            if holders.last().is_some_and(|last| *last >= account) {
                return Err(VoteError::HoldersNotAscending { account });
            }
            holders.insert(account);
        }
        Ok(Self { asset, proposal, answer, on_behalf_of: holders })
    }
}

fn read_choice(choice: i32) -> Result<VoteChoice, VoteError> {
    fields::range("choice", choice, 1, i32::from(VoteChoice::Veto))?;
    // The range check leaves only values that the enum has.
    Ok(VoteChoice::try_from(choice).unwrap_or(VoteChoice::Unspecified))
}

fn read_split(split: &[pb::VoteShare]) -> Result<BTreeMap<VoteChoice, u32>, VoteError> {
    fields::count("split", split.len(), 2, 4)?;
    let (mut answer, mut sum) = (BTreeMap::<VoteChoice, u32>::new(), 0_u32);
    for share in split {
        let choice = read_choice(share.choice)?;
        let bps = fields::range("share_bps", share.share_bps, 1, FULL_BPS)?;
        if answer.last_key_value().is_some_and(|(last, _)| *last >= choice) {
            return Err(VoteError::SplitMustBeWhole);
        }
        answer.insert(choice, bps);
        sum = sum.saturating_add(bps);
    }
    if sum == FULL_BPS { Ok(answer) } else { Err(VoteError::SplitMustBeWhole) }
}

/// Parts of a vote by choice; they add up to its weight.
type Parts = Vec<(VoteChoice, Amount)>;

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

    /// Divides a weight: each part is rounded down, and the rest goes to the first.
    fn parts(&self, weight: Amount) -> Parts {
        let part = |(choice, bps): (&VoteChoice, &u32)| {
            (*choice, share_of_bps(weight, *bps).unwrap_or_default())
        };
        let mut parts: Parts = self.answer.iter().map(part).collect();
        let left = parts.iter().fold(weight, |left, (_, part)| left.saturating_sub(*part));
        if let Some((_, first)) = parts.first_mut() {
            *first = first.checked_add(left).unwrap_or(*first);
        }
        parts.retain(|(_, part)| !part.is_zero());
        parts
    }

    fn count(
        &self,
        context: &mut Context<'_>,
        parts: &Parts,
        retracted: bool,
    ) -> Result<(), ExecutionError> {
        let Self { asset, proposal, .. } = *self;
        for (choice, weight) in parts {
            let (choice, weight) = (*choice, *weight);
            context.state.add(Delta::Tally { asset, proposal, choice, weight, retracted })?;
        }
        Ok(())
    }

    /// Whether the sender may vote for a holder, who may have voted before.
    fn check_delegate(
        &self,
        context: &mut Context<'_>,
        holder: &Address,
        record: u64,
        old: Option<&Vote>,
    ) -> Result<(), ExecutionError> {
        let delegate = context.sender;
        let key = StateKey::delegation(&self.asset, holder);
        let delegation: Delegation = context.state.load(&key)?.unwrap_or_default();
        let holder = *holder;
        if delegation.to != delegate.to_bytes() || delegation.since_height >= record {
            return Err(VoteError::NotADelegate { delegate, holder, record }.into());
        }
        if old.is_some_and(|vote| vote.cast_by != delegate.to_bytes()) {
            return Err(VoteError::HolderHasVoted { holder, proposal: self.proposal }.into());
        }
        Ok(())
    }

    fn vote_for(
        &self,
        context: &mut Context<'_>,
        holder: &Address,
        record: u64,
    ) -> Result<(), ExecutionError> {
        let Self { asset, proposal: number, answer, .. } = self;
        let key = StateKey::vote(asset, *number, holder);
        let old: Option<Vote> = context.state.load(&key)?;
        let is_delegate = *holder != context.sender;
        if is_delegate {
            self.check_delegate(context, holder, record, old.as_ref())?;
        }
        let weight = holdings::balance_at(context.state, asset, holder, record)?;
        let weight = within_reach(weight, record)?;
        if weight.is_zero() {
            return Err(VoteError::NoWeight { account: *holder, record }.into());
        }
        let parts = self.parts(weight);
        let cast_by = if is_delegate { context.sender.to_bytes() } else { bytes::Bytes::new() };
        if let Some(old) = old {
            let before = parts_of(&old)?;
            if before == parts && old.cast_by == cast_by {
                let (account, proposal) = (*holder, *number);
                return Err(VoteError::AlreadyVoted { account, proposal }.into());
            }
            self.count(context, &before, true)?;
        }
        self.count(context, &parts, false)?;
        let whole = answer.first_key_value().filter(|_| answer.len() == 1);
        let choice = whole.map_or(VoteChoice::Unspecified, |(choice, _)| *choice);
        let part = |(choice, weight): &(VoteChoice, Amount)| pb::VotePart {
            choice: (*choice).into(),
            weight: weight.to_string(),
        };
        let vote = Vote {
            choice: choice.into(),
            weight: weight.to_string(),
            parts: parts.iter().filter(|_| answer.len() > 1).map(part).collect(),
            cast_by,
        };
        context.state.store(key, &vote)?;
        context.emit(Kind::VoteCast(pb::VoteCast {
            asset: asset.to_bytes(),
            proposal: *number,
            voter: holder.to_bytes(),
            choice: vote.choice,
            weight: vote.weight,
            parts: vote.parts,
            cast_by: vote.cast_by,
        }));
        Ok(())
    }
}

/// The parts of a vote that was cast.
fn parts_of(vote: &Vote) -> Result<Parts, Fault> {
    if vote.parts.is_empty() {
        return Ok(vec![(vote.choice(), committed::amount("weight of a vote", &vote.weight)?)]);
    }
    let part = |part: &pb::VotePart| {
        Ok((part.choice(), committed::amount("weight of a part of a vote", &part.weight)?))
    };
    vote.parts.iter().map(part).collect()
}

impl Message for CastVote {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { asset, proposal: number, on_behalf_of, .. } = self;
        let key = StateKey::proposal(asset, *number);
        access.read(key);
        access.add(StateKey::tally(asset, *number));
        let proposal: Option<Proposal> = state.leaf(&key)?;
        let own = on_behalf_of.is_empty().then_some(sender);
        for holder in on_behalf_of.iter().chain(own) {
            access.write(StateKey::vote(asset, *number, holder));
            if holder != sender {
                access.read(StateKey::delegation(asset, holder));
            }
            if let Some(proposal) = &proposal {
                let record = proposal.record_height;
                holdings::declare_balance_at(state, access, asset, holder, record)?;
            }
        }
        Ok(())
    }

    /// In order of precedence: [`VoteError::UnknownProposal`], [`VoteError::Closed`],
    /// [`VoteError::NotYetOpen`], [`VoteError::VotingEnded`]; then, holder by holder,
    /// [`VoteError::NotADelegate`], [`VoteError::HolderHasVoted`],
    /// [`VoteError::RecordTooFarBack`], [`VoteError::NoWeight`], [`VoteError::AlreadyVoted`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, proposal: number, on_behalf_of, .. } = self;
        let proposal: Proposal = context
            .state
            .load(&StateKey::proposal(asset, *number))?
            .ok_or(VoteError::UnknownProposal { proposal: *number })?;
        self.check_open(&proposal, context.block.height)?;
        let (record, sender) = (proposal.record_height, context.sender);
        if on_behalf_of.is_empty() {
            return self.vote_for(context, &sender, record);
        }
        on_behalf_of.iter().try_for_each(|holder| self.vote_for(context, holder, record))
    }
}
