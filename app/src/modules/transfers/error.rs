//! Why a transfer is refused.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::name::status_name;
use tessera_proto::pb::assets::v1::AssetStatus;

use crate::modules::fields::FieldError;

/// A refused transfer, or a refused debit of any other operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// A field is malformed.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// Sender and recipient are the same.
    #[error("{account} cannot send units to itself")]
    SelfTransfer {
        /// The account.
        account: Address,
    },
    /// There is no such asset.
    #[error("no asset is registered with id {asset}")]
    UnknownAsset {
        /// The id.
        asset: AssetId,
    },
    /// The asset is not open for issuance and transfer.
    #[error("units of `{name}` cannot move: the asset is {}, not active", status_name(*.status))]
    AssetNotActive {
        /// Name of the asset.
        name: String,
        /// What it is instead.
        status: AssetStatus,
    },
    /// Less is free than is needed.
    #[error(
        "{account} needs {need} base units of `{name}` and has {free} free: {balance} held, \
         {encumbered} encumbered, {frozen} frozen"
    )]
    InsufficientBalance {
        /// Whose holding.
        account: Address,
        /// Name of the asset.
        name: String,
        /// What the operation takes.
        need: Amount,
        /// What may be taken.
        free: Amount,
        /// What is held.
        balance: Amount,
        /// What locks, holds, orders and collateral bind.
        encumbered: Amount,
        /// What is frozen.
        frozen: Amount,
    },
    /// A batch names a recipient twice.
    #[error("{account} appears more than once in the batch, add up its amounts")]
    DuplicateRecipient {
        /// The recipient.
        account: Address,
    },
    /// The legs of a batch add up to more than may exist.
    #[error("the legs add up to more than the largest amount, {max}", max = Amount::MAX)]
    TotalTooLarge,
}

impl TransferError {
    /// Stable number within the codespace.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Field(error) => error.code(),
            Self::SelfTransfer { .. } => 10,
            Self::UnknownAsset { .. } => 11,
            Self::AssetNotActive { .. } => 12,
            Self::InsufficientBalance { .. } => 13,
            Self::DuplicateRecipient { .. } => 14,
            Self::TotalTooLarge => 15,
        }
    }
}

crate::rejection!(TransferError, "transfers");
