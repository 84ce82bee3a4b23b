//! What stops a sequencer.

use tendermint::account;

use super::log::LogError;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a sequencer cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum SoloError {
    /// The block log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A block that must be there is not, or cannot be read.
    #[error("block {height} is missing from the block log or unreadable")]
    Missing {
        /// The block.
        height: u64,
    },
    /// The application has blocks that the log has not.
    #[error(
        "the application is at block {height} but the block log ends at {latest}; restore both \
         from the same backup"
    )]
    ApplicationAhead {
        /// The application's height.
        height: u64,
        /// The log's height.
        latest: u64,
    },
    /// The application computed another state than the one that was recorded.
    #[error("block {height} led to app hash {found}, but {expected} is on record")]
    OtherOutcome {
        /// The block.
        height: u64,
        /// The recorded application hash.
        expected: String,
        /// The application hash found.
        found: String,
    },
    /// The application proposed more than a block can hold.
    #[error("the application proposed {bytes} bytes of transactions; a block holds {limit}")]
    ProposalTooLarge {
        /// What was proposed.
        bytes: u64,
        /// What is possible.
        limit: u64,
    },
    /// The application refused what it proposed itself.
    #[error("the application refused its own proposal for block {height}")]
    ProposalRefused {
        /// The block.
        height: u64,
    },
    /// The application gave more or fewer results than there are transactions.
    #[error("the application gave {results} results for the {txs} transactions of block {height}")]
    ResultCount {
        /// The block.
        height: u64,
        /// Its transactions.
        txs: usize,
        /// The results.
        results: usize,
    },
    /// The application's answer is malformed.
    #[error("the application gave a malformed answer")]
    Application(#[source] Source),
    /// The sequencer's key no longer holds more than two thirds of the voting power.
    #[error(
        "validator {address} has {power} of {total} voting power; a single sequencer needs more \
         than two thirds"
    )]
    NotEnoughPower {
        /// The sequencer's address.
        address: account::Id,
        /// Its power.
        power: u64,
        /// All power.
        total: u64,
    },
    /// A header could not be built.
    #[error("the next block's header cannot be built")]
    Header(#[source] Source),
    /// The genesis document could not be written down.
    #[error("the genesis document cannot be encoded")]
    Genesis(#[source] Source),
    /// The chain's time has reached its end.
    #[error("the chain's time cannot grow any more")]
    EndOfTime,
    /// The application panicked.
    #[error("the application panicked")]
    Panicked(#[source] tokio::task::JoinError),
}

impl SoloError {
    pub(crate) fn application(error: impl Into<Source>) -> Self {
        Self::Application(error.into())
    }

    pub(crate) fn header(error: impl Into<Source>) -> Self {
        Self::Header(error.into())
    }

    pub(crate) fn genesis(error: impl Into<Source>) -> Self {
        Self::Genesis(error.into())
    }
}
