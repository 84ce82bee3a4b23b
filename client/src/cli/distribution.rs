//! `tessera distribution`.

use bytes::Bytes;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use tendermint::Time;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::distributions::v1::Distribution;

use super::context::{AssetView, Context, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::royalty::percent;
use super::send::{Intent, grouped, send};
use super::share::owner_of;
use crate::client::{PAGE_ENTRIES, all_pages};
use crate::operations::{
    self, DeclareDistribution, DistributionTerms, HolderSelection, RemainderPolicy, WithholdingRate,
};
use crate::verify::display_time;

/// Milliseconds of a day.
pub(crate) const DAY_MS: u64 = 86_400_000;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the end of the next block a record date of your asset
    Record {
        /// Name or id of the asset
        asset: String,
        /// Height of a later block; the one that includes this if left out
        #[arg(long, value_name = "HEIGHT", default_value_t = 0)]
        at: u64,
    },
    /// Promise an amount per unit to all who held an asset at a record date, and pay it in
    Declare(Declare),
    /// Collect your part
    Claim(Which),
    /// Pay holders their parts
    Push {
        #[command(flatten)]
        which: Which,
        /// Who is paid
        #[arg(required = true, value_name = "ACCOUNT")]
        holders: Vec<String>,
    },
    /// End a distribution: cancel your own before its payment date, or clear it after its end
    Close(Which),
    /// Show a distribution
    Show(Which),
    /// Show what a holder of record is due
    Due {
        #[command(flatten)]
        which: Which,
        /// Whose; that of --from if left out
        #[arg(long, value_name = "ACCOUNT")]
        owner: Option<String>,
    },
    /// List the distributions of an asset
    List {
        /// Name or id of the asset
        asset: String,
    },
    /// Delete old balances that no distribution and no ballot asks for any more
    Prune {
        /// Name or id of the asset
        asset: String,
        /// Whose old balances
        #[arg(value_name = "ACCOUNT")]
        accounts: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Name or id of the asset
    asset: String,
    /// Number of the distribution
    distribution: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Declare {
    /// Name or id of the asset
    asset: String,
    /// How much for each unit, in units of the currency
    #[arg(long, value_name = "AMOUNT")]
    per_unit: String,
    /// Currency paid
    #[arg(long, value_name = "ASSET")]
    currency: String,
    #[command(flatten)]
    terms: TermsArgs,
}

/// What is agreed of a distribution beside its amount.
#[derive(Debug, Args)]
pub(crate) struct TermsArgs {
    /// How much to pay in, in units of the currency
    #[arg(long, value_name = "AMOUNT")]
    fund: String,
    /// Number of the record date; the latest if left out
    #[arg(long, value_name = "N")]
    record: Option<u64>,
    /// When it is paid, from now, like 30m, 12h or 10d
    #[arg(long, value_name = "SPAN", default_value = "0s", value_parser = parse_span)]
    pay_in: u64,
    /// The day on which it is paid, like 2026-12-31
    #[arg(long, value_name = "DATE", value_parser = parse_day, conflicts_with = "pay_in")]
    pay_on: Option<u32>,
    /// How long it can be collected from then on
    #[arg(long, value_name = "SPAN", default_value = "90d", value_parser = parse_span)]
    expires_in: u64,
    /// Tax to withhold, in basis points
    #[arg(long, value_name = "BPS", default_value_t = 0)]
    withhold: u32,
    /// Tax to withhold from one holder, like alice=1500
    #[arg(long, value_name = "ACCOUNT=BPS")]
    rate: Vec<String>,
    /// Who receives the tax; --from if left out
    #[arg(long, value_name = "ACCOUNT")]
    tax_account: Option<String>,
    /// Pay only these holders
    #[arg(long, value_name = "ACCOUNT", conflicts_with = "except")]
    only: Vec<String>,
    /// Pay all holders but these
    #[arg(long, value_name = "ACCOUNT")]
    except: Vec<String>,
    /// Who receives what is left after the end
    #[arg(long, default_value = "payer")]
    remainder: Remainder,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Remainder {
    Payer,
    Treasury,
}

impl TermsArgs {
    /// Number of the record date.
    pub(crate) fn record(&self, asset: &AssetView) -> Result<u64, Failure> {
        let latest = asset.asset.record_count;
        match self.record {
            Some(record) => Ok(record),
            None if latest == 0 => {
                let name = asset.name();
                Err(Failure::not_found(format!("{name} has no record date"))
                    .help(format!("take one with `tessera distribution record {name}`")))
            }
            None => Ok(latest),
        }
    }

    /// The terms of a message.
    pub(crate) async fn terms(
        &self,
        context: &Context,
        currency: &AssetView,
    ) -> Result<DistributionTerms, Failure> {
        let mut rates = Vec::new();
        for rate in &self.rate {
            let wrong =
                || Failure::usage(format!("`{rate}` is not a rate: expected one like bob=2500"));
            let (account, bps) = rate.split_once('=').ok_or_else(wrong)?;
            let bps: u32 = bps.parse().map_err(|_| wrong())?;
            rates.push((context.address(account).await?, bps));
        }
        rates.sort_unstable();
        let taxed = self.withhold > 0 || rates.iter().any(|(_, bps)| *bps > 0);
        let tax_account = match taxed {
            true => Some(owner_of(context, self.tax_account.clone()).await?),
            false => None,
        };
        let (selection, listed) = match (self.only.is_empty(), self.except.is_empty()) {
            (false, _) => (HolderSelection::Listed, &self.only),
            (true, false) => (HolderSelection::NotListed, &self.except),
            (true, true) => (HolderSelection::All, &self.only),
        };
        let remainder = match self.remainder {
            Remainder::Payer => RemainderPolicy::Payer,
            Remainder::Treasury => RemainderPolicy::Treasury,
        };
        let now_ms = context.info().await?.block_time_ms;
        let payment_ms = match self.pay_on {
            Some(day) => u64::from(day).saturating_mul(DAY_MS),
            None => now_ms.saturating_add(self.pay_in),
        };
        let rate = |(account, withholding_bps): (Address, u32)| WithholdingRate {
            account: account.to_bytes(),
            withholding_bps,
        };
        Ok(DistributionTerms {
            funded: currency.parse(&self.fund)?.to_string(),
            payment_ms,
            expires_ms: payment_ms.max(now_ms).saturating_add(self.expires_in),
            withholding_bps: self.withhold,
            tax_account: tax_account.map(Address::to_bytes).unwrap_or_default(),
            rates: rates.into_iter().map(rate).collect(),
            selection: selection.into(),
            holders: operations::ascending(&addresses(context, listed).await?),
            remainder: remainder.into(),
            memo_sha256: Bytes::new(),
        })
    }
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Record { asset, at } => {
            let asset = context.asset(&asset).await?;
            let preview = vec![("Record date of", asset.name().to_owned())];
            send(context, Intent::new(preview, operations::take_record(&asset.id, at))).await
        }
        Command::Declare(declare) => declare_one(context, declare).await,
        Command::Claim(which) => {
            let (asset, number) = (context.asset(&which.asset).await?, which.distribution);
            let preview = vec![("Collect", of(&asset, number))];
            let operation = operations::claim_distribution(&asset.id, number);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Push { which, holders } => {
            let (asset, number) = (context.asset(&which.asset).await?, which.distribution);
            let holders = addresses(context, &holders).await?;
            let preview =
                vec![("Pay", of(&asset, number)), ("To", format!("{} holders", holders.len()))];
            let operation = operations::push_distribution(&asset.id, number, &holders);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Close(which) => {
            let (asset, number) = (context.asset(&which.asset).await?, which.distribution);
            let preview = vec![("Close", of(&asset, number))];
            let operation = operations::close_distribution(&asset.id, number);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Show(which) => show(context, &which).await,
        Command::Due { which, owner } => due(context, &which, owner).await,
        Command::List { asset } => list(context, &asset).await,
        Command::Prune { asset, accounts } => {
            let asset = context.asset(&asset).await?;
            let accounts = addresses(context, &accounts).await?;
            let preview = vec![("Delete old balances of", asset.name().to_owned())];
            let operation = operations::prune_records(&asset.id, &accounts);
            send(context, Intent::new(preview, operation)).await
        }
    }
}

fn of(asset: &AssetView, number: u64) -> String {
    format!("distribution {number} of {}", asset.name())
}

async fn addresses(context: &Context, names: &[String]) -> Result<Vec<Address>, Failure> {
    let mut addresses = Vec::with_capacity(names.len());
    for name in names {
        addresses.push(context.address(name).await?);
    }
    Ok(addresses)
}

async fn declare_one(context: &Context, declare: Declare) -> Result<Report, Failure> {
    let asset = context.asset(&declare.asset).await?;
    let currency = context.asset(&declare.currency).await?;
    let per_unit = currency.parse(&declare.per_unit)?;
    let terms = declare.terms.terms(context, &currency).await?;
    let record = declare.terms.record(&asset)?;
    let preview = vec![
        ("Promise", format!("{} for each unit of {}", currency.display(per_unit), asset.name())),
        ("Pay in", currency.display(amount_of(&terms.funded)?)),
        ("Record date", record.to_string()),
        ("Tax withheld", percent(terms.withholding_bps)),
        ("Paid from", time(terms.payment_ms)),
        ("Until", time(terms.expires_ms)),
    ];
    let operation = operations::declare_distribution(DeclareDistribution {
        asset: asset.id.to_bytes(),
        currency: currency.id.to_bytes(),
        record,
        per_unit: per_unit.to_string(),
        units: asset.parse("1")?.to_string(),
        terms: Some(terms),
    });
    send(context, Intent::new(preview, operation)).await
}

async fn currency_of(context: &Context, distribution: &Distribution) -> Result<AssetView, Failure> {
    let id = AssetId::try_from(distribution.currency.as_ref()).unwrap_or_default();
    context.asset(&id.to_string()).await
}

async fn show(context: &Context, which: &Which) -> Result<Report, Failure> {
    let asset = context.asset(&which.asset).await?;
    let client = context.client().await?;
    let (id, number) = (asset.id.to_string(), which.distribution);
    let (distribution, remaining) = client.distribution(&id, number, context.height()).await?;
    let currency = currency_of(context, &distribution).await?;
    let mut record = distribution_json(&asset, &currency, &distribution)?;
    let left = amount_of(&remaining)?;
    record["remaining"] = currency.json(left);
    let units = amount_of(&distribution.units)?.display(asset.decimals());
    let per_unit = currency.display(amount_of(&distribution.per_unit)?);
    let fields = vec![
        ("distribution", of(&asset, number)),
        ("record", format!("closing balances of block {}", grouped(distribution.record_height))),
        ("pays", format!("{per_unit} for every {units} {}", asset.name())),
        ("promised", currency.display(amount_of(&distribution.promised)?)),
        ("paid in", currency.display(amount_of(&distribution.funded)?)),
        ("left", currency.display(left)),
        ("tax withheld", percent(distribution.withholding_bps)),
        ("paid from", time(distribution.payment_ms)),
        ("until", time(distribution.expires_ms)),
        ("closed", if distribution.closed { "yes" } else { "no" }.to_owned()),
    ];
    Ok(Report::new(record, vec![Block::Fields(fields)]))
}

async fn due(context: &Context, which: &Which, owner: Option<String>) -> Result<Report, Failure> {
    let owner = owner_of(context, owner).await?;
    let asset = context.asset(&which.asset).await?;
    let client = context.client().await?;
    let (id, number) = (asset.id.to_string(), which.distribution);
    let (distribution, _) = client.distribution(&id, number, context.height()).await?;
    let currency = currency_of(context, &distribution).await?;
    let payout = client.distribution_payout(&id, number, &owner, context.height()).await?;
    let (gross, withheld) = (amount_of(&payout.gross)?, amount_of(&payout.withheld)?);
    let balance = amount_of(&payout.balance)?;
    let record = json!({
        "asset": id, "asset_name": asset.name(), "distribution": number,
        "account": owner.to_string(), "balance": asset.json(balance),
        "gross": currency.json(gross), "withheld": currency.json(withheld), "paid": payout.paid,
    });
    let fields = vec![
        ("holder", context.label(&owner)),
        ("held", asset.display(balance)),
        ("part", currency.display(gross)),
        ("withheld", currency.display(withheld)),
        ("net", currency.display(gross.checked_sub(withheld).unwrap_or(Amount::ZERO))),
        ("paid", if payout.paid { "yes" } else { "no" }.to_owned()),
    ];
    Ok(Report::new(record, vec![Block::Fields(fields)]))
}

async fn list(context: &Context, asset: &str) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let entries = all_pages(async |token| {
        client.distributions(&asset.id.to_string(), PAGE_ENTRIES, token).await
    })
    .await?;
    for distribution in &entries {
        let currency = currency_of(context, distribution).await?;
        rows.push(vec![
            distribution.number.to_string(),
            distribution.record.to_string(),
            currency.display(amount_of(&distribution.funded)?),
            time(distribution.payment_ms),
            if distribution.closed { "closed".to_owned() } else { "open".to_owned() },
        ]);
        records.push(distribution_json(&asset, &currency, distribution)?);
    }
    let headings = vec![">number", ">record", ">paid in", "paid from", "state"];
    Ok(Report { records, blocks: vec![Block::Table(headings, rows)] })
}

fn distribution_json(
    asset: &AssetView,
    currency: &AssetView,
    distribution: &Distribution,
) -> Result<Value, Failure> {
    Ok(json!({
        "asset": asset.id.to_string(), "asset_name": asset.name(),
        "distribution": distribution.number, "record": distribution.record,
        "record_height": distribution.record_height, "currency": currency.id.to_string(),
        "per_unit_base": distribution.per_unit, "units_base": distribution.units,
        "promised": currency.json(amount_of(&distribution.promised)?),
        "funded": currency.json(amount_of(&distribution.funded)?),
        "withholding_bps": distribution.withholding_bps, "payment_ms": distribution.payment_ms,
        "expires_ms": distribution.expires_ms, "closed": distribution.closed,
        "coupon_schedule": distribution.coupon_schedule,
        "coupon_period": distribution.coupon_period,
    }))
}

/// A time of the chain as people write it.
pub(crate) fn time(milliseconds: u64) -> String {
    let seconds = i64::try_from(milliseconds / 1_000).unwrap_or(i64::MAX);
    let time = Time::from_unix_timestamp(seconds, 0);
    time.map_or_else(|_| format!("{milliseconds} ms"), display_time)
}

/// Reads a span like 500ms, 30s, 10m, 12h or 90d.
pub(crate) fn parse_span(text: &str) -> Result<u64, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let wrong = || format!("`{text}` is not a span: expected one like 30m, 12h or 90d");
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => DAY_MS,
        _ => return Err(wrong()),
    };
    Ok(number.saturating_mul(milliseconds))
}

/// Reads a day like 2026-12-31, as days since 1970-01-01.
pub(crate) fn parse_day(text: &str) -> Result<u32, String> {
    let wrong = || format!("`{text}` is not a day: expected one like 2026-12-31");
    let midnight = Time::parse_from_rfc3339(&format!("{text}T00:00:00Z")).map_err(|_| wrong())?;
    let milliseconds = u64::try_from(midnight.unix_timestamp()).map_err(|_| wrong())?;
    u32::try_from(milliseconds / (DAY_MS / 1_000)).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_days_are_read() {
        assert_eq!((parse_span("90d"), parse_span("0s")), (Ok(90 * DAY_MS), Ok(0)));
        assert!(parse_span("3").is_err() && parse_span("d").is_err());
        assert_eq!((parse_day("1970-01-02"), parse_day("2026-11-21")), (Ok(1), Ok(20_778)));
        assert!(parse_day("1969-12-31").is_err() && parse_day("2026-13-01").is_err());
        assert_eq!(time(20_778 * DAY_MS), "2026-11-21 00:00:00 UTC");
    }
}
