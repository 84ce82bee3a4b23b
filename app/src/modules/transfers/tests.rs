//! Transfers: every refusal in order of precedence, and what a transfer leaves behind.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use bytes::Bytes;
use proptest::prelude::*;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Holding;
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::pb::transfers::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::record::Version;
use crate::modules::testing::{
    Kind, START_BALANCE, TestChain, account, amount, assert_refused, asset, register, transfer,
};
use crate::state::error::Fault;

fn valid() -> pb::Transfer {
    pb::Transfer {
        asset: asset("usdx").to_bytes(),
        to: account(2).to_bytes(),
        amount: "5".to_owned(),
        memo_sha256: Bytes::new(),
    }
}

#[test]
fn transfer_refuses_in_order_of_precedence() {
    let mut chain = TestChain::new();
    chain.submit(0, register("villa")).unwrap();
    let none = pb::Transfer::default();
    let short = pb::Transfer { asset: Bytes::from_static(&[1; 15]), ..none.clone() };
    let unknown = pb::Transfer { asset: Bytes::from_static(&[1; 16]), ..none.clone() };
    let fee_pool = pb::Transfer { to: Address::fee_pool().to_bytes(), ..unknown.clone() };
    let itself = pb::Transfer { to: account(1).to_bytes(), ..unknown.clone() };
    let text = pb::Transfer { amount: "5.0".to_owned(), ..itself.clone() };
    let zero = pb::Transfer { amount: "0".to_owned(), ..itself.clone() };
    let amount = pb::Transfer { amount: "99999999".to_owned(), ..itself.clone() };
    let memo = pb::Transfer { memo_sha256: Bytes::from_static(&[1; 31]), ..amount.clone() };
    let other = pb::Transfer { to: account(2).to_bytes(), ..amount.clone() };
    let proposed = pb::Transfer { asset: asset("villa").to_bytes(), ..other.clone() };
    let too_much = pb::Transfer { asset: asset("usdx").to_bytes(), ..other.clone() };
    for (message, code) in [
        (none, 1),
        (short, 2),
        (unknown, 1),
        (fee_pool, 9),
        (itself, 1),
        (text, 3),
        (zero, 4),
        (memo, 2),
        (amount, 10),
        (other, 11),
        (proposed, 12),
        (too_much, 13),
    ] {
        assert_refused(chain.submit(1, Kind::Transfer(message)), "transfers", code);
    }
    chain.submit(1, Kind::Transfer(valid())).unwrap();
}

#[test]
fn transfer_moves_units_and_counts_holders() {
    let mut chain = TestChain::new();
    let newcomer = account(7);
    let events = chain.submit(1, transfer("usdx", &newcomer, START_BALANCE)).unwrap();
    assert_eq!(chain.balance("usdx", 1), 0);
    assert_eq!(chain.holding_of("usdx", &newcomer).balance, amount(START_BALANCE));
    assert_eq!(chain.totals("usdx").holder_count, 6);
    let [EventKind::Transferred(event)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(event.from, account(1).to_bytes());
    assert_eq!(event.amount, START_BALANCE.to_string());
    let key = StateKey::holding(&asset("usdx"), &account(1));
    assert_eq!(chain.get::<Holding>(&key), None, "who holds nothing has no leaf");
    chain.submit(2, transfer("usdx", &newcomer, 1)).unwrap();
    chain.submit(2, transfer("usdx", &account(1), 1)).unwrap();
    assert_eq!(chain.totals("usdx").holder_count, 7);
}

#[test]
fn frozen_and_encumbered_units_do_not_move() {
    let mut chain = TestChain::new();
    let key = StateKey::holding(&asset("usdx"), &account(1));
    let holding = Holding {
        balance: amount(10),
        frozen: amount(3),
        encumbered: amount(4),
        ..Holding::default()
    };
    chain.set(key, &holding);
    let refused = chain.submit(1, transfer("usdx", &account(2), 4)).unwrap_err();
    assert_eq!(
        refused.message,
        format!(
            "{} needs 4 base units of `usdx` and has 3 free: 10 held, 4 encumbered, 3 frozen",
            account(1)
        )
    );
    chain.submit(1, transfer("usdx", &account(2), 3)).unwrap();
    chain.set(key, &Holding { frozen: Amount::MAX, ..holding });
    assert_refused(chain.submit(1, transfer("usdx", &account(2), 1)), "transfers", 13);
}

fn batch(legs: &[(u8, u64)]) -> pb::BatchTransfer {
    let leg = |(to, units): &(u8, u64)| pb::TransferLeg {
        to: account(*to).to_bytes(),
        amount: units.to_string(),
    };
    pb::BatchTransfer {
        asset: asset("usdx").to_bytes(),
        legs: legs.iter().map(leg).collect(),
        memo_sha256: Bytes::new(),
    }
}

#[test]
fn batch_refuses_in_order_of_precedence() {
    let mut chain = TestChain::new();
    chain.submit(0, register("villa")).unwrap();
    let max = Amount::MAX.to_string();
    let mut too_large = batch(&[(2, 1), (3, 1)]);
    for leg in &mut too_large.legs {
        leg.amount.clone_from(&max);
    }
    let mut unknown = batch(&[(2, 9_999_999)]);
    unknown.asset = AssetId::default().to_bytes();
    let mut proposed = unknown.clone();
    proposed.asset = asset("villa").to_bytes();
    let mut itself = unknown.clone();
    itself.legs.push(pb::TransferLeg { to: account(1).to_bytes(), amount: "1".to_owned() });
    let many: Vec<(u8, u64)> = (0..=255).map(|_| (2, 1)).collect();
    let mut too_many = batch(&many);
    too_many.legs.push(too_many.legs[0].clone());
    for (message, code) in [
        (pb::BatchTransfer::default(), 1),
        (pb::BatchTransfer { memo_sha256: Bytes::from_static(&[1]), ..batch(&[]) }, 8),
        (pb::BatchTransfer { memo_sha256: Bytes::from_static(&[1]), ..too_many.clone() }, 8),
        (pb::BatchTransfer { memo_sha256: Bytes::from_static(&[1]), ..batch(&[(2, 0)]) }, 2),
        (batch(&[(2, 0), (2, 0)]), 4),
        (batch(&[(2, 1), (3, 1), (2, 1)]), 14),
        (too_large, 15),
        (itself, 10),
        (unknown, 11),
        (proposed, 12),
        (batch(&[(2, START_BALANCE), (3, 1)]), 13),
    ] {
        assert_refused(chain.submit(1, Kind::BatchTransfer(message)), "transfers", code);
    }
    assert_eq!(chain.balance("usdx", 1), u128::from(START_BALANCE));
    let events = chain.submit(1, Kind::BatchTransfer(batch(&[(2, 5), (7, 6)]))).unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(chain.balance("usdx", 1), u128::from(START_BALANCE) - 11);
    assert_eq!(chain.balance("usdx", 7), 6);
}

#[test]
fn a_transaction_is_all_or_nothing() {
    let mut chain = TestChain::new();
    let before = chain.leaves().clone();
    let operations =
        vec![transfer("usdx", &account(2), 5), transfer("usdx", &account(3), START_BALANCE)];
    assert_refused(chain.submit_all(1, operations), "transfers", 13);
    assert_eq!(*chain.leaves(), before);
}

/// A quantity that changes at some heights, with some heights being records.
fn naive_and_copied(changes: &[(u64, u64)], records: &[u64]) -> Vec<(Option<Amount>, Amount)> {
    let mut version = Version { value: Amount::ZERO, changed_height: 0, copy_height: 0 };
    let mut copies = std::collections::BTreeMap::new();
    for (height, value) in changes {
        let latest = records.iter().filter(|record| *record < height).max();
        let due = |record: &&u64| version.changed_height <= **record && !version.value.is_zero();
        if let Some(record) = latest.filter(due) {
            copies.insert(*record, version);
            version.copy_height = *record;
        }
        version = Version { value: amount(*value), changed_height: *height, ..version };
    }
    let at = |record: &u64| {
        let found: Result<_, Fault> =
            version.at(*record, |height| Ok(copies.get(&height).copied()));
        let last = changes.iter().rfind(|(height, _)| height <= record);
        (found.unwrap(), amount(last.map_or(0, |(_, value)| *value)))
    };
    records.iter().map(at).collect()
}

proptest! {
    #[test]
    fn a_value_at_a_record_is_the_closing_value_of_its_block(
        mut changes in prop::collection::vec((1u64..40, 0u64..3), 0..20),
        records in prop::collection::btree_set(1u64..40, 0..10),
    ) {
        changes.sort_by_key(|(height, _)| *height);
        let records: Vec<u64> = records.into_iter().collect();
        for (found, expected) in naive_and_copied(&changes, &records) {
            prop_assert_eq!(found, Some(expected));
        }
    }
}

#[test]
fn looking_back_has_an_end() {
    let version = Version { value: amount(1), changed_height: 9_999, copy_height: 9_998 };
    let copy = |height: u64| {
        let (changed_height, copy_height) = (height, height - 1);
        Ok::<_, Fault>(Some(Version { value: amount(1), changed_height, copy_height }))
    };
    assert_eq!(version.at(1, copy).unwrap(), None);
}
