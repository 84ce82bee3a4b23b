//! What each rule of an asset says of a movement.

use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::AssetTotals;
use tessera_proto::state_key::{HolderBucket, StateKey};

use super::assess::{Scope, Verdict};
use super::counters;
use super::error::EligibilityError;
use super::persons::{Person, Persons};
use super::rules::{Condition, Country, Rule, Rules, Sides};
use crate::modules::committed::{self, broken};
use crate::num;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateView};

/// What rules look at beside the parties.
pub(super) struct Facts<'a> {
    pub(super) asset: &'a AssetId,
    pub(super) name: &'a str,
    pub(super) now_ms: u64,
    pub(super) scope: Scope,
}

/// A rule and its number.
struct Numbered<'a> {
    number: u32,
    rule: &'a Rule,
}

impl Numbered<'_> {
    /// The verdict on one party.
    fn on(&self, person: &Person, missing: Vec<u32>, refusal: Option<EligibilityError>) -> Verdict {
        let exempt = person.before.exemptions.contains(&self.rule.kind()) && refusal.is_some();
        Verdict {
            check: self.name(),
            rule: self.number,
            account: Some(person.account),
            exempt,
            missing: if exempt { Vec::new() } else { missing },
            refusal: refusal.filter(|_| !exempt).map(Into::into),
        }
    }

    fn name(&self) -> &'static str {
        match self.rule {
            Rule::Claims { .. } => "claims",
            Rule::Countries { .. } => "countries",
            Rule::Holders { .. } => "number of holders",
            Rule::Balance { .. } => "balance",
            Rule::Share { .. } => "share of supply",
            Rule::Velocity { .. } => "amount sent",
            Rule::LockUp { .. } => "lock-up",
        }
    }
}

/// Verdicts of all rules, in their order; of one rule, in the order of identities.
pub(super) fn verdicts(
    view: &mut dyn StateView,
    facts: &Facts<'_>,
    rules: &Rules,
    persons: &Persons,
) -> Result<Vec<Verdict>, ExecutionError> {
    let mut verdicts = Vec::new();
    for (number, rule) in (1..).zip(&rules.rules) {
        let numbered = Numbered { number, rule };
        match (facts.scope, rule) {
            (Scope::Full | Scope::Forced, Rule::Claims { sides, condition, claim_types }) => {
                for person in looked_at(persons, *sides, facts.scope) {
                    let missing = claim_types.iter().filter(|of| !person.standing.has(**of));
                    let missing: Vec<u32> = missing.copied().collect();
                    let all: Vec<u32> = claim_types.iter().copied().collect();
                    verdicts.push(on_claims(&numbered, person, *condition, all, missing));
                }
            }
            (Scope::Full | Scope::Forced, Rule::Countries { sides, deny, countries }) => {
                for person in looked_at(persons, *sides, facts.scope) {
                    let listed = |country: &Country| countries.contains(country);
                    verdicts.push(on_country(&numbered, person, *deny, listed));
                }
            }
            (Scope::Full, Rule::Holders { max, bucket }) => {
                verdicts.push(on_holders(view, facts, &numbered, persons, (*max, *bucket))?);
            }
            (Scope::Full, _) => {
                for person in persons.values() {
                    verdicts.extend(on_amounts(view, facts, &numbered, person)?);
                }
            }
            (Scope::Forced | Scope::Recovery, _) => {}
        }
    }
    Ok(verdicts)
}

/// The parties on the sides that a rule looks at; when forced, only those that receive.
fn looked_at(persons: &Persons, sides: Sides, scope: Scope) -> impl Iterator<Item = &Person> {
    persons.values().filter(move |person| {
        let sends = !person.gave.is_zero() && sides != Sides::Receiver && scope == Scope::Full;
        let receives = !person.got.is_zero() && sides != Sides::Sender;
        sends || receives
    })
}

fn on_claims(
    rule: &Numbered<'_>,
    person: &Person,
    condition: Condition,
    all: Vec<u32>,
    missing: Vec<u32>,
) -> Verdict {
    let (account, number) = (person.account, rule.number);
    let passed = match condition {
        Condition::All => missing.is_empty(),
        Condition::Any => missing.len() < all.len(),
        Condition::None => missing.len() == all.len(),
    };
    if passed {
        return rule.on(person, Vec::new(), None);
    }
    if condition == Condition::None {
        let found: Vec<u32> = all.into_iter().filter(|of| !missing.contains(of)).collect();
        let found = type_names(&found);
        let refusal = EligibilityError::ClaimsForbidden { account, rule: number, found };
        return rule.on(person, Vec::new(), Some(refusal));
    }
    let named = type_names(&missing);
    let refusal = EligibilityError::ClaimsMissing { account, rule: number, missing: named };
    rule.on(person, missing, Some(refusal))
}

fn type_names(types: &[u32]) -> String {
    let name = |of: &u32| {
        let known = i32::try_from(*of).ok();
        let known = known.and_then(pb_claim_type);
        known.map_or_else(|| of.to_string(), |name| name.replace("CLAIM_TYPE_", ""))
    };
    types.iter().map(name).collect::<Vec<String>>().join(", ")
}

fn pb_claim_type(of: i32) -> Option<&'static str> {
    let known = tessera_proto::pb::compliance::v1::ClaimType::try_from(of).ok()?;
    Some(known.as_str_name())
}

fn on_country(
    rule: &Numbered<'_>,
    person: &Person,
    deny: bool,
    listed: impl Fn(&Country) -> bool,
) -> Verdict {
    let (account, number) = (person.account, rule.number);
    match &person.standing.country {
        None => {
            let missing = vec![super::rules::country_type()];
            let refusal = EligibilityError::NoCountry { account, rule: number };
            rule.on(person, missing, Some(refusal))
        }
        Some(country) if listed(country) == deny => {
            let country = person.standing.country_text();
            let refusal = EligibilityError::CountryNotAllowed { account, country, rule: number };
            rule.on(person, Vec::new(), Some(refusal))
        }
        Some(_) => rule.on(person, Vec::new(), None),
    }
}

/// Counts the net effect: who leaves makes room for who joins. Only newcomers are refused; who
/// is counted anew because its claims have changed is not.
fn on_holders(
    view: &mut dyn StateView,
    facts: &Facts<'_>,
    rule: &Numbered<'_>,
    persons: &Persons,
    (max, bucket): (u64, HolderBucket),
) -> Result<Verdict, ExecutionError> {
    let mut holders = counters::count(view, facts.asset, bucket)?;
    let mut newcomer = None;
    for person in persons.values() {
        let (before, after) = (person.before.buckets(), person.after.buckets());
        if after.contains(&bucket) && !before.contains(&bucket) {
            holders = holders.saturating_add(1);
        }
        if person.joins() && after.contains(&bucket) && !is_exempt(person, rule.rule) {
            newcomer = newcomer.or(Some(person));
        }
    }
    let left = |person: &&Person| {
        let (before, after) = (person.before.buckets(), person.after.buckets());
        before.contains(&bucket) && !after.contains(&bucket)
    };
    let left = u64::try_from(persons.values().filter(left).count()).unwrap_or(u64::MAX);
    holders = holders.saturating_sub(left);
    let Some(newcomer) = newcomer else {
        return Ok(Verdict {
            rule: rule.number,
            ..Verdict::general("number of holders", None, None)
        });
    };
    let what = match bucket {
        HolderBucket::All => "all".to_owned(),
        HolderBucket::ClaimType(of) => format!("with claim {}", type_names(&[of])),
        HolderBucket::Country(of) => {
            format!("of {}", of.map(char::from).iter().collect::<String>())
        }
    };
    let (name, number) = (facts.name.to_owned(), rule.number);
    let refusal = (holders > max).then_some(EligibilityError::TooManyHolders {
        name,
        rule: number,
        what,
        max,
        holders,
    });
    Ok(rule.on(newcomer, Vec::new(), refusal))
}

fn is_exempt(person: &Person, rule: &Rule) -> bool {
    person.before.exemptions.contains(&rule.kind())
}

fn on_amounts(
    view: &mut dyn StateView,
    facts: &Facts<'_>,
    rule: &Numbered<'_>,
    person: &Person,
) -> Result<Option<Verdict>, ExecutionError> {
    let (sends, receives) = (!person.sends().is_zero(), !person.receives().is_zero());
    let refusal = match rule.rule {
        Rule::Balance { max } if receives => above_limit(facts, rule, person, *max),
        Rule::Share { max_bps } if receives => {
            let max = share(view, facts.asset, *max_bps)?;
            above_limit(facts, rule, person, max)
        }
        Rule::Velocity { window_ms, max } if sends => {
            let until_ms = person.after.window_start_ms.saturating_add(*window_ms);
            too_much_sent(facts, rule, person, (*max, until_ms))
        }
        Rule::LockUp { .. } if sends => locked_up(facts, rule, person)?,
        _ => return Ok(None),
    };
    Ok(Some(rule.on(person, Vec::new(), refusal)))
}

fn share(
    view: &mut dyn StateView,
    asset: &AssetId,
    max_bps: u32,
) -> Result<Amount, ExecutionError> {
    let totals: Option<AssetTotals> = view.load(&StateKey::asset_totals(asset))?;
    let supply = committed::amount("supply", &totals.unwrap_or_default().supply)?;
    Ok(num::share_of_bps(supply, max_bps).ok_or_else(|| broken("a share of a supply overflows"))?)
}

fn above_limit(
    facts: &Facts<'_>,
    rule: &Numbered<'_>,
    person: &Person,
    max: Amount,
) -> Option<EligibilityError> {
    let (account, after) = (person.account, person.after.balance);
    let (name, rule) = (facts.name.to_owned(), rule.number);
    (after > max).then_some(EligibilityError::BalanceAboveLimit { account, name, rule, after, max })
}

fn too_much_sent(
    facts: &Facts<'_>,
    rule: &Numbered<'_>,
    person: &Person,
    (max, until_ms): (Amount, u64),
) -> Option<EligibilityError> {
    let (account, sent) = (person.account, person.after.sent);
    let (name, rule) = (facts.name.to_owned(), rule.number);
    (sent > max).then_some(EligibilityError::TooMuchSent {
        account,
        name,
        rule,
        sent,
        max,
        until_ms,
    })
}

fn locked_up(
    facts: &Facts<'_>,
    rule: &Numbered<'_>,
    person: &Person,
) -> Result<Option<EligibilityError>, Fault> {
    let (locked, until_ms) = person.before.locked(facts.now_ms);
    let (unlocked, need) = (person.before.balance.saturating_sub(locked), person.sends());
    let (account, name, rule) = (person.account, facts.name.to_owned(), rule.number);
    Ok((need > unlocked).then_some(EligibilityError::LockedUp {
        account,
        name,
        rule,
        need,
        unlocked,
        until_ms,
    }))
}
