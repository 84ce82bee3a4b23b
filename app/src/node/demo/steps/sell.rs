//! Fractions of the villa change hands for money, both in one step.

use anyhow::ensure;
use tessera_client::operations::{OfferUnits, accept_offer, offer_units};
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::pb::chain::v1::event::Kind;

use super::{ALICE, BOB, ISSUER, VILLA};
use crate::node::demo::scene::{Scene, account, events, parse_usdx, usdx};

/// Who buys how many shares, and what they cost together.
const SALES: [(&str, u64, &str); 2] = [(ALICE, 120, "12000"), (BOB, 80, "8000")];
/// How long the offers stand.
const OPEN_MS: u64 = 86_400_000;

pub(super) async fn run(scene: &mut Scene, villa: &AssetId) -> anyhow::Result<()> {
    let (issuer, currency) = (account(ISSUER), scene.currency);
    let expires_ms = scene.client.info().await?.block_time_ms + OPEN_MS;
    let mut offers = Vec::new();
    for (number, (buyer, shares, price)) in (1..).zip(SALES) {
        offers.push(offer_units(OfferUnits {
            number,
            asset: villa.to_bytes(),
            amount: shares.to_string(),
            currency: currency.to_bytes(),
            price: parse_usdx(price)?.to_string(),
            buyer: account(buyer).to_bytes(),
            expires_ms,
        }));
    }
    scene.send(ISSUER, offers).await?;
    let mut acceptances = Vec::new();
    for (number, (buyer, shares, price)) in (1..).zip(SALES) {
        let offer = scene.client.offer(VILLA, &issuer, number, 0).await?.unwrap_or_default();
        acceptances.push((buyer, vec![accept_offer(&offer)]));
        let (price, shares) = (parse_usdx(price)?, Amount::from_u64(shares));
        scene.books.transfer(&currency, (&account(buyer), &issuer), price)?;
        scene.books.transfer(villa, (&issuer, &account(buyer)), shares)?;
    }
    let sold = scene.send_all(acceptances).await?;
    scene.check_books().await?;
    for ((buyer, shares, price), receipt) in SALES.into_iter().zip(&sold) {
        let both = events(receipt).iter().any(|event| {
            matches!(&event.kind, Some(Kind::UnitsSold(sold)) if sold.amount == shares.to_string())
        });
        ensure!(both, "the receipt of {buyer} does not show both legs of the sale");
        let price = usdx(parse_usdx(price)?);
        let text = format!("{shares} shares issuer → {buyer} for {price}");
        scene.screen.done("sold", &text, Some(receipt.height));
    }
    scene.screen.detail("Delivery versus payment: shares and money change hands together.");
    Ok(())
}
