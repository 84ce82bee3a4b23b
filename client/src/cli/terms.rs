//! How claims, rules and periods are written on the command line.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::pb::compliance::v1::{
    ClaimCondition, ClaimType, RuleKind, Side, balance_limit, rule,
};

use super::context::AssetView;
use super::failure::Failure;

/// Claim types that have a name.
const CLAIM_TYPES: [(&str, ClaimType); 6] = [
    ("kyc", ClaimType::Kyc),
    ("accredited", ClaimType::Accredited),
    ("affiliate", ClaimType::Affiliate),
    ("country", ClaimType::Country),
    ("blocked", ClaimType::Blocked),
    ("professional", ClaimType::Professional),
];
/// Kinds of rules that can be exempted from.
const RULE_KINDS: [(&str, RuleKind); 6] = [
    ("claims", RuleKind::Claims),
    ("countries", RuleKind::Countries),
    ("holders", RuleKind::Holders),
    ("balance", RuleKind::Balance),
    ("velocity", RuleKind::Velocity),
    ("lock-up", RuleKind::LockUp),
];
/// How rules are written, for help and errors.
pub(crate) const RULE_FORMS: &str = "SIDE:present|absent|any-of|none-of:CLAIMS, \
    SIDE:countries:allow|deny:COUNTRIES, holders:N[:class=CLAIM|:country=CC], balance:AMOUNT, \
    share:BPS, velocity:AMOUNT:PERIOD or lock-up:PERIOD, where SIDE is sender, receiver or both";

/// Reads a period like 90s, 15m, 12h or 30d.
pub(crate) fn parse_period(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a period: expected one like 90s, 15m, 12h or 30d");
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// Milliseconds of a period.
pub(crate) fn milliseconds(period: Duration) -> u64 {
    u64::try_from(period.as_millis()).unwrap_or(u64::MAX)
}

/// When a period that begins now ends, in milliseconds since the Unix epoch.
pub(crate) fn end_of(period: Duration) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    milliseconds(now.saturating_add(period))
}

/// Reads a claim type by name or number.
pub(crate) fn parse_claim_type(text: &str) -> Result<u32, String> {
    let named = CLAIM_TYPES.iter().find(|(name, _)| *name == text);
    if let Some((_, claim_type)) = named {
        return Ok(i32::from(*claim_type).unsigned_abs());
    }
    let names: Vec<&str> = CLAIM_TYPES.iter().map(|(name, _)| *name).collect();
    let wrong =
        |_| format!("`{text}` is not a claim type: expected {} or a number", names.join(", "));
    text.parse().map_err(wrong)
}

/// A claim type by its name, else its number.
pub(crate) fn claim_type_name(claim_type: u32) -> String {
    let is_it = |of: &ClaimType| i32::from(*of).unsigned_abs() == claim_type;
    let named = CLAIM_TYPES.iter().find(|(_, of)| is_it(of));
    named.map_or_else(|| claim_type.to_string(), |(name, _)| (*name).to_owned())
}

/// Names of claim types.
pub(crate) fn claim_type_names(claim_types: &[u32]) -> String {
    claim_types.iter().map(|of| claim_type_name(*of)).collect::<Vec<String>>().join(",")
}

/// Reads a kind of rule.
pub(crate) fn parse_rule_kind(text: &str) -> Result<RuleKind, String> {
    let named = RULE_KINDS.iter().find(|(name, _)| *name == text);
    let names: Vec<&str> = RULE_KINDS.iter().map(|(name, _)| *name).collect();
    let wrong = || format!("`{text}` is not a kind of rule: expected {}", names.join(", "));
    named.map(|(_, kind)| *kind).ok_or_else(wrong)
}

/// Name of a kind of rule.
pub(crate) fn rule_kind_name(kind: i32) -> String {
    let named = RULE_KINDS.iter().find(|(_, of)| i32::from(*of) == kind);
    named.map_or_else(|| kind.to_string(), |(name, _)| (*name).to_owned())
}

/// Reads a rule; amounts in units of the asset.
pub(crate) fn parse_rule(asset: &AssetView, text: &str) -> Result<pb::Rule, Failure> {
    let wrong = || Failure::usage(format!("`{text}` is not a rule: expected {RULE_FORMS}"));
    let usage = |message: String| Failure::usage(message);
    let parts: Vec<&str> = text.split(':').collect();
    let rule = match parts.as_slice() {
        [side @ ("sender" | "receiver" | "both"), "countries", list, countries] => {
            let deny = match *list {
                "allow" => false,
                "deny" => true,
                _ => return Err(wrong()),
            };
            let countries = countries.split(',').map(str::to_owned).collect();
            rule::Rule::Countries(pb::CountryRule { side: parse_side(side), deny, countries })
        }
        [side @ ("sender" | "receiver" | "both"), condition, claims] => {
            let condition = match *condition {
                "present" => ClaimCondition::AllOf,
                "any-of" => ClaimCondition::AnyOf,
                "absent" | "none-of" => ClaimCondition::NoneOf,
                _ => return Err(wrong()),
            };
            let claim_types: Result<_, String> = claims.split(',').map(parse_claim_type).collect();
            let (side, claim_types) = (parse_side(side), claim_types.map_err(usage)?);
            rule::Rule::Claims(pb::ClaimRule { side, condition: condition.into(), claim_types })
        }
        ["holders", max, of @ ..] => {
            let max_holders = max.parse().map_err(|_| wrong())?;
            let mut limit = pb::HolderLimit { max_holders, ..pb::HolderLimit::default() };
            match of {
                [] => {}
                [of] => match of.split_once('=') {
                    Some(("class", claim)) => {
                        limit.claim_type = parse_claim_type(claim).map_err(usage)?;
                    }
                    Some(("country", country)) => limit.country = country.to_owned(),
                    _ => return Err(wrong()),
                },
                _ => return Err(wrong()),
            }
            rule::Rule::Holders(limit)
        }
        _ => parse_amount_rule(asset, &parts)?.ok_or_else(wrong)?,
    };
    Ok(pb::Rule { rule: Some(rule) })
}

fn parse_amount_rule(asset: &AssetView, parts: &[&str]) -> Result<Option<rule::Rule>, Failure> {
    let period = |text: &str| parse_period(text).map(milliseconds).map_err(Failure::usage);
    Ok(Some(match parts {
        ["balance", amount] => {
            let amount = asset.parse(amount)?.to_string();
            let limit = Some(balance_limit::Limit::MaxBalance(amount));
            rule::Rule::Balance(pb::BalanceLimit { limit })
        }
        ["share", bps] => {
            let Ok(bps) = bps.parse() else { return Ok(None) };
            let limit = Some(balance_limit::Limit::MaxShareBps(bps));
            rule::Rule::Balance(pb::BalanceLimit { limit })
        }
        ["velocity", amount, window] => rule::Rule::Velocity(pb::VelocityLimit {
            window_ms: period(window)?,
            max_amount: asset.parse(amount)?.to_string(),
        }),
        ["lock-up", lock_up] => rule::Rule::LockUp(pb::LockUp { period_ms: period(lock_up)? }),
        _ => return Ok(None),
    }))
}

fn parse_side(text: &str) -> i32 {
    match text {
        "sender" => Side::Sender.into(),
        "receiver" => Side::Receiver.into(),
        _ => Side::Both.into(),
    }
}

/// A rule as it is written; amounts in units of the asset.
pub(crate) fn rule_text(asset: &AssetView, rule: &pb::Rule) -> String {
    let side = |side: i32| match Side::try_from(side) {
        Ok(Side::Sender) => "sender",
        Ok(Side::Receiver) => "receiver",
        _ => "both",
    };
    let amount = |text: &str| {
        let amount: Option<tessera_proto::amount::Amount> = text.parse().ok();
        amount.map_or_else(|| text.to_owned(), |amount| amount.display(asset.decimals()))
    };
    let period = |ms: u64| match ms {
        _ if ms.is_multiple_of(86_400_000) => format!("{}d", ms / 86_400_000),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ => format!("{}s", ms / 1000),
    };
    match &rule.rule {
        Some(rule::Rule::Claims(rule)) => {
            let condition = match ClaimCondition::try_from(rule.condition) {
                Ok(ClaimCondition::AllOf) => "present",
                Ok(ClaimCondition::AnyOf) => "any-of",
                _ => "none-of",
            };
            format!("{}:{condition}:{}", side(rule.side), claim_type_names(&rule.claim_types))
        }
        Some(rule::Rule::Countries(rule)) => {
            let list = if rule.deny { "deny" } else { "allow" };
            format!("{}:countries:{list}:{}", side(rule.side), rule.countries.join(","))
        }
        Some(rule::Rule::Holders(rule)) if rule.claim_type != 0 => {
            format!("holders:{}:class={}", rule.max_holders, claim_type_name(rule.claim_type))
        }
        Some(rule::Rule::Holders(rule)) if !rule.country.is_empty() => {
            format!("holders:{}:country={}", rule.max_holders, rule.country)
        }
        Some(rule::Rule::Holders(rule)) => format!("holders:{}", rule.max_holders),
        Some(rule::Rule::Balance(rule)) => match &rule.limit {
            Some(balance_limit::Limit::MaxBalance(max)) => format!("balance:{}", amount(max)),
            Some(balance_limit::Limit::MaxShareBps(bps)) => format!("share:{bps}"),
            None => "balance".to_owned(),
        },
        Some(rule::Rule::Velocity(rule)) => {
            format!("velocity:{}:{}", amount(&rule.max_amount), period(rule.window_ms))
        }
        Some(rule::Rule::LockUp(rule)) => format!("lock-up:{}", period(rule.period_ms)),
        None => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tessera_proto::id::{Address, AssetId};
    use tessera_proto::pb::assets::v1::{Asset, AssetTotals};

    use super::*;

    #[test]
    fn rules_are_shown_as_they_are_written() {
        let id = AssetId::derive(&Address::from_ed25519(&[1; 32]), b"salt");
        let asset =
            Asset { id: id.to_bytes(), name: "fund".into(), decimals: 2, ..Asset::default() };
        let asset = AssetView::new(asset, AssetTotals::default()).unwrap();
        for text in [
            "both:present:kyc",
            "receiver:any-of:accredited,1000",
            "sender:none-of:blocked",
            "receiver:countries:deny:US,IR",
            "holders:100",
            "holders:35:class=accredited",
            "holders:10:country=DE",
            "balance:500.00",
            "share:1000",
            "velocity:100.50:1d",
            "lock-up:12h",
            "lock-up:90s",
        ] {
            let rule = parse_rule(&asset, text).unwrap();
            assert_eq!(rule_text(&asset, &rule), text);
        }
        for text in ["", "both:kyc", "holders:ten", "holders:1:of=2", "balance:1.234", "share:x"] {
            assert!(parse_rule(&asset, text).is_err(), "{text}");
        }
    }

    #[test]
    fn periods_have_a_unit() {
        assert_eq!(parse_period("2h").unwrap(), Duration::from_secs(7_200));
        for text in ["", "5", "d", "1w", "99999999999999999999d"] {
            assert!(parse_period(text).is_err(), "{text}");
        }
    }
}
