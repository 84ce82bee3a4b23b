//! Votes of the holders of an asset, and what they decide.
//!
//! The closing balances of the block that includes a proposal are its record: votes weigh what
//! was held then, so units bought, sold or lent later vote for nobody a second time.
//!
//! # State
//! | leaf | key | written by |
//! |---|---|---|
//! | proposal | asset, number | `SubmitProposal`, `CloseProposal`, `ExecuteProposal` |
//! | tally | asset, number | `CastVote`, by commutative adds |
//! | vote | asset, number, account | `CastVote` |
//! | voting rules | asset | `SetVotingRules`, a vote |
//! | delegation | asset, account | `DelegateVotes` |
//! | grant | asset, number of its proposal | votes, `ClaimGrant` |
//! | asset (record heights, number of proposals) | asset | `SubmitProposal` |
//! | params | | a vote of the governance asset |
//! | upgrade | | a vote of the governance asset |
//!
//! What an organisation does itself (status, rules, appraisal, appraisers, sanctions) it does from
//! its treasury account, with the roles that this was given: so nobody's power grows by a vote.
//!
//! # Invariants
//! * A tally is the sum of all votes, never more than the supply at the record.
//! * A proposal is closed once, and its outcome is carried out at most once.
//! * The deposit pool of an asset holds the deposits of its open proposals; the pool of a grant
//!   holds what of it has not been paid.

mod acts;
mod cast_vote;
mod claim_grant;
mod close_proposal;
mod delegate_votes;
mod error;
mod execute_proposal;
mod grants;
mod outcome;
#[cfg(test)]
mod rule_tests;
mod rules;
mod set_voting_rules;
mod submit_proposal;
mod tally;
#[cfg(test)]
mod tests;
mod upgrade;

pub use acts::Act;
pub use cast_vote::{CastVote, MAX_DELEGATORS};
pub use claim_grant::ClaimGrant;
pub use close_proposal::CloseProposal;
pub use delegate_votes::DelegateVotes;
pub use error::VoteError;
pub use execute_proposal::ExecuteProposal;
pub use grants::{GrantPlan, GrantTerms, MAX_MILESTONES};
pub use outcome::Outcome;
pub use rules::{MAX_WAIT_BLOCKS, VotingRules};
pub use set_voting_rules::SetVotingRules;
pub use submit_proposal::{MAX_VOTING_PERIOD_BLOCKS, SubmitProposal};
pub(crate) use tally::apply_tally;
pub use upgrade::{FIRST_VERSION, UpgradeTerms, version_at};
