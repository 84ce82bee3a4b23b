//! Accounts: every refusal in order of precedence, signers, nonces and prepaid fees.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use bytes::Bytes;
use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1 as pb;
use tessera_proto::pb::accounts::v1::{Account, NonceLane, public_key};
use tessera_proto::state_key::StateKey;

use super::{AccountError, MAX_NONCE_LANES, authorise, take_nonce};
use crate::modules::testing::{
    Kind, START_BALANCE, TestChain, account, amount, assert_refused, key_bytes, public_key,
};
use crate::state::delta::Delta;

fn weighted(number: u8, weight: u32) -> pb::WeightedKey {
    pb::WeightedKey { public_key: Some(public_key(number)), weight }
}

/// An authority with keys in the order that the chain wants.
fn authority(keys: &[(u8, u32)], threshold: u32) -> pb::Authority {
    let mut keys = keys.to_vec();
    keys.sort_by_key(|(number, _)| key_bytes(*number));
    let keys = keys.into_iter().map(|(number, weight)| weighted(number, weight)).collect();
    pb::Authority { keys, threshold }
}

fn rotate(authority: pb::Authority) -> Kind {
    Kind::RotateKeys(pb::RotateKeys { authority: Some(authority) })
}

fn raw_key(bytes: &'static [u8]) -> pb::WeightedKey {
    let key = Some(public_key::Key::Ed25519(Bytes::from_static(bytes)));
    pb::WeightedKey { public_key: Some(pb::PublicKey { key }), weight: 1 }
}

#[test]
fn rotate_keys_refuses_in_order_of_precedence() {
    let mut chain = TestChain::new();
    let of = |keys: Vec<pb::WeightedKey>| pb::Authority { keys, threshold: 9 };
    let mut descending = authority(&[(1, 1), (2, 1)], 9);
    descending.keys.reverse();
    assert_refused(chain.submit(1, Kind::RotateKeys(pb::RotateKeys::default())), "accounts", 1);
    for (authority, code) in [
        (of(vec![]), 8),
        (of((0..17).map(|number| weighted(number, 1)).collect()), 8),
        (of(vec![pb::WeightedKey::default()]), 1),
        (of(vec![raw_key(&[1; 31])]), 2),
        (of(vec![weighted(1, 0)]), 7),
        (of(vec![weighted(1, 65_536)]), 7),
        // No point of the curve has this y coordinate.
        (of(vec![weighted(1, 1), raw_key(&[2; 32])]), 11),
        (descending, 10),
        (of(vec![weighted(1, 1), weighted(1, 1)]), 10),
        (authority(&[(1, 1), (2, 2)], 4), 12),
        (authority(&[(1, 1), (2, 2)], 0), 12),
    ] {
        assert_refused(chain.submit(1, rotate(authority)), "accounts", code);
    }
    assert_eq!(chain.get::<Account>(&StateKey::account(&account(1))), None);
}

#[test]
fn rotation_changes_who_may_sign_and_keeps_the_rest() {
    let mut chain = TestChain::new();
    let key = StateKey::account(&account(1));
    let lanes = vec![NonceLane { lane: 3, next_nonce: 7 }];
    let before = Account { fee_credit: "5".to_owned(), nonce_lanes: lanes, ..Account::default() };
    chain.set(key, &before);
    chain.submit(1, rotate(authority(&[(2, 2), (3, 1), (4, 1)], 3))).unwrap();
    let after: Account = chain.get(&key).unwrap();
    assert_eq!((&after.fee_credit, &after.nonce_lanes), (&before.fee_credit, &before.nonce_lanes));
    let signed_by = |signers: &[u8]| {
        let signers: Vec<_> = signers.iter().copied().map(public_key).collect();
        authorise(Some(&after), &account(1), &signers).map_err(|error| error.code())
    };
    assert_eq!(signed_by(&[2, 3]), Ok(()));
    assert_eq!(signed_by(&[4, 3, 2]), Ok(()));
    assert_eq!(signed_by(&[3, 3, 1]), Err(14));
    assert_eq!(signed_by(&[3, 1]), Err(13), "the old key has no say");
    assert_eq!(signed_by(&[3, 4]), Err(15));
    assert_eq!(signed_by(&[]), Err(15));
}

#[test]
fn an_unused_account_is_signed_for_by_its_first_key_alone() {
    let address = account(1);
    assert_eq!(authorise(None, &address, &[public_key(1)]), Ok(()));
    assert_eq!(authorise(Some(&Account::default()), &address, &[public_key(1)]), Ok(()));
    let refused = |signers: &[pb::PublicKey]| authorise(None, &address, signers).unwrap_err();
    assert_eq!(refused(&[public_key(2)]).code(), 13);
    assert_eq!(refused(&[public_key(1), public_key(2)]).code(), 13);
    assert_eq!(refused(&[pb::PublicKey::default()]).code(), 1);
    assert_eq!(refused(&[]), AccountError::NotEnoughWeight { account: address, have: 0, need: 1 });
}

#[test]
fn nonces_count_up_in_each_lane() {
    let (mut state, address) = (Account::default(), account(1));
    for (lane, nonce, expected) in [
        (7, 1, Err((1, 0))),
        (7, 0, Ok(())),
        (7, 0, Err((0, 1))),
        (3, 0, Ok(())),
        (7, 1, Ok(())),
        (7, 3, Err((3, 2))),
        (7, u64::MAX, Err((u64::MAX, 2))),
    ] {
        let result = take_nonce(&mut state, &address, lane, nonce);
        let mismatch =
            |(have, want)| AccountError::NonceMismatch { account: address, lane, have, want };
        assert_eq!(result, expected.map_err(mismatch));
    }
    let lanes = [(3, 1), (7, 2)].map(|(lane, next_nonce)| NonceLane { lane, next_nonce });
    assert_eq!(state.nonce_lanes, lanes);
}

#[test]
fn lanes_and_nonces_have_an_end() {
    let (mut state, address) = (Account::default(), account(1));
    for lane in 0..u32::try_from(MAX_NONCE_LANES).unwrap() {
        take_nonce(&mut state, &address, lane * 2, 0).unwrap();
    }
    assert_eq!(take_nonce(&mut state, &address, 1, 0).unwrap_err().code(), 17);
    assert_eq!(take_nonce(&mut state, &address, 2, 1), Ok(()));
    state.nonce_lanes[0].next_nonce = u64::MAX;
    assert_eq!(take_nonce(&mut state, &address, 0, 0).unwrap_err().code(), 16);
    assert_eq!(take_nonce(&mut state, &address, 0, u64::MAX).unwrap_err().code(), 18);
    assert_eq!(state.nonce_lanes[0].next_nonce, u64::MAX);
}

fn top_up(address: &Address, text: &str) -> Kind {
    Kind::TopUpFees(pb::TopUpFees { account: address.to_bytes(), amount: text.to_owned() })
}

#[test]
fn top_up_refuses_in_order_of_precedence() {
    let mut chain = TestChain::new();
    for (kind, codespace, code) in [
        (Kind::TopUpFees(pb::TopUpFees::default()), "accounts", 1),
        (top_up(&Address::fee_pool(), "0"), "accounts", 9),
        (top_up(&account(1), "0"), "accounts", 4),
        (top_up(&account(1), "-1"), "accounts", 3),
        (top_up(&account(1), "1000001"), "transfers", 13),
    ] {
        assert_refused(chain.submit(1, kind), codespace, code);
    }
}

#[test]
fn prepaid_fees_are_backed_by_the_fee_pool() {
    let mut chain = TestChain::new();
    chain.submit(1, top_up(&account(1), "10")).unwrap();
    chain.submit(1, top_up(&account(8), "20")).unwrap();
    chain.submit(2, top_up(&account(8), "5")).unwrap();
    let credit = |number| {
        let state: Account = chain.get(&StateKey::account(&account(number))).unwrap();
        state.fee_credit
    };
    assert_eq!((credit(1).as_str(), credit(8).as_str()), ("10", "25"));
    assert_eq!(chain.holding_of("usdx", &Address::fee_pool()).balance, amount(35));
    assert_eq!(chain.balance("usdx", 1), u128::from(START_BALANCE) - 30);
    chain.apply(&Delta::Fee { amount: amount(3) });
    chain.apply(&Delta::Fee { amount: amount(4) });
    let pot: tessera_proto::pb::chain::v1::FeePot = chain.get(&StateKey::fee_pot()).unwrap();
    assert_eq!(pot.amount, "7");
}
