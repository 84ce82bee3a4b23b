//! `tessera tranche`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::pb::pools::v1::TrancheStanding;

use super::context::{AssetView, Context, amount_of};
use super::distribution::parse_span;
use super::failure::Failure;
use super::output::{Block, Report};
use super::role::time_of;
use super::send::{Intent, grouped, send};
use crate::operations::pools as operations;
use crate::operations::pools::{CreateTranches, TrancheTerms};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Divide your asset in tranches, the most senior first
    Create(Create),
    /// Pay income of an asset to its tranches, in order of rank
    Pay {
        /// Name or id of the asset
        asset: String,
        /// How much, in units of the currency
        amount: String,
        /// Currency paid
        #[arg(long, value_name = "ASSET")]
        currency: String,
        /// SHA-256 of the statement behind the payment
        #[arg(long, value_name = "HEX", value_parser = super::parse_hash)]
        memo_sha256: Option<[u8; 32]>,
    },
    /// Show what is due to the tranches of an asset, and what they were paid
    Show {
        /// Name or id of the asset, or of one of its tranches
        asset: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Name or id of the asset
    asset: String,
    /// Tranches from the most senior on, each with what is due for one of its units, like
    /// senior=5.00; the last one is only named, it gets what is left
    #[arg(required = true, value_name = "TRANCHE[=AMOUNT]")]
    tranches: Vec<String>,
    /// Currency of what is due
    #[arg(long, value_name = "ASSET")]
    currency: String,
    /// How often it is due, like 30d; once if left out
    #[arg(long, value_name = "SPAN", default_value = "0s", value_parser = parse_span)]
    every: u64,
    /// When the first period begins, from now
    #[arg(long, value_name = "SPAN", default_value = "0s", value_parser = parse_span)]
    begins_in: u64,
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Create(create) => self::create(context, create).await,
        Command::Pay { asset, amount, currency, memo_sha256 } => {
            let (asset, currency) = (context.asset(&asset).await?, context.asset(&currency).await?);
            let amount = currency.parse(&amount)?;
            let preview = vec![
                ("Pay", currency.display(amount)),
                ("To", format!("the tranches of {}, in order of rank", asset.name())),
            ];
            let operation = operations::pay_waterfall(&asset.id, &currency.id, amount, memo_sha256);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Show { asset } => show(context, &asset).await,
    }
}

async fn create(context: &Context, create: Create) -> Result<Report, Failure> {
    let Create { asset, tranches, currency, every, begins_in } = create;
    let (asset, currency) = (context.asset(&asset).await?, context.asset(&currency).await?);
    let begins_ms = match begins_in {
        0 => 0,
        span => context.info().await?.block_time_ms.saturating_add(span),
    };
    let mut preview = vec![("Divide", asset.name().to_owned())];
    let mut terms = Vec::new();
    for tranche in &tranches {
        let (tranche, due) = tranche.split_once('=').unwrap_or((tranche, ""));
        let tranche = context.asset(tranche).await?;
        let mut term = TrancheTerms { asset: tranche.id.to_bytes(), ..TrancheTerms::default() };
        let mut told = tranche.name().to_owned();
        if !due.is_empty() {
            let due = currency.parse(due)?;
            term.per_unit = due.to_string();
            term.units = tranche.parse("1")?.to_string();
            told += &format!("  {} for each unit", currency.display(due));
        }
        preview.push(("Tranche", told));
        terms.push(term);
    }
    let operation = operations::create_tranches(CreateTranches {
        parent: asset.id.to_bytes(),
        currency: currency.id.to_bytes(),
        begins_ms,
        period_ms: every,
        tranches: terms,
    });
    send(context, Intent::new(preview, operation)).await
}

/// The asset whose income a tranche shares; any other asset itself.
async fn parent_of(context: &Context, asset: &str) -> Result<AssetView, Failure> {
    let asset = context.asset(asset).await?;
    match AssetId::try_from(asset.asset.tranche_of.as_ref()) {
        Ok(parent) if asset.asset.tranche_count == 0 => context.asset(&parent.to_string()).await,
        _ => Ok(asset),
    }
}

async fn show(context: &Context, asset: &str) -> Result<Report, Failure> {
    let asset = parent_of(context, asset).await?;
    let client = context.client().await?;
    let waterfall = client.waterfall(&asset.id.to_string(), context.height()).await?;
    let currency = context.asset(&waterfall.currency).await?;
    let (mut rows, mut tranches) = (Vec::new(), Vec::new());
    for (rank, tranche) in (1_u64..).zip(&waterfall.tranches) {
        let supply = amount_of(&tranche.supply)?;
        let decimals = tranche.decimals.min(18);
        let received = amount_of(&tranche.received)?;
        let (per_period, due) = (optional(&tranche.due_per_period)?, optional(&tranche.due)?);
        let shown = |amount: Option<Amount>| {
            amount.map_or_else(|| "the rest".to_owned(), |amount| currency.display(amount))
        };
        rows.push(vec![
            rank.to_string(),
            tranche.name.clone(),
            supply.display(decimals),
            shown(per_period),
            shown(due),
            currency.display(received),
        ]);
        tranches.push(tranche_json(&currency, tranche, (rank, per_period, due, received)));
    }
    let record = json!({
        "asset": asset.id.to_string(), "asset_name": asset.name(),
        "currency": waterfall.currency, "begins_ms": waterfall.begins_ms,
        "period_ms": waterfall.period_ms, "periods": waterfall.periods, "tranches": tranches,
    });
    let fields = vec![
        ("asset", asset.name().to_owned()),
        ("from", time_of(waterfall.begins_ms)),
        ("periods begun", grouped(waterfall.periods)),
    ];
    let headings = vec![">rank", "tranche", ">units", ">each period", ">due now", ">paid"];
    let blocks = vec![Block::Fields(fields), Block::Table(headings, rows)];
    Ok(Report::new(record, blocks))
}

fn optional(amount: &str) -> Result<Option<Amount>, Failure> {
    if amount.is_empty() { Ok(None) } else { amount_of(amount).map(Some) }
}

fn tranche_json(
    currency: &AssetView,
    tranche: &TrancheStanding,
    (rank, per_period, due, received): (u64, Option<Amount>, Option<Amount>, Amount),
) -> Value {
    json!({
        "rank": rank,
        "asset": tranche.asset,
        "asset_name": tranche.name,
        "supply": tranche.supply,
        "due_per_period": per_period.map(|amount| currency.json(amount)),
        "due": due.map(|amount| currency.json(amount)),
        "received": currency.json(received),
    })
}
