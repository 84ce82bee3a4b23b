//! Why something about royalties is refused.

use tessera_proto::id::Address;

use crate::modules::fields::FieldError;
use crate::num::FULL_BPS;

/// A refused schedule or payment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoyaltyError {
    /// A field is malformed.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The recipients are not in ascending order, or one appears twice.
    #[error("{account} does not come after the recipient before it, sort and give each once")]
    SharesNotAscending {
        /// The recipient.
        account: Address,
    },
    /// The shares are more or less than the whole.
    #[error("the shares add up to {sum} basis points, expected {FULL_BPS}")]
    SharesMustBeWhole {
        /// Sum of the shares given.
        sum: u32,
    },
    /// Nobody has said who receives royalties.
    #[error("`{name}` has no royalty schedule, its issuer must set one first")]
    NoSchedule {
        /// Name of the asset.
        name: String,
    },
}

impl RoyaltyError {
    /// Stable number within the codespace.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Field(error) => error.code(),
            Self::SharesNotAscending { .. } => 10,
            Self::SharesMustBeWhole { .. } => 11,
            Self::NoSchedule { .. } => 12,
        }
    }
}

crate::rejection!(RoyaltyError, "royalties");
