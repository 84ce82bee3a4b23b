//! `tessera account`.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Subcommand;
use serde_json::json;
use tessera_proto::pb::accounts::v1::public_key::Key;
use tessera_proto::pb::accounts::v1::{Authority, PublicKey, WeightedKey};

use super::context::{Context, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::role::time_of;
use super::send::{Intent, grouped, send};
use super::share::owner_of;
use super::terms::{end_of, parse_period};
use crate::client::{PAGE_ENTRIES, all_pages};
use crate::operations::{self, accounts};

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
    /// Set prepaid fees of yours aside for the transactions of another account; 0 takes them back
    Sponsor {
        /// Whose transactions
        account: String,
        /// How much is set aside from now on
        amount: String,
        /// How long, like 30d
        #[arg(long, value_name = "PERIOD", value_parser = parse_period, default_value = "365d")]
        valid: Duration,
        /// Only transactions of these operations, like Transfer,ClaimIncome
        #[arg(long, value_name = "OPERATION", value_delimiter = ',')]
        only: Vec<String>,
    },
    /// What an account has set aside for others
    Sponsored {
        /// Whose money; that of --from if left out
        #[arg(long, value_name = "ACCOUNT")]
        sponsor: Option<String>,
    },
    /// Let several keys sign for the account of --from, in place of those that do so far
    Keys {
        /// Keys by name or in hex, with their weights, like alice=2,bob=1
        #[arg(required = true, value_name = "KEY=WEIGHT", value_delimiter = ',')]
        keys: Vec<String>,
        /// Sum of weights that a transaction needs
        #[arg(long)]
        threshold: u32,
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
        Command::Sponsor { account, amount, valid, mut only } => {
            let currency = context.fee_currency().await?;
            let (account, amount) = (context.address(&account).await?, currency.parse(&amount)?);
            only.sort();
            let preview =
                vec![("Set aside", currency.display(amount)), ("For", context.label(&account))];
            let operation = accounts::sponsor_fees(&account, amount, end_of(valid), only);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Sponsored { sponsor } => sponsored(context, sponsor).await,
        Command::Keys { keys, threshold } => {
            let authority = authority(context, &keys, threshold).await?;
            let preview = vec![("Keys", keys.join(", ")), ("Weight needed", threshold.to_string())];
            send(context, Intent::new(preview, operations::rotate_keys(authority))).await
        }
    }
}

async fn sponsored(context: &Context, sponsor: Option<String>) -> Result<Report, Failure> {
    let sponsor = owner_of(context, sponsor).await?;
    let currency = context.fee_currency().await?;
    let client = context.client().await?;
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let entries =
        all_pages(async |token| client.sponsorships(&sponsor, PAGE_ENTRIES, token).await).await?;
    for entry in entries {
        let sponsorship = entry.sponsorship.unwrap_or_default();
        let credit = amount_of(&sponsorship.credit)?;
        let label = entry.account.parse().map(|account| context.label(&account));
        let only = match sponsorship.operations.is_empty() {
            true => "all".to_owned(),
            false => sponsorship.operations.join(", "),
        };
        rows.push(vec![
            label.unwrap_or_else(|_| entry.account.clone()),
            currency.display(credit),
            time_of(sponsorship.expires_ms),
            only,
        ]);
        records.push(json!({
            "account": entry.account,
            "credit": currency.json(credit),
            "expires_ms": sponsorship.expires_ms,
            "operations": sponsorship.operations,
        }));
    }
    let headings = vec!["account", ">left", "until", "operations"];
    Ok(Report { records, blocks: vec![Block::Table(headings, rows)] })
}

/// Reads keys and weights like alice=2.
async fn authority(
    context: &Context,
    keys: &[String],
    threshold: u32,
) -> Result<Authority, Failure> {
    let mut read = BTreeMap::new();
    for text in keys {
        let wrong =
            || Failure::usage(format!("`{text}` is not a weighted key: expected one like bob=2"));
        let (name, weight) = text.split_once('=').ok_or_else(wrong)?;
        let mut key = [0; 32];
        if hex::decode_to_slice(name, &mut key).is_err() {
            key = context.public_key(name).await?;
        }
        read.insert(key, weight.parse().map_err(|_| wrong())?);
    }
    let weighted = |(key, weight): ([u8; 32], u32)| WeightedKey {
        public_key: Some(PublicKey { key: Some(Key::Ed25519(key.to_vec().into())) }),
        weight,
    };
    Ok(Authority { keys: read.into_iter().map(weighted).collect(), threshold })
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
