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
    veto: Amount,
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
            veto: committed::amount("tally", &tally.veto)?,
        })
    }

    /// Weight that has answered yes, no or veto.
    fn decided(&self) -> Result<Amount, Fault> {
        let against = committed::sum("tally", self.no, self.veto)?;
        committed::sum("tally", self.yes, against)
    }

    /// Whether enough weight has voted; abstaining counts for this only.
    pub(super) fn has_quorum(&self, supply: Amount, quorum_bps: u32) -> Result<bool, Fault> {
        let cast = committed::sum("tally", self.decided()?, self.abstain)?;
        Ok(exceeds_bps(cast, supply, quorum_bps))
    }

    /// Whether enough of those who have decided veto; never where there is no veto.
    pub(super) fn is_vetoed(&self, veto_bps: u32) -> Result<bool, Fault> {
        let some = veto_bps > 0 && !self.veto.is_zero();
        Ok(some && exceeds_bps(self.veto, self.decided()?, veto_bps))
    }

    /// Whether enough of those who have decided are for it. Nothing passes without a yes.
    pub(super) fn passes(&self, threshold_bps: u32) -> Result<bool, Fault> {
        Ok(!self.yes.is_zero() && exceeds_bps(self.yes, self.decided()?, threshold_bps))
    }

    fn answer_mut(&mut self, choice: VoteChoice) -> Result<&mut Amount, Fault> {
        match choice {
            VoteChoice::Yes => Ok(&mut self.yes),
            VoteChoice::No => Ok(&mut self.no),
            VoteChoice::Abstain => Ok(&mut self.abstain),
            VoteChoice::Veto => Ok(&mut self.veto),
            VoteChoice::Unspecified => Err(broken("a vote says nothing")),
        }
    }
}

impl From<Count> for Tally {
    fn from(count: Count) -> Self {
        let [yes, no, abstain, veto] =
            [count.yes, count.no, count.abstain, count.veto].map(|weight| weight.to_string());
        Self { yes, no, abstain, veto }
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
