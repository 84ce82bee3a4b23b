//! A chain that moves to another version by vote: the old program stops, the new one goes on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tessera_app::chain::executor::Scheduling;
use tessera_app::chain::ledger::Ledger;
use tessera_app::chain::verify::Verifier;
use tessera_app::chain::version::APP_VERSION;
use tessera_app::node::abci::{AbciServer, AbciServerConfig};
use tessera_app::node::application::{FrameSource, Node, ProposalSettings};
use tessera_app::node::comet::binary;
use tessera_app::node::comet::clock;
use tessera_app::node::comet::process::CometProcess;
use tessera_app::node::comet::rpc::RpcClient;
use tessera_app::node::config::Config;
use tessera_app::node::folder::NodeFolder;
use tessera_app::node::local_chain::LocalChain;
use tessera_app::node::pool::{Pool, PoolLimits};
use tessera_app::state::store::Store;
use tessera_client::operations::proposal_outcome::Outcome;
use tessera_client::operations::{self, ProposalOutcome, ScheduleUpgrade, SubmitProposal};
use tessera_client::{Client, Signer};
use tessera_genesis::{Genesis, dev};
use tessera_proto::amount::Amount;
use tessera_proto::pb::votes::v1::{ProposalStatus, VoteChoice};
use tessera_tests::fixture::{OPTIONS, dev_villa, local_chain, temporary_folder};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(60);
const VOTING_PERIOD: u64 = 2;
/// Blocks from the one that proposes the move to the move.
const NOTICE: u64 = 12;
const NEXT: u64 = APP_VERSION + 1;

async fn governed_chain(folder: &Path, validators: usize) -> LocalChain {
    let mut genesis = Genesis::dev("moves-on", &clock::now().to_rfc3339(), Vec::new());
    genesis.assets.push(dev_villa());
    genesis.params.governance_asset = Some(dev_villa().name);
    LocalChain::start(local_chain(folder, validators, genesis)).await.unwrap()
}

/// Pays something small: a block at least.
async fn pay(client: &Client) -> anyhow::Result<u64> {
    let usdx = Genesis::dev("any", "2026-01-01T00:00:00Z", Vec::new()).fee_currency().unwrap().id();
    let payment = operations::transfer(&usdx, &dev::address("bob"), Amount::from_u64(1));
    Ok(client.send(&Signer::from_seed_phrase("alice"), &[payment]).await?.height)
}

/// Decides by vote that the chain moves on; the first block of the next version.
async fn decide(client: &Client) -> u64 {
    let (villa, issuer) = (dev_villa().id(), Signer::from_seed_phrase("issuer"));
    let height = client.info().await.unwrap().height + NOTICE;
    let upgrade = ScheduleUpgrade { version: NEXT, height, release_sha256: vec![0xab; 32].into() };
    let proposal = operations::submit_proposal(SubmitProposal {
        asset: villa.to_bytes(),
        title: "Move on".into(),
        outcome: Some(ProposalOutcome { outcome: Some(Outcome::ScheduleUpgrade(upgrade)) }),
        voting_period_blocks: VOTING_PERIOD,
        quorum_bps: 1_000,
        threshold_bps: 5_000,
        record_height: 0,
    });
    let proposed = client.send(&issuer, &[proposal]).await.unwrap().height;
    client.send(&issuer, &[operations::cast_vote(&villa, 1, VoteChoice::Yes)]).await.unwrap();
    while pay(client).await.unwrap() <= proposed + VOTING_PERIOD {}
    client.send(&issuer, &[operations::close_proposal(&villa, 1)]).await.unwrap();
    let (proposal, _) = client.proposal(&dev_villa().name, 1, 0).await.unwrap();
    assert_eq!(proposal.status(), ProposalStatus::Executed);
    let info = client.info().await.unwrap();
    assert_eq!((info.app_version, info.upgrade.unwrap().height), (APP_VERSION, height));
    height
}

/// Lets a chain run to its move; the first block of the next version.
async fn stop_at_the_move(chain: &mut LocalChain) -> u64 {
    let client = Client::connect(&chain.url(0)).await.unwrap();
    let height = decide(&client).await;
    let paying = tokio::spawn(async move { while pay(&client).await.is_ok() {} });
    let status = chain.wait_for_end(0, PATIENCE).await.unwrap().expect("the node stops");
    paying.abort();
    let log = std::fs::read_to_string(chain.folder(0).unwrap().log_file()).unwrap();
    assert!(status.success(), "{status}: {log}");
    let sentence = format!(
        "from block {height} on the chain is of version {NEXT}, this program is of version \
         {APP_VERSION}: install the release with sha-256 {}",
        "ab".repeat(32)
    );
    assert!(log.contains(&sentence), "{log}");
    assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
    // Started again, it says so at once.
    chain.start_node(0).unwrap();
    let status = chain.wait_for_end(0, PATIENCE).await.unwrap().expect("the node refuses to start");
    assert!(!status.success());
    let log = std::fs::read_to_string(chain.folder(0).unwrap().log_file()).unwrap();
    assert!(log.contains(&format!("error: {sentence}")), "{log}");
    height
}

fn ledger(folder: &NodeFolder, version: u64) -> (Ledger, Arc<Verifier>) {
    let store = Arc::new(Store::open(&folder.data(), OPTIONS).unwrap());
    let verifier = Arc::new(Verifier::new("moves-on"));
    let ledger = Ledger::new(store, Arc::clone(&verifier), Scheduling::Parallel);
    (ledger.with_app_version(version), verifier)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_solo_node_stops_before_the_block_of_another_version() {
    let folder = temporary_folder();
    let mut chain = governed_chain(folder.path(), 0).await;
    let height = stop_at_the_move(&mut chain).await;
    for (version, is_right) in [(APP_VERSION, false), (NEXT, true), (NEXT + 1, false)] {
        let (ledger, _) = ledger(chain.folder(0).unwrap(), version);
        assert_eq!(ledger.store().committed().unwrap().height, height - 1);
        assert_eq!(ledger.other_version().unwrap().is_none(), is_right, "version {version}");
        let computed = ledger.finalize(height, u64::MAX, &[]);
        assert_eq!(computed.is_ok(), is_right, "version {version}");
    }
    chain.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_version_goes_on_where_the_old_one_has_stopped() {
    let folder = temporary_folder();
    let mut chain = governed_chain(folder.path(), 1).await;
    let height = stop_at_the_move(&mut chain).await;
    let home = chain.folder(0).unwrap().clone();
    let config = Config::read(&home.config_file()).unwrap();
    let (ledger, verifier) = ledger(&home, NEXT);
    let (store, pending) = (Arc::clone(ledger.store()), Arc::new(Notify::new()));
    let pool = Arc::new(Pool::new(store, verifier, PoolLimits::default(), pending));
    let node = Node::new(ledger, pool, FrameSource::Pool, ProposalSettings::default());
    let address = home.abci_address(&config).parse().unwrap();
    let server = AbciServer::bind(address, AbciServerConfig::default()).await.unwrap();
    let serving = tokio::spawn(async move { server.serve(node, std::future::pending()).await });
    let binary = tokio::task::spawn_blocking(|| binary::find(None, &mut |_| {}));
    let comet = CometProcess::start(&binary.await.unwrap().unwrap(), &home.comet()).unwrap();
    let rpc = RpcClient::new(config.consensus.rpc);
    let deadline = Instant::now() + PATIENCE;
    let version_of = async |height| match rpc.signed_header(height).await {
        Ok(signed) => Some(signed.header.version.app),
        Err(_) => None,
    };
    while version_of(height).await.is_none() {
        assert!(Instant::now() < deadline, "block {height} does not come");
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(version_of(height - 1).await, Some(APP_VERSION));
    assert_eq!(version_of(height).await, Some(NEXT));
    comet.stop(PATIENCE).await.unwrap();
    serving.abort();
}
