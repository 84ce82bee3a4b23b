//! Why something about a vote is refused.

use tessera_proto::id::Address;
use tessera_proto::pb::votes::v1::{ProposalStatus, VoteChoice};

use crate::modules::fields::FieldError;

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
    #[error("{account} has voted {} on proposal {proposal} already", choice_in_words(.choice))]
    AlreadyVoted {
        /// The voter.
        account: Address,
        /// Number of the proposal.
        proposal: u64,
        /// The answer.
        choice: VoteChoice,
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
}

fn status_in_words(status: &ProposalStatus) -> &'static str {
    match status {
        ProposalStatus::Unspecified => "unknown",
        ProposalStatus::Voting => "open",
        ProposalStatus::Executed => "passed and executed",
        ProposalStatus::Rejected => "not passed",
        ProposalStatus::Failed => "passed, but it could not be executed",
    }
}

fn choice_in_words(choice: &VoteChoice) -> &'static str {
    match choice {
        VoteChoice::Unspecified => "nothing",
        VoteChoice::Yes => "yes",
        VoteChoice::No => "no",
        VoteChoice::Abstain => "abstain",
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
        }
    }
}

crate::rejection!(VoteError, "votes");
