//! `tessera account`.

use clap::Subcommand;
use serde_json::json;
use tessera_proto::pb::accounts::v1::public_key::Key;

use super::context::{Context, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::send::{Intent, grouped, send};
use crate::operations;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Keys, prepaid fees and nonces of an account
    Show {
        /// Address or key name; that of --from if left out
        account: Option<String>,
    },
    /// Turn units of the fee currency into prepaid fees
    TopUp {
        /// How much, in units like 12.50
        amount: String,
        /// Whose fees; the sender's own if left out
        #[arg(long = "for", value_name = "ACCOUNT")]
        account: Option<String>,
    },
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Show { account } => show(context, account).await,
        Command::TopUp { amount, account } => {
            let currency = context.fee_currency().await?;
            let account = match account {
                Some(account) => context.address(&account).await?,
                None => context.sender_address().await?,
            };
            let amount = currency.parse(&amount)?;
            let preview =
                vec![("Prepay", currency.display(amount)), ("For", context.label(&account))];
            send(context, Intent::new(preview, operations::top_up_fees(&account, amount))).await
        }
    }
}

async fn show(context: &Context, account: Option<String>) -> Result<Report, Failure> {
    let address = match account {
        Some(account) => context.address(&account).await?,
        None => context.sender_address().await?,
    };
    let currency = context.fee_currency().await?;
    let account = context.client().await?.account(&address, context.height()).await?;
    let is_known = account.is_some();
    let account = account.unwrap_or_default();
    let credit = amount_of(&account.fee_credit)?;
    let keys: Vec<(String, u32)> = account
        .authority
        .iter()
        .flat_map(|authority| &authority.keys)
        .map(|key| {
            let bytes = key.public_key.as_ref().and_then(|key| key.key.as_ref());
            let Some(Key::Ed25519(bytes)) = bytes else { return (String::new(), key.weight) };
            (hex::encode(bytes), key.weight)
        })
        .collect();
    let mut fields =
        vec![("address", context.label(&address)), ("prepaid fees", currency.display(credit))];
    for (key, weight) in &keys {
        fields.push(("key", format!("{key} (weight {weight})")));
    }
    if keys.is_empty() {
        fields.push(("key", "the one whose hash is the address".to_owned()));
    }
    for lane in &account.nonce_lanes {
        fields.push(("next nonce", format!("{} in lane {}", grouped(lane.next_nonce), lane.lane)));
    }
    let lanes: Vec<_> = account
        .nonce_lanes
        .iter()
        .map(|lane| json!({ "lane": lane.lane, "next_nonce": lane.next_nonce }))
        .collect();
    let keys: Vec<_> =
        keys.iter().map(|(key, weight)| json!({ "ed25519": key, "weight": weight })).collect();
    let record = json!({
        "address": address.to_string(),
        "exists": is_known,
        "fee_credit": currency.json(credit),
        "keys": keys,
        "nonce_lanes": lanes,
    });
    Ok(Report::new(record, vec![Block::Fields(fields)]))
}
