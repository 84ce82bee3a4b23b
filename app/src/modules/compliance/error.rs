//! Why something about compliance is refused.

use tessera_proto::amount::Amount;
use tessera_proto::id::Address;

use crate::modules::fields::FieldError;

/// A refused change of identities, claims, rules, restrictions or holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComplianceError {
    /// A field is malformed.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The asset is paused already.
    #[error("`{name}` is paused already")]
    Paused {
        /// Name of the asset.
        name: String,
    },
    /// The asset is not paused.
    #[error("`{name}` is not paused")]
    NotPaused {
        /// Name of the asset.
        name: String,
    },
    /// The holder is frozen already.
    #[error("{account} is frozen for `{name}` already")]
    AlreadyFrozen {
        /// The holder.
        account: Address,
        /// Name of the asset.
        name: String,
    },
    /// The holder is not frozen.
    #[error("{account} is not frozen for `{name}`")]
    NotFrozen {
        /// The holder.
        account: Address,
        /// Name of the asset.
        name: String,
    },
    /// The account belongs to an identity already, or has founded one.
    #[error("{account} belongs to identity {identity} already")]
    HasIdentity {
        /// The account.
        account: Address,
        /// Its identity.
        identity: Address,
    },
    /// The account belongs to no identity.
    #[error("{account} belongs to no identity, register it first")]
    NoIdentity {
        /// The account.
        account: Address,
    },
    /// The wallet is not one of the identity.
    #[error("{wallet} is no wallet of identity {identity}")]
    NotOfIdentity {
        /// The account.
        wallet: Address,
        /// The identity.
        identity: Address,
    },
    /// The signatures of a link are too old, or good for too long.
    #[error(
        "the link is signed for up to block {valid_until_height} and this is block \
         {height}: sign one that ends from now to {max_blocks} blocks ahead"
    )]
    LinkOutOfTime {
        /// Its limit.
        valid_until_height: u64,
        /// Height of the block.
        height: u64,
        /// Most blocks ahead.
        max_blocks: u64,
    },
    /// The wallet has not agreed to the link.
    #[error("the signatures of {wallet} do not agree to join identity {identity}")]
    InvalidLinkSignature {
        /// The wallet.
        wallet: Address,
        /// The identity.
        identity: Address,
    },
    /// The identity has as many wallets as it may.
    #[error("identity {identity} has {max} wallets, unlink one first")]
    TooManyWallets {
        /// The identity.
        identity: Address,
        /// Most wallets.
        max: u32,
    },
    /// The wallet holds what only identities may hold.
    #[error("{wallet} holds units of {assets} regulated assets, move them first")]
    WalletInUse {
        /// The wallet.
        wallet: Address,
        /// How many.
        assets: u64,
    },
    /// An identity keeps at least one wallet.
    #[error("{wallet} is the only wallet of its identity, which would be lost")]
    LastWallet {
        /// The wallet.
        wallet: Address,
    },
    /// Nobody has registered the identity.
    #[error("there is no identity {identity}")]
    UnknownIdentity {
        /// The identity.
        identity: Address,
    },
    /// The claim would be expired from the beginning.
    #[error("the claim ends at {expires_ms} ms and it is {time_ms} ms now")]
    ClaimOver {
        /// Its end.
        expires_ms: u64,
        /// Time of the block.
        time_ms: u64,
    },
    /// A country where none belongs, or none where one does.
    #[error(
        "claims of type COUNTRY have a country and no others do, this one is of type \
         {claim_type}"
    )]
    CountryMisplaced {
        /// Type of the claim.
        claim_type: u32,
    },
    /// The sender has issued no such claim.
    #[error("{issuer} has issued no claim of type {claim_type} about {identity} in this scope")]
    UnknownClaim {
        /// The sender.
        issuer: Address,
        /// Type of the claim.
        claim_type: u32,
        /// The identity.
        identity: Address,
    },
    /// It is revoked from the same time or earlier on.
    #[error("it is revoked from {from_ms} ms on already")]
    AlreadyRevoked {
        /// From when on.
        from_ms: u64,
    },
    /// Only the authority of the chain may do this, or the issuer itself.
    #[error("{sender} may not do this, only {who} may")]
    NotAuthority {
        /// Who tried.
        sender: Address,
        /// Who may.
        who: String,
    },
    /// The asset is not regulated.
    #[error("`{name}` was not registered as regulated, so it has no rules")]
    NotRegulated {
        /// Name of the asset.
        name: String,
    },
    /// The identity holds nothing of the asset.
    #[error("identity {identity} holds nothing of `{name}`")]
    NotAHolder {
        /// The identity.
        identity: Address,
        /// Name of the asset.
        name: String,
    },
    /// Both sides are the same account.
    #[error("{account} is on both sides, name two accounts")]
    SameAccount {
        /// The account.
        account: Address,
    },
    /// Less is held than is to be taken.
    #[error("{account} holds {have} base units of `{name}`, {need} cannot be taken")]
    InsufficientBalance {
        /// Whose holding.
        account: Address,
        /// Name of the asset.
        name: String,
        /// What is held.
        have: Amount,
        /// What is to be taken.
        need: Amount,
    },
    /// The wallets do not belong to one identity.
    #[error("{from} and {to} are not wallets of one identity")]
    NotOneIdentity {
        /// The lost wallet.
        from: Address,
        /// The other one.
        to: Address,
    },
    /// The lost wallet has nothing.
    #[error("{account} has nothing of `{name}` to recover")]
    NothingToRecover {
        /// The lost wallet.
        account: Address,
        /// Name of the asset.
        name: String,
    },
    /// The hold has ended, or would be over from the beginning.
    #[error("hold {number} ends at {expires_ms} ms and it is {time_ms} ms now")]
    HoldOver {
        /// Number of the hold.
        number: u64,
        /// Its end.
        expires_ms: u64,
        /// Time of the block.
        time_ms: u64,
    },
    /// The holding has as many encumbrances as it may.
    #[error("{account} has {max} encumbrances on this asset, end one first")]
    TooManyEncumbrances {
        /// The holder.
        account: Address,
        /// Most allowed.
        max: usize,
    },
    /// There is no such hold.
    #[error("{holder} has no hold {number} on this asset")]
    UnknownHold {
        /// The holder.
        holder: Address,
        /// Number of the hold.
        number: u64,
    },
    /// Only the escrow agent may execute the hold.
    #[error("{sender} may not execute hold {number}, only {escrow} may")]
    NotEscrow {
        /// Who tried.
        sender: Address,
        /// Number of the hold.
        number: u64,
        /// The escrow agent.
        escrow: Address,
    },
    /// The hold has not ended and the sender is no party to it.
    #[error(
        "{sender} may not release hold {number} before {expires_ms} ms: only its escrow \
         agent and its payee may"
    )]
    NotReleasable {
        /// Who tried.
        sender: Address,
        /// Number of the hold.
        number: u64,
        /// Its end.
        expires_ms: u64,
    },
    /// Nothing would change.
    #[error("{account} is not changed by this, it is so already")]
    NoChange {
        /// The account.
        account: Address,
    },
    /// Two rules would share what an identity has one of.
    #[error("there are two rules of kind {kind}, which would defeat each other: give one")]
    RepeatedRule {
        /// Kind of the rules.
        kind: &'static str,
    },
}

impl ComplianceError {
    /// Stable number within the codespace.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Field(error) => error.code(),
            Self::Paused { .. } => 10,
            Self::NotPaused { .. } => 11,
            Self::AlreadyFrozen { .. } => 12,
            Self::NotFrozen { .. } => 13,
            Self::HasIdentity { .. } => 14,
            Self::NoIdentity { .. } => 15,
            Self::NotOfIdentity { .. } => 16,
            Self::LinkOutOfTime { .. } => 17,
            Self::InvalidLinkSignature { .. } => 18,
            Self::TooManyWallets { .. } => 19,
            Self::WalletInUse { .. } => 20,
            Self::LastWallet { .. } => 21,
            Self::UnknownIdentity { .. } => 22,
            Self::ClaimOver { .. } => 23,
            Self::CountryMisplaced { .. } => 24,
            Self::UnknownClaim { .. } => 25,
            Self::AlreadyRevoked { .. } => 26,
            Self::NotAuthority { .. } => 27,
            Self::NotRegulated { .. } => 28,
            Self::NotAHolder { .. } => 29,
            Self::SameAccount { .. } => 30,
            Self::InsufficientBalance { .. } => 31,
            Self::NotOneIdentity { .. } => 32,
            Self::NothingToRecover { .. } => 33,
            Self::HoldOver { .. } => 34,
            Self::TooManyEncumbrances { .. } => 35,
            Self::UnknownHold { .. } => 36,
            Self::NotEscrow { .. } => 37,
            Self::NotReleasable { .. } => 38,
            Self::NoChange { .. } => 39,
            Self::RepeatedRule { .. } => 40,
        }
    }
}

crate::rejection!(ComplianceError, "compliance");
