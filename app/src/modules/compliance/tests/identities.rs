//! Identities, wallets and claims.

use bytes::Bytes;
use tessera_proto::pb::accounts::v1::{Account, Authority, WeightedKey};
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::desk::{COUNTRY, Desk, KYC, KYC_PROVIDER, VALIDITY_MS, claim, link};
use crate::modules::testing::{Kind, TestChain, account, assert_refused, key_bytes, public_key};

fn identity_of(chain: &TestChain, number: u8) -> Bytes {
    chain.get::<pb::Wallet>(&StateKey::wallet(&account(number))).unwrap_or_default().identity
}

fn unlink(wallet: u8) -> Kind {
    Kind::UnlinkWallet(pb::UnlinkWallet { wallet: account(wallet).to_bytes() })
}

#[test]
fn one_identity_has_many_wallets_and_each_agrees() {
    let mut desk = Desk::new(vec![]);
    desk.link(1, 7).unwrap();
    assert_eq!(identity_of(&desk.chain, 7), account(1).to_bytes());
    // Any wallet acts for the identity, so that losing the first one is no loss of all.
    let height = desk.chain.block.height;
    let message = link(&desk.chain, 1, 8, height, 8);
    desk.submit(7, Kind::LinkWallet(message)).unwrap();
    let known: pb::Identity = desk.chain.get(&StateKey::identity(&account(1))).unwrap();
    assert_eq!(known.wallet_count, 3);
    desk.submit(8, unlink(1)).unwrap();
    assert_eq!(identity_of(&desk.chain, 1), Bytes::new());
    // An identity is founded once.
    let again = Kind::RegisterIdentity(pb::RegisterIdentity {});
    assert_refused(desk.submit(1, again.clone()), "compliance", 14);
    assert_refused(desk.submit(7, again), "compliance", 14);
}

#[test]
fn link_refuses_in_order_of_precedence() {
    let mut desk = Desk::new(vec![]);
    let height = desk.chain.block.height;
    let good = link(&desk.chain, 1, 7, height, 7);
    let late = link(&desk.chain, 1, 7, height - 1, 7);
    let early = link(&desk.chain, 1, 7, height + 10_001, 7);
    let forged = link(&desk.chain, 1, 7, height, 8);
    let other_identity = link(&desk.chain, 2, 7, height, 7);
    let mut garbled = good.clone();
    garbled.signatures[0].signature = Bytes::from_static(&[1; 64]);
    let mut short = good.clone();
    short.signatures[0].signature = Bytes::from_static(&[1; 63]);
    let unsigned = pb::LinkWallet { signatures: vec![], ..good.clone() };
    for (sender, message, code) in [
        (1, pb::LinkWallet::default(), 1),
        (1, unsigned, 8),
        (1, short, 2),
        (9, good.clone(), 15),
        (1, link(&desk.chain, 1, 2, height - 1, 8), 14),
        (1, late, 17),
        (1, early, 17),
        (1, forged, 18),
        (1, other_identity, 18),
        (1, garbled, 18),
    ] {
        assert_refused(desk.submit(sender, Kind::LinkWallet(message)), "compliance", code);
    }
    desk.submit(1, Kind::LinkWallet(good)).unwrap();
}

#[test]
fn a_wallet_of_several_keys_agrees_with_as_many_as_it_wants() {
    let mut desk = Desk::new(vec![]);
    let mut keys = [7, 8];
    keys.sort_by_key(|number| key_bytes(*number));
    let key = |number: &u8| WeightedKey { public_key: Some(public_key(*number)), weight: 1 };
    let authority = Authority { keys: keys.iter().map(key).collect(), threshold: 2 };
    let leaf = Account { authority: Some(authority), ..Account::default() };
    desk.chain.set(StateKey::account(&account(7)), &leaf);
    let height = desk.chain.block.height;
    let mut message = link(&desk.chain, 1, 7, height, 7);
    let refused = desk.submit(1, Kind::LinkWallet(message.clone()));
    assert_refused(refused, "compliance", 18);
    message.signatures.extend(link(&desk.chain, 1, 7, height, 8).signatures);
    desk.submit(1, Kind::LinkWallet(message)).unwrap();
}

#[test]
fn a_wallet_leaves_only_without_regulated_units() {
    let mut desk = Desk::new(vec![]);
    assert_refused(desk.submit(9, unlink(1)), "compliance", 15);
    assert_refused(desk.submit(1, unlink(2)), "compliance", 16);
    assert_refused(desk.submit(1, unlink(1)), "compliance", 21);
    desk.link(1, 7).unwrap();
    desk.send(0, 7, 10).unwrap();
    let refused = desk.submit(1, unlink(7)).unwrap_err();
    assert_eq!((refused.codespace, refused.code), ("compliance", 20));
    desk.send(7, 1, 10).unwrap();
    desk.submit(1, unlink(7)).unwrap();
}

#[test]
fn claims_refuse_in_order_of_precedence() {
    let mut desk = Desk::new(vec![]);
    let now = desk.chain.block.time_ms;
    for (message, code) in [
        (pb::IssueClaim::default(), 1),
        (claim(9, 0, "DE", now), 7),
        (claim(9, 65_536, "DE", now), 7),
        (pb::IssueClaim { asset: Bytes::from_static(&[1]), ..claim(9, KYC, "DE", now) }, 2),
        (claim(9, KYC, "DE", now), 24),
        (claim(9, COUNTRY, "", now), 24),
        (claim(9, COUNTRY, "DEU", now), 5),
        (claim(9, COUNTRY, "de", now), 7),
        (pb::IssueClaim { data_sha256: Bytes::from_static(&[1]), ..claim(9, KYC, "", now) }, 2),
        (claim(9, KYC, "", now), 22),
        (claim(1, KYC, "", now), 23),
    ] {
        assert_refused(desk.submit(KYC_PROVIDER, Kind::IssueClaim(message)), "compliance", code);
    }
    assert_refused(desk.revoke(9, KYC), "compliance", 25);
    desk.revoke(1, KYC).unwrap();
    desk.chain.next_block();
    assert_refused(desk.revoke(1, KYC), "compliance", 26);
}

#[test]
fn a_claim_is_over_at_its_end_and_not_before() {
    let mut desk = Desk::new(vec![]);
    desk.send(0, 1, 10).unwrap();
    let end = desk.chain.block.time_ms + VALIDITY_MS;
    desk.chain.block.time_ms = end - 1;
    desk.send(1, 2, 1).unwrap();
    desk.chain.block.time_ms = end;
    let refused = desk.send(1, 2, 1).unwrap_err();
    assert_eq!((refused.codespace, refused.code), ("eligibility", 14));
    assert!(refused.message.ends_with("missing or expired: KYC"), "{refused}");
    // A new claim takes the place of the old one.
    desk.claim(1, KYC, "").unwrap();
    desk.claim(2, KYC, "").unwrap();
    desk.send(1, 2, 1).unwrap();
}

#[test]
fn claims_of_a_revoked_issuer_count_up_to_a_date() {
    let mut desk = Desk::new(vec![]);
    let revoke = |from_ms: u64| {
        let issuer = account(KYC_PROVIDER).to_bytes();
        Kind::RevokeIssuer(pb::RevokeIssuer { issuer, from_ms })
    };
    desk.chain.skip_blocks(5);
    let from_ms = desk.chain.block.time_ms;
    desk.admit(6);
    assert_refused(desk.submit(1, revoke(from_ms)), "compliance", 27);
    assert_refused(desk.submit(KYC_PROVIDER, revoke(0)), "compliance", 7);
    desk.submit(KYC_PROVIDER, revoke(from_ms)).unwrap();
    assert_refused(desk.submit(KYC_PROVIDER, revoke(from_ms)), "compliance", 26);
    desk.send(0, 1, 10).unwrap();
    assert_refused(desk.send(0, 6, 10), "eligibility", 14);
    // The authority of the chain finds that it began earlier.
    desk.submit(0, revoke(1)).unwrap();
    assert_refused(desk.send(0, 1, 10), "eligibility", 14);
}

#[test]
fn a_claim_for_one_asset_counts_for_no_other_and_strangers_for_none() {
    let mut desk = Desk::new(vec![]);
    desk.submit(6, Kind::RegisterIdentity(pb::RegisterIdentity {})).unwrap();
    let expires_ms = desk.chain.block.time_ms + 1;
    let message = claim(6, KYC, "", expires_ms);
    let scoped = |name: &str| pb::IssueClaim {
        asset: crate::modules::testing::asset(name).to_bytes(),
        ..message.clone()
    };
    desk.submit(21, Kind::IssueClaim(message.clone())).unwrap();
    desk.submit(KYC_PROVIDER, Kind::IssueClaim(scoped("tower"))).unwrap();
    assert_refused(desk.send(0, 6, 1), "eligibility", 14);
    desk.submit(KYC_PROVIDER, Kind::IssueClaim(scoped("villa"))).unwrap();
    desk.send(0, 6, 1).unwrap();
}
