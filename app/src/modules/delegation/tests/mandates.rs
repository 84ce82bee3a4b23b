//! Acting for others: what a mandate covers, and that nobody gets past it.

use bytes::Bytes;
use prost::Message as _;
use tessera_proto::pb::accounts::v1 as pb;
use tessera_proto::pb::assets::v1 as assets;
use tessera_proto::pb::chain::v1::Operation;
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::pb::compliance::v1 as compliance;
use tessera_proto::state_key::StateKey;

use crate::modules::delegation::delegable::{DELEGABLE, taken_by};
use crate::modules::router;
use crate::modules::testing::{
    ISSUER, Kind, TestChain, account, assert_refused, asset, mint, split, transfer,
};

const OWNER: u8 = 1;
const HOLDER: u8 = 2;

fn chain() -> TestChain {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    chain.submit(ISSUER, transfer("villa", &account(OWNER), 100)).unwrap();
    chain
}

fn mandate(chain: &TestChain) -> pb::GiveMandate {
    pb::GiveMandate {
        account: account(HOLDER).to_bytes(),
        operations: vec!["BurnUnits".to_owned(), "Transfer".to_owned()],
        asset: asset("villa").to_bytes(),
        amount: "50".to_owned(),
        expires_ms: chain.block.time_ms + 1_000,
        uses: 0,
    }
}

fn act(operation: Kind) -> Kind {
    let operation: Bytes = Operation { kind: Some(operation) }.encode_to_vec().into();
    Kind::ActFor(pb::ActFor { principal: account(OWNER).to_bytes(), operation })
}

fn send(units: u64) -> Kind {
    act(transfer("villa", &account(3), units))
}

fn left(chain: &TestChain) -> Option<pb::Mandate> {
    chain.get(&StateKey::mandate(&account(OWNER), &account(HOLDER)))
}

#[test]
fn giving_a_mandate_is_refused_in_order_of_precedence() {
    let mut chain = chain();
    let valid = mandate(&chain);
    let with = |change: fn(&mut pb::GiveMandate)| {
        let mut message = valid.clone();
        change(&mut message);
        message
    };
    for (message, code) in [
        (pb::GiveMandate::default(), 1),
        (with(|m| (m.operations, m.asset) = (vec![], Bytes::from_static(&[1]))), 8),
        (with(|m| m.operations = vec!["RotateKeys".to_owned()]), 27),
        (with(|m| m.operations = vec!["ActFor".to_owned()]), 27),
        (with(|m| m.operations = vec!["GiveMandate".to_owned()]), 27),
        (with(|m| m.operations.reverse()), 28),
        (with(|m| m.asset = Bytes::from_static(&[1])), 2),
        (with(|m| m.asset = Bytes::new()), 1),
        (with(|m| m.amount = "0".to_owned()), 4),
        (with(|m| (m.account, m.expires_ms) = (account(OWNER).to_bytes(), 0)), 24),
        (with(|m| (m.expires_ms, m.asset) = (0, asset("nothing").to_bytes())), 25),
    ] {
        assert_refused(chain.submit(OWNER, Kind::GiveMandate(message)), "accounts", code);
    }
    let unknown = with(|m| m.asset = asset("nothing").to_bytes());
    assert_refused(chain.submit(OWNER, Kind::GiveMandate(unknown)), "transfers", 11);
    let account = account(HOLDER).to_bytes();
    let revoke = Kind::RevokeMandate(pb::RevokeMandate { account });
    assert_refused(chain.submit(OWNER, revoke), "accounts", 29);
}

#[test]
fn an_operation_runs_as_if_its_principal_had_sent_it() {
    let mut chain = chain();
    chain.submit(OWNER, Kind::GiveMandate(mandate(&chain))).unwrap();
    let events = chain.submit(HOLDER, send(20)).unwrap();
    let [EventKind::ActedFor(acted), EventKind::Transferred(moved)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(
        (&acted.account, acted.operation.as_str()),
        (&account(HOLDER).to_bytes(), "Transfer")
    );
    assert_eq!(moved.from, account(OWNER).to_bytes());
    assert_eq!((chain.balance("villa", OWNER), chain.balance("villa", 3)), (80, 20));
    assert_eq!(left(&chain).unwrap().amount, "30");
    // A refusal of the operation is told as its own, and uses nothing up.
    assert_refused(
        chain.submit(HOLDER, act(transfer("villa", &account(OWNER), 1))),
        "transfers",
        10,
    );
    assert_eq!(left(&chain).unwrap().amount, "30");
}

#[test]
fn what_a_mandate_does_not_cover_is_refused() {
    let mut chain = chain();
    assert_refused(chain.submit(HOLDER, send(1)), "accounts", 29);
    chain.submit(OWNER, Kind::GiveMandate(mandate(&chain))).unwrap();
    for (sender, kind, code) in [
        // Others have no part in it, nor does it work the other way round.
        (4, send(1), 29),
        (OWNER, send(1), 29),
        (HOLDER, act(transfer("usdx", &account(3), 1)), 32),
        (HOLDER, send(51), 33),
        (HOLDER, act(mint("villa", 3, 1)), 34),
        (HOLDER, act(send(1)), 34),
        (HOLDER, act(Kind::GiveMandate(mandate(&chain))), 34),
        (HOLDER, act(Kind::RotateKeys(pb::RotateKeys::default())), 1),
    ] {
        assert_refused(chain.submit(sender, kind), "accounts", code);
    }
    let offer = Kind::AcceptAsset(tessera_proto::pb::transfers::v1::AcceptAsset {
        asset: asset("villa").to_bytes(),
        accepted: true,
    });
    assert_refused(chain.submit(HOLDER, act(offer)), "accounts", 31);
    let malformed =
        pb::ActFor { principal: account(OWNER).to_bytes(), operation: Bytes::from_static(&[9]) };
    assert_refused(chain.submit(HOLDER, Kind::ActFor(malformed)), "accounts", 34);
    // Over means that the time has reached the end.
    chain.block.time_ms += 1_000;
    assert_refused(chain.submit(HOLDER, send(51)), "accounts", 30);
    assert_eq!(chain.balance("villa", OWNER), 100);
}

#[test]
fn every_operation_of_a_transaction_uses_the_mandate_once() {
    let mut chain = chain();
    chain.submit(OWNER, Kind::GiveMandate(mandate(&chain))).unwrap();
    // Together they take more than is allowed, so none happens.
    assert_refused(chain.submit_all(HOLDER, vec![send(30), send(30)]), "accounts", 33);
    assert_eq!(left(&chain).unwrap().amount, "50");
    let burn = act(Kind::BurnUnits(assets::BurnUnits {
        asset: asset("villa").to_bytes(),
        amount: "20".to_owned(),
    }));
    chain.submit_all(HOLDER, vec![send(30), burn]).unwrap();
    assert_refused(chain.submit(HOLDER, send(1)), "accounts", 33);
    let twice = pb::GiveMandate { uses: 2, ..mandate(&chain) };
    chain.submit(OWNER, Kind::GiveMandate(twice)).unwrap();
    assert_refused(chain.submit_all(HOLDER, vec![send(1), send(1), send(1)]), "accounts", 29);
    chain.submit_all(HOLDER, vec![send(1), send(1)]).unwrap();
    assert_refused(chain.submit(HOLDER, send(1)), "accounts", 29);
}

#[test]
fn a_spend_limit_grows_with_a_split() {
    let mut chain = chain();
    chain.submit(OWNER, Kind::GiveMandate(mandate(&chain))).unwrap();
    chain.submit(HOLDER, send(20)).unwrap();
    chain.submit(ISSUER, split("villa", 2, 1)).unwrap();
    assert_refused(chain.submit(HOLDER, send(61)), "accounts", 33);
    chain.submit(HOLDER, send(60)).unwrap();
}

#[test]
fn a_mandate_ends_when_it_is_revoked_and_does_not_get_past_a_sanction() {
    let mut chain = chain();
    chain.submit(OWNER, Kind::GiveMandate(mandate(&chain))).unwrap();
    let key = StateKey::account(&account(OWNER));
    let denied = pb::Account { sanctioned: true, ..pb::Account::default() };
    chain.set(key, &denied);
    assert_refused(chain.submit(HOLDER, send(1)), "accounts", 19);
    chain.set(key, &pb::Account::default());
    let account = account(HOLDER).to_bytes();
    chain.submit(OWNER, Kind::RevokeMandate(pb::RevokeMandate { account })).unwrap();
    assert_refused(chain.submit(HOLDER, send(1)), "accounts", 29);
}

#[test]
fn a_mandate_does_not_get_past_a_freeze() {
    let mut chain = chain();
    chain.submit(OWNER, Kind::GiveMandate(mandate(&chain))).unwrap();
    let (asset, account) = (asset("villa").to_bytes(), account(OWNER).to_bytes());
    let freeze = compliance::FreezeHolder { asset, account };
    chain.submit(ISSUER, Kind::FreezeHolder(freeze)).unwrap();
    assert_refused(chain.submit(HOLDER, send(1)), "transfers", 17);
}

#[test]
fn the_names_of_what_can_be_delegated_are_names_of_operations() {
    assert!(DELEGABLE.is_sorted());
    assert!(DELEGABLE.iter().all(|name| router::Operation::NAMES.contains(name)));
    let of = |kind: Kind| {
        let operation = Operation { kind: Some(kind) };
        let checked = router::Operation::try_from(operation).unwrap();
        (taken_by(&checked).is_some(), DELEGABLE.contains(&checked.name()))
    };
    assert_eq!(of(transfer("villa", &account(3), 1)), (true, true));
    assert_eq!(of(mint("villa", 3, 1)), (false, false));
    assert_eq!(
        of(Kind::RevokeMandate(pb::RevokeMandate { account: account(3).to_bytes() })),
        (false, false)
    );
}
