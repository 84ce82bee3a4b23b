//! Proofs of a real state: all that is true verifies, and nothing else (faults 20 and 21).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ics23::commitment_proof::Proof;
use ics23::{CommitmentProof, ExistenceProof, NonExistenceProof};
use prost_ics23::Message as _;
use sha2::{Digest as _, Sha256};
use tendermint_abci::Application;
use tendermint_proto::v0_38::abci::{
    RequestFinalizeBlock, RequestInfo, RequestInitChain, RequestPrepareProposal,
    RequestProcessProposal, ResponseCommit, ResponseFinalizeBlock, ResponseInfo, ResponseInitChain,
    ResponsePrepareProposal, ResponseProcessProposal, response_process_proposal::ProposalStatus,
};
use tessera_app::chain::executor::Scheduling;
use tessera_app::chain::ledger::Ledger;
use tessera_app::chain::receipts::receipt_proof;
use tessera_app::chain::verify::Verifier;
use tessera_app::node::application::{FrameSource, Node, ProposalSettings};
use tessera_app::node::comet::genesis::{DEFAULT_BLOCK_BYTES, GenesisSettings, GenesisValidator};
use tessera_app::node::comet::keys::Ed25519Key;
use tessera_app::node::pool::{Pool, PoolLimits};
use tessera_app::node::solo::{Sequencer, SoloConfig, SoloHandle};
use tessera_app::state::store::{HeightError, Store};
use tessera_app::state::view::StateReader;
use tessera_client::operations;
use tessera_client::tx_builder::TransactionBuilder;
use tessera_client::verify::{
    ReceiptBody, ReceiptFile, TrustRoot, encode_commitment_proof, encode_signed_header,
    encode_validator_set, verify_certificate, verify_ownership, verify_receipt, verify_state_proof,
};
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::query::v1::{Certificate, StateProof};
use tessera_proto::state_key::StateKey;
use tessera_tests::builders::{params, sample_blocks};
use tessera_tests::fixture::{
    self, CHAIN_ID, Chain, Execution, GENESIS_TIME_MS, OPTIONS, genesis, genesis_asset, people,
    person, temporary_folder,
};
use tessera_tests::programs;

/// Ways to change a byte.
const MASKS: [u8; 4] = [0x01, 0x10, 0x80, 0xff];

/// A chain of random blocks.
fn chain() -> Chain {
    let (genesis, blocks) = sample_blocks(30, 12);
    let verifier = Arc::new(Verifier::new(CHAIN_ID));
    let chain = Chain::new(&genesis, &verifier, Execution::Parallel(2));
    for frames in &blocks {
        chain.run(frames);
    }
    chain
}

/// Keys that nothing stands at.
fn absent_keys() -> impl Iterator<Item = StateKey> {
    (0..=255).map(|number| StateKey::account(&Address::new([number; 20])))
}

fn prove(chain: &Chain, key: &StateKey) -> StateProof {
    chain.store().prove(chain.height(), key).unwrap()
}

#[test]
fn everything_and_nothing_is_provable_at_all_kept_heights() {
    let chain = chain();
    let (store, latest) = (chain.store(), chain.height());
    let keys: Vec<StateKey> = chain.leaves().into_keys().chain(absent_keys()).collect();
    for height in store.oldest_height()..=latest {
        let app_hash = store.app_hash(height).unwrap();
        let reader = store.at(height).unwrap();
        for key in &keys {
            let proof = store.prove(height, key).unwrap();
            let value = reader.read(key).unwrap();
            assert_eq!(verify_state_proof(&proof, &app_hash), Ok(value), "{key:?} at {height}");
            for other in store.oldest_height()..=latest {
                let other_hash = store.app_hash(other).unwrap();
                if other_hash != app_hash {
                    assert!(verify_state_proof(&proof, &other_hash).is_err());
                }
            }
        }
    }
}

type Field = fn(&mut StateProof) -> &mut Bytes;

const FIELDS: [(&str, Field); 4] = [
    ("key", |proof| &mut proof.key),
    ("value", |proof| &mut proof.value),
    ("shard proof", |proof| &mut proof.shard_proof),
    ("root proof", |proof| &mut proof.root_proof),
];

#[test]
fn fault_20_every_changed_byte_of_a_proof_is_refused() {
    let chain = chain();
    let app_hash = chain.app_hash();
    let present = [
        StateKey::params(),
        StateKey::asset(&genesis_asset("villa")),
        StateKey::holding(&genesis_asset("usdx"), &Address::fee_pool()),
        StateKey::account(&person(3).address()),
    ];
    for key in present.into_iter().chain(absent_keys().take(4)) {
        let honest = prove(&chain, &key);
        verify_state_proof(&honest, &app_hash).unwrap();
        for (name, field) in FIELDS {
            let length = field(&mut honest.clone()).len();
            for (index, mask) in (0..length).flat_map(|i| MASKS.map(|mask| (i, mask))) {
                let mut forged = honest.clone();
                let bytes = field(&mut forged);
                *bytes = changed(bytes, index, mask);
                let verdict = verify_state_proof(&forged, &app_hash);
                assert!(verdict.is_err(), "byte {index} of the {name} of {key:?} ^ {mask}");
            }
            // Truncated, extended, emptied.
            for change in [shortened, extended] {
                let mut forged = honest.clone();
                let bytes = field(&mut forged);
                *bytes = change(bytes);
                let verdict = verify_state_proof(&forged, &app_hash);
                assert!(forged == honest || verdict.is_err(), "length of the {name} of {key:?}");
            }
        }
        for (index, mask) in (0..32).flat_map(|i| MASKS.map(|mask| (i, mask))) {
            let mut hash = app_hash;
            hash[index] ^= mask;
            assert!(verify_state_proof(&honest, &hash).is_err());
        }
        for hash in [&app_hash[..31], &[], &[0; 64]] {
            assert!(verify_state_proof(&honest, hash).is_err());
        }
    }
}

fn changed(bytes: &Bytes, index: usize, mask: u8) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[index] ^= mask;
    bytes.into()
}

fn shortened(bytes: &Bytes) -> Bytes {
    bytes.slice(..bytes.len().saturating_sub(1))
}

fn extended(bytes: &Bytes) -> Bytes {
    [bytes.as_ref(), &[0]].concat().into()
}

#[test]
fn fault_20_a_proof_of_another_shard_is_refused() {
    let chain = chain();
    let honest = prove(&chain, &StateKey::params());
    let other_shard = absent_keys().find(|key| key.shard() != StateKey::params().shard()).unwrap();
    let other = prove(&chain, &other_shard);
    for forged in [
        StateProof { root_proof: other.root_proof.clone(), ..honest.clone() },
        StateProof { shard_proof: other.shard_proof.clone(), ..honest.clone() },
        StateProof { key: other.key.clone(), ..honest.clone() },
        StateProof { key: honest.key.clone(), ..other.clone() },
        StateProof { value: Bytes::new(), ..honest },
    ] {
        assert!(verify_state_proof(&forged, &chain.app_hash()).is_err());
    }
}

fn existence(chain: &Chain, key: &StateKey) -> ExistenceProof {
    let proof = CommitmentProof::decode(prove(chain, key).shard_proof.as_ref()).unwrap();
    match proof.proof {
        Some(Proof::Exist(exist)) => exist,
        other => panic!("{key:?} is present: {other:?}"),
    }
}

/// Every present key is claimed to be absent, with neighbours that are genuine: itself, the keys
/// beside it and those around an absent key of the same shard.
#[test]
fn fault_20_a_present_key_cannot_be_proven_absent() {
    let chain = chain();
    let app_hash = chain.app_hash();
    let mut by_shard: std::collections::BTreeMap<u8, Vec<StateKey>> = Default::default();
    for key in chain.leaves().into_keys() {
        by_shard.entry(key.shard()).or_default().push(key);
    }
    let mut forgeries = 0;
    for keys in by_shard.values_mut().filter(|keys| keys.len() > 1) {
        keys.sort_by_key(StateKey::hash);
        for (index, key) in keys.iter().enumerate() {
            let honest = prove(&chain, key);
            let before = index.checked_sub(1).map(|index| existence(&chain, &keys[index]));
            let itself = Some(existence(&chain, key));
            let after = keys.get(index + 1).map(|key| existence(&chain, key));
            for (left, right) in [
                (before.clone(), after.clone()),
                (before.clone(), itself.clone()),
                (itself.clone(), after.clone()),
                (itself.clone(), itself.clone()),
                (before.clone(), None),
                (None, after.clone()),
                (after, before),
                (None, itself),
            ] {
                let absence = NonExistenceProof { key: key.as_bytes().to_vec(), left, right };
                let proof = CommitmentProof { proof: Some(Proof::Nonexist(absence)) };
                let shard_proof = encode_commitment_proof(&proof).into();
                let forged = StateProof { value: Bytes::new(), shard_proof, ..honest.clone() };
                assert!(verify_state_proof(&forged, &app_hash).is_err(), "{key:?}");
                forgeries += 1;
            }
        }
    }
    assert!(forgeries > 500, "{forgeries}");
}

#[test]
fn fault_21_heights_that_are_not_kept_are_told_clearly() {
    let chain = chain();
    let (store, latest) = (chain.store(), chain.height());
    let oldest = latest - OPTIONS.keep_heights;
    let key = StateKey::params();
    for height in [0, 1, oldest - 1] {
        let error = store.prove(height, &key).unwrap_err();
        assert!(matches!(error, HeightError::Pruned { .. }));
        let expected = format!("height {height} is pruned, the oldest kept is {oldest}");
        assert_eq!(error.to_string(), expected);
    }
    for height in [latest + 1, u64::MAX] {
        let error = store.prove(height, &key).unwrap_err();
        assert!(matches!(error, HeightError::Future { .. }));
        let expected = format!("height {height} is not committed yet, the latest is {latest}");
        assert_eq!(error.to_string(), expected);
    }
    for height in [oldest, latest] {
        let proof = store.prove(height, &key).unwrap();
        assert!(verify_state_proof(&proof, &store.app_hash(height).unwrap()).unwrap().is_some());
    }
    assert_eq!(StateKey::from_bytes(&[]), None);
    assert_eq!(StateKey::from_bytes(&[1; 57]), None);
}

#[test]
fn fault_21_queries_over_abci_answer_clearly() {
    use tendermint_abci::Application as _;
    use tendermint_proto::v0_38::abci::RequestQuery;
    let chain = chain();
    let (latest, node) = (chain.height() as i64, node(Arc::clone(chain.store())));
    // The one before may be removed by a commit under way.
    let oldest = latest - OPTIONS.keep_heights as i64 + 1;
    let query = |data: &[u8], path: &str, height: i64| {
        let (data, path) = (Bytes::copy_from_slice(data), path.to_owned());
        node.query(RequestQuery { data, path, height, prove: true })
    };
    let key = StateKey::params();
    let key = key.as_bytes();
    for (height, answered) in [(0, latest), (latest, latest), (oldest, oldest)] {
        let answer = query(key, "/key", height);
        assert_eq!((answer.code, answer.height), (0, answered));
        assert_eq!(answer.proof_ops.unwrap().ops.len(), 2);
    }
    let no_key = "`data` must be a state key of 1 to 56 bytes";
    for (data, path, height, code, log) in [
        (&[][..], "/key", 0, 1, no_key.to_owned()),
        (&[7; 57][..], "/key", 0, 1, no_key.to_owned()),
        (key, "/other", 0, 2, "no path `/other`; the state is under `/key`".to_owned()),
        (key, "/key", -1, 3, "height -1 is below zero".to_owned()),
        (key, "/key", 1, 3, format!("height 1 is pruned, the oldest kept is {oldest}")),
        (
            key,
            "/key",
            latest + 1,
            3,
            format!("height {} is not committed yet, the latest is {latest}", latest + 1),
        ),
    ] {
        let answer = query(data, path, height);
        assert_eq!((answer.code, answer.log, answer.codespace.as_str()), (code, log, "query"));
        assert!(answer.value.is_empty() && answer.proof_ops.is_none());
    }
}

fn node(store: Arc<Store>) -> Node {
    fixture::node(&store, &Arc::new(Verifier::new(CHAIN_ID)), &Arc::default())
}

/// A state with a real header over it, made by the embedded sequencer.
struct Signed {
    node: Node,
    blocks: SoloHandle,
    _folder: tempfile::TempDir,
}

async fn signed_chain() -> Signed {
    signed_chain_of(|node| node).await.0
}

/// Lets a malformed frame into every block that has others, as validators could only together.
#[derive(Clone)]
struct Careless(Node);

impl Application for Careless {
    fn info(&self, request: RequestInfo) -> ResponseInfo {
        self.0.info(request)
    }

    fn init_chain(&self, request: RequestInitChain) -> ResponseInitChain {
        self.0.init_chain(request)
    }

    fn prepare_proposal(&self, request: RequestPrepareProposal) -> ResponsePrepareProposal {
        let mut txs = self.0.prepare_proposal(request).txs;
        if !txs.is_empty() {
            txs.insert(0, Bytes::from_static(b"no frame"));
            txs.push(Bytes::from_static(b"nor this"));
        }
        ResponsePrepareProposal { txs }
    }

    fn process_proposal(&self, _request: RequestProcessProposal) -> ResponseProcessProposal {
        ResponseProcessProposal { status: ProposalStatus::Accept.into() }
    }

    fn finalize_block(&self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock {
        self.0.finalize_block(request)
    }

    fn commit(&self) -> ResponseCommit {
        self.0.commit()
    }
}

/// A signed chain with one transfer, and the id of that.
async fn signed_chain_of<A: Application + Sync>(
    application: impl FnOnce(Node) -> A,
) -> (Signed, Vec<u8>) {
    let folder = temporary_folder();
    let store = Arc::new(Store::open(&folder.path().join("state"), OPTIONS).unwrap());
    let verifier = Arc::new(Verifier::new(CHAIN_ID));
    let pending = Arc::new(tokio::sync::Notify::new());
    let limits = PoolLimits::default();
    let pool = Pool::new(Arc::clone(&store), Arc::clone(&verifier), limits, Arc::clone(&pending));
    let ledger = Ledger::new(store, verifier, Scheduling::Parallel);
    let node = Node::new(ledger, Arc::new(pool), FrameSource::Pool, ProposalSettings::default());
    let key = Ed25519Key::from_seed(&[3; 32]);
    let seconds = i64::try_from(GENESIS_TIME_MS / 1_000).unwrap();
    let comet_genesis = GenesisSettings {
        chain_id: CHAIN_ID.into(),
        time: tendermint::Time::from_unix_timestamp(seconds, 0).unwrap(),
        validators: vec![GenesisValidator {
            public_key: key.public_key(),
            power: 10,
            name: "solo".into(),
        }],
        block_bytes: DEFAULT_BLOCK_BYTES,
        app_state: serde_json::from_str(&genesis(&people(6)).to_json()).unwrap(),
    }
    .build()
    .unwrap();
    let dir = folder.path().join("blocks");
    std::fs::create_dir(&dir).unwrap();
    let config = SoloConfig {
        dir,
        key,
        genesis: comet_genesis,
        block_time: Duration::ZERO,
        empty_block_interval: None,
        pending,
    };
    let sequencer = Sequencer::open(config, application(node.clone())).unwrap();
    let blocks = sequencer.handle();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(sequencer.run(async { drop(stopped.await) }));
    let sender = person(4);
    let transfer = TransactionBuilder::new(CHAIN_ID, sender.address())
        .valid_until_height(20)
        .operation(operations::transfer(
            &genesis_asset("villa"),
            &person(5).address(),
            Amount::from_u64(7),
        ))
        .quoted_fee(&params(), 1)
        .sign(&[&sender]);
    // Block 1 is empty, block 2 has the transfer, the header of block 3 proves it.
    let mut heights = blocks.subscribe();
    let mut reach = async |wanted: u64| {
        let reached = heights.wait_for(|height| *height >= wanted);
        tokio::time::timeout(Duration::from_secs(60), reached).await.unwrap().unwrap();
    };
    reach(1).await;
    node.pool().submit(&[transfer.bytes]).unwrap()[0].as_ref().unwrap();
    reach(3).await;
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    let id = transfer.id.as_bytes().to_vec();
    (Signed { node, blocks, _folder: folder }, id)
}

impl Signed {
    fn certificate(&self, account: &Address) -> Certificate {
        let state_height = self.blocks.latest_height() - 1;
        let asset = genesis_asset("villa");
        let keys = [
            StateKey::asset(&asset),
            StateKey::asset_totals(&asset),
            StateKey::holding(&asset, account),
        ];
        self.certificate_of(state_height, &keys)
    }

    fn certificate_of(&self, state_height: u64, keys: &[StateKey]) -> Certificate {
        let header = self.blocks.signed_header(state_height + 1).unwrap();
        let validators = self.blocks.validators(state_height + 1).unwrap();
        let set = tendermint::validator::Set::without_proposer(validators);
        let prove = |key: &StateKey| self.node.store().prove(state_height, key).unwrap();
        Certificate {
            chain_id: CHAIN_ID.into(),
            state_height,
            proofs: keys.iter().map(prove).collect(),
            signed_header: encode_signed_header(&header).into(),
            validator_set: encode_validator_set(&set).into(),
        }
    }

    fn trust(&self) -> TrustRoot {
        let header = self.blocks.signed_header(self.blocks.latest_height()).unwrap();
        TrustRoot::ValidatorsHash(header.header.validators_hash.as_bytes().try_into().unwrap())
    }
}

type Part = fn(&mut Certificate) -> &mut Bytes;

const PARTS: [(&str, Part); 14] = [
    ("signed header", |one| &mut one.signed_header),
    ("validator set", |one| &mut one.validator_set),
    ("asset key", |one| &mut one.proofs[0].key),
    ("asset value", |one| &mut one.proofs[0].value),
    ("asset shard proof", |one| &mut one.proofs[0].shard_proof),
    ("asset root proof", |one| &mut one.proofs[0].root_proof),
    ("totals key", |one| &mut one.proofs[1].key),
    ("totals value", |one| &mut one.proofs[1].value),
    ("totals shard proof", |one| &mut one.proofs[1].shard_proof),
    ("totals root proof", |one| &mut one.proofs[1].root_proof),
    ("holding key", |one| &mut one.proofs[2].key),
    ("holding value", |one| &mut one.proofs[2].value),
    ("holding shard proof", |one| &mut one.proofs[2].shard_proof),
    ("holding root proof", |one| &mut one.proofs[2].root_proof),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_20_every_changed_byte_of_a_certificate_is_refused() {
    let signed = signed_chain().await;
    let trust = signed.trust();
    let stranger = Address::new([0xcc; 20]);
    for (account, balance) in [(person(5).address(), None), (stranger, Some(0))] {
        let honest = signed.certificate(&account);
        let verified = verify_ownership(&honest, &trust).unwrap();
        let expected = balance.unwrap_or(7);
        assert_eq!(verified.balance().base_units(), expected);
        for (name, part) in PARTS {
            let length = part(&mut honest.clone()).len();
            for (index, mask) in (0..length).flat_map(|i| MASKS.map(|mask| (i, mask))) {
                let mut forged = honest.clone();
                let bytes = part(&mut forged);
                *bytes = changed(bytes, index, mask);
                let verdict = verify_ownership(&forged, &trust);
                assert!(verdict.is_err(), "byte {index} of the {name} ^ {mask}");
            }
        }
        for index in 0..CHAIN_ID.len() {
            let mut name = honest.chain_id.clone().into_bytes();
            name[index] ^= 1;
            let chain_id = String::from_utf8(name).unwrap();
            let forged = Certificate { chain_id, ..honest.clone() };
            assert!(verify_ownership(&forged, &trust).is_err());
        }
        for bit in 0..64 {
            let state_height = honest.state_height ^ (1 << bit);
            let forged = Certificate { state_height, ..honest.clone() };
            assert!(verify_ownership(&forged, &trust).is_err());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_another_height_or_trust_is_refused() {
    let signed = signed_chain().await;
    let (trust, account) = (signed.trust(), person(5).address());
    let honest = signed.certificate(&account);
    verify_certificate(&honest, &trust).unwrap();
    // The state before the transfer under the header after it.
    let old = signed.node.store().prove(0, &StateKey::holding(&genesis_asset("villa"), &account));
    let mut forged = honest.clone();
    forged.proofs[2] = old.unwrap();
    assert!(verify_ownership(&forged, &trust).is_err());
    let mut older = honest.clone();
    let header = signed.blocks.signed_header(1).unwrap();
    older.signed_header = encode_signed_header(&header).into();
    assert!(verify_ownership(&older, &trust).is_err());
    assert!(verify_ownership(&honest, &TrustRoot::ValidatorsHash([1; 32])).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_is_proven_beside_malformed_frames() {
    let (signed, id) = signed_chain_of(Careless).await;
    let (receipt, proof) = receipt_proof(signed.node.store().database(), &id).unwrap().unwrap();
    assert_eq!(proof.result_path.len(), 2, "three frames, the middle one is the receipt's");
    let certificate = signed.certificate_of(receipt.height, &[]);
    let verified = verify_receipt(&certificate, &proof, &signed.trust()).unwrap();
    assert_eq!((verified.outcome.code, verified.outcome.tx_id.as_ref()), (0, id.as_slice()));
    // A malformed frame stands for its code: passed off as a frame without transactions, it is
    // noticed.
    let mut forged = proof.clone();
    forged.result_path[0].sibling = Sha256::digest([0]).to_vec().into();
    assert!(verify_receipt(&certificate, &forged, &signed.trust()).is_err());

    let folder = temporary_folder();
    let file = folder.path().join("receipt.json");
    let text = ReceiptFile::new(&certificate, ReceiptBody::new(&proof), &verified).to_text();
    std::fs::write(&file, text).unwrap();
    let TrustRoot::ValidatorsHash(trusted) = signed.trust() else { panic!("a hash") };
    let output = std::process::Command::new(programs::tessera())
        .args(["proof", "verify", "--trust-hash", &hex::encode(trusted)])
        .arg(&file)
        .output()
        .unwrap();
    let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && told.contains("succeeded at block 2"), "{told}");
}
