//! `SubmitProposal`: a question to the holders of an asset.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::pb::votes::v1::ProposalStatus;
use tessera_proto::state_key::StateKey;

use super::error::VoteError;
use super::outcome::Outcome;
use crate::modules::assets::{MAX_TITLE_LENGTH, load_asset, load_currency};
use crate::modules::committed::broken;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, fields};
use crate::num::FULL_BPS;
use crate::state::access::{AccessSet, Mode};
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

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
        } = message;
        let asset = fields::asset_id("asset", &asset)?;
        let title = fields::text("title", title, MAX_TITLE_LENGTH)?;
        let outcome = Outcome::try_from(outcome)?;
        let blocks = voting_period_blocks;
        fields::range("voting_period_blocks", blocks, 1, MAX_VOTING_PERIOD_BLOCKS)?;
        fields::range("quorum_bps", quorum_bps, 0, FULL_BPS)?;
        fields::range("threshold_bps", threshold_bps, 1, FULL_BPS)?;
        let Outcome::TreasurySpend { to, .. } = &outcome;
        let treasury = Address::treasury(&asset);
        if *to == treasury {
            return Err(VoteError::TreasuryPaysItself { treasury });
        }
        Ok(Self { asset, title, outcome, voting_period_blocks, quorum_bps, threshold_bps })
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
        let Outcome::TreasurySpend { currency, .. } = &self.outcome;
        access.read(StateKey::asset(currency));
        let count = state.leaf::<Asset>(&key)?.map_or(0, |asset| asset.proposal_count);
        // Earlier operations of the transaction take the numbers that they have declared.
        let own = (count.saturating_add(1)..=u64::MAX)
            .map(|number| StateKey::proposal(&self.asset, number))
            .find(|key| access.mode(key) != Some(Mode::Write));
        if let Some(own) = own {
            access.write(own);
        }
        Ok(())
    }

    /// In order of precedence: [`AssetError::UnknownAsset`] of the asset,
    /// [`VoteError::ProposerHoldsNothing`], [`AssetError::UnknownAsset`] of the currency,
    /// [`AssetError::NotACurrency`].
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::NotACurrency`]: crate::modules::assets::AssetError::NotACurrency
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, title, outcome, voting_period_blocks, quorum_bps, threshold_bps } =
            self;
        let (height, proposer) = (context.block.height, context.sender);
        let mut asset = load_asset(context.state, id)?;
        if holdings::load_holding(context.state, id, &proposer)?.balance.is_zero() {
            let name = asset.name;
            return Err(VoteError::ProposerHoldsNothing { account: proposer, name }.into());
        }
        let Outcome::TreasurySpend { currency, .. } = outcome;
        load_currency(context.state, currency)?;
        let too_far = || broken("heights and numbers of proposals have come to their end");
        let number = asset.proposal_count.checked_add(1).ok_or_else(too_far)?;
        let voting_end_height = height.checked_add(*voting_period_blocks).ok_or_else(too_far)?;
        asset.proposal_count = number;
        if asset.record_height != height {
            asset.previous_record_height = asset.record_height;
            asset.record_height = height;
        }
        context.state.store(StateKey::asset(id), &asset)?;
        let proposal = pb::Proposal {
            asset: id.to_bytes(),
            number,
            proposer: proposer.to_bytes(),
            title: title.clone(),
            outcome: Some(outcome.into()),
            record_height: height,
            record_supply: String::new(),
            voting_end_height,
            quorum_bps: *quorum_bps,
            threshold_bps: *threshold_bps,
            status: ProposalStatus::Voting.into(),
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
