//! `tessera royalty`.

use clap::Subcommand;
use serde_json::json;

use super::context::{Context, address_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::send::{Intent, send};
use crate::operations;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set who receives what part of the royalties of an asset
    Set {
        /// Name or id of the asset
        asset: String,
        /// Who gets what part in basis points, like bob=2500; 10000 all together
        #[arg(required = true, value_name = "ACCOUNT=BPS")]
        shares: Vec<String>,
    },
    /// Pay into the split of an asset
    Pay {
        /// Name or id of the asset
        asset: String,
        /// How much, in units of the currency
        amount: String,
        /// Currency paid
        #[arg(long, value_name = "ASSET")]
        currency: String,
    },
    /// Show the split of an asset
    Show {
        /// Name or id of the asset
        asset: String,
    },
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Set { asset, shares } => set(context, &asset, &shares).await,
        Command::Pay { asset, amount, currency } => {
            let asset = context.asset(&asset).await?;
            let currency = context.asset(&currency).await?;
            let amount = currency.parse(&amount)?;
            let preview = vec![
                ("Pay", currency.display(amount)),
                ("To", format!("the royalty split of {}", asset.name())),
            ];
            let operation = operations::pay_royalty(&asset.id, &currency.id, amount);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Show { asset } => show(context, &asset).await,
    }
}

async fn set(context: &Context, asset: &str, shares: &[String]) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let mut parsed = Vec::new();
    let mut preview = vec![("Asset", asset.name().to_owned())];
    for share in shares {
        let wrong =
            || Failure::usage(format!("`{share}` is not a share: expected one like bob=2500"));
        let (account, bps) = share.split_once('=').ok_or_else(wrong)?;
        let bps: u32 = bps.parse().map_err(|_| wrong())?;
        let account = context.address(account).await?;
        preview.push(("Recipient", format!("{}  {}", percent(bps), context.label(&account))));
        parsed.push((account, bps));
    }
    let total: u64 = parsed.iter().map(|(_, bps)| u64::from(*bps)).sum();
    if total != 10_000 {
        return Err(Failure::usage(format!(
            "the shares are {total} basis points together, expected 10000"
        )));
    }
    let operation = operations::set_royalty_schedule(&asset.id, &parsed);
    send(context, Intent::new(preview, operation)).await
}

async fn show(context: &Context, asset: &str) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let schedule = client
        .royalty_schedule(&asset.id.to_string(), context.height())
        .await?
        .ok_or_else(|| Failure::not_found(format!("{} has no royalty split", asset.name())))?;
    let (mut rows, mut shares) = (Vec::new(), Vec::new());
    for share in &schedule.shares {
        let account = address_of(&share.account)?;
        rows.push(vec![context.label(&account), percent(share.share_bps)]);
        shares.push(json!({ "account": account.to_string(), "share_bps": share.share_bps }));
    }
    let record =
        json!({ "asset": asset.id.to_string(), "asset_name": asset.name(), "shares": shares });
    Ok(Report::new(record, vec![Block::Table(vec!["recipient", ">part"], rows)]))
}

/// Basis points as a percentage.
pub(crate) fn percent(bps: u32) -> String {
    format!("{}.{:02} %", bps / 100, bps % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basis_points_are_shown_as_percent() {
        assert_eq!((percent(2500), percent(5)), ("25.00 %".to_owned(), "0.05 %".to_owned()));
    }
}
