//! Distributions to holders of record: every refusal in order of precedence, each paid once and
//! exactly, never more than was paid in; coupons; old balances that are given up.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use bytes::Bytes;
use proptest::prelude::*;
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::leaf::{Holding, HoldingCopy};
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::pb::compliance::v1::Wallet;
use tessera_proto::pb::distributions::v1 as pb;
use tessera_proto::pb::distributions::v1::{
    CouponSchedule, DayCount, Distribution, HolderSelection, Record, RemainderPolicy,
};
use tessera_proto::state_key::StateKey;

use super::records::KEPT_MS;
use super::{Rate, coupon};
use crate::modules::testing::{
    self, ISSUER, Kind, START_BALANCE, TestChain, account, amount, assert_refused, asset,
    distribution_terms, mint, register, split, transfer,
};
use crate::modules::transfers::holdings;

const DAY_MS: u64 = 86_400_000;
/// When distributions of these tests are paid, and when they end.
const PAYMENT_MS: u64 = 1_100_000;
const EXPIRES_MS: u64 = 1_200_000;

fn terms(funded: u64) -> pb::DistributionTerms {
    distribution_terms(funded.into(), (PAYMENT_MS, EXPIRES_MS))
}

/// 7 for every 10 units of record 1.
fn distribution(terms: pb::DistributionTerms) -> pb::DeclareDistribution {
    testing::distribution("villa", ("7", "10"), terms)
}

fn declare(message: pb::DeclareDistribution) -> Kind {
    Kind::DeclareDistribution(message)
}

fn take_record() -> Kind {
    record_at(0)
}

fn record_at(height: u64) -> Kind {
    Kind::TakeRecord(pb::TakeRecord { asset: asset("villa").to_bytes(), height })
}

fn claim(number: u64) -> Kind {
    let asset = asset("villa").to_bytes();
    Kind::ClaimDistribution(pb::ClaimDistribution { asset, distribution: number })
}

fn sorted(accounts: &[Address]) -> Vec<Bytes> {
    let mut accounts = accounts.to_vec();
    accounts.sort();
    accounts.into_iter().map(Address::to_bytes).collect()
}

fn push(number: u64, holders: &[Address]) -> Kind {
    let (asset, holders) = (asset("villa").to_bytes(), sorted(holders));
    Kind::PushDistribution(pb::PushDistribution { asset, distribution: number, holders })
}

fn close(number: u64) -> Kind {
    let asset = asset("villa").to_bytes();
    Kind::CloseDistribution(pb::CloseDistribution { asset, distribution: number })
}

fn prune(accounts: &[Address]) -> Kind {
    let (asset, accounts) = (asset("villa").to_bytes(), sorted(accounts));
    Kind::PruneRecords(pb::PruneRecords { asset, accounts })
}

/// A villa of the issuer (601), account 1 (300) and account 2 (99), with record 1 of it.
fn chain_with_record() -> TestChain {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    chain.submit(ISSUER, transfer("villa", &account(1), 300)).unwrap();
    chain.submit(ISSUER, transfer("villa", &account(2), 99)).unwrap();
    chain.next_block();
    chain.submit(ISSUER, take_record()).unwrap();
    chain.next_block();
    chain
}

/// The same with distribution 1, payable.
fn chain_with(terms: pb::DistributionTerms) -> TestChain {
    let mut chain = chain_with_record();
    chain.submit(ISSUER, declare(distribution(terms))).unwrap();
    chain.block.time_ms = PAYMENT_MS;
    chain
}

fn pool(chain: &TestChain, number: u64) -> u128 {
    let pool = Address::distribution_pool(&asset("villa"), number);
    chain.holding_of("usdx", &pool).balance.base_units()
}

fn leaf(chain: &TestChain, number: u64) -> Distribution {
    chain.get(&StateKey::distribution(&asset("villa"), number)).unwrap()
}

fn gained(chain: &TestChain, number: u8) -> u128 {
    chain.balance("usdx", number) - u128::from(START_BALANCE)
}

#[test]
fn taking_a_record_is_for_the_issuer() {
    let mut chain = chain_with_record();
    assert_refused(
        chain.submit(1, Kind::TakeRecord(pb::TakeRecord::default())),
        "distributions",
        1,
    );
    assert_refused(chain.submit(1, take_record()), "assets", 14);
    chain.submit_all(ISSUER, vec![take_record(), take_record()]).unwrap();
    assert_eq!(chain.facts("villa").record_count, 2, "two of a block are one");
}

#[test]
fn declare_refuses_in_order_of_precedence() {
    let mut chain = chain_with_record();
    chain.submit(ISSUER, register("tower")).unwrap();
    let with = |change: &dyn Fn(&mut pb::DeclareDistribution)| {
        let mut message = distribution(terms(700));
        change(&mut message);
        declare(message)
    };
    let termed = |change: &dyn Fn(&mut pb::DistributionTerms)| {
        let mut terms = terms(700);
        change(&mut terms);
        declare(distribution(terms))
    };
    let rate = |number: u8, withholding_bps| pb::WithholdingRate {
        account: account(number).to_bytes(),
        withholding_bps,
    };
    let listed = i32::from(HolderSelection::Listed);
    for (kind, code) in [
        (declare(pb::DeclareDistribution::default()), 1),
        (with(&|m| (m.record, m.per_unit) = (0, "x".into())), 7),
        (with(&|m| (m.per_unit, m.terms) = ("0".into(), None)), 4),
        (with(&|m| (m.units, m.terms) = ("0".into(), None)), 4),
        (with(&|m| m.terms = None), 1),
        (termed(&|t| (t.funded, t.withholding_bps) = ("0".into(), 10_001)), 4),
        (termed(&|t| (t.withholding_bps, t.expires_ms) = (10_001, 0)), 7),
        (termed(&|t| t.tax_account = Address::fee_pool().to_bytes()), 9),
        (termed(&|t| t.rates = vec![rate(1, 10_001)]), 7),
        (termed(&|t| t.rates = vec![rate(1, 1), rate(1, 1)]), 26),
        (termed(&|t| (t.selection, t.remainder) = (0, 9)), 7),
        (termed(&|t| t.holders = vec![Bytes::from_static(&[1]); 257]), 8),
        (termed(&|t| (t.remainder, t.expires_ms) = (3, 0)), 7),
        (termed(&|t| t.expires_ms = t.payment_ms), 23),
        (termed(&|t| (t.withholding_bps, t.selection) = (1, listed)), 24),
        (termed(&|t| t.selection = listed), 25),
        (termed(&|t| t.holders = sorted(&[account(1)])), 25),
        (with(&|m| m.currency = m.asset.clone()), 10),
    ] {
        assert_refused(chain.submit(1, kind), "distributions", code);
    }
    let (nothing, tower) = (asset("nothing").to_bytes(), asset("tower").to_bytes());
    for (sender, kind, codespace, code) in [
        (1, with(&|m| m.asset = nothing.clone()), "assets", 11),
        (1, with(&|m| m.currency = nothing.clone()), "assets", 14),
        (ISSUER, with(&|m| m.currency = nothing.clone()), "assets", 11),
        (ISSUER, with(&|m| m.currency = tower.clone()), "assets", 19),
        (ISSUER, termed(&|t| (t.payment_ms, t.expires_ms) = (0, 1_000_000)), "distributions", 22),
        (ISSUER, with(&|m| m.record = 2), "distributions", 16),
        (ISSUER, with(&|m| m.units = "1000000".into()), "distributions", 19),
        (
            ISSUER,
            with(&|m| (m.per_unit, m.units) = (Amount::MAX.to_string(), "1".into())),
            "distributions",
            20,
        ),
        (ISSUER, termed(&|t| t.funded = "699".into()), "distributions", 21),
        (ISSUER, termed(&|t| t.funded = "5000000".into()), "transfers", 13),
    ] {
        assert_refused(chain.submit(sender, kind), codespace, code);
    }
    chain.submit(ISSUER, take_record()).unwrap();
    let too_soon = with(&|m| m.record = 2);
    assert_refused(chain.submit(ISSUER, too_soon), "distributions", 17);
    chain.submit(ISSUER, declare(distribution(terms(700)))).unwrap();
}

#[test]
fn claim_refuses_in_order_of_precedence() {
    let mut chain = chain_with(terms(700));
    chain.block.time_ms = PAYMENT_MS - 1;
    for (kind, code) in [
        (Kind::ClaimDistribution(pb::ClaimDistribution::default()), 1),
        (claim(0), 7),
        (claim(2), 27),
        (claim(1), 29),
    ] {
        assert_refused(chain.submit(5, kind), "distributions", code);
    }
    chain.block.time_ms = PAYMENT_MS;
    assert_refused(chain.submit(5, claim(1)), "distributions", 32);
    chain.submit(1, claim(1)).unwrap();
    assert_refused(chain.submit(1, claim(1)), "distributions", 31);
    chain.block.time_ms = EXPIRES_MS;
    assert_refused(chain.submit(2, claim(1)), "distributions", 30);
    chain.submit(5, close(1)).unwrap();
    assert_refused(chain.submit(2, claim(1)), "distributions", 28);
}

#[test]
fn an_underfunded_promise_cannot_be_made() {
    let mut chain = chain_with_record();
    assert_refused(chain.submit(ISSUER, declare(distribution(terms(699)))), "distributions", 21);
    // Units issued after the record are promised nothing.
    chain.submit(ISSUER, mint("villa", 5, 100_000)).unwrap();
    chain.submit(ISSUER, declare(distribution(terms(700)))).unwrap();
    assert_eq!((leaf(&chain, 1).promised.as_str(), pool(&chain, 1)), ("700", 700));
}

#[test]
fn parts_are_those_of_the_record_whatever_is_sold_since() {
    let mut chain = chain_with_record();
    chain.submit(1, transfer("villa", &account(3), 300)).unwrap();
    chain.submit(ISSUER, declare(distribution(terms(700)))).unwrap();
    chain.next_block();
    chain.submit(3, transfer("villa", &account(4), 150)).unwrap();
    chain.block.time_ms = PAYMENT_MS;
    chain.submit(1, claim(1)).unwrap();
    chain.submit(2, claim(1)).unwrap();
    for buyer in [3, 4] {
        assert_refused(chain.submit(buyer, claim(1)), "distributions", 32);
    }
    // 300 * 7 / 10, and 99 * 7 / 10 rounded down.
    assert_eq!((gained(&chain, 1), gained(&chain, 2), pool(&chain, 1)), (210, 69, 421));
}

#[test]
fn tax_is_withheld_at_the_rate_of_each_holder() {
    let rates = [(account(1), 0), (account(2), 10_000)];
    let mut rates = rates.map(|(account, withholding_bps)| pb::WithholdingRate {
        account: account.to_bytes(),
        withholding_bps,
    });
    rates.sort_by(|one, other| one.account.cmp(&other.account));
    let tax_account = account(5).to_bytes();
    let with_tax = pb::DistributionTerms {
        withholding_bps: 1_505,
        tax_account,
        rates: rates.to_vec(),
        ..terms(700)
    };
    let mut chain = chain_with(with_tax);
    for holder in [1, 2] {
        chain.submit(holder, claim(1)).unwrap();
    }
    assert_eq!((gained(&chain, 1), gained(&chain, 2), gained(&chain, 5)), (210, 0, 69));
    let events = chain.submit(ISSUER, claim(1)).unwrap();
    let [EventKind::DistributionPaid(paid)] = events.as_slice() else { panic!("{events:?}") };
    // 420 gross: 15.05 % is 63.21, and tax is rounded up.
    assert_eq!((paid.net.as_str(), paid.withheld.as_str()), ("356", "64"));
}

/// As if a holder were paid that the promise did not count.
#[test]
fn regress_a_part_that_cannot_be_counted_is_refused_and_passed_over() {
    let mut chain = chain_with_record();
    let (per_unit, units) = ("70".to_owned(), "1".to_owned());
    let message = pb::DeclareDistribution { per_unit, units, ..distribution(terms(70_000)) };
    chain.submit(ISSUER, declare(message)).unwrap();
    let holding = Holding { balance: Amount::MAX, ..chain.holding("villa", 1) };
    chain.set(StateKey::holding(&asset("villa"), &account(1)), &holding);
    chain.block.time_ms = PAYMENT_MS;
    assert_refused(chain.submit(1, claim(1)), "distributions", 43);
    chain.submit(5, push(1, &[account(1), account(2)])).unwrap();
    assert_eq!((gained(&chain, 1), gained(&chain, 2)), (0, 99 * 70));
}

#[test]
fn holders_are_selected_by_list() {
    let listed = |selection: HolderSelection, funded| pb::DistributionTerms {
        selection: selection.into(),
        holders: sorted(&[account(1)]),
        ..terms(funded)
    };
    // 300 units are listed, so 210 are promised; 700 units are not, so 490 are.
    for (selection, promised, paid, refused) in
        [(HolderSelection::Listed, 210, 1, 2), (HolderSelection::NotListed, 490, 2, 1)]
    {
        let mut chain = chain_with_record();
        let too_little = declare(distribution(listed(selection, promised - 1)));
        assert_refused(chain.submit(ISSUER, too_little), "distributions", 21);
        chain.submit(ISSUER, declare(distribution(listed(selection, promised)))).unwrap();
        chain.block.time_ms = PAYMENT_MS;
        chain.submit(paid, claim(1)).unwrap();
        assert_refused(chain.submit(refused, claim(1)), "distributions", 32);
    }
}

#[test]
fn pages_pay_each_holder_once_whatever_the_page() {
    let mut chain = chain_with(terms(700));
    for (kind, code) in [
        (Kind::PushDistribution(pb::PushDistribution::default()), 1),
        (push(1, &[]), 8),
        (push(1, &[account(1), account(1)]), 26),
        (push(9, &[account(1)]), 27),
        (push(1, &[account(5)]), 32),
    ] {
        assert_refused(chain.submit(3, kind), "distributions", code);
    }
    let events = chain.submit(3, push(1, &[account(1), account(5)])).unwrap();
    assert_eq!(events.len(), 1, "who is due nothing is passed over");
    assert_refused(chain.submit(3, push(1, &[account(1)])), "distributions", 31);
    chain.submit(3, push(1, &[account(0), account(1), account(2)])).unwrap();
    assert_eq!((gained(&chain, 1), gained(&chain, 2), pool(&chain, 1)), (210, 69, 1));
}

#[test]
fn a_treasury_gets_its_part_by_page_and_its_income_by_claim() {
    let mut chain = TestChain::new();
    let id = chain.add_asset("villa");
    let treasury = Address::treasury(&id);
    chain.submit(ISSUER, transfer("villa", &treasury, 500)).unwrap();
    chain.next_block();
    chain.submit(ISSUER, take_record()).unwrap();
    chain.next_block();
    chain.submit(ISSUER, declare(distribution(terms(700)))).unwrap();
    let pay = pb::PayIncome {
        asset: id.to_bytes(),
        currency: asset("usdx").to_bytes(),
        amount: "100".to_owned(),
        memo_sha256: Bytes::new(),
    };
    chain.submit(ISSUER, Kind::PayIncome(pay)).unwrap();
    chain.block.time_ms = PAYMENT_MS;
    chain.submit(3, push(1, &[treasury])).unwrap();
    assert_eq!(chain.holding_of("usdx", &treasury).balance, amount(350));
    let (asset, currency) = (id.to_bytes(), asset("usdx").to_bytes());
    let claim = pb::ClaimIncome { asset, currency, holder: treasury.to_bytes() };
    chain.submit(3, Kind::ClaimIncome(claim)).unwrap();
    assert_eq!(chain.holding_of("usdx", &treasury).balance, amount(400));
    assert_eq!(chain.balance("usdx", 3), u128::from(START_BALANCE), "nothing for whoever asks");
}

#[test]
fn close_refuses_in_order_of_precedence_and_pays_out_the_rest() {
    let mut chain = chain_with(terms(750));
    for (sender, kind, code) in [
        (1, Kind::CloseDistribution(pb::CloseDistribution::default()), 1),
        (1, close(9), 27),
        (ISSUER, close(1), 33),
    ] {
        assert_refused(chain.submit(sender, kind), "distributions", code);
    }
    chain.block.time_ms = PAYMENT_MS - 1;
    assert_refused(chain.submit(1, close(1)), "distributions", 33);
    let mut cancelled = chain.clone();
    let before = cancelled.balance("usdx", ISSUER);
    cancelled.submit(ISSUER, close(1)).unwrap();
    assert_eq!(cancelled.balance("usdx", ISSUER), before + 750);
    assert_refused(cancelled.submit(ISSUER, close(1)), "distributions", 28);
    chain.block.time_ms = PAYMENT_MS;
    chain.submit(1, claim(1)).unwrap();
    chain.block.time_ms = EXPIRES_MS;
    chain.submit(4, close(1)).unwrap();
    assert_eq!((chain.balance("usdx", ISSUER), pool(&chain, 1)), (before + 540, 0));
}

#[test]
fn what_is_left_can_go_to_the_treasury() {
    let policy = RemainderPolicy::Treasury.into();
    let mut chain = chain_with(pb::DistributionTerms { remainder: policy, ..terms(750) });
    chain.block.time_ms = EXPIRES_MS;
    chain.submit(4, close(1)).unwrap();
    let treasury = Address::treasury(&asset("villa"));
    assert_eq!(chain.holding_of("usdx", &treasury).balance, amount(750));
}

#[test]
fn old_balances_are_deleted_only_when_nobody_asks_for_them() {
    let mut chain = chain_with(terms(700));
    let copies = |chain: &TestChain| {
        let of = |record| {
            let key = StateKey::holding_copy(&asset("villa"), &account(1), record);
            chain.get::<HoldingCopy>(&key).is_some()
        };
        [of(2), of(4)]
    };
    chain.submit(1, transfer("villa", &account(3), 10)).unwrap();
    chain.next_block();
    chain.submit(ISSUER, take_record()).unwrap();
    chain.next_block();
    chain.submit(1, transfer("villa", &account(3), 10)).unwrap();
    assert_eq!(copies(&chain), [true, true]);
    assert_refused(chain.submit(5, prune(&[account(1), account(1)])), "distributions", 26);
    // Distribution 1 asks for record 1, however long ago that was.
    chain.block.time_ms += KEPT_MS;
    assert_refused(chain.submit(5, prune(&[account(1)])), "distributions", 40);
    chain.submit(4, close(1)).unwrap();
    let events = chain.submit(5, prune(&[account(1), account(9)])).unwrap();
    let [EventKind::RecordsPruned(pruned)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((pruned.pruned_record_count, pruned.copies), (1, 1));
    assert_eq!(copies(&chain), [false, true]);
    let key = StateKey::record(&asset("villa"), 1);
    assert!(chain.get::<Record>(&key).is_none());
    assert_refused(
        chain.submit(
            ISSUER,
            declare(distribution(pb::DistributionTerms {
                payment_ms: u64::MAX - 1,
                expires_ms: u64::MAX,
                ..terms(700)
            })),
        ),
        "distributions",
        16,
    );
    // The newer record still answers.
    let of_second = pb::DeclareDistribution {
        record: 2,
        ..distribution(pb::DistributionTerms { payment_ms: 0, expires_ms: u64::MAX, ..terms(700) })
    };
    chain.submit(ISSUER, declare(of_second)).unwrap();
    chain.submit(1, claim(2)).unwrap();
    assert_eq!(gained(&chain, 1), 203, "290 units at record 2");
}

#[test]
fn a_holding_that_was_emptied_vanishes_with_its_old_balances() {
    let mut chain = chain_with(terms(700));
    chain.submit(1, transfer("villa", &account(2), 300)).unwrap();
    chain.next_block();
    chain.submit(ISSUER, take_record()).unwrap();
    chain.block.time_ms += KEPT_MS;
    chain.submit(4, close(1)).unwrap();
    chain.submit(5, prune(&[account(1)])).unwrap();
    let key = StateKey::holding(&asset("villa"), &account(1));
    assert!(chain.get::<Holding>(&key).is_none());
}

/// 5.25 % a year on 1,000, half a year each, repaid in two halves.
fn coupons() -> pb::DeclareCoupons {
    pb::DeclareCoupons {
        asset: asset("villa").to_bytes(),
        currency: asset("usdx").to_bytes(),
        principal: "1000".to_owned(),
        units: "1".to_owned(),
        rate_ppm: 52_500,
        day_count: DayCount::Thirty360.into(),
        start_day: 0,
        periods: vec![
            pb::CouponPeriod { end_day: 181, repay_bps: 5_000 },
            pb::CouponPeriod { end_day: 365, repay_bps: 5_000 },
        ],
    }
}

fn pay_coupon(period: u32, terms: pb::DistributionTerms) -> Kind {
    Kind::PayCoupon(pb::PayCoupon {
        asset: asset("villa").to_bytes(),
        schedule: 1,
        period,
        record: 1,
        terms: Some(terms),
    })
}

#[test]
fn declare_coupons_refuses_in_order_of_precedence() {
    let mut chain = chain_with_record();
    let with = |change: &dyn Fn(&mut pb::DeclareCoupons)| {
        let mut message = coupons();
        change(&mut message);
        Kind::DeclareCoupons(message)
    };
    for (kind, code) in [
        (Kind::DeclareCoupons(pb::DeclareCoupons::default()), 1),
        (with(&|m| (m.principal, m.rate_ppm) = ("0".into(), u32::MAX)), 4),
        (with(&|m| (m.rate_ppm, m.day_count) = (10_000_001, 0)), 7),
        (with(&|m| (m.day_count, m.periods) = (0, vec![])), 7),
        (with(&|m| m.periods = vec![]), 8),
        (with(&|m| m.periods[0].end_day = 400_000), 7),
        (with(&|m| m.periods[1].end_day = 181), 34),
        (with(&|m| m.periods[0].repay_bps = 5_001), 35),
        (with(&|m| m.currency = m.asset.clone()), 10),
    ] {
        assert_refused(chain.submit(1, kind), "distributions", code);
    }
    assert_refused(chain.submit(1, with(&|_| {})), "assets", 14);
    chain.submit(ISSUER, with(&|_| {})).unwrap();
}

#[test]
fn each_period_of_a_schedule_becomes_a_distribution() {
    let mut chain = chain_with_record();
    let at = |payment_ms: u64, funded| pb::DistributionTerms {
        payment_ms,
        expires_ms: payment_ms + 1_000_000 * DAY_MS,
        ..terms(funded)
    };
    assert_refused(chain.submit(1, pay_coupon(1, at(0, 1))), "assets", 14);
    assert_refused(chain.submit(ISSUER, pay_coupon(1, at(0, 1))), "distributions", 36);
    chain.submit(ISSUER, Kind::DeclareCoupons(coupons())).unwrap();
    // A half and 5.25 % / 2 of 1,000 for each of 1,000 units: 526.25 each.
    for (kind, code) in [
        (pay_coupon(2, at(365 * DAY_MS, 1)), 37),
        (pay_coupon(1, at(181 * DAY_MS - 1, 1)), 39),
        (pay_coupon(1, at(181 * DAY_MS, 526_249)), 21),
    ] {
        assert_refused(chain.submit(ISSUER, kind), "distributions", code);
    }
    chain.submit(ISSUER, pay_coupon(1, at(181 * DAY_MS, 526_250))).unwrap();
    let first = leaf(&chain, 1);
    assert_eq!(
        (first.promised.as_str(), first.coupon_schedule, first.coupon_period),
        ("526250", 1, 1)
    );
    assert_refused(
        chain.submit(ISSUER, pay_coupon(1, at(181 * DAY_MS, 526_250))),
        "distributions",
        37,
    );
    chain.block.time_ms = 181 * DAY_MS;
    chain.submit(2, claim(1)).unwrap();
    assert_eq!(gained(&chain, 2), 99 * 52_625 / 100);
    chain.submit(5, transfer("usdx", &account(ISSUER), 1_000_000)).unwrap();
    // The other half, and interest on it only: 513.125 each.
    chain.submit(ISSUER, pay_coupon(2, at(365 * DAY_MS, 513_125))).unwrap();
    assert_refused(chain.submit(ISSUER, pay_coupon(3, at(0, 1))), "distributions", 38);
}

/// The interest of ISDA's examples, as a coupon on 10,000.00 at 10 %.
#[test]
fn golden_coupons() {
    for (day_count, cents) in [
        (DayCount::ActualActualIsda, 49_772),
        (DayCount::Actual365Fixed, 49_863),
        (DayCount::Actual360, 50_555),
        (DayCount::Thirty360, 50_000),
    ] {
        // 1 November 2003 to 1 May 2004.
        let schedule = CouponSchedule {
            principal: "1000000".to_owned(),
            units: "1".to_owned(),
            rate_ppm: 100_000,
            day_count: day_count.into(),
            start_day: 12_357,
            periods: vec![pb::CouponPeriod { end_day: 12_539, repay_bps: 0 }],
            ..CouponSchedule::default()
        };
        let Rate { per_unit, units } = coupon(&schedule, 1).unwrap().unwrap();
        assert_eq!(per_unit.base_units() / units.base_units(), cents, "{day_count:?}");
    }
}

proptest! {
    #[test]
    fn claims_and_the_remainder_are_what_was_paid_in(
        holdings in prop::collection::vec(0u64..300, 5),
        (per_unit, units) in (1u64..2_000, 1u64..50),
        surplus in 0u64..1_000,
        withholding_bps in 0u32..=10_000,
        sold in prop::collection::vec((0u8..5, 0u8..5, 1u64..100), 0..6),
        claimants in prop::collection::vec(0u8..6, 0..12),
    ) {
        let mut chain = TestChain::new();
        chain.add_asset("villa");
        let mut held: Vec<u64> = vec![0; 6];
        for (number, balance) in (1u8..).zip(&holdings[1..]) {
            let balance = *balance % 200;
            if balance > 0 {
                chain.submit(ISSUER, transfer("villa", &account(number), balance)).unwrap();
            }
            held[usize::from(number)] = balance;
        }
        held[0] = 1_000 - held.iter().sum::<u64>();
        chain.next_block();
        chain.submit(ISSUER, take_record()).unwrap();
        chain.next_block();
        let promised = 1_000 * per_unit / units;
        prop_assume!(promised > 0 && promised + surplus <= START_BALANCE);
        let with_tax = pb::DistributionTerms {
            withholding_bps,
            tax_account: Address::treasury(&asset("usdx")).to_bytes(),
            ..terms(promised + surplus)
        };
        let message = pb::DeclareDistribution {
            per_unit: per_unit.to_string(),
            units: units.to_string(),
            ..distribution(with_tax)
        };
        let before = chain.balance("usdx", ISSUER);
        chain.submit(ISSUER, declare(message)).unwrap();
        chain.block.time_ms = PAYMENT_MS;
        for (from, to, units) in sold {
            let _ = chain.submit(from, transfer("villa", &account(to), units));
        }
        let mut paid = [0; 6];
        for claimant in claimants {
            let part = held[usize::from(claimant)] * per_unit / units;
            let fresh = paid[usize::from(claimant)] == 0;
            let result = chain.submit(claimant, claim(1));
            prop_assert_eq!(result.is_ok(), part > 0 && fresh);
            paid[usize::from(claimant)] = part;
        }
        let total: u64 = paid.iter().sum();
        prop_assert!(total <= promised, "never underfunded");
        prop_assert_eq!(pool(&chain, 1), u128::from(promised + surplus - total));
        chain.block.time_ms = EXPIRES_MS;
        chain.submit(5, close(1)).unwrap();
        let tax = chain.holding_of("usdx", &Address::treasury(&asset("usdx"))).balance.base_units();
        let net: u128 = (1..6).map(|number| gained(&chain, number)).sum();
        let issuer = chain.balance("usdx", ISSUER);
        prop_assert_eq!(issuer + net + tax, before, "claims and the remainder");
    }
}

#[test]
fn a_record_date_declared_ahead_is_kept_without_anybody_doing_anything() {
    let mut chain = chain_with_record();
    let (now, id) = (chain.block.height, asset("villa"));
    assert_refused(chain.submit(1, record_at(now + 3)), "assets", 14);
    assert_refused(chain.submit(ISSUER, record_at(now - 1)), "distributions", 41);
    let events = chain.submit(ISSUER, record_at(now + 3)).unwrap();
    let [EventKind::RecordTaken(taken)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((taken.record, taken.height), (2, now + 3));
    // The same again is the same; more than four at a time are refused.
    for height in [now + 3, now + 5, now + 7, now + 9] {
        chain.submit(ISSUER, record_at(height)).unwrap();
    }
    assert_eq!(chain.facts("villa").record_count, 5);
    assert_refused(chain.submit(ISSUER, record_at(now + 11)), "distributions", 42);
    let promise = |record| declare(pb::DeclareDistribution { record, ..distribution(terms(700)) });
    assert_refused(chain.submit(ISSUER, promise(2)), "distributions", 17);
    let mut held = std::collections::BTreeMap::new();
    for step in 1..=10 {
        chain.next_block();
        chain.submit(1, transfer("villa", &account(3), step)).unwrap();
        held.insert(chain.block.height, [1, 3].map(|number| chain.balance("villa", number)));
    }
    for height in [now + 3, now + 5, now + 7, now + 9] {
        for (index, number) in [(0, 1), (1, 3)] {
            let found =
                chain.with_view(|view| holdings::balance_at(view, &id, &account(number), height));
            let found = found.unwrap().unwrap().base_units();
            assert_eq!(found, held[&height][index], "account {number} at {height}");
        }
    }
    chain.submit(ISSUER, promise(2)).unwrap();
    // The next one makes room, and the dates keep their order.
    chain.submit(ISSUER, record_at(chain.block.height + 2)).unwrap();
    let facts = chain.facts("villa");
    assert_eq!((facts.record_height, facts.previous_record_height), (now + 9, now + 7));
    assert_eq!((facts.scheduled_records.len(), facts.record_number), (1, 5));
}

#[test]
fn the_days_of_a_record_date_declared_ahead_begin_when_somebody_wants_to_give_it_up() {
    let mut chain = chain_with_record();
    let now = chain.block.height;
    chain.submit(ISSUER, record_at(now + 2)).unwrap();
    chain.block.time_ms += KEPT_MS;
    // Record 1 is given up; record 2 is still ahead.
    chain.submit(5, prune(&[])).unwrap();
    assert_refused(chain.submit(5, prune(&[])), "distributions", 40);
    chain.skip_blocks(3);
    chain.submit(ISSUER, take_record()).unwrap();
    chain.next_block();
    chain.submit(5, prune(&[])).unwrap();
    let key = StateKey::record(&asset("villa"), 2);
    assert_eq!(chain.get::<Record>(&key).unwrap().taken_ms, chain.block.time_ms);
    assert_refused(chain.submit(5, prune(&[])), "distributions", 40);
    chain.block.time_ms += KEPT_MS;
    chain.submit(5, prune(&[])).unwrap();
    assert!(chain.get::<Record>(&key).is_none());
}

#[test]
fn a_split_around_a_record_date_declared_ahead_leaves_every_part_what_it_was() {
    for split_before_the_date in [true, false] {
        let mut chain = chain_with_record();
        let at = chain.block.height + 3;
        chain.submit(ISSUER, record_at(at)).unwrap();
        chain.next_block();
        if split_before_the_date {
            chain.submit(ISSUER, split("villa", 3, 1)).unwrap();
        }
        chain.skip_blocks(3);
        if !split_before_the_date {
            chain.submit(ISSUER, split("villa", 3, 1)).unwrap();
        }
        // What moves after both is not of the record, in whatever units it is counted.
        chain.submit(1, transfer("villa", &account(3), 90)).unwrap();
        let (units, funded) = if split_before_the_date { (900, 2_100) } else { (300, 700) };
        let held = chain
            .with_view(|view| holdings::balance_at(view, &asset("villa"), &account(1), at))
            .unwrap();
        assert_eq!(held, Some(amount(units)));
        let promise = pb::DeclareDistribution { record: 2, ..distribution(terms(funded)) };
        chain.submit(ISSUER, declare(promise)).unwrap();
        chain.block.time_ms = PAYMENT_MS;
        chain.submit(1, claim(1)).unwrap();
        assert_eq!(gained(&chain, 1), u128::from(units) * 7 / 10);
        assert_refused(chain.submit(3, claim(1)), "distributions", 32);
    }
}

/// The same, regulated: accounts 1 and 2 are wallets of one identity, that of account 1.
fn chain_with_identity() -> TestChain {
    let mut chain = chain_with_record();
    let facts = chain.facts("villa");
    chain.set(StateKey::asset(&asset("villa")), &Asset { regulated: true, ..facts });
    for number in [1, 2] {
        let wallet = Wallet { identity: account(1).to_bytes(), ..Wallet::default() };
        chain.set(StateKey::wallet(&account(number)), &wallet);
    }
    chain
}

#[test]
fn tax_and_exclusion_are_those_of_the_identity_whichever_wallet_is_named_or_paid() {
    // The rate is said of the second wallet, and of the first one a lower one.
    let rate = |number, withholding_bps| pb::WithholdingRate {
        account: account(number).to_bytes(),
        withholding_bps,
    };
    let mut rates = vec![rate(1, 1_000), rate(2, 5_000)];
    rates.sort_by(|one, other| one.account.cmp(&other.account));
    let taxed = pb::DistributionTerms {
        withholding_bps: 100,
        tax_account: account(4).to_bytes(),
        rates,
        ..terms(700)
    };
    let excluded = pb::DistributionTerms {
        selection: HolderSelection::NotListed.into(),
        holders: vec![account(2).to_bytes()],
        ..terms(700)
    };
    let mut chain = chain_with_identity();
    for terms in [taxed.clone(), excluded.clone()] {
        chain.submit(ISSUER, declare(distribution(terms))).unwrap();
    }
    chain.block.time_ms = PAYMENT_MS;
    chain.submit(5, push(1, &[account(1), account(2)])).unwrap();
    // 210 and 69 before tax, half of it withheld in favour of the tax.
    assert_eq!((gained(&chain, 1), gained(&chain, 2), gained(&chain, 4)), (105, 34, 140));
    for number in [1, 2] {
        assert_refused(chain.submit(number, claim(2)), "distributions", 32);
    }
    chain.submit(ISSUER, claim(2)).unwrap();

    // Of an asset that is not regulated accounts stand for themselves.
    let mut chain = chain_with_record();
    for terms in [taxed, excluded] {
        chain.submit(ISSUER, declare(distribution(terms))).unwrap();
    }
    chain.block.time_ms = PAYMENT_MS;
    chain.submit(5, push(1, &[account(1), account(2)])).unwrap();
    assert_eq!((gained(&chain, 1), gained(&chain, 2)), (189, 34));
    chain.submit(1, claim(2)).unwrap();
    assert_refused(chain.submit(2, claim(2)), "distributions", 32);
}
