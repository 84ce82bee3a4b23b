//! Changes that commute: they may be applied in any order, once for all or one by one.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::votes::v1::VoteChoice;
use tessera_proto::state_key::{HolderBucket, StateKey};

/// A commutative change of one fact. Applying one cannot fail for any reason that a user can
/// bring about: whoever issues it has checked that first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delta {
    /// Units arrive at a holding.
    Credit {
        /// Asset of the units.
        asset: AssetId,
        /// Who receives them.
        account: Address,
        /// How many base units.
        amount: Amount,
    },
    /// An account began or ceased to hold an asset.
    HolderCount {
        /// The asset.
        asset: AssetId,
        /// Whether it began.
        joined: bool,
    },
    /// An identity began or ceased to be counted among the holders of a regulated asset.
    HolderBucket {
        /// The asset.
        asset: AssetId,
        /// Which counter.
        bucket: HolderBucket,
        /// Whether it began.
        joined: bool,
    },
    /// An account began or ceased to hold a regulated asset.
    WalletUse {
        /// The account.
        account: Address,
        /// Whether it began.
        joined: bool,
    },
    /// A fee was collected.
    Fee {
        /// Base units of the fee currency.
        amount: Amount,
    },
    /// Weight was given to or taken from an answer.
    Tally {
        /// Asset of the proposal.
        asset: AssetId,
        /// Number of the proposal.
        proposal: u64,
        /// The answer.
        choice: VoteChoice,
        /// Base units of weight.
        weight: Amount,
        /// Whether the weight is taken away, because the voter changed the answer.
        retracted: bool,
    },
    /// A payment was put aside for a list of royalty recipients.
    RoyaltyReceipts {
        /// Whose list it is.
        asset: AssetId,
        /// Number of the list.
        list: u64,
        /// What was paid.
        currency: AssetId,
        /// How many base units.
        amount: Amount,
    },
}

impl Delta {
    /// This one and another of the same key as one, where one stands for both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Option<Self> {
        match (*self, *other) {
            (Self::Fee { amount: one }, Self::Fee { amount: other }) => {
                one.checked_add(other).map(|amount| Self::Fee { amount })
            }
            _ => None,
        }
    }

    /// The key that it changes.
    #[must_use]
    pub fn key(&self) -> StateKey {
        match self {
            Self::Credit { asset, account, .. } => StateKey::holding(asset, account),
            Self::HolderCount { asset, .. } => StateKey::asset_totals(asset),
            Self::HolderBucket { asset, bucket, .. } => StateKey::holder_counter(asset, *bucket),
            Self::WalletUse { account, .. } => StateKey::wallet_use(account),
            Self::Fee { .. } => StateKey::fee_pot(),
            Self::Tally { asset, proposal, .. } => StateKey::tally(asset, *proposal),
            Self::RoyaltyReceipts { asset, list, currency, .. } => {
                StateKey::royalty_receipts(asset, *list, currency)
            }
        }
    }
}
