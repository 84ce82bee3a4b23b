//! `tessera block`.

use clap::Subcommand;
use serde_json::json;
use tessera_proto::pb::chain::v1::SubscribeBlocksResponse;
use tokio_stream::StreamExt;

use super::context::Context;
use super::failure::Failure;
use super::output::{Block, Report};
use super::send::grouped;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show blocks as they are committed, until interrupted
    Watch {
        /// Stop after so many blocks
        #[arg(long, value_name = "N")]
        count: Option<usize>,
    },
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    let Command::Watch { count } = command;
    context.info().await?;
    let blocks = context.client().await?.subscribe_blocks().await?;
    let mut blocks = std::pin::pin!(blocks.take(count.unwrap_or(usize::MAX)));
    while let Some(block) = blocks.next().await {
        context.output.report(&report(&block?));
    }
    Ok(Report::default())
}

fn report(block: &SubscribeBlocksResponse) -> Report {
    let hash = hex::encode_upper(&block.app_hash);
    let included = block.transactions.saturating_sub(block.refused);
    let line = format!(
        "block {}   txs {}   ok {included}   refused {}   app {}",
        grouped(block.height),
        block.transactions,
        block.refused,
        hash.get(..8).unwrap_or(&hash)
    );
    let record = json!({
        "height": block.height,
        "time_ms": block.time_ms,
        "app_hash": hash,
        "transactions": block.transactions,
        "refused": block.refused,
    });
    Report::new(record, vec![Block::Line(line)])
}
