//! Why the rules of an asset refuse a movement.

use tessera_proto::amount::Amount;
use tessera_proto::id::Address;

/// A movement that the rules of a regulated asset do not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EligibilityError {
    /// Nobody has said yet whose claims count.
    #[error("`{name}` is regulated and has no rules yet, its issuer must set them first")]
    NoRules {
        /// Name of the asset.
        name: String,
    },
    /// The account belongs to no identity.
    #[error("{account} belongs to no identity, and `{name}` is held by identities only")]
    NoIdentity {
        /// The account.
        account: Address,
        /// Name of the asset.
        name: String,
    },
    /// The chain denies the account everything.
    #[error("{account} is sanctioned on this chain")]
    Sanctioned {
        /// The account.
        account: Address,
    },
    /// The agent of the asset has frozen the receiver.
    #[error("{account} is frozen and cannot receive `{name}`")]
    ReceiverFrozen {
        /// The receiver.
        account: Address,
        /// Name of the asset.
        name: String,
    },
    /// A claim that a rule asks for is not there or not valid.
    #[error("rule {rule} asks {account} for claims, missing or expired: {missing}")]
    ClaimsMissing {
        /// Whose identity.
        account: Address,
        /// Number of the rule, from 1.
        rule: u32,
        /// The claim types.
        missing: String,
    },
    /// A claim is there that a rule does not allow.
    #[error("rule {rule} refuses {account} because of claims: {found}")]
    ClaimsForbidden {
        /// Whose identity.
        account: Address,
        /// Number of the rule, from 1.
        rule: u32,
        /// The claim types.
        found: String,
    },
    /// A rule asks for a country and no valid claim tells one.
    #[error("rule {rule} asks for the country of {account}, and no valid claim tells it")]
    NoCountry {
        /// Whose identity.
        account: Address,
        /// Number of the rule, from 1.
        rule: u32,
    },
    /// The country is not allowed.
    #[error("rule {rule} does not allow country {country} of {account}")]
    CountryNotAllowed {
        /// Whose identity.
        account: Address,
        /// The country.
        country: String,
        /// Number of the rule, from 1.
        rule: u32,
    },
    /// One more identity would hold the asset than may.
    #[error("rule {rule} allows {max} holders of `{name}` ({what}), this makes {holders}")]
    TooManyHolders {
        /// Name of the asset.
        name: String,
        /// Number of the rule, from 1.
        rule: u32,
        /// Which holders count.
        what: String,
        /// Most allowed.
        max: u64,
        /// How many there would be.
        holders: u64,
    },
    /// The identity would hold more than one may.
    #[error(
        "rule {rule} allows {max} base units of `{name}` to an identity, {account} would have \
         {after}"
    )]
    BalanceAboveLimit {
        /// Whose identity.
        account: Address,
        /// Name of the asset.
        name: String,
        /// Number of the rule, from 1.
        rule: u32,
        /// What the identity would hold.
        after: Amount,
        /// Most allowed.
        max: Amount,
    },
    /// The identity would send more than it may within a window.
    #[error(
        "rule {rule} allows {max} base units of `{name}` to be sent until {until_ms} ms, \
         {account} would have sent {sent}"
    )]
    TooMuchSent {
        /// Whose identity.
        account: Address,
        /// Name of the asset.
        name: String,
        /// Number of the rule, from 1.
        rule: u32,
        /// What would have been sent.
        sent: Amount,
        /// Most allowed.
        max: Amount,
        /// End of the window.
        until_ms: u64,
    },
    /// Units arrived too short ago.
    #[error(
        "rule {rule} locks units of `{name}` until {until_ms} ms: {account} may send {unlocked} \
         base units and needs {need}"
    )]
    LockedUp {
        /// Whose identity.
        account: Address,
        /// Name of the asset.
        name: String,
        /// Number of the rule, from 1.
        rule: u32,
        /// What is to be sent.
        need: Amount,
        /// What may be sent.
        unlocked: Amount,
        /// When the next units may be.
        until_ms: u64,
    },
}

impl EligibilityError {
    /// Stable number within the codespace.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::NoRules { .. } => 10,
            Self::NoIdentity { .. } => 11,
            Self::Sanctioned { .. } => 12,
            Self::ReceiverFrozen { .. } => 13,
            Self::ClaimsMissing { .. } => 14,
            Self::ClaimsForbidden { .. } => 15,
            Self::NoCountry { .. } => 16,
            Self::CountryNotAllowed { .. } => 17,
            Self::TooManyHolders { .. } => 18,
            Self::BalanceAboveLimit { .. } => 19,
            Self::TooMuchSent { .. } => 20,
            Self::LockedUp { .. } => 21,
        }
    }
}

crate::rejection!(EligibilityError, "eligibility");
