//! `tessera mandate`.

use std::time::Duration;

use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::json;
use tessera_proto::id::AssetId;
use tessera_proto::pb::accounts::v1::{GivenMandate, Mandate};

use super::context::{Context, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::role::time_of;
use super::send::{Intent, send};
use super::share::owner_of;
use super::terms::{end_of, parse_period};
use crate::client::{PAGE_ENTRIES, all_pages};
use crate::operations::accounts::{self, GiveMandate};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Let another account act for yours, which it does with --on-behalf-of
    Give(Give),
    /// End what another account may do for yours
    Revoke {
        /// Who may not act any more
        account: String,
    },
    /// Who may act for an account
    List {
        /// For whom; that of --from if left out
        #[arg(long, value_name = "ACCOUNT")]
        owner: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Give {
    /// Who may act
    account: String,
    /// What it may do, like Transfer,ClaimIncome
    #[arg(long, required = true, value_name = "OPERATION", value_delimiter = ',')]
    only: Vec<String>,
    /// Only with this asset
    #[arg(long)]
    asset: Option<String>,
    /// How much of the asset it may spend in all
    #[arg(long, requires = "asset")]
    amount: Option<String>,
    /// How long, like 30d
    #[arg(long, value_name = "PERIOD", value_parser = parse_period)]
    valid: Duration,
    /// How often; 0 for any number of times
    #[arg(long, default_value_t = 0)]
    uses: u64,
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Give(mandate) => give(context, mandate).await,
        Command::Revoke { account } => {
            let account = context.address(&account).await?;
            let preview = vec![("End the mandate of", context.label(&account))];
            send(context, Intent::new(preview, accounts::revoke_mandate(&account))).await
        }
        Command::List { owner } => list(context, owner).await,
    }
}

async fn give(context: &Context, given: Give) -> Result<Report, Failure> {
    let account = context.address(&given.account).await?;
    let mut operations = given.only;
    operations.sort();
    let mut preview = vec![("Mandate for", context.label(&account)), ("To", operations.join(", "))];
    let (mut asset, mut amount) = (Bytes::new(), String::new());
    if let Some(name) = &given.asset {
        let view = context.asset(name).await?;
        asset = view.id.to_bytes();
        if let Some(text) = &given.amount {
            let limit = view.parse(text)?;
            preview.push(("Spending at most", view.display(limit)));
            amount = limit.to_string();
        }
    }
    let expires_ms = end_of(given.valid);
    preview.push(("Until", time_of(expires_ms)));
    let (account, uses) = (account.to_bytes(), given.uses);
    let mandate = GiveMandate { account, operations, asset, amount, expires_ms, uses };
    send(context, Intent::new(preview, accounts::give_mandate(mandate))).await
}

async fn list(context: &Context, owner: Option<String>) -> Result<Report, Failure> {
    let owner = owner_of(context, owner).await?;
    context.info().await?;
    let client = context.client().await?;
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let entries =
        all_pages(async |token| client.mandates(&owner, PAGE_ENTRIES, token).await).await?;
    for GivenMandate { account, mandate } in entries {
        let mandate = mandate.unwrap_or_default();
        let label = account.parse().map(|account| context.label(&account));
        let limit = limit(context, &mandate).await?;
        let often = match mandate.uses {
            0 => "any number".to_owned(),
            uses => uses.to_string(),
        };
        rows.push(vec![
            label.unwrap_or_else(|_| account.clone()),
            mandate.operations.join(", "),
            limit.clone(),
            often,
            time_of(mandate.expires_ms),
        ]);
        records.push(json!({
            "account": account,
            "operations": mandate.operations,
            "limit": limit,
            "uses": mandate.uses,
            "expires_ms": mandate.expires_ms,
        }));
    }
    let headings = vec!["account", "operations", "of what", ">uses left", "until"];
    Ok(Report { records, blocks: vec![Block::Table(headings, rows)] })
}

/// What a mandate may be used for, in words.
async fn limit(context: &Context, mandate: &Mandate) -> Result<String, Failure> {
    let Ok(id) = AssetId::try_from(mandate.asset.as_ref()) else { return Ok("any".to_owned()) };
    let asset = context.asset(&id.to_string()).await?;
    if mandate.amount.is_empty() {
        return Ok(asset.name().to_owned());
    }
    Ok(asset.display(amount_of(&mandate.amount)?))
}
