//! Why something about an account is refused.

use tessera_proto::id::Address;

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
        }
    }
}

crate::rejection!(AccountError, "accounts");
