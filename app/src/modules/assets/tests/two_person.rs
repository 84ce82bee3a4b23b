//! Operations that take two persons.

use bytes::Bytes;
use prost::Message as _;
use sha2::{Digest, Sha256};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::{AssetStatus, PendingAction, Role};
use tessera_proto::pb::chain::v1::Operation;
use tessera_proto::state_key::StateKey;

use super::life_cycle::{burn, change};
use super::roles::grant;
use crate::modules::testing::{
    ISSUER, Kind, TestChain, account, assert_refused, asset, mint, transfer,
};

const FIRST: u8 = 1;
const SECOND: u8 = 2;

fn bytes(operation: Kind) -> Bytes {
    Operation { kind: Some(operation) }.encode_to_vec().into()
}

fn hash(operation: Kind) -> [u8; 32] {
    Sha256::digest(bytes(operation)).into()
}

fn propose(name: &str, operation: Kind, expires_ms: u64) -> Kind {
    let (asset, operation) = (asset(name).to_bytes(), bytes(operation));
    Kind::ProposeAction(pb::ProposeAction { asset, operation, expires_ms })
}

fn withdraw(operation: Kind) -> Kind {
    let operation_sha256 = Bytes::copy_from_slice(&hash(operation));
    Kind::WithdrawAction(pb::WithdrawAction { asset: asset("villa").to_bytes(), operation_sha256 })
}

fn rule(mint: bool, forced_transfer: bool) -> Kind {
    let asset = asset("villa").to_bytes();
    Kind::SetTwoPersonRule(pb::SetTwoPersonRule { asset, mint, forced_transfer, split: false })
}

/// A villa whose units two minters issue together.
fn chain_with_rule() -> (TestChain, u64) {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    let later = chain.block.time_ms + 1_000;
    for minter in [FIRST, SECOND] {
        chain.submit(ISSUER, grant("villa", minter, Role::Minter, later)).unwrap();
    }
    chain.submit(ISSUER, rule(true, false)).unwrap();
    (chain, later)
}

#[test]
fn units_are_issued_by_two_persons_together() {
    let (mut chain, later) = chain_with_rule();
    let operation = mint("villa", 3, 7);
    assert_refused(chain.submit(FIRST, operation.clone()), "assets", 37);
    chain.submit(FIRST, propose("villa", operation.clone(), later)).unwrap();
    assert_refused(chain.submit(FIRST, operation.clone()), "assets", 38);
    assert_refused(chain.submit(4, operation.clone()), "assets", 30);
    // What was proposed, and nothing like it.
    for other in [mint("villa", 3, 8), mint("villa", 4, 7)] {
        assert_refused(chain.submit(SECOND, other), "assets", 37);
    }
    chain.submit(SECOND, operation.clone()).unwrap();
    assert_eq!(chain.balance("villa", 3), 7);
    // A proposal is used up.
    assert_refused(chain.submit(SECOND, operation), "assets", 37);
}

#[test]
fn the_issuer_is_one_person_too() {
    let (mut chain, later) = chain_with_rule();
    let operation = mint("villa", 3, 7);
    chain.submit(ISSUER, propose("villa", operation.clone(), later)).unwrap();
    assert_refused(chain.submit(ISSUER, operation.clone()), "assets", 38);
    chain.submit(FIRST, operation).unwrap();
}

#[test]
fn a_proposal_counts_only_before_its_end_and_while_its_proposer_has_the_role() {
    let (mut chain, later) = chain_with_rule();
    let operation = mint("villa", 3, 7);
    let end = later - 500;
    chain.submit(FIRST, propose("villa", operation.clone(), end)).unwrap();
    let mut expired = chain.clone();
    expired.block.time_ms = end;
    assert_refused(expired.submit(SECOND, operation.clone()), "assets", 37);
    // It can be proposed again then.
    expired.submit(FIRST, propose("villa", operation.clone(), later)).unwrap();
    expired.submit(SECOND, operation.clone()).unwrap();
    let mut dismissed = chain.clone();
    let asset_bytes = asset("villa").to_bytes();
    let (account, role) = (account(FIRST).to_bytes(), Role::Minter.into());
    let revoke = Kind::RevokeRole(pb::RevokeRole { asset: asset_bytes, account, role });
    dismissed.submit(ISSUER, revoke).unwrap();
    assert_refused(dismissed.submit(SECOND, operation.clone()), "assets", 30);
    chain.block.time_ms = end - 1;
    chain.submit(SECOND, operation).unwrap();
}

#[test]
fn proposals_are_refused_in_order_of_precedence() {
    let (mut chain, later) = chain_with_rule();
    let now = chain.block.time_ms;
    let operation = mint("villa", 3, 7);
    let raw = |operation: Vec<u8>| {
        let (asset, operation) = (asset("villa").to_bytes(), operation.into());
        Kind::ProposeAction(pb::ProposeAction { asset, operation, expires_ms: now })
    };
    let not_canonical = [bytes(operation.clone()).to_vec(), vec![0x98, 0x06, 1]].concat();
    for (message, code) in [
        (Kind::ProposeAction(pb::ProposeAction::default()), 1),
        (raw(vec![]), 5),
        (raw(vec![1; 1_025]), 5),
        (raw(vec![0xff]), 39),
        (raw(not_canonical), 39),
        (propose("villa", transfer("villa", &account(3), 1), now), 39),
        (propose("villa", mint("usdx", 3, 7), now), 39),
        (propose("nothing", mint("nothing", 3, 7), now), 11),
        (propose("villa", operation.clone(), now), 30),
    ] {
        assert_refused(chain.submit(4, message), "assets", code);
    }
    assert_refused(chain.submit(FIRST, propose("villa", operation.clone(), now)), "assets", 40);
    chain.submit(FIRST, propose("villa", operation.clone(), later)).unwrap();
    assert_refused(chain.submit(SECOND, propose("villa", operation, later)), "assets", 41);
    chain.submit(ISSUER, burn("villa", 1_000)).unwrap();
    chain.submit(ISSUER, change("villa", AssetStatus::Retired)).unwrap();
    let closed = propose("villa", mint("villa", 3, 9), later);
    assert_refused(chain.submit(FIRST, closed), "assets", 29);
}

#[test]
fn a_proposal_is_withdrawn_by_its_proposer_or_an_issuer() {
    let (mut chain, later) = chain_with_rule();
    let operation = mint("villa", 3, 7);
    let malformed = Kind::WithdrawAction(pb::WithdrawAction::default());
    assert_refused(chain.submit(FIRST, malformed), "assets", 1);
    assert_refused(chain.submit(FIRST, withdraw(operation.clone())), "assets", 37);
    for by in [FIRST, ISSUER] {
        chain.submit(FIRST, propose("villa", operation.clone(), later)).unwrap();
        assert_refused(chain.submit(SECOND, withdraw(operation.clone())), "assets", 30);
        chain.submit(by, withdraw(operation.clone())).unwrap();
        assert_refused(chain.submit(SECOND, operation.clone()), "assets", 37);
    }
    let key = StateKey::pending_action(&asset("villa"), &hash(operation));
    assert_eq!(chain.get::<PendingAction>(&key), None);
}

#[test]
fn one_issuer_adds_to_the_rule_and_two_leave_something_out() {
    let (mut chain, later) = chain_with_rule();
    chain.submit(ISSUER, grant("villa", SECOND, Role::Issuer, later)).unwrap();
    assert_refused(chain.submit(FIRST, rule(true, true)), "assets", 30);
    chain.submit(ISSUER, rule(true, true)).unwrap();
    for weaker in [rule(false, true), rule(true, false), rule(false, false)] {
        assert_refused(chain.submit(ISSUER, weaker), "assets", 37);
    }
    chain.submit(ISSUER, propose("villa", rule(false, false), later)).unwrap();
    assert_refused(chain.submit(ISSUER, rule(false, false)), "assets", 38);
    chain.submit(SECOND, rule(false, false)).unwrap();
    chain.submit(FIRST, mint("villa", 3, 7)).unwrap();
}
