//! Holds: escrow, expiry, and their place among what binds units.

use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::pb::compliance::v1::EncumbranceKind;
use tessera_proto::state_key::StateKey;

use super::desk::{Desk, ESCROW, HOLD_MS, KYC, VILLA};
use crate::modules::testing::{ISSUER, Kind, account, amount, assert_refused, asset};

#[test]
fn placing_refuses_in_order_of_precedence() {
    let mut desk = Desk::new(vec![]);
    desk.send(ISSUER, 1, 100).unwrap();
    let good = desk.hold_of(2, 10);
    let own = account(1).to_bytes();
    for (message, codespace, code) in [
        (pb::PlaceHold::default(), "compliance", 1),
        (pb::PlaceHold { escrow: own.clone(), ..good.clone() }, "compliance", 30),
        (pb::PlaceHold { payee: own, ..good.clone() }, "compliance", 30),
        (desk.hold_of(2, 101), "transfers", 13),
        (pb::PlaceHold { expires_ms: desk.chain.block.time_ms, ..good.clone() }, "compliance", 34),
    ] {
        assert_refused(desk.submit(1, Kind::PlaceHold(message)), codespace, code);
    }
    for _ in 0..64 {
        desk.hold(1, 2, 1).unwrap();
    }
    assert_refused(desk.hold(1, 2, 1), "compliance", 35);
}

#[test]
fn held_units_stay_with_the_holder_but_are_not_free() {
    let mut desk = Desk::new(vec![]);
    desk.send(ISSUER, 1, 100).unwrap();
    desk.hold(1, 2, 60).unwrap();
    let holding = desk.chain.holding(VILLA, 1);
    assert_eq!((holding.balance, holding.encumbered), (amount(100), amount(60)));
    assert_refused(desk.send(1, 3, 41), "transfers", 13);
    assert_refused(desk.hold(1, 2, 41), "transfers", 13);
    desk.send(1, 3, 40).unwrap();
}

#[test]
fn the_escrow_agent_gives_the_units_to_the_payee_before_the_end() {
    let mut desk = Desk::new(vec![]);
    desk.send(ISSUER, 1, 100).unwrap();
    desk.hold(1, 2, 60).unwrap();
    assert_refused(desk.execute(ESCROW, 1, 2), "compliance", 36);
    assert_refused(desk.execute(2, 1, 1), "compliance", 37);
    desk.chain.block.time_ms += HOLD_MS - 1;
    desk.execute(ESCROW, 1, 1).unwrap();
    assert_eq!((desk.balance(1), desk.balance(2)), (40, 60));
    assert!(desk.chain.holding(VILLA, 1).encumbered.is_zero());
    assert_eq!(desk.encumbrances(1), []);
    // Numbers are never used again.
    let events = desk.hold(1, 2, 10).unwrap();
    let [EventKind::HoldPlaced(event)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(event.number, 2);
    desk.chain.block.time_ms += HOLD_MS;
    assert_refused(desk.execute(ESCROW, 1, 2), "compliance", 34);
}

#[test]
fn a_hold_is_released_by_its_parties_and_after_its_end_by_anyone() {
    let mut desk = Desk::new(vec![]);
    desk.send(ISSUER, 1, 100).unwrap();
    for _ in 0..3 {
        desk.hold(1, 2, 10).unwrap();
    }
    assert_refused(desk.release(1, 1, 1), "compliance", 38);
    desk.release(ESCROW, 1, 1).unwrap();
    desk.release(2, 1, 2).unwrap();
    assert_refused(desk.release(2, 1, 2), "compliance", 36);
    desk.chain.block.time_ms += HOLD_MS - 1;
    assert_refused(desk.release(9, 1, 3), "compliance", 38);
    desk.chain.block.time_ms += 1;
    // Neither an expired claim nor a freeze keeps one's own units bound.
    desk.revoke(1, KYC).unwrap();
    desk.freeze(1).unwrap();
    desk.pause().unwrap();
    desk.release(9, 1, 3).unwrap();
    assert!(desk.chain.holding(VILLA, 1).encumbered.is_zero());
}

#[test]
fn execution_asks_the_rules_again() {
    let mut desk = Desk::new(vec![]);
    desk.send(ISSUER, 1, 100).unwrap();
    desk.hold(1, 2, 60).unwrap();
    desk.revoke(2, KYC).unwrap();
    assert_refused(desk.execute(ESCROW, 1, 1), "eligibility", 14);
    desk.claim(2, KYC, "").unwrap();
    desk.execute(ESCROW, 1, 1).unwrap();
}

#[test]
fn a_seizure_releases_orders_then_holds_then_collateral_with_notice() {
    let mut desk = Desk::new(vec![]);
    desk.send(ISSUER, 1, 100).unwrap();
    for units in [10, 20, 30] {
        desk.hold(1, 2, units).unwrap();
    }
    // Of the three, the first is collateral and the last an order.
    let key = StateKey::encumbrances(&asset(VILLA), &account(1));
    let mut list: pb::Encumbrances = desk.chain.get(&key).unwrap();
    list.entries[0].set_kind(EncumbranceKind::Collateral);
    list.entries[2].set_kind(EncumbranceKind::Order);
    desk.chain.set(key, &list);
    let released = |desk: &mut Desk, units: u64| -> Vec<u64> {
        let events = desk.force(1, 3, units).unwrap();
        let number = |event: &EventKind| match event {
            EventKind::EncumbranceReleased(event) => Some(event.number),
            _ => None,
        };
        events.iter().filter_map(number).collect()
    };
    assert_eq!(released(&mut desk, 40), [0; 0]);
    assert_eq!(released(&mut desk, 5), [3]);
    assert_eq!(desk.chain.holding(VILLA, 1).encumbered, amount(30));
    assert_eq!(released(&mut desk, 50), [2, 1]);
    assert_eq!(desk.balance(1), 5);
    assert!(desk.chain.holding(VILLA, 1).encumbered.is_zero());
}
