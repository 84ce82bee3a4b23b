//! How each fact is encoded in the state.
//!
//! A leaf is one version byte and a payload, so it is never empty. Holdings and their copies,
//! which every transfer reads, are fixed binary; everything else is its protobuf message.

use bytes::{Buf, Bytes};
use prost::Message;

use crate::amount::Amount;
use crate::id::AssetId;
use crate::pb;
use crate::split::{InUnits, SplitFactor};

/// Version byte of every encoding so far.
const VERSION_1: u8 = 1;

/// Why the bytes of a leaf could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// No bytes, or a version that this build does not know.
    #[error("leaf has version {found:?}, this build knows version 1")]
    UnknownVersion {
        /// The first byte, if there is one.
        found: Option<u8>,
    },
    /// The payload is not of its kind.
    #[error("leaf of kind {kind} is malformed")]
    Malformed {
        /// Name of the kind.
        kind: &'static str,
    },
}

/// A fact that can stand in the state.
pub trait Leaf: Sized {
    /// Name of the kind, for error messages.
    const KIND: &'static str;

    /// Writes the payload, without the version byte.
    fn write_payload(&self, buffer: &mut Vec<u8>);

    /// Reads the payload; none when it is malformed.
    fn read_payload(payload: &[u8]) -> Option<Self>;

    /// The bytes as they stand in the state.
    fn to_leaf_bytes(&self) -> Bytes {
        let mut buffer = Vec::with_capacity(80);
        buffer.push(VERSION_1);
        self.write_payload(&mut buffer);
        buffer.into()
    }

    /// Reads the bytes of a leaf.
    ///
    /// # Errors
    /// In order of precedence: [`LeafError::UnknownVersion`], [`LeafError::Malformed`].
    fn from_leaf_bytes(bytes: &[u8]) -> Result<Self, LeafError> {
        match bytes.split_first() {
            Some((&VERSION_1, payload)) => {
                Self::read_payload(payload).ok_or(LeafError::Malformed { kind: Self::KIND })
            }
            other => Err(LeafError::UnknownVersion { found: other.map(|(version, _)| *version) }),
        }
    }
}

macro_rules! message_leaves {
    ($($message:ty => $kind:literal),+ $(,)?) => {$(
        impl Leaf for $message {
            const KIND: &'static str = $kind;

            fn write_payload(&self, buffer: &mut Vec<u8>) {
                self.encode_raw(buffer);
            }

            fn read_payload(payload: &[u8]) -> Option<Self> {
                Self::decode(payload).ok()
            }
        }
    )+};
}

message_leaves! {
    pb::chain::v1::Params => "params",
    pb::chain::v1::FeePot => "fee pot",
    pb::votes::v1::Upgrade => "upgrade",
    pb::accounts::v1::Account => "account",
    pb::assets::v1::Asset => "asset",
    pb::assets::v1::AssetTotals => "asset totals",
    pb::assets::v1::Document => "document",
    pb::assets::v1::Appraisal => "appraisal",
    pb::assets::v1::Appraiser => "appraiser",
    pb::assets::v1::SupplyCopy => "supply copy",
    pb::assets::v1::RoleGrants => "role grants",
    pb::assets::v1::HistoryHead => "history head",
    pb::assets::v1::HistoryPage => "history page",
    pb::assets::v1::Attributes => "attributes",
    pb::assets::v1::Nav => "nav",
    pb::assets::v1::PendingAction => "pending action",
    pb::compliance::v1::Identity => "identity",
    pb::compliance::v1::Wallet => "wallet",
    pb::compliance::v1::WalletUse => "wallet use",
    pb::compliance::v1::Claim => "claim",
    pb::compliance::v1::ClaimIssuer => "claim issuer",
    pb::compliance::v1::RuleSet => "rule set",
    pb::compliance::v1::HolderRecord => "holder record",
    pb::compliance::v1::HolderCounter => "holder counter",
    pb::compliance::v1::Encumbrances => "encumbrances",
    pb::transfers::v1::Allowance => "allowance",
    pb::accounts::v1::Sponsorship => "sponsorship",
    pb::accounts::v1::Mandate => "mandate",
    pb::royalties::v1::RoyaltySchedule => "royalty schedule",
    pb::royalties::v1::RoyaltyList => "royalty list",
    pb::royalties::v1::RoyaltyReceipts => "royalty receipts",
    pb::royalties::v1::RoyaltyRecipient => "royalty recipient",
    pb::royalties::v1::RoyaltyListFacts => "royalty list facts",
    pb::market::v1::Offer => "offer",
    pb::market::v1::LastSale => "last sale",
    pb::pools::v1::Pool => "pool",
    pb::pools::v1::Waterfall => "waterfall",
    pb::distributions::v1::Record => "record",
    pb::distributions::v1::Distribution => "distribution",
    pb::distributions::v1::HolderTerms => "holder terms",
    pb::distributions::v1::DistributionPayout => "distribution payout",
    pb::distributions::v1::CouponSchedule => "coupon schedule",
    pb::votes::v1::Proposal => "proposal",
    pb::votes::v1::Tally => "tally",
    pb::votes::v1::Vote => "vote",
    pb::votes::v1::VotingRules => "voting rules",
    pb::votes::v1::Delegation => "delegation",
    pb::votes::v1::Grant => "grant",
}

/// What keeps a shard from being empty: just the version byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sentinel;

impl Leaf for Sentinel {
    const KIND: &'static str = "sentinel";

    fn write_payload(&self, _buffer: &mut Vec<u8>) {}

    fn read_payload(payload: &[u8]) -> Option<Self> {
        payload.is_empty().then_some(Self)
    }
}

/// An asset id, under the name of the asset.
impl Leaf for AssetId {
    const KIND: &'static str = "asset name";

    fn write_payload(&self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(self.as_bytes());
    }

    fn read_payload(payload: &[u8]) -> Option<Self> {
        payload.try_into().ok()
    }
}

/// What one account holds of one asset: everything that matters to a buyer or a lender.
///
/// Layout of the payload, integers big-endian: balance (16 bytes), frozen (16), encumbered (16),
/// flags (4), changed height (8), copy height (8), number of income entries (1), then for each
/// currency id (16), index (32), accrued (16); last, unless it is 1, the split factor (8).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holding {
    /// Base units held.
    pub balance: Amount,
    /// Absolute amount frozen; may exceed the balance (ERC-7943).
    pub frozen: Amount,
    /// Sum of all locks, holds, orders and collateral.
    pub encumbered: Amount,
    /// What was said of the holder: [`Holding::FROZEN`], [`Holding::ACCEPTED`].
    pub flags: u32,
    /// Height of the last change of the balance.
    pub changed_height: u64,
    /// Record height of the latest copy of an older balance; 0 when there is none.
    pub copy_height: u64,
    /// Income settled so far, one entry per currency of the asset's income.
    pub income: Vec<HoldingIncome>,
    /// With which factor of the splits of the asset the amounts of units are kept.
    pub split_factor: SplitFactor,
}

/// Income of one holding in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldingIncome {
    /// The currency.
    pub currency: AssetId,
    /// Income index of the asset up to which `accrued` counts; big-endian.
    pub index: [u8; 32],
    /// Settled and not yet claimed.
    pub accrued: Amount,
}

impl Holding {
    /// Flag of a holder who may not send.
    pub const FROZEN: u32 = 1;

    /// Flag of a holder who has accepted the asset.
    pub const ACCEPTED: u32 = 2;

    /// Whether the holder has accepted the asset.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.flags & Self::ACCEPTED != 0
    }

    /// Whether the holder may not send.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.flags & Self::FROZEN != 0
    }

    /// What the holder may dispose of: `max(0, balance - encumbered - frozen)`.
    #[must_use]
    pub fn free(&self) -> Amount {
        self.balance.saturating_sub(self.encumbered).saturating_sub(self.frozen)
    }
}

impl InUnits for Holding {
    fn bring_to(&mut self, factor: SplitFactor) {
        let kept = std::mem::replace(&mut self.split_factor, factor);
        if kept == factor {
            return;
        }
        for amount in [&mut self.balance, &mut self.frozen, &mut self.encumbered] {
            *amount = kept.carry(*amount, factor);
        }
    }
}

impl Leaf for Holding {
    const KIND: &'static str = "holding";

    fn write_payload(&self, buffer: &mut Vec<u8>) {
        for amount in [self.balance, self.frozen, self.encumbered] {
            buffer.extend_from_slice(&amount.base_units().to_be_bytes());
        }
        buffer.extend_from_slice(&self.flags.to_be_bytes());
        buffer.extend_from_slice(&self.changed_height.to_be_bytes());
        buffer.extend_from_slice(&self.copy_height.to_be_bytes());
        // An asset has at most 8 income currencies.
        buffer.push(u8::try_from(self.income.len()).unwrap_or(u8::MAX));
        for entry in &self.income {
            buffer.extend_from_slice(entry.currency.as_bytes());
            buffer.extend_from_slice(&entry.index);
            buffer.extend_from_slice(&entry.accrued.base_units().to_be_bytes());
        }
        if self.split_factor != SplitFactor::default() {
            buffer.extend_from_slice(&self.split_factor.get().to_be_bytes());
        }
    }

    fn read_payload(mut payload: &[u8]) -> Option<Self> {
        let buffer = &mut payload;
        let mut holding = Self {
            balance: read_amount(buffer)?,
            frozen: read_amount(buffer)?,
            encumbered: read_amount(buffer)?,
            flags: buffer.try_get_u32().ok()?,
            changed_height: buffer.try_get_u64().ok()?,
            copy_height: buffer.try_get_u64().ok()?,
            income: Vec::new(),
            split_factor: SplitFactor::default(),
        };
        for _ in 0..buffer.try_get_u8().ok()? {
            let mut currency = [0; AssetId::LENGTH];
            let mut index = [0; 32];
            buffer.try_copy_to_slice(&mut currency).ok()?;
            buffer.try_copy_to_slice(&mut index).ok()?;
            let accrued = read_amount(buffer)?;
            holding.income.push(HoldingIncome { currency: AssetId::new(currency), index, accrued });
        }
        if !buffer.is_empty() {
            holding.split_factor = SplitFactor::from_field(buffer.try_get_u64().ok()?);
            if holding.split_factor == SplitFactor::default() {
                return None;
            }
        }
        buffer.is_empty().then_some(holding)
    }
}

/// What an account held at a past record date, kept when the balance first changed after it.
///
/// Layout of the payload, integers big-endian: balance (16 bytes), changed height (8), copy
/// height (8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldingCopy {
    /// Base units held at the record height.
    pub balance: Amount,
    /// Height of the last change of the balance before the copy was made.
    pub changed_height: u64,
    /// Record height of the copy before this one; 0 when there is none.
    pub copy_height: u64,
}

impl Leaf for HoldingCopy {
    const KIND: &'static str = "holding copy";

    fn write_payload(&self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.balance.base_units().to_be_bytes());
        buffer.extend_from_slice(&self.changed_height.to_be_bytes());
        buffer.extend_from_slice(&self.copy_height.to_be_bytes());
    }

    fn read_payload(mut payload: &[u8]) -> Option<Self> {
        let buffer = &mut payload;
        let copy = Self {
            balance: read_amount(buffer)?,
            changed_height: buffer.try_get_u64().ok()?,
            copy_height: buffer.try_get_u64().ok()?,
        };
        buffer.is_empty().then_some(copy)
    }
}

fn read_amount(buffer: &mut &[u8]) -> Option<Amount> {
    Amount::new(buffer.try_get_u128().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_holding() {
        let holding = Holding {
            balance: Amount::from_u64(1),
            frozen: Amount::from_u64(2),
            encumbered: Amount::from_u64(3),
            flags: 4,
            changed_height: 5,
            copy_height: 6,
            income: vec![HoldingIncome {
                currency: AssetId::new([7; 16]),
                index: [8; 32],
                accrued: Amount::from_u64(9),
            }],
            split_factor: SplitFactor::default(),
        };
        let bytes = holding.to_leaf_bytes();
        let expected = [
            "01",
            "00000000000000000000000000000001",
            "00000000000000000000000000000002",
            "00000000000000000000000000000003",
            "00000004",
            "0000000000000005",
            "0000000000000006",
            "01",
            &"07".repeat(16),
            &"08".repeat(32),
            "00000000000000000000000000000009",
        ]
        .concat();
        assert_eq!(hex::encode(&bytes), expected);
        assert_eq!(Holding::from_leaf_bytes(&bytes).as_ref(), Ok(&holding));
        let split = Holding { split_factor: SplitFactor::from_field(10), ..holding };
        let longer = split.to_leaf_bytes();
        assert_eq!(hex::encode(&longer), expected + "000000000000000a");
        assert_eq!(Holding::from_leaf_bytes(&longer), Ok(split));
        let not_canonical = [bytes.as_ref(), &1_u64.to_be_bytes()].concat();
        assert!(Holding::from_leaf_bytes(&not_canonical).is_err());
    }

    #[test]
    fn truncated_and_extended_leaves_are_refused() {
        let bytes = Holding::default().to_leaf_bytes();
        for length in 0..bytes.len() {
            assert!(Holding::from_leaf_bytes(&bytes[..length]).is_err());
        }
        let extended = [bytes.as_ref(), &[0]].concat();
        assert_eq!(
            Holding::from_leaf_bytes(&extended),
            Err(LeafError::Malformed { kind: "holding" })
        );
        assert_eq!(
            Holding::from_leaf_bytes(&[9]),
            Err(LeafError::UnknownVersion { found: Some(9) })
        );
    }

    #[test]
    fn free_is_never_below_zero() {
        let holding = Holding {
            balance: Amount::from_u64(10),
            frozen: Amount::from_u64(100),
            ..Holding::default()
        };
        assert_eq!(holding.free(), Amount::ZERO);
    }
}
