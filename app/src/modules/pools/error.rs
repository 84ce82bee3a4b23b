//! Why something about a pool or a tranche is refused.

use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;

use crate::modules::fields::FieldError;

/// A refused operation on a pool or on tranches.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// A field is malformed.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// Members are not in ascending order, or one appears twice.
    #[error("{member} does not come after the member before it, sort and name each once")]
    MembersNotAscending {
        /// The member.
        member: AssetId,
    },
    /// A pool would be its own member.
    #[error("{pool} cannot be a member of itself")]
    KeepsItself {
        /// The pool.
        pool: AssetId,
    },
    /// Two ranks, or parent and tranche, are the same asset.
    #[error("{asset} is named twice, parent and tranches must all be different")]
    NamedTwice {
        /// The asset.
        asset: AssetId,
    },
    /// Something is due to the last tranche.
    #[error("nothing can be due to the last tranche: it gets what is left, say no rate for it")]
    LastTakesTheRest,
    /// There are units whose holders rely on what would change.
    #[error("{supply} base units of `{name}` exist, this is possible only while there are none")]
    UnitsExist {
        /// Name of the asset.
        name: String,
        /// Units that exist.
        supply: Amount,
    },
    /// Pools cannot be kept by pools.
    #[error("`{name}` is a pool, and a pool keeps no units of pools: name its members instead")]
    MemberIsPool {
        /// Name of the member.
        name: String,
    },
    /// The asset is no pool.
    #[error("`{name}` is not a pool, its issuer can form one while it has no units")]
    NotAPool {
        /// Name of the asset.
        name: String,
    },
    /// The asset is not among the members.
    #[error("{member} is not a member of the pool `{name}`")]
    NotAMember {
        /// Name of the pool.
        name: String,
        /// What was named.
        member: AssetId,
    },
    /// Too few units to get anything for.
    #[error(
        "{amount} base units of `{name}` stand for less than one base unit of each member named, \
         redeem more"
    )]
    NothingRedeemed {
        /// Name of the pool.
        name: String,
        /// Units of the pool.
        amount: Amount,
    },
    /// The pool has earned nothing.
    #[error("the pool `{name}` has earned nothing in {currency} from the members named")]
    NothingToCollect {
        /// Name of the pool.
        name: String,
        /// The currency.
        currency: AssetId,
    },
    /// A tranche was registered by somebody else.
    #[error(
        "`{name}` was not registered by the issuer of `{parent}`, only its own can be tranches"
    )]
    OtherIssuer {
        /// Name of the tranche.
        name: String,
        /// Name of the parent.
        parent: String,
    },
    /// A tranche belongs to another parent.
    #[error("`{name}` is a tranche of {parent} already")]
    TrancheOfAnother {
        /// Name of the tranche.
        name: String,
        /// Its parent.
        parent: AssetId,
    },
    /// What is due cannot be counted.
    #[error("more is due for each unit of `{name}` than can be counted, lower the rate")]
    DueTooLarge {
        /// Name of the tranche.
        name: String,
    },
    /// The asset has no tranches.
    #[error("`{name}` is not divided in tranches, pay its holders with an income instead")]
    NotDivided {
        /// Name of the asset.
        name: String,
    },
    /// What is due is due in another currency.
    #[error("the tranches of `{name}` are paid in {currency} only")]
    OtherCurrency {
        /// Name of the parent.
        name: String,
        /// What they are paid in.
        currency: AssetId,
    },
    /// Tranches of a pool would be paid in something that the pool keeps.
    #[error(
        "the tranches of `{name}` cannot be paid in {currency}, which the pool keeps: its income \
         could not be told from the basket"
    )]
    PaidInMember {
        /// Name of the pool.
        name: String,
        /// The currency.
        currency: AssetId,
    },
    /// Nobody would get anything.
    #[error("no tranche of `{name}` has units, so nobody could be paid")]
    NoTrancheUnits {
        /// Name of the parent.
        name: String,
    },
}

impl PoolError {
    /// Stable number within the codespace.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Field(error) => error.code(),
            Self::MembersNotAscending { .. } => 10,
            Self::KeepsItself { .. } => 11,
            Self::NamedTwice { .. } => 12,
            Self::LastTakesTheRest => 13,
            Self::UnitsExist { .. } => 14,
            Self::MemberIsPool { .. } => 15,
            Self::NotAPool { .. } => 16,
            Self::NotAMember { .. } => 17,
            Self::NothingRedeemed { .. } => 18,
            Self::NothingToCollect { .. } => 19,
            Self::OtherIssuer { .. } => 20,
            Self::TrancheOfAnother { .. } => 21,
            Self::DueTooLarge { .. } => 22,
            Self::NotDivided { .. } => 23,
            Self::OtherCurrency { .. } => 24,
            Self::NoTrancheUnits { .. } => 25,
            Self::PaidInMember { .. } => 26,
        }
    }
}

crate::rejection!(PoolError, "pools");
