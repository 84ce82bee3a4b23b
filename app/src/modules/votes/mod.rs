//! Votes of the holders of an asset, and what they decide.
//!
//! The closing balances of the block that includes a proposal are its record: votes weigh what
//! was held then, so units bought, sold or lent later vote for nobody a second time.
//!
//! # State
//! | leaf | key | written by |
//! |---|---|---|
//! | proposal | asset, number | `SubmitProposal`, `CloseProposal` |
//! | tally | asset, number | `CastVote`, by commutative adds |
//! | vote | asset, number, account | `CastVote` |
//! | asset (record heights, number of proposals) | asset | `SubmitProposal` |
//!
//! # Invariants
//! * A tally is the sum of all votes, never more than the supply at the record.
//! * A proposal is closed once, and its outcome is carried out at most once.

mod cast_vote;
mod close_proposal;
mod error;
mod outcome;
mod submit_proposal;
mod tally;
#[cfg(test)]
mod tests;

pub use cast_vote::CastVote;
pub use close_proposal::CloseProposal;
pub use error::VoteError;
pub use outcome::Outcome;
pub use submit_proposal::{MAX_VOTING_PERIOD_BLOCKS, SubmitProposal};
pub(crate) use tally::apply_tally;
