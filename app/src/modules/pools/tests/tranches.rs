//! Tranches.

use bytes::Bytes;
use tessera_proto::pb::assets::v1 as assets;
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::pb::pools::v1 as pb;
use tessera_proto::pb::pools::v1::{TrancheTerms, Waterfall};
use tessera_proto::state_key::StateKey;

use super::{burn, chain_with_members, divide, form, open, pay_income, waterfall};
use crate::modules::distributions::claimable;
use crate::modules::testing::{
    ISSUER, Kind, TestChain, account, assert_refused, asset, mint, split, transfer,
};

const NAMES: [&str; 3] = ["senior", "mezzanine", "junior"];
const DAY_MS: u64 = 86_400_000;

/// What each of the three tranches has been given, whoever holds it.
fn received(chain: &TestChain) -> Vec<u128> {
    let leaf: Waterfall = chain.get(&StateKey::waterfall(&asset("villa"))).unwrap();
    leaf.tranches.iter().map(|tranche| tranche.received.parse().unwrap()).collect()
}

fn claimable_of(chain: &TestChain, name: &str, number: u8) -> u128 {
    let income = claimable(&chain.holding(name, number), &chain.facts(name)).unwrap();
    income.into_iter().map(|(_, accrued)| accrued.base_units()).sum()
}

fn create(message: pb::CreateTranches) -> Kind {
    Kind::CreateTranches(message)
}

/// A villa in three tranches of 100 units each: 5 for a unit of the first, 3 for 2 of the next.
fn chain_with_tranches(period_ms: u64) -> TestChain {
    let mut chain = chain_with_members();
    for name in NAMES {
        open(&mut chain, name);
    }
    let terms = [("senior", 5, 1), ("mezzanine", 3, 2), ("junior", 0, 0)];
    chain.submit(ISSUER, create(divide("villa", period_ms, &terms))).unwrap();
    for (name, to) in NAMES.into_iter().zip(1..) {
        chain.submit(ISSUER, mint(name, to, 100)).unwrap();
    }
    chain.next_block();
    chain
}

#[test]
fn create_refuses_in_order_of_precedence() {
    let mut chain = chain_with_tranches(0);
    open(&mut chain, "other");
    open(&mut chain, "foreign");
    let facts = assets::Asset { issuer: account(2).to_bytes(), ..chain.facts("foreign") };
    chain.set(StateKey::asset(&asset("foreign")), &facts);
    let of = |parent: &str, terms: &[(&str, u64, u64)]| create(divide(parent, 0, terms));
    let in_currency = |currency: &str| {
        let currency = asset(currency).to_bytes();
        create(pb::CreateTranches { currency, ..divide("tower", 0, &[("other", 0, 0)]) })
    };
    let terms = TrancheTerms { asset: Bytes::from_static(&[1]), ..TrancheTerms::default() };
    let malformed = pb::CreateTranches { tranches: vec![terms], ..divide("nothing", 0, &[]) };
    for (sender, kind, codespace, code) in [
        (1, create(pb::CreateTranches::default()), "pools", 1),
        (1, of("nothing", &[]), "pools", 8),
        (1, create(malformed), "pools", 2),
        (1, of("nothing", &[("nothing", 1, 1)]), "pools", 12),
        (1, of("nothing", &[("other", 1, 1), ("other", 0, 0)]), "pools", 12),
        (1, of("nothing", &[("other", 1, 1)]), "pools", 13),
        (1, of("nothing", &[("other", 0, 0), ("junior", 0, 0)]), "pools", 1),
        (1, of("nothing", &[("other", 0, 0)]), "assets", 11),
        (1, of("tower", &[("other", 0, 0)]), "assets", 30),
        (ISSUER, in_currency("nothing"), "assets", 11),
        (ISSUER, in_currency("villa"), "assets", 19),
        (ISSUER, of("villa", &[("other", 0, 0)]), "pools", 14),
        (ISSUER, of("tower", &[("nothing", 0, 0)]), "assets", 11),
        (ISSUER, of("tower", &[("foreign", 0, 0)]), "pools", 20),
        (ISSUER, of("tower", &[("senior", 0, 0)]), "pools", 21),
        (ISSUER, of("tower", &[("villa", 0, 0)]), "pools", 14),
    ] {
        assert_refused(chain.submit(sender, kind), codespace, code);
    }
    let mut huge = divide("tower", 0, &[("other", 1, 1), ("late", 0, 0)]);
    huge.tranches[0].per_unit = tessera_proto::amount::Amount::MAX.to_string();
    open(&mut chain, "late");
    chain.submit(ISSUER, create(huge)).unwrap();
    chain.submit(ISSUER, form("late", &["villa"])).unwrap();
    chain.submit(ISSUER, mint("late", ISSUER, 1)).unwrap();
    assert_refused(chain.submit(ISSUER, of("late", &[("other", 0, 0)])), "pools", 14);
}

#[test]
fn the_link_stands_in_both_and_changes_only_without_units() {
    let mut chain = chain_with_tranches(0);
    open(&mut chain, "other");
    let link = |chain: &TestChain, name: &str| {
        let assets::Asset { tranche_of, tranche_rank, .. } = chain.facts(name);
        (tranche_of, tranche_rank)
    };
    assert_eq!(chain.facts("villa").tranche_count, 3);
    assert_eq!(link(&chain, "mezzanine"), (asset("villa").to_bytes(), 2));
    let again = divide("villa", 0, &[("junior", 1, 1), ("other", 0, 0)]);
    for (name, holder) in NAMES.into_iter().zip(1..) {
        assert_refused(chain.submit(ISSUER, create(again.clone())), "pools", 14);
        chain.submit(holder, burn(name, 100)).unwrap();
    }
    chain.submit(ISSUER, create(again)).unwrap();
    assert_eq!(chain.facts("villa").tranche_count, 2);
    assert_eq!(link(&chain, "senior"), (Bytes::new(), 0));
    assert_eq!(link(&chain, "junior"), (asset("villa").to_bytes(), 1));
    assert_eq!(link(&chain, "other"), (asset("villa").to_bytes(), 2));
}

#[test]
fn pay_refuses_in_order_of_precedence() {
    let mut chain = chain_with_tranches(0);
    open(&mut chain, "other");
    let rest_only = divide("tower", 0, &[("other", 0, 0)]);
    chain.submit(ISSUER, create(rest_only)).unwrap();
    let malformed = pb::PayWaterfall { memo_sha256: Bytes::from_static(&[1]), ..paid(1) };
    for (kind, codespace, code) in [
        (Kind::PayWaterfall(pb::PayWaterfall::default()), "pools", 1),
        (waterfall("nothing", "usdx", 0), "pools", 4),
        (Kind::PayWaterfall(malformed), "pools", 2),
        (waterfall("nothing", "usdx", 1), "assets", 11),
        (waterfall("senior", "usdx", 1), "pools", 23),
        (waterfall("tower", "eurx", 1), "pools", 24),
        (waterfall("tower", "usdx", 1), "pools", 25),
        (waterfall("villa", "usdx", 1_000_001), "transfers", 13),
    ] {
        assert_refused(chain.submit(5, kind), codespace, code);
    }
    assert_eq!(received(&chain), [0, 0, 0]);
}

fn paid(units: u64) -> pb::PayWaterfall {
    let Kind::PayWaterfall(message) = waterfall("villa", "usdx", units) else { unreachable!() };
    message
}

#[test]
fn no_tranche_is_paid_before_a_more_senior_one_has_all_that_is_due() {
    let mut chain = chain_with_tranches(0);
    let mut pay = |units| {
        let events = chain.submit(5, waterfall("villa", "usdx", units)).unwrap();
        let Some(EventKind::WaterfallPaid(told)) = events.last() else { panic!("{events:?}") };
        let parts = told.parts.iter().map(|part| part.amount.parse::<u64>().unwrap());
        assert_eq!(parts.sum::<u64>(), units);
        received(&chain)
    };
    assert_eq!(pay(499), [499, 0, 0]);
    assert_eq!(pay(2), [500, 1, 0]);
    assert_eq!(pay(148), [500, 149, 0]);
    assert_eq!(pay(2), [500, 150, 1]);
    assert_eq!(pay(1_000), [500, 150, 1_001]);
    assert_eq!(claimable_of(&chain, "senior", 1), 500);
    assert_eq!(claimable_of(&chain, "mezzanine", 2), 150);
    assert_eq!(claimable_of(&chain, "junior", 3), 1_001);
}

#[test]
fn what_was_not_paid_in_a_period_is_owed_in_the_next() {
    let mut chain = chain_with_tranches(DAY_MS);
    chain.submit(5, waterfall("villa", "usdx", 400)).unwrap();
    chain.block.time_ms += DAY_MS;
    // 100 of the first day, 500 of the second; then both days of the next rank.
    chain.submit(5, waterfall("villa", "usdx", 1_000)).unwrap();
    assert_eq!(received(&chain), [1_000, 300, 100]);
    chain.submit(5, waterfall("villa", "usdx", 50)).unwrap();
    assert_eq!(received(&chain), [1_000, 300, 150]);
    // What the last got beyond its due never counts against anybody.
    chain.block.time_ms += 3 * DAY_MS;
    chain.submit(5, waterfall("villa", "usdx", 1_501)).unwrap();
    assert_eq!(received(&chain), [2_500, 301, 150]);
}

#[test]
fn nothing_is_due_before_the_first_period() {
    let mut chain = chain_with_members();
    open(&mut chain, "senior");
    open(&mut chain, "junior");
    let begins_ms = chain.block.time_ms + DAY_MS;
    let terms = divide("villa", DAY_MS, &[("senior", 5, 1), ("junior", 0, 0)]);
    chain.submit(ISSUER, create(pb::CreateTranches { begins_ms, ..terms })).unwrap();
    chain.submit(ISSUER, mint("senior", 1, 100)).unwrap();
    chain.submit(ISSUER, mint("junior", 2, 100)).unwrap();
    chain.submit(5, waterfall("villa", "usdx", 10)).unwrap();
    chain.block.time_ms = begins_ms;
    chain.submit(5, waterfall("villa", "usdx", 10)).unwrap();
    assert_eq!(received(&chain), [10, 10]);
}

#[test]
fn a_tranche_without_units_is_passed_over_and_owed_nothing_for_that_time() {
    let mut chain = chain_with_tranches(DAY_MS);
    chain.submit(1, burn("senior", 100)).unwrap();
    chain.submit(3, burn("junior", 100)).unwrap();
    // The last with units gets what is left, without having it counted as its due.
    chain.submit(5, waterfall("villa", "usdx", 1_000)).unwrap();
    assert_eq!(received(&chain), [0, 1_000, 0]);
    chain.submit(ISSUER, mint("senior", 1, 10)).unwrap();
    chain.submit(ISSUER, mint("junior", 3, 10)).unwrap();
    chain.submit(5, waterfall("villa", "usdx", 10)).unwrap();
    assert_eq!(received(&chain), [0, 1_000, 10]);
    chain.block.time_ms += DAY_MS;
    chain.submit(5, waterfall("villa", "usdx", 201)).unwrap();
    assert_eq!(received(&chain), [50, 1_150, 11]);
}

#[test]
fn what_is_due_once_stays_due_to_a_tranche_that_is_sold_late() {
    let mut chain = chain_with_tranches(0);
    chain.submit(1, burn("senior", 100)).unwrap();
    // Nobody can void the claim of those who come later by paying before them.
    chain.submit(5, waterfall("villa", "usdx", 1)).unwrap();
    chain.submit(ISSUER, mint("senior", 1, 100)).unwrap();
    chain.submit(5, waterfall("villa", "usdx", 700)).unwrap();
    assert_eq!(received(&chain), [500, 150 + 1 - 1, 50 + 1]);
}

#[test]
fn what_is_due_follows_the_units_that_there_are() {
    let mut chain = chain_with_tranches(0);
    chain.submit(5, waterfall("villa", "usdx", 200)).unwrap();
    // Half the units go: the other half is still owed 3 of 5 each.
    chain.submit(1, burn("senior", 50)).unwrap();
    chain.submit(5, waterfall("villa", "usdx", 151)).unwrap();
    assert_eq!(received(&chain), [350, 1, 0]);
    // A split changes nobody's part.
    chain.submit(ISSUER, split("mezzanine", 7, 1)).unwrap();
    chain.submit(5, waterfall("villa", "usdx", 150)).unwrap();
    assert_eq!(received(&chain), [350, 150, 1]);
    chain.submit(2, transfer("mezzanine", &account(4), 350)).unwrap();
    assert_eq!(claimable_of(&chain, "mezzanine", 2), 150);
}

#[test]
fn dues_beyond_what_can_be_counted_leave_nothing_for_others() {
    let mut chain = chain_with_members();
    open(&mut chain, "senior");
    open(&mut chain, "junior");
    let mut terms = divide("villa", 1, &[("senior", 1, 1), ("junior", 0, 0)]);
    terms.tranches[0].per_unit = tessera_proto::amount::Amount::MAX.to_string();
    chain.submit(ISSUER, create(terms)).unwrap();
    chain.submit(ISSUER, mint("senior", 1, 1_000)).unwrap();
    chain.submit(ISSUER, mint("junior", 2, 1)).unwrap();
    for _ in 0..3 {
        chain.block.time_ms += u64::MAX / 8;
        chain.submit(5, waterfall("villa", "usdx", 1_000)).unwrap();
    }
    assert_eq!(received(&chain), [3_000, 0]);
}

#[test]
fn tranches_have_income_of_their_own_beside_the_waterfall() {
    let mut chain = chain_with_tranches(0);
    chain.submit(5, pay_income("senior", "usdx", 300)).unwrap();
    chain.submit(5, waterfall("villa", "usdx", 500)).unwrap();
    assert_eq!(received(&chain), [500, 0, 0]);
    assert_eq!(claimable_of(&chain, "senior", 1), 800);
}
