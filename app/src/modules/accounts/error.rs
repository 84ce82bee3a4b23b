//! Why something about an account is refused.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};

use crate::modules::fields::FieldError;

/// A refused change of an account, or a transaction that its account does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// A field is malformed.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The keys of an authority are not in ascending order, or one appears twice.
    #[error("key {key} does not come after the key before it, sort the keys and give each once")]
    KeysNotAscending {
        /// The key, in hexadecimal.
        key: String,
    },
    /// The bytes are no Ed25519 public key, so nobody could sign with it.
    #[error("{key} is not an Ed25519 public key")]
    InvalidKey {
        /// The bytes, in hexadecimal.
        key: String,
    },
    /// The weights cannot reach the threshold, or nothing at all does.
    #[error("threshold is {threshold}, expected 1 to the sum of all weights, {total}")]
    ThresholdOutOfReach {
        /// The threshold given.
        threshold: u32,
        /// Sum of all weights.
        total: u32,
    },
    /// A key that may not sign for the account has signed.
    #[error("key {key} may not sign for {account}")]
    UnknownSigner {
        /// The account.
        account: Address,
        /// The key, in hexadecimal.
        key: String,
    },
    /// A key has signed twice.
    #[error("key {key} has signed more than once, one signature of each key counts")]
    DuplicateSigner {
        /// The key, in hexadecimal.
        key: String,
    },
    /// Not enough keys have signed.
    #[error("the signatures for {account} have weight {have}, need {need}: let more keys sign")]
    NotEnoughWeight {
        /// The account.
        account: Address,
        /// Weight of those who signed.
        have: u32,
        /// Weight that is needed.
        need: u32,
    },
    /// The chain denies the account everything.
    #[error("{account} is sanctioned, this chain takes no transactions of it")]
    Sanctioned {
        /// The account.
        account: Address,
    },
    /// Another sequence number is next.
    #[error("nonce of lane {lane} of {account} is {have}, the next one is {want}")]
    NonceMismatch {
        /// The account.
        account: Address,
        /// The lane.
        lane: u32,
        /// The nonce given.
        have: u64,
        /// The nonce that the lane expects.
        want: u64,
    },
    /// The account uses as many lanes as it may.
    #[error("{account} uses {max} nonce lanes already, use one of them instead of lane {lane}")]
    TooManyLanes {
        /// The account.
        account: Address,
        /// The new lane.
        lane: u32,
        /// Most lanes of an account.
        max: usize,
    },
    /// A lane has come to the end of its numbers.
    #[error("lane {lane} of {account} has used all its nonces, use another lane")]
    LaneExhausted {
        /// The account.
        account: Address,
        /// The lane.
        lane: u32,
    },
    /// The payer has set nothing aside for the sender.
    #[error("{payer} has set no fees aside for {sender}; send it without a payer, or ask for them")]
    NotSponsored {
        /// Who should pay.
        payer: Address,
        /// Who sends.
        sender: Address,
    },
    /// The sponsorship has ended.
    #[error("{payer} pays fees until {expires_ms} ms, it is {time_ms} ms now")]
    SponsorshipOver {
        /// Who should pay.
        payer: Address,
        /// First millisecond without it.
        expires_ms: u64,
        /// Time of the block.
        time_ms: u64,
    },
    /// The sponsorship is for other operations.
    #[error("{payer} does not pay fees of transactions with the operation {operation}")]
    OperationNotSponsored {
        /// Who should pay.
        payer: Address,
        /// Name of the operation.
        operation: &'static str,
    },
    /// The fee is more than is left.
    #[error("{payer} has {have} base units of fees set aside and the transaction costs {need}")]
    SponsorshipExhausted {
        /// Who should pay.
        payer: Address,
        /// What is left.
        have: Amount,
        /// The fee.
        need: Amount,
    },
    /// It takes another account.
    #[error("{account} cannot be both sides of this, name another account")]
    Oneself {
        /// The account.
        account: Address,
    },
    /// It would be over before it begins.
    #[error("this would end at {expires_ms} ms, it is {time_ms} ms now: choose a later end")]
    AlreadyOver {
        /// First millisecond after it.
        expires_ms: u64,
        /// Time of the block.
        time_ms: u64,
    },
    /// Less is prepaid than is to be set aside.
    #[error("{have} base units of fees can be set aside and {need} should be: top up first")]
    CreditTooSmall {
        /// What is prepaid, with what was set aside for the account before.
        have: Amount,
        /// What should be set aside.
        need: Amount,
    },
    /// No operation that can be meant here has this name.
    #[error("`{name}` is not the name of an operation that this can be for, like `Transfer`")]
    UnknownOperationName {
        /// The name given, perhaps cut.
        name: String,
    },
    /// Names of operations are out of order.
    #[error("`{name}` does not come after the name before it, sort them and give each once")]
    OperationsNotAscending {
        /// The name.
        name: String,
    },
    /// Nobody has been allowed that.
    #[error("{principal} has not given {account} a mandate")]
    NoMandate {
        /// For whom.
        principal: Address,
        /// Who would act.
        account: Address,
    },
    /// The mandate has ended.
    #[error("the mandate of {principal} ended at {expires_ms} ms, it is {time_ms} ms now")]
    MandateOver {
        /// For whom.
        principal: Address,
        /// First millisecond without it.
        expires_ms: u64,
        /// Time of the block.
        time_ms: u64,
    },
    /// The mandate is for other operations.
    #[error("the mandate of {principal} does not cover the operation {operation}")]
    OperationNotCovered {
        /// For whom.
        principal: Address,
        /// Name of the operation.
        operation: &'static str,
    },
    /// The mandate is for another asset.
    #[error("the mandate of {principal} does not cover {asset}")]
    AssetNotCovered {
        /// For whom.
        principal: Address,
        /// What the operation takes or is about.
        asset: AssetId,
    },
    /// The mandate is for less.
    #[error("{left} base units of `{name}` may still be spent, this takes {need}")]
    SpendLimitExceeded {
        /// Name of the asset.
        name: String,
        /// What may still be spent.
        left: Amount,
        /// What the operation takes.
        need: Amount,
    },
    /// The bytes are no operation that one account can do for another.
    #[error("`operation` is not one that can be done for another account, canonically encoded")]
    NotDelegable,
}

impl AccountError {
    /// Stable number within the codespace.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Field(error) => error.code(),
            Self::KeysNotAscending { .. } => 10,
            Self::InvalidKey { .. } => 11,
            Self::ThresholdOutOfReach { .. } => 12,
            Self::UnknownSigner { .. } => 13,
            Self::DuplicateSigner { .. } => 14,
            Self::NotEnoughWeight { .. } => 15,
            Self::NonceMismatch { .. } => 16,
            Self::TooManyLanes { .. } => 17,
            Self::LaneExhausted { .. } => 18,
            Self::Sanctioned { .. } => 19,
            Self::NotSponsored { .. } => 20,
            Self::SponsorshipOver { .. } => 21,
            Self::OperationNotSponsored { .. } => 22,
            Self::SponsorshipExhausted { .. } => 23,
            Self::Oneself { .. } => 24,
            Self::AlreadyOver { .. } => 25,
            Self::CreditTooSmall { .. } => 26,
            Self::UnknownOperationName { .. } => 27,
            Self::OperationsNotAscending { .. } => 28,
            Self::NoMandate { .. } => 29,
            Self::MandateOver { .. } => 30,
            Self::OperationNotCovered { .. } => 31,
            Self::AssetNotCovered { .. } => 32,
            Self::SpendLimitExceeded { .. } => 33,
            Self::NotDelegable => 34,
        }
    }
}

crate::rejection!(AccountError, "accounts");
