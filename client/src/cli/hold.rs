//! `tessera hold`.

use std::time::Duration;

use clap::Subcommand;
use serde_json::json;
use tessera_proto::pb::compliance::v1::EncumbranceKind;

use super::context::{Context, address_of, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::send::{Intent, grouped, send};
use super::share::owner_of;
use super::terms::{end_of, parse_period};
use crate::client::{PAGE_ENTRIES, all_pages};
use crate::operations::compliance;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bind units of yours for a payee, until an escrow agent decides
    Place {
        /// Name or id of the asset
        asset: String,
        /// How much, in units like 12.50
        amount: String,
        /// Who decides
        #[arg(long, value_name = "ACCOUNT")]
        escrow: String,
        /// Who would get them
        #[arg(long, value_name = "ACCOUNT")]
        payee: String,
        /// When it ends, like 14d
        #[arg(long, value_name = "PERIOD", value_parser = parse_period)]
        valid: Duration,
    },
    /// Give the units of a hold to its payee
    Execute {
        /// Name or id of the asset
        asset: String,
        /// Number of the hold
        number: u64,
        /// Whose units
        #[arg(long, value_name = "ACCOUNT")]
        holder: String,
    },
    /// Free the units of a hold
    Release {
        /// Name or id of the asset
        asset: String,
        /// Number of the hold
        number: u64,
        /// Whose units
        #[arg(long, value_name = "ACCOUNT")]
        holder: String,
    },
    /// Everything that binds units of a holding
    List {
        /// Name or id of the asset
        asset: String,
        /// Whose; that of --from if left out
        #[arg(long, value_name = "ACCOUNT")]
        owner: Option<String>,
    },
    /// Units that others hold for an account, which may take or refuse them
    Waiting {
        /// Name or id of the asset
        asset: String,
        /// For whom; the account of --from if left out
        #[arg(long = "for", value_name = "ACCOUNT")]
        receiver: Option<String>,
    },
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Place { asset, amount, escrow, payee, valid } => {
            let asset = context.asset(&asset).await?;
            let amount = asset.parse(&amount)?;
            let escrow = context.address(&escrow).await?;
            let payee = context.address(&payee).await?;
            let preview = vec![
                ("Hold", asset.display(amount)),
                ("For", context.label(&payee)),
                ("Escrow", context.label(&escrow)),
            ];
            let end = end_of(valid);
            let operation = compliance::place_hold(&asset.id, amount, &escrow, &payee, end);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Execute { asset, number, holder } => {
            let asset = context.asset(&asset).await?;
            let holder = context.address(&holder).await?;
            let preview =
                vec![("Execute hold", number.to_string()), ("Of", context.label(&holder))];
            let operation = compliance::execute_hold(&asset.id, &holder, number);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Release { asset, number, holder } => {
            let asset = context.asset(&asset).await?;
            let holder = context.address(&holder).await?;
            let preview =
                vec![("Release hold", number.to_string()), ("Of", context.label(&holder))];
            let operation = compliance::release_hold(&asset.id, &holder, number);
            send(context, Intent::new(preview, operation)).await
        }
        Command::List { asset, owner } => list(context, &asset, owner).await,
        Command::Waiting { asset, receiver } => waiting(context, &asset, receiver).await,
    }
}

/// What kind of thing binds units.
pub(crate) fn kind_name(kind: i32) -> &'static str {
    match EncumbranceKind::try_from(kind) {
        Ok(EncumbranceKind::Order) => "order",
        Ok(EncumbranceKind::Hold) => "hold",
        Ok(EncumbranceKind::Collateral) => "collateral",
        _ => "encumbrance",
    }
}

async fn list(context: &Context, asset: &str, owner: Option<String>) -> Result<Report, Failure> {
    let owner = owner_of(context, owner).await?;
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let found = client.encumbrances(&asset.id.to_string(), &owner, context.height()).await?;
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    for entry in &found.entries {
        let amount = amount_of(&entry.amount)?;
        let (escrow, payee) = (address_of(&entry.escrow)?, address_of(&entry.payee)?);
        rows.push(vec![
            grouped(entry.number),
            kind_name(entry.kind).to_owned(),
            asset.display(amount),
            context.label(&payee),
            context.label(&escrow),
        ]);
        records.push(json!({
            "number": entry.number,
            "kind": kind_name(entry.kind),
            "amount": asset.json(amount),
            "payee": payee.to_string(),
            "escrow": escrow.to_string(),
            "expires_ms": entry.expires_ms,
        }));
    }
    let table = Block::Table(vec![">number", "kind", ">amount", "payee", "escrow"], rows);
    Ok(Report { records, blocks: vec![table] })
}

async fn waiting(
    context: &Context,
    asset: &str,
    receiver: Option<String>,
) -> Result<Report, Failure> {
    let receiver = owner_of(context, receiver).await?;
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let entries = all_pages(async |token| {
        client.waiting_units(&asset.id.to_string(), &receiver, PAGE_ENTRIES, token).await
    })
    .await?;
    for units in entries {
        let Some(hold) = units.hold else { continue };
        let amount = amount_of(&hold.amount)?;
        let (holder, escrow) = (context.address(&units.holder).await?, address_of(&hold.escrow)?);
        rows.push(vec![
            context.label(&holder),
            grouped(hold.number),
            asset.display(amount),
            context.label(&escrow),
        ]);
        records.push(json!({
            "holder": holder.to_string(),
            "number": hold.number,
            "amount": asset.json(amount),
            "escrow": escrow.to_string(),
            "expires_ms": hold.expires_ms,
        }));
    }
    let table = Block::Table(vec!["holder", ">number", ">amount", "who decides"], rows);
    Ok(Report { records, blocks: vec![table] })
}
