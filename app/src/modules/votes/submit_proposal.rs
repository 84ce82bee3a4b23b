//! `SubmitProposal`: a question to the holders of an asset.

use std::sync::Arc;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::pb::votes::v1::ProposalStatus;
use tessera_proto::state_key::StateKey;

use super::error::VoteError;
use super::outcome::{Outcome, check_currency};
use super::rules::VotingRules;
use crate::modules::assets::{MAX_TITLE_LENGTH, load_asset};
use crate::modules::committed::broken;
use crate::modules::distributions::records;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, fields};
use crate::num::FULL_BPS;
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Most blocks that a vote stays open.
pub const MAX_VOTING_PERIOD_BLOCKS: u64 = 1_000_000;

/// Puts a question to the holders of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmitProposal {
    /// Whose holders decide.
    pub asset: AssetId,
    /// For people.
    pub title: String,
    /// What happens when it passes.
    pub outcome: Outcome,
    /// Blocks that the vote stays open.
    pub voting_period_blocks: u64,
    /// Part of the supply at the record that must vote, in basis points.
    pub quorum_bps: u32,
    /// Part of yes among yes and no that passes, in basis points.
    pub threshold_bps: u32,
    /// Block whose closing balances are the record; 0 for the one that includes this.
    pub record_height: u64,
}

impl TryFrom<pb::SubmitProposal> for SubmitProposal {
    type Error = VoteError;

    /// Refuses malformed fields in the order of the message's fields, then
    /// [`VoteError::TreasuryPaysItself`].
    fn try_from(message: pb::SubmitProposal) -> Result<Self, VoteError> {
        let pb::SubmitProposal {
            asset,
            title,
            outcome,
            voting_period_blocks,
            quorum_bps,
            threshold_bps,
            record_height,
        } = message;
        let asset = fields::asset_id("asset", &asset)?;
        let title = fields::text("title", title, MAX_TITLE_LENGTH)?;
        let outcome = Outcome::read(&asset, outcome)?;
        let blocks = voting_period_blocks;
        fields::range("voting_period_blocks", blocks, 1, MAX_VOTING_PERIOD_BLOCKS)?;
        fields::range("quorum_bps", quorum_bps, 0, FULL_BPS)?;
        fields::range("threshold_bps", threshold_bps, 1, FULL_BPS)?;
        let treasury = Address::treasury(&asset);
        if outcome.payee() == Some(treasury) {
            return Err(VoteError::TreasuryPaysItself { treasury });
        }
        Ok(Self {
            asset,
            title,
            outcome,
            voting_period_blocks,
            quorum_bps,
            threshold_bps,
            record_height,
        })
    }
}

impl SubmitProposal {
    /// Refuses a proposal that asks for less than the rules of the asset.
    fn check_rules(&self, rules: Option<&VotingRules>) -> Result<(), VoteError> {
        let Some(rules) = rules else { return Ok(()) };
        let given = [
            ("quorum_bps", u64::from(self.quorum_bps), u64::from(rules.quorum_bps)),
            ("threshold_bps", self.threshold_bps.into(), rules.threshold_bps.into()),
            ("voting_period_blocks", self.voting_period_blocks, rules.voting_period_blocks),
        ];
        match given.into_iter().find(|(_, value, least)| value < least) {
            Some((field, value, least)) => Err(VoteError::BelowRules { field, value, least }),
            None => Ok(()),
        }
    }

    /// Refuses a record date that is neither this block nor declared ahead by the issuer: holders
    /// may not choose among dates that have passed, nor use up those that can be declared.
    fn check_record(&self, asset: &Asset, now: u64) -> Result<(), VoteError> {
        let height = self.record_height;
        let is_ahead = height >= now && records::number_at(asset, height).is_some();
        match height == 0 || height == now || is_ahead {
            true => Ok(()),
            false => Err(VoteError::NoRecordAhead { height }),
        }
    }
}

/// What a proposal takes over from the rules of its asset.
fn of_rules(rules: Option<&VotingRules>) -> pb::Proposal {
    let Some(rules) = rules else { return pb::Proposal::default() };
    let (currency, deposit) = rules.deposit.unzip();
    pb::Proposal {
        veto_bps: rules.veto_bps,
        timelock_blocks: rules.timelock_blocks,
        execution_window_blocks: rules.execution_window_blocks,
        deposit_currency: currency.map(AssetId::to_bytes).unwrap_or_default(),
        deposit: deposit.map(|deposit| deposit.to_string()).unwrap_or_default(),
        ..pb::Proposal::default()
    }
}

impl Message for SubmitProposal {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let key = StateKey::asset(&self.asset);
        access.write(key);
        access.read(StateKey::holding(&self.asset, sender));
        access.read(StateKey::voting_rules(&self.asset));
        if let Some(currency) = self.outcome.currency() {
            access.read(StateKey::asset(&currency));
        }
        let rules = VotingRules::of(state, &self.asset)?;
        if let Some((currency, _)) = rules.and_then(|rules| rules.deposit) {
            let record = holdings::record_height(state, &currency)?;
            access.debit(&currency, sender, record);
            access.credit(&currency, &Address::deposit_pool(&self.asset), record);
        }
        let count = state.asset(&self.asset)?.map_or(0, |asset| asset.proposal_count);
        records::declare_next(access, count, |number| StateKey::proposal(&self.asset, number))?;
        records::declare_take(state, access, &self.asset)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`] of the asset,
    /// [`VoteError::ProposerHoldsNothing`], [`AssetError::UnknownAsset`] of the currency,
    /// [`AssetError::NotACurrency`], [`VoteError::BelowRules`], [`VoteError::NoRecordAhead`],
    /// [`VoteError::NeverEnds`]; then as a transfer of the deposit is refused.
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::NotACurrency`]: crate::modules::assets::AssetError::NotACurrency
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, title, outcome, voting_period_blocks, .. } = self;
        let Self { quorum_bps, threshold_bps, record_height, .. } = self;
        let (height, proposer) = (context.block.height, context.sender);
        let mut asset = Arc::unwrap_or_clone(load_asset(context.state, id)?);
        if holdings::load_holding(context.state, (id, &asset), &proposer)?.balance.is_zero() {
            let name = asset.name;
            return Err(VoteError::ProposerHoldsNothing { account: proposer, name }.into());
        }
        check_currency(context, outcome)?;
        let rules = VotingRules::load(context.state, id)?;
        self.check_rules(rules.as_ref())?;
        self.check_record(&asset, height)?;
        let record_height = height.max(*record_height);
        let blocks = *voting_period_blocks;
        let voting_end_height = record_height
            .checked_add(blocks)
            .ok_or(VoteError::NeverEnds { height: record_height, blocks })?;
        if let Some((currency, deposit)) = rules.as_ref().and_then(|rules| rules.deposit) {
            let pool = Address::deposit_pool(id);
            holdings::debit(context.state, context.block, &currency, &proposer, deposit)?;
            holdings::credit(context.state, &currency, &pool, deposit)?;
        }
        let too_many = || broken("numbers of proposals have come to their end");
        let number = asset.proposal_count.checked_add(1).ok_or_else(too_many)?;
        asset.proposal_count = number;
        let record =
            records::take(context.state, context.block, (id, record_height), &mut asset, 1)?;
        context.state.store(StateKey::asset(id), &asset)?;
        let proposal = pb::Proposal {
            asset: id.to_bytes(),
            number,
            proposer: proposer.to_bytes(),
            title: title.clone(),
            outcome: Some(outcome.into()),
            record,
            record_height,
            record_supply: String::new(),
            voting_end_height,
            quorum_bps: *quorum_bps,
            threshold_bps: *threshold_bps,
            status: ProposalStatus::Voting.into(),
            ..of_rules(rules.as_ref())
        };
        context.state.store(StateKey::proposal(id, number), &proposal)?;
        context.emit(Kind::ProposalSubmitted(pb::ProposalSubmitted {
            asset: proposal.asset,
            proposal: number,
            proposer: proposal.proposer,
            title: proposal.title,
            voting_end_height,
        }));
        Ok(())
    }
}
