//! `tessera rule`.

use clap::Subcommand;
use serde_json::json;
use tessera_proto::pb::compliance::v1::{RuleSet, TrustedIssuer};

use super::claim::identity_of;
use super::context::{AssetView, Context, address_of, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::send::{Intent, grouped, send};
use super::terms::{
    claim_type_name, claim_type_names, parse_claim_type, parse_rule, parse_rule_kind,
    rule_kind_name, rule_text,
};
use crate::client::{PAGE_ENTRIES, all_pages};
use crate::operations::compliance::{self, RuleKind};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set the rules of a regulated asset, in place of those before
    Set {
        /// Name or id of the asset
        asset: String,
        /// Whose claims count, like notary=kyc,country; may be repeated
        #[arg(long, required = true, value_name = "ISSUER=CLAIMS")]
        trust: Vec<String>,
        /// A rule, like both:present:kyc, receiver:countries:deny:US, holders:100,
        /// holders:35:class=accredited, balance:500, share:1000, velocity:100:1d or lock-up:90d;
        /// may be repeated
        #[arg(long, value_name = "RULE")]
        rule: Vec<String>,
    },
    /// Show the rules of an asset
    Show {
        /// Name or id of the asset
        asset: String,
    },
    /// Free an identity from kinds of rules; none ends all exemptions
    Exempt {
        /// Name or id of the asset
        asset: String,
        /// Any wallet of the identity
        account: String,
        /// Kinds: claims, countries, holders, balance, velocity, lock-up
        #[arg(value_parser = parse_rule_kind)]
        kinds: Vec<RuleKind>,
    },
    /// Count a holder anew after its claims have changed
    Refresh {
        /// Name or id of the asset
        asset: String,
        /// Any wallet of the identity
        account: String,
    },
    /// How many identities hold a regulated asset, by claim and by country
    Counters {
        /// Name or id of the asset
        asset: String,
    },
    /// What an identity holds of a regulated asset, in all wallets
    Record {
        /// Name or id of the asset
        asset: String,
        /// Any wallet of the identity
        account: String,
    },
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Set { asset, trust, rule } => set(context, &asset, &trust, &rule).await,
        Command::Show { asset } => show(context, &asset).await,
        Command::Exempt { asset, account, kinds } => {
            let asset = context.asset(&asset).await?;
            let identity = identity_of(context, &account).await?;
            let names: Vec<String> = kinds.iter().map(|k| rule_kind_name((*k).into())).collect();
            let preview = vec![("Exempt", context.label(&identity)), ("From", names.join(", "))];
            let operation = compliance::set_exemptions(&asset.id, &identity, &kinds);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Refresh { asset, account } => {
            let asset = context.asset(&asset).await?;
            let identity = identity_of(context, &account).await?;
            let preview = vec![("Count anew", context.label(&identity))];
            let operation = compliance::refresh_holder(&asset.id, &identity);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Counters { asset } => counters(context, &asset).await,
        Command::Record { asset, account } => record(context, &asset, &account).await,
    }
}

async fn set(
    context: &Context,
    asset: &str,
    trust: &[String],
    rules: &[String],
) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let mut preview = vec![("Rules of", asset.name().to_owned())];
    let rules = rule_set(context, &asset, (trust, rules), &mut preview).await?;
    send(context, Intent::new(preview, compliance::set_rules(&asset.id, rules))).await
}

/// Reads whose claims count, and rules; says what was read.
pub(crate) async fn rule_set(
    context: &Context,
    asset: &AssetView,
    (trust, rules): (&[String], &[String]),
    preview: &mut Vec<(&'static str, String)>,
) -> Result<RuleSet, Failure> {
    let mut trusted_issuers = Vec::new();
    for text in trust {
        let (issuer, claims) = text.split_once('=').ok_or_else(|| {
            Failure::usage(format!("`{text}` is not an issuer: expected one like notary=kyc"))
        })?;
        let issuer = context.address(issuer).await?;
        let claim_types: Result<Vec<u32>, String> =
            claims.split(',').map(parse_claim_type).collect();
        let claim_types = claim_types.map_err(Failure::usage)?;
        let names = claim_type_names(&claim_types);
        preview.push(("Trusted", format!("{} for {names}", context.label(&issuer))));
        let issuer = issuer.to_bytes();
        trusted_issuers.push(TrustedIssuer { issuer, claim_types, until_ms: 0 });
    }
    let parsed: Result<Vec<_>, Failure> =
        rules.iter().map(|text| parse_rule(asset, text)).collect();
    preview.extend(rules.iter().map(|text| ("Rule", text.clone())));
    Ok(RuleSet { trusted_issuers, rules: parsed? })
}

async fn show(context: &Context, asset: &str) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let rules = client.rule_set(&asset.id.to_string(), context.height()).await?;
    let Some(rules) = rules else {
        let none = format!("`{}` has no rules", asset.name());
        return Err(Failure::not_found(none));
    };
    let (mut fields, mut trusted) = (Vec::new(), Vec::new());
    for entry in &rules.trusted_issuers {
        let issuer = address_of(&entry.issuer)?;
        let names = claim_type_names(&entry.claim_types);
        fields.push(("trusted", format!("{} for {names}", context.label(&issuer))));
        trusted.push(json!({ "issuer": issuer.to_string(), "claims": names }));
    }
    let texts: Vec<String> = rules.rules.iter().map(|rule| rule_text(&asset, rule)).collect();
    for (number, text) in (1..).zip(&texts) {
        fields.push(("rule", format!("{number}  {text}")));
    }
    let record = json!({
        "asset": asset.id.to_string(),
        "asset_name": asset.name(),
        "trusted_issuers": trusted,
        "rules": texts,
    });
    Ok(Report::new(record, vec![Block::Fields(fields)]))
}

async fn counters(context: &Context, asset: &str) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let entries = all_pages(async |token| {
        client.holder_counters(&asset.id.to_string(), PAGE_ENTRIES, token).await
    })
    .await?;
    for counter in &entries {
        let of = match (counter.claim_type, counter.country.as_str()) {
            (0, "") => "all".to_owned(),
            (0, country) => format!("country={country}"),
            (claim_type, _) => format!("class={}", claim_type_name(claim_type)),
        };
        rows.push(vec![of.clone(), grouped(counter.count)]);
        records.push(json!({ "of": of, "count": counter.count }));
    }
    let table = Block::Table(vec!["identities", ">count"], rows);
    Ok(Report { records, blocks: vec![table] })
}

async fn record(context: &Context, asset: &str, account: &str) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let account = context.address(account).await?;
    let client = context.client().await?;
    let record = client.holder_record(&asset.id.to_string(), &account, context.height()).await?;
    let record = record.unwrap_or_default();
    let balance = amount_of(&record.balance)?;
    let claims = claim_type_names(&record.claim_types);
    let exempt: Vec<String> = record.exemptions.iter().map(|k| rule_kind_name(*k)).collect();
    let fields = vec![
        ("holds", asset.display(balance)),
        ("claims", claims.clone()),
        ("country", record.country.clone()),
        ("exempt from", exempt.join(", ")),
    ];
    let json = json!({
        "asset": asset.id.to_string(),
        "account": account.to_string(),
        "balance": asset.json(balance),
        "claims": claims,
        "country": record.country,
        "exemptions": exempt,
    });
    Ok(Report::new(json, vec![Block::Fields(fields)]))
}
