//! Royalties: every refusal in order of precedence, and splits that are exact to the base unit.
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
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::pb::royalties::v1 as pb;
use tessera_proto::state_key::{Namespace, StateKey};

use super::Schedule;
use crate::modules::testing::{
    ISSUER, Kind, START_BALANCE, TestChain, TestTx, UNDECLARED, account, assert_refused, asset,
    register,
};

/// A schedule in the order that the chain wants.
fn schedule(shares: &[(Address, u32)]) -> pb::RoyaltySchedule {
    let mut shares = shares.to_vec();
    shares.sort();
    let share = |(account, share_bps): (Address, u32)| pb::RoyaltyShare {
        account: account.to_bytes(),
        share_bps,
    };
    let shares = shares.into_iter().map(share).collect();
    pb::RoyaltySchedule { shares, ..pb::RoyaltySchedule::default() }
}

fn set(name: &str, schedule: pb::RoyaltySchedule) -> Kind {
    let asset = asset(name).to_bytes();
    Kind::SetRoyaltySchedule(pb::SetRoyaltySchedule { asset, schedule: Some(schedule) })
}

fn pay(name: &str, currency: &str, units: u64) -> Kind {
    Kind::PayRoyalty(pb::PayRoyalty {
        asset: asset(name).to_bytes(),
        currency: asset(currency).to_bytes(),
        amount: units.to_string(),
    })
}

#[test]
fn set_schedule_refuses_in_order_of_precedence() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let (a, b) = (account(1), account(2));
    let mut descending = schedule(&[(a, 1), (b, 1)]);
    descending.shares.reverse();
    let many: Vec<_> = (0..17).map(|number| (Address::new([number; 20]), 1)).collect();
    let share = |account: Bytes, share_bps| pb::RoyaltySchedule {
        shares: vec![pb::RoyaltyShare { account, share_bps }],
        ..pb::RoyaltySchedule::default()
    };
    let whole = schedule(&[(a, 10_000)]);
    let of_a_list = pb::RoyaltySchedule { list: 1, ..schedule(&[]) };
    let all_of_a_price = pb::RoyaltySchedule { resale_bps: 10_001, ..schedule(&[(a, 9_999)]) };
    let missing = pb::SetRoyaltySchedule { asset: asset("nothing").to_bytes(), schedule: None };
    for (kind, codespace, code) in [
        (Kind::SetRoyaltySchedule(pb::SetRoyaltySchedule::default()), "royalties", 1),
        (Kind::SetRoyaltySchedule(missing), "royalties", 1),
        (set("nothing", of_a_list), "royalties", 7),
        (set("nothing", schedule(&[])), "royalties", 8),
        (set("nothing", schedule(&many)), "royalties", 8),
        (set("nothing", share(Bytes::from_static(&[1]), 0)), "royalties", 2),
        (set("nothing", share(Address::fee_pool().to_bytes(), 0)), "royalties", 9),
        (set("nothing", schedule(&[(a, 0)])), "royalties", 7),
        (set("nothing", schedule(&[(a, 10_001)])), "royalties", 7),
        (set("nothing", descending), "royalties", 10),
        (set("nothing", schedule(&[(a, 5_000), (a, 5_000)])), "royalties", 10),
        (set("nothing", all_of_a_price), "royalties", 7),
        (set("nothing", schedule(&[(a, 9_999)])), "royalties", 11),
        (set("nothing", schedule(&[(a, 10_000), (b, 1)])), "royalties", 11),
        (set("nothing", whole.clone()), "assets", 11),
        (set("villa", whole.clone()), "assets", 14),
    ] {
        assert_refused(chain.submit(1, kind), codespace, code);
    }
    chain.submit(ISSUER, set("villa", whole)).unwrap();
    assert!(chain.facts("villa").has_royalty_schedule);
}

#[test]
fn pay_refuses_in_order_of_precedence() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    chain.submit(ISSUER, register("tower")).unwrap();
    chain.submit(ISSUER, set("villa", schedule(&[(account(2), 10_000)]))).unwrap();
    for (kind, codespace, code) in [
        (Kind::PayRoyalty(pb::PayRoyalty::default()), "royalties", 1),
        (pay("nothing", "nothing", 0), "royalties", 4),
        (pay("nothing", "nothing", u64::MAX), "assets", 11),
        (pay("tower", "nothing", u64::MAX), "royalties", 12),
        (pay("villa", "nothing", u64::MAX), "assets", 11),
        (pay("villa", "tower", u64::MAX), "assets", 19),
        (pay("villa", "usdx", u64::MAX), "transfers", 13),
    ] {
        assert_refused(chain.submit(1, kind), codespace, code);
    }
}

#[test]
fn the_remainder_goes_to_the_first_recipient() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let mut accounts = [account(2), account(3), account(4)];
    accounts.sort();
    let shares = accounts.map(|account| (account, 3_333));
    let shares = [vec![(Address::new([0xff; 20]), 1)], shares.to_vec()].concat();
    chain.submit(ISSUER, set("villa", schedule(&shares))).unwrap();
    let events = chain.submit(1, pay("villa", "usdx", 100)).unwrap();
    let [EventKind::RoyaltyPaid(event)] = events.as_slice() else { panic!("{events:?}") };
    let paid: Vec<_> = event.payouts.iter().map(|payout| payout.amount.as_str()).collect();
    assert_eq!(paid, ["34", "33", "33"], "who gets nothing is left out");
    assert_eq!(event.payouts[0].account, accounts[0].to_bytes());
    assert_eq!(chain.balance("usdx", 1), u128::from(START_BALANCE) - 100);
}

#[test]
fn a_payer_who_is_a_recipient_gets_the_own_share_back() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let shares = [(account(1), 4_000), (account(2), 6_000)];
    chain.submit(ISSUER, set("villa", schedule(&shares))).unwrap();
    assert_refused(chain.submit(1, pay("villa", "usdx", START_BALANCE + 1)), "transfers", 13);
    chain.submit(1, pay("villa", "usdx", START_BALANCE)).unwrap();
    assert_eq!(chain.balance("usdx", 1), 400_000);
    assert_eq!(chain.balance("usdx", 2), 1_600_000);
    assert_eq!(chain.totals("usdx").holder_count, 6);
    chain.submit(ISSUER, set("villa", schedule(&[(account(1), 10_000)]))).unwrap();
    chain.submit(1, pay("villa", "usdx", 400_000)).unwrap();
    assert_eq!((chain.balance("usdx", 1), chain.totals("usdx").holder_count), (400_000, 6));
}

#[test]
fn a_schedule_changed_in_the_same_block_refuses_the_payment() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    chain.submit(ISSUER, set("villa", schedule(&[(account(2), 10_000)]))).unwrap();
    let change = set("villa", schedule(&[(account(3), 10_000)]));
    let block = [(ISSUER, change), (1, pay("villa", "usdx", 10))];
    let block = block.map(|(sender, kind)| TestTx { sender, operations: vec![kind] });
    let mut results = chain.run(&block, false);
    assert_refused(results.pop().unwrap(), UNDECLARED, 1);
    assert_eq!(chain.balance("usdx", 1), u128::from(START_BALANCE));
    chain.submit(1, pay("villa", "usdx", 10)).unwrap();
    assert_eq!(chain.balance("usdx", 3), u128::from(START_BALANCE) + 10);
}

/// A page of a list.
fn page(name: &str, ends: (bool, bool), shares: &[(Address, u32)]) -> Kind {
    Kind::AddRoyaltyRecipients(pb::AddRoyaltyRecipients {
        asset: asset(name).to_bytes(),
        first: ends.0,
        last: ends.1,
        resale_bps: 500,
        shares: schedule(shares).shares,
    })
}

fn claim(list: u64, currency: &str, recipient: Option<Address>) -> Kind {
    Kind::ClaimRoyalty(pb::ClaimRoyalty {
        asset: asset("villa").to_bytes(),
        list,
        currency: asset(currency).to_bytes(),
        recipient: recipient.map(Address::to_bytes).unwrap_or_default(),
    })
}

#[test]
fn add_recipients_refuses_in_order_of_precedence() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let mut accounts = [account(1), account(2), account(3)];
    accounts.sort();
    let [a, b, c] = accounts;
    let many: Vec<_> = (0..513_u32)
        .map(|number| {
            let mut bytes = [0; 20];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            (Address::new(bytes), 1)
        })
        .collect();
    let of_nothing = Kind::AddRoyaltyRecipients(pb::AddRoyaltyRecipients::default());
    assert_refused(chain.submit(1, of_nothing), "royalties", 1);
    for (sender, ends, shares, codespace, code) in [
        (1, (false, false), vec![], "royalties", 8),
        (1, (false, false), many, "royalties", 8),
        (1, (false, false), vec![(a, 0)], "royalties", 7),
        (1, (false, false), vec![(a, 1), (a, 1)], "royalties", 10),
        (1, (false, false), vec![(a, 1)], "assets", 14),
        (ISSUER, (false, false), vec![(a, 1)], "royalties", 13),
        (ISSUER, (true, true), vec![(a, 9_999)], "royalties", 11),
    ] {
        assert_refused(chain.submit(sender, page("villa", ends, &shares)), codespace, code);
    }
    chain.submit(ISSUER, page("villa", (true, false), &[(b, 5_000)])).unwrap();
    for (ends, shares, code) in [
        ((false, false), vec![(a, 1)], 10),
        ((false, false), vec![(b, 1)], 10),
        ((false, false), vec![(c, 5_001)], 11),
        ((false, true), vec![(c, 4_999)], 11),
    ] {
        assert_refused(chain.submit(ISSUER, page("villa", ends, &shares)), "royalties", code);
    }
    assert!(!chain.facts("villa").has_royalty_schedule, "an unfinished list has no effect");
    chain.submit(ISSUER, page("villa", (false, true), &[(c, 5_000)])).unwrap();
    assert!(chain.facts("villa").has_royalty_schedule);
    let complete = page("villa", (false, false), &[(c, 1)]);
    assert_refused(chain.submit(ISSUER, complete), "royalties", 13);
}

#[test]
fn claim_refuses_in_order_of_precedence_and_pays_exactly() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let (one, two) = (account(1), account(2));
    // Both pages in one transaction.
    let (low, high) = (one.min(two), one.max(two));
    let pages = vec![
        page("villa", (true, false), &[(low, 3_333)]),
        page("villa", (false, true), &[(high, 6_667)]),
    ];
    chain.submit_all(ISSUER, pages).unwrap();
    let of_nothing = Kind::ClaimRoyalty(pb::ClaimRoyalty::default());
    assert_refused(chain.submit(1, of_nothing), "royalties", 1);
    assert_refused(chain.submit(1, claim(0, "usdx", None)), "royalties", 7);
    assert_refused(chain.submit(3, claim(1, "usdx", None)), "royalties", 14);
    assert_refused(chain.submit(1, claim(2, "usdx", None)), "royalties", 14);
    assert_refused(chain.submit(1, claim(1, "usdx", None)), "royalties", 15);
    chain.submit(3, pay("villa", "usdx", 1)).unwrap();
    assert_refused(chain.submit(1, claim(1, "usdx", Some(low))), "royalties", 15);
    // The half base units of several payments become whole ones.
    for _ in 0..9_999 / 3 {
        chain.submit(3, pay("villa", "usdx", 3)).unwrap();
    }
    let events = chain.submit(4, claim(1, "usdx", Some(low))).unwrap();
    let [EventKind::RoyaltyClaimed(event)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.amount.as_str(), &event.recipient), ("3333", &low.to_bytes()));
    chain.submit(4, claim(1, "usdx", Some(high))).unwrap();
    let pool = Address::royalty_pool(&asset("villa"));
    assert_eq!(chain.holding_of("usdx", &pool).balance, Amount::ZERO, "nothing is left over");
    assert_refused(chain.submit(4, claim(1, "usdx", Some(high))), "royalties", 15);
}

#[test]
fn what_a_replaced_list_has_received_stays_claimable() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    chain.submit(ISSUER, page("villa", (true, true), &[(account(1), 10_000)])).unwrap();
    chain.submit(3, pay("villa", "eurx", 70)).unwrap();
    chain.submit(ISSUER, set("villa", schedule(&[(account(2), 10_000)]))).unwrap();
    chain.submit(3, pay("villa", "eurx", 5)).unwrap();
    chain.submit(1, claim(1, "eurx", None)).unwrap();
    assert_eq!(chain.balance("eurx", 1), u128::from(START_BALANCE) + 70);
    assert_eq!(chain.balance("eurx", 2), u128::from(START_BALANCE) + 5);
    let again = page("villa", (true, true), &[(account(4), 10_000)]);
    let events = chain.submit(ISSUER, again).unwrap();
    let [EventKind::RoyaltyRecipientsAdded(added), _] = events.as_slice() else { panic!() };
    assert_eq!(added.list, 2, "a number is never used again");
}

fn prune(list: u64, recipients: &[Address]) -> Kind {
    let mut recipients = recipients.to_vec();
    recipients.sort();
    let recipients = recipients.into_iter().map(Address::to_bytes).collect();
    let asset = asset("villa").to_bytes();
    Kind::PruneRoyaltyList(pb::PruneRoyaltyList { asset, list, recipients })
}

/// Leaves that are about list 1 or a later one.
fn leaves_of_lists(chain: &TestChain) -> usize {
    let of_lists =
        [Namespace::RoyaltyRecipient, Namespace::RoyaltyReceipts, Namespace::RoyaltyListFacts];
    let first: Vec<u8> = of_lists.into_iter().map(Namespace::byte).collect();
    chain.leaves().keys().filter(|key| first.contains(&key.as_bytes()[0])).count()
}

#[test]
fn prune_refuses_in_order_of_precedence() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    chain.submit(ISSUER, page("villa", (true, true), &[(account(1), 10_000)])).unwrap();
    let twice = pb::PruneRoyaltyList {
        asset: asset("villa").to_bytes(),
        list: 1,
        recipients: vec![account(1).to_bytes(); 2],
    };
    let numbered = |number: u32| {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        Address::new(bytes)
    };
    let many: Vec<_> = (0..513).map(numbered).collect();
    let other = pb::PruneRoyaltyList { asset: asset("nothing").to_bytes(), ..twice.clone() };
    let other = pb::PruneRoyaltyList { recipients: vec![account(1).to_bytes()], ..other };
    for (kind, codespace, code) in [
        (Kind::PruneRoyaltyList(pb::PruneRoyaltyList::default()), "royalties", 1),
        (prune(0, &[account(1)]), "royalties", 7),
        (prune(1, &[]), "royalties", 8),
        (prune(1, &many), "royalties", 8),
        (Kind::PruneRoyaltyList(twice), "royalties", 10),
        (Kind::PruneRoyaltyList(other), "assets", 11),
        (prune(1, &[account(1)]), "royalties", 17),
        (prune(2, &[account(1)]), "royalties", 17),
    ] {
        assert_refused(chain.submit(2, kind), codespace, code);
    }
    // A list that is being written is in use, and so is the one in force meanwhile.
    chain.submit(ISSUER, page("villa", (true, false), &[(account(2), 5_000)])).unwrap();
    for list in [1, 2] {
        assert_refused(chain.submit(2, prune(list, &[account(1)])), "royalties", 17);
    }
    chain.submit(ISSUER, set("villa", schedule(&[(account(2), 10_000)]))).unwrap();
    assert_refused(chain.submit(2, prune(1, &[account(2)])), "royalties", 19);
    chain.submit(2, prune(1, &[account(1)])).unwrap();
    assert_refused(chain.submit(2, prune(1, &[account(1)])), "royalties", 19);
}

#[test]
fn a_list_that_was_given_up_vanishes_page_by_page() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let before = leaves_of_lists(&chain);
    let mut accounts = [account(1), account(2), account(3)];
    accounts.sort();
    let [a, b, c] = accounts;
    chain.submit(ISSUER, page("villa", (true, false), &[(a, 10), (b, 10), (c, 10)])).unwrap();
    chain.submit(ISSUER, page("villa", (true, true), &[(b, 10_000)])).unwrap();
    let events = chain.submit(4, prune(1, &[a, c])).unwrap();
    let [EventKind::RoyaltyListPruned(event)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.list, event.removed, event.recipient_count), (1, 2, 1));
    chain.submit(4, prune(1, &[b])).unwrap();
    assert_eq!(leaves_of_lists(&chain), before + 2, "only the list in force is left");
    chain.submit(3, pay("villa", "usdx", 7)).unwrap();
    chain.submit(3, claim(2, "usdx", Some(b))).unwrap();
}

#[test]
fn whoever_has_something_to_claim_stays_on_the_list() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let (low, high) = (account(1).min(account(2)), account(1).max(account(2)));
    let shares = [(low, 1), (high, 9_999)];
    chain.submit(ISSUER, page("villa", (true, true), &shares)).unwrap();
    chain.submit(3, pay("villa", "usdx", 10_000)).unwrap();
    chain.submit(3, pay("villa", "eurx", 100)).unwrap();
    chain.submit(ISSUER, set("villa", schedule(&[(account(4), 10_000)]))).unwrap();
    assert_refused(chain.submit(5, prune(1, &[low, high])), "royalties", 19);
    chain.submit(5, claim(1, "usdx", Some(high))).unwrap();
    assert_refused(chain.submit(5, prune(1, &[low, high])), "royalties", 19);
    // What the one has of 100 is less than a base unit, and nobody pays any more.
    chain.submit(5, claim(1, "usdx", Some(low))).unwrap();
    chain.submit(5, prune(1, &[low, high])).unwrap();
    assert_refused(chain.submit(5, claim(1, "eurx", Some(low))), "royalties", 14);
    chain.submit(5, claim(1, "eurx", Some(high))).unwrap();
    chain.submit(5, prune(1, &[high])).unwrap();
    assert_eq!(leaves_of_lists(&chain), 0);
}

#[test]
fn a_list_that_was_paid_in_too_many_currencies_stays() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    chain.submit(ISSUER, page("villa", (true, true), &[(account(1), 10_000)])).unwrap();
    let key = StateKey::royalty_list_facts(&asset("villa"), 1);
    let mut facts: pb::RoyaltyListFacts = chain.get(&key).unwrap();
    facts.currencies = (0..63).map(|number| Bytes::from(vec![number; 16])).collect();
    chain.set(key, &facts);
    chain.submit(3, pay("villa", "usdx", 1)).unwrap();
    let facts: pb::RoyaltyListFacts = chain.get(&key).unwrap();
    assert_eq!((facts.currencies.len(), facts.more_currencies), (64, false));
    chain.submit(3, pay("villa", "eurx", 1)).unwrap();
    let facts: pb::RoyaltyListFacts = chain.get(&key).unwrap();
    assert_eq!((facts.currencies.len(), facts.more_currencies), (64, true));
    chain.submit(ISSUER, set("villa", schedule(&[(account(4), 10_000)]))).unwrap();
    assert_refused(chain.submit(5, prune(1, &[account(1)])), "royalties", 18);
}

#[test]
fn payments_to_a_list_run_side_by_side_but_for_the_first_in_a_currency() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    chain.submit(ISSUER, page("villa", (true, true), &[(account(1), 10_000)])).unwrap();
    let payments =
        [2, 3, 4].map(|sender| TestTx { sender, operations: vec![pay("villa", "usdx", 5)] });
    assert_eq!(chain.groups_of(&payments), 1);
    for result in chain.run(&payments, true) {
        result.unwrap();
    }
    assert_eq!(chain.groups_of(&payments), 3);
    // One block pays in a new currency, replaces the list and tries to remove it.
    let change = set("villa", schedule(&[(account(4), 10_000)]));
    let block = [
        (2, pay("villa", "eurx", 5)),
        (3, pay("villa", "eurx", 5)),
        (ISSUER, change),
        (5, prune(1, &[account(1)])),
    ];
    let block = block.map(|(sender, kind)| TestTx { sender, operations: vec![kind] });
    let mut serial = chain.clone();
    let results = [serial.run(&block, false), chain.run(&block, true)];
    for result in results {
        assert!(result[..3].iter().all(Result::is_ok));
        assert_refused(result[3].clone(), UNDECLARED, 1);
    }
    assert_eq!(serial.leaves(), chain.leaves());
}

proptest! {
    #[test]
    fn a_list_never_promises_more_than_was_paid(
        payments in prop::collection::vec((1u64..2_000, 0usize..4), 1..40),
        cuts in prop::collection::btree_set(1u32..10_000, 3),
    ) {
        let mut chain = TestChain::new();
        chain.submit(ISSUER, register("villa")).unwrap();
        let mut bounds: Vec<u32> = cuts.into_iter().collect();
        bounds.insert(0, 0);
        bounds.push(10_000);
        let mut accounts: Vec<Address> = (1..5).map(account).collect();
        accounts.sort();
        let parts: Vec<u32> = bounds.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let shares: Vec<_> = accounts.iter().copied().zip(parts.iter().copied()).collect();
        chain.submit(ISSUER, page("villa", (true, true), &shares)).unwrap();
        let (mut paid, mut claimed) = (0_u128, [0_u128; 4]);
        for (payment, claimant) in payments {
            chain.submit(5, pay("villa", "usdx", payment)).unwrap();
            paid += u128::from(payment);
            let due = paid * u128::from(parts[claimant]) / 10_000;
            let result = chain.submit(0, claim(1, "usdx", Some(accounts[claimant])));
            prop_assert_eq!(result.is_ok(), due > claimed[claimant]);
            claimed[claimant] = due;
            let pool = chain.holding_of("usdx", &Address::royalty_pool(&asset("villa"))).balance;
            prop_assert_eq!(pool.base_units(), paid - claimed.iter().sum::<u128>());
        }
    }


    #[test]
    fn parts_add_up_to_the_whole(
        base_units in 0u128..=Amount::MAX.base_units(),
        cuts in prop::collection::btree_set(1u32..10_000, 0..16),
    ) {
        let mut bounds: Vec<u32> = cuts.into_iter().collect();
        bounds.insert(0, 0);
        bounds.push(10_000);
        let shares: Vec<_> = (0_u8..)
            .zip(bounds.windows(2))
            .map(|(number, pair)| (Address::new([number; 20]), pair[1] - pair[0]))
            .collect();
        let amount = Amount::new(base_units).unwrap();
        let parts = Schedule::try_from(schedule(&shares)).unwrap().split(amount);
        let sum: u128 = parts.iter().map(|(_, part)| part.base_units()).sum();
        prop_assert_eq!(sum, base_units);
        for (account, part) in parts.iter().skip(1) {
            let share = shares.iter().find(|(other, _)| other == account).unwrap().1;
            let share = u128::from(share);
            prop_assert!(part.base_units() <= base_units / 10_000 * share + share);
        }
    }
}
