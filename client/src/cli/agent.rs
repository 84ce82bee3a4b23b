//! `tessera agent`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::asset::file_hash;
use super::context::Context;
use super::failure::Failure;
use super::output::Report;
use super::send::{Intent, send};
use super::terms::{end_of, parse_period};
use crate::operations::compliance::{self, ForcedReason, ForcedTransfer};
use crate::operations::propose_action;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Freeze an amount of a holding, or the holder if no amount is given
    Freeze {
        /// Name or id of the asset
        asset: String,
        /// Whose holding
        #[arg(long, value_name = "ACCOUNT")]
        holder: String,
        /// How much in all; may exceed the balance, 0 ends it
        #[arg(long)]
        amount: Option<String>,
    },
    /// End the freeze of a holder
    Unfreeze {
        /// Name or id of the asset
        asset: String,
        /// Whose
        #[arg(long, value_name = "ACCOUNT")]
        holder: String,
    },
    /// Stop all transfers of an asset
    Pause {
        /// Name or id of the asset
        asset: String,
    },
    /// End the pause of an asset
    Resume {
        /// Name or id of the asset
        asset: String,
    },
    /// Move units without their holder
    Force(Force),
    /// Move everything of a lost wallet to another wallet of its identity
    Recover {
        /// Name or id of the asset
        asset: String,
        /// The lost wallet
        #[arg(long, value_name = "ACCOUNT")]
        lost: String,
        /// The other wallet
        #[arg(long, value_name = "ACCOUNT")]
        to: String,
        /// The request, of which only the hash is sent
        #[arg(long, value_name = "FILE")]
        document: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Force {
    /// Name or id of the asset
    asset: String,
    /// How much
    amount: String,
    /// Whose units
    #[arg(long, value_name = "ACCOUNT")]
    holder: String,
    /// Who gets them
    #[arg(long, value_name = "ACCOUNT")]
    to: String,
    /// Why
    #[arg(long)]
    reason: Reason,
    /// The legal document, of which only the hash is sent
    #[arg(long, value_name = "FILE")]
    document: PathBuf,
    /// Only propose it, as the first of two persons; the second one has this long, like 7d
    #[arg(long, value_name = "PERIOD", value_parser = parse_period)]
    propose: Option<Duration>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Reason {
    CourtOrder,
    Regulator,
    Error,
    Fraud,
    Inheritance,
}

impl From<Reason> for ForcedReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::CourtOrder => Self::CourtOrder,
            Reason::Regulator => Self::Regulator,
            Reason::Error => Self::Error,
            Reason::Fraud => Self::Fraud,
            Reason::Inheritance => Self::Inheritance,
        }
    }
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    let intent = match command {
        Command::Freeze { asset, holder, amount } => {
            let asset = context.asset(&asset).await?;
            let holder = context.address(&holder).await?;
            let (what, operation) = match amount {
                Some(amount) => {
                    let amount = asset.parse(&amount)?;
                    let operation = compliance::set_frozen(&asset.id, &holder, amount);
                    (asset.display(amount), operation)
                }
                None => {
                    let operation = compliance::freeze_holder(&asset.id, &holder);
                    (format!("all of {}", asset.name()), operation)
                }
            };
            Intent::new(vec![("Freeze", what), ("Of", context.label(&holder))], operation)
        }
        Command::Unfreeze { asset, holder } => {
            let asset = context.asset(&asset).await?;
            let holder = context.address(&holder).await?;
            let preview =
                vec![("Unfreeze", asset.name().to_owned()), ("Of", context.label(&holder))];
            Intent::new(preview, compliance::unfreeze_holder(&asset.id, &holder))
        }
        Command::Pause { asset } => {
            let asset = context.asset(&asset).await?;
            let preview = vec![("Pause", asset.name().to_owned())];
            Intent::new(preview, compliance::pause_asset(&asset.id))
        }
        Command::Resume { asset } => {
            let asset = context.asset(&asset).await?;
            let preview = vec![("Resume", asset.name().to_owned())];
            Intent::new(preview, compliance::resume_asset(&asset.id))
        }
        Command::Force(force) => forced(context, force).await?,
        Command::Recover { asset, lost, to, document } => {
            let asset = context.asset(&asset).await?;
            let (lost, to) = (context.address(&lost).await?, context.address(&to).await?);
            let preview = vec![
                ("Recover", asset.name().to_owned()),
                ("Of", context.label(&lost)),
                ("To", context.label(&to)),
            ];
            let hash = file_hash(&document)?;
            Intent::new(preview, compliance::recover_wallet(&asset.id, &lost, &to, hash))
        }
    };
    send(context, intent).await
}

async fn forced(context: &Context, force: Force) -> Result<Intent, Failure> {
    let asset = context.asset(&force.asset).await?;
    let amount = asset.parse(&force.amount)?;
    let (from, to) = (context.address(&force.holder).await?, context.address(&force.to).await?);
    let preview = vec![
        ("Take", asset.display(amount)),
        ("Of", context.label(&from)),
        ("To", context.label(&to)),
    ];
    let operation = compliance::forced_transfer(ForcedTransfer {
        asset: asset.id.to_bytes(),
        from: from.to_bytes(),
        to: to.to_bytes(),
        amount: amount.to_string(),
        reason: ForcedReason::from(force.reason).into(),
        document_sha256: file_hash(&force.document)?.to_vec().into(),
    });
    let operation = match force.propose {
        Some(period) => propose_action(&asset.id, &operation, end_of(period)),
        None => operation,
    };
    Ok(Intent::new(preview, operation))
}
