//! One rule for signatures, ZIP-215, on every path that checks one (fault 16).

use bytes::Bytes;
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use ed25519_zebra::{Signature, VerificationKey, VerificationKeyBytes, batch};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use prost::Message as _;
use sha2::{Digest, Sha512};
use tessera_app::chain::verify::Verifier;
use tessera_client::operations;
use tessera_client::signer::Signer;
use tessera_client::tx_builder::TransactionBuilder;
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1::{PublicKey, public_key};
use tessera_proto::pb::chain::v1::{SignedTransaction, TransactionSignature};
use tessera_proto::signing::{chain_id_hash, transaction_sign_bytes};
use tessera_tests::fixture::{CHAIN_ID, genesis_asset};

/// Order of the group, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// All 14 encodings of the 8 points of small order: canonical ones, then those with a sign on
/// x = 0 or a y that is not reduced.
fn small_order_encodings() -> Vec<[u8; 32]> {
    let mut encodings: Vec<[u8; 32]> =
        EIGHT_TORSION.iter().map(|point| point.compress().to_bytes()).collect();
    let unreduced = |low: u8, high: u8| {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (low, high);
        bytes
    };
    let mut one_with_sign = [0; 32];
    (one_with_sign[0], one_with_sign[31]) = (1, 0x80);
    encodings.push(one_with_sign);
    // y = -1 with a sign, y = p and y = p + 1 with and without.
    encodings.extend(
        [(0xec, 0xff), (0xed, 0x7f), (0xed, 0xff), (0xee, 0x7f), (0xee, 0xff)]
            .map(|(low, high)| unreduced(low, high)),
    );
    encodings
}

fn key_message(key: [u8; 32]) -> PublicKey {
    PublicKey { key: Some(public_key::Key::Ed25519(key.to_vec().into())) }
}

fn body(sender: Address) -> Vec<u8> {
    TransactionBuilder::new(CHAIN_ID, sender)
        .valid_until_height(10)
        .operation(operations::transfer(
            &genesis_asset("usdx"),
            &Address::new([9; 20]),
            Amount::from_u64(1),
        ))
        .body_bytes()
        .to_vec()
}

/// A transaction of the account of a key, with a signature that is made from its message.
fn transaction(key: [u8; 32], sign: impl Fn(&[u8]) -> [u8; 64]) -> (Bytes, Vec<u8>, [u8; 64]) {
    let body = body(Address::from_ed25519(&key));
    let message = transaction_sign_bytes(&chain_id_hash(CHAIN_ID), &body);
    let signature = sign(&message);
    let signatures = vec![TransactionSignature {
        public_key: Some(key_message(key)),
        signature: signature.to_vec().into(),
    }];
    let bytes = SignedTransaction { body: body.into(), signatures }.encode_to_vec();
    (bytes.into(), message, signature)
}

fn good_transaction(name: &str) -> Bytes {
    let signer = Signer::from_seed_phrase(name);
    let sign = |message: &[u8]| {
        let key = ed25519_dalek::SigningKey::from_bytes(&signer.seed());
        ed25519_dalek::Signer::sign(&key, message).to_bytes()
    };
    transaction(signer.public_key_bytes(), sign).0
}

fn batch_accepts(items: &[(VerificationKeyBytes, Signature, &[u8])]) -> bool {
    let mut batch = batch::Verifier::new();
    for item in items {
        batch.queue(*item);
    }
    batch.verify(UnwrapErr(SysRng)).is_ok()
}

/// What every path says about one signature; they must agree.
fn verdict(key: [u8; 32], sign: impl Fn(&[u8]) -> [u8; 64]) -> bool {
    let (bytes, message, signature) = transaction(key, sign);
    let zebra_signature = Signature::from(signature);
    let single = VerificationKey::try_from(key)
        .is_ok_and(|key| key.verify(&zebra_signature, &message).is_ok());

    let item = (VerificationKeyBytes::from(key), zebra_signature, message.as_slice());
    let good = ed25519_zebra::SigningKey::from([7; 32]);
    let good_key = VerificationKeyBytes::from(VerificationKey::from(&good));
    let good_item = (good_key, good.sign(b"well"), b"well".as_slice());
    let alone = batch_accepts(&[item]);
    let in_company = batch_accepts(&[good_item, item, good_item]);
    let twice = batch_accepts(&[item, item]);

    let (before, after) = (good_transaction("before"), good_transaction("after"));
    let verifier = Verifier::new(CHAIN_ID);
    let [first, ours, last] = verifier
        .verify(&[before, bytes.clone(), after])
        .iter()
        .map(Result::is_ok)
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    assert!(first && last, "company does not suffer");
    let cached = verifier.verify(std::slice::from_ref(&bytes))[0].is_ok();
    let fresh = Verifier::new(CHAIN_ID).verify(&[bytes])[0].is_ok();

    let others = [alone, in_company, twice, ours, cached, fresh];
    assert_eq!(
        others,
        [single; 6],
        "key {} signature {}",
        hex::encode(key),
        hex::encode(signature)
    );
    single
}

/// A signature by the equation, of a key and a nonce point with any small-order parts.
fn cofactored(key: [u8; 32], secret: Scalar, nonce_part: EdwardsPoint, message: &[u8]) -> [u8; 64] {
    let nonce = Scalar::from(1_234_567_u64);
    let point = (ED25519_BASEPOINT_POINT * nonce + nonce_part).compress().to_bytes();
    let hash = Sha512::new().chain_update(point).chain_update(key).chain_update(message);
    let challenge = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    let response = (nonce + challenge * secret).to_bytes();
    [point, response].concat().try_into().unwrap()
}

/// The same signature with the order of the group added to S.
fn with_unreduced_s(mut signature: [u8; 64]) -> [u8; 64] {
    let mut carry = 0_u16;
    for (byte, more) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(more) + carry;
        *byte = (sum % 256) as u8;
        carry = sum / 256;
    }
    assert_eq!(carry, 0);
    signature
}

#[test]
fn fault_16_all_196_small_order_signatures_are_valid_on_every_path() {
    let encodings = small_order_encodings();
    assert_eq!(encodings.iter().collect::<std::collections::BTreeSet<_>>().len(), 14);
    for key in &encodings {
        for nonce in &encodings {
            let zero_s: [u8; 64] = [*nonce, [0; 32]].concat().try_into().unwrap();
            assert!(verdict(*key, |_| zero_s), "key {}", hex::encode(key));
        }
    }
}

#[test]
fn fault_16_mixed_order_keys_and_nonces_are_valid_on_every_path() {
    let secret = Scalar::from(987_654_321_u64);
    for key_part in EIGHT_TORSION {
        let key = (ED25519_BASEPOINT_POINT * secret + key_part).compress().to_bytes();
        for nonce_part in EIGHT_TORSION {
            assert!(verdict(key, |message| cofactored(key, secret, nonce_part, message)));
        }
    }
}

#[test]
fn fault_16_an_unreduced_s_is_refused_on_every_path() {
    for encoding in small_order_encodings() {
        let order_as_s: [u8; 64] = [encoding, ORDER].concat().try_into().unwrap();
        assert!(!verdict(encoding, |_| order_as_s));
    }
    let secret = Scalar::from(987_654_321_u64);
    for part in EIGHT_TORSION {
        let key = (ED25519_BASEPOINT_POINT * secret + part).compress().to_bytes();
        let sign = |message: &[u8]| with_unreduced_s(cofactored(key, secret, part, message));
        assert!(!verdict(key, sign));
    }
}

#[test]
fn fault_16_other_signatures_and_keys_are_refused_on_every_path() {
    let secret = Scalar::from(5_u64);
    let key = (ED25519_BASEPOINT_POINT * secret).compress().to_bytes();
    let honest = |message: &[u8]| cofactored(key, secret, EIGHT_TORSION[0], message);
    assert!(verdict(key, honest));
    for bit in [0, 7, 250, 256, 300, 511] {
        let flipped = |message: &[u8]| {
            let mut signature = honest(message);
            signature[bit / 8] ^= 1 << (bit % 8);
            signature
        };
        assert!(!verdict(key, flipped), "bit {bit}");
    }
    // y = 2 is on no point of the curve.
    let mut no_point = [0; 32];
    no_point[0] = 2;
    assert!(!verdict(no_point, honest));
    let other_chain = |message: &[u8]| {
        let changed =
            [b"tessera/tx/v1".as_slice(), &chain_id_hash("other"), &message[45..]].concat();
        honest(&changed)
    };
    assert!(!verdict(key, other_chain));
    let other_domain = |message: &[u8]| honest(&[b"tessera/tx/v2", &message[13..]].concat());
    assert!(!verdict(key, other_domain));
}
