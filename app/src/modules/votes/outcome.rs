//! What a proposal does when it passes.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::Params;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::pb::votes::v1::proposal_outcome::Outcome as Wire;
use tessera_proto::state_key::StateKey;

use super::acts::Act;
use super::error::VoteError;
use super::grants::{self, GrantTerms};
use super::rules::VotingRules;
use super::set_voting_rules;
use super::upgrade::{self, UpgradeTerms};
use crate::modules::assets::load_currency;
use crate::modules::committed::{self, broken};
use crate::modules::fields::{self, FieldError};
use crate::modules::transfers::holdings;
use crate::modules::{BlockInfo, Context, eligibility, royalties};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Most that `max_validity_blocks` can be.
const MAX_VALIDITY_BLOCKS: u64 = 10_000;

/// What happens when a proposal passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Pays out of the treasury of the asset.
    TreasurySpend {
        /// What is paid.
        currency: AssetId,
        /// Who receives it.
        to: Address,
        /// How many base units; above zero.
        amount: Amount,
    },
    /// Nothing but the decision itself.
    Resolution {
        /// Hash of its text.
        text_sha256: Option<[u8; 32]>,
    },
    /// Replaces the royalty schedule.
    SetRoyaltySchedule(royalties::Schedule),
    /// Replaces the rules of votes.
    SetVotingRules(VotingRules),
    /// Changes parameters of the chain.
    ChangeParams(pb::ChangeParams),
    /// Sets money of the treasury aside.
    OpenGrant(GrantTerms),
    /// Releases the next milestone of a grant.
    ReleaseMilestone {
        /// Number of the proposal that opened it.
        grant: u64,
        /// Which, from 1.
        milestone: u32,
    },
    /// Ends a grant.
    CancelGrant {
        /// Number of the proposal that opened it.
        grant: u64,
    },
    /// Moves the chain to another version of its state machine.
    ScheduleUpgrade(UpgradeTerms),
    /// Takes a move back that is still to come.
    CancelUpgrade,
    /// An operation of the organisation from its own account.
    Act(Act),
}

impl Outcome {
    /// Reads the outcome of a proposal to the holders of an asset.
    ///
    /// # Errors
    /// [`VoteError`] of the first field that is malformed.
    pub(super) fn read(
        asset: &AssetId,
        outcome: Option<pb::ProposalOutcome>,
    ) -> Result<Self, VoteError> {
        let missing = FieldError::Missing { field: "outcome" };
        Ok(match outcome.and_then(|outcome| outcome.outcome).ok_or(missing)? {
            Wire::TreasurySpend(pb::TreasurySpend { currency, to, amount }) => {
                Self::TreasurySpend {
                    currency: fields::asset_id("outcome.currency", &currency)?,
                    to: fields::recipient("outcome.to", &to)?,
                    amount: fields::amount("outcome.amount", &amount)?,
                }
            }
            Wire::Resolution(pb::Resolution { text_sha256 }) => Self::Resolution {
                text_sha256: fields::optional_sha256("outcome.text_sha256", &text_sha256)?,
            },
            Wire::SetRoyaltySchedule(schedule) => Self::SetRoyaltySchedule(
                schedule.try_into().map_err(|source| VoteError::Schedule { source })?,
            ),
            Wire::SetVotingRules(rules) => Self::SetVotingRules(rules.try_into()?),
            Wire::ChangeParams(params) => {
                let blocks = params.max_validity_blocks;
                fields::range("max_validity_blocks", blocks, 1, MAX_VALIDITY_BLOCKS)?;
                Self::ChangeParams(params)
            }
            Wire::OpenGrant(terms) => Self::OpenGrant(terms.try_into()?),
            Wire::ReleaseMilestone(pb::ReleaseMilestone { grant, milestone }) => {
                Self::ReleaseMilestone {
                    grant: fields::range("outcome.grant", grant, 1, u64::MAX)?,
                    milestone: fields::range("outcome.milestone", milestone, 1, u32::MAX)?,
                }
            }
            Wire::CancelGrant(pb::CancelGrant { grant }) => {
                Self::CancelGrant { grant: fields::range("outcome.grant", grant, 1, u64::MAX)? }
            }
            Wire::ScheduleUpgrade(terms) => Self::ScheduleUpgrade(terms.try_into()?),
            Wire::CancelUpgrade(pb::CancelUpgrade {}) => Self::CancelUpgrade,
            Wire::ChangeStatus(step) => Self::Act(Act::change_status(asset, step)?),
            Wire::SetRules(rules) => Self::Act(Act::set_rules(asset, rules)?),
            Wire::AccreditAppraiser(message) => Self::Act(Act::accredit(message)?),
            Wire::RevokeAccreditation(message) => Self::Act(Act::revoke(message)?),
            Wire::SetSanction(message) => Self::Act(Act::sanction(message)?),
            Wire::Appraise(message) => Self::Act(Act::appraise(asset, message)?),
        })
    }
}

impl From<&Outcome> for pb::ProposalOutcome {
    fn from(outcome: &Outcome) -> Self {
        let wire = match outcome {
            Outcome::TreasurySpend { currency, to, amount } => {
                Wire::TreasurySpend(pb::TreasurySpend {
                    currency: currency.to_bytes(),
                    to: to.to_bytes(),
                    amount: amount.to_string(),
                })
            }
            Outcome::Resolution { text_sha256 } => Wire::Resolution(pb::Resolution {
                text_sha256: fields::optional_bytes(text_sha256.as_ref()),
            }),
            Outcome::SetRoyaltySchedule(schedule) => Wire::SetRoyaltySchedule(schedule.into()),
            Outcome::SetVotingRules(rules) => Wire::SetVotingRules(rules.into()),
            Outcome::ChangeParams(params) => Wire::ChangeParams(*params),
            Outcome::OpenGrant(terms) => Wire::OpenGrant(terms.into()),
            Outcome::ReleaseMilestone { grant, milestone } => {
                let (grant, milestone) = (*grant, *milestone);
                Wire::ReleaseMilestone(pb::ReleaseMilestone { grant, milestone })
            }
            Outcome::CancelGrant { grant } => Wire::CancelGrant(pb::CancelGrant { grant: *grant }),
            Outcome::ScheduleUpgrade(terms) => Wire::ScheduleUpgrade(terms.into()),
            Outcome::CancelUpgrade => Wire::CancelUpgrade(pb::CancelUpgrade {}),
            Outcome::Act(act) => act.into(),
        };
        Self { outcome: Some(wire) }
    }
}

impl Outcome {
    /// Reads the outcome of a proposal of the committed state.
    pub(super) fn committed(proposal: &pb::Proposal) -> Result<Self, Fault> {
        let asset = committed::asset_id("asset of a proposal", &proposal.asset)?;
        let outcome = Self::read(&asset, proposal.outcome.clone());
        outcome.map_err(|error| broken(format!("outcome of a proposal: {error}")))
    }

    /// The currency that it names, which must be one when it is proposed.
    pub(super) fn currency(&self) -> Option<AssetId> {
        match self {
            Self::TreasurySpend { currency, .. } => Some(*currency),
            Self::OpenGrant(terms) => Some(terms.currency),
            Self::SetVotingRules(rules) => rules.deposit.map(|(currency, _)| currency),
            Self::Resolution { .. }
            | Self::SetRoyaltySchedule(_)
            | Self::ChangeParams(_)
            | Self::ReleaseMilestone { .. }
            | Self::CancelGrant { .. }
            | Self::ScheduleUpgrade(_)
            | Self::CancelUpgrade
            | Self::Act(_) => None,
        }
    }

    /// Who would receive money of the treasury.
    pub(super) fn payee(&self) -> Option<Address> {
        match self {
            Self::TreasurySpend { to, .. } => Some(*to),
            Self::OpenGrant(terms) => Some(terms.to),
            Self::Resolution { .. }
            | Self::SetRoyaltySchedule(_)
            | Self::SetVotingRules(_)
            | Self::ChangeParams(_)
            | Self::ReleaseMilestone { .. }
            | Self::CancelGrant { .. }
            | Self::ScheduleUpgrade(_)
            | Self::CancelUpgrade
            | Self::Act(_) => None,
        }
    }

    /// Declares what [`Outcome::execute`] touches for proposal `number`.
    pub(super) fn declare(
        &self,
        asset: &AssetId,
        number: u64,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        match self {
            Self::TreasurySpend { currency, to, amount: _ } => {
                let record = holdings::record_height(state, currency)?;
                access.debit(currency, &Address::treasury(asset), record);
                access.credit(currency, to, record);
            }
            Self::Resolution { .. } => {}
            Self::SetRoyaltySchedule(_) => royalties::declare_store(access, asset),
            Self::SetVotingRules(_) => set_voting_rules::declare(access, asset),
            Self::ChangeParams(_) => access.write(StateKey::params()),
            Self::OpenGrant(terms) => grants::declare_open(state, access, asset, number, terms)?,
            Self::ReleaseMilestone { grant, .. } => {
                access.write(StateKey::grant(asset, *grant));
            }
            Self::CancelGrant { grant } => grants::declare_end(state, access, asset, *grant)?,
            Self::ScheduleUpgrade(_) | Self::CancelUpgrade => upgrade::declare(access),
            Self::Act(act) => act.declare(asset, state, access)?,
        }
        Ok(())
    }

    /// Carries out what was decided; false when that is not possible, and nothing has changed.
    pub(super) fn execute(
        &self,
        context: &mut Context<'_>,
        asset: &AssetId,
        proposal: u64,
    ) -> Result<bool, ExecutionError> {
        match self {
            Self::TreasurySpend { currency, to, amount } => {
                spend(context, asset, proposal, (currency, to, *amount))
            }
            Self::Resolution { .. } => Ok(true),
            Self::SetRoyaltySchedule(schedule) => {
                royalties::store_schedule(context, asset, schedule)?;
                Ok(true)
            }
            Self::SetVotingRules(rules) => {
                set_voting_rules::store(context, asset, rules)?;
                Ok(true)
            }
            Self::ChangeParams(params) => change_params(context, asset, proposal, params),
            Self::OpenGrant(terms) => grants::open(context, asset, proposal, terms),
            Self::ReleaseMilestone { grant, milestone } => {
                grants::release(context, asset, *grant, *milestone)
            }
            Self::CancelGrant { grant } => grants::cancel(context, asset, *grant),
            Self::ScheduleUpgrade(terms) => upgrade::schedule(context, asset, proposal, terms),
            Self::CancelUpgrade => upgrade::cancel(context, asset, proposal),
            Self::Act(act) => act.execute(context, asset),
        }
    }
}

/// Checks that a currency that an outcome names is one.
pub(super) fn check_currency(
    context: &mut Context<'_>,
    outcome: &Outcome,
) -> Result<(), ExecutionError> {
    match outcome.currency() {
        Some(currency) => load_currency(context.state, &currency).map(|_| ()),
        None => Ok(()),
    }
}

fn spend(
    context: &mut Context<'_>,
    asset: &AssetId,
    proposal: u64,
    (currency, to, amount): (&AssetId, &Address, Amount),
) -> Result<bool, ExecutionError> {
    let treasury = Address::treasury(asset);
    let block: &BlockInfo = context.block;
    let payable = holdings::can_debit(context.state, currency, &treasury, amount)?;
    if !payable || eligibility::is_denied(context.state, to)? {
        return Ok(false);
    }
    holdings::debit(context.state, block, currency, &treasury, amount)?;
    holdings::credit(context.state, currency, to, amount)?;
    context.emit(Kind::TreasurySpent(pb::TreasurySpent {
        asset: asset.to_bytes(),
        proposal,
        currency: currency.to_bytes(),
        to: to.to_bytes(),
        amount: amount.to_string(),
    }));
    Ok(true)
}

/// Changes the parameters from the next block on; only the governance asset may.
fn change_params(
    context: &mut Context<'_>,
    asset: &AssetId,
    proposal: u64,
    new: &pb::ChangeParams,
) -> Result<bool, ExecutionError> {
    let key = StateKey::params();
    let params: Option<Params> = context.state.load(&key)?;
    let mut params = params.ok_or_else(|| broken("the chain has no parameters"))?;
    if params.governance_asset != asset.to_bytes() {
        return Ok(false);
    }
    params.fee_per_transaction = new.fee_per_transaction;
    params.fee_per_operation = new.fee_per_operation;
    params.fee_per_byte = new.fee_per_byte;
    params.max_validity_blocks = new.max_validity_blocks;
    context.state.store(key, &params)?;
    let asset = asset.to_bytes();
    context.emit(Kind::ParamsChanged(pb::ParamsChanged { asset, proposal, params: Some(*new) }));
    Ok(true)
}
