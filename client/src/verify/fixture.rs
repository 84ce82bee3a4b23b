//! A small chain for tests: a state of 256 shards and a header signed by four validators.

use std::collections::BTreeMap;

use bytes::Bytes;
use ed25519_dalek::{Signer as _, SigningKey};
use jmt::mock::MockTreeStore;
use jmt::{KeyHash, Sha256Jmt};
use prost::Message as _;
use tendermint::block::header::Version;
use tendermint::block::parts::Header as PartSetHeader;
use tendermint::block::signed_header::SignedHeader;
use tendermint::block::{Commit, CommitSig, Header, Height, Id};
use tendermint::validator::{Info, Set};
use tendermint::vote::{Power, SignedVote, Type, ValidatorIndex, Vote};
use tendermint::{AppHash, Hash, PublicKey, Signature, Time};
use tessera_proto::amount::Amount;
use tessera_proto::history::History;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::{Holding, Leaf, Sentinel};
use tessera_proto::pb;
use tessera_proto::pb::assets::v1::{Asset, AssetTotals, HistoryEntry};
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::pb::chain::v1::{Event, TransactionOutcome};
use tessera_proto::pb::market::v1::UnitsSold;
use tessera_proto::pb::query::v1::{Certificate, ReceiptProof, StateProof};
use tessera_proto::pb::votes::v1::{
    Delegation, Proposal, ProposalStatus, Tally, VoteChoice, VotePart,
};
use tessera_proto::state_key::{StateKey, shard_root_name};

use super::merkle_path::root_of;
use super::simple_map::SimpleMap;
use super::{
    Kind, ProofFile, TrustRoot, encode_commitment_proof, encode_signed_header,
    encode_validator_set, path_of, result_leaf, vote_keys,
};

/// Chain of the fixture.
pub(crate) const CHAIN_ID: &str = "test-chain";
/// Block whose state is proven.
pub(crate) const STATE_HEIGHT: u64 = 41;
/// The asset.
pub(crate) const ASSET: AssetId = AssetId::new([0xaa; 16]);
/// Who holds 120 of it.
pub(crate) const HOLDER: Address = Address::new([0xbb; 20]);
/// Who holds nothing.
pub(crate) const STRANGER: Address = Address::new([0xcc; 20]);

/// A forest of 256 shards.
pub(crate) struct State {
    shards: Vec<MockTreeStore>,
    roots: SimpleMap,
}

impl State {
    /// A state with these facts, and a sentinel in each shard.
    pub(crate) fn new(facts: &[(StateKey, Vec<u8>)]) -> Self {
        let mut by_shard: Vec<BTreeMap<StateKey, Vec<u8>>> = vec![BTreeMap::new(); 256];
        for nonce in 0.. {
            let key = StateKey::sentinel(nonce);
            let shard = &mut by_shard[usize::from(key.shard())];
            if shard.is_empty() {
                shard.insert(key, Sentinel.to_leaf_bytes().to_vec());
            }
            if by_shard.iter().all(|shard| !shard.is_empty()) {
                break;
            }
        }
        for (key, value) in facts {
            by_shard[usize::from(key.shard())].insert(*key, value.clone());
        }
        let mut shards = Vec::new();
        let mut roots = BTreeMap::new();
        for (number, facts) in (0_u8..=255).zip(&by_shard) {
            let (store, root) = tree(facts);
            roots.insert(shard_root_name(number).into_bytes(), root);
            shards.push(store);
        }
        Self { shards, roots: SimpleMap::new(roots) }
    }

    pub(crate) fn app_hash(&self) -> [u8; 32] {
        self.roots.root()
    }

    pub(crate) fn prove(&self, key: &StateKey) -> StateProof {
        let store = &self.shards[usize::from(key.shard())];
        let (value, proof) =
            Sha256Jmt::new(store).get_with_ics23_proof(key.as_bytes().to_vec(), 1).unwrap();
        let root = self.roots.prove(shard_root_name(key.shard()).as_bytes()).unwrap();
        StateProof {
            key: key.as_bytes().to_vec().into(),
            value: value.unwrap_or_default().into(),
            shard_proof: encode_commitment_proof(&proof).into(),
            root_proof: encode_commitment_proof(&root).into(),
        }
    }
}

fn tree(facts: &BTreeMap<StateKey, Vec<u8>>) -> (MockTreeStore, Vec<u8>) {
    let store = MockTreeStore::default();
    let values = facts.iter().map(|(key, value)| {
        store.put_key_preimage(KeyHash(key.hash()), &key.as_bytes().to_vec());
        (KeyHash(key.hash()), Some(value.clone()))
    });
    let (root, batch) = Sha256Jmt::new(&store).put_value_set(values, 1).unwrap();
    store.write_tree_update_batch(batch).unwrap();
    (store, root.0.to_vec())
}

/// The asset of the fixture.
pub(crate) fn asset() -> Asset {
    Asset {
        id: ASSET.to_bytes(),
        name: "villa-ardeche".into(),
        title: "Villa in Ardèche".into(),
        max_supply: "1000".into(),
        status: 2,
        class: 1,
        ..Asset::default()
    }
}

/// A state in which [`HOLDER`] has 120 of the 1,000 units of [`ASSET`].
pub(crate) fn ownership_state() -> State {
    let asset = asset();
    let totals = AssetTotals { supply: "1000".into(), holder_count: 2, ..Default::default() };
    let holding = Holding { balance: Amount::from_u64(120), ..Holding::default() };
    let mut facts = vec![
        (StateKey::asset(&ASSET), asset.to_leaf_bytes().to_vec()),
        (StateKey::asset_totals(&ASSET), totals.to_leaf_bytes().to_vec()),
        (StateKey::holding(&ASSET, &HOLDER), holding.to_leaf_bytes().to_vec()),
    ];
    // Enough other holdings that shards have some depth.
    for number in 0_u32..2000 {
        let mut other = [0; 20];
        other[..4].copy_from_slice(&number.to_be_bytes());
        let key = StateKey::holding(&ASSET, &Address::new(other));
        facts.push((key, holding.to_leaf_bytes().to_vec()));
    }
    State::new(&facts)
}

/// Holders of a small register.
pub(crate) const REGISTER_SIZE: u32 = 5;
/// Who has a holding without units.
pub(crate) const EMPTY_HOLDER: Address = Address::new([0xee; 20]);

/// A state in which so many accounts hold units of [`ASSET`], among them [`HOLDER`], and these.
pub(crate) fn register_state(size: u32) -> (State, Vec<Address>) {
    let mut holders = vec![HOLDER];
    holders.extend((1..size).map(|number| {
        let mut other = [0; 20];
        other[..4].copy_from_slice(&number.to_be_bytes());
        Address::new(other)
    }));
    let holding = Holding { balance: Amount::from_u64(7), ..Holding::default() };
    let totals = AssetTotals {
        supply: (7 * u64::from(size)).to_string(),
        holder_count: size.into(),
        ..AssetTotals::default()
    };
    let mut facts = vec![
        (StateKey::asset(&ASSET), asset().to_leaf_bytes().to_vec()),
        (StateKey::asset_totals(&ASSET), totals.to_leaf_bytes().to_vec()),
        (StateKey::holding(&ASSET, &EMPTY_HOLDER), Holding::default().to_leaf_bytes().to_vec()),
    ];
    let leaf = |account| (StateKey::holding(&ASSET, account), holding.to_leaf_bytes().to_vec());
    facts.extend(holders.iter().map(leaf));
    (State::new(&facts), holders)
}

/// Certificate of the vote of an account: [`HOLDER`] has 70 yes and 50 no of 120, cast by a
/// delegate; the tally counts `yes` in all.
pub(crate) fn vote_certificate(voter: &Address, yes: &str) -> Certificate {
    let part = |choice: VoteChoice, weight: &str| VotePart {
        choice: choice.into(),
        weight: weight.into(),
    };
    let vote = pb::votes::v1::Vote {
        weight: "120".into(),
        parts: vec![part(VoteChoice::Yes, "70"), part(VoteChoice::No, "50")],
        cast_by: STRANGER.to_bytes(),
        ..Default::default()
    };
    let proposal = Proposal {
        asset: ASSET.to_bytes(),
        number: 3,
        title: "New roof".into(),
        status: ProposalStatus::Voting.into(),
        record_height: 12,
        ..Proposal::default()
    };
    let tally = Tally { yes: yes.into(), no: "50".into(), ..Tally::default() };
    let delegation = Delegation { to: STRANGER.to_bytes(), since_height: 4 };
    let facts = [
        (StateKey::asset(&ASSET), asset().to_leaf_bytes().to_vec()),
        (StateKey::proposal(&ASSET, 3), proposal.to_leaf_bytes().to_vec()),
        (StateKey::tally(&ASSET, 3), tally.to_leaf_bytes().to_vec()),
        (StateKey::vote(&ASSET, 3, &HOLDER), vote.to_leaf_bytes().to_vec()),
        (StateKey::delegation(&ASSET, &HOLDER), delegation.to_leaf_bytes().to_vec()),
    ];
    certificate_of(&State::new(&facts), &vote_keys(&ASSET, 3, voter), &[Behaviour::Signs; 4])
}

/// The receipt of a sale, second of three in the third of five frames.
pub(crate) fn receipt_proof() -> ReceiptProof {
    let outcome = |number: u8, events: Vec<Event>| TransactionOutcome {
        tx_id: vec![number; 32].into(),
        fee: "5".into(),
        events,
        ..TransactionOutcome::default()
    };
    let sale = UnitsSold {
        asset: ASSET.to_bytes(),
        seller: HOLDER.to_bytes(),
        buyer: STRANGER.to_bytes(),
        amount: "300".into(),
        currency: AssetId::new([0xcc; 16]).to_bytes(),
        price: "900".into(),
        royalty: "90".into(),
        proceeds: "810".into(),
        ..UnitsSold::default()
    };
    let sold = Event { kind: Some(EventKind::UnitsSold(sale)) };
    let outcomes = [outcome(1, Vec::new()), outcome(2, vec![sold]), outcome(3, Vec::new())];
    let leaves = outcomes.map(|outcome| outcome.encode_to_vec());
    let outcome_path = path_of(&leaves, 1).unwrap();
    let root = root_of(&leaves[1], &outcome_path).unwrap();
    let mut results: Vec<Vec<u8>> = (0_u8..5).map(|n| result_leaf(&[n; 32])).collect();
    results[2] = result_leaf(&root);
    let [_, outcome, _] = leaves;
    ReceiptProof {
        outcome: outcome.into(),
        outcome_path,
        result_path: path_of(&results, 2).unwrap(),
    }
}

fn results_root(receipt: &ReceiptProof) -> [u8; 32] {
    let root = root_of(&receipt.outcome, &receipt.outcome_path).unwrap();
    root_of(&result_leaf(&root), &receipt.result_path).unwrap()
}

/// Certificate of a receipt, with the state of [`ASSET`] but not that of the currency.
pub(crate) fn receipt_certificate() -> (Certificate, ReceiptProof) {
    let state = State::new(&[(StateKey::asset(&ASSET), asset().to_leaf_bytes().to_vec())]);
    let certificate = certificate_of(&state, &[StateKey::asset(&ASSET)], &[Behaviour::Signs; 4]);
    (certificate, receipt_proof())
}

/// Asserts that a file is accepted, and with a changed byte, other white space or an unknown
/// field is not.
#[track_caller]
pub(crate) fn assert_changes_are_refused<K: Kind>(honest: &str) {
    let trust = TrustRoot::ValidatorsHash(validators_hash());
    let read = |text: &str| ProofFile::<K>::from_text(text)?.verify(&trust).map(|_| ());
    assert_eq!(read(honest), Ok(()));
    // The bytes of a signed header are changed one by one where it is tested.
    let step = (honest.len() / 2_000).max(1);
    for index in (0..honest.len().min(1_500)).chain((0..honest.len()).step_by(step)) {
        for mask in [1, 0x20] {
            let mut bytes = honest.as_bytes().to_vec();
            bytes[index] ^= mask;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            assert!(read(&text).is_err(), "byte {index}: {}", &text[index.saturating_sub(20)..]);
        }
    }
    let added = honest.replacen("{\n", "{\n  \"more\": 1,\n", 1);
    for text in [format!("{honest} "), format!(" {honest}"), honest.replace("  ", "\t"), added] {
        assert!(read(&text).is_err());
    }
    for length in (0..honest.len()).step_by(step) {
        assert!(read(&honest[..length]).is_err(), "cut at {length}");
    }
}

/// What validator number `index` does with a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Signs,
    VotesNil,
    IsAbsent,
}

/// Keys of four validators.
pub(crate) fn validator_keys() -> Vec<SigningKey> {
    (1_u8..=4).map(|seed| SigningKey::from_bytes(&[seed; 32])).collect()
}

/// The set of validators with these keys, each with power 10.
pub(crate) fn validator_set(keys: &[SigningKey]) -> Set {
    let info = |key: &SigningKey| {
        let public_key = PublicKey::from_raw_ed25519(key.verifying_key().as_bytes()).unwrap();
        Info::new(public_key, Power::from(10_u32))
    };
    Set::without_proposer(keys.iter().map(info).collect())
}

/// A header over `app_hash` that validators sign as `behaviours` say, in order of the set.
pub(crate) fn signed_header(
    app_hash: [u8; 32],
    keys: &[SigningKey],
    behaviours: &[Behaviour],
) -> SignedHeader {
    let set = validator_set(keys);
    let height = Height::try_from(STATE_HEIGHT + 1).unwrap();
    let some_hash = Hash::Sha256([9; 32]);
    let time = Time::from_unix_timestamp(1_795_261_207, 500_000_000).unwrap();
    let header = Header {
        version: Version { block: 11, app: 1 },
        chain_id: CHAIN_ID.parse().unwrap(),
        height,
        time,
        last_block_id: Some(Id {
            hash: some_hash,
            part_set_header: PartSetHeader::new(1, some_hash).unwrap(),
        }),
        last_commit_hash: Some(some_hash),
        data_hash: Some(some_hash),
        validators_hash: set.hash(),
        next_validators_hash: set.hash(),
        consensus_hash: some_hash,
        app_hash: AppHash::try_from(app_hash.to_vec()).unwrap(),
        last_results_hash: Some(Hash::Sha256(results_root(&receipt_proof()))),
        evidence_hash: Some(some_hash),
        proposer_address: set.validators()[0].address,
    };
    let block_id = Id {
        hash: header.hash(),
        part_set_header: PartSetHeader::new(1, Hash::Sha256([8; 32])).unwrap(),
    };
    let signatures = set
        .validators()
        .iter()
        .zip(behaviours)
        .map(|(validator, behaviour)| {
            let key = keys
                .iter()
                .find(|key| key.verifying_key().as_bytes().to_vec() == validator.pub_key.to_bytes())
                .unwrap();
            vote(&header, block_id, validator, key, *behaviour)
        })
        .collect();
    let commit = Commit { height, round: 0_u16.into(), block_id, signatures };
    SignedHeader::new(header, commit).unwrap()
}

fn vote(
    header: &Header,
    block_id: Id,
    validator: &Info,
    key: &SigningKey,
    behaviour: Behaviour,
) -> CommitSig {
    let unsigned = Vote {
        vote_type: Type::Precommit,
        height: header.height,
        round: 0_u16.into(),
        block_id: (behaviour == Behaviour::Signs).then_some(block_id),
        timestamp: Some(header.time),
        validator_address: validator.address,
        validator_index: ValidatorIndex::try_from(0_u32).unwrap(),
        signature: None,
        extension: Vec::new(),
        extension_signature: None,
    };
    let placeholder = Signature::new([0; 64]).unwrap().unwrap();
    let signed = SignedVote::new(unsigned, header.chain_id.clone(), validator.address, placeholder);
    let signature = Signature::new(key.sign(&signed.sign_bytes()).to_bytes()).unwrap();
    let (validator_address, timestamp) = (validator.address, header.time);
    match behaviour {
        Behaviour::Signs => {
            CommitSig::BlockIdFlagCommit { validator_address, timestamp, signature }
        }
        Behaviour::VotesNil => {
            CommitSig::BlockIdFlagNil { validator_address, timestamp, signature }
        }
        Behaviour::IsAbsent => CommitSig::BlockIdFlagAbsent,
    }
}

/// Certificate of what `account` holds of [`ASSET`], signed by all four validators.
pub(crate) fn ownership_certificate(account: &Address) -> Certificate {
    let state = ownership_state();
    certificate(&state, account, &[Behaviour::Signs; 4])
}

/// Certificate of what `account` holds of [`ASSET`], signed as `behaviours` say.
pub(crate) fn certificate(
    state: &State,
    account: &Address,
    behaviours: &[Behaviour],
) -> Certificate {
    let proofs = [
        StateKey::asset(&ASSET),
        StateKey::asset_totals(&ASSET),
        StateKey::holding(&ASSET, account),
    ];
    certificate_of(state, &proofs, behaviours)
}

/// The first entries of a history of [`ASSET`].
pub(crate) fn history_entries(count: u8) -> Vec<Bytes> {
    let entry = |number: u8| HistoryEntry {
        height: u64::from(number) + 1,
        actor: HOLDER.to_bytes(),
        ..HistoryEntry::default()
    };
    (0..count).map(|number| entry(number).encode_to_vec().into()).collect()
}

/// Certificate of a history of [`ASSET`] with so many entries; none means no head.
pub(crate) fn history_certificate(count: u8) -> Certificate {
    let mut history = History::default();
    history_entries(count).iter().for_each(|entry| history.append(entry));
    let mut facts = vec![(StateKey::asset(&ASSET), asset().to_leaf_bytes().to_vec())];
    if count > 0 {
        let head = history.to_head().to_leaf_bytes().to_vec();
        facts.push((StateKey::history_head(&ASSET), head));
    }
    certificate_of(&State::new(&facts), &super::history_keys(&ASSET), &[Behaviour::Signs; 4])
}

/// Certificate of some keys of a state.
pub(crate) fn certificate_of(
    state: &State,
    proofs: &[StateKey],
    behaviours: &[Behaviour],
) -> Certificate {
    let keys = validator_keys();
    let header = signed_header(state.app_hash(), &keys, behaviours);
    Certificate {
        chain_id: CHAIN_ID.into(),
        state_height: STATE_HEIGHT,
        proofs: proofs.iter().map(|key| state.prove(key)).collect(),
        signed_header: encode_signed_header(&header).into(),
        validator_set: encode_validator_set(&validator_set(&keys)).into(),
    }
}

/// Hash of the fixture's validators.
pub(crate) fn validators_hash() -> [u8; 32] {
    let Hash::Sha256(hash) = validator_set(&validator_keys()).hash() else { unreachable!() };
    hash
}
