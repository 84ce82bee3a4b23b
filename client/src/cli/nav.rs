//! `tessera nav`.

use clap::{Args, Subcommand};
use serde_json::json;
use tessera_proto::pb::assets::v1::SetNav;

use super::asset::{MS_PER_DAY, now_ms};
use super::context::{Context, address_of, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::role::time_of;
use super::send::{Intent, send};
use crate::client::{PAGE_ENTRIES, all_pages};
use crate::operations;

/// How far the clock of the chain may be behind ours.
const CLOCK_SLACK_MS: u64 = 60_000;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// State what one unit of an asset is worth
    Set(Set),
    /// What an asset is worth, and by whom
    List {
        /// Name or id of the asset
        asset: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// Name or id of the asset
    asset: String,
    /// Price of one unit, in units of the currency
    #[arg(long, value_name = "AMOUNT")]
    price: String,
    /// Currency of the price
    #[arg(long, value_name = "ASSET")]
    currency: String,
    /// What it rests on, like `audited accounts`
    #[arg(long)]
    source: String,
    /// How many days it may be used
    #[arg(long, default_value_t = 30)]
    days: u64,
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Set(nav) => set(context, nav).await,
        Command::List { asset } => list(context, &asset).await,
    }
}

async fn set(context: &Context, nav: Set) -> Result<Report, Failure> {
    let asset = context.asset(&nav.asset).await?;
    let currency = context.asset(&nav.currency).await?;
    let price = currency.parse(&nav.price)?;
    let preview = vec![
        ("Asset", asset.name().to_owned()),
        ("One unit", currency.display(price)),
        ("Usable", format!("{} days", nav.days)),
    ];
    let operation = operations::set_nav(SetNav {
        asset: asset.id.to_bytes(),
        currency: currency.id.to_bytes(),
        price: price.to_string(),
        source: nav.source,
        computed_at_ms: now_ms().saturating_sub(CLOCK_SLACK_MS),
        max_age_ms: nav.days.saturating_mul(MS_PER_DAY),
    });
    send(context, Intent::new(preview, operation)).await
}

async fn list(context: &Context, asset: &str) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let entries =
        all_pages(async |token| client.navs(&asset.id.to_string(), PAGE_ENTRIES, token).await)
            .await?;
    for stated in entries {
        let nav = stated.nav.unwrap_or_default();
        let currency = context.asset(&stated.currency).await?;
        let (price, by) = (amount_of(&nav.price)?, address_of(&nav.stated_by)?);
        let until_ms = nav.computed_at_ms.saturating_add(nav.max_age_ms);
        rows.push(vec![
            currency.display(price),
            if stated.stale { "not any more".to_owned() } else { time_of(until_ms) },
            nav.source.clone(),
            context.label(&by),
        ]);
        records.push(json!({
            "price": currency.json(price),
            "currency": currency.id.to_string(),
            "source": nav.source,
            "stated_by": by.to_string(),
            "computed_at_ms": nav.computed_at_ms,
            "max_age_ms": nav.max_age_ms,
            "stale": stated.stale,
        }));
    }
    let headings = vec![">one unit", "usable until", "source", "by"];
    Ok(Report { records, blocks: vec![Block::Table(headings, rows)] })
}
