//! Why something about the register is refused.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::name::{NameError, role_name, status_name};
use tessera_proto::pb::assets::v1::{AssetStatus, Role};

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
    /// Only the account that registered the asset may do this.
    #[error("{account} is not the issuer of `{name}`, only {issuer} may do this")]
    NotIssuer {
        /// Who tried.
        account: Address,
        /// Name of the asset.
        name: String,
        /// Who may.
        issuer: Address,
    },
    /// The asset has the status that it should move on to.
    #[error("`{name}` is {} already", status_name(*.status))]
    AlreadyInStatus {
        /// Name of the asset.
        name: String,
        /// The status.
        status: AssetStatus,
    },
    /// Units of the asset cannot be issued or burned now.
    #[error("`{name}` is {}, this needs an active asset", status_name(*.status))]
    NotActive {
        /// Name of the asset.
        name: String,
        /// What it is instead.
        status: AssetStatus,
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
    /// More units of a pool would make those that exist worth less.
    #[error(
        "{supply} base units of `{name}` exist: units of a pool are issued at once, while there \
         are none"
    )]
    PoolIsIssued {
        /// Name of the pool.
        name: String,
        /// Units that exist.
        supply: Amount,
    },
    /// Something else stands where a settlement currency must.
    #[error("`{name}` is not a currency, use an asset of class CURRENCY")]
    NotACurrency {
        /// Name of the asset.
        name: String,
    },
    /// A currency must be able to go through pools and escrows that are no identities.
    #[error("`{name}` is a currency, which cannot be regulated; freeze and pause work without")]
    CurrencyRegulated {
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
    /// No such step is possible in the life of an asset.
    #[error(
        "`{name}` is {} and cannot become {}; from here it can become {}",
        status_name(*.from), status_name(*.to), .reachable
    )]
    StatusNotReachable {
        /// Name of the asset.
        name: String,
        /// Its status.
        from: AssetStatus,
        /// The one asked for.
        to: AssetStatus,
        /// Those that it can have next, in words.
        reachable: String,
    },
    /// Units exist that must be burned first.
    #[error("{supply} base units of `{name}` exist, burn them before it is retired")]
    UnitsExist {
        /// Name of the asset.
        name: String,
        /// Units that exist.
        supply: Amount,
    },
    /// The asset has come to its end.
    #[error("`{name}` is {} for ever, nothing about it changes any more", status_name(*.status))]
    Closed {
        /// Name of the asset.
        name: String,
        /// How it ended.
        status: AssetStatus,
    },
    /// The account may not act in this role, or not any more.
    #[error(
        "{account} does not have the role {} for `{name}` now, {issuer} can grant it",
        role_name(*.role)
    )]
    RoleNeeded {
        /// Who tried.
        account: Address,
        /// Name of the asset.
        name: String,
        /// What it takes.
        role: Role,
        /// Who grants roles.
        issuer: Address,
    },
    /// The role would be over before it begins.
    #[error("the role would end at {expires_ms} ms, it is {time_ms} ms now: choose a later end")]
    RoleExpired {
        /// First millisecond without it.
        expires_ms: u64,
        /// Time of the block.
        time_ms: u64,
    },
    /// There is nothing to revoke.
    #[error("{account} was not granted the role {} for `{name}`", role_name(*.role))]
    RoleNotGranted {
        /// Whose role.
        account: Address,
        /// Name of the asset.
        name: String,
        /// The role.
        role: Role,
    },
    /// The asset has as many documents as an asset may have.
    #[error("`{name}` has {count} documents, that is the most an asset may have")]
    TooManyDocuments {
        /// Name of the asset.
        name: String,
        /// How many it has.
        count: u32,
    },
    /// Only the registrar of the chain may do this.
    #[error("{account} is not the registrar of the chain, only that account accredits appraisers")]
    NotRegistrar {
        /// Who tried.
        account: Address,
    },
    /// A revocation is for ever.
    #[error("the accreditation of {appraiser} is revoked from {from_ms} ms on, for ever")]
    AccreditationRevoked {
        /// Whose.
        appraiser: Address,
        /// First millisecond without it.
        from_ms: u64,
    },
    /// The accreditation would be over before it begins.
    #[error("the accreditation would end at {until_ms} ms, it is {time_ms} ms now")]
    AccreditationOver {
        /// First millisecond without it.
        until_ms: u64,
        /// Time of the block.
        time_ms: u64,
    },
    /// The operation takes two persons, and no first one has proposed it.
    #[error(
        "operation {operation} takes two persons and is not proposed: propose it first, then let \
         another account send it"
    )]
    NotProposed {
        /// SHA-256 of the operation, in hexadecimal.
        operation: String,
    },
    /// Who proposed an operation cannot be the second person as well.
    #[error("{account} has proposed this, it takes a second account to carry it out")]
    SecondPersonNeeded {
        /// Who proposed it.
        account: Address,
    },
    /// The bytes are no operation on the asset that may take two persons.
    #[error("`operation` is not one on this asset that may take two persons, canonically encoded")]
    NotProposable,
    /// The proposal would be over before it begins.
    #[error(
        "the proposal would end at {expires_ms} ms, it is {time_ms} ms now: choose a later end"
    )]
    ProposalExpired {
        /// First millisecond at which it is too late.
        expires_ms: u64,
        /// Time of the block.
        time_ms: u64,
    },
    /// The same operation waits for a second person already.
    #[error("this operation is proposed already, until {expires_ms} ms")]
    AlreadyProposed {
        /// First millisecond at which it is too late.
        expires_ms: u64,
    },
    /// The class has no such attribute.
    #[error("`{path}` is not in the schema of the class, which has {known}")]
    AttributeUnknown {
        /// Where it stands.
        path: String,
        /// Those that there are.
        known: String,
    },
    /// The class asks for an attribute that is not there.
    #[error("`{path}` is missing, expected {expected}")]
    AttributeMissing {
        /// Where it should stand.
        path: String,
        /// What it should be.
        expected: String,
    },
    /// The value of an attribute is not of its form.
    #[error("`{path}` is `{value}`, expected {expected}")]
    AttributeInvalid {
        /// Where it stands.
        path: String,
        /// The value given, perhaps cut.
        value: String,
        /// What it should be.
        expected: String,
    },
    /// An attribute stands twice or out of order.
    #[error("`{path}` is out of place: give attributes once each, in ascending order of name")]
    AttributesNotSorted {
        /// The one after which order is broken.
        path: String,
    },
    /// The account has stated a price that is as new or newer.
    #[error(
        "the price of `{name}` is of {computed_at_ms} ms, but this account stated one of \
         {latest_ms} ms: expected a later one"
    )]
    NavNotNewer {
        /// Name of the asset.
        name: String,
        /// Time of the price.
        computed_at_ms: u64,
        /// That of the latest price.
        latest_ms: u64,
    },
    /// The price is of a time that has not come yet.
    #[error("the price is of {computed_at_ms} ms, it is {time_ms} ms now")]
    NavFromFuture {
        /// Time of the price.
        computed_at_ms: u64,
        /// Time of the block.
        time_ms: u64,
    },
    /// The price is too old to be used.
    #[error("the price of `{name}` could be used until {until_ms} ms, it is {time_ms} ms now")]
    NavStale {
        /// Name of the asset.
        name: String,
        /// First millisecond at which it is too old.
        until_ms: u64,
        /// Time of the block.
        time_ms: u64,
    },
    /// Holders rely on the terms from now on.
    #[error(
        "the terms of `{name}` are fixed: it is {}, not proposed any more",
        status_name(*.status)
    )]
    TermsAreFixed {
        /// Name of the asset.
        name: String,
        /// What it is.
        status: AssetStatus,
    },
    /// The account has stated no price in this currency.
    #[error("{stated_by} has not stated the price of `{name}` in this currency")]
    NavMissing {
        /// Name of the asset.
        name: String,
        /// Whose word was asked for.
        stated_by: Address,
    },
    /// Prices are told in currencies, which therefore keep their units.
    #[error("`{name}` is a currency, in which prices are told: its units cannot be split")]
    CurrencySplit {
        /// Name of the asset.
        name: String,
    },
    /// As many units would take the place of as many.
    #[error("a split of {given} for {given} changes nothing")]
    SplitChangesNothing {
        /// Both numbers.
        given: u32,
    },
    /// Some holders would have parts of units that no decimals show.
    #[error(
        "after {numerator} for {denominator} a unit would be worth an endless decimal number of \
         new ones, choose a ratio like 2:1, 3:2, 1:4 or 1:10"
    )]
    SplitNotDecimal {
        /// So many units would take the place of
        numerator: u32,
        /// so many.
        denominator: u32,
    },
    /// Units cannot become larger or smaller than this.
    #[error(
        "after this split `{name}` would have {decimals} decimals and {factor} times the base \
         units that it began with, at most {max_decimals} and {max_factor} are possible, and no \
         more base units than an amount can count"
    )]
    SplitTooLarge {
        /// Name of the asset.
        name: String,
        /// Decimals after it.
        decimals: u32,
        /// What base units would be multiplied by; the largest number if it is more.
        factor: u64,
        /// Most decimals.
        max_decimals: u32,
        /// Most that base units are multiplied by.
        max_factor: u64,
    },
    /// The asset was split as often as an asset can be.
    #[error("`{name}` was split {count} times, that is the most an asset can be")]
    TooManySplits {
        /// Name of the asset.
        name: String,
        /// How often.
        count: usize,
    },
    /// The price is that of another unit.
    #[error("the price of `{name}` is of before its last split, {stated_by} must state a new one")]
    NavBeforeSplit {
        /// Name of the asset.
        name: String,
        /// Who stated it.
        stated_by: Address,
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
            Self::AlreadyInStatus { .. } => 15,
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
            Self::StatusNotReachable { .. } => 27,
            Self::UnitsExist { .. } => 28,
            Self::Closed { .. } => 29,
            Self::RoleNeeded { .. } => 30,
            Self::RoleExpired { .. } => 31,
            Self::RoleNotGranted { .. } => 32,
            Self::TooManyDocuments { .. } => 33,
            Self::NotRegistrar { .. } => 34,
            Self::AccreditationRevoked { .. } => 35,
            Self::AccreditationOver { .. } => 36,
            Self::NotProposed { .. } => 37,
            Self::SecondPersonNeeded { .. } => 38,
            Self::NotProposable => 39,
            Self::ProposalExpired { .. } => 40,
            Self::AlreadyProposed { .. } => 41,
            Self::AttributeUnknown { .. } => 42,
            Self::AttributeMissing { .. } => 43,
            Self::AttributeInvalid { .. } => 44,
            Self::AttributesNotSorted { .. } => 45,
            Self::NavNotNewer { .. } => 46,
            Self::NavFromFuture { .. } => 47,
            Self::NavStale { .. } => 48,
            Self::NavMissing { .. } => 49,
            Self::TermsAreFixed { .. } => 50,
            Self::CurrencySplit { .. } => 51,
            Self::SplitChangesNothing { .. } => 52,
            Self::SplitNotDecimal { .. } => 53,
            Self::SplitTooLarge { .. } => 54,
            Self::TooManySplits { .. } => 55,
            Self::NavBeforeSplit { .. } => 56,
            Self::PoolIsIssued { .. } => 57,
            Self::CurrencyRegulated { .. } => 90,
        }
    }
}

crate::rejection!(AssetError, "assets");
