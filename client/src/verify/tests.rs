//! What is accepted, and that nothing else is.

use std::time::Duration;

use ics23::commitment_proof::Proof;
use ics23::{BatchEntry, BatchProof, CommitmentProof, NonExistenceProof, batch_entry};
use proptest::prelude::*;
use prost_ics23::Message as _;
use tendermint::Hash;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::query::v1::{Certificate, StateProof};
use tessera_proto::state_key::StateKey;

use super::fixture::*;
use super::*;

fn trust() -> TrustRoot {
    TrustRoot::ValidatorsHash(validators_hash())
}

#[test]
fn presence_and_absence_are_proven() {
    let state = ownership_state();
    let app_hash = state.app_hash();
    let present = state.prove(&StateKey::holding(&ASSET, &HOLDER));
    assert_eq!(verify_state_proof(&present, &app_hash), Ok(Some(present.value.clone())));
    for number in 0_u8..=255 {
        let key = StateKey::account(&Address::new([number; 20]));
        let absent = state.prove(&key);
        assert_eq!(verify_state_proof(&absent, &app_hash), Ok(None), "{key:?}");
        assert!(verify_state_proof(&absent, &[7; 32]).is_err());
    }
}

#[test]
fn a_shard_with_only_its_sentinel_proves_absence() {
    let state = State::new(&[]);
    for number in 0_u8..=255 {
        let proof = state.prove(&StateKey::account(&Address::new([number; 20])));
        assert_eq!(verify_state_proof(&proof, &state.app_hash()), Ok(None));
    }
}

#[test]
fn absence_cannot_be_proven_in_another_shard() {
    let state = ownership_state();
    let present = StateKey::holding(&ASSET, &HOLDER);
    let elsewhere = (0_u8..=255)
        .map(|number| StateKey::account(&Address::new([number; 20])))
        .find(|key| key.shard() != present.shard())
        .unwrap();
    let mut forged = state.prove(&elsewhere);
    forged.key = present.as_bytes().to_vec().into();
    let error = verify_state_proof(&forged, &state.app_hash()).unwrap_err();
    assert_eq!(error.step(), ProofStep::RootProof);
}

#[test]
fn a_present_key_cannot_be_proven_absent_by_itself_or_its_neighbours() {
    let state = ownership_state();
    let key = StateKey::holding(&ASSET, &HOLDER);
    let honest = state.prove(&key);
    let decoded = CommitmentProof::decode(honest.shard_proof.as_ref()).unwrap();
    let Some(Proof::Exist(exist)) = decoded.proof else { panic!("{key:?} exists") };
    for (left, right) in [
        (Some(exist.clone()), None),
        (None, Some(exist.clone())),
        (Some(exist.clone()), Some(exist.clone())),
        (None, None),
    ] {
        let absence = NonExistenceProof { key: key.as_bytes().to_vec(), left, right };
        let proof = CommitmentProof { proof: Some(Proof::Nonexist(absence)) };
        let mut forged = honest.clone();
        forged.value = Vec::new().into();
        forged.shard_proof = encode_commitment_proof(&proof).into();
        let error = verify_state_proof(&forged, &state.app_hash()).unwrap_err();
        assert_eq!(error.step(), ProofStep::ShardProof);
    }
}

#[test]
fn neighbours_whose_paths_never_part_are_refused_without_panic() {
    let state = ownership_state();
    let key = StateKey::holding(&ASSET, &HOLDER);
    let honest = state.prove(&key);
    let decoded = CommitmentProof::decode(honest.shard_proof.as_ref()).unwrap();
    let Some(Proof::Exist(mut exist)) = decoded.proof else { panic!("{key:?} exists") };
    exist.path.clear();
    let absence =
        NonExistenceProof { key: b"x".to_vec(), left: Some(exist.clone()), right: Some(exist) };
    let mut forged = honest;
    forged.value = Vec::new().into();
    forged.key = b"x".to_vec().into();
    let root = state.prove(&StateKey::from_bytes(b"x").unwrap()).root_proof;
    forged.root_proof = root;
    let proof = CommitmentProof { proof: Some(Proof::Nonexist(absence)) };
    forged.shard_proof = encode_commitment_proof(&proof).into();
    assert!(verify_state_proof(&forged, &state.app_hash()).is_err());
}

#[test]
fn batches_and_unknown_bytes_are_refused() {
    let state = ownership_state();
    let honest = state.prove(&StateKey::holding(&ASSET, &HOLDER));
    let decoded = CommitmentProof::decode(honest.shard_proof.as_ref()).unwrap();
    let Some(Proof::Exist(exist)) = decoded.proof else { panic!("it exists") };
    let entry = BatchEntry { proof: Some(batch_entry::Proof::Exist(exist)) };
    let batch = CommitmentProof { proof: Some(Proof::Batch(BatchProof { entries: vec![entry] })) };
    let mut forged = honest.clone();
    forged.shard_proof = encode_commitment_proof(&batch).into();
    assert!(verify_state_proof(&forged, &state.app_hash()).is_err());

    for extra in [&[0x28, 0x01][..], &honest.shard_proof.clone()] {
        let mut forged = honest.clone();
        forged.shard_proof = [honest.shard_proof.as_ref(), extra].concat().into();
        let error = verify_state_proof(&forged, &state.app_hash()).unwrap_err();
        assert_eq!(error, ProofError::NotCanonical { part: "shard proof" });
    }
}

#[test]
fn ownership_is_proven_and_so_is_holding_nothing() {
    let verified = verify_ownership(&ownership_certificate(&HOLDER), &trust()).unwrap();
    assert_eq!(verified.balance().base_units(), 120);
    assert_eq!(verified.supply.base_units(), 1000);
    assert_eq!((verified.asset_id, verified.account), (ASSET, HOLDER));
    assert_eq!(verified.asset.name, "villa-ardeche");
    assert_eq!((verified.header.signed_power, verified.header.total_power), (40, 40));
    assert_eq!(verified.header.state_height, STATE_HEIGHT);
    assert!(verified.proof_depth > 8);

    let nothing = verify_ownership(&ownership_certificate(&STRANGER), &trust()).unwrap();
    assert_eq!((nothing.holding.clone(), nothing.account), (None, STRANGER));
    assert!(nothing.balance().is_zero());
}

#[test]
fn three_of_four_validators_are_enough_and_two_are_not() {
    use Behaviour::{IsAbsent, Signs, VotesNil};
    let state = ownership_state();
    for behaviours in [[Signs, IsAbsent, Signs, Signs], [VotesNil, Signs, Signs, Signs]] {
        let verified =
            verify_ownership(&certificate(&state, &HOLDER, &behaviours), &trust()).unwrap();
        assert_eq!((verified.header.signed_power, verified.header.signer_count), (30, 3));
    }
    for behaviours in [[Signs, IsAbsent, VotesNil, Signs], [IsAbsent; 4]] {
        let error =
            verify_ownership(&certificate(&state, &HOLDER, &behaviours), &trust()).unwrap_err();
        assert!(matches!(error, ProofError::NotEnoughPower { total: 40, .. }), "{error}");
    }
}

#[test]
fn only_the_trusted_root_is_accepted() {
    let certificate = ownership_certificate(&HOLDER);
    let header = verify_header(&certificate, &trust()).unwrap();
    let (height, hash) = (STATE_HEIGHT + 1, header.header_hash);
    assert!(verify_header(&certificate, &TrustRoot::Header { height, hash }).is_ok());
    for (untrusted, step) in [
        (TrustRoot::ValidatorsHash([1; 32]), ProofStep::Trust),
        (TrustRoot::Header { height, hash: [1; 32] }, ProofStep::Trust),
        (TrustRoot::Header { height: 1, hash }, ProofStep::Trust),
    ] {
        assert_eq!(verify_header(&certificate, &untrusted).unwrap_err().step(), step);
    }
}

#[test]
fn trust_is_carried_from_an_older_header_within_its_period() {
    let certificate = ownership_certificate(&HOLDER);
    let time = verify_header(&certificate, &trust()).unwrap().time;
    let set = validator_set(&validator_keys());
    let trusted = TrustedHeader {
        chain_id: CHAIN_ID.parse().unwrap(),
        height: 7,
        time: (time - Duration::from_secs(3600)).unwrap(),
        next_validators_hash: set.hash(),
        next_validators: set,
        trusting_period: Duration::from_secs(7200),
        now: (time + Duration::from_secs(5)).unwrap(),
    };
    let check = |trusted: &TrustedHeader| {
        verify_header(&certificate, &TrustRoot::Skipping(Box::new(trusted.clone())))
    };
    check(&trusted).unwrap();

    let expired = TrustedHeader { trusting_period: Duration::from_secs(60), ..trusted.clone() };
    assert_eq!(check(&expired).unwrap_err().step(), ProofStep::Trust);
    let other_chain = TrustedHeader { chain_id: "other".parse().unwrap(), ..trusted.clone() };
    assert_eq!(check(&other_chain).unwrap_err().step(), ProofStep::Trust);
    let strangers = validator_set(&[ed25519_dalek::SigningKey::from_bytes(&[77; 32])]);
    let unknown = TrustedHeader {
        next_validators_hash: strangers.hash(),
        next_validators: strangers.clone(),
        ..trusted.clone()
    };
    assert!(matches!(check(&unknown), Err(ProofError::NotEnoughPower { .. })));
    let inconsistent = TrustedHeader { next_validators: strangers, ..trusted };
    assert!(matches!(check(&inconsistent), Err(ProofError::ValidatorSetMismatch { .. })));
}

#[test]
fn a_vote_counts_once() {
    let state = ownership_state();
    let keys = validator_keys();
    let mut header = signed_header(state.app_hash(), &keys, &[Behaviour::Signs; 4]);
    header.commit.signatures[1] = header.commit.signatures[0].clone();
    let mut forged = ownership_certificate(&HOLDER);
    forged.signed_header = encode_signed_header(&header).into();
    assert!(matches!(
        verify_header(&forged, &trust()),
        Err(ProofError::VoteOfAnother { index: 1, .. })
    ));
    header.commit.signatures.truncate(3);
    forged.signed_header = encode_signed_header(&header).into();
    assert_eq!(
        verify_header(&forged, &trust()),
        Err(ProofError::VoteCountMismatch { found: 3, expected: 4 })
    );
}

#[test]
fn a_validator_set_with_one_validator_twice_is_refused() {
    let state = ownership_state();
    let mut keys = validator_keys();
    keys.push(keys[0].clone());
    let header = signed_header(state.app_hash(), &keys, &[Behaviour::Signs; 5]);
    let set = validator_set(&keys);
    let mut forged = ownership_certificate(&HOLDER);
    forged.signed_header = encode_signed_header(&header).into();
    forged.validator_set = encode_validator_set(&set).into();
    let Hash::Sha256(hash) = set.hash() else { panic!() };
    let error = verify_header(&forged, &TrustRoot::ValidatorsHash(hash)).unwrap_err();
    assert!(matches!(error, ProofError::DuplicateValidator { .. }), "{error}");
}

#[test]
fn proofs_of_other_keys_are_refused() {
    let state = ownership_state();
    let honest = certificate(&state, &HOLDER, &[Behaviour::Signs; 4]);
    let other_asset = AssetId::new([0xab; 16]);
    for (place, key, expected) in [
        (0, StateKey::asset_totals(&ASSET), ProofError::WrongKey { leaf: "asset" }),
        (0, StateKey::asset(&other_asset), ProofError::Absent { leaf: "asset" }),
        (1, StateKey::asset(&ASSET), ProofError::WrongKey { leaf: "asset totals" }),
        (2, StateKey::holding(&other_asset, &HOLDER), ProofError::WrongKey { leaf: "holding" }),
        (2, StateKey::vote(&ASSET, 1, &HOLDER), ProofError::WrongKey { leaf: "holding" }),
    ] {
        let mut forged = honest.clone();
        forged.proofs[place] = state.prove(&key);
        assert_eq!(verify_ownership(&forged, &trust()), Err(expected));
    }
    let mut short = honest;
    short.proofs.pop();
    assert_eq!(
        verify_ownership(&short, &trust()),
        Err(ProofError::WrongProofCount { found: 2, expected: 3 })
    );
}

type Field = fn(&mut Certificate) -> &mut bytes::Bytes;

fn byte_fields() -> Vec<Field> {
    vec![
        |certificate| &mut certificate.signed_header,
        |certificate| &mut certificate.validator_set,
        |certificate| &mut certificate.proofs[0].key,
        |certificate| &mut certificate.proofs[0].value,
        |certificate| &mut certificate.proofs[1].shard_proof,
        |certificate| &mut certificate.proofs[1].root_proof,
        |certificate| &mut certificate.proofs[2].key,
        |certificate| &mut certificate.proofs[2].value,
        |certificate| &mut certificate.proofs[2].shard_proof,
        |certificate| &mut certificate.proofs[2].root_proof,
    ]
}

/// Every byte of every field; in one certificate each in three ways.
#[test]
fn every_single_byte_change_is_refused() {
    use Behaviour::{IsAbsent, Signs, VotesNil};
    let state = ownership_state();
    let many = [[Signs; 4], [Signs, IsAbsent, Signs, Signs], [Signs, Signs, Signs, VotesNil]];
    let all: &[u8] = &[1, 0x80, 0xff];
    for (account, behaviours, flips) in
        [(HOLDER, many[0], all), (STRANGER, many[1], &all[..1]), (HOLDER, many[2], &all[..1])]
    {
        let honest = certificate(&state, &account, &behaviours);
        verify_ownership(&honest, &trust()).unwrap();
        for field in byte_fields() {
            let length = field(&mut honest.clone()).len();
            for (index, flip) in (0..length).flat_map(|i| flips.iter().map(move |flip| (i, flip))) {
                let mut forged = honest.clone();
                let mut bytes = field(&mut forged).to_vec();
                bytes[index] ^= flip;
                *field(&mut forged) = bytes.into();
                assert!(verify_ownership(&forged, &trust()).is_err(), "byte {index} of a field");
            }
        }
    }
}

#[test]
fn other_changes_of_the_certificate_are_refused() {
    let honest = ownership_certificate(&HOLDER);
    let changes: [fn(&mut Certificate); 5] = [
        |certificate| certificate.chain_id.push('x'),
        |certificate| certificate.state_height += 1,
        |certificate| certificate.proofs.swap(0, 1),
        |certificate| certificate.proofs.push(certificate.proofs[2].clone()),
        |certificate| certificate.state_height = u64::MAX,
    ];
    for change in changes {
        let mut forged = honest.clone();
        change(&mut forged);
        assert!(verify_ownership(&forged, &trust()).is_err());
    }
    let mut priorities = validator_set(&validator_keys());
    priorities.validators[0].proposer_priority = 5.into();
    let mut forged = honest;
    forged.validator_set =
        tendermint_proto::Protobuf::<tendermint_proto::v0_38::types::ValidatorSet>::encode_vec(
            priorities,
        )
        .into();
    assert_eq!(
        verify_ownership(&forged, &trust()),
        Err(ProofError::NotCanonical { part: "validator set" })
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        key in proptest::collection::vec(any::<u8>(), 0..60),
        value in proptest::collection::vec(any::<u8>(), 0..8),
        shard_proof in proptest::collection::vec(any::<u8>(), 0..200),
        root_proof in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let proof = StateProof {
            key: key.into(),
            value: value.into(),
            shard_proof: shard_proof.clone().into(),
            root_proof: root_proof.clone().into(),
        };
        prop_assert!(verify_state_proof(&proof, &[0; 32]).is_err());
        let certificate = Certificate {
            chain_id: CHAIN_ID.into(),
            state_height: STATE_HEIGHT,
            proofs: vec![proof],
            signed_header: shard_proof.into(),
            validator_set: root_proof.into(),
        };
        prop_assert!(verify_certificate(&certificate, &trust()).is_err());
    }

    #[test]
    fn mangled_parts_never_panic(
        field in 0..10_usize,
        start in any::<prop::sample::Index>(),
        length in 0..12_usize,
        insert in proptest::collection::vec(any::<u8>(), 0..12),
    ) {
        thread_local! {
            static HONEST: Certificate = ownership_certificate(&STRANGER);
        }
        let honest = HONEST.with(Clone::clone);
        let mut forged = honest.clone();
        let bytes = byte_fields()[field](&mut forged);
        let mut mangled = bytes.to_vec();
        let start = start.index(mangled.len() + 1);
        let end = (start + length).min(mangled.len());
        mangled.splice(start..end, insert);
        *bytes = mangled.into();
        prop_assume!(forged != honest);
        prop_assert!(verify_ownership(&forged, &trust()).is_err());
    }
}
