//! `tessera appraiser`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use tessera_proto::id::Address;

use super::asset::{MS_PER_DAY, days_from_now_ms, file_hash, now_ms};
use super::context::Context;
use super::failure::Failure;
use super::output::{Block, Report};
use super::role::time_of;
use super::send::{Intent, send};
use crate::client::{PAGE_ENTRIES, all_pages};
use crate::operations;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Let an account sign appraisals; the registrar of the chain decides
    Accredit {
        /// Who may sign
        account: String,
        /// Name of the appraiser, for people
        #[arg(long)]
        name: String,
        /// How many days from now it lasts; without end if left out
        #[arg(long)]
        days: Option<u64>,
    },
    /// End an accreditation for ever
    Revoke {
        /// Whose
        account: String,
        /// Since how many days the appraiser's word does not count
        #[arg(long, default_value_t = 0)]
        since_days: u64,
        /// Document that says why; only its hash is registered
        #[arg(long, value_name = "FILE")]
        reason: Option<PathBuf>,
    },
    /// All appraisers
    List,
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Accredit { account, name, days } => {
            let account = context.address(&account).await?;
            let until_ms = days.map_or(0, days_from_now_ms);
            let preview =
                vec![("Appraiser", context.label(&account)), ("Until", end(until_ms, "no end"))];
            let operation = operations::accredit_appraiser(&account, &name, until_ms);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Revoke { account, since_days, reason } => {
            let account = context.address(&account).await?;
            let from_ms = now_ms().saturating_sub(since_days.saturating_mul(MS_PER_DAY)).max(1);
            let reason = reason.map(|path| file_hash(&path)).transpose()?;
            let preview = vec![("Appraiser", context.label(&account)), ("From", time_of(from_ms))];
            let operation = operations::revoke_accreditation(&account, from_ms, reason);
            send(context, Intent::new(preview, operation)).await
        }
        Command::List => list(context).await,
    }
}

async fn list(context: &Context) -> Result<Report, Failure> {
    context.info().await?;
    let client = context.client().await?;
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let entries = all_pages(async |token| client.appraisers(PAGE_ENTRIES, token).await).await?;
    for entry in entries {
        let appraiser = entry.appraiser.unwrap_or_default();
        let label = entry.account.parse::<Address>().map(|address| context.label(&address));
        rows.push(vec![
            appraiser.name.clone(),
            end(appraiser.accredited_until_ms, "no end"),
            end(appraiser.revoked_from_ms, "never"),
            label.unwrap_or_else(|_| entry.account.clone()),
        ]);
        records.push(json!({
            "account": entry.account,
            "name": appraiser.name,
            "accredited_until_ms": appraiser.accredited_until_ms,
            "revoked_from_ms": appraiser.revoked_from_ms,
        }));
    }
    let headings = vec!["name", "accredited until", "revoked from", "account"];
    Ok(Report { records, blocks: vec![Block::Table(headings, rows)] })
}

fn end(time_ms: u64, none: &str) -> String {
    if time_ms == 0 { none.to_owned() } else { time_of(time_ms) }
}
