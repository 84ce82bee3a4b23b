//! Why something about a vote is refused.

use tessera_proto::id::Address;
use tessera_proto::pb::votes::v1::ProposalStatus;

use crate::modules::assets::AssetError;
use crate::modules::compliance::ComplianceError;
use crate::modules::fields::FieldError;
use crate::modules::royalties::RoyaltyError;

/// A refused proposal, vote or closing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VoteError {
    /// A field is malformed.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The treasury would pay itself.
    #[error("{treasury} is the treasury that would pay, name another recipient")]
    TreasuryPaysItself {
        /// The treasury.
        treasury: Address,
    },
    /// Only a holder may propose.
    #[error("{account} holds no units of `{name}`, only holders may propose")]
    ProposerHoldsNothing {
        /// Who proposes.
        account: Address,
        /// Name of the asset.
        name: String,
    },
    /// There is no such proposal.
    #[error("there is no proposal {proposal} of this asset")]
    UnknownProposal {
        /// Its number.
        proposal: u64,
    },
    /// The proposal has been closed.
    #[error("proposal {proposal} is closed: {}", status_in_words(.status))]
    Closed {
        /// Its number.
        proposal: u64,
        /// How it ended.
        status: ProposalStatus,
    },
    /// The record is not finished yet.
    #[error("proposal {proposal} can be voted on from block {first} on, this is block {height}")]
    NotYetOpen {
        /// Its number.
        proposal: u64,
        /// First block in which votes count.
        first: u64,
        /// This block.
        height: u64,
    },
    /// The time for votes is over.
    #[error("voting on proposal {proposal} ended with block {end}, this is block {height}")]
    VotingEnded {
        /// Its number.
        proposal: u64,
        /// Last block in which votes counted.
        end: u64,
        /// This block.
        height: u64,
    },
    /// The voter held nothing at the record.
    #[error("{account} held no units at the end of block {record}, which decides who votes")]
    NoWeight {
        /// The voter.
        account: Address,
        /// Record height.
        record: u64,
    },
    /// The voter has given the same answer before.
    #[error("{account} has voted so on proposal {proposal} already")]
    AlreadyVoted {
        /// The voter.
        account: Address,
        /// Number of the proposal.
        proposal: u64,
    },
    /// The time for votes is not over.
    #[error("voting on proposal {proposal} goes on until block {end}, this is block {height}")]
    VotingGoesOn {
        /// Its number.
        proposal: u64,
        /// Last block in which votes count.
        end: u64,
        /// This block.
        height: u64,
    },
    /// Too many record dates have passed since.
    #[error("too much has changed at too many record dates since block {record} to look it up")]
    RecordTooFarBack {
        /// Record height.
        record: u64,
    },
    /// The issuer sets the rules once only.
    #[error("`{name}` has rules of votes: only a vote may change them")]
    RulesAreSet {
        /// Name of the asset.
        name: String,
    },
    /// The proposal asks for less than the rules.
    #[error("`{field}` is {value}, the rules of the asset ask for at least {least}")]
    BelowRules {
        /// Name of the field.
        field: &'static str,
        /// The number given.
        value: u64,
        /// Least that the rules allow.
        least: u64,
    },
    /// A divided vote is not the whole.
    #[error(
        "`split` must name each choice once, in ascending order, and add up to 10000 basis \
         points"
    )]
    SplitMustBeWhole,
    /// Holders are not in ascending order, or one appears twice.
    #[error("{account} does not come after the account before it, sort and give each once")]
    HoldersNotAscending {
        /// The account.
        account: Address,
    },
    /// Holder and delegate are the same.
    #[error("{account} votes for itself without delegating")]
    DelegatesToOneself {
        /// The holder.
        account: Address,
    },
    /// The holder has not delegated before the record.
    #[error("{delegate} may not vote for {holder}: it was not its delegate before block {record}")]
    NotADelegate {
        /// Who wanted to vote.
        delegate: Address,
        /// For whom.
        holder: Address,
        /// Record height.
        record: u64,
    },
    /// The holder's own vote stands.
    #[error("{holder} has voted on proposal {proposal} itself")]
    HolderHasVoted {
        /// The holder.
        holder: Address,
        /// Number of the proposal.
        proposal: u64,
    },
    /// The proposal has not passed, or was executed.
    #[error(
        "proposal {proposal} does not wait to be executed: it is {}",
        status_in_words(.status)
    )]
    NotWaiting {
        /// Its number.
        proposal: u64,
        /// Where it stands.
        status: ProposalStatus,
    },
    /// The proposal has not waited long enough.
    #[error("proposal {proposal} may be executed from block {from} on, this is block {height}")]
    TimeLocked {
        /// Its number.
        proposal: u64,
        /// First block in which it may.
        from: u64,
        /// This block.
        height: u64,
    },
    /// The royalty schedule of an outcome is malformed.
    #[error("royalty schedule: {source}")]
    Schedule {
        /// Why.
        source: RoyaltyError,
    },
    /// The end of a stream is not after its begin.
    #[error("the stream would end at {end_ms} ms, not after its begin, {start_ms} ms")]
    StreamEndsBeforeItBegins {
        /// Its begin.
        start_ms: u64,
        /// Its end.
        end_ms: u64,
    },
    /// The milestones overflow.
    #[error("the milestones add up to more than the largest amount")]
    GrantTooLarge,
    /// There is no such grant.
    #[error("proposal {grant} of this asset has opened no grant")]
    UnknownGrant {
        /// Number of the proposal.
        grant: u64,
    },
    /// Nothing is due.
    #[error("nothing more of grant {grant} is due now")]
    NothingDue {
        /// Number of the proposal that opened it.
        grant: u64,
    },
    /// The step in the life of the asset, the appraisal or the word on an appraiser is malformed.
    #[error("what would be done: {source}")]
    AssetAct {
        /// Why.
        source: AssetError,
    },
    /// The rules or the sanction are malformed.
    #[error("what would be done: {source}")]
    ComplianceAct {
        /// Why.
        source: ComplianceError,
    },
    /// The record date is not one that the issuer has declared ahead.
    #[error("block {height} is no record date declared ahead: leave it out, or ask the issuer")]
    NoRecordAhead {
        /// The block named.
        height: u64,
    },
    /// Voting would end after the last block that there can be.
    #[error("voting for {blocks} blocks from block {height} on would never end")]
    NeverEnds {
        /// The record height.
        height: u64,
        /// The voting period.
        blocks: u64,
    },
}

fn status_in_words(status: &ProposalStatus) -> &'static str {
    match status {
        ProposalStatus::Unspecified => "unknown",
        ProposalStatus::Voting => "open",
        ProposalStatus::Executed => "passed and executed",
        ProposalStatus::Rejected => "not passed",
        ProposalStatus::Failed => "passed, but it could not be executed",
        ProposalStatus::Passed => "passed, and waits to be executed",
        ProposalStatus::Vetoed => "vetoed",
        ProposalStatus::Expired => "passed, but not executed in time",
    }
}

impl VoteError {
    /// Stable number within the codespace.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Field(error) => error.code(),
            Self::TreasuryPaysItself { .. } => 10,
            Self::ProposerHoldsNothing { .. } => 11,
            Self::UnknownProposal { .. } => 12,
            Self::Closed { .. } => 13,
            Self::NotYetOpen { .. } => 14,
            Self::VotingEnded { .. } => 15,
            Self::NoWeight { .. } => 16,
            Self::AlreadyVoted { .. } => 17,
            Self::VotingGoesOn { .. } => 18,
            Self::RecordTooFarBack { .. } => 19,
            Self::RulesAreSet { .. } => 20,
            Self::BelowRules { .. } => 21,
            Self::SplitMustBeWhole => 22,
            Self::HoldersNotAscending { .. } => 23,
            Self::DelegatesToOneself { .. } => 24,
            Self::NotADelegate { .. } => 25,
            Self::HolderHasVoted { .. } => 26,
            Self::NotWaiting { .. } => 27,
            Self::TimeLocked { .. } => 28,
            Self::Schedule { .. } => 29,
            Self::StreamEndsBeforeItBegins { .. } => 30,
            Self::GrantTooLarge => 31,
            Self::UnknownGrant { .. } => 32,
            Self::NothingDue { .. } => 33,
            Self::AssetAct { .. } => 34,
            Self::ComplianceAct { .. } => 35,
            Self::NoRecordAhead { .. } => 36,
            Self::NeverEnds { .. } => 37,
        }
    }
}

crate::rejection!(VoteError, "votes");
