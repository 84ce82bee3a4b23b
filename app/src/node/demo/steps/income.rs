//! Rent is shared among all holders at once, and claimed by each.

use anyhow::ensure;
use tessera_client::operations::{claim_income, pay_income};
use tessera_proto::amount::Amount;
use tessera_proto::hash::sha256;
use tessera_proto::id::{Address, AssetId};

use super::{ALICE, BOB, DAVE, ISSUER, SHARES, VILLA};
use crate::node::demo::scene::{Scene, account, parse_usdx, usdx};

const RENT: &str = "10000";
/// The statement behind the payment; its hash goes with it.
const STATEMENT: &str = "Rent of villa-ardeche, fourth quarter of 2026";
/// Who holds shares.
const HOLDERS: [&str; 3] = [ALICE, BOB, ISSUER];
/// There is nothing to claim.
const NOTHING_TO_CLAIM: &str = "distributions/15";

pub(super) async fn run(scene: &mut Scene, villa: &AssetId) -> anyhow::Result<()> {
    let (currency, pool) = (scene.currency, Address::income_pool(villa));
    scene.names.account(&pool, "the income pool");
    let rent = parse_usdx(RENT)?;
    let memo = sha256(STATEMENT);
    let payment = vec![pay_income(villa, &currency, rent, Some(memo))];
    let paid = scene.send(DAVE, payment).await?;
    scene.books.transfer(&currency, (&account(DAVE), &pool), rent)?;
    scene.check_books().await?;
    let shares = shares_of_holders(scene, villa, rent).await?;
    let claim = |who| (who, vec![claim_income(villa, &currency)]);
    let claimed = scene.send_all(HOLDERS.map(claim).to_vec()).await?;
    for (who, share) in &shares {
        scene.books.transfer(&currency, (&pool, &account(who)), *share)?;
    }
    let left = scene.books.balance(&currency, &pool);
    ensure!(left.is_zero(), "the income pool should be empty, but {} is left", usdx(left));
    scene.check_books().await?;
    let text = format!("{} rent, paid by the tenant to all holders in one step", usdx(rent));
    scene.screen.done("distributed", &text, Some(paid.height));
    let shown: Vec<String> =
        shares.iter().map(|(who, share)| format!("{who} {}", share.display(6))).collect();
    let text = format!("{} · remainder {}", shown.join(" · "), left.display(6));
    let last = claimed.iter().map(|receipt| receipt.height).max();
    scene.screen.done("claimed", &text, last);
    let again = scene.refuse(ALICE, vec![claim_income(villa, &currency)], NOTHING_TO_CLAIM).await?;
    scene.screen.refused("refused", "alice claiming a second time (as intended)", again.height);
    scene.check_books().await
}

/// What each holder must be able to claim, compared with what the chain says.
async fn shares_of_holders(
    scene: &Scene,
    villa: &AssetId,
    rent: Amount,
) -> anyhow::Result<Vec<(&'static str, Amount)>> {
    let mut shares = Vec::new();
    for who in HOLDERS {
        let held = scene.books.balance(villa, &account(who)).base_units();
        let expected = rent.base_units() * held / u128::from(SHARES);
        let income = scene.client.claimable_income(VILLA, &account(who), 0).await?;
        let found = income.first().map(|income| income.amount.clone()).unwrap_or_default();
        ensure!(
            income.len() == 1 && found == expected.to_string(),
            "{who} should be able to claim {expected} base units, but the chain says `{found}`"
        );
        shares.push((who, found.parse()?));
    }
    Ok(shares)
}
