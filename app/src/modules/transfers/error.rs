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
    /// The agent of the asset has stopped transfers.
    #[error("transfers of `{name}` are paused by its agent")]
    AssetPaused {
        /// Name of the asset.
        name: String,
    },
    /// The agent of the asset has frozen the holder.
    #[error("{account} is frozen by the agent of `{name}` and cannot send it")]
    HolderFrozen {
        /// The holder.
        account: Address,
        /// Name of the asset.
        name: String,
    },
    /// Units of a regulated asset go from identity to identity, not through this operation.
    #[error("`{name}` is regulated, its units can only be transferred under its rules")]
    Regulated {
        /// Name of the asset.
        name: String,
    },
    /// The owner has not approved the sender, or not any more.
    #[error("{owner} has not approved {spender} to send its units of this asset")]
    NotApproved {
        /// Whose units.
        owner: Address,
        /// Who tried.
        spender: Address,
    },
    /// The approval has ended.
    #[error("the approval of {owner} ended at {expires_ms} ms, it is {time_ms} ms now")]
    ApprovalExpired {
        /// Whose units.
        owner: Address,
        /// When it ended.
        expires_ms: u64,
        /// Time of the block.
        time_ms: u64,
    },
    /// The approval is for less.
    #[error("{owner} has approved {left} base units more, this takes {need}")]
    ApprovalTooSmall {
        /// Whose units.
        owner: Address,
        /// What may still be sent.
        left: Amount,
        /// What the operation takes.
        need: Amount,
    },
    /// The owner is denied the chain, so nobody may send its units.
    #[error("{owner} is sanctioned on this chain")]
    OwnerSanctioned {
        /// Whose units.
        owner: Address,
    },
    /// The receiver asks to accept assets first.
    #[error("{account} has not accepted `{name}`, and gets units of it only after that")]
    NotAccepted {
        /// Who would receive.
        account: Address,
        /// Name of the asset.
        name: String,
    },
    /// A pool would hold what stands for its own basket, which nobody could redeem any more.
    #[error("{account} keeps the basket that `{name}` stands for, and cannot hold units of it")]
    OwnPool {
        /// The account of the pool.
        account: Address,
        /// Name of the asset.
        name: String,
    },
    /// Too much binds the holding already.
    #[error(
        "{account} has {max} holds, orders and other encumbrances of this asset, no more units \
         can be held for receivers who have not accepted it"
    )]
    TooManyHeld {
        /// Who sends.
        account: Address,
        /// Most encumbrances of one holding.
        max: usize,
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
            Self::AssetPaused { .. } => 16,
            Self::HolderFrozen { .. } => 17,
            Self::Regulated { .. } => 18,
            Self::NotApproved { .. } => 19,
            Self::ApprovalExpired { .. } => 20,
            Self::ApprovalTooSmall { .. } => 21,
            Self::OwnerSanctioned { .. } => 22,
            Self::NotAccepted { .. } => 23,
            Self::TooManyHeld { .. } => 24,
            Self::OwnPool { .. } => 25,
        }
    }
}

crate::rejection!(TransferError, "transfers");
