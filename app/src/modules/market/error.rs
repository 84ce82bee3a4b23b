//! Why something about an offer is refused.

use tessera_proto::id::{Address, AssetId};

use crate::modules::fields::FieldError;

/// A refused offer, acceptance or cancellation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarketError {
    /// A field is malformed.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// Asset and currency are the same.
    #[error("units of {asset} cannot be sold for units of the same, name another currency")]
    SoldForItself {
        /// The asset.
        asset: AssetId,
    },
    /// The seller is the only one who could buy.
    #[error("{account} cannot sell to itself")]
    SoldToOneself {
        /// Seller and buyer.
        account: Address,
    },
    /// The offer could never be accepted.
    #[error("the offer would expire at {expires_ms} ms, and it is {now_ms} ms already")]
    AlreadyExpired {
        /// End of the offer.
        expires_ms: u64,
        /// Time of the block.
        now_ms: u64,
    },
    /// The seller has an offer of that number.
    #[error("{seller} has offer {number} of `{name}` open already, choose another number")]
    NumberTaken {
        /// Who sells.
        seller: Address,
        /// Number of the offer.
        number: u64,
        /// Name of the asset.
        name: String,
    },
    /// There is no such offer.
    #[error("{seller} has no offer {number} of {asset}: it was never made, accepted or cancelled")]
    UnknownOffer {
        /// Who sells.
        seller: Address,
        /// Number of the offer.
        number: u64,
        /// The asset.
        asset: AssetId,
    },
    /// The offer has other terms than the buyer has signed.
    #[error("offer {number} has other terms: {amount} base units for {price} of {currency}")]
    TermsDiffer {
        /// Number of the offer.
        number: u64,
        /// What is offered.
        amount: String,
        /// What it costs.
        price: String,
        /// Currency of the price.
        currency: AssetId,
    },
    /// The offer is over.
    #[error("offer {number} expired at {expires_ms} ms, it is {now_ms} ms")]
    Expired {
        /// Number of the offer.
        number: u64,
        /// End of the offer.
        expires_ms: u64,
        /// Time of the block.
        now_ms: u64,
    },
    /// The offer is for somebody else.
    #[error("offer {number} is for {buyer} only, not for {account}")]
    ForAnotherBuyer {
        /// Number of the offer.
        number: u64,
        /// Who may accept.
        buyer: Address,
        /// Who wanted to.
        account: Address,
    },
    /// Somebody else's offer has not expired.
    #[error("only {seller} may cancel offer {number} before it expires at {expires_ms} ms")]
    NotYours {
        /// Who sells.
        seller: Address,
        /// Number of the offer.
        number: u64,
        /// End of the offer.
        expires_ms: u64,
    },
    /// An agent has frozen, recovered or taken the units.
    #[error("the units of offer {number} were released by an agent, {seller} must offer anew")]
    UnitsReleased {
        /// Who sells.
        seller: Address,
        /// Number of the offer.
        number: u64,
    },
}

impl MarketError {
    /// Stable number within the codespace.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Field(error) => error.code(),
            Self::SoldForItself { .. } => 10,
            Self::SoldToOneself { .. } => 11,
            Self::AlreadyExpired { .. } => 12,
            Self::NumberTaken { .. } => 13,
            Self::UnknownOffer { .. } => 14,
            Self::TermsDiffer { .. } => 15,
            Self::Expired { .. } => 16,
            Self::ForAnotherBuyer { .. } => 17,
            Self::NotYours { .. } => 18,
            Self::UnitsReleased { .. } => 19,
        }
    }
}

crate::rejection!(MarketError, "market");
