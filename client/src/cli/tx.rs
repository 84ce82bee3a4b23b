//! `tessera tx`.

use std::time::Duration;

use clap::Subcommand;

use super::context::Context;
use super::failure::Failure;
use super::output::Report;
use super::receipt::{self, Asked};
use super::send;
use crate::error::ClientError;
use crate::tx_builder::TransactionId;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what became of a transaction
    Show {
        /// Id of the transaction
        id: TransactionId,
    },
    /// Wait until a transaction is in a block
    Wait {
        /// Id of the transaction
        id: TransactionId,
    },
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    context.info().await?;
    let client = context.client().await?;
    match command {
        Command::Show { id } => match client.wait(id, Duration::ZERO).await? {
            Some(receipt) => receipt::included(context, &receipt, Asked::default()).await,
            None => Err(Failure::not_found(format!("no block has transaction {id}"))
                .help(format!("wait for it with `tessera tx wait {id}`"))),
        },
        Command::Wait { id } => {
            let wait = client.wait(id, context.timeout());
            match send::patiently(context, wait).await? {
                Some(receipt) => receipt::included(context, &receipt, Asked::default()).await,
                None => Err(ClientError::OutcomeUnknown { id }.into()),
            }
        }
    }
}
