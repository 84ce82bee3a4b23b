//! The sequencer against an application with a disk, and against the light client's verifier.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tendermint::{Time, validator};
use tendermint_abci::Application;
use tendermint_light_client_verifier::options::Options;
use tendermint_light_client_verifier::types::{LightBlock, TrustThreshold};
use tendermint_light_client_verifier::{ProdVerifier, Verdict, Verifier};
use tendermint_proto::v0_38::abci::{
    ExecTxResult, RequestFinalizeBlock, RequestInfo, RequestInitChain, RequestPrepareProposal,
    ResponseCommit, ResponseFinalizeBlock, ResponseInfo, ResponseInitChain,
    ResponsePrepareProposal,
};
use tokio::sync::{Notify, oneshot};

use super::engine::Engine;
use super::{Sequencer, SoloConfig, SoloError, SoloHandle};
use crate::node::comet::clock;
use crate::node::comet::genesis::{
    DEFAULT_BLOCK_BYTES, Genesis, GenesisSettings, GenesisValidator,
};
use crate::node::comet::headers::HeaderError;
use crate::node::comet::keys::Ed25519Key;

/// Where the application dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    Never,
    InPrepare,
    InFinalize,
    BeforePersisting,
    AfterPersisting,
}

/// What survives a death.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Disk {
    height: i64,
    app_hash: Vec<u8>,
    txs: Vec<Bytes>,
}

#[derive(Clone)]
struct Toy {
    disk: Arc<Mutex<Disk>>,
    staged: Arc<Mutex<Option<Disk>>>,
    pool: Arc<Mutex<Vec<Bytes>>>,
    death: Death,
}

impl Toy {
    fn new(disk: &Arc<Mutex<Disk>>, death: Death) -> Self {
        Self { disk: Arc::clone(disk), staged: Arc::default(), pool: Arc::default(), death }
    }

    fn die_if(&self, place: Death) {
        assert!(self.death != place, "dies here on purpose");
    }
}

impl Application for Toy {
    fn info(&self, _request: RequestInfo) -> ResponseInfo {
        let disk = self.disk.lock().unwrap().clone();
        ResponseInfo {
            app_version: 1,
            last_block_height: disk.height,
            last_block_app_hash: disk.app_hash.into(),
            ..ResponseInfo::default()
        }
    }

    fn init_chain(&self, request: RequestInitChain) -> ResponseInitChain {
        assert_eq!(request.app_state_bytes, r#"{"toy":true}"#);
        let app_hash = vec![7; 32];
        *self.staged.lock().unwrap() = Some(Disk { app_hash: app_hash.clone(), ..Disk::default() });
        ResponseInitChain { app_hash: app_hash.into(), ..ResponseInitChain::default() }
    }

    fn prepare_proposal(&self, request: RequestPrepareProposal) -> ResponsePrepareProposal {
        self.die_if(Death::InPrepare);
        let votes = request.local_last_commit.unwrap().votes;
        assert_eq!(votes.len(), usize::from(request.height > 1));
        ResponsePrepareProposal { txs: self.pool.lock().unwrap().clone() }
    }

    fn finalize_block(&self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock {
        self.die_if(Death::InFinalize);
        let mut next = match self.staged.lock().unwrap().clone() {
            Some(fresh) => fresh,
            None => self.disk.lock().unwrap().clone(),
        };
        assert_eq!(request.height, next.height + 1, "each block is executed once, in order");
        next.height = request.height;
        for tx in &request.txs {
            next.app_hash =
                Sha256::new().chain_update(&next.app_hash).chain_update(tx).finalize().to_vec();
            next.txs.push(tx.clone());
        }
        let app_hash = next.app_hash.clone().into();
        *self.staged.lock().unwrap() = Some(next);
        let result = ExecTxResult { data: Bytes::from_static(b"ok"), ..ExecTxResult::default() };
        ResponseFinalizeBlock {
            tx_results: vec![result; request.txs.len()],
            app_hash,
            ..ResponseFinalizeBlock::default()
        }
    }

    fn commit(&self) -> ResponseCommit {
        self.die_if(Death::BeforePersisting);
        let next = self.staged.lock().unwrap().take().unwrap();
        self.pool.lock().unwrap().retain(|tx| !next.txs.contains(tx));
        *self.disk.lock().unwrap() = next;
        self.die_if(Death::AfterPersisting);
        ResponseCommit::default()
    }
}

fn key() -> Ed25519Key {
    Ed25519Key::from_seed(&[3; 32])
}

fn genesis() -> Genesis {
    GenesisSettings {
        chain_id: "solo-1".into(),
        time: Time::from_unix_timestamp(1_795_000_000, 0).unwrap(),
        validators: vec![GenesisValidator {
            public_key: key().public_key(),
            power: 10,
            name: "solo".into(),
        }],
        block_bytes: DEFAULT_BLOCK_BYTES,
        app_state: serde_json::json!({"toy": true}),
    }
    .build()
    .unwrap()
}

fn engine(dir: &Path, app: &Toy) -> Result<Engine<Toy>, SoloError> {
    Engine::open(dir, app.clone(), key(), genesis())
}

fn config(dir: &Path, pending: &Arc<Notify>) -> SoloConfig {
    SoloConfig {
        dir: dir.to_owned(),
        key: key(),
        genesis: genesis(),
        block_time: Duration::ZERO,
        empty_block_interval: None,
        pending: Arc::clone(pending),
    }
}

fn tx(number: u32) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

fn light_block(handle: &SoloHandle, height: u64) -> LightBlock {
    let set = |height| validator::Set::without_proposer(handle.validators(height).unwrap());
    LightBlock::new(
        handle.signed_header(height).unwrap(),
        set(height),
        set(height + 1),
        key().node_id(),
    )
}

/// Every header is accepted by the light client, from its parent and from the first one.
fn verify_all(handle: &SoloHandle) {
    let options = Options {
        trust_threshold: TrustThreshold::TWO_THIRDS,
        trusting_period: Duration::from_secs(10 * 365 * 24 * 3600),
        clock_drift: Duration::from_secs(10),
    };
    for height in 2..=handle.latest_height() {
        let untrusted = light_block(handle, height);
        for trusted in [height - 1, 1] {
            let verdict = ProdVerifier::default().verify_update_header(
                untrusted.as_untrusted_state(),
                light_block(handle, trusted).as_trusted_state(),
                &options,
                (clock::now() + Duration::from_secs(1)).unwrap(),
            );
            assert_eq!(verdict, Verdict::Success, "block {height} from {trusted}");
        }
    }
}

fn handle_of(dir: &Path, app: &Toy) -> SoloHandle {
    Sequencer::open(config(dir, &Arc::default()), app.clone()).unwrap().handle()
}

#[test]
fn headers_are_accepted_by_the_light_client() {
    let dir = tempfile::tempdir().unwrap();
    let app = Toy::new(&Arc::default(), Death::Never);
    let mut engine = engine(dir.path(), &app).unwrap();
    for number in 0..5 {
        app.pool.lock().unwrap().push(tx(number));
        assert!(engine.produce(false).unwrap().unwrap().needs_proof_block);
        engine.produce(true).unwrap().unwrap();
    }
    drop(engine);
    let handle = handle_of(dir.path(), &app);
    assert_eq!(handle.latest_height(), 10);
    verify_all(&handle);
    // The state after a block is in the next block's header.
    let last = handle.signed_header(10).unwrap();
    assert_eq!(last.header.app_hash.as_bytes(), app.disk.lock().unwrap().app_hash);
}

#[test]
fn a_chain_idles_once_its_state_is_proven() {
    let dir = tempfile::tempdir().unwrap();
    let app = Toy::new(&Arc::default(), Death::Never);
    let mut engine = engine(dir.path(), &app).unwrap();
    assert!(engine.needs_proof_block(), "the genesis state is proven by the first block");
    assert!(!engine.produce(true).unwrap().unwrap().needs_proof_block);
    assert_eq!(engine.produce(false).unwrap(), None);
    app.pool.lock().unwrap().push(tx(1));
    assert!(engine.produce(false).unwrap().unwrap().needs_proof_block);
    assert!(!engine.produce(true).unwrap().unwrap().needs_proof_block);
    assert_eq!(engine.height(), 3);
}

#[test]
fn fault_1_a_death_at_any_point_loses_nothing_and_repeats_nothing() {
    let deaths =
        [Death::InPrepare, Death::InFinalize, Death::BeforePersisting, Death::AfterPersisting];
    for death in deaths {
        for blocks_before in 0..3 {
            let dir = tempfile::tempdir().unwrap();
            let disk = Arc::default();
            let app = Toy::new(&disk, Death::Never);
            let mut healthy = engine(dir.path(), &app).unwrap();
            for number in 0..blocks_before {
                app.pool.lock().unwrap().push(tx(number));
                healthy.produce(false).unwrap().unwrap();
            }
            drop(healthy);
            let dying = Toy::new(&disk, death);
            let mut doomed = engine(dir.path(), &dying).unwrap();
            dying.pool.lock().unwrap().push(tx(100));
            let died = catch_unwind(AssertUnwindSafe(|| doomed.produce(true)));
            assert!(died.is_err(), "{death:?}");
            drop(doomed);

            let app = Toy::new(&disk, Death::Never);
            let mut revived = engine(dir.path(), &app).unwrap();
            revived.produce(true).unwrap().unwrap();
            let reached_the_log = matches!(death, Death::BeforePersisting | Death::AfterPersisting);
            let txs: BTreeSet<Bytes> = disk.lock().unwrap().txs.iter().cloned().collect();
            assert_eq!(txs.contains(&tx(100)), reached_the_log, "{death:?}");
            assert_eq!(txs.len(), disk.lock().unwrap().txs.len(), "a transaction ran twice");
            drop(revived);
            verify_all(&handle_of(dir.path(), &app));
        }
    }
}

#[test]
fn faults_5_and_26_an_application_that_is_behind_catches_up_to_the_same_state() {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<Mutex<Disk>> = Arc::default();
    let app = Toy::new(&disk, Death::Never);
    let mut running = engine(dir.path(), &app).unwrap();
    let mut backups = vec![disk.lock().unwrap().clone()];
    for number in 0..6 {
        app.pool.lock().unwrap().push(tx(number));
        running.produce(false).unwrap().unwrap();
        backups.push(disk.lock().unwrap().clone());
    }
    drop(running);
    let latest = disk.lock().unwrap().clone();
    for backup in backups {
        *disk.lock().unwrap() = backup;
        let revived = engine(dir.path(), &Toy::new(&disk, Death::Never)).unwrap();
        assert_eq!(revived.height(), 6);
        assert_eq!(*disk.lock().unwrap(), latest);
    }
}

#[test]
fn fault_4_an_application_that_is_ahead_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let app = Toy::new(&Arc::default(), Death::Never);
    let mut running = engine(dir.path(), &app).unwrap();
    running.produce(true).unwrap();
    let backup = fs::read(dir.path().join("blocks.log")).unwrap();
    running.produce(true).unwrap();
    drop(running);
    fs::write(dir.path().join("blocks.log"), backup).unwrap();
    let error = engine(dir.path(), &app).err().unwrap();
    assert!(matches!(error, SoloError::ApplicationAhead { height: 2, latest: 1 }), "{error}");
}

#[test]
fn another_outcome_than_the_recorded_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<Mutex<Disk>> = Arc::default();
    let app = Toy::new(&disk, Death::Never);
    let mut running = engine(dir.path(), &app).unwrap();
    running.produce(true).unwrap();
    drop(running);
    disk.lock().unwrap().app_hash[0] ^= 1;
    let error = engine(dir.path(), &app).err().unwrap();
    assert!(matches!(error, SoloError::OtherOutcome { height: 1, .. }), "{error}");
}

#[test]
fn headers_out_of_reach_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let app = Toy::new(&Arc::default(), Death::Never);
    engine(dir.path(), &app).unwrap().produce(true).unwrap();
    let handle = handle_of(dir.path(), &app);
    let error = handle.signed_header(2).unwrap_err();
    assert!(matches!(error, HeaderError::NotYet { height: 2, latest: 1 }), "{error}");
    let error = handle.signed_header(0).unwrap_err();
    assert!(matches!(error, HeaderError::NotKept { height: 0, earliest: 1 }), "{error}");
    assert_eq!(handle.validators(2).unwrap().len(), 1, "the next block's validators are known");
}

#[tokio::test]
async fn blocks_follow_the_pool_and_the_sequencer_stops_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let app = Toy::new(&Arc::default(), Death::Never);
    let pending = Arc::new(Notify::new());
    let sequencer = Sequencer::open(config(dir.path(), &pending), app.clone()).unwrap();
    let handle = sequencer.handle();
    let mut heights = handle.subscribe();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(sequencer.run(async move { drop(stopped.await) }));
    let patience = Duration::from_secs(30);
    for number in 0..10_u32 {
        app.pool.lock().unwrap().push(tx(number));
        pending.notify_one();
        let wanted = usize::try_from(number + 1).unwrap();
        let done = |_: &u64| app.disk.lock().unwrap().txs.len() == wanted;
        tokio::time::timeout(patience, heights.wait_for(done)).await.unwrap().unwrap();
    }
    let app_hash = app.disk.lock().unwrap().app_hash.clone();
    let proven = |height: &u64| {
        let header = handle.signed_header(*height).unwrap().header;
        header.app_hash.as_bytes() == app_hash
    };
    tokio::time::timeout(patience, heights.wait_for(proven)).await.unwrap().unwrap();
    stop.send(()).unwrap();
    tokio::time::timeout(patience, running).await.unwrap().unwrap().unwrap();
    verify_all(&handle);
}

#[tokio::test]
async fn a_panic_of_the_application_stops_the_sequencer() {
    let dir = tempfile::tempdir().unwrap();
    let app = Toy::new(&Arc::default(), Death::InFinalize);
    let sequencer = Sequencer::open(config(dir.path(), &Arc::default()), app).unwrap();
    let error = sequencer.run(std::future::pending()).await.unwrap_err();
    assert!(matches!(error, SoloError::Panicked(_)), "{error}");
}
