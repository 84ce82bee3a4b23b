//! `tessera identity`.

use clap::Subcommand;
use serde_json::json;
use tessera_proto::id::Address;

use super::context::Context;
use super::failure::Failure;
use super::output::{Block, Report};
use super::send::{Intent, send};
use crate::operations::compliance;

/// For how many blocks the agreement of a wallet is good.
const LINK_BLOCKS: u64 = 1_000;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Become an identity, with your account as its first wallet
    Register,
    /// Give your identity another wallet, whose key signs too
    Link {
        /// Key of the wallet, by name
        wallet: String,
    },
    /// Take a wallet from your identity
    Unlink {
        /// The wallet
        wallet: String,
    },
    /// Show the identity that an account belongs to
    Show {
        /// Any of its wallets
        account: String,
    },
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Register => {
            let you = context.sender_address().await?;
            let preview = vec![("Register", context.label(&you))];
            send(context, Intent::new(preview, compliance::register_identity())).await
        }
        Command::Link { wallet } => link(context, &wallet).await,
        Command::Unlink { wallet } => {
            let wallet = context.address(&wallet).await?;
            let preview = vec![("Unlink", context.label(&wallet))];
            send(context, Intent::new(preview, compliance::unlink_wallet(&wallet))).await
        }
        Command::Show { account } => show(context, &account).await,
    }
}

async fn link(context: &Context, wallet: &str) -> Result<Report, Failure> {
    let info = context.info().await?;
    let you = context.sender_address().await?;
    let known = context.client().await?.wallet(&you, 0).await?.wallet.unwrap_or_default();
    let identity = Address::try_from(known.identity.as_ref()).unwrap_or(you);
    let signer = context.signer_named(wallet).await?;
    let height = info.height.saturating_add(LINK_BLOCKS);
    let operation = compliance::link_wallet(&info.chain_id, &identity, &signer, height);
    let preview =
        vec![("Link", context.label(&signer.address())), ("Identity", context.label(&identity))];
    send(context, Intent::new(preview, operation)).await
}

async fn show(context: &Context, account: &str) -> Result<Report, Failure> {
    let account = context.address(account).await?;
    context.info().await?;
    let answer = context.client().await?.wallet(&account, context.height()).await?;
    let wallet = answer.wallet.unwrap_or_default();
    let identity = Address::try_from(wallet.identity.as_ref()).ok();
    let wallets = answer.identity.map_or(0, |identity| identity.wallet_count);
    let mut fields = vec![("account", context.label(&account))];
    match &identity {
        Some(identity) => {
            fields.push(("identity", context.label(identity)));
            fields.push(("wallets", wallets.to_string()));
        }
        None => fields.push(("identity", "none".to_owned())),
    }
    if wallet.sanctioned {
        fields.push(("sanctioned", "yes".to_owned()));
    }
    let record = json!({
        "account": account.to_string(),
        "identity": identity.map(|identity| identity.to_string()),
        "wallet_count": wallets,
        "sanctioned": wallet.sanctioned,
    });
    Ok(Report::new(record, vec![Block::Fields(fields)]))
}
