//! Random chains against an independent model.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tessera_proto::pb::pools::v1::Waterfall;
use tessera_proto::state_key::StateKey;

use super::{
    FUND, burn, chain_with_fund, chain_with_members, collect, contribute, divide, kept, open,
    pay_income, redeem, waterfall,
};
use crate::modules::testing::{
    ACCOUNTS, ISSUER, Kind, START_BALANCE, TestChain, TestTx, UNDECLARED, account, asset, mint,
    transfer,
};

const MEMBERS: [&str; 2] = ["villa", "tower"];

#[derive(Debug, Clone)]
enum Step {
    Redeem(u8, u64, usize),
    Contribute(&'static str, u64),
    Send(u8, u8, u64),
    Earn(&'static str, u64),
    Collect,
    Burn(u8, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let member = || prop::sample::select(&MEMBERS[..]);
    prop_oneof![
        4 => (0..ACCOUNTS, 1u64..40, 0usize..3).prop_map(|(who, n, of)| Step::Redeem(who, n, of)),
        2 => (member(), 1u64..50).prop_map(|(name, n)| Step::Contribute(name, n)),
        4 => (0..ACCOUNTS, 0..ACCOUNTS, 1u64..60).prop_map(|(from, to, n)| Step::Send(from, to, n)),
        2 => (member(), 1u64..5_000).prop_map(|(name, n)| Step::Earn(name, n)),
        1 => Just(Step::Collect),
        1 => (0..ACCOUNTS, 1u64..5).prop_map(|(who, n)| Step::Burn(who, n)),
    ]
}

/// Members by a number: both, the first, the second.
fn named(of: usize) -> &'static [&'static str] {
    [&MEMBERS[..], &MEMBERS[..1], &MEMBERS[1..]][of]
}

fn operation(step: &Step) -> (u8, Kind) {
    match *step {
        Step::Redeem(who, units, of) => (who, redeem(units, named(of))),
        Step::Contribute(name, units) => (ISSUER, contribute(FUND, name, units)),
        Step::Send(from, to, units) => (from, transfer(FUND, &account(to), units)),
        Step::Earn(name, units) => (5, pay_income(name, "usdx", units)),
        Step::Collect => (3, collect("usdx", &MEMBERS)),
        Step::Burn(who, units) => (who, burn(FUND, units)),
    }
}

/// What accounts and the pool must have, in plain numbers.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    fund: Vec<u128>,
    kept: BTreeMap<&'static str, u128>,
    held: BTreeMap<&'static str, Vec<u128>>,
}

impl Model {
    fn of(chain: &TestChain) -> Self {
        let held = |name: &str| (0..ACCOUNTS).map(|n| chain.balance(name, n)).collect();
        Self {
            fund: held(FUND),
            kept: MEMBERS.map(|name| (name, kept(chain, name))).into(),
            held: MEMBERS.map(|name| (name, held(name))).into(),
        }
    }

    /// Whether the step must take place; then it has.
    fn take(&mut self, step: &Step) -> Option<bool> {
        let supply: u128 = self.fund.iter().sum();
        match *step {
            Step::Redeem(who, units, of) => {
                let (who, units) = (usize::from(who), u128::from(units));
                let parts = named(of).iter().map(|name| (*name, self.kept[name] * units));
                let parts: Vec<_> = parts.map(|(name, n)| (name, n / supply.max(1))).collect();
                if units > self.fund[who] || parts.iter().all(|(_, part)| *part == 0) {
                    return Some(false);
                }
                self.fund[who] -= units;
                for (name, part) in parts {
                    *self.kept.get_mut(name)? -= part;
                    self.held.get_mut(name)?[who] += part;
                }
            }
            Step::Contribute(name, units) => {
                let of_issuer = &mut self.held.get_mut(name)?[usize::from(ISSUER)];
                if *of_issuer < units.into() {
                    return Some(false);
                }
                *of_issuer -= u128::from(units);
                *self.kept.get_mut(name)? += u128::from(units);
            }
            Step::Send(from, to, units) => {
                let (from, to, units) = (usize::from(from), usize::from(to), u128::from(units));
                if from == to || self.fund[from] < units {
                    return Some(false);
                }
                self.fund[from] -= units;
                self.fund[to] += units;
            }
            Step::Burn(who, units) => {
                let of = &mut self.fund[usize::from(who)];
                if *of < units.into() {
                    return Some(false);
                }
                *of -= u128::from(units);
            }
            Step::Earn(..) | Step::Collect => return None,
        }
        Some(true)
    }
}

/// All money there is: nobody makes any.
fn cash(chain: &TestChain) -> u128 {
    let pools = [FUND, "villa", "tower"].map(|name| {
        let pool = tessera_proto::id::Address::income_pool(&asset(name));
        chain.holding_of("usdx", &pool).balance.base_units()
    });
    let held: u128 = (0..ACCOUNTS).map(|number| chain.balance("usdx", number)).sum();
    held + kept(chain, "usdx") + pools.into_iter().sum::<u128>()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_pool_gives_what_the_model_says_and_never_less_to_those_who_stay(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut chain = chain_with_fund();
        let mut model = Model::of(&chain);
        for step in &steps {
            let (sender, kind) = operation(step);
            let before = (model.kept.clone(), model.fund.iter().sum::<u128>());
            let result = chain.submit(sender, kind);
            if let Some(expected) = model.take(step) {
                prop_assert_eq!(result.is_ok(), expected, "{:?}: {:?}", step, result);
            }
            prop_assert_eq!(&model, &Model::of(&chain));
            let supply = model.fund.iter().sum::<u128>();
            for name in MEMBERS.into_iter().filter(|_| supply > 0) {
                // What is kept for a unit never falls.
                prop_assert!(model.kept[name] * before.1 >= before.0[name] * supply);
            }
            prop_assert_eq!(cash(&chain), u128::from(ACCOUNTS) * u128::from(START_BALANCE));
        }
        for number in 0..ACCOUNTS {
            let units = u64::try_from(chain.balance(FUND, number)).unwrap();
            // Too few units for anything are worth nothing, and can be burned.
            if units > 0 && chain.submit(number, redeem(units, &MEMBERS)).is_err() {
                chain.submit(number, burn(FUND, units)).unwrap();
            }
        }
        prop_assert_eq!(chain.totals(FUND).supply, "0".to_owned());
        for name in MEMBERS {
            let rest = kept(&chain, name);
            if rest > 0 {
                let units = u64::try_from(rest).unwrap();
                chain.submit(ISSUER, super::withdraw(name, units)).unwrap();
            }
            let all: u128 = (0..ACCOUNTS).map(|number| chain.balance(name, number)).sum();
            prop_assert_eq!(all, 1_000);
        }
    }

    #[test]
    fn every_planned_order_of_pool_operations_gives_the_same_state(
        blocks in prop::collection::vec(prop::collection::vec(step(), 1..6), 1..12),
    ) {
        let mut serial = chain_with_fund();
        let mut planned = serial.clone();
        for block in &blocks {
            serial.next_block();
            planned.next_block();
            let transaction = |step: &Step| {
                let (sender, kind) = operation(step);
                TestTx { sender, operations: vec![kind] }
            };
            let block: Vec<TestTx> = block.iter().map(transaction).collect();
            let one = serial.run(&block, false);
            prop_assert!(one.iter().flatten().count() <= block.len());
            let undeclared = |error: &crate::state::error::Rejected| error.codespace == UNDECLARED;
            prop_assert!(!one.iter().any(|result| result.as_ref().is_err_and(undeclared)));
            prop_assert_eq!(one, planned.run(&block, true));
            prop_assert_eq!(serial.leaves(), planned.leaves());
        }
    }

    #[test]
    fn a_waterfall_is_divided_as_the_model_says_to_the_last_base_unit(
        terms in prop::collection::vec((1u64..9, 1u64..5, 0u64..4), 1..5),
        last in 0u64..3,
        payments in prop::collection::vec((1u64..3_000, 0u64..4), 1..20),
    ) {
        const PERIOD_MS: u64 = 1_000;
        const NAMES: [&str; 5] = ["rank-1", "rank-2", "rank-3", "rank-4", "rank-5"];
        let mut chain = chain_with_members();
        let ranks = &NAMES[..=terms.len()];
        for name in ranks {
            open(&mut chain, name);
        }
        let rates = terms.iter().map(|(rate, units, _)| (*rate, *units)).chain([(0, 0)]);
        let rates: Vec<_> = rates.zip(ranks).map(|((rate, n), name)| (*name, rate, n)).collect();
        let created = Kind::CreateTranches(divide("villa", PERIOD_MS, &rates));
        chain.submit(ISSUER, created).unwrap();
        // Whole multiples, so that the model needs no fractions.
        let counts: Vec<u64> = terms.iter().map(|(_, units, n)| units * n).chain([last]).collect();
        for (name, count) in ranks.iter().zip(&counts).filter(|(_, count)| **count > 0) {
            chain.submit(ISSUER, mint(name, 1, *count)).unwrap();
        }
        let due_in_period = terms.iter().map(|(rate, _, n)| rate * n).collect::<Vec<_>>();
        let (mut paid, mut got) = (vec![0; terms.len()], vec![0; ranks.len()]);
        let mut periods = 1;
        for (payment, wait) in payments {
            chain.block.time_ms += wait * PERIOD_MS;
            periods += wait;
            let result = chain.submit(5, waterfall("villa", "usdx", payment));
            let Some(heir) = counts.iter().rposition(|count| *count > 0) else {
                prop_assert!(result.is_err());
                continue;
            };
            result.unwrap();
            let mut left = payment;
            for rank in 0..terms.len() {
                let part = left.min(due_in_period[rank] * periods - paid[rank]);
                paid[rank] += part;
                got[rank] += part;
                left -= part;
            }
            got[heir] += left;
            let leaf: Waterfall = chain.get(&StateKey::waterfall(&asset("villa"))).unwrap();
            let found = leaf.tranches.iter().map(|one| one.received.parse().unwrap());
            prop_assert_eq!(found.collect::<Vec<u64>>(), got.clone());
        }
    }
}
