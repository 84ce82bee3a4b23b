//! Sales: every refusal in order of precedence, both legs or none, royalties of resales.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

use bytes::Bytes;
use proptest::prelude::*;
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::pb::market::v1 as pb;
use tessera_proto::pb::royalties::v1 as royalties;
use tessera_proto::split::{InUnits as _, SplitFactor};
use tessera_proto::state_key::StateKey;

use super::unit_price;
use crate::modules::testing::{
    ISSUER, Kind, START_BALANCE, TestChain, TestTx, account, assert_refused, asset, split, transfer,
};
use crate::state::error::Rejected;

const START: u128 = START_BALANCE as u128;

fn terms(units: u64, price: u64) -> pb::OfferUnits {
    pb::OfferUnits {
        number: 1,
        asset: asset("villa").to_bytes(),
        amount: units.to_string(),
        currency: asset("usdx").to_bytes(),
        price: price.to_string(),
        buyer: Bytes::new(),
        expires_ms: 2_000_000,
    }
}

fn offer(message: pb::OfferUnits) -> Kind {
    Kind::OfferUnits(message)
}

fn acceptance(seller: u8, units: u64, price: u64) -> pb::AcceptOffer {
    pb::AcceptOffer {
        seller: account(seller).to_bytes(),
        number: 1,
        asset: asset("villa").to_bytes(),
        amount: units.to_string(),
        currency: asset("usdx").to_bytes(),
        price: price.to_string(),
    }
}

fn accept(seller: u8, units: u64, price: u64) -> Kind {
    Kind::AcceptOffer(acceptance(seller, units, price))
}

fn cancel(seller: u8) -> Kind {
    let (seller, asset) = (account(seller).to_bytes(), asset("villa").to_bytes());
    Kind::CancelOffer(pb::CancelOffer { seller, number: 1, asset })
}

/// A villa held by the issuer (600) and accounts 1 (300) and 2 (100).
fn chain_with_villa() -> TestChain {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    chain.submit(ISSUER, transfer("villa", &account(1), 300)).unwrap();
    chain.submit(ISSUER, transfer("villa", &account(2), 100)).unwrap();
    chain.next_block();
    chain
}

/// Royalties to accounts 4 and 5, of resales 2.5 %.
fn set_royalties(chain: &mut TestChain, resale_bps: u32) {
    let mut accounts = [account(4), account(5)];
    accounts.sort();
    let share = |account: Address| royalties::RoyaltyShare {
        account: account.to_bytes(),
        share_bps: 5_000,
    };
    let shares = accounts.map(share).to_vec();
    let schedule = royalties::RoyaltySchedule { shares, resale_bps, ..Default::default() };
    let (asset, schedule) = (asset("villa").to_bytes(), Some(schedule));
    let set = royalties::SetRoyaltySchedule { asset, schedule };
    chain.submit(ISSUER, Kind::SetRoyaltySchedule(set)).unwrap();
}

#[test]
fn offer_refuses_in_order_of_precedence() {
    let mut chain = chain_with_villa();
    let with = |change: &dyn Fn(&mut pb::OfferUnits)| {
        let mut message = terms(10, 100);
        change(&mut message);
        offer(message)
    };
    let (nothing, villa) = (asset("nothing").to_bytes(), asset("villa").to_bytes());
    for (kind, codespace, code) in [
        (offer(pb::OfferUnits::default()), "market", 1),
        (with(&|m| (m.amount, m.price) = ("0".into(), "x".into())), "market", 4),
        (with(&|m| m.price = "x".into()), "market", 3),
        (with(&|m| m.buyer = vec![1; 19].into()), "market", 2),
        (with(&|m| (m.currency, m.expires_ms) = (villa.clone(), 0)), "market", 10),
        (with(&|m| (m.buyer, m.expires_ms) = (account(1).to_bytes(), 0)), "market", 11),
        (with(&|m| (m.expires_ms, m.asset) = (1, nothing.clone())), "market", 12),
        (with(&|m| m.asset = nothing.clone()), "assets", 11),
        (with(&|m| m.currency = nothing.clone()), "assets", 11),
        (with(&|m| m.amount = "301".into()), "transfers", 13),
    ] {
        assert_refused(chain.submit(1, kind), codespace, code);
    }
    let at_now = chain.block.time_ms;
    assert_refused(chain.submit(1, with(&|m| m.expires_ms = at_now)), "market", 12);
    chain.submit(1, offer(terms(10, 100))).unwrap();
    assert_refused(chain.submit(1, offer(terms(500, 100))), "market", 13);
}

#[test]
fn accept_refuses_in_order_of_precedence() {
    let mut chain = chain_with_villa();
    let for_two = pb::OfferUnits { buyer: account(2).to_bytes(), ..terms(10, 2_000_000) };
    chain.submit(1, offer(for_two)).unwrap();
    let with = |change: &dyn Fn(&mut pb::AcceptOffer)| {
        let mut message = acceptance(1, 10, 2_000_000);
        change(&mut message);
        Kind::AcceptOffer(message)
    };
    for (sender, kind, code) in [
        (1, Kind::AcceptOffer(pb::AcceptOffer::default()), 1),
        (1, with(&|m| m.currency = m.asset.clone()), 10),
        (1, with(&|m| m.number = 9), 11),
        (3, with(&|m| m.number = 9), 14),
        (3, with(&|m| m.amount = "11".into()), 15),
        (3, with(&|m| m.price = "1999999".into()), 15),
        (3, with(&|m| m.currency = asset("eurx").to_bytes()), 15),
        (3, with(&|_| {}), 17),
    ] {
        assert_refused(chain.submit(sender, kind), "market", code);
    }
    assert_refused(chain.submit(2, with(&|_| {})), "transfers", 13);
    chain.block.time_ms = 2_000_000;
    assert_refused(chain.submit(3, with(&|_| {})), "market", 16);
}

#[test]
fn cancel_refuses_in_order_of_precedence_and_frees_the_units() {
    let mut chain = chain_with_villa();
    chain.submit(1, offer(terms(300, 100))).unwrap();
    assert_refused(chain.submit(2, Kind::CancelOffer(pb::CancelOffer::default())), "market", 1);
    assert_refused(chain.submit(2, cancel(2)), "market", 14);
    assert_refused(chain.submit(2, cancel(1)), "market", 18);
    assert_refused(chain.submit(1, transfer("villa", &account(2), 1)), "transfers", 13);
    let mut expired = chain.clone();
    chain.submit(1, cancel(1)).unwrap();
    chain.submit(1, transfer("villa", &account(2), 300)).unwrap();
    assert_refused(chain.submit(2, accept(1, 300, 100)), "market", 14);
    expired.block.time_ms = 2_000_000;
    expired.submit(2, cancel(1)).unwrap();
    assert_eq!(expired.holding("villa", 1).encumbered, Amount::ZERO);
}

#[test]
fn both_legs_of_a_sale_happen_and_the_receipt_says_so() {
    let mut chain = chain_with_villa();
    chain.submit(1, offer(terms(300, 1_000))).unwrap();
    let events = chain.submit(2, accept(1, 300, 1_000)).unwrap();
    let [EventKind::UnitsSold(sold)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((sold.royalty.as_str(), sold.proceeds.as_str()), ("0", "1000"));
    assert_eq!((chain.balance("villa", 1), chain.balance("villa", 2)), (0, 400));
    assert_eq!(
        (chain.balance("usdx", 1), chain.balance("usdx", 2)),
        (START + 1_000, START - 1_000)
    );
    assert!(chain.get::<pb::Offer>(&StateKey::offer(&asset("villa"), &account(1), 1)).is_none());
}

fn last_sale(chain: &TestChain) -> Option<(String, String, Option<Amount>)> {
    let villa: Asset = chain.get(&StateKey::asset(&asset("villa"))).unwrap();
    let sale: pb::LastSale = chain.get(&StateKey::last_sale(&asset("villa"), &asset("usdx")))?;
    let mut now = sale.clone();
    now.bring_to(SplitFactor::of(&villa));
    Some((now.amount.clone(), sale.price, unit_price(&now, villa.decimals)))
}

#[test]
fn the_last_sale_to_anybody_is_kept_and_a_deal_between_two_is_not() {
    let mut chain = chain_with_villa();
    assert_eq!(last_sale(&chain), None);
    for (units, price) in [(10, 100), (3, 100)] {
        chain.submit(1, offer(terms(units, price))).unwrap();
        chain.submit(2, accept(1, units, price)).unwrap();
    }
    let expected = Some(("3".to_owned(), "100".to_owned(), Some(Amount::from_u64(33))));
    assert_eq!(last_sale(&chain), expected);
    let between_two = pb::OfferUnits { buyer: account(2).to_bytes(), ..terms(5, 1) };
    chain.submit(1, offer(between_two)).unwrap();
    chain.submit(2, accept(1, 5, 1)).unwrap();
    assert_eq!(last_sale(&chain), expected);
    // A sale that fails leaves it as it was.
    chain.submit(1, offer(terms(1, 7 * START_BALANCE))).unwrap();
    assert_refused(chain.submit(2, accept(1, 1, 7 * START_BALANCE)), "transfers", 13);
    assert_eq!(last_sale(&chain), expected);
}

#[test]
fn the_price_of_a_unit_follows_the_splits_of_the_asset() {
    let mut chain = chain_with_villa();
    chain.submit(1, offer(terms(3, 600))).unwrap();
    chain.submit(2, accept(1, 3, 600)).unwrap();
    let price = |chain: &TestChain| last_sale(chain).and_then(|(.., unit_price)| unit_price);
    assert_eq!(price(&chain), Some(Amount::from_u64(200)));
    chain.submit(ISSUER, split("villa", 4, 1)).unwrap();
    assert_eq!(price(&chain), Some(Amount::from_u64(50)));
    chain.submit(ISSUER, split("villa", 1, 10)).unwrap();
    assert_eq!(price(&chain), Some(Amount::from_u64(500)));
    let no_units = pb::LastSale { amount: "0".into(), price: "1".into(), ..Default::default() };
    assert_eq!(unit_price(&no_units, 0), None);
    let dear = pb::LastSale { price: Amount::MAX.to_string(), amount: "1".into(), ..no_units };
    assert_eq!(unit_price(&dear, 1), None);
}

#[test]
fn a_resale_pays_the_royalty_and_the_sale_of_the_issuer_does_not() {
    let mut chain = chain_with_villa();
    set_royalties(&mut chain, 250);
    chain.submit(ISSUER, offer(terms(10, 999))).unwrap();
    chain.submit(2, accept(ISSUER, 10, 999)).unwrap();
    assert_eq!(chain.balance("usdx", ISSUER), START + 999);
    chain.submit(1, offer(terms(10, 999))).unwrap();
    let events = chain.submit(2, accept(1, 10, 999)).unwrap();
    let [EventKind::RoyaltyPaid(paid), EventKind::UnitsSold(sold)] = events.as_slice() else {
        panic!("{events:?}")
    };
    // 2.5 % of 999 is 24.975: rounded down, the fraction stays with the seller.
    assert_eq!(
        (paid.amount.as_str(), sold.royalty.as_str(), sold.proceeds.as_str()),
        ("24", "24", "975")
    );
    assert!(paid.resale);
    assert_eq!((chain.balance("usdx", 4), chain.balance("usdx", 5)), (START + 12, START + 12));
}

#[test]
fn a_royalty_of_the_whole_price_leaves_nothing_to_the_seller() {
    let mut chain = chain_with_villa();
    set_royalties(&mut chain, 10_000);
    chain.submit(1, offer(terms(10, 100))).unwrap();
    chain.submit(2, accept(1, 10, 100)).unwrap();
    assert_eq!(chain.balance("usdx", 1), START);
}

#[test]
fn the_first_of_two_buyers_in_a_block_buys() {
    let mut chain = chain_with_villa();
    chain.submit(1, offer(terms(10, 100))).unwrap();
    let block = [2, 3].map(|sender| TestTx { sender, operations: vec![accept(1, 10, 100)] });
    let results: Vec<Result<_, Rejected>> = chain.run(&block, true);
    assert!(results.first().unwrap().is_ok());
    assert_refused(results.into_iter().last().unwrap(), "market", 14);
}

#[test]
fn a_freeze_after_the_offer_stops_the_sale() {
    let mut chain = chain_with_villa();
    chain.submit(1, offer(terms(10, 100))).unwrap();
    let mut holding = chain.holding("villa", 1);
    holding.frozen = Amount::from_u64(1_000);
    chain.set(StateKey::holding(&asset("villa"), &account(1)), &holding);
    assert_refused(chain.submit(2, accept(1, 10, 100)), "transfers", 13);
    chain.submit(1, cancel(1)).unwrap();
}

proptest! {
    #[test]
    fn the_price_is_the_royalty_and_the_proceeds(
        price in 1u64..=START_BALANCE,
        bps in 0u32..=10_000,
    ) {
        let mut chain = chain_with_villa();
        set_royalties(&mut chain, bps);
        chain.submit(1, offer(terms(1, price))).unwrap();
        chain.submit(2, accept(1, 1, price)).unwrap();
        let royalty = u128::from(price) * u128::from(bps) / 10_000;
        prop_assert_eq!(chain.balance("usdx", 1), START + u128::from(price) - royalty);
        let received = chain.balance("usdx", 4) + chain.balance("usdx", 5) - 2 * START;
        prop_assert_eq!(received, royalty);
    }
}
