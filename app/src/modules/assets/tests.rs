//! The register: every refusal in order of precedence, and the way from registration to units.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use bytes::Bytes;
use prost::Message as _;
use tessera_proto::id::AssetId;
use tessera_proto::pb::accounts::v1::{Account, Authority, WeightedKey};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::{AssetClass, AssetStatus};
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::state_key::StateKey;

use crate::modules::testing::{
    APPRAISER, ISSUER, Kind, TestChain, account, appraisal, assert_refused, asset, mint,
    public_key, register, transfer,
};

mod appraisers;
mod attributes;
mod history;
mod life_cycle;
mod nav;
mod roles;
mod splits;
mod two_person;

fn registration(name: &str) -> pb::RegisterAsset {
    let Kind::RegisterAsset(message) = register(name) else { unreachable!() };
    let document = pb::Document {
        name: "deed".to_owned(),
        uri: "https://example.org/deed.pdf".to_owned(),
        sha256: Bytes::from_static(&[5; 32]),
    };
    pb::RegisterAsset { documents: vec![document], ..message }
}

fn activate(name: &str) -> Kind {
    Kind::ActivateAsset(pb::ActivateAsset { asset: asset(name).to_bytes() })
}

#[test]
fn register_refuses_in_order_of_precedence() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let valid = registration("tower");
    let with = |change: fn(&mut pb::RegisterAsset)| {
        let mut message = valid.clone();
        change(&mut message);
        message
    };
    for (message, code) in [
        (pb::RegisterAsset { salt: Bytes::from_static(&[1; 33]), ..Default::default() }, 5),
        (pb::RegisterAsset::default(), 10),
        (with(|m| (m.name, m.title) = ("asset1x".to_owned(), String::new())), 10),
        (with(|m| (m.title, m.class) = (String::new(), 0)), 1),
        (with(|m| (m.title, m.class) = ("ä".repeat(61), 0)), 5),
        (with(|m| (m.title, m.class) = ("\u{1b}[2J".to_owned(), 0)), 6),
        (with(|m| (m.class, m.decimals) = (0, 19)), 7),
        (with(|m| (m.class, m.decimals) = (9, 19)), 7),
        (with(|m| (m.decimals, m.max_supply) = (19, "0".to_owned())), 7),
        (with(|m| (m.max_supply, m.documents) = ("0".to_owned(), vec![Default::default()])), 4),
        (with(|m| m.documents = vec![Default::default(); 33]), 8),
        (with(|m| m.documents[0].name.clear()), 1),
        (with(|m| m.documents[0].uri = "u".repeat(513)), 5),
        (with(|m| m.documents[0].uri = "\n".to_owned()), 6),
        (with(|m| m.documents[0].sha256 = Bytes::from_static(&[5; 20])), 2),
        (with(|m| (m.salt, m.name) = (Bytes::from_static(b"villa"), "villa".to_owned())), 12),
        (with(|m| m.name = "villa".to_owned()), 13),
    ] {
        assert_refused(chain.submit(ISSUER, Kind::RegisterAsset(message)), "assets", code);
    }
    chain.submit(ISSUER, Kind::RegisterAsset(valid)).unwrap();
}

#[test]
fn registration_makes_a_proposed_asset_with_documents() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, Kind::RegisterAsset(registration("tower"))).unwrap();
    let facts = chain.facts("tower");
    assert_eq!(facts.status(), AssetStatus::Proposed);
    assert_eq!((facts.name.as_str(), facts.document_count), ("tower", 1));
    assert_eq!(facts.issuer, account(ISSUER).to_bytes());
    assert_eq!(chain.totals("tower").supply, "0");
    let id = asset("tower");
    assert_eq!(chain.get::<AssetId>(&StateKey::asset_name("tower")), Some(id));
    let document: pb::Document = chain.get(&StateKey::document(&id, 0)).unwrap();
    assert_eq!(document.sha256, Bytes::from_static(&[5; 32]));
}

#[test]
fn malformed_appraisals_are_refused_in_order_of_precedence() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let signed = |appraisal: pb::Appraisal| pb::AppendAppraisal {
        public_key: None,
        ..chain.sign_appraisal("villa", &appraisal, APPRAISER)
    };
    let good = appraisal(1);
    let with = |change: fn(&mut pb::Appraisal)| {
        let mut changed = good.clone();
        change(&mut changed);
        signed(changed)
    };
    let unknown_field = [good.encode_to_vec(), vec![0x98, 0x06, 1]].concat();
    let not_canonical = [good.encode_to_vec(), vec![0x28, 1]].concat();
    let mut messages = vec![
        (pb::AppendAppraisal::default(), 1),
        (pb::AppendAppraisal { appraisal: vec![0xff].into(), ..signed(good.clone()) }, 20),
        (pb::AppendAppraisal { appraisal: unknown_field.into(), ..signed(good.clone()) }, 20),
        (pb::AppendAppraisal { appraisal: not_canonical.into(), ..signed(good.clone()) }, 20),
        (with(|a| (a.appraiser, a.value) = (Bytes::new(), String::new())), 1),
        (with(|a| (a.value, a.currency) = ("0".to_owned(), Bytes::new())), 4),
        (with(|a| (a.currency, a.method) = (Bytes::from_static(&[1]), String::new())), 2),
        (with(|a| (a.method, a.report_sha256) = (String::new(), Bytes::from_static(&[1]))), 1),
        (with(|a| (a.report_sha256, a.valid_to_ms) = (Bytes::from_static(&[1]), 1)), 2),
        (with(|a| a.valid_to_ms = 1), 21),
        (signed(good.clone()), 1),
    ];
    let mut short = chain.sign_appraisal("villa", &good, APPRAISER);
    short.signature.truncate(63);
    messages.push((short, 2));
    for (message, code) in messages {
        assert_refused(chain.submit(1, Kind::AppendAppraisal(message)), "assets", code);
    }
}

#[test]
fn append_appraisal_refuses_in_order_of_precedence() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let now = chain.block.time_ms;
    let newest = chain.signed_appraisal("villa", now);
    chain.submit(1, Kind::AppendAppraisal(newest.clone())).unwrap();
    let ended = |mut a: pb::Appraisal| {
        (a.valid_from_ms, a.valid_to_ms) = (1, now);
        a
    };
    let stranger = |mut a: pb::Appraisal| {
        a.appraiser = account(1).to_bytes();
        a
    };
    let valued_in = |name: &str| {
        let currency = asset(name).to_bytes();
        pb::Appraisal { currency, ..stranger(ended(appraisal(1))) }
    };
    let sign = |appraisal: &pb::Appraisal, signer| chain.sign_appraisal("villa", appraisal, signer);
    let later = appraisal(now + 1);
    let mut unsigned = sign(&later, APPRAISER);
    unsigned.signature = Bytes::from_static(&[0; 64]);
    let mut of_other_asset = chain.sign_appraisal("tower", &later, APPRAISER);
    of_other_asset.asset = asset("villa").to_bytes();
    for (message, code) in [
        (chain.sign_appraisal("tower", &valued_in("nothing"), 1), 11),
        (sign(&valued_in("nothing"), 1), 11),
        (sign(&valued_in("villa"), 1), 19),
        (sign(&valued_in("usdx"), 1), 22),
        (sign(&ended(appraisal(1)), 1), 23),
        (sign(&appraisal(now - 1), 1), 24),
        (newest, 24),
        (sign(&later, 1), 25),
        (unsigned, 26),
        (of_other_asset, 26),
    ] {
        assert_refused(chain.clone().submit(1, Kind::AppendAppraisal(message)), "assets", code);
    }
    let mut other_chain = chain.clone();
    other_chain.block.chain_id_hash = [9; 32];
    let replayed = Kind::AppendAppraisal(sign(&later, APPRAISER));
    assert_refused(other_chain.submit(1, replayed.clone()), "assets", 26);
    let events = chain.submit(1, replayed).unwrap();
    let [EventKind::AppraisalAppended(event)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.number, event.value.as_str()), (1, "500000"));
}

#[test]
fn an_appraiser_who_rotated_keys_signs_with_the_new_ones() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let key = WeightedKey { public_key: Some(public_key(3)), weight: 1 };
    let authority = Some(Authority { keys: vec![key], threshold: 1 });
    let rotated = Account { authority, ..Account::default() };
    chain.set(StateKey::account(&account(APPRAISER)), &rotated);
    let old = chain.sign_appraisal("villa", &appraisal(1), APPRAISER);
    assert_refused(chain.submit(1, Kind::AppendAppraisal(old)), "assets", 25);
    let new = chain.sign_appraisal("villa", &appraisal(1), 3);
    chain.submit(1, Kind::AppendAppraisal(new)).unwrap();
}

#[test]
fn activate_refuses_in_order_of_precedence() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let malformed = Kind::ActivateAsset(pb::ActivateAsset::default());
    assert_refused(chain.submit(1, malformed), "assets", 1);
    assert_refused(chain.submit(1, activate("nothing")), "assets", 11);
    assert_refused(chain.submit(1, activate("usdx")), "assets", 30);
    assert_refused(chain.submit(ISSUER, activate("usdx")), "assets", 15);
    assert_refused(chain.submit(ISSUER, activate("villa")), "assets", 17);
}

#[test]
fn validity_of_appraisals_begins_inclusive_and_ends_exclusive() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let now = chain.block.time_ms;
    let from = |from_ms| pb::Appraisal { valid_to_ms: from_ms + 10, ..appraisal(from_ms) };
    for from_ms in [now - 5, now + 100] {
        let message = chain.sign_appraisal("villa", &from(from_ms), APPRAISER);
        chain.submit(1, Kind::AppendAppraisal(message)).unwrap();
    }
    for (time_ms, valid) in [
        (now - 6, false),
        (now - 5, true),
        (now + 4, true),
        (now + 5, false),
        (now + 99, false),
        (now + 100, true),
    ] {
        let mut at = chain.clone();
        at.block.time_ms = time_ms;
        assert_eq!(at.submit(ISSUER, activate("villa")).is_ok(), valid, "at {time_ms}");
    }
}

#[test]
fn mint_refuses_in_order_of_precedence() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("tower")).unwrap();
    chain.add_asset("villa");
    let malformed = Kind::MintUnits(pb::MintUnits::default());
    assert_refused(chain.submit(1, malformed), "assets", 1);
    assert_refused(chain.submit(1, mint("tower", 1, 0)), "assets", 4);
    assert_refused(chain.submit(1, mint("nothing", 1, u64::MAX)), "assets", 11);
    assert_refused(chain.submit(1, mint("tower", 1, u64::MAX)), "assets", 30);
    assert_refused(chain.submit(ISSUER, mint("tower", 1, u64::MAX)), "assets", 16);
    let mut later = chain.clone();
    later.block.time_ms = u64::MAX;
    assert_refused(later.submit(ISSUER, mint("villa", 1, u64::MAX)), "assets", 17);
    assert_refused(chain.submit(ISSUER, mint("villa", 1, 999_001)), "assets", 18);
    chain.submit(ISSUER, mint("villa", 1, 999_000)).unwrap();
    assert_refused(chain.submit(ISSUER, mint("villa", 1, 1)), "assets", 18);
    assert_eq!(chain.balance("villa", 1), 999_000);
    assert_eq!(
        (chain.totals("villa").supply.as_str(), chain.totals("villa").holder_count),
        ("1000000", 2)
    );
}

#[test]
fn one_transaction_may_register_appraise_activate_and_issue() {
    let mut chain = TestChain::new();
    let now = chain.block.time_ms;
    let operations = vec![
        register("villa"),
        Kind::AppendAppraisal(chain.signed_appraisal("villa", now - 1)),
        Kind::AppendAppraisal(chain.signed_appraisal("villa", now)),
        activate("villa"),
        mint("villa", ISSUER, 10),
        transfer("villa", &account(1), 4),
    ];
    let events = chain.submit_all(ISSUER, operations).unwrap();
    assert_eq!(events.len(), 6);
    assert_eq!((chain.balance("villa", ISSUER), chain.balance("villa", 1)), (6, 4));
    assert_eq!(chain.facts("villa").appraisal_count, 2);
}

#[test]
fn currencies_need_no_appraisal() {
    let mut chain = TestChain::new();
    let class = AssetClass::Currency.into();
    let message = pb::RegisterAsset { class, ..registration("gbpx") };
    chain.submit(ISSUER, Kind::RegisterAsset(message)).unwrap();
    chain.submit(ISSUER, activate("gbpx")).unwrap();
    chain.submit(ISSUER, mint("gbpx", 1, 5)).unwrap();
}
