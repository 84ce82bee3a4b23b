//! `tessera approval`.

use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::json;
use tessera_proto::pb::chain::v1::Operation;
use tessera_proto::pb::chain::v1::operation::Kind;

use super::asset::{days_from_now_ms, parse_ratio, split_preview};
use super::context::{AssetView, Context, address_of, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::role::time_of;
use super::send::{Intent, send};
use crate::client::{PAGE_ENTRIES, all_pages};
use crate::operations;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say which operations on an asset take two persons
    Rule {
        #[command(flatten)]
        rule: TwoPersons,
    },
    /// Propose another rule, as the first of two persons who leave something out of it
    ProposeRule {
        #[command(flatten)]
        rule: TwoPersons,
        /// How many days the second person has
        #[arg(long, default_value_t = 7)]
        days: u64,
    },
    /// Propose to issue units, as the first of two persons; the second one issues them
    ProposeMint {
        /// Name or id of the asset
        asset: String,
        /// How much, in units like 12.50
        amount: String,
        /// Who gets them
        #[arg(long, value_name = "ACCOUNT")]
        to: String,
        /// How many days the second person has
        #[arg(long, default_value_t = 7)]
        days: u64,
    },
    /// Propose a split of units, as the first of two persons; the second one makes it
    ProposeSplit {
        /// Name or id of the asset
        asset: String,
        /// So many units take the place of so many
        #[arg(value_name = "NEW:OLD", value_parser = parse_ratio)]
        ratio: (u32, u32),
        /// How many days the second person has
        #[arg(long, default_value_t = 7)]
        days: u64,
    },
    /// Take a proposed operation back
    Withdraw {
        /// Name or id of the asset
        asset: String,
        /// Hash of the operation, as `tessera approval list` shows it
        #[arg(value_name = "HEX", value_parser = super::parse_hash)]
        operation: [u8; 32],
    },
    /// Operations that wait for a second person
    List {
        /// Name or id of the asset
        asset: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TwoPersons {
    /// Name or id of the asset
    asset: String,
    /// Issuing units takes two persons
    #[arg(long)]
    mint: bool,
    /// Moving units by force takes two persons
    #[arg(long)]
    forced_transfer: bool,
    /// Splitting units takes two persons
    #[arg(long)]
    split: bool,
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Rule { rule } => {
            let asset = context.asset(&rule.asset).await?;
            let operation = rule_operation(&asset, &rule);
            send(context, Intent::new(rule_preview(&asset, &rule), operation)).await
        }
        Command::ProposeRule { rule, days } => {
            let asset = context.asset(&rule.asset).await?;
            let operation = rule_operation(&asset, &rule);
            propose(context, &asset, rule_preview(&asset, &rule), &operation, days).await
        }
        Command::ProposeMint { asset, amount, to, days } => {
            let asset = context.asset(&asset).await?;
            let (amount, to) = (asset.parse(&amount)?, context.address(&to).await?);
            let operation = operations::mint_units(&asset.id, &to, amount);
            let preview =
                vec![("Propose to issue", asset.display(amount)), ("To", context.label(&to))];
            propose(context, &asset, preview, &operation, days).await
        }
        Command::ProposeSplit { asset, ratio: (numerator, denominator), days } => {
            let asset = context.asset(&asset).await?;
            let operation = operations::split_units(&asset.id, numerator, denominator);
            let preview = split_preview(&asset, numerator, denominator);
            propose(context, &asset, preview, &operation, days).await
        }
        Command::Withdraw { asset, operation } => {
            let asset = context.asset(&asset).await?;
            let preview = vec![("Withdraw", hex::encode(operation))];
            let operation = operations::withdraw_action(&asset.id, operation);
            send(context, Intent::new(preview, operation)).await
        }
        Command::List { asset } => list(context, &asset).await,
    }
}

async fn propose(
    context: &Context,
    asset: &AssetView,
    mut preview: Vec<(&'static str, String)>,
    operation: &Kind,
    days: u64,
) -> Result<Report, Failure> {
    let expires_ms = days_from_now_ms(days);
    preview.push(("Until", time_of(expires_ms)));
    let proposal = operations::propose_action(&asset.id, operation, expires_ms);
    send(context, Intent::new(preview, proposal)).await
}

fn rule_operation(asset: &AssetView, rule: &TwoPersons) -> Kind {
    operations::set_two_person_rule(&asset.id, rule.mint, rule.forced_transfer, rule.split)
}

fn rule_preview(asset: &AssetView, rule: &TwoPersons) -> Vec<(&'static str, String)> {
    let persons = |two: bool| if two { "two persons" } else { "one person" }.to_owned();
    vec![
        ("Asset", asset.name().to_owned()),
        ("Issuing units", persons(rule.mint)),
        ("Moving by force", persons(rule.forced_transfer)),
        ("Splitting units", persons(rule.split)),
    ]
}

async fn list(context: &Context, asset: &str) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let entries = all_pages(async |token| {
        client.pending_actions(&asset.id.to_string(), PAGE_ENTRIES, token).await
    })
    .await?;
    for action in entries {
        let hash = hex::encode(operations::operation_sha256(&action.operation));
        let (what, by) = (in_words(context, &asset, &action.operation)?, &action.proposer);
        let by = address_of(by)?;
        let until = time_of(action.expires_ms);
        rows.push(vec![what.clone(), until, context.label(&by), hash.clone()]);
        records.push(json!({
            "operation": what,
            "operation_sha256": hash,
            "proposer": by.to_string(),
            "expires_ms": action.expires_ms,
        }));
    }
    let headings = vec!["operation", "until", "proposed by", "hash"];
    Ok(Report { records, blocks: vec![Block::Table(headings, rows)] })
}

/// What a proposed operation would do.
fn in_words(context: &Context, asset: &AssetView, bytes: &Bytes) -> Result<String, Failure> {
    let operation: Operation = prost::Message::decode(bytes.clone()).unwrap_or_default();
    Ok(match operation.kind {
        Some(Kind::MintUnits(mint)) => {
            let (amount, to) = (amount_of(&mint.amount)?, address_of(&mint.to)?);
            format!("issue {} to {}", asset.display(amount), context.label(&to))
        }
        Some(Kind::ForcedTransfer(forced)) => {
            let (from, to) = (address_of(&forced.from)?, address_of(&forced.to)?);
            let amount = asset.display(amount_of(&forced.amount)?);
            format!("move {amount} of {} to {}", context.label(&from), context.label(&to))
        }
        Some(Kind::SetTwoPersonRule(rule)) => {
            let needed = [
                ("issuing", rule.mint),
                ("moving by force", rule.forced_transfer),
                ("splitting", rule.split),
            ];
            let needed: Vec<_> =
                needed.iter().filter(|(_, two)| *two).map(|(what, _)| *what).collect();
            let what = if needed.is_empty() { "nothing".to_owned() } else { needed.join(" and ") };
            format!("two persons for {what}")
        }
        Some(Kind::SplitUnits(split)) => {
            format!("split {} for {}", split.numerator, split.denominator)
        }
        _ => "an operation that this version does not know".to_owned(),
    })
}
