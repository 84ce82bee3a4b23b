//! Accounts that ask to accept an asset before its units arrive.

use bytes::Bytes;
use tessera_proto::pb::assets::v1 as assets;
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::pb::transfers::v1 as pb;

use super::desk::{Desk, ESCROW, KYC, VILLA, max_balance};
use crate::modules::testing::{
    ISSUER, Kind, TestChain, account, amount, assert_refused, asset, mint, register, transfer,
};
use crate::modules::transfers::movement::QUARANTINE_MS;

fn opt_in(required: bool) -> Kind {
    Kind::SetOptIn(pb::SetOptIn { required })
}

fn accept(name: &str, accepted: bool) -> Kind {
    Kind::AcceptAsset(pb::AcceptAsset { asset: asset(name).to_bytes(), accepted })
}

/// Account 2 asks to accept assets first.
fn guarded() -> Desk {
    let mut desk = Desk::new(vec![]);
    desk.send(ISSUER, 1, 100).unwrap();
    desk.submit(2, opt_in(true)).unwrap();
    desk
}

fn held(desk: &Desk, number: u8) -> u128 {
    desk.chain.holding(VILLA, number).encumbered.base_units()
}

#[test]
fn units_wait_with_their_holder_until_the_receiver_takes_them() {
    let mut desk = guarded();
    let events = desk.send(1, 2, 30).unwrap();
    let [EventKind::TransferQuarantined(event)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.number, event.amount.as_str()), (1, "30"));
    assert_eq!(event.expires_ms, desk.chain.block.time_ms + QUARANTINE_MS);
    assert_eq!((desk.balance(1), held(&desk, 1), desk.balance(2)), (100, 30, 0));
    // Nobody but the receiver takes them, and the sender cannot spend them or take them back.
    assert_refused(desk.execute(1, 1, 1), "compliance", 37);
    assert_refused(desk.release(1, 1, 1), "compliance", 38);
    assert_refused(desk.send(1, 3, 71), "transfers", 13);
    desk.execute(2, 1, 1).unwrap();
    assert_eq!((desk.balance(1), held(&desk, 1), desk.balance(2)), (70, 0, 30));
    // Having some is not yet accepting more.
    desk.send(1, 2, 5).unwrap();
    assert_eq!((desk.balance(2), held(&desk, 1)), (30, 5));
}

#[test]
fn units_come_back_when_the_receiver_refuses_or_the_time_is_over() {
    let mut desk = guarded();
    desk.send(1, 2, 30).unwrap();
    desk.release(2, 1, 1).unwrap();
    assert_eq!((desk.balance(1), held(&desk, 1)), (100, 0));
    desk.send(1, 2, 30).unwrap();
    desk.chain.block.time_ms += QUARANTINE_MS;
    desk.release(9, 1, 2).unwrap();
    assert_eq!((desk.balance(1), held(&desk, 1)), (100, 0));
}

#[test]
fn the_agent_frees_units_that_wait() {
    let mut desk = guarded();
    desk.send(1, 2, 100).unwrap();
    desk.force(1, 3, 100).unwrap();
    assert_eq!((desk.balance(1), desk.balance(2), desk.balance(3)), (0, 0, 100));
    assert_refused(desk.execute(2, 1, 1), "compliance", 36);
}

#[test]
fn accepted_assets_arrive_at_once_until_they_are_accepted_no_more() {
    let mut desk = guarded();
    desk.submit(2, accept(VILLA, true)).unwrap();
    desk.send(1, 2, 10).unwrap();
    assert_eq!(desk.balance(2), 10);
    desk.submit(2, accept(VILLA, false)).unwrap();
    desk.send(1, 2, 10).unwrap();
    assert_eq!((desk.balance(2), held(&desk, 1)), (10, 10));
    desk.submit(2, opt_in(false)).unwrap();
    desk.send(1, 2, 10).unwrap();
    assert_eq!(desk.balance(2), 20);
    assert_refused(desk.submit(2, accept("nothing", true)), "transfers", 11);
}

#[test]
fn rules_are_asked_when_units_are_sent_and_again_when_they_arrive() {
    let mut desk = guarded();
    desk.set_rules(vec![max_balance(40)]).unwrap();
    assert_refused(desk.send(1, 2, 41), "eligibility", 19);
    desk.send(1, 2, 30).unwrap();
    // What waits does not count as held, so it is checked once more.
    desk.send(1, 2, 30).unwrap();
    desk.execute(2, 1, 1).unwrap();
    assert_refused(desk.execute(2, 1, 2), "eligibility", 19);
    desk.revoke(2, KYC).unwrap();
    assert_refused(desk.send(1, 2, 1), "eligibility", 14);
    desk.release(2, 1, 2).unwrap();
}

#[test]
fn a_batch_arrives_where_it_may_and_waits_where_it_must() {
    let mut desk = guarded();
    let leg = |to: u8, units: u64| pb::TransferLeg {
        to: account(to).to_bytes(),
        amount: units.to_string(),
    };
    let batch = |legs| {
        let (asset, memo_sha256) = (asset(VILLA).to_bytes(), Bytes::new());
        Kind::BatchTransfer(pb::BatchTransfer { asset, legs, memo_sha256 })
    };
    assert_refused(desk.submit(1, batch(vec![leg(2, 60), leg(3, 41)])), "transfers", 13);
    desk.submit(1, batch(vec![leg(2, 60), leg(3, 40)])).unwrap();
    assert_eq!((desk.balance(1), held(&desk, 1), desk.balance(3)), (60, 60, 40));
}

#[test]
fn nobody_gets_units_to_who_has_not_accepted_them_in_another_way() {
    let mut desk = guarded();
    assert_refused(desk.submit(ISSUER, mint(VILLA, 2, 1)), "transfers", 23);
    desk.hold(1, 2, 30).unwrap();
    assert_refused(desk.execute(ESCROW, 1, 1), "transfers", 23);
    desk.submit(2, accept(VILLA, true)).unwrap();
    desk.execute(ESCROW, 1, 1).unwrap();
    desk.submit(ISSUER, mint(VILLA, 2, 1)).unwrap();
    assert_eq!(desk.balance(2), 31);
}

#[test]
fn only_so_many_transfers_can_wait() {
    let mut desk = guarded();
    for _ in 0..64 {
        desk.send(1, 2, 1).unwrap();
    }
    assert_refused(desk.send(1, 2, 1), "transfers", 24);
    desk.send(1, 3, 1).unwrap();
}

#[test]
fn unregulated_assets_ask_only_if_they_were_registered_so() {
    let mut chain = TestChain::new();
    chain.add_asset("plain");
    let Kind::RegisterAsset(tower) = register("tower") else { unreachable!() };
    let tower = assets::RegisterAsset { opt_in: true, ..tower };
    chain.submit(ISSUER, Kind::RegisterAsset(tower)).unwrap();
    let mut facts = chain.facts("tower");
    facts.status = assets::AssetStatus::Active.into();
    let key = tessera_proto::state_key::StateKey::asset(&asset("tower"));
    chain.set(key, &facts);
    let appraisal = chain.signed_appraisal("tower", chain.block.time_ms);
    chain.submit(ISSUER, Kind::AppendAppraisal(appraisal)).unwrap();
    chain.submit(ISSUER, mint("tower", ISSUER, 100)).unwrap();
    chain.submit(2, opt_in(true)).unwrap();
    chain.submit(ISSUER, transfer("plain", &account(2), 5)).unwrap();
    chain.submit(ISSUER, transfer("tower", &account(2), 5)).unwrap();
    assert_eq!((chain.balance("plain", 2), chain.balance("tower", 2)), (5, 0));
    assert_eq!(chain.holding("tower", ISSUER).encumbered, amount(5));
    // They look at the receiver, so they also see that it is denied the chain.
    let key = tessera_proto::state_key::StateKey::wallet(&account(3));
    let wallet = tessera_proto::pb::compliance::v1::Wallet {
        sanctioned: true,
        ..tessera_proto::pb::compliance::v1::Wallet::default()
    };
    chain.set(key, &wallet);
    assert_refused(chain.submit(ISSUER, transfer("tower", &account(3), 1)), "eligibility", 12);
}
