//! Real CometBFT, supervised: its homes, its process, its RPC and the headers it signs.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tendermint::validator;
use tendermint_abci::Application;
use tendermint_light_client_verifier::{
    ProdVerifier, Verdict, Verifier,
    options::Options,
    types::{LightBlock, TrustThreshold},
};
use tendermint_proto::v0_38::abci::{
    ExecTxResult, RequestCheckTx, RequestFinalizeBlock, RequestInfo, RequestPrepareProposal,
    ResponseCheckTx, ResponseCommit, ResponseFinalizeBlock, ResponseInfo, ResponsePrepareProposal,
};
use tessera_app::node::{
    abci::{
        AbciAddress, AbciApplication, AbciServer, AbciServerConfig, RequestInsertTx,
        RequestReapTxs, ResponseInsertTx, ResponseReapTxs,
    },
    comet::{
        binary::{self, CometBinary},
        clock,
        config::Pace,
        genesis::DEFAULT_BLOCK_BYTES,
        headers::{HeaderError, HeaderSource},
        local_net::{LocalNet, LocalNetSettings},
        process::CometProcess,
        rpc::RpcClient,
    },
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

const DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// Orders transactions and remembers them; nothing else.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    height: i64,
    app_hash: Vec<u8>,
    txs: Vec<Bytes>,
    pool: Vec<Bytes>,
    to_gossip: Vec<Bytes>,
}

impl Ledger {
    fn add(&self, tx: &'static [u8]) {
        let mut state = self.0.lock().unwrap();
        state.pool.push(Bytes::from_static(tx));
        state.to_gossip.push(Bytes::from_static(tx));
    }

    fn has(&self, tx: &[u8]) -> bool {
        self.0.lock().unwrap().txs.iter().any(|known| known == tx)
    }
}

impl Application for Ledger {
    fn info(&self, _request: RequestInfo) -> ResponseInfo {
        let state = self.0.lock().unwrap();
        ResponseInfo {
            last_block_height: state.height,
            last_block_app_hash: state.app_hash.clone().into(),
            ..ResponseInfo::default()
        }
    }

    fn check_tx(&self, request: RequestCheckTx) -> ResponseCheckTx {
        self.0.lock().unwrap().pool.push(request.tx);
        ResponseCheckTx::default()
    }

    fn prepare_proposal(&self, _request: RequestPrepareProposal) -> ResponsePrepareProposal {
        ResponsePrepareProposal { txs: self.0.lock().unwrap().pool.clone() }
    }

    fn finalize_block(&self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock {
        let mut state = self.0.lock().unwrap();
        state.height = request.height;
        for tx in &request.txs {
            let hasher = Sha256::new().chain_update(&state.app_hash).chain_update(tx);
            state.app_hash = hasher.finalize().to_vec();
            state.txs.push(tx.clone());
            state.pool.retain(|pooled| pooled != tx);
        }
        ResponseFinalizeBlock {
            tx_results: vec![ExecTxResult::default(); request.txs.len()],
            app_hash: state.app_hash.clone().into(),
            ..ResponseFinalizeBlock::default()
        }
    }

    fn commit(&self) -> ResponseCommit {
        ResponseCommit::default()
    }
}

impl AbciApplication for Ledger {
    fn insert_tx(&self, request: RequestInsertTx) -> ResponseInsertTx {
        self.0.lock().unwrap().pool.push(request.tx);
        ResponseInsertTx::default()
    }

    fn reap_txs(&self, _request: RequestReapTxs) -> ResponseReapTxs {
        ResponseReapTxs { txs: std::mem::take(&mut self.0.lock().unwrap().to_gossip) }
    }
}

/// Validators of a local net, each with its application and its CometBFT.
struct Net {
    binary: CometBinary,
    net: LocalNet,
    apps: Vec<Ledger>,
    servers: Vec<JoinHandle<()>>,
    processes: Vec<Option<CometProcess>>,
    _dir: TempDir,
}

impl Net {
    async fn start(validators: usize) -> Self {
        let binary =
            tokio::task::spawn_blocking(|| binary::find(None, &mut |_| ())).await.unwrap().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let settings = LocalNetSettings {
            chain_id: "suite-1".into(),
            validators,
            pace: Pace { block_time: Duration::from_millis(50), empty_block_interval: None },
            version: binary.version,
            block_bytes: DEFAULT_BLOCK_BYTES,
            app_state: serde_json::json!({}),
        };
        let net = LocalNet::open(dir.path(), settings).unwrap();
        let mut started =
            Self { binary, net, apps: vec![], servers: vec![], processes: vec![], _dir: dir };
        for index in 0..validators {
            let address: AbciAddress = started.net.nodes[index].abci_address.parse().unwrap();
            let server = AbciServer::bind(address, AbciServerConfig::default()).await.unwrap();
            let app = Ledger::default();
            started.apps.push(app.clone());
            started.servers.push(tokio::spawn(async move {
                server.serve(app, std::future::pending()).await.unwrap();
            }));
            started.processes.push(None);
            started.run(index);
        }
        started
    }

    fn run(&mut self, index: usize) {
        let process = CometProcess::start(&self.binary, &self.net.nodes[index].home).unwrap();
        self.processes[index] = Some(process);
    }

    fn rpc(&self, index: usize) -> RpcClient {
        RpcClient::new(self.rpc_address(index))
    }

    fn rpc_address(&self, index: usize) -> SocketAddr {
        self.net.nodes[index].rpc_address
    }

    /// Waits until a node has this block; a node that ended says why.
    async fn reach(&mut self, index: usize, height: u64) {
        let rpc = self.rpc(index);
        let start = Instant::now();
        loop {
            if rpc.status().await.is_ok_and(|status| status.latest_height >= height) {
                return;
            }
            self.processes[index].as_mut().unwrap().check().unwrap();
            assert!(start.elapsed() < DEADLINE, "node {index} never reached block {height}");
            sleep(POLL).await;
        }
    }

    async fn stop(mut self) {
        for process in self.processes.iter_mut().filter_map(Option::take) {
            process.stop(DEADLINE).await.unwrap();
        }
        for server in self.servers {
            server.abort();
        }
    }
}

async fn light_block(rpc: &RpcClient, height: u64) -> LightBlock {
    let source: &dyn HeaderSource = rpc;
    let set =
        async |height| validator::Set::without_proposer(source.validators(height).await.unwrap());
    let provider = rpc.status().await.unwrap().node_id;
    let header = source.signed_header(height).await.unwrap();
    LightBlock::new(header, set(height).await, set(height + 1).await, provider)
}

#[tokio::test(flavor = "multi_thread")]
async fn four_validators_connect_agree_and_survive_a_kill() {
    let mut net = Net::start(4).await;
    for index in 0..4 {
        net.reach(index, 3).await;
        let rpc = net.rpc(index);
        let start = Instant::now();
        while rpc.peer_count().await.unwrap() < 3 {
            assert!(start.elapsed() < DEADLINE, "node {index} never found all its peers");
            sleep(POLL).await;
        }
    }
    net.apps[1].add(b"before the kill");
    net.processes[3].take().unwrap().kill().await.unwrap();
    let start = Instant::now();
    while !net.apps[..3].iter().all(|app| app.has(b"before the kill")) {
        assert!(start.elapsed() < DEADLINE, "the transaction was never ordered");
        sleep(POLL).await;
    }
    let height = net.rpc(0).status().await.unwrap().latest_height;
    net.run(3);
    net.reach(3, height + 1).await;
    assert!(net.apps[3].has(b"before the kill"), "a node that rejoins has missed nothing");

    let rpc = net.rpc(0);
    let options = Options {
        trust_threshold: TrustThreshold::TWO_THIRDS,
        trusting_period: Duration::from_secs(3600),
        clock_drift: Duration::from_secs(10),
    };
    let verdict = ProdVerifier::default().verify_update_header(
        light_block(&rpc, height - 1).await.as_untrusted_state(),
        light_block(&rpc, 1).await.as_trusted_state(),
        &options,
        clock::now(),
    );
    assert_eq!(verdict, Verdict::Success);
    let source: &dyn HeaderSource = &rpc;
    let error = source.signed_header(1_000_000).await.unwrap_err();
    assert!(matches!(error, HeaderError::NotYet { height: 1_000_000, .. }), "{error}");
    net.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cometbft_ends_by_itself_when_the_application_is_gone() {
    // Now and then one does not, however long it is waited for: a node ends it at its next start.
    for _ in 0..3 {
        let mut net = Net::start(1).await;
        net.reach(0, 2).await;
        let mut process = net.processes[0].take().unwrap();
        let server = net.servers.remove(0);
        server.abort();
        if let Ok(ended) = tokio::time::timeout(DEADLINE / 3, process.ended_by_itself()).await {
            let text = ended.to_string();
            assert!(text.contains("connection to the application broke"), "{text}");
            return;
        }
        process.kill().await.unwrap();
    }
    panic!("none of three ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_cannot_share_a_home() {
    let mut net = Net::start(1).await;
    net.reach(0, 1).await;
    let mut second = CometProcess::start(&net.binary, &net.net.nodes[0].home).unwrap();
    let ended = tokio::time::timeout(DEADLINE, second.ended_by_itself()).await.unwrap();
    assert!(ended.to_string().contains("same home folder"), "{ended}");
    net.reach(0, 3).await;
    net.stop().await;
}
