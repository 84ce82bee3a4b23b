//! Splits: every refusal, that nobody's part changes, and what was said of units before them.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::AssetStatus;
use tessera_proto::pb::chain::v1::Operation;
use tessera_proto::pb::distributions::v1 as distributions;
use tessera_proto::pb::transfers::v1 as transfers;
use tessera_proto::state_key::StateKey;

use super::life_cycle::{burn, change};
use crate::modules::assets::{nav, supply_at};
use crate::modules::testing::{
    ACCOUNTS, ISSUER, Kind, TestChain, account, amount, assert_refused, asset, mint, split,
    transfer,
};
use crate::modules::transfers::holdings::balance_at;
use crate::state::error::ExecutionError;

fn villa() -> TestChain {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    chain
}

#[test]
fn splits_are_refused_in_order_of_precedence() {
    let mut chain = villa();
    chain.submit(ISSUER, super::register("tower")).unwrap();
    let nothing = Kind::SplitUnits(pb::SplitUnits::default());
    for (sender, kind, code) in [
        (1, nothing, 1),
        (1, split("villa", 0, 1), 7),
        (1, split("villa", 1, 1_000_001), 7),
        (1, split("villa", 3, 3), 52),
        (1, split("villa", 1, 3), 53),
        (1, split("nothing", 2, 1), 11),
        (1, split("tower", 2, 1), 30),
        (ISSUER, split("tower", 2, 1), 16),
        (ISSUER, split("usdx", 2, 1), 51),
    ] {
        assert_refused(chain.submit(sender, kind), "assets", code);
    }
    // The maximum supply of 1,000,000 units cannot be counted after so many.
    for _ in 0..3 {
        chain.submit(ISSUER, split("villa", 1_000_000, 1)).unwrap();
    }
    assert_refused(chain.submit(ISSUER, split("villa", 2, 1)), "assets", 54);
    chain.submit(ISSUER, change("villa", AssetStatus::Suspended)).unwrap();
    assert_refused(chain.submit(ISSUER, split("villa", 2, 1)), "assets", 16);
}

#[test]
fn an_asset_is_split_a_bounded_number_of_times_and_has_bounded_decimals() {
    let mut chain = villa();
    for _ in 0..16 {
        chain.submit(ISSUER, split("villa", 2, 1)).unwrap();
        chain.submit(ISSUER, split("villa", 1, 2)).unwrap();
    }
    assert_refused(chain.submit(ISSUER, split("villa", 2, 1)), "assets", 55);
    assert_eq!(chain.facts("villa").decimals, 16);
    let mut chain = villa();
    for _ in 0..18 {
        chain.submit(ISSUER, split("villa", 1, 10)).unwrap();
    }
    assert_refused(chain.submit(ISSUER, split("villa", 1, 10)), "assets", 54);
}

#[test]
fn a_reverse_split_leaves_parts_of_units_and_takes_nothing() {
    let mut chain = villa();
    chain.submit(ISSUER, transfer("villa", &account(1), 13)).unwrap();
    chain.submit(ISSUER, split("villa", 1, 10)).unwrap();
    let facts = chain.facts("villa");
    assert_eq!(chain.holding("villa", 1).balance.display(facts.decimals), "1.3");
    assert_eq!(amount(1_000).display(facts.decimals), "100.0");
    assert_eq!(chain.totals("villa").supply, "1000");
    chain.submit(ISSUER, split("villa", 3, 2)).unwrap();
    let facts = chain.facts("villa");
    assert_eq!(chain.holding("villa", 1).balance.display(facts.decimals), "1.95");
    let entered = facts.splits.last().unwrap();
    assert_eq!((entered.numerator, entered.denominator, entered.factor), (3, 2, 15));
}

#[test]
fn nothing_of_holders_is_written_by_a_split() {
    let mut chain = villa();
    for to in 1..ACCOUNTS {
        chain.submit(ISSUER, transfer("villa", &account(to), 7)).unwrap();
    }
    let before = chain.leaves().clone();
    chain.next_block();
    chain.submit(ISSUER, split("villa", 2, 1)).unwrap();
    let changed = chain.leaves().iter().filter(|(key, value)| before.get(key) != Some(value));
    // The asset, its totals, and its history.
    assert_eq!(changed.count(), 4);
    assert_eq!(chain.balance("villa", 1), 14);
}

#[test]
fn what_was_said_of_units_before_a_split_does_not_count_after_it() {
    let mut chain = villa();
    let rule = pb::SetTwoPersonRule {
        asset: asset("villa").to_bytes(),
        mint: true,
        forced_transfer: false,
        split: true,
    };
    chain.submit(ISSUER, Kind::SetTwoPersonRule(rule)).unwrap();
    let later = chain.block.time_ms + 10_000;
    let issuer = |account| super::roles::grant("villa", account, pb::Role::Issuer, later);
    chain.submit(ISSUER, issuer(1)).unwrap();
    let propose = |kind: Kind| {
        let operation: Bytes = Operation { kind: Some(kind) }.encode_to_vec().into();
        let asset = asset("villa").to_bytes();
        Kind::ProposeAction(pb::ProposeAction { asset, operation, expires_ms: later })
    };
    let now = chain.block.time_ms;
    chain.submit(ISSUER, Kind::SetNav(stated(now))).unwrap();
    chain.submit(1, propose(mint("villa", 3, 7))).unwrap();
    assert_refused(chain.submit(ISSUER, split("villa", 2, 1)), "assets", 37);
    chain.submit(1, propose(split("villa", 2, 1))).unwrap();
    assert_refused(chain.submit(1, split("villa", 2, 1)), "assets", 38);
    chain.submit(ISSUER, split("villa", 2, 1)).unwrap();
    // Seven units are other units now; they can be proposed again at once.
    assert_refused(chain.submit(ISSUER, mint("villa", 3, 7)), "assets", 37);
    chain.submit(1, propose(mint("villa", 3, 7))).unwrap();
    chain.submit(ISSUER, mint("villa", 3, 7)).unwrap();
    assert_eq!(chain.balance("villa", 3), 7);
    let (villa, usdx) = (asset("villa"), asset("usdx"));
    let price = |chain: &mut TestChain| {
        let now_ms = chain.block.time_ms;
        chain.with_view(|view| nav::price(view, &villa, &usdx, &account(ISSUER), now_ms))
    };
    let Err(ExecutionError::Rejected(refused)) = price(&mut chain) else { panic!("a price") };
    assert_eq!((refused.codespace, refused.code), ("assets", 56));
    chain.next_block();
    chain.submit(ISSUER, Kind::SetNav(stated(now + 1))).unwrap();
    assert!(price(&mut chain).is_ok());
}

fn stated(computed_at_ms: u64) -> pb::SetNav {
    pb::SetNav {
        asset: asset("villa").to_bytes(),
        currency: asset("usdx").to_bytes(),
        price: "520".to_owned(),
        source: "audited accounts".to_owned(),
        computed_at_ms,
        max_age_ms: 100_000,
    }
}

#[test]
fn allowances_grow_with_the_units() {
    let mut chain = villa();
    let approve = transfers::ApproveSpender {
        asset: asset("villa").to_bytes(),
        spender: account(1).to_bytes(),
        amount: "10".to_owned(),
        expires_ms: 0,
    };
    chain.submit(ISSUER, Kind::ApproveSpender(approve)).unwrap();
    chain.submit(ISSUER, split("villa", 2, 1)).unwrap();
    let send = |units: u64| {
        Kind::TransferFrom(transfers::TransferFrom {
            asset: asset("villa").to_bytes(),
            from: account(ISSUER).to_bytes(),
            to: account(2).to_bytes(),
            amount: units.to_string(),
            memo_sha256: Bytes::new(),
        })
    };
    chain.submit(1, send(5)).unwrap();
    chain.submit(ISSUER, split("villa", 2, 1)).unwrap();
    assert_refused(chain.submit(1, send(31)), "transfers", 21);
    chain.submit(1, send(30)).unwrap();
    assert_refused(chain.submit(1, send(1)), "transfers", 19);
    assert_eq!(chain.balance("villa", 2), 40);
}

#[test]
fn a_coupon_pays_the_same_for_the_same_part() {
    let mut chain = villa();
    let coupons = distributions::DeclareCoupons {
        asset: asset("villa").to_bytes(),
        currency: asset("usdx").to_bytes(),
        principal: "100".to_owned(),
        units: "1".to_owned(),
        rate_ppm: 0,
        day_count: distributions::DayCount::ActualActualIsda.into(),
        start_day: 0,
        periods: vec![distributions::CouponPeriod { end_day: 1, repay_bps: 1_000 }],
    };
    chain.submit(ISSUER, Kind::DeclareCoupons(coupons)).unwrap();
    chain.submit(ISSUER, transfer("villa", &account(1), 100)).unwrap();
    chain.submit(ISSUER, split("villa", 5, 2)).unwrap();
    chain.next_block();
    let take = distributions::TakeRecord { asset: asset("villa").to_bytes(), height: 0 };
    chain.submit(ISSUER, Kind::TakeRecord(take)).unwrap();
    chain.next_block();
    let terms = distributions::DistributionTerms {
        funded: "10000".to_owned(),
        payment_ms: 86_400_000,
        expires_ms: 86_500_000,
        selection: distributions::HolderSelection::All.into(),
        remainder: distributions::RemainderPolicy::Treasury.into(),
        ..Default::default()
    };
    let pay = distributions::PayCoupon {
        asset: asset("villa").to_bytes(),
        schedule: 1,
        period: 1,
        record: 1,
        terms: Some(terms),
    };
    chain.submit(ISSUER, Kind::PayCoupon(pay)).unwrap();
    chain.block.time_ms = 86_400_000;
    let before = chain.balance("usdx", 1);
    let asset = asset("villa").to_bytes();
    let claim = distributions::ClaimDistribution { asset, distribution: 1 };
    chain.submit(1, Kind::ClaimDistribution(claim)).unwrap();
    // A tenth of 100 for each of 100 units, which are 250 units now.
    assert_eq!(chain.balance("usdx", 1) - before, 1_000);
}

/// What the model of splits knows: all amounts, multiplied at once.
#[derive(Default)]
struct Model {
    balances: BTreeMap<u8, u128>,
    /// Income due to each, times 2^40, rounded down, and how often it was rounded.
    due: BTreeMap<u8, (u128, u128)>,
    claimed: BTreeMap<u8, u128>,
    /// Balances at the end of the block of each record.
    records: BTreeMap<u64, BTreeMap<u8, u128>>,
}

#[derive(Debug, Clone)]
enum Step {
    Send(u8, u8, u64),
    Mint(u8, u64),
    Burn(u8, u64),
    Split(u32, u32),
    Pay(u64),
    Claim(u8),
    Record,
}

fn step() -> impl Strategy<Value = Step> {
    let holder = || 0..4_u8;
    prop_oneof![
        5 => (holder(), holder(), 1u64..400).prop_map(|(from, to, n)| Step::Send(from, to, n)),
        1 => (holder(), 1u64..50).prop_map(|(to, units)| Step::Mint(to, units)),
        1 => (holder(), 1u64..50).prop_map(|(from, units)| Step::Burn(from, units)),
        2 => prop::sample::select(vec![(2, 1), (3, 2), (1, 4), (1, 10), (7, 5), (97, 1)])
            .prop_map(|(new, old)| Step::Split(new, old)),
        2 => (1u64..1_000).prop_map(Step::Pay),
        3 => holder().prop_map(Step::Claim),
        2 => Just(Step::Record),
    ]
}

impl Model {
    /// Does a step on both; a refusal on the chain changes nothing.
    fn take(&mut self, chain: &mut TestChain, step: &Step) {
        let (villa, usdx) = (asset("villa").to_bytes(), asset("usdx").to_bytes());
        let supply: u128 = self.balances.values().sum();
        match *step {
            Step::Send(from, to, units) => {
                if chain.submit(from, transfer("villa", &account(to), units)).is_ok() {
                    *self.balances.get_mut(&from).unwrap() -= u128::from(units);
                    *self.balances.entry(to).or_default() += u128::from(units);
                }
            }
            Step::Mint(to, units) => {
                if chain.submit(ISSUER, mint("villa", to, units)).is_ok() {
                    *self.balances.entry(to).or_default() += u128::from(units);
                }
            }
            Step::Burn(from, units) => {
                if chain.submit(from, burn("villa", units)).is_ok() {
                    *self.balances.get_mut(&from).unwrap() -= u128::from(units);
                }
            }
            Step::Split(new, old) => {
                if chain.submit(ISSUER, split("villa", new, old)).is_ok() {
                    let factor = chain.facts("villa").splits;
                    let last = factor.last().unwrap().factor;
                    let before = factor.iter().rev().nth(1).map_or(1, |split| split.factor);
                    for balance in self.balances.values_mut() {
                        *balance *= u128::from(last / before);
                    }
                }
            }
            Step::Pay(units) => {
                let amount = units.to_string();
                let pay = distributions::PayIncome {
                    asset: villa,
                    currency: usdx,
                    amount,
                    memo_sha256: Bytes::new(),
                };
                if chain.submit(ISSUER, Kind::PayIncome(pay)).is_ok() {
                    for (holder, balance) in &self.balances {
                        let due = self.due.entry(*holder).or_default();
                        due.0 += ((u128::from(units) << 40) * balance) / supply;
                        due.1 += 1;
                    }
                }
            }
            Step::Claim(holder) => {
                let before = chain.balance("usdx", holder);
                let claim = distributions::ClaimIncome {
                    asset: villa,
                    currency: usdx,
                    ..Default::default()
                };
                if chain.submit(holder, Kind::ClaimIncome(claim)).is_ok() {
                    let got = chain.balance("usdx", holder) - before;
                    *self.claimed.entry(holder).or_default() += got;
                }
            }
            Step::Record => {
                let take = distributions::TakeRecord { asset: villa, height: 0 };
                chain.submit(ISSUER, Kind::TakeRecord(take)).unwrap();
                self.records.insert(chain.block.height, self.balances.clone());
            }
        }
    }

    fn check(&self, chain: &mut TestChain) {
        for (holder, balance) in &self.balances {
            assert_eq!(chain.balance("villa", *holder), *balance);
        }
        let supply: u128 = self.balances.values().sum();
        assert_eq!(chain.totals("villa").supply, supply.to_string());
        let id = asset("villa");
        for (height, record) in &self.records {
            for (holder, balance) in record {
                let found =
                    chain.with_view(|view| balance_at(view, &id, &account(*holder), *height));
                assert_eq!(found.unwrap().map(|found| found.base_units()), Some(*balance));
            }
            let found = chain.with_view(|view| supply_at(view, &id, *height)).unwrap();
            let supply: u128 = record.values().sum();
            assert_eq!(found.map(|found| found.base_units()), Some(supply));
        }
        for (holder, claimed) in &self.claimed {
            let (due, roundings) = self.due.get(holder).copied().unwrap_or_default();
            // Each settlement rounds down by less than one; the index is rounded up by less.
            assert!(*claimed <= ((due + roundings) >> 40) + 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn splitting_when_read_is_splitting_at_once(steps in prop::collection::vec(step(), 1..60)) {
        let mut chain = villa();
        let mut model = Model { balances: BTreeMap::from([(ISSUER, 1_000)]), ..Model::default() };
        for step in &steps {
            // A record is of the end of its block, so each step has its own.
            chain.next_block();
            model.take(&mut chain, step);
            model.check(&mut chain);
        }
        // In the end everybody collects; all that is lost to rounding is less than one each time.
        let before: u128 = model.claimed.values().sum();
        for holder in 0..4 {
            model.take(&mut chain, &Step::Claim(holder));
        }
        let claimed: u128 = model.claimed.values().sum();
        prop_assert!(claimed >= before);
        let paid: u128 = steps.iter().map(|step| match step {
            Step::Pay(units) => u128::from(*units),
            _ => 0,
        }).sum();
        prop_assert!(claimed <= paid);
        let pool = tessera_proto::id::Address::income_pool(&asset("villa"));
        let left: Option<tessera_proto::leaf::Holding> =
            chain.get(&StateKey::holding(&asset("usdx"), &pool));
        let left = left.map_or(0, |left| left.balance.base_units());
        // One for every settlement of four holders.
        let steps = u128::try_from(steps.len()).unwrap();
        prop_assert!(left <= 4 * (steps + 1), "{left} left of {paid}");
    }
}
