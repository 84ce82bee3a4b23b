//! Fractions of the villa change hands for money.

use tessera_client::operations::{batch_transfer, transfer};
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;

use super::{ALICE, BOB, ISSUER};
use crate::node::demo::scene::{Scene, account, parse_usdx, usdx};

/// Who buys how many shares, and what they cost together.
const SALES: [(&str, u64, &str); 2] = [(ALICE, 120, "12000"), (BOB, 80, "8000")];

pub(super) async fn run(scene: &mut Scene, villa: &AssetId) -> anyhow::Result<()> {
    let (issuer, currency) = (account(ISSUER), scene.currency);
    let mut payments = Vec::new();
    let mut legs = Vec::new();
    for (buyer, shares, price) in SALES {
        let (price, shares) = (parse_usdx(price)?, Amount::from_u64(shares));
        payments.push((buyer, vec![transfer(&currency, &issuer, price)]));
        legs.push((account(buyer), shares));
        scene.books.transfer(&currency, (&account(buyer), &issuer), price)?;
        scene.books.transfer(villa, (&issuer, &account(buyer)), shares)?;
    }
    let paid = scene.send_all(payments).await?;
    let delivered = scene.send(ISSUER, vec![batch_transfer(villa, &legs)]).await?;
    scene.check_books().await?;
    for ((buyer, shares, price), payment) in SALES.into_iter().zip(&paid) {
        let text = format!(
            "{shares} shares issuer → {buyer} for {}, paid in block {}",
            usdx(parse_usdx(price)?),
            payment.height
        );
        scene.screen.done("sold", &text, Some(delivered.height));
    }
    scene.screen.detail("Payment and shares are two transfers: the buyers trust the issuer here.");
    Ok(())
}
