//! Weight counted so far.

use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::pb::votes::v1::{Tally, VoteChoice};
use tessera_proto::state_key::StateKey;

use super::error::VoteError;
use crate::modules::committed::{self, broken};
use crate::num::exceeds_bps;
use crate::state::delta::Delta;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateView};

/// A tally as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    yes: Amount,
    no: Amount,
    abstain: Amount,
}

impl Count {
    /// The tally of a proposal; all zero before the first vote.
    pub(super) fn load(
        view: &mut dyn StateView,
        asset: &AssetId,
        proposal: u64,
    ) -> Result<Self, ExecutionError> {
        let tally = view.load::<Tally>(&StateKey::tally(asset, proposal))?.unwrap_or_default();
        Ok(Self {
            yes: committed::amount("tally", &tally.yes)?,
            no: committed::amount("tally", &tally.no)?,
            abstain: committed::amount("tally", &tally.abstain)?,
        })
    }

    /// Whether enough weight has voted and enough of it for the proposal. Abstaining counts for
    /// the quorum only, and nothing passes without a yes.
    pub(super) fn passes(
        &self,
        supply: Amount,
        quorum_bps: u32,
        threshold_bps: u32,
    ) -> Result<bool, Fault> {
        let decided = committed::sum("tally", self.yes, self.no)?;
        let cast = committed::sum("tally", decided, self.abstain)?;
        Ok(!self.yes.is_zero()
            && exceeds_bps(cast, supply, quorum_bps)
            && exceeds_bps(self.yes, decided, threshold_bps))
    }

    fn answer_mut(&mut self, choice: VoteChoice) -> Result<&mut Amount, Fault> {
        match choice {
            VoteChoice::Yes => Ok(&mut self.yes),
            VoteChoice::No => Ok(&mut self.no),
            VoteChoice::Abstain => Ok(&mut self.abstain),
            VoteChoice::Unspecified => Err(broken("a vote says nothing")),
        }
    }
}

impl From<Count> for Tally {
    fn from(count: Count) -> Self {
        let Count { yes, no, abstain } = count;
        Self { yes: yes.to_string(), no: no.to_string(), abstain: abstain.to_string() }
    }
}

/// Applies [`Delta::Tally`].
pub(crate) fn apply_tally(view: &mut dyn StateView, delta: &Delta) -> Result<(), ExecutionError> {
    let Delta::Tally { asset, proposal, choice, weight, retracted } = delta else {
        return Err(broken("a tally was to change by something else than a vote").into());
    };
    let mut count = Count::load(view, asset, *proposal)?;
    let answer = count.answer_mut(*choice)?;
    *answer = if *retracted {
        committed::difference("tally", *answer, *weight)?
    } else {
        committed::sum("tally", *answer, *weight)?
    };
    view.store(StateKey::tally(asset, *proposal), &Tally::from(count))
}

/// A value at the record, or the refusal to look for it without end.
pub(super) fn within_reach(value: Option<Amount>, record: u64) -> Result<Amount, VoteError> {
    value.ok_or(VoteError::RecordTooFarBack { record })
}
