//! `tessera share`.

use clap::Subcommand;
use serde_json::{Value, json};
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::transfers::v1::Holding;

use super::context::{AssetView, Context, amount_json, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::send::{Intent, send};
use crate::client::{PAGE_ENTRIES, all_pages};
use crate::operations;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send units to another account
    Transfer {
        /// Name or id of the asset
        asset: String,
        /// How much, in units like 12.50
        amount: String,
        /// Who gets them
        #[arg(long, value_name = "ACCOUNT")]
        to: String,
        /// SHA-256 of a text that both parties keep
        #[arg(long, value_name = "HEX", value_parser = super::parse_hash)]
        memo_sha256: Option<[u8; 32]>,
    },
    /// Send units to many accounts, all or nothing
    Batch {
        /// Name or id of the asset
        asset: String,
        /// Who gets how much, like bob=2.50
        #[arg(required = true, value_name = "ACCOUNT=AMOUNT")]
        legs: Vec<String>,
    },
    /// What one account holds of an asset
    Balance {
        /// Name or id of the asset
        asset: String,
        /// Whose; that of --from if left out
        #[arg(long, value_name = "ACCOUNT")]
        owner: Option<String>,
    },
    /// Everybody who holds an asset
    Holders {
        /// Name or id of the asset
        asset: String,
    },
    /// Everything that one account holds
    Holdings {
        /// Whose; that of --from if left out
        #[arg(long, value_name = "ACCOUNT")]
        owner: Option<String>,
    },
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Transfer { asset, amount, to, memo_sha256 } => {
            let asset = context.asset(&asset).await?;
            let amount = asset.parse(&amount)?;
            let to = context.address(&to).await?;
            let operation = operations::transfer_with_memo(&asset.id, &to, amount, memo_sha256);
            let preview = transfer_preview(context, &asset, amount, &to).await?;
            send(context, Intent::new(preview, operation)).await
        }
        Command::Batch { asset, legs } => batch(context, &asset, &legs).await,
        Command::Balance { asset, owner } => {
            let owner = owner_of(context, owner).await?;
            let asset = context.asset(&asset).await?;
            let client = context.client().await?;
            let holding = client.holding(&asset.id.to_string(), &owner, context.height()).await?;
            balance_report(context, &asset, &owner, &holding)
        }
        Command::Holders { asset } => holders(context, &asset).await,
        Command::Holdings { owner } => {
            let owner = owner_of(context, owner).await?;
            holdings(context, &owner).await
        }
    }
}

/// The account named, or that of `--from`.
pub(crate) async fn owner_of(context: &Context, owner: Option<String>) -> Result<Address, Failure> {
    match owner {
        Some(owner) => context.address(&owner).await,
        None => context.sender_address().await,
    }
}

async fn transfer_preview(
    context: &Context,
    asset: &AssetView,
    amount: Amount,
    to: &Address,
) -> Result<Vec<(&'static str, String)>, Failure> {
    let from = context.sender_address().await?;
    let client = context.client().await?;
    let holding = client.holding(&asset.id.to_string(), &from, 0).await?;
    let keeps = amount_of(&holding.balance)?.saturating_sub(amount);
    Ok(vec![
        ("You send", format!("{}  ({})", asset.display(amount), asset.asset.title)),
        ("You keep", asset.display(keeps)),
        ("To", context.label(to)),
    ])
}

async fn batch(context: &Context, asset: &str, legs: &[String]) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let mut parsed = Vec::new();
    let mut preview = Vec::new();
    let mut total = Amount::ZERO;
    for leg in legs {
        let (account, amount) = leg.split_once('=').ok_or_else(|| {
            Failure::usage(format!("`{leg}` is not a recipient: expected one like bob=2.50"))
        })?;
        let (account, amount) = (context.address(account).await?, asset.parse(amount)?);
        total = total
            .checked_add(amount)
            .ok_or_else(|| Failure::usage("all amounts together are too large"))?;
        preview.push(("To", format!("{}  {}", asset.display(amount), context.label(&account))));
        parsed.push((account, amount));
    }
    preview.push(("Together", asset.display(total)));
    send(context, Intent::new(preview, operations::batch_transfer(&asset.id, &parsed))).await
}

fn balance_report(
    context: &Context,
    asset: &AssetView,
    owner: &Address,
    holding: &Holding,
) -> Result<Report, Failure> {
    let supply = amount_of(&asset.totals.supply)?;
    let balance = amount_of(&holding.balance)?;
    let mut fields = vec![
        ("owner", context.label(owner)),
        ("balance", format!("{}  ({})", asset.display(balance), percentage(balance, supply))),
        ("free", asset.display(amount_of(&holding.free)?)),
    ];
    for (name, amount) in [("frozen", &holding.frozen), ("encumbered", &holding.encumbered)] {
        let amount = amount_of(amount)?;
        if !amount.is_zero() {
            fields.push((name, asset.display(amount)));
        }
    }
    if holding.holder_frozen {
        fields.push(("holder", "frozen by the agent of the asset".to_owned()));
    }
    Ok(Report::new(holding_json(holding)?, vec![Block::Fields(fields)]))
}

/// A part of a whole, to a tenth of a percent, rounded down.
pub(crate) fn percentage(part: Amount, whole: Amount) -> String {
    let (part, whole) = (part.base_units(), whole.base_units());
    if whole == 0 {
        return "no units exist".to_owned();
    }
    // Exact unless the amounts are close to the largest there are.
    let permille =
        part.checked_mul(1000).map_or_else(|| part / (whole / 1000).max(1), |n| n / whole);
    format!("{}.{} % of all", permille / 10, permille % 10)
}

async fn holders(context: &Context, asset: &str) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let supply = amount_of(&asset.totals.supply)?;
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let entries =
        all_pages(async |token| client.holders(&asset.id.to_string(), PAGE_ENTRIES, token).await)
            .await?;
    for holding in &entries {
        let balance = amount_of(&holding.balance)?;
        rows.push(vec![
            label_of(context, &holding.account),
            balance.display(asset.decimals()),
            percentage(balance, supply),
        ]);
        records.push(holding_json(holding)?);
    }
    let table = Block::Table(vec!["account", ">balance", ">part"], rows);
    Ok(Report { records, blocks: vec![table] })
}

async fn holdings(context: &Context, owner: &Address) -> Result<Report, Failure> {
    context.info().await?;
    let client = context.client().await?;
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let entries =
        all_pages(async |token| client.holdings(owner, PAGE_ENTRIES, token).await).await?;
    for holding in &entries {
        let decimals = holding.decimals.min(18);
        rows.push(vec![
            holding.asset_name.clone(),
            amount_of(&holding.balance)?.display(decimals),
            amount_of(&holding.free)?.display(decimals),
        ]);
        records.push(holding_json(holding)?);
    }
    let table = Block::Table(vec!["asset", ">balance", ">free"], rows);
    Ok(Report { records, blocks: vec![table] })
}

fn label_of(context: &Context, account: &str) -> String {
    account.parse().map_or_else(|_| account.to_owned(), |address| context.label(&address))
}

fn holding_json(holding: &Holding) -> Result<Value, Failure> {
    let decimals = holding.decimals.min(18);
    let amount = |text: &str| amount_of(text).map(|amount| amount_json(amount, decimals));
    Ok(json!({
        "asset": holding.asset,
        "asset_name": holding.asset_name,
        "account": holding.account,
        "balance": amount(&holding.balance)?,
        "free": amount(&holding.free)?,
        "frozen": amount(&holding.frozen)?,
        "encumbered": amount(&holding.encumbered)?,
        "holder_frozen": holding.holder_frozen,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_rounded_down() {
        let text = |part, whole| percentage(Amount::from_u64(part), Amount::from_u64(whole));
        assert_eq!(text(120, 1000), "12.0 % of all");
        assert_eq!(text(2, 3), "66.6 % of all");
        assert_eq!(text(0, 0), "no units exist");
        assert_eq!(percentage(Amount::MAX, Amount::MAX), "100.0 % of all");
    }
}
