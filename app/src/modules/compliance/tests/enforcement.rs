//! Freeze, pause, forced transfer, recovery, sanctions and allowances.

use bytes::Bytes;
use prost::Message as _;
use tessera_proto::pb::accounts::v1::Account;
use tessera_proto::pb::assets::v1 as assets;
use tessera_proto::pb::chain::v1::Operation;
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::pb::transfers::v1 as transfers;
use tessera_proto::state_key::{HolderBucket, StateKey};

use super::desk::{Desk, KYC, VILLA, force, recover};
use crate::modules::accounts::authorise;
use crate::modules::testing::{
    ISSUER, Kind, START_BALANCE, account, amount, assert_refused, asset, public_key, transfer,
};

#[test]
fn only_the_agent_may_restrict_an_asset() {
    let mut desk = Desk::new(vec![]);
    let asset_bytes = asset(VILLA).to_bytes();
    let (asset, account) = (asset_bytes.clone(), account(2).to_bytes());
    let messages = [
        Kind::SetFrozen(pb::SetFrozen {
            asset: asset.clone(),
            account: account.clone(),
            amount: "0".to_owned(),
        }),
        Kind::FreezeHolder(pb::FreezeHolder { asset: asset.clone(), account: account.clone() }),
        Kind::UnfreezeHolder(pb::UnfreezeHolder { asset: asset.clone(), account }),
        Kind::PauseAsset(pb::PauseAsset { asset: asset.clone() }),
        Kind::ResumeAsset(pb::ResumeAsset { asset }),
        Kind::ForcedTransfer(force(2, 3, 1)),
        Kind::RecoverWallet(recover(2, 3)),
    ];
    for message in messages {
        assert_refused(desk.submit(1, message), "assets", 30);
    }
    let form = Kind::SetFrozen(pb::SetFrozen { asset: asset_bytes, ..Default::default() });
    assert_refused(desk.submit(ISSUER, form), "compliance", 1);
}

#[test]
fn the_frozen_amount_is_absolute_and_may_exceed_the_balance() {
    let mut desk = Desk::new(vec![]);
    desk.send(ISSUER, 1, 100).unwrap();
    desk.set_frozen(1, 70).unwrap();
    assert_refused(desk.send(1, 2, 31), "transfers", 13);
    let events = desk.set_frozen(1, 500).unwrap();
    let [EventKind::FrozenSet(event)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.before.as_str(), event.after.as_str()), ("70", "500"));
    assert!(desk.chain.holding(VILLA, 1).free().is_zero());
    // What arrives is frozen too, for the amount is above the balance.
    desk.send(ISSUER, 1, 100).unwrap();
    assert_refused(desk.send(1, 2, 1), "transfers", 13);
    desk.set_frozen(1, 0).unwrap();
    desk.send(1, 2, 200).unwrap();
}

#[test]
fn a_frozen_holder_neither_sends_nor_receives() {
    let mut desk = Desk::new(vec![]);
    desk.send(ISSUER, 1, 100).unwrap();
    desk.freeze(1).unwrap();
    assert_refused(desk.freeze(1), "compliance", 12);
    let refused = desk.send(1, 2, 1).unwrap_err();
    assert_eq!((refused.codespace, refused.code), ("transfers", 17));
    assert_refused(desk.send(ISSUER, 1, 1), "eligibility", 13);
    let unfreeze = |number: u8| {
        let (asset, account) = (asset(VILLA).to_bytes(), account(number).to_bytes());
        Kind::UnfreezeHolder(pb::UnfreezeHolder { asset, account })
    };
    desk.submit(ISSUER, unfreeze(1)).unwrap();
    assert_refused(desk.submit(ISSUER, unfreeze(1)), "compliance", 13);
    desk.send(1, 2, 1).unwrap();
}

#[test]
fn an_unregulated_asset_can_be_frozen_and_paused_too() {
    let mut desk = Desk::new(vec![]);
    let (asset, account_1) = (asset("usdx").to_bytes(), account(1).to_bytes());
    let freeze = pb::FreezeHolder { asset: asset.clone(), account: account_1 };
    desk.submit(ISSUER, Kind::FreezeHolder(freeze)).unwrap();
    assert_refused(desk.submit(1, transfer("usdx", &account(2), 1)), "transfers", 17);
    desk.submit(2, transfer("usdx", &account(1), 1)).unwrap();
    let pause = pb::PauseAsset { asset };
    desk.submit(ISSUER, Kind::PauseAsset(pause)).unwrap();
    assert_refused(desk.submit(2, transfer("usdx", &account(3), 1)), "transfers", 16);
}

#[test]
fn a_paused_asset_stands_still_but_for_its_agent() {
    let mut desk = Desk::new(vec![]);
    desk.send(ISSUER, 1, 100).unwrap();
    desk.pause().unwrap();
    assert_refused(desk.pause(), "compliance", 10);
    assert_refused(desk.send(1, 2, 1), "transfers", 16);
    desk.force(1, 2, 10).unwrap();
    let resume = Kind::ResumeAsset(pb::ResumeAsset { asset: asset(VILLA).to_bytes() });
    desk.submit(ISSUER, resume.clone()).unwrap();
    assert_refused(desk.submit(ISSUER, resume), "compliance", 11);
    desk.send(2, 3, 10).unwrap();
}

#[test]
fn forced_transfer_refuses_in_order_of_precedence() {
    let mut desk = Desk::new(vec![]);
    let good = force(1, 2, 1);
    let with = |change: fn(&mut pb::ForcedTransfer)| {
        let mut message = good.clone();
        change(&mut message);
        message
    };
    for (message, codespace, code) in [
        (pb::ForcedTransfer::default(), "compliance", 1),
        (with(|m| m.amount = "0".to_owned()), "compliance", 4),
        (with(|m| m.reason = 0), "compliance", 7),
        (with(|m| m.document_sha256.clear()), "compliance", 1),
        (force(1, 1, 1), "compliance", 30),
        (force(1, 9, 1), "compliance", 31),
    ] {
        assert_refused(desk.submit(ISSUER, Kind::ForcedTransfer(message)), codespace, code);
    }
    desk.send(ISSUER, 1, 1).unwrap();
    assert_refused(desk.force(1, 9, 1), "eligibility", 11);
    desk.revoke(2, KYC).unwrap();
    assert_refused(desk.force(1, 2, 1), "eligibility", 14);
    // Of the holder nothing is asked.
    desk.revoke(1, KYC).unwrap();
    desk.force(1, 3, 1).unwrap();
}

#[test]
fn a_forced_transfer_unfreezes_only_the_shortfall_and_only_with_a_debit() {
    let mut desk = Desk::new(vec![]);
    desk.send(ISSUER, 1, 100).unwrap();
    desk.set_frozen(1, 80).unwrap();
    desk.freeze(1).unwrap();
    let events = desk.force(1, 2, 50).unwrap();
    let [EventKind::TransferForced(event)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(event.unfrozen, "30");
    let holding = desk.chain.holding(VILLA, 1);
    assert_eq!((holding.balance, holding.frozen), (amount(50), amount(50)));
    assert!(holding.is_frozen(), "the freeze of the holder stays");
    let before = desk.chain.leaves().clone();
    assert_refused(desk.force(1, 2, 51), "compliance", 31);
    assert_refused(desk.force(1, 1, 10), "compliance", 30);
    assert_eq!(*desk.chain.leaves(), before, "nothing is unfrozen without a debit");
    // Frozen beyond the balance: the rest stays frozen.
    desk.set_frozen(1, 1_000).unwrap();
    desk.force(1, 2, 20).unwrap();
    assert_eq!(desk.chain.holding(VILLA, 1).frozen, amount(980));
}

#[test]
fn an_agent_acts_for_a_time_and_history_remembers_it() {
    let mut desk = Desk::new(vec![]);
    desk.send(ISSUER, 1, 100).unwrap();
    let expires_ms = desk.chain.block.time_ms + 1;
    desk.grant_agent(2, expires_ms);
    let head = StateKey::history_head(&asset(VILLA));
    let before = desk.chain.get::<assets::HistoryHead>(&head).unwrap().count;
    desk.submit(2, Kind::ForcedTransfer(force(1, 3, 10))).unwrap();
    assert_eq!(desk.chain.get::<assets::HistoryHead>(&head).unwrap().count, before + 1);
    desk.chain.next_block();
    assert_refused(desk.submit(2, Kind::ForcedTransfer(force(1, 3, 10))), "assets", 30);
}

#[test]
fn a_forced_transfer_takes_two_persons_where_the_asset_says_so() {
    let mut desk = Desk::new(vec![]);
    desk.send(ISSUER, 1, 100).unwrap();
    let expires_ms = desk.chain.block.time_ms + 1_000;
    desk.grant_agent(2, expires_ms);
    let id = asset(VILLA).to_bytes();
    let rule = assets::SetTwoPersonRule {
        asset: id.clone(),
        forced_transfer: true,
        ..assets::SetTwoPersonRule::default()
    };
    desk.submit(ISSUER, Kind::SetTwoPersonRule(rule)).unwrap();
    let forced = Kind::ForcedTransfer(force(1, 3, 10));
    assert_refused(desk.submit(ISSUER, forced.clone()), "assets", 37);
    let operation = Operation { kind: Some(forced.clone()) }.encode_to_vec().into();
    let propose = assets::ProposeAction { asset: id, operation, expires_ms };
    desk.submit(2, Kind::ProposeAction(propose)).unwrap();
    assert_refused(desk.submit(2, forced.clone()), "assets", 38);
    desk.submit(ISSUER, forced.clone()).unwrap();
    assert_refused(desk.submit(ISSUER, forced), "assets", 37);
}

#[test]
fn recovery_refuses_in_order_of_precedence() {
    let mut desk = Desk::new(vec![]);
    desk.link(1, 7).unwrap();
    let no_document = pb::RecoverWallet { document_sha256: Bytes::new(), ..recover(1, 7) };
    for (message, code) in [
        (pb::RecoverWallet::default(), 1),
        (no_document, 1),
        (recover(1, 1), 30),
        (recover(1, 2), 32),
        (recover(8, 9), 32),
        (recover(1, 7), 33),
    ] {
        assert_refused(desk.submit(ISSUER, Kind::RecoverWallet(message)), "compliance", code);
    }
}

#[test]
fn recovery_moves_everything_to_the_own_other_wallet_without_valid_claims() {
    let mut desk = Desk::new(vec![]);
    desk.link(1, 7).unwrap();
    desk.send(ISSUER, 1, 100).unwrap();
    desk.hold(1, 2, 30).unwrap();
    desk.set_frozen(1, 40).unwrap();
    desk.freeze(1).unwrap();
    desk.revoke(1, KYC).unwrap();
    desk.pause().unwrap();
    desk.recover(1, 7).unwrap();
    let holding = desk.chain.holding(VILLA, 7);
    assert_eq!((desk.balance(1), desk.balance(7)), (0, 100));
    assert_eq!((holding.frozen, holding.encumbered), (amount(40), amount(30)));
    assert!(holding.is_frozen());
    assert_eq!((desk.encumbrances(1).len(), desk.encumbrances(7).len()), (0, 1));
    assert_eq!(desk.count(HolderBucket::All), 2);
    assert_eq!(desk.record(1).balance, "100");
    // The lost wallet holds nothing regulated any more, so it can leave.
    let unlink = pb::UnlinkWallet { wallet: account(1).to_bytes() };
    desk.submit(7, Kind::UnlinkWallet(unlink)).unwrap();
}

fn sanction(number: u8, sanctioned: bool) -> Kind {
    Kind::SetSanction(pb::SetSanction {
        account: account(number).to_bytes(),
        sanctioned,
        document_sha256: Bytes::from_static(&[5; 32]),
    })
}

#[test]
fn a_sanctioned_account_can_do_nothing() {
    let mut desk = Desk::new(vec![]);
    assert_refused(desk.submit(1, sanction(2, true)), "compliance", 27);
    assert_refused(desk.submit(ISSUER, sanction(ISSUER, true)), "compliance", 30);
    assert_refused(desk.submit(ISSUER, sanction(2, false)), "compliance", 39);
    desk.send(ISSUER, 2, 10).unwrap();
    desk.submit(ISSUER, sanction(2, true)).unwrap();
    let leaf: Account = desk.chain.get(&StateKey::account(&account(2))).unwrap();
    let refused = authorise(Some(&leaf), &account(2), &[public_key(2)]).unwrap_err();
    assert_eq!(refused.code(), 19);
    assert_refused(desk.send(ISSUER, 2, 1), "eligibility", 12);
    assert_refused(desk.send(2, 1, 1), "eligibility", 12);
    assert_refused(desk.force(2, 9, 1), "eligibility", 11);
    desk.force(2, 1, 10).unwrap();
    desk.submit(ISSUER, sanction(2, false)).unwrap();
    desk.send(1, 2, 10).unwrap();
}

fn approve(spender: u8, units: u64, expires_ms: u64) -> Kind {
    Kind::ApproveSpender(transfers::ApproveSpender {
        asset: asset("usdx").to_bytes(),
        spender: account(spender).to_bytes(),
        amount: units.to_string(),
        expires_ms,
    })
}

fn transfer_from(name: &str, from: u8, to: u8, units: u64) -> Kind {
    Kind::TransferFrom(transfers::TransferFrom {
        asset: asset(name).to_bytes(),
        from: account(from).to_bytes(),
        to: account(to).to_bytes(),
        amount: units.to_string(),
        memo_sha256: Bytes::new(),
    })
}

#[test]
fn an_allowance_lets_another_account_send_up_to_an_amount_and_a_date() {
    let mut desk = Desk::new(vec![]);
    let now = desk.chain.block.time_ms;
    assert_refused(desk.submit(1, approve(1, 5, 0)), "transfers", 10);
    assert_refused(desk.submit(1, approve(2, 5, now)), "transfers", 20);
    assert_refused(desk.submit(2, transfer_from("usdx", 1, 1, 5)), "transfers", 10);
    assert_refused(desk.submit(2, transfer_from("usdx", 1, 3, 5)), "transfers", 19);
    desk.submit(1, approve(2, 10, now + 1_000)).unwrap();
    desk.submit(2, transfer_from("usdx", 1, 3, 6)).unwrap();
    assert_refused(desk.submit(2, transfer_from("usdx", 1, 3, 5)), "transfers", 21);
    let too_much = desk.chain.leaves().clone();
    desk.submit(1, approve(2, 2 * START_BALANCE, 0)).unwrap();
    let all = transfer_from("usdx", 1, 3, START_BALANCE);
    assert_refused(desk.submit(2, all), "transfers", 13);
    assert_ne!(*desk.chain.leaves(), too_much);
    desk.submit(1, approve(2, 4, now + 1_000)).unwrap();
    desk.chain.next_block();
    assert_refused(desk.submit(2, transfer_from("usdx", 1, 3, 1)), "transfers", 20);
    desk.submit(1, approve(2, 4, 0)).unwrap();
    desk.submit(2, transfer_from("usdx", 1, 3, 4)).unwrap();
    let key = StateKey::allowance(&asset("usdx"), &account(1), &account(2));
    assert_eq!(desk.chain.get::<transfers::Allowance>(&key), None);
    assert_eq!(desk.chain.balance("usdx", 3), u128::from(START_BALANCE) + 10);
}

#[test]
fn an_allowance_evades_neither_rules_nor_freezes_nor_sanctions() {
    let mut desk = Desk::new(vec![]);
    desk.send(ISSUER, 1, 10).unwrap();
    for name in [VILLA, "usdx"] {
        let Kind::ApproveSpender(message) = approve(2, 10, 0) else { unreachable!() };
        let message = transfers::ApproveSpender { asset: asset(name).to_bytes(), ..message };
        desk.submit(1, Kind::ApproveSpender(message)).unwrap();
    }
    assert_refused(desk.submit(2, transfer_from(VILLA, 1, 9, 1)), "eligibility", 11);
    desk.submit(2, transfer_from(VILLA, 1, 3, 1)).unwrap();
    desk.freeze(1).unwrap();
    assert_refused(desk.submit(2, transfer_from(VILLA, 1, 3, 1)), "transfers", 17);
    desk.submit(ISSUER, sanction(1, true)).unwrap();
    assert_refused(desk.submit(2, transfer_from("usdx", 1, 3, 1)), "transfers", 22);
}
