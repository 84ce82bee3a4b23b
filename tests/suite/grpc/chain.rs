//! A running chain in this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tendermint::{Time, validator, vote};
use tessera_app::chain::verify::Verifier;
use tessera_app::node::application::Node;
use tessera_app::node::comet::genesis::{DEFAULT_BLOCK_BYTES, GenesisSettings, GenesisValidator};
use tessera_app::node::comet::keys::Ed25519Key;
use tessera_app::node::grpc::{ChainMode, GrpcConfig, GrpcError, GrpcServer};
use tessera_app::node::solo::{Sequencer, SoloConfig, SoloError};
use tessera_app::state::store::{Store, StoreOptions};
use tessera_client::verify::TrustRoot;
use tessera_client::{Client, Signer, operations};
use tessera_genesis::{Asset, Document, Genesis, Holding, Validator, dev};
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::{AssetClass, AssetStatus};
use tessera_proto::pb::chain::v1::Receipt;
use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_tests::fixture;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

pub(crate) const CHAIN_ID: &str = "tessera-test";
const GENESIS_TIME: &str = "2026-11-21T12:00:00Z";
/// Nothing here takes longer unless it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Chain {
    pub(crate) node: Node,
    pub(crate) client: Client,
    pub(crate) address: SocketAddr,
    pub(crate) trust: TrustRoot,
    pub(crate) villa: AssetId,
    pub(crate) usdx: AssetId,
    stop: watch::Sender<bool>,
    serving: JoinHandle<Result<(), GrpcError>>,
    sequencing: JoinHandle<Result<(), SoloError>>,
    _folder: TempDir,
}

/// What a test may want to be different.
pub(crate) struct Settings {
    pub(crate) keep_heights: u64,
    pub(crate) grpc: GrpcConfig,
    /// Less often than ever: no blocks.
    pub(crate) block_time: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let (grpc, block_time) = (GrpcConfig::default(), Duration::from_millis(2));
        Self { keep_heights: 1_000, grpc, block_time }
    }
}

pub(crate) fn signer(name: &str) -> Signer {
    Signer::from_seed_phrase(name)
}

pub(crate) fn units(amount: u64) -> Amount {
    Amount::from_u64(amount)
}

impl Chain {
    pub(crate) async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    pub(crate) async fn start_with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = Ed25519Key::from_seed(&[7; 32]);
        let genesis = genesis(&key);
        let (villa, usdx) = (genesis.assets[1].id(), genesis.assets[0].id());
        let pending = Arc::new(Notify::new());
        let node = node(&folder, settings.keep_heights, &pending);
        let info = validator::Info::new(key.public_key(), vote::Power::try_from(10_u64).unwrap());
        let validators = validator::Set::without_proposer(vec![info]);
        let trust = TrustRoot::ValidatorsHash(validators.hash().as_bytes().try_into().unwrap());
        let sequencer = sequencer(&folder, key, &genesis, &settings, (pending, node.clone()));
        let headers = Arc::new(sequencer.handle());
        let (stop, stopping) = watch::channel(false);
        let sequencing = tokio::spawn(sequencer.run(stopped(stopping.clone())));
        let any_port = "127.0.0.1:0".parse().unwrap();
        let server = GrpcServer::bind(any_port, settings.grpc).await.unwrap();
        let address = server.local_address();
        let serving =
            server.serve(node.clone(), headers, ChainMode::Solo, stopped(stopping.clone()));
        let serving = tokio::spawn(serving);
        let client = Client::connect(&format!("http://{address}")).await.unwrap();
        let _folder = folder;
        Self { node, client, address, trust, villa, usdx, stop, serving, sequencing, _folder }
    }

    /// Carries out one operation.
    pub(crate) async fn send(&self, who: &str, operation: Kind) -> Receipt {
        self.client.send(&signer(who), &[operation]).await.unwrap()
    }

    /// Moves units of the villa from the issuer; answers with the height of the block.
    pub(crate) async fn give(&self, to: &Address, amount: u64) -> u64 {
        self.send("issuer", operations::transfer(&self.villa, to, units(amount))).await.height
    }

    /// Begins to stop, as the node does.
    pub(crate) fn begin_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Stops, and makes sure that everything ended well.
    pub(crate) async fn stop(self) {
        self.begin_stop();
        drop(self.client);
        let serving = tokio::time::timeout(DEADLINE, self.serving).await;
        serving.expect("server does not stop").unwrap().unwrap();
        let sequencing = tokio::time::timeout(DEADLINE, self.sequencing).await;
        sequencing.expect("sequencer does not stop").unwrap().unwrap();
    }
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

fn genesis(key: &Ed25519Key) -> Genesis {
    let public_key = key.public_key().to_bytes().try_into().unwrap();
    let validator = Validator { name: "validator-1".into(), public_key, power: 10 };
    let mut genesis = Genesis::dev(CHAIN_ID, GENESIS_TIME, vec![validator]);
    genesis.assets.push(Asset {
        name: "villa-ardeche".into(),
        title: "Villa in Ardèche".into(),
        class: AssetClass::RealEstate,
        issuer: dev::address(dev::ISSUER),
        salt: b"villa".to_vec(),
        decimals: 2,
        max_supply: units(10_000_000),
        status: AssetStatus::Active,
        documents: vec![Document {
            name: "deed".into(),
            uri: "https://example.org/deed".into(),
            sha256: [1; 32],
        }],
        holdings: vec![Holding { account: dev::address(dev::ISSUER), balance: units(1_000_000) }],
    });
    genesis
}

fn node(folder: &TempDir, keep_heights: u64, pending: &Arc<Notify>) -> Node {
    let options = StoreOptions { keep_heights, ..StoreOptions::default() };
    let store = Arc::new(Store::open(&folder.path().join("state"), options).unwrap());
    fixture::node(&store, &Arc::new(Verifier::new(CHAIN_ID)), pending)
}

fn sequencer(
    folder: &TempDir,
    key: Ed25519Key,
    genesis: &Genesis,
    settings: &Settings,
    (pending, node): (Arc<Notify>, Node),
) -> Sequencer<Node> {
    let validator =
        GenesisValidator { public_key: key.public_key(), power: 10, name: "validator-1".into() };
    let genesis = GenesisSettings {
        chain_id: CHAIN_ID.into(),
        time: Time::parse_from_rfc3339(GENESIS_TIME).unwrap(),
        validators: vec![validator],
        block_bytes: DEFAULT_BLOCK_BYTES,
        app_state: serde_json::from_str(&genesis.to_json()).unwrap(),
    };
    let config = SoloConfig {
        dir: folder.path().to_owned(),
        key,
        genesis: genesis.build().unwrap(),
        block_time: settings.block_time,
        empty_block_interval: None,
        pending,
    };
    Sequencer::open(config, node).unwrap()
}
