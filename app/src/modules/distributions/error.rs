//! Why something about income is refused.

use tessera_proto::id::{Address, AssetId};

use super::pay_income::MAX_INCOME_CURRENCIES;
use crate::modules::fields::FieldError;

/// A refused payment or claim of income.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DistributionError {
    /// A field is malformed.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// Asset and currency are the same.
    #[error("income of {asset} cannot be paid in its own units, use another currency")]
    PaidInOwnUnits {
        /// The asset.
        asset: AssetId,
    },
    /// Nobody holds a unit.
    #[error("`{name}` has no units yet, so nobody could receive its income")]
    NoUnits {
        /// Name of the asset.
        name: String,
    },
    /// The asset has income in as many currencies as it may.
    #[error(
        "`{name}` has income in {MAX_INCOME_CURRENCIES} currencies already, pay in one of them \
         instead of `{currency}`"
    )]
    TooManyCurrencies {
        /// Name of the asset.
        name: String,
        /// Name of the currency.
        currency: String,
    },
    /// Only the issuer may pay in a new currency.
    #[error(
        "`{name}` has no income in `{currency}` yet: the first payment in it must come from the \
         issuer, {issuer}"
    )]
    CurrencyNotOpened {
        /// Name of the asset.
        name: String,
        /// Name of the currency.
        currency: String,
        /// Who may.
        issuer: Address,
    },
    /// The index has no room for the payment.
    #[error("`{name}` has received as much income in `{currency}` as can be counted")]
    IndexExhausted {
        /// Name of the asset.
        name: String,
        /// Name of the currency.
        currency: String,
    },
    /// There is no income to claim.
    #[error("{account} has no income of `{name}` to claim in {currency}")]
    NothingToClaim {
        /// Who claims.
        account: Address,
        /// Name of the asset.
        name: String,
        /// Id of the currency.
        currency: AssetId,
    },
}

impl DistributionError {
    /// Stable number within the codespace.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Field(error) => error.code(),
            Self::PaidInOwnUnits { .. } => 10,
            Self::NoUnits { .. } => 11,
            Self::TooManyCurrencies { .. } => 12,
            Self::CurrencyNotOpened { .. } => 13,
            Self::IndexExhausted { .. } => 14,
            Self::NothingToClaim { .. } => 15,
        }
    }
}

crate::rejection!(DistributionError, "distributions");
