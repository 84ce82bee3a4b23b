//! The villa is opened, and its shares are issued.

use anyhow::ensure;
use tessera_client::operations::{activate_asset, mint_units};
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::AssetStatus;

use super::{ISSUER, SHARES, VILLA};
use crate::node::demo::scene::{Scene, account};

/// More than the maximum supply.
const MAX_SUPPLY_EXCEEDED: &str = "assets/18";

pub(super) async fn run(scene: &mut Scene, villa: &AssetId) -> anyhow::Result<()> {
    let (issuer, shares) = (account(ISSUER), Amount::from_u64(SHARES));
    let operations = vec![activate_asset(villa), mint_units(villa, &issuer, shares)];
    let receipt = scene.send(ISSUER, operations).await?;
    scene.books.issue(villa, &issuer, shares)?;
    scene.check_books().await?;
    let (asset, _) = scene.client.asset(VILLA, 0).await?;
    ensure!(asset.status() == AssetStatus::Active, "`{VILLA}` is not active");
    scene.screen.done("issued", "1,000 of 1,000 shares to the issuer", Some(receipt.height));
    let one_more = vec![mint_units(villa, &issuer, Amount::from_u64(1))];
    let refusal = scene.refuse(ISSUER, one_more, MAX_SUPPLY_EXCEEDED).await?;
    let text = "a 1,001st share: 1,000 of 1,000 exist (as intended)";
    scene.screen.refused("refused", text, refusal.height);
    scene.check_books().await
}
