//! What stands under which keys: for each [`Namespace`] the width of its keys and its leaf.

use crate::id::{Address, AssetId};
use crate::leaf::{Holding, HoldingCopy, Leaf, LeafError, Sentinel};
use crate::namespace::{HolderBucket, Namespace};
use crate::pb;
use crate::state_key::StateKey;

/// Why a key and a value are no fact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactError {
    /// No kind of fact has such keys.
    #[error("no kind of fact has keys that begin with {first:02x}")]
    UnknownNamespace {
        /// First byte of the key.
        first: u8,
    },
    /// The key is too short or too long for its kind.
    #[error("a key of kind {kind} has {expected} bytes, this one has {found}")]
    KeyLength {
        /// Name of the kind.
        kind: &'static str,
        /// Bytes that such a key has.
        expected: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// The value cannot be read.
    #[error(transparent)]
    Leaf(#[from] LeafError),
    /// The value can be read, but it would not be written like this.
    #[error("leaf of kind {kind} is not written in the one way that it has")]
    NotCanonical {
        /// Name of the kind.
        kind: &'static str,
    },
}

/// What is known of the facts of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Fact {
    /// First byte of their keys.
    pub namespace: Namespace,
    /// Name of the kind, like `holding`.
    pub kind: &'static str,
    key_length: usize,
    check: fn(&[u8]) -> Result<bool, LeafError>,
}

impl Fact {
    /// The kind of fact that has such keys.
    ///
    /// # Errors
    /// [`FactError::UnknownNamespace`], [`FactError::KeyLength`].
    pub fn of(key: &StateKey) -> Result<Self, FactError> {
        let first = key.as_bytes().first().copied().unwrap_or_default();
        let found = key.as_bytes().len();
        let fact = FACTS.iter().find(|fact| fact.namespace.byte() == first);
        let fact = *fact.ok_or(FactError::UnknownNamespace { first })?;
        let Self { kind, key_length: expected, .. } = fact;
        if found == expected {
            Ok(fact)
        } else {
            Err(FactError::KeyLength { kind, expected, found })
        }
    }

    /// Checks that a value is a leaf of this kind, written in the one way that it has.
    ///
    /// # Errors
    /// [`FactError::Leaf`], [`FactError::NotCanonical`].
    pub fn check(&self, value: &[u8]) -> Result<(), FactError> {
        let canonical = (self.check)(value)?;
        if canonical { Ok(()) } else { Err(FactError::NotCanonical { kind: self.kind }) }
    }
}

fn is_canonical<L: Leaf>(value: &[u8]) -> Result<bool, LeafError> {
    Ok(L::from_leaf_bytes(value)?.to_leaf_bytes() == value)
}

const ADDRESS: usize = Address::LENGTH;
const ASSET: usize = AssetId::LENGTH;
const HASH: usize = 32;
/// A number or a height.
const NUMBER: usize = 8;
/// The number of a document, appraisal or sentinel.
const SMALL: usize = 4;

macro_rules! facts {
    ($($namespace:ident $(+ $part:expr)* => $leaf:ty),+ $(,)?) => {
        const FACTS: &[Fact] = &[$(Fact {
            namespace: Namespace::$namespace,
            kind: <$leaf as Leaf>::KIND,
            key_length: 1 $(+ $part)*,
            check: is_canonical::<$leaf>,
        }),+];

        // Does not compile as long as a namespace is missing.
        const _: fn(Namespace) = |namespace| match namespace {
            $(Namespace::$namespace => (),)+
        };
    };
}

facts! {
    Sentinel + SMALL => Sentinel,
    Params => pb::chain::v1::Params,
    FeePot => pb::chain::v1::FeePot,
    Upgrade => pb::votes::v1::Upgrade,
    Account + ADDRESS => pb::accounts::v1::Account,
    Sponsorship + ADDRESS + ADDRESS => pb::accounts::v1::Sponsorship,
    Mandate + ADDRESS + ADDRESS => pb::accounts::v1::Mandate,
    Asset + ASSET => pb::assets::v1::Asset,
    AssetTotals + ASSET => pb::assets::v1::AssetTotals,
    AssetName + HASH => AssetId,
    Document + ASSET + SMALL => pb::assets::v1::Document,
    Appraisal + ASSET + SMALL => pb::assets::v1::Appraisal,
    Appraiser + ADDRESS => pb::assets::v1::Appraiser,
    SupplyCopy + ASSET + NUMBER => pb::assets::v1::SupplyCopy,
    RoleGrants + ASSET + ADDRESS => pb::assets::v1::RoleGrants,
    HistoryHead + ASSET => pb::assets::v1::HistoryHead,
    HistoryPage + ASSET + NUMBER => pb::assets::v1::HistoryPage,
    Attributes + ASSET => pb::assets::v1::Attributes,
    Nav + ASSET + ASSET + ADDRESS => pb::assets::v1::Nav,
    PendingAction + ASSET + HASH => pb::assets::v1::PendingAction,
    Holding + ASSET + ADDRESS => Holding,
    HoldingCopy + ASSET + ADDRESS + NUMBER => HoldingCopy,
    Allowance + ASSET + HASH => pb::transfers::v1::Allowance,
    RoyaltySchedule + ASSET => pb::royalties::v1::RoyaltySchedule,
    RoyaltyList + ASSET => pb::royalties::v1::RoyaltyList,
    RoyaltyRecipient + ASSET + NUMBER + ADDRESS => pb::royalties::v1::RoyaltyRecipient,
    RoyaltyReceipts + ASSET + NUMBER + ASSET => pb::royalties::v1::RoyaltyReceipts,
    RoyaltyListFacts + ASSET + NUMBER => pb::royalties::v1::RoyaltyListFacts,
    Record + ASSET + NUMBER => pb::distributions::v1::Record,
    Distribution + ASSET + NUMBER => pb::distributions::v1::Distribution,
    HolderTerms + ASSET + NUMBER + ADDRESS => pb::distributions::v1::HolderTerms,
    DistributionPayout + ASSET + NUMBER + ADDRESS => pb::distributions::v1::DistributionPayout,
    CouponSchedule + ASSET + NUMBER => pb::distributions::v1::CouponSchedule,
    Proposal + ASSET + NUMBER => pb::votes::v1::Proposal,
    Tally + ASSET + NUMBER => pb::votes::v1::Tally,
    Vote + ASSET + NUMBER + ADDRESS => pb::votes::v1::Vote,
    VotingRules + ASSET => pb::votes::v1::VotingRules,
    Delegation + ASSET + ADDRESS => pb::votes::v1::Delegation,
    Grant + ASSET + NUMBER => pb::votes::v1::Grant,
    Identity + ADDRESS => pb::compliance::v1::Identity,
    Wallet + ADDRESS => pb::compliance::v1::Wallet,
    WalletUse + ADDRESS => pb::compliance::v1::WalletUse,
    Claim + ADDRESS + HASH => pb::compliance::v1::Claim,
    ClaimIssuer + ADDRESS => pb::compliance::v1::ClaimIssuer,
    RuleSet + ASSET => pb::compliance::v1::RuleSet,
    HolderRecord + ASSET + ADDRESS => pb::compliance::v1::HolderRecord,
    HolderCounter + ASSET + HolderBucket::LENGTH => pb::compliance::v1::HolderCounter,
    Encumbrances + ASSET + ADDRESS => pb::compliance::v1::Encumbrances,
    Offer + ASSET + ADDRESS + NUMBER => pb::market::v1::Offer,
    LastSale + ASSET + ASSET => pb::market::v1::LastSale,
    Pool + ASSET => pb::pools::v1::Pool,
    Waterfall + ASSET => pb::pools::v1::Waterfall,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_and_a_first_byte_of_its_own() {
        for (index, fact) in FACTS.iter().enumerate() {
            for other in &FACTS[..index] {
                assert_ne!(fact.kind, other.kind);
                assert_ne!(fact.namespace.byte(), other.namespace.byte());
            }
        }
    }

    #[test]
    fn keys_of_the_right_width_are_known() {
        let (asset, account) = (AssetId::new([1; 16]), Address::new([2; 20]));
        for (key, kind) in [
            (StateKey::sentinel(1), "sentinel"),
            (StateKey::params(), "params"),
            (StateKey::account(&account), "account"),
            (StateKey::asset_name("villa"), "asset name"),
            (StateKey::document(&asset, 1), "document"),
            (StateKey::nav(&asset, &asset, &account), "nav"),
            (StateKey::pending_action(&asset, &[3; 32]), "pending action"),
            (StateKey::holding(&asset, &account), "holding"),
            (StateKey::holding_copy(&asset, &account, 4), "holding copy"),
            (StateKey::royalty_receipts(&asset, 1, &asset), "royalty receipts"),
            (StateKey::claim(&account, 1, &account, Some(&asset)), "claim"),
            (StateKey::holder_counter(&asset, HolderBucket::All), "holder counter"),
            (StateKey::vote(&asset, 1, &account), "vote"),
            (StateKey::offer(&asset, &account, 1), "offer"),
        ] {
            assert_eq!(Fact::of(&key).unwrap().kind, kind);
        }
        let short = StateKey::from_bytes(&[0x30, 1]).unwrap();
        let expected = FactError::KeyLength { kind: "holding", expected: 37, found: 2 };
        assert_eq!(Fact::of(&short).unwrap_err(), expected);
        let unknown = StateKey::from_bytes(&[0xff]).unwrap();
        let expected = FactError::UnknownNamespace { first: 0xff };
        assert_eq!(Fact::of(&unknown).unwrap_err(), expected);
    }

    #[test]
    fn only_the_one_way_of_writing_a_leaf_is_accepted() {
        let fact = Fact::of(&StateKey::fee_pot()).unwrap();
        let pot = pb::chain::v1::FeePot { amount: "5".into() };
        let written = pot.to_leaf_bytes();
        assert_eq!(fact.check(&written), Ok(()));
        // A field twice, an unknown field, and no message at all.
        let twice = [written.as_ref(), &written[1..]].concat();
        let unknown = [written.as_ref(), &[0x78, 1]].concat();
        for other in [twice, unknown] {
            assert_eq!(fact.check(&other), Err(FactError::NotCanonical { kind: "fee pot" }));
        }
        assert!(matches!(fact.check(&[1, 0xff]), Err(FactError::Leaf(_))));
        assert!(matches!(fact.check(&[]), Err(FactError::Leaf(_))));
    }
}
