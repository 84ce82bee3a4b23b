//! `tessera sale`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tessera_proto::id::Address;
use tessera_proto::pb::market::v1::{Offer, PricedSale};

use super::context::{AssetView, Context, address_of, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::role::time_of;
use super::send::{Intent, grouped, send};
use super::share::owner_of;
use crate::client::{PAGE_ENTRIES, all_pages};
use crate::operations::{self, OfferUnits};

const DAY_MS: u64 = 86_400_000;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Offer units for a price; they stay yours, bound, until somebody accepts
    Offer(Offering),
    /// Buy what is offered: units and price change hands in one step
    Accept {
        /// Name or id of the asset
        asset: String,
        /// Who sells
        #[arg(long, value_name = "ACCOUNT")]
        seller: String,
        /// Number of the offer
        #[arg(long, value_name = "N", default_value_t = 1)]
        number: u64,
    },
    /// End an offer: your own, or one that has expired
    Cancel {
        /// Name or id of the asset
        asset: String,
        /// Whose offer; that of --from if left out
        #[arg(long, value_name = "ACCOUNT")]
        seller: Option<String>,
        /// Number of the offer
        #[arg(long, value_name = "N", default_value_t = 1)]
        number: u64,
    },
    /// List the offers of an asset
    List {
        /// Name or id of the asset
        asset: String,
    },
    /// Show what an asset was sold for last, in each currency; sales to one buyer only do not count
    Last {
        /// Name or id of the asset
        asset: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Offering {
    /// Name or id of the asset
    asset: String,
    /// How many units
    amount: String,
    /// What all of it costs, in units of the currency
    #[arg(long, value_name = "AMOUNT")]
    price: String,
    /// Currency of the price
    #[arg(long, value_name = "ASSET")]
    currency: String,
    /// Who may buy; anybody if left out
    #[arg(long, value_name = "ACCOUNT")]
    to: Option<String>,
    /// How many days the offer stands
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    days: u64,
    /// Number of the offer; the next that is free if left out
    #[arg(long, value_name = "N")]
    number: Option<u64>,
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Offer(offering) => offer(context, offering).await,
        Command::Accept { asset, seller, number } => accept(context, &asset, &seller, number).await,
        Command::Cancel { asset, seller, number } => {
            let seller = owner_of(context, seller).await?;
            let asset = context.asset(&asset).await?;
            let preview = vec![("Cancel", format!("offer {number} of {}", asset.name()))];
            let operation = operations::cancel_offer(&asset.id, &seller, number);
            send(context, Intent::new(preview, operation)).await
        }
        Command::List { asset } => list(context, &asset).await,
        Command::Last { asset } => last(context, &asset).await,
    }
}

async fn offer(context: &Context, offering: Offering) -> Result<Report, Failure> {
    let asset = context.asset(&offering.asset).await?;
    let currency = context.asset(&offering.currency).await?;
    let amount = asset.parse(&offering.amount)?;
    let price = currency.parse(&offering.price)?;
    let buyer = match &offering.to {
        Some(buyer) => Some(context.address(buyer).await?),
        None => None,
    };
    let number = match offering.number {
        Some(number) => number,
        None => next_number(context, &asset).await?,
    };
    let now_ms = context.info().await?.block_time_ms;
    let expires_ms = now_ms.saturating_add(offering.days.saturating_mul(DAY_MS));
    let preview = vec![
        ("Offer", asset.display(amount)),
        ("For", currency.display(price)),
        ("To", buyer.map_or_else(|| "anybody".to_owned(), |buyer| context.label(&buyer))),
        ("Number", number.to_string()),
    ];
    let operation = operations::offer_units(OfferUnits {
        number,
        asset: asset.id.to_bytes(),
        amount: amount.to_string(),
        currency: currency.id.to_bytes(),
        price: price.to_string(),
        buyer: buyer.map(Address::to_bytes).unwrap_or_default(),
        expires_ms,
    });
    send(context, Intent::new(preview, operation)).await
}

async fn next_number(context: &Context, asset: &AssetView) -> Result<u64, Failure> {
    let seller = context.sender_address().await?.to_bytes();
    let offers = all(context, asset).await?;
    let own = offers.iter().filter(|offer| offer.seller == seller);
    Ok(own.map(|offer| offer.number).max().unwrap_or(0).saturating_add(1))
}

async fn accept(
    context: &Context,
    asset: &str,
    seller: &str,
    number: u64,
) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let seller = context.address(seller).await?;
    let client = context.client().await?;
    let offer =
        client.offer(&asset.id.to_string(), &seller, number, 0).await?.ok_or_else(|| {
            let name = asset.name();
            Failure::not_found(format!(
                "{} has no offer {number} of {name}",
                context.label(&seller)
            ))
            .help(format!("list them with `tessera sale list {name}`"))
        })?;
    let currency = currency_of(context, &offer).await?;
    let preview = vec![
        ("Buy", asset.display(amount_of(&offer.amount)?)),
        ("Of", context.label(&seller)),
        ("For", currency.display(amount_of(&offer.price)?)),
    ];
    send(context, Intent::new(preview, operations::accept_offer(&offer))).await
}

async fn currency_of(context: &Context, offer: &Offer) -> Result<AssetView, Failure> {
    let id = tessera_proto::id::AssetId::try_from(offer.currency.as_ref()).unwrap_or_default();
    context.asset(&id.to_string()).await
}

async fn all(context: &Context, asset: &AssetView) -> Result<Vec<Offer>, Failure> {
    let client = context.client().await?;
    let id = asset.id.to_string();
    Ok(all_pages(async |token| client.offers(&id, PAGE_ENTRIES, token).await).await?)
}

async fn list(context: &Context, asset: &str) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let now_ms = context.info().await?.block_time_ms;
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    for offer in all(context, &asset).await? {
        let currency = currency_of(context, &offer).await?;
        let (amount, price) = (amount_of(&offer.amount)?, amount_of(&offer.price)?);
        let seller = address_of(&offer.seller)?;
        let (buyer, to) = match offer.buyer.is_empty() {
            true => (Value::Null, "anybody".to_owned()),
            false => {
                let buyer = address_of(&offer.buyer)?;
                (buyer.to_string().into(), context.label(&buyer))
            }
        };
        let expired = now_ms >= offer.expires_ms;
        rows.push(vec![
            offer.number.to_string(),
            context.label(&seller),
            asset.display(amount),
            currency.display(price),
            if expired { "expired".to_owned() } else { to },
        ]);
        records.push(json!({
            "asset": asset.id.to_string(), "asset_name": asset.name(), "number": offer.number,
            "seller": seller.to_string(), "buyer": buyer, "amount": asset.json(amount),
            "currency": currency.id.to_string(), "price": currency.json(price),
            "expires_ms": offer.expires_ms, "expired": expired,
        }));
    }
    let headings = vec![">number", "seller", ">units", ">price", "to"];
    Ok(Report { records, blocks: vec![Block::Table(headings, rows)] })
}

async fn last(context: &Context, asset: &str) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let entries = all_pages(async |token| {
        client.last_sales(&asset.id.to_string(), PAGE_ENTRIES, token).await
    })
    .await?;
    for PricedSale { currency, sale, unit_price } in entries {
        let (sale, currency) = (sale.unwrap_or_default(), context.asset(&currency).await?);
        let (amount, price) = (amount_of(&sale.amount)?, amount_of(&sale.price)?);
        let unit_price = (!unit_price.is_empty()).then(|| amount_of(&unit_price)).transpose()?;
        rows.push(vec![
            unit_price.map_or_else(|| "too much".to_owned(), |price| currency.display(price)),
            asset.display(amount),
            currency.display(price),
            grouped(sale.height),
            time_of(sale.time_ms),
        ]);
        records.push(json!({
            "currency": currency.id.to_string(),
            "unit_price": unit_price.map(|price| currency.json(price)),
            "amount": asset.json(amount),
            "price": currency.json(price),
            "height": sale.height,
            "time_ms": sale.time_ms,
        }));
    }
    let headings = vec![">one unit", ">units", ">price", ">block", "time"];
    Ok(Report { records, blocks: vec![Block::Table(headings, rows)] })
}
