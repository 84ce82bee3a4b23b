//! `tessera income`.

use clap::Subcommand;
use serde_json::json;

use super::context::{Context, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::send::{Intent, send};
use super::share::owner_of;
use crate::operations;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Pay income to all holders of an asset
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
    /// Collect the income of your holding
    Claim {
        /// Name or id of the asset
        asset: String,
        /// Currency to collect
        #[arg(long, value_name = "ASSET")]
        currency: String,
        /// For whom, like treasury:NAME; for --from if left out
        #[arg(long, value_name = "ACCOUNT")]
        owner: Option<String>,
    },
    /// Show what a holder could collect
    Show {
        /// Name or id of the asset
        asset: String,
        /// Whose; that of --from if left out
        #[arg(long, value_name = "ACCOUNT")]
        owner: Option<String>,
    },
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Pay { asset, amount, currency, memo_sha256 } => {
            let asset = context.asset(&asset).await?;
            let currency = context.asset(&currency).await?;
            let amount = currency.parse(&amount)?;
            let preview = vec![
                ("Pay", currency.display(amount)),
                ("To", format!("all {} holders of {}", asset.totals.holder_count, asset.name())),
            ];
            let operation = operations::pay_income(&asset.id, &currency.id, amount, memo_sha256);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Claim { asset, currency, owner } => {
            let owner = match owner {
                Some(owner) => Some(context.address(&owner).await?),
                None => None,
            };
            let asset = context.asset(&asset).await?;
            let currency = context.asset(&currency).await?;
            let preview = vec![("Collect", format!("{} of {}", currency.name(), asset.name()))];
            let operation = operations::claim_income_for(&asset.id, &currency.id, owner.as_ref());
            send(context, Intent::new(preview, operation)).await
        }
        Command::Show { asset, owner } => show(context, &asset, owner).await,
    }
}

async fn show(context: &Context, asset: &str, owner: Option<String>) -> Result<Report, Failure> {
    let owner = owner_of(context, owner).await?;
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let income = client.claimable_income(&asset.id.to_string(), &owner, context.height()).await?;
    let (mut rows, mut entries) = (Vec::new(), Vec::new());
    for entry in &income {
        let currency = context.asset(&entry.currency).await?;
        let amount = amount_of(&entry.amount)?;
        rows.push(vec![currency.name().to_owned(), amount.display(currency.decimals())]);
        entries.push(json!({
            "currency": entry.currency,
            "currency_name": entry.currency_name,
            "amount": currency.json(amount),
        }));
    }
    let record = json!({
        "asset": asset.id.to_string(),
        "asset_name": asset.name(),
        "account": owner.to_string(),
        "income": entries,
    });
    let blocks = if rows.is_empty() {
        vec![Block::Line(format!("  nothing to collect for {}", context.label(&owner)))]
    } else {
        vec![Block::Table(vec!["currency", ">claimable"], rows)]
    };
    Ok(Report::new(record, blocks))
}
