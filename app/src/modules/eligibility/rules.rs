//! The rules of an asset, read from their message.

use std::collections::BTreeSet;

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::pb::compliance::v1::{ClaimCondition, RuleKind, Side, balance_limit, rule};
use tessera_proto::split::SplitFactor;
use tessera_proto::state_key::{HolderBucket, StateKey};

use crate::modules::committed::{self, broken};
use crate::modules::fields::{self, FieldError};
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateView};

/// Most pairs of issuer and claim type that an asset trusts.
pub const MAX_TRUSTED: usize = 16;
/// Most rules of an asset.
pub const MAX_RULES: usize = 16;
/// Most countries of a rule.
pub const MAX_COUNTRIES: usize = 250;
/// Most claim types of a rule.
const MAX_CLAIM_TYPES: usize = 8;
/// Most basis points of a share.
const MAX_BPS: u32 = 10_000;
/// Longest window or lock-up: 100 years.
const MAX_PERIOD_MS: u64 = 100 * 366 * 24 * 60 * 60 * 1000;
/// Largest claim type.
const MAX_CLAIM_TYPE: u32 = 65_535;

/// Two letters A-Z.
pub(crate) type Country = [u8; 2];

/// Whose claims count, and what is asked of a movement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Pairs of issuer and claim type, in the order given.
    pub(super) trusted: Vec<Trusted>,
    /// In the order given; all must pass.
    pub(super) rules: Vec<Rule>,
}

/// An issuer whose claims of one type count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trusted {
    pub(super) issuer: Address,
    pub(super) claim_type: u32,
    /// Claims issued at this time or later do not count; 0 when all do.
    pub(super) until_ms: u64,
}

/// Whose facts a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sides {
    Sender,
    Receiver,
    Both,
}

/// What is asked of claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    All,
    Any,
    None,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rule {
    Claims { sides: Sides, condition: Condition, claim_types: BTreeSet<u32> },
    Countries { sides: Sides, deny: bool, countries: BTreeSet<Country> },
    Holders { max: u64, bucket: HolderBucket },
    Balance { max: Amount },
    Share { max_bps: u32 },
    Velocity { window_ms: u64, max: Amount },
    LockUp { period_ms: u64 },
}

impl Rule {
    /// Its kind, for exemptions.
    pub(super) fn kind(&self) -> RuleKind {
        match self {
            Self::Claims { .. } => RuleKind::Claims,
            Self::Countries { .. } => RuleKind::Countries,
            Self::Holders { .. } => RuleKind::Holders,
            Self::Balance { .. } | Self::Share { .. } => RuleKind::Balance,
            Self::Velocity { .. } => RuleKind::Velocity,
            Self::LockUp { .. } => RuleKind::LockUp,
        }
    }
}

impl Rules {
    /// Claim types that some issuer is trusted for, but that of a country.
    pub(super) fn counted_types(&self) -> impl Iterator<Item = u32> {
        let types = self.trusted.iter().map(|trusted| trusted.claim_type);
        types.filter(|claim_type| *claim_type != country_type())
    }

    /// Counters that some rule limits, and therefore reads.
    pub(super) fn limited(&self) -> impl Iterator<Item = HolderBucket> {
        self.rules.iter().filter_map(|rule| match rule {
            Rule::Holders { bucket, .. } => Some(*bucket),
            _ => None,
        })
    }

    /// Whether a rule looks at the supply.
    pub(super) fn needs_supply(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule, Rule::Share { .. }))
    }
}

/// Number of claim type COUNTRY.
pub(super) fn country_type() -> u32 {
    i32::from(pb::ClaimType::Country).unsigned_abs()
}

/// A claim type, in its range.
pub(crate) fn claim_type(field: &'static str, claim_type: u32) -> Result<u32, FieldError> {
    fields::range(field, claim_type, 1, MAX_CLAIM_TYPE)
}

/// Two letters A-Z.
pub(crate) fn country(field: &'static str, text: &str) -> Result<Country, FieldError> {
    let wrong = |_| FieldError::Length { field, length: text.len(), min: 2, max: 2 };
    let country: Country = text.as_bytes().try_into().map_err(wrong)?;
    for letter in country {
        fields::range(field, letter, b'A', b'Z')?;
    }
    Ok(country)
}

/// A kind of rule that can be exempted from.
pub(crate) fn rule_kind(field: &'static str, kind: i32) -> Result<RuleKind, FieldError> {
    fields::range(field, kind, 1, i32::from(RuleKind::LockUp))?;
    // The range check leaves only values that the enum has.
    Ok(RuleKind::try_from(kind).unwrap_or(RuleKind::Unspecified))
}

impl TryFrom<&pb::RuleSet> for Rules {
    type Error = FieldError;

    /// Refuses malformed fields, trusted issuers first, each list in its order.
    fn try_from(message: &pb::RuleSet) -> Result<Self, FieldError> {
        let pb::RuleSet { trusted_issuers, rules } = message;
        let mut trusted = Vec::new();
        for pb::TrustedIssuer { issuer, claim_types, until_ms } in trusted_issuers {
            let issuer = fields::address("trusted_issuer.issuer", issuer)?;
            let field = "trusted_issuer.claim_types";
            fields::count(field, claim_types.len(), 1, MAX_TRUSTED)?;
            for given in claim_types {
                let (claim_type, until_ms) = (claim_type(field, *given)?, *until_ms);
                trusted.push(Trusted { issuer, claim_type, until_ms });
            }
        }
        fields::count("trusted_issuers", trusted.len(), 1, MAX_TRUSTED)?;
        fields::count("rules", rules.len(), 0, MAX_RULES)?;
        let rules = rules.iter().map(Rule::try_from).collect::<Result<_, _>>()?;
        Ok(Self { trusted, rules })
    }
}

impl TryFrom<&pb::Rule> for Rule {
    type Error = FieldError;

    fn try_from(message: &pb::Rule) -> Result<Self, FieldError> {
        Ok(match message.rule.as_ref().ok_or(FieldError::Missing { field: "rule" })? {
            rule::Rule::Claims(rule) => Self::Claims {
                sides: sides(rule.side)?,
                condition: condition(rule.condition)?,
                claim_types: claim_types(&rule.claim_types)?,
            },
            rule::Rule::Countries(rule) => Self::Countries {
                sides: sides(rule.side)?,
                deny: rule.deny,
                countries: countries(&rule.countries)?,
            },
            rule::Rule::Holders(rule) => Self::Holders {
                max: fields::range("max_holders", rule.max_holders, 1, u64::MAX)?,
                bucket: bucket(rule)?,
            },
            rule::Rule::Balance(rule) => {
                match rule.limit.as_ref().ok_or(FieldError::Missing { field: "limit" })? {
                    balance_limit::Limit::MaxBalance(text) => {
                        Self::Balance { max: fields::amount("max_balance", text)? }
                    }
                    balance_limit::Limit::MaxShareBps(bps) => {
                        Self::Share { max_bps: fields::range("max_share_bps", *bps, 1, MAX_BPS)? }
                    }
                }
            }
            rule::Rule::Velocity(rule) => Self::Velocity {
                window_ms: fields::range("window_ms", rule.window_ms, 1, MAX_PERIOD_MS)?,
                max: fields::amount("max_amount", &rule.max_amount)?,
            },
            rule::Rule::LockUp(rule) => Self::LockUp {
                period_ms: fields::range("period_ms", rule.period_ms, 1, MAX_PERIOD_MS)?,
            },
        })
    }
}

fn sides(side: i32) -> Result<Sides, FieldError> {
    fields::range("side", side, 1, i32::from(Side::Both))?;
    Ok(match Side::try_from(side) {
        Ok(Side::Sender) => Sides::Sender,
        Ok(Side::Receiver) => Sides::Receiver,
        _ => Sides::Both,
    })
}

fn condition(condition: i32) -> Result<Condition, FieldError> {
    fields::range("condition", condition, 1, i32::from(ClaimCondition::NoneOf))?;
    Ok(match ClaimCondition::try_from(condition) {
        Ok(ClaimCondition::AllOf) => Condition::All,
        Ok(ClaimCondition::AnyOf) => Condition::Any,
        _ => Condition::None,
    })
}

fn claim_types(given: &[u32]) -> Result<BTreeSet<u32>, FieldError> {
    fields::count("claim_types", given.len(), 1, MAX_CLAIM_TYPES)?;
    given.iter().map(|given| claim_type("claim_types", *given)).collect()
}

fn countries(given: &[String]) -> Result<BTreeSet<Country>, FieldError> {
    fields::count("countries", given.len(), 1, MAX_COUNTRIES)?;
    given.iter().map(|given| country("countries", given)).collect()
}

fn bucket(rule: &pb::HolderLimit) -> Result<HolderBucket, FieldError> {
    if !rule.country.is_empty() {
        // One kind at a time: both would need a counter of its own.
        fields::range("claim_type", rule.claim_type, 0, 0)?;
        return Ok(HolderBucket::Country(country("country", &rule.country)?));
    }
    match rule.claim_type {
        0 => Ok(HolderBucket::All),
        given => Ok(HolderBucket::ClaimType(claim_type("claim_type", given)?)),
    }
}

/// A kind of rule that is there twice although an identity has one window of what it sent, and
/// one list of lots, for all rules of the kind.
pub(crate) fn repeated_kind(message: &pb::RuleSet) -> Option<&'static str> {
    let mut kinds = message.rules.iter().filter_map(|rule| match rule.rule.as_ref()? {
        rule::Rule::Velocity(_) => Some("velocity"),
        rule::Rule::LockUp(_) => Some("lock-up"),
        rule::Rule::Balance(_)
        | rule::Rule::Claims(_)
        | rule::Rule::Countries(_)
        | rule::Rule::Holders(_) => None,
    });
    let mut seen = BTreeSet::new();
    kinds.find(|kind| !seen.insert(*kind))
}

/// Rules as they stand in the state.
pub(super) fn committed_rules(message: &pb::RuleSet) -> Result<Rules, Fault> {
    Rules::try_from(message).map_err(|error| broken(format!("rule set: {error}")))
}

/// Multiplies limits that count base units, as a split does.
pub(crate) fn split_limits(
    view: &mut dyn StateView,
    asset: &AssetId,
    (old, new): (SplitFactor, SplitFactor),
) -> Result<(), ExecutionError> {
    let key = StateKey::rule_set(asset);
    let Some(mut message) = view.load::<pb::RuleSet>(&key)? else { return Ok(()) };
    for rule in message.rules.iter_mut().filter_map(|rule| rule.rule.as_mut()) {
        let limit = match rule {
            rule::Rule::Balance(pb::BalanceLimit {
                limit: Some(balance_limit::Limit::MaxBalance(max)),
            })
            | rule::Rule::Velocity(pb::VelocityLimit { max_amount: max, .. }) => max,
            rule::Rule::Balance(_)
            | rule::Rule::Claims(_)
            | rule::Rule::Countries(_)
            | rule::Rule::Holders(_)
            | rule::Rule::LockUp(_) => continue,
        };
        *limit = old.carry(committed::amount("limit", limit)?, new).to_string();
    }
    view.store(key, &message)
}

/// The rules of an asset, if it has any yet.
pub(crate) fn load_rules(
    view: &mut dyn StateView,
    asset: &AssetId,
) -> Result<Option<Rules>, ExecutionError> {
    let message: Option<pb::RuleSet> = view.load(&StateKey::rule_set(asset))?;
    Ok(message.as_ref().map(committed_rules).transpose()?)
}
