//! How the holders of an asset decide.

use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::submit_proposal::MAX_VOTING_PERIOD_BLOCKS;
use crate::modules::committed::broken;
use crate::modules::fields::{self, FieldError};
use crate::num::FULL_BPS;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader, StateView};

/// Most blocks that the outcome of a vote waits, and in which it may then be executed.
pub const MAX_WAIT_BLOCKS: u64 = 1_000_000;

/// Rules of votes of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VotingRules {
    /// Least quorum that a proposal may ask for, in basis points.
    pub quorum_bps: u32,
    /// Least threshold, in basis points; above zero.
    pub threshold_bps: u32,
    /// Part of yes, no and veto that vetoes; 0 when there is no veto.
    pub veto_bps: u32,
    /// Least blocks that a vote stays open.
    pub voting_period_blocks: u64,
    /// Blocks that the outcome waits.
    pub timelock_blocks: u64,
    /// Blocks in which it may then be executed.
    pub execution_window_blocks: u64,
    /// What a proposer deposits.
    pub deposit: Option<(AssetId, Amount)>,
}

impl TryFrom<pb::VotingRules> for VotingRules {
    type Error = FieldError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(rules: pb::VotingRules) -> Result<Self, FieldError> {
        let pb::VotingRules { quorum_bps, threshold_bps, veto_bps, .. } = rules;
        let (period, wait) = (rules.voting_period_blocks, rules.timelock_blocks);
        let window = rules.execution_window_blocks;
        Ok(Self {
            quorum_bps: fields::range("quorum_bps", quorum_bps, 0, FULL_BPS)?,
            threshold_bps: fields::range("threshold_bps", threshold_bps, 1, FULL_BPS)?,
            veto_bps: fields::range("veto_bps", veto_bps, 0, FULL_BPS)?,
            voting_period_blocks: fields::range(
                "voting_period_blocks",
                period,
                1,
                MAX_VOTING_PERIOD_BLOCKS,
            )?,
            timelock_blocks: fields::range("timelock_blocks", wait, 0, MAX_WAIT_BLOCKS)?,
            execution_window_blocks: fields::range(
                "execution_window_blocks",
                window,
                1,
                MAX_WAIT_BLOCKS,
            )?,
            deposit: match (rules.deposit_currency.is_empty(), rules.deposit.is_empty()) {
                (true, true) => None,
                _ => Some((
                    fields::asset_id("deposit_currency", &rules.deposit_currency)?,
                    fields::amount("deposit", &rules.deposit)?,
                )),
            },
        })
    }
}

impl From<&VotingRules> for pb::VotingRules {
    fn from(rules: &VotingRules) -> Self {
        let (currency, deposit) = rules.deposit.unzip();
        Self {
            quorum_bps: rules.quorum_bps,
            threshold_bps: rules.threshold_bps,
            veto_bps: rules.veto_bps,
            voting_period_blocks: rules.voting_period_blocks,
            timelock_blocks: rules.timelock_blocks,
            execution_window_blocks: rules.execution_window_blocks,
            deposit_currency: currency.map(AssetId::to_bytes).unwrap_or_default(),
            deposit: deposit.map(|deposit| deposit.to_string()).unwrap_or_default(),
        }
    }
}

impl VotingRules {
    /// The rules of an asset, if it has any.
    pub(super) fn load(
        view: &mut dyn StateView,
        asset: &AssetId,
    ) -> Result<Option<Self>, ExecutionError> {
        let leaf: Option<pb::VotingRules> = view.load(&StateKey::voting_rules(asset))?;
        Ok(leaf.map(Self::committed).transpose()?)
    }

    /// The same of the state before a block.
    pub(super) fn of(state: &dyn StateReader, asset: &AssetId) -> Result<Option<Self>, Fault> {
        let leaf: Option<pb::VotingRules> = state.leaf(&StateKey::voting_rules(asset))?;
        leaf.map(Self::committed).transpose()
    }

    fn committed(leaf: pb::VotingRules) -> Result<Self, Fault> {
        leaf.try_into().map_err(|error| broken(format!("voting rules: {error}")))
    }
}
