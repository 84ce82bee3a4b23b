//! Who may hold and move units of regulated assets: identities, claims about them, and what the
//! rules of an asset make of both. It has no messages of its own; `compliance` writes the facts,
//! `transfers` asks before units move.
//!
//! # State
//! | leaf | key | written by |
//! |---|---|---|
//! | wallet | account | `RegisterIdentity`, `LinkWallet`, `UnlinkWallet`, `SetSanction` |
//! | wallet use | account | whatever makes or ends a holding of a regulated asset |
//! | claim | identity, hash of type, issuer and scope | `IssueClaim`, `RevokeClaim` |
//! | claim issuer | address | `RevokeIssuer` |
//! | rule set | asset | `SetRules` |
//! | holder record | asset, identity | whatever moves units of a regulated asset |
//! | holder counter | asset, bucket | the same |
//!
//! # Invariants
//! * Units of a regulated asset are in wallets of identities only.
//! * The balance of a holder record is the sum of the balances of the identity's wallets.
//! * A holder counter is the number of holder records with a balance above zero that say its
//!   claim type or country. Both are kept from the first unit on, whatever the rules.

mod assess;
mod claims;
mod counters;
mod declare;
mod error;
mod persons;
mod record;
mod rules;
mod verdicts;

pub use assess::Verdict;
pub(crate) use assess::{Movement, Scope, assess};
pub(crate) use claims::{identity_of, is_denied, require_allowed, wallet};
pub(crate) use counters::{apply_holder_bucket, apply_wallet_use};
pub(crate) use declare::{Parties, declare, declare_person};
pub use error::EligibilityError;
pub(crate) use persons::refresh;
pub(crate) use record::{load as load_record, store as store_record};
pub use rules::{MAX_COUNTRIES, MAX_RULES, MAX_TRUSTED, Rules};
pub(crate) use rules::{claim_type, country, load_rules, repeated_kind, rule_kind, split_limits};
