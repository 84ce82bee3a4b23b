//! `tessera chain`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use tessera_proto::amount::Amount;
use tessera_proto::pb::votes::v1::Upgrade;

use super::asset::file_hash;
use super::context::Context;
use super::failure::Failure;
use super::output::{Block, Report};
use super::send::{Intent, grouped, send};
use crate::operations::compliance::set_sanction;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the chain, its height and its fees
    Info,
    /// Deny an account the chain, as its authority
    Sanction {
        /// The account
        account: String,
        /// End the denial instead
        #[arg(long)]
        end: bool,
        /// The decision, of which only the hash is sent
        #[arg(long, value_name = "FILE")]
        document: PathBuf,
    },
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Info => info(context).await,
        Command::Sanction { account, end, document } => {
            let account = context.address(&account).await?;
            let what = if end { "Allow" } else { "Deny" };
            let operation = set_sanction(&account, !end, file_hash(&document)?);
            send(context, Intent::new(vec![(what, context.label(&account))], operation)).await
        }
    }
}

async fn info(context: &Context) -> Result<Report, Failure> {
    let info = context.info().await?;
    let currency = context.fee_currency().await?;
    let params = info.params.clone().unwrap_or_default();
    let fee = |base: u64| currency.display(Amount::from_u64(base));
    let fields = vec![
        ("chain", info.chain_id.clone()),
        ("height", grouped(info.height)),
        ("app hash", hex::encode_upper(&info.app_hash)),
        ("provable from", format!("block {}", grouped(info.oldest_height))),
        ("consensus", info.consensus.clone()),
        ("node version", info.version.clone()),
        ("chain version", info.app_version.to_string()),
        ("pool", format!("{} transactions", grouped(info.pool_transactions))),
        (
            "fee",
            format!(
                "{} + {} per operation + {} per byte",
                fee(params.fee_per_transaction),
                fee(params.fee_per_operation),
                fee(params.fee_per_byte)
            ),
        ),
    ];
    let mut fields = fields;
    if let Some(upgrade) = info.upgrade.as_ref().filter(|upgrade| upgrade.height > info.height) {
        let Upgrade { version, height, .. } = upgrade;
        fields.push(("upgrade", format!("to version {version} at block {}", grouped(*height))));
    }
    let upgrade = info.upgrade.as_ref().map(|upgrade| {
        json!({
            "from_version": upgrade.from_version,
            "version": upgrade.version,
            "height": upgrade.height,
            "release_sha256": hex::encode(&upgrade.release_sha256),
        })
    });
    let record = json!({
        "app_version": info.app_version,
        "upgrade": upgrade,
        "chain_id": info.chain_id,
        "height": info.height,
        "app_hash": hex::encode_upper(&info.app_hash),
        "block_time_ms": info.block_time_ms,
        "oldest_height": info.oldest_height,
        "consensus": info.consensus,
        "version": info.version,
        "pool_transactions": info.pool_transactions,
        "params": {
            "fee_currency": currency.id.to_string(),
            "fee_per_transaction": params.fee_per_transaction.to_string(),
            "fee_per_operation": params.fee_per_operation.to_string(),
            "fee_per_byte": params.fee_per_byte.to_string(),
            "max_validity_blocks": params.max_validity_blocks,
        },
    });
    Ok(Report::new(record, vec![Block::Fields(fields)]))
}
