//! Why something about the register is refused.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::name::NameError;

use crate::modules::fields::FieldError;

/// A refused change of the register, or a use of an asset that its facts do not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssetError {
    /// A field is malformed.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The name cannot be the name of an asset.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no such asset.
    #[error("no asset is registered with id {asset}")]
    UnknownAsset {
        /// The id.
        asset: AssetId,
    },
    /// The sender has registered an asset with this salt before.
    #[error("{asset} is registered already as `{name}`, use another salt for another asset")]
    AlreadyRegistered {
        /// The id that the salt gives.
        asset: AssetId,
        /// Name of the asset that has it.
        name: String,
    },
    /// Another asset has the name.
    #[error("name `{name}` belongs to {owner}, choose another")]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        owner: AssetId,
    },
    /// Only the issuer may do this.
    #[error("{sender} is not the issuer of `{name}`, only {issuer} may do this")]
    NotIssuer {
        /// Who tried.
        sender: Address,
        /// Name of the asset.
        name: String,
        /// Who may.
        issuer: Address,
    },
    /// The asset has been activated before.
    #[error("`{name}` is active already")]
    AlreadyActive {
        /// Name of the asset.
        name: String,
    },
    /// The asset is not open for issuance.
    #[error("`{name}` is not active yet, its issuer must activate it first")]
    NotActive {
        /// Name of the asset.
        name: String,
    },
    /// No recent appraisal is valid at the time of the block.
    #[error("`{name}` has no appraisal that is valid at {time_ms} ms, append one first")]
    NoValidAppraisal {
        /// Name of the asset.
        name: String,
        /// Time of the block, in milliseconds since the Unix epoch.
        time_ms: u64,
    },
    /// More units than may ever exist.
    #[error(
        "{amount} more base units of `{name}` would exceed its maximum supply: {supply} of \
         {max_supply} exist"
    )]
    MaxSupplyExceeded {
        /// Name of the asset.
        name: String,
        /// Units to issue.
        amount: Amount,
        /// Units that exist.
        supply: Amount,
        /// Most units that may ever exist.
        max_supply: Amount,
    },
    /// Something else stands where a settlement currency must.
    #[error("`{name}` is not a currency, use an asset of class CURRENCY")]
    NotACurrency {
        /// Name of the asset.
        name: String,
    },
    /// The bytes are not the canonical encoding of an appraisal.
    #[error("`appraisal` is not a canonical encoding of an Appraisal message")]
    MalformedAppraisal,
    /// The appraisal ends before it begins.
    #[error("appraisal is valid from {from_ms} ms to {to_ms} ms, expected a later end")]
    ValidityIsEmpty {
        /// First millisecond.
        from_ms: u64,
        /// First millisecond after it.
        to_ms: u64,
    },
    /// Nobody has accredited the appraiser.
    #[error("{appraiser} is not an accredited appraiser")]
    AppraiserNotAccredited {
        /// Who appraised.
        appraiser: Address,
    },
    /// The validity of the appraisal is over.
    #[error("appraisal was valid until {to_ms} ms, it is {time_ms} ms now")]
    AppraisalExpired {
        /// First millisecond after its validity.
        to_ms: u64,
        /// Time of the block.
        time_ms: u64,
    },
    /// The history has an appraisal that is as new or newer.
    #[error(
        "appraisal is valid from {from_ms} ms, but `{name}` has one valid from {latest_ms} ms: \
         expected a later one"
    )]
    AppraisalNotNewer {
        /// Name of the asset.
        name: String,
        /// Beginning of validity.
        from_ms: u64,
        /// That of the latest appraisal.
        latest_ms: u64,
    },
    /// The key does not speak for the appraiser.
    #[error("key {key} alone may not sign for appraiser {appraiser}")]
    KeyIsNotAppraisers {
        /// The key, in hexadecimal.
        key: String,
        /// The appraiser.
        appraiser: Address,
    },
    /// The signature does not match.
    #[error(
        "signature of {appraiser} does not match this appraisal of `{name}` on this chain: sign \
         it again"
    )]
    InvalidSignature {
        /// The appraiser.
        appraiser: Address,
        /// Name of the asset.
        name: String,
    },
}

impl AssetError {
    /// Stable number within the codespace.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Field(error) => error.code(),
            Self::Name(_) => 10,
            Self::UnknownAsset { .. } => 11,
            Self::AlreadyRegistered { .. } => 12,
            Self::NameTaken { .. } => 13,
            Self::NotIssuer { .. } => 14,
            Self::AlreadyActive { .. } => 15,
            Self::NotActive { .. } => 16,
            Self::NoValidAppraisal { .. } => 17,
            Self::MaxSupplyExceeded { .. } => 18,
            Self::NotACurrency { .. } => 19,
            Self::MalformedAppraisal => 20,
            Self::ValidityIsEmpty { .. } => 21,
            Self::AppraiserNotAccredited { .. } => 22,
            Self::AppraisalExpired { .. } => 23,
            Self::AppraisalNotNewer { .. } => 24,
            Self::KeyIsNotAppraisers { .. } => 25,
            Self::InvalidSignature { .. } => 26,
        }
    }
}

crate::rejection!(AssetError, "assets");
