//! `tessera coupon`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;

use super::context::{AssetView, Context, amount_of, parse_amount};
use super::distribution::{DAY_MS, TermsArgs, parse_day, time};
use super::failure::Failure;
use super::output::{Block, Report};
use super::royalty::percent;
use super::send::{Intent, send};
use crate::operations::{self, CouponPeriod, DeclareCoupons, PayCoupon};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set interest and repayments of your asset
    Declare(Declare),
    /// Declare what the next period pays, and pay it in
    Pay(Pay),
    /// Show a schedule and what each period pays
    Show {
        /// Name or id of the asset
        asset: String,
        /// Number of the schedule
        schedule: u64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Declare {
    /// Name or id of the asset
    asset: String,
    /// Currency paid
    #[arg(long, value_name = "ASSET")]
    currency: String,
    /// What is owed for each unit at the beginning, in units of the currency
    #[arg(long, value_name = "AMOUNT")]
    principal: String,
    /// Interest for a year, in percent, like 5.25
    #[arg(long, value_name = "PERCENT")]
    rate: String,
    /// How parts of a year are counted
    #[arg(long)]
    day_count: DayCount,
    /// First day of the first period, like 2026-01-01
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    start: u32,
    /// End of a period, with the part of the principal that is repaid then in basis points, like
    /// 2026-07-01 or 2027-01-01=10000
    #[arg(long, value_name = "DATE[=BPS]", value_parser = parse_period, required = true)]
    period: Vec<CouponPeriod>,
}

#[derive(Debug, Args)]
pub(crate) struct Pay {
    /// Name or id of the asset
    asset: String,
    /// Number of the schedule
    schedule: u64,
    /// Which period, from 1
    period: u32,
    #[command(flatten)]
    terms: TermsArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DayCount {
    #[value(name = "30/360")]
    Thirty360,
    #[value(name = "act/365f")]
    Actual365Fixed,
    #[value(name = "act/360")]
    Actual360,
    #[value(name = "act/act-isda")]
    ActualActualIsda,
}

impl From<DayCount> for operations::DayCount {
    fn from(rule: DayCount) -> Self {
        match rule {
            DayCount::Thirty360 => Self::Thirty360,
            DayCount::Actual365Fixed => Self::Actual365Fixed,
            DayCount::Actual360 => Self::Actual360,
            DayCount::ActualActualIsda => Self::ActualActualIsda,
        }
    }
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Declare(given) => declare(context, given).await,
        Command::Pay(given) => pay(context, given).await,
        Command::Show { asset, schedule } => show(context, &asset, schedule).await,
    }
}

async fn declare(context: &Context, given: Declare) -> Result<Report, Failure> {
    let asset = context.asset(&given.asset).await?;
    let currency = context.asset(&given.currency).await?;
    let principal = currency.parse(&given.principal)?;
    // A percent is 10,000 millionths.
    let rate = parse_amount(&given.rate, 4)?.base_units();
    let rate_ppm = u32::try_from(rate).unwrap_or(u32::MAX);
    let preview = vec![
        ("Owed for each unit", currency.display(principal)),
        ("Interest for a year", format!("{} %", given.rate)),
        ("Periods", given.period.len().to_string()),
    ];
    let operation = operations::declare_coupons(DeclareCoupons {
        asset: asset.id.to_bytes(),
        currency: currency.id.to_bytes(),
        principal: principal.to_string(),
        units: asset.parse("1")?.to_string(),
        rate_ppm,
        day_count: operations::DayCount::from(given.day_count).into(),
        start_day: given.start,
        periods: given.period,
    });
    send(context, Intent::new(preview, operation)).await
}

async fn pay(context: &Context, given: Pay) -> Result<Report, Failure> {
    let asset = context.asset(&given.asset).await?;
    let client = context.client().await?;
    let id = asset.id.to_string();
    let (schedule, _) = client.coupon_schedule(&id, given.schedule, 0).await?;
    let currency = currency_of(context, &schedule.currency).await?;
    let terms = given.terms.terms(context, &currency).await?;
    let record = given.terms.record(&asset)?;
    let preview = vec![
        ("Coupon", format!("period {} of schedule {}", given.period, given.schedule)),
        ("Pay in", currency.display(amount_of(&terms.funded)?)),
        ("Record date", record.to_string()),
    ];
    let operation = operations::pay_coupon(PayCoupon {
        asset: asset.id.to_bytes(),
        schedule: given.schedule,
        period: given.period,
        record,
        terms: Some(terms),
    });
    send(context, Intent::new(preview, operation)).await
}

async fn currency_of(context: &Context, id: &[u8]) -> Result<AssetView, Failure> {
    let id = AssetId::try_from(id).unwrap_or_default();
    context.asset(&id.to_string()).await
}

async fn show(context: &Context, asset: &str, number: u64) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let id = asset.id.to_string();
    let (schedule, amounts) = client.coupon_schedule(&id, number, context.height()).await?;
    let currency = currency_of(context, &schedule.currency).await?;
    let (mut rows, mut periods, mut start) = (Vec::new(), Vec::new(), schedule.start_day);
    for (period, amount) in schedule.periods.iter().zip(&amounts) {
        let (per_unit, units) = (amount_of(&amount.per_unit)?, amount_of(&amount.units)?);
        // What 1,000 units get, rounded down; each holder's part is computed from the fraction.
        let thousand = asset.parse("1000")?;
        let shown = share(per_unit, units, thousand).map_or_else(
            || format!("{per_unit} / {units}"),
            |amount| amount.display(currency.decimals()),
        );
        rows.push(vec![day(start), day(period.end_day), percent(period.repay_bps), shown]);
        periods.push(json!({
            "start_day": start, "end_day": period.end_day, "repay_bps": period.repay_bps,
            "per_unit_base": per_unit.to_string(), "units_base": units.to_string(),
        }));
        start = period.end_day;
    }
    let record = json!({
        "asset": id, "asset_name": asset.name(), "schedule": number,
        "currency": currency.id.to_string(), "rate_ppm": schedule.rate_ppm,
        "day_count": schedule.day_count, "periods_declared": schedule.periods_declared,
        "periods": periods,
    });
    let headings = vec!["from", "to", ">repaid", ">for 1,000 units"];
    Ok(Report::new(record, vec![Block::Table(headings, rows)]))
}

/// `floor(amount * per_unit / units)`, where that can be counted.
fn share(per_unit: Amount, units: Amount, amount: Amount) -> Option<Amount> {
    let product = amount.base_units().checked_mul(per_unit.base_units())?;
    Amount::new(product.checked_div(units.base_units())?)
}

/// A day as people write it.
fn day(day: u32) -> String {
    let midnight = time(u64::from(day).saturating_mul(DAY_MS));
    midnight.split(' ').next().unwrap_or_default().to_owned()
}

/// Reads the end of a period, like 2026-07-01 or 2027-01-01=10000.
fn parse_period(text: &str) -> Result<CouponPeriod, String> {
    let (end, bps) = text.split_once('=').unwrap_or((text, "0"));
    let repay_bps = bps.parse().map_err(|_| format!("`{bps}` is not a number of basis points"))?;
    Ok(CouponPeriod { end_day: parse_day(end)?, repay_bps })
}
