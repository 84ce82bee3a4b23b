//! Income: every refusal in order of precedence, and shares that are exact.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::leaf::Holding;
use tessera_proto::pb::assets::v1::{Asset, AssetClass, IncomeIndex};
use tessera_proto::pb::distributions::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::claimable;
use crate::modules::testing::{
    ISSUER, Kind, START_BALANCE, TestChain, account, amount, assert_refused, asset, register,
    transfer,
};

fn pay(name: &str, currency: &str, units: u64) -> Kind {
    Kind::PayIncome(pb::PayIncome {
        asset: asset(name).to_bytes(),
        currency: asset(currency).to_bytes(),
        amount: units.to_string(),
        memo_sha256: Bytes::new(),
    })
}

fn claim(name: &str, currency: &str) -> Kind {
    let (asset, currency) = (asset(name).to_bytes(), asset(currency).to_bytes());
    Kind::ClaimIncome(pb::ClaimIncome { asset, currency, holder: Bytes::new() })
}

fn claimable_by(chain: &TestChain, name: &str, number: u8) -> Vec<u128> {
    let income = claimable(&chain.holding(name, number), &chain.facts(name)).unwrap();
    income.into_iter().map(|(_, accrued)| accrued.base_units()).collect()
}

#[test]
fn pay_refuses_in_order_of_precedence() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("tower")).unwrap();
    let id = chain.add_asset("villa");
    let memo = pb::PayIncome { memo_sha256: Bytes::from_static(&[1]), ..income("villa", "villa") };
    for (kind, codespace, code) in [
        (Kind::PayIncome(pb::PayIncome::default()), "distributions", 1),
        (pay("villa", "villa", 0), "distributions", 4),
        (Kind::PayIncome(memo), "distributions", 2),
        (pay("nothing", "nothing", 1), "distributions", 10),
        (pay("nothing", "usdx", u64::MAX), "assets", 11),
        (pay("tower", "nothing", u64::MAX), "assets", 11),
        (pay("tower", "villa", u64::MAX), "assets", 19),
        (pay("tower", "usdx", u64::MAX), "distributions", 11),
        (pay("villa", "eurx", u64::MAX), "distributions", 13),
        (pay("villa", "usdx", u64::MAX), "transfers", 13),
    ] {
        assert_refused(chain.submit(1, kind), codespace, code);
    }
    let facts = chain.facts("villa");
    let entry = |number: u8, index| IncomeIndex {
        currency: Bytes::copy_from_slice(&[number; 16]),
        index: Bytes::from_static(index),
        remainder: "0".to_owned(),
    };
    let full = Asset { income: (0..8).map(|n| entry(n, &[0; 32])).collect(), ..facts.clone() };
    chain.set(StateKey::asset(&id), &full);
    assert_refused(chain.submit(1, pay("villa", "eurx", u64::MAX)), "distributions", 12);
    let currency = asset("usdx").to_bytes();
    let exhausted = IncomeIndex { currency, ..entry(0, &[0xff; 32]) };
    chain.set(StateKey::asset(&id), &Asset { income: vec![exhausted], ..facts });
    assert_refused(chain.submit(1, pay("villa", "usdx", u64::MAX)), "distributions", 14);
}

fn income(name: &str, currency: &str) -> pb::PayIncome {
    let Kind::PayIncome(message) = pay(name, currency, 1) else { unreachable!() };
    message
}

#[test]
fn claim_refuses_in_order_of_precedence() {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    let malformed = Kind::ClaimIncome(pb::ClaimIncome::default());
    assert_refused(chain.submit(1, malformed), "distributions", 1);
    assert_refused(chain.submit(1, claim("nothing", "usdx")), "assets", 11);
    assert_refused(chain.submit(1, claim("villa", "usdx")), "distributions", 15);
    chain.submit(2, pay("villa", "usdx", 10)).unwrap();
    assert_refused(chain.submit(ISSUER, claim("villa", "eurx")), "distributions", 15);
    chain.submit(ISSUER, claim("villa", "usdx")).unwrap();
    assert_refused(chain.submit(ISSUER, claim("villa", "usdx")), "distributions", 15);
}

#[test]
fn income_follows_the_units_as_they_were_when_it_was_paid() {
    let mut chain = TestChain::new();
    let id = chain.add_asset("villa");
    chain.submit(ISSUER, transfer("villa", &account(1), 120)).unwrap();
    chain.submit(2, pay("villa", "usdx", 10_000)).unwrap();
    chain.submit(1, transfer("villa", &account(3), 120)).unwrap();
    chain.submit(2, pay("villa", "usdx", 1_000)).unwrap();
    assert_eq!(claimable_by(&chain, "villa", 1), [1_200]);
    assert_eq!(claimable_by(&chain, "villa", 3), [120]);
    assert_eq!(claimable_by(&chain, "villa", ISSUER), [9_680]);
    chain.submit(1, claim("villa", "usdx")).unwrap();
    let key = StateKey::holding(&id, &account(1));
    assert_eq!(chain.get::<Holding>(&key), None, "sold and claimed: nothing is left");
    assert_eq!(chain.balance("usdx", 1), u128::from(START_BALANCE) + 1_200);
    chain.submit(3, claim("villa", "usdx")).unwrap();
    chain.submit(ISSUER, claim("villa", "usdx")).unwrap();
    let pool = Address::income_pool(&id);
    assert_eq!(chain.holding_of("usdx", &pool).balance, Amount::ZERO);
}

#[test]
fn what_cannot_be_divided_is_carried_to_the_next_payment() {
    let mut chain = TestChain::new();
    let id = chain.add_asset("villa");
    chain.submit(ISSUER, transfer("villa", &account(1), 333)).unwrap();
    for _ in 0..1_000 {
        chain.submit(2, pay("villa", "usdx", 1)).unwrap();
    }
    assert_eq!(claimable_by(&chain, "villa", 1), [333]);
    assert_eq!(claimable_by(&chain, "villa", ISSUER), [667]);
    chain.submit(1, claim("villa", "usdx")).unwrap();
    chain.submit(ISSUER, claim("villa", "usdx")).unwrap();
    let left = chain.holding_of("usdx", &Address::income_pool(&id)).balance;
    assert_eq!(left, Amount::ZERO);
}

#[test]
fn the_issuer_opens_currencies_and_others_may_follow() {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    chain.submit(ISSUER, pay("villa", "eurx", 1_000)).unwrap();
    chain.submit(1, pay("villa", "eurx", 500)).unwrap();
    chain.submit(1, pay("villa", "usdx", 70)).unwrap();
    assert_eq!(claimable_by(&chain, "villa", ISSUER), [1_500, 70]);
    assert_eq!(
        chain.holding_of("eurx", &Address::income_pool(&asset("villa"))).balance,
        amount(1_500)
    );
}

#[test]
fn currencies_have_income_too() {
    let mut chain = TestChain::new();
    assert_eq!(chain.facts("eurx").class(), AssetClass::Currency);
    chain.submit(1, pay("eurx", "usdx", 60)).unwrap();
    assert_eq!(claimable_by(&chain, "eurx", 5), [10]);
    chain.submit(5, claim("eurx", "usdx")).unwrap();
}

/// The agent of a currency may take units out of a pool, and pay the same units in again.
#[test]
fn regress_units_move_though_more_income_was_paid_than_there_are_units() {
    let mut chain = TestChain::new();
    let villa = chain.add_asset("villa");
    let pool = StateKey::holding(&asset("eurx"), &Address::income_pool(&villa));
    for _ in 0..2 {
        let all = Holding { balance: Amount::MAX, ..Holding::default() };
        chain.set(StateKey::holding(&asset("eurx"), &account(ISSUER)), &all);
        chain.set(pool, &Holding::default());
        let amount = Amount::MAX.to_string();
        let income = pb::PayIncome { amount, ..income("villa", "eurx") };
        chain.submit(ISSUER, Kind::PayIncome(income)).unwrap();
    }
    chain.submit(ISSUER, transfer("villa", &account(3), 1)).unwrap();
    assert_eq!(claimable_by(&chain, "villa", ISSUER), [Amount::MAX.base_units()]);
    chain.set(pool, &Holding::default());
    assert_refused(chain.submit(ISSUER, claim("villa", "eurx")), "transfers", 13);
}
