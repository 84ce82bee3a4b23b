//! Proposals, and votes with what was held at a record date.

use std::collections::BTreeMap;

use ruint::aliases::U512;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::votes::v1::{
    CastVote, CloseProposal, DelegateVotes, ProposalStatus, SubmitProposal, TreasurySpend,
    VoteChoice,
};

use super::{Model, Step, address, asset_id, bps_of, form, number, refuse};

#[derive(Debug, Clone)]
pub(super) struct Proposal {
    /// Number of the record date.
    pub(super) record: u64,
    pub(super) record_height: u64,
    end_height: u64,
    quorum_bps: u32,
    threshold_bps: u32,
    spend: TreasurySpend,
    pub(super) status: ProposalStatus,
    pub(super) votes: BTreeMap<Address, Vote>,
}

/// The answer of one holder of record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vote {
    /// Weight by choice.
    pub(super) parts: BTreeMap<VoteChoice, u128>,
    /// Whether more than one choice was named.
    pub(super) divided: bool,
    /// The delegate, if the holder has not voted itself.
    pub(super) cast_by: Option<Address>,
}

/// Who votes for a holder, for record dates after a block.
#[derive(Debug, Clone)]
pub(super) struct Delegation {
    pub(super) to: Option<Address>,
    pub(super) since_height: u64,
}

impl Proposal {
    pub(super) fn weight(&self, choice: VoteChoice) -> u128 {
        self.votes.values().filter_map(|vote| vote.parts.get(&choice)).sum()
    }

    fn passes(&self, supply: u128) -> bool {
        let (yes, no) = (self.weight(VoteChoice::Yes), self.weight(VoteChoice::No));
        let decided = yes + no + self.weight(VoteChoice::Veto);
        let cast = decided + self.weight(VoteChoice::Abstain);
        let whole = U512::from(10_000_u32);
        yes > 0
            && U512::from(cast) * whole >= U512::from(supply) * U512::from(self.quorum_bps)
            && U512::from(yes) * whole >= U512::from(decided) * U512::from(self.threshold_bps)
    }
}

/// Divides a weight: what rounding leaves over goes to the first choice.
fn divide(weight: u128, answer: &[(VoteChoice, u32)]) -> BTreeMap<VoteChoice, u128> {
    let parts: Vec<_> =
        answer.iter().map(|(choice, bps)| (*choice, bps_of(weight, *bps))).collect();
    let left = weight - parts.iter().map(|(_, part)| part).sum::<u128>();
    let mut parts: BTreeMap<_, _> = parts.into_iter().collect();
    *parts.get_mut(&answer[0].0).unwrap() += left;
    parts.retain(|_, part| *part > 0);
    parts
}

fn answer(op: &CastVote) -> Vec<(VoteChoice, u32)> {
    if op.split.is_empty() {
        return vec![(op.choice(), 10_000)];
    }
    op.split.iter().map(|share| (share.choice(), share.share_bps)).collect()
}

impl Model {
    /// Number of proposals of an asset.
    #[must_use]
    pub fn proposals(&self, asset: &AssetId) -> u64 {
        self.assets.get(asset).map_or(0, |asset| asset.proposals)
    }

    /// Holders for whom an account votes.
    #[must_use]
    pub fn delegators(&self, asset: &AssetId, to: &Address) -> Vec<Address> {
        let own =
            self.delegations.iter().filter(|((of, _), given)| of == asset && given.to == Some(*to));
        own.map(|((_, holder), _)| *holder).collect()
    }

    pub(super) fn submit_proposal(&mut self, proposer: &Address, op: &SubmitProposal) -> Step {
        let id = asset_id(&op.asset);
        self.known(&id)?;
        if self.balance(&id, proposer) == 0 {
            return refuse("votes", 11);
        }
        let spend = form::treasury_spend(op.outcome.as_ref()).unwrap().clone();
        self.currency(&asset_id(&spend.currency))?;
        let (now, record_height) = (self.height, self.height.max(op.record_height));
        let is_ahead = op.record_height >= now && self.record_at(&id, op.record_height).is_some();
        if op.record_height != 0 && op.record_height != now && !is_ahead {
            return refuse("votes", 36);
        }
        let record = self.take(&id, record_height, 1)?;
        let asset = self.assets.get_mut(&id).unwrap();
        asset.proposals += 1;
        let proposal = Proposal {
            record,
            record_height,
            end_height: record_height + op.voting_period_blocks,
            quorum_bps: op.quorum_bps,
            threshold_bps: op.threshold_bps,
            spend,
            status: ProposalStatus::Voting,
            votes: BTreeMap::new(),
        };
        self.proposals.insert((id, asset.proposals), proposal);
        self.reshaped.insert(id);
        Ok(())
    }

    pub(super) fn delegate_votes(&mut self, holder: &Address, op: &DelegateVotes) -> Step {
        let (id, to) = (asset_id(&op.asset), (!op.to.is_empty()).then(|| address(&op.to)));
        if to == Some(*holder) {
            return refuse("votes", 24);
        }
        self.known(&id)?;
        let delegation = Delegation { to, since_height: self.height };
        self.delegations.insert((id, *holder), delegation);
        Ok(())
    }

    pub(super) fn cast_vote(&mut self, sender: &Address, op: &CastVote) -> Step {
        let key = (asset_id(&op.asset), op.proposal);
        let Some(proposal) = self.proposals.get(&key) else { return refuse("votes", 12) };
        if proposal.status != ProposalStatus::Voting {
            return refuse("votes", 13);
        }
        if self.height <= proposal.record_height {
            return refuse("votes", 14);
        }
        if self.height > proposal.end_height {
            return refuse("votes", 15);
        }
        if op.on_behalf_of.is_empty() {
            return self.vote_for(sender, sender, op);
        }
        op.on_behalf_of.iter().try_for_each(|holder| self.vote_for(sender, &address(holder), op))
    }

    fn vote_for(&mut self, sender: &Address, holder: &Address, op: &CastVote) -> Step {
        let id = asset_id(&op.asset);
        let proposal = &self.proposals[&(id, op.proposal)];
        let old = proposal.votes.get(holder);
        let cast_by = (sender != holder).then_some(*sender);
        if cast_by.is_some() {
            let given = self.delegations.get(&(id, *holder));
            let counts = |given: &Delegation| {
                given.to == cast_by && given.since_height < proposal.record_height
            };
            if !given.is_some_and(counts) {
                return refuse("votes", 25);
            }
            if old.is_some_and(|old| old.cast_by != cast_by) {
                return refuse("votes", 26);
            }
        }
        let weight = self.records[&(id, proposal.record)].held(holder);
        if weight == 0 {
            return refuse("votes", 16);
        }
        let answer = answer(op);
        let (parts, divided) = (divide(weight, &answer), answer.len() > 1);
        if old.is_some_and(|old| old.parts == parts && old.cast_by == cast_by) {
            return refuse("votes", 17);
        }
        let proposal = self.proposals.get_mut(&(id, op.proposal)).unwrap();
        proposal.votes.insert(*holder, Vote { parts, divided, cast_by });
        Ok(())
    }

    pub(super) fn close_proposal(&mut self, op: &CloseProposal) -> Step {
        let key = (asset_id(&op.asset), op.proposal);
        let Some(proposal) = self.proposals.get(&key) else { return refuse("votes", 12) };
        if proposal.status != ProposalStatus::Voting {
            return refuse("votes", 13);
        }
        if self.height <= proposal.end_height {
            return refuse("votes", 18);
        }
        let (record, spend) = ((key.0, proposal.record), proposal.spend.clone());
        let status = if !proposal.passes(self.records[&record].supply()) {
            ProposalStatus::Rejected
        } else {
            let treasury = Address::treasury(&key.0);
            let (currency, to) = (asset_id(&spend.currency), address(&spend.to));
            match self.pay(&currency, &treasury, &to, number(&spend.amount)) {
                Ok(()) => ProposalStatus::Executed,
                Err(_) => ProposalStatus::Failed,
            }
        };
        self.records.get_mut(&record).unwrap().uses -= 1;
        self.proposals.get_mut(&key).unwrap().status = status;
        Ok(())
    }
}
