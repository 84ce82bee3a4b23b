//! Prices: who states them, and that a stale one is refused by whoever reads it.

use tessera_proto::amount::Amount;
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::{AssetStatus, Role};

use super::life_cycle::change;
use super::roles::grant;
use crate::modules::assets::nav;
use crate::modules::testing::{
    ISSUER, Kind, TestChain, account, amount, assert_refused, asset, register,
};
use crate::state::error::{ExecutionError, Rejected};

fn stated(price: &str, computed_at_ms: u64, max_age_ms: u64) -> pb::SetNav {
    pb::SetNav {
        asset: asset("villa").to_bytes(),
        currency: asset("usdx").to_bytes(),
        price: price.to_owned(),
        source: "audited accounts".to_owned(),
        computed_at_ms,
        max_age_ms,
    }
}

fn price(chain: &mut TestChain, by: u8) -> Result<Amount, Rejected> {
    let (villa, usdx, now_ms) = (asset("villa"), asset("usdx"), chain.block.time_ms);
    let result = chain.with_view(|view| nav::price(view, &villa, &usdx, &account(by), now_ms));
    result.map_err(|error| match error {
        ExecutionError::Rejected(rejected) => rejected,
        ExecutionError::Fault(fault) => panic!("{fault}"),
    })
}

#[test]
fn prices_are_refused_in_order_of_precedence() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let now = chain.block.time_ms;
    let with = |change: fn(&mut pb::SetNav)| {
        let mut message = stated("520", 0, 1);
        change(&mut message);
        message
    };
    for (message, code) in [
        (pb::SetNav::default(), 1),
        (with(|m| (m.price, m.source) = ("0".to_owned(), String::new())), 4),
        (with(|m| (m.source, m.max_age_ms) = (String::new(), 0)), 1),
        (with(|m| m.max_age_ms = 0), 7),
        (with(|m| m.max_age_ms = 366 * 86_400_000 + 1), 7),
        (with(|m| m.asset = asset("nothing").to_bytes()), 11),
        (with(|m| m.currency = asset("nothing").to_bytes()), 11),
        (with(|m| m.currency = asset("villa").to_bytes()), 19),
        (stated("520", now + 1, 1), 30),
    ] {
        assert_refused(chain.submit(1, Kind::SetNav(message)), "assets", code);
    }
    for (message, code) in [(stated("520", now + 1, 1), 47), (stated("520", now - 5, 5), 48)] {
        assert_refused(chain.submit(ISSUER, Kind::SetNav(message)), "assets", code);
    }
    chain.submit(ISSUER, Kind::SetNav(stated("520", now, 5))).unwrap();
    assert_refused(chain.submit(ISSUER, Kind::SetNav(stated("521", now, 9))), "assets", 46);
    chain.submit(ISSUER, change("villa", AssetStatus::Cancelled)).unwrap();
    assert_refused(chain.submit(ISSUER, Kind::SetNav(stated("521", now, 9))), "assets", 29);
}

#[test]
fn a_price_is_refused_when_its_age_is_reached() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let now = chain.block.time_ms;
    assert_refused(price(&mut chain, ISSUER), "assets", 49);
    chain.submit(ISSUER, Kind::SetNav(stated("520", now, 10))).unwrap();
    chain.block.time_ms = now + 9;
    assert_eq!(price(&mut chain, ISSUER), Ok(amount(520)));
    chain.block.time_ms = now + 10;
    assert_refused(price(&mut chain, ISSUER), "assets", 48);
    chain.block.time_ms = u64::MAX;
    assert_refused(price(&mut chain, ISSUER), "assets", 48);
}

#[test]
fn nobody_overwrites_the_price_of_another() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let now = chain.block.time_ms;
    chain.submit(ISSUER, grant("villa", 1, Role::Appraiser, now + 100)).unwrap();
    chain.submit(ISSUER, grant("villa", 2, Role::Servicer, now + 100)).unwrap();
    for (by, stated_price) in [(ISSUER, "520"), (1, "480"), (2, "500")] {
        chain.submit(by, Kind::SetNav(stated(stated_price, now, 10))).unwrap();
    }
    let prices = [ISSUER, 1, 2].map(|by| price(&mut chain, by).unwrap());
    assert_eq!(prices, [520, 480, 500].map(amount));
}
