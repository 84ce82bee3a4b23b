//! Why something about royalties is refused.

use tessera_proto::id::{Address, AssetId};

use super::claim_royalty::MAX_TAKEN_CURRENCIES;
use super::list_facts::MAX_LIST_CURRENCIES;
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
    /// A page that is not the first needs a list to add to.
    #[error("no list of recipients of `{name}` has been begun, send its first page as such")]
    NoListBegun {
        /// Name of the asset.
        name: String,
    },
    /// Not on the list.
    #[error("{account} is not on list {list} of those who receive royalties of `{name}`")]
    NotARecipient {
        /// Who claims.
        account: Address,
        /// Name of the asset.
        name: String,
        /// Number of the list.
        list: u64,
    },
    /// There is no royalty to claim.
    #[error("{account} has no royalty of `{name}` to claim in {currency}")]
    NothingToClaim {
        /// Who claims.
        account: Address,
        /// Name of the asset.
        name: String,
        /// Id of the currency.
        currency: AssetId,
    },
    /// The recipient has collected in as many currencies as it may.
    #[error(
        "{account} has claimed royalties of `{name}` in {MAX_TAKEN_CURRENCIES} currencies, that \
         is as many as are counted"
    )]
    TooManyCurrencies {
        /// Who claims.
        account: Address,
        /// Name of the asset.
        name: String,
    },
    /// Recipients of a list that is paid, or may come to be paid, stay.
    #[error("list {list} of those who receive royalties of `{name}` is in force or being written")]
    ListInUse {
        /// Name of the asset.
        name: String,
        /// Number of the list.
        list: u64,
    },
    /// Nobody can tell whether a recipient has something to claim.
    #[error(
        "list {list} of those who receive royalties of `{name}` was paid in more than \
         {MAX_LIST_CURRENCIES} currencies, nobody is removed from it"
    )]
    TooManyListCurrencies {
        /// Name of the asset.
        name: String,
        /// Number of the list.
        list: u64,
    },
    /// None of those named can be removed.
    #[error("none of them is on list {list} of `{name}` with nothing to claim")]
    NothingToPrune {
        /// Name of the asset.
        name: String,
        /// Number of the list.
        list: u64,
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
            Self::NoListBegun { .. } => 13,
            Self::NotARecipient { .. } => 14,
            Self::NothingToClaim { .. } => 15,
            Self::TooManyCurrencies { .. } => 16,
            Self::ListInUse { .. } => 17,
            Self::TooManyListCurrencies { .. } => 18,
            Self::NothingToPrune { .. } => 19,
        }
    }
}

crate::rejection!(RoyaltyError, "royalties");
