//! A licence fee is split by a schedule, to the last base unit.

use std::collections::BTreeMap;

use anyhow::{bail, ensure};
use tessera_client::operations::{pay_royalty, set_royalty_schedule};
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::Receipt;
use tessera_proto::pb::chain::v1::event::Kind;

use super::{ALICE, BOB, DAVE, ISSUER};
use crate::node::demo::scene::{Scene, account, events, parse_usdx, usdx};

/// Who receives what part, in basis points: no even split of any round sum.
const SHARES: [(&str, u32); 3] = [(ISSUER, 3_334), (ALICE, 3_333), (BOB, 3_333)];
/// Part of the price of every resale that is paid into the split: 2.5 %.
const RESALE_BPS: u32 = 250;
/// A sum that the shares do not divide.
const FEE: &str = "1000.000001";

pub(super) async fn run(scene: &mut Scene, villa: &AssetId) -> anyhow::Result<()> {
    let shares = SHARES.map(|(who, bps)| (account(who), bps));
    let fee = parse_usdx(FEE)?;
    let schedule = vec![set_royalty_schedule(villa, &shares, RESALE_BPS)];
    scene.send(ISSUER, schedule).await?;
    let payment = vec![pay_royalty(villa, &scene.currency, fee)];
    let receipt = scene.send(DAVE, payment).await?;
    let (parts, remainder, first) = expected_parts(&shares, fee)?;
    let currency = scene.currency;
    for (recipient, part) in &parts {
        scene.books.transfer(&currency, (&account(DAVE), recipient), *part)?;
    }
    ensure!(paid_out(&receipt)? == parts, "the fee was split in another way than it should be");
    scene.check_books().await?;
    let text = format!("{} film licence, paid by the tenant into the split", usdx(fee));
    scene.screen.done("split", &text, Some(receipt.height));
    let part = |who: &str| parts.get(&account(who)).copied().unwrap_or_default().display(6);
    scene.screen.detail(&format!(
        "issuer 33.34 % {} · alice 33.33 % {} · bob 33.33 % {}",
        part(ISSUER),
        part(ALICE),
        part(BOB)
    ));
    let (first, remainder) = (scene.names.of(&first), remainder.display(6));
    scene.screen.detail(&format!(
        "Rounded down, {remainder} is left over and goes to {first}, the first by address."
    ));
    Ok(())
}

type Parts = BTreeMap<Address, Amount>;

/// The rule, computed anew: floors, and what they leave over to the first by address.
fn expected_parts(
    shares: &[(Address, u32)],
    fee: Amount,
) -> anyhow::Result<(Parts, Amount, Address)> {
    let floor = |bps: u32| Amount::new(fee.base_units() * u128::from(bps) / 10_000);
    let floors = shares.iter().map(|(who, bps)| Some((*who, floor(*bps)?)));
    let Some(mut parts) = floors.collect::<Option<Parts>>() else { bail!("a part overflows") };
    let remainder = parts.values().fold(fee, |left, part| left.saturating_sub(*part));
    let Some(mut first) = parts.first_entry() else { bail!("nobody receives anything") };
    let sum = first.get().checked_add(remainder);
    let address = *first.key();
    first.insert(sum.unwrap_or_default());
    Ok((parts, remainder, address))
}

/// What the chain says that everybody got.
fn paid_out(receipt: &Receipt) -> anyhow::Result<Parts> {
    for event in events(receipt) {
        if let Some(Kind::RoyaltyPaid(paid)) = &event.kind {
            let part = |payout: &tessera_proto::pb::royalties::v1::RoyaltyPayout| {
                Ok((Address::try_from(payout.account.as_ref())?, payout.amount.parse()?))
            };
            return paid.payouts.iter().map(part).collect();
        }
    }
    bail!("the receipt does not say what was paid")
}
