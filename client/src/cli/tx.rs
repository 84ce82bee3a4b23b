//! `tessera tx`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Subcommand;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::output::{Block, Report};
use super::receipt::{self, Asked};
use super::send;
use crate::error::ClientError;
use crate::tx_builder::TransactionId;
use crate::tx_file::TransactionFile;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what became of a transaction
    Show {
        /// Id of the transaction
        id: TransactionId,
    },
    /// Sign a transaction that was written with --save, with the key of --from
    Sign {
        /// The file
        file: PathBuf,
    },
    /// Send a transaction that enough keys have signed
    Send {
        /// The file
        file: PathBuf,
    },
    /// Wait until a transaction is in a block
    Wait {
        /// Id of the transaction
        id: TransactionId,
    },
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    let info = context.info().await?;
    let client = context.client().await?;
    match command {
        Command::Sign { file: path } => {
            let mut file = read(&path, &info.chain_id)?;
            let signer = context.signer().await?;
            file.sign(&signer);
            std::fs::write(&path, file.to_text())
                .map_err(|error| Failure::other(format!("`{}`: {error}", path.display())))?;
            let count = file.signers().count();
            let line = format!("signed by {count} so far: {}", path.display());
            let keys: Vec<String> = file.signers().map(hex::encode).collect();
            Ok(Report::new(json!({ "signers": keys }), vec![Block::Success(line)]))
        }
        Command::Send { file: path } => {
            let file = read(&path, &info.chain_id)?;
            let prepared = file.prepared();
            let begun = Instant::now();
            let wait = client.submit_and_wait(&prepared, context.timeout());
            let receipt = send::patiently(context, wait).await?;
            let asked = Asked { by: file.sender(), within: Some(begun.elapsed()) };
            receipt::included(context, &receipt, asked).await
        }
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

/// Reads a transaction file, which must be for this chain.
fn read(path: &Path, chain_id: &str) -> Result<TransactionFile, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::not_found(format!("`{}`: {error}", path.display())))?;
    let file =
        TransactionFile::from_text(&text).map_err(|error| Failure::usage(error.to_string()))?;
    let made_for = &file.body.chain_id;
    if made_for != chain_id {
        let wrong = format!("the transaction is for chain `{made_for}`, this is `{chain_id}`");
        return Err(Failure::usage(wrong));
    }
    Ok(file)
}
