//! `tessera royalty`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use tessera_proto::id::Address;
use tessera_proto::pb::royalties::v1::{RoyaltyListEntry, RoyaltyShare};

use super::context::{AssetView, Context, address_of, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::send::{Intent, grouped, send};
use super::share::owner_of;
use crate::client::{PAGE_ENTRIES, all_pages};
use crate::operations;

/// Most recipients that are paid at once; more are a list, from which each claims.
const MAX_AT_ONCE: usize = 16;
/// Pages of a list that fit into one transaction.
const PAGES_PER_TRANSACTION: usize = 4;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set who receives what part of the royalties of an asset
    Set(Set),
    /// Pay into the split of an asset: all of it is split
    Pay {
        /// Name or id of the asset
        asset: String,
        /// How much, in units of the currency
        amount: String,
        /// Currency paid
        #[arg(long, value_name = "ASSET")]
        currency: String,
    },
    /// Collect the part of a recipient, where there are so many that each claims
    Claim(Part),
    /// Show what a recipient could collect
    Due(Part),
    /// Show the split of an asset
    Show {
        /// Name or id of the asset
        asset: String,
    },
    /// All lists of those who claim of which anything is kept
    Lists {
        /// Name or id of the asset
        asset: String,
    },
    /// Remove those with nothing to claim from a list that is not paid any more
    Prune {
        /// Name or id of the asset
        asset: String,
        /// Number of the list
        #[arg(long, value_name = "N")]
        list: u64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// Name or id of the asset
    asset: String,
    /// Who gets what part in basis points, like bob=2500; 10000 all together
    #[arg(required_unless_present = "file", value_name = "ACCOUNT=BPS")]
    shares: Vec<String>,
    /// File with one share in each line, for up to 10000 recipients
    #[arg(long, value_name = "FILE", conflicts_with = "shares")]
    file: Option<PathBuf>,
    /// Part of the price of every resale that is paid into the split, in basis points
    #[arg(long, value_name = "BPS", default_value_t = 0)]
    resale: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Part {
    /// Name or id of the asset
    asset: String,
    /// Currency that was paid
    #[arg(long, value_name = "ASSET")]
    currency: String,
    /// Whose part; that of --from if left out
    #[arg(long, value_name = "ACCOUNT")]
    owner: Option<String>,
    /// Number of the list, if not that in force
    #[arg(long, value_name = "N", default_value_t = 0)]
    list: u64,
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Set(given) => set(context, given).await,
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
        Command::Claim(part) => claim(context, part).await,
        Command::Due(part) => due(context, part).await,
        Command::Show { asset } => show(context, &asset).await,
        Command::Lists { asset } => lists(context, &asset).await,
        Command::Prune { asset, list } => prune(context, &asset, list).await,
    }
}

async fn set(context: &Context, given: Set) -> Result<Report, Failure> {
    let asset = context.asset(&given.asset).await?;
    let shares = match &given.file {
        Some(path) => read_file(path)?,
        None => given.shares,
    };
    let mut parsed = Vec::new();
    for share in &shares {
        let wrong =
            || Failure::usage(format!("`{share}` is not a share: expected one like bob=2500"));
        let (account, bps) = share.split_once('=').ok_or_else(wrong)?;
        let bps: u32 = bps.parse().map_err(|_| wrong())?;
        parsed.push((context.address(account).await?, bps));
    }
    let total: u64 = parsed.iter().map(|(_, bps)| u64::from(*bps)).sum();
    if total != 10_000 {
        return Err(Failure::usage(format!(
            "the shares are {total} basis points together, expected 10000"
        )));
    }
    send_schedule(context, &asset, &parsed, given.resale).await
}

async fn send_schedule(
    context: &Context,
    asset: &AssetView,
    shares: &[(Address, u32)],
    resale_bps: u32,
) -> Result<Report, Failure> {
    let mut preview = vec![("Asset", asset.name().to_owned()), ("Of resales", percent(resale_bps))];
    if shares.len() <= MAX_AT_ONCE {
        let recipient = |(account, bps): &(Address, u32)| {
            ("Recipient", format!("{}  {}", percent(*bps), context.label(account)))
        };
        preview.extend(shares.iter().map(recipient));
        let operation = operations::set_royalty_schedule(&asset.id, shares, resale_bps);
        return send(context, Intent::new(preview, operation)).await;
    }
    preview.push(("Recipients", format!("{}, each of whom claims", shares.len())));
    let pages = operations::add_royalty_recipients(&asset.id, shares, resale_bps);
    let mut report = Report::default();
    for operations in pages.chunks(PAGES_PER_TRANSACTION) {
        let (preview, operations) = (preview.clone(), operations.to_vec());
        report = send(context, Intent { preview, operations }).await?;
    }
    Ok(report)
}

fn read_file(path: &Path) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::not_found(format!("`{}`: {error}", path.display())))?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

async fn claim(context: &Context, part: Part) -> Result<Report, Failure> {
    let owner = owner_of(context, part.owner.clone()).await?;
    let asset = context.asset(&part.asset).await?;
    let currency = context.asset(&part.currency).await?;
    let client = context.client().await?;
    let (of, paid) = (asset.id.to_string(), currency.id.to_string());
    let due = client.claimable_royalty((&of, part.list), &owner, &paid, 0).await?;
    let preview = vec![
        ("Collect", currency.display(amount_of(&due.amount)?)),
        ("Of", format!("royalties of {}", asset.name())),
        ("For", context.label(&owner)),
    ];
    let operation = operations::claim_royalty(&asset.id, due.list, &currency.id, Some(&owner));
    send(context, Intent::new(preview, operation)).await
}

async fn due(context: &Context, part: Part) -> Result<Report, Failure> {
    let owner = owner_of(context, part.owner).await?;
    let asset = context.asset(&part.asset).await?;
    let currency = context.asset(&part.currency).await?;
    let client = context.client().await?;
    let (of, paid) = (asset.id.to_string(), currency.id.to_string());
    let due = client.claimable_royalty((&of, part.list), &owner, &paid, context.height()).await?;
    let amount = amount_of(&due.amount)?;
    let record = json!({
        "asset": of, "asset_name": asset.name(), "list": due.list, "share_bps": due.share_bps,
        "account": owner.to_string(), "currency": paid, "amount": currency.json(amount),
    });
    let fields = vec![
        ("recipient", context.label(&owner)),
        ("part", percent(due.share_bps)),
        ("claimable", currency.display(amount)),
    ];
    Ok(Report::new(record, vec![Block::Fields(fields)]))
}

async fn show(context: &Context, asset: &str) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let schedule = client
        .royalty_schedule(&asset.id.to_string(), context.height())
        .await?
        .ok_or_else(|| Failure::not_found(format!("{} has no royalty split", asset.name())))?;
    let list = match schedule.list {
        0 => schedule.shares,
        list => recipients(context, &asset, list).await?,
    };
    let (mut rows, mut shares) = (Vec::new(), Vec::new());
    for share in &list {
        let account = address_of(&share.account)?;
        rows.push(vec![context.label(&account), percent(share.share_bps)]);
        shares.push(json!({ "account": account.to_string(), "share_bps": share.share_bps }));
    }
    let record = json!({
        "asset": asset.id.to_string(), "asset_name": asset.name(), "list": schedule.list,
        "resale_bps": schedule.resale_bps, "shares": shares,
    });
    let paid = if schedule.list == 0 { "at once" } else { "when they claim" };
    let fields = vec![
        ("of every resale", percent(schedule.resale_bps)),
        ("recipients", format!("{}, paid {paid}", list.len())),
    ];
    let table = Block::Table(vec!["recipient", ">part"], rows);
    Ok(Report::new(record, vec![Block::Fields(fields), table]))
}

async fn recipients(
    context: &Context,
    asset: &AssetView,
    list: u64,
) -> Result<Vec<RoyaltyShare>, Failure> {
    let client = context.client().await?;
    let id = asset.id.to_string();
    let page = async |token| client.royalty_recipients(&id, list, PAGE_ENTRIES, token).await;
    Ok(all_pages(page).await?)
}

async fn lists(context: &Context, asset: &str) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let (mut rows, mut records) = (Vec::new(), Vec::new());
    let entries = all_pages(async |token| {
        client.royalty_lists(&asset.id.to_string(), PAGE_ENTRIES, token).await
    })
    .await?;
    for RoyaltyListEntry { list, recipient_count, abandoned } in entries {
        let state = if abandoned { "abandoned" } else { "in use" };
        rows.push(vec![list.to_string(), grouped(recipient_count.into()), state.to_owned()]);
        records.push(json!({
            "list": list, "recipient_count": recipient_count, "abandoned": abandoned,
        }));
    }
    let record = json!({ "asset": asset.id.to_string(), "lists": records });
    Ok(Report::new(record, vec![Block::Table(vec![">list", ">recipients", "state"], rows)]))
}

/// The code of a refusal where none of a page can be removed.
const NOTHING_TO_PRUNE: &str = "royalties/19";

async fn prune(context: &Context, asset: &str, list: u64) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let shares = recipients(context, &asset, list).await?;
    let accounts: Result<Vec<Address>, Failure> =
        shares.iter().map(|share| address_of(&share.account)).collect();
    let nobody = || Failure::not_found(format!("nobody is on list {list} of {}", asset.name()));
    let (mut pruned, mut last) = (None, nobody());
    for operation in operations::prune_royalty_list(&asset.id, list, &accounts?) {
        let preview = vec![
            ("Prune", format!("list {list}")),
            ("Of", format!("royalties of {}", asset.name())),
        ];
        match send(context, Intent::new(preview, operation)).await {
            Ok(report) => pruned = Some(report),
            // Everybody of this page has something to claim; others may not.
            Err(failure) if failure.error.code() == NOTHING_TO_PRUNE => last = failure,
            Err(failure) => return Err(failure),
        }
    }
    pruned.ok_or(last)
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
