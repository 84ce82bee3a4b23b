//! Real nodes and real CometBFT, as processes of their own.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;
use tessera_app::node::comet::binary::{self, Version};
use tessera_app::node::comet::clock;
use tessera_app::node::comet::local_net::free_ports;
use tessera_app::node::comet::process::CometProcess;
use tessera_app::node::comet::rpc::RpcClient;
use tessera_app::node::config::Config;
use tessera_app::node::folder::NodeFolder;
use tessera_app::node::local_chain::{LocalChain, LocalChainOptions};
use tessera_client::{Client, Signer, operations};
use tessera_genesis::{Genesis, Validator, dev};
use tessera_proto::amount::Amount;
use tessera_proto::pb::query::v1::StateProof;
use tessera_proto::state_key::StateKey;
use tessera_tests::fixture::local_chain;
use tessera_tests::programs;
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(60);

fn options(folder: &TempDir, chain_id: &str, validators: usize) -> LocalChainOptions {
    let genesis = Genesis::dev(chain_id, &clock::now().to_rfc3339(), Vec::new());
    local_chain(folder.path(), validators, genesis)
}

/// Sends small transfers until the node has this many blocks.
async fn load(url: &str, sender: &str, until_height: u64) -> anyhow::Result<u64> {
    let client = Client::connect(url).await?;
    let signer = Signer::from_seed_phrase(sender);
    let usdx = currency_id();
    let transfer = operations::transfer(&usdx, &dev::address("issuer"), Amount::from_u64(1));
    let mut sent = 0;
    loop {
        let receipt = client.send(&signer, std::slice::from_ref(&transfer)).await?;
        sent += 1;
        if receipt.height >= until_height {
            return Ok(sent);
        }
    }
}

fn currency_id() -> tessera_proto::id::AssetId {
    let genesis = Genesis::dev("any", "2026-01-01T00:00:00Z", Vec::new());
    genesis.fee_currency().unwrap().id()
}

async fn header_app_hash(config: &Config, height: u64) -> anyhow::Result<Vec<u8>> {
    let rpc = RpcClient::new(config.consensus.rpc);
    let header = rpc.signed_header(height).await?.header;
    Ok(header.app_hash.as_bytes().to_vec())
}

fn config(chain: &LocalChain, index: usize) -> Config {
    Config::read(&chain.folder(index).unwrap().config_file()).unwrap()
}

/// Fault 25: one of four validators is killed under load, and rejoins.
#[tokio::test(flavor = "multi_thread")]
async fn four_validators_agree_for_50_blocks_while_one_is_killed_and_rejoins() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = LocalChain::start(options(&folder, "four", 4)).await.unwrap();
    let (first, second) = (chain.url(0), chain.url(1));
    let alice = tokio::spawn(async move { load(&first, "alice", 50).await });
    let bob = tokio::spawn(async move { load(&second, "bob", 50).await });

    chain.wait_for_height(3, 10, PATIENCE).await.unwrap();
    chain.kill_node(3).await.unwrap();
    chain.wait_for_height(0, 25, PATIENCE).await.unwrap();
    chain.start_node(3).unwrap();
    assert!(alice.await.unwrap().unwrap() > 0);
    assert!(bob.await.unwrap().unwrap() > 0);
    for index in 0..4 {
        chain.wait_for_height(index, 51, PATIENCE).await.unwrap();
    }

    let mut hashes: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for index in 0..4 {
        let config = config(&chain, index);
        for height in 1..=50 {
            let hash = header_app_hash(&config, height).await.unwrap();
            assert_eq!(*hashes.entry(height).or_insert_with(|| hash.clone()), hash);
        }
        let client = Client::connect(&chain.url(index)).await.unwrap();
        let issuer = client.holding("usdx", &dev::address("issuer"), 50).await.unwrap();
        assert_ne!(issuer.balance, "0");
    }
    chain.stop().await.unwrap();
}

/// Fault 1: killed at once, the node replays and goes on with the same state.
#[tokio::test(flavor = "multi_thread")]
async fn a_single_validator_that_is_killed_again_and_again_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = LocalChain::start(options(&folder, "single", 1)).await.unwrap();
    let mut height = 1;
    for _ in 0..3 {
        let url = chain.url(0);
        let until = height + 5;
        load(&url, "alice", until).await.unwrap();
        chain.kill_node(0).await.unwrap();
        chain.start_node(0).unwrap();
        height = chain.wait_for_height(0, until, PATIENCE).await.unwrap();
    }
    chain.stop().await.unwrap();
}

/// CometBFT's own `abci_query` answers the proofs that certificates are made of.
#[tokio::test(flavor = "multi_thread")]
async fn abci_query_answers_proof_ops_under_the_next_header() {
    let folder = tempfile::tempdir().unwrap();
    let chain = LocalChain::start(options(&folder, "query", 1)).await.unwrap();
    load(&chain.url(0), "alice", 2).await.unwrap();
    let config = config(&chain, 0);
    let rpc = RpcClient::new(config.consensus.rpc);
    let present = StateKey::holding(&currency_id(), &dev::address("alice"));
    let absent = StateKey::holding(&currency_id(), &dev::address("nobody"));
    for (key, exists) in [(present, true), (absent, false)] {
        let proof = query_proof(&rpc, &key).await.unwrap();
        let hash = proven_hash(&rpc, proof.1).await.unwrap();
        let value = tessera_client::verify::verify_state_proof(&proof.0, &hash).unwrap();
        assert_eq!(value.is_some(), exists);
    }
    chain.stop().await.unwrap();
}

/// A node that serves a CometBFT which somebody else runs, over TCP.
#[tokio::test(flavor = "multi_thread")]
async fn a_cometbft_that_runs_elsewhere_is_served_over_tcp() {
    let root = tempfile::tempdir().unwrap();
    let ports = free_ports(3).unwrap();
    let at = |index: usize| format!("127.0.0.1:{}", ports[index]);
    let folder = NodeFolder::new(root.path());
    let keys = folder.comet().ensure_keys().unwrap();
    let mut genesis = Genesis::dev("elsewhere", &clock::now().to_rfc3339(), Vec::new());
    genesis.add_validator(Validator {
        name: "elsewhere".to_owned(),
        public_key: keys.validator.public_key().to_bytes().try_into().unwrap(),
        power: 10,
    });
    std::fs::write(folder.genesis_file(), genesis.to_json()).unwrap();
    let mut config = Config::default();
    config.grpc.listen = at(0).parse().unwrap();
    config.consensus.rpc = at(1).parse().unwrap();
    config.consensus.p2p = "127.0.0.1:0".parse().unwrap();
    config.consensus.abci = format!("tcp://{}", at(2));
    config.consensus.local = true;
    config.write(&folder.config_file()).unwrap();
    folder.write_comet(&config, &genesis, Version::V040).unwrap();

    let mut node = tokio::process::Command::new(programs::tesserad())
        .args(["start", "--abci", &config.consensus.abci, "--home"])
        .arg(folder.root())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let binary = tokio::task::spawn_blocking(|| binary::find(None, &mut |_| {}));
    let binary = binary.await.unwrap().unwrap();
    let url = format!("http://{}", config.grpc.listen);
    let deadline = Instant::now() + PATIENCE;
    while tokio::net::TcpStream::connect(config.grpc.listen).await.is_err() {
        assert!(Instant::now() < deadline, "the node does not serve clients");
        sleep(Duration::from_millis(20)).await;
    }
    let comet = CometProcess::start(&binary, &folder.comet()).unwrap();
    while Client::connect(&url).await.unwrap().info().await.is_err() {
        assert!(Instant::now() < deadline, "the chain does not begin");
        sleep(Duration::from_millis(20)).await;
    }
    assert!(load(&url, "alice", 3).await.unwrap() > 0);
    comet.stop(Duration::from_secs(10)).await.unwrap();
    node.kill().await.unwrap();
}

/// The older line of CometBFT, whose own mempool keeps the frames.
#[tokio::test(flavor = "multi_thread")]
async fn cometbft_0_38_with_the_flood_mempool_works() {
    let folder = tempfile::tempdir().unwrap();
    let cometbft = programs::cometbft_038();
    let options = LocalChainOptions { cometbft, ..options(&folder, "older", 1) };
    let chain = LocalChain::start(options).await.unwrap();
    assert!(load(&chain.url(0), "alice", 5).await.unwrap() > 0);
    chain.stop().await.unwrap();
}

async fn query_proof(rpc: &RpcClient, key: &StateKey) -> anyhow::Result<(StateProof, u64)> {
    let answer = rpc.abci_query("/key", key.as_bytes(), 0, true).await?;
    ensure!(answer.code == 0, "refused: {}", answer.log);
    let operations = answer.proof.context("no proof")?.ops;
    let [shard, root] = operations.as_slice() else {
        anyhow::bail!("{} proof operations instead of two", operations.len());
    };
    ensure!(shard.field_type == "ics23:jmt" && root.field_type == "ics23:simple");
    let proof = StateProof {
        key: key.as_bytes().to_vec().into(),
        value: answer.value.into(),
        shard_proof: shard.data.clone().into(),
        root_proof: root.data.clone().into(),
    };
    Ok((proof, u64::try_from(answer.height)?))
}

async fn proven_hash(rpc: &RpcClient, height: u64) -> anyhow::Result<[u8; 32]> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match rpc.signed_header(height + 1).await {
            Ok(signed) => {
                let hash = signed.header.app_hash.as_bytes();
                return hash.try_into().context("an app hash has 32 bytes");
            }
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}
