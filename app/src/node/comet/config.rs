//! CometBFT's `config.toml`, generated from our own settings.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use tendermint::node;

use super::binary::Version;

/// The largest transaction that CometBFT accepts. Frames stay below a quarter of it.
pub const MAX_TX_BYTES: u32 = 1024 * 1024;

const PEER_BYTES_PER_SECOND: u64 = 200 * 1024 * 1024;

/// What a node's `config.toml` is made from.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// The node's name among its peers.
    pub moniker: String,
    /// Where CometBFT reaches our application: `unix://…` or `tcp://…`.
    pub abci_address: String,
    /// Where CometBFT serves its RPC.
    pub rpc_address: SocketAddr,
    /// Where CometBFT listens for peers.
    pub p2p_address: SocketAddr,
    /// The address that peers are told to dial, when it differs from `p2p_address`.
    pub external_address: Option<String>,
    /// Peers that are dialled and kept.
    pub peers: Vec<Peer>,
    /// All validators run on this machine: loopback addresses, no peer exchange, short timeouts.
    pub local: bool,
    /// The version of CometBFT; it decides the kind of mempool.
    pub version: Version,
    /// How fast blocks follow each other.
    pub pace: Pace,
    /// What CometBFT logs, such as `info` or `consensus:debug,*:error`.
    pub log_level: String,
    /// Where CometBFT serves its metrics; off when absent.
    pub metrics_address: Option<SocketAddr>,
}

/// A peer of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The peer's id, from its node key.
    pub id: node::Id,
    /// Its address, `host:port`.
    pub address: String,
}

/// How fast blocks follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The pause after a block before the next one is begun.
    pub block_time: Duration,
    /// With an idle `flood` mempool, the time between empty blocks; absent: as `block_time`.
    /// The `app` mempool cannot announce transactions, so there it delays every block.
    pub empty_block_interval: Option<Duration>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { block_time: Duration::from_millis(500), empty_block_interval: None }
    }
}

impl NodeSettings {
    /// The text of `config.toml`, each tuned value with its reason.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        Ok(annotate(&toml::to_string(&Config::from(self))?))
    }
}

#[derive(Serialize)]
struct Config {
    proxy_app: String,
    abci: &'static str,
    moniker: String,
    db_backend: &'static str,
    log_level: String,
    log_format: &'static str,
    filter_peers: bool,
    rpc: Rpc,
    p2p: P2p,
    mempool: Mempool,
    consensus: Consensus,
    storage: Storage,
    tx_index: TxIndex,
    instrumentation: Instrumentation,
}

#[derive(Serialize)]
struct Rpc {
    laddr: String,
    max_body_bytes: u32,
}

#[derive(Serialize)]
struct P2p {
    laddr: String,
    external_address: String,
    persistent_peers: String,
    persistent_peers_max_dial_period: String,
    addr_book_strict: bool,
    allow_duplicate_ip: bool,
    pex: bool,
    flush_throttle_timeout: String,
    send_rate: u64,
    recv_rate: u64,
}

#[derive(Serialize)]
struct Mempool {
    #[serde(rename = "type")]
    kind: &'static str,
    max_tx_bytes: u32,
    max_txs_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reap_interval: Option<String>,
}

#[derive(Serialize)]
struct Consensus {
    timeout_propose: String,
    timeout_propose_delta: String,
    timeout_prevote: String,
    timeout_prevote_delta: String,
    timeout_precommit: String,
    timeout_precommit_delta: String,
    timeout_commit: String,
    skip_timeout_commit: bool,
    create_empty_blocks: bool,
    create_empty_blocks_interval: String,
    peer_gossip_sleep_duration: String,
}

#[derive(Serialize)]
struct Storage {
    discard_abci_responses: bool,
}

#[derive(Serialize)]
struct TxIndex {
    indexer: &'static str,
}

#[derive(Serialize)]
struct Instrumentation {
    prometheus: bool,
    prometheus_listen_addr: String,
}

impl From<&NodeSettings> for Config {
    fn from(settings: &NodeSettings) -> Self {
        Self {
            proxy_app: settings.abci_address.clone(),
            abci: "socket",
            moniker: settings.moniker.clone(),
            db_backend: "goleveldb",
            log_level: settings.log_level.clone(),
            log_format: "plain",
            filter_peers: false,
            rpc: Rpc {
                laddr: format!("tcp://{}", settings.rpc_address),
                max_body_bytes: MAX_TX_BYTES.saturating_mul(2),
            },
            p2p: P2p::from(settings),
            mempool: Mempool::from(settings),
            consensus: Consensus::from(settings),
            storage: Storage { discard_abci_responses: true },
            tx_index: TxIndex { indexer: "null" },
            instrumentation: Instrumentation {
                prometheus: settings.metrics_address.is_some(),
                prometheus_listen_addr: settings
                    .metrics_address
                    .map(|address| address.to_string())
                    .unwrap_or_default(),
            },
        }
    }
}

impl From<&NodeSettings> for P2p {
    fn from(settings: &NodeSettings) -> Self {
        let peers: Vec<String> =
            settings.peers.iter().map(|peer| format!("{}@{}", peer.id, peer.address)).collect();
        Self {
            laddr: format!("tcp://{}", settings.p2p_address),
            external_address: settings.external_address.clone().unwrap_or_default(),
            persistent_peers: peers.join(","),
            persistent_peers_max_dial_period: if settings.local { "1s" } else { "10s" }.to_owned(),
            addr_book_strict: !settings.local,
            allow_duplicate_ip: settings.local,
            pex: !settings.local,
            flush_throttle_timeout: "1ms".to_owned(),
            send_rate: PEER_BYTES_PER_SECOND,
            recv_rate: PEER_BYTES_PER_SECOND,
        }
    }
}

impl From<&NodeSettings> for Mempool {
    fn from(settings: &NodeSettings) -> Self {
        let (kind, reap_interval) = match settings.version {
            Version::V040 => ("app", Some("5ms".to_owned())),
            Version::V038 => ("flood", None),
        };
        Self { kind, max_tx_bytes: MAX_TX_BYTES, max_txs_bytes: 256 * 1024 * 1024, reap_interval }
    }
}

impl From<&NodeSettings> for Consensus {
    fn from(settings: &NodeSettings) -> Self {
        let (propose, vote) = if settings.local { ("2s", "500ms") } else { ("3s", "1s") };
        let pace = settings.pace;
        Self {
            timeout_propose: propose.to_owned(),
            timeout_propose_delta: "500ms".to_owned(),
            timeout_prevote: vote.to_owned(),
            timeout_prevote_delta: "500ms".to_owned(),
            timeout_precommit: vote.to_owned(),
            timeout_precommit_delta: "500ms".to_owned(),
            timeout_commit: go_duration(pace.block_time),
            skip_timeout_commit: pace.block_time.is_zero(),
            create_empty_blocks: pace.empty_block_interval.is_none(),
            create_empty_blocks_interval: go_duration(
                pace.empty_block_interval.unwrap_or_default(),
            ),
            peer_gossip_sleep_duration: if settings.local { "5ms" } else { "10ms" }.to_owned(),
        }
    }
}

fn go_duration(duration: Duration) -> String {
    if duration.is_zero() {
        return "0s".to_owned();
    }
    if duration.subsec_micros().is_multiple_of(1000) {
        format!("{}ms", duration.as_millis())
    } else {
        format!("{}us", duration.as_micros())
    }
}

/// Why a key has the value it has. Keys not named here say enough by themselves.
const REASONS: &[(&str, &str)] = &[
    ("rpc.max_body_bytes", "A transaction in base64, with room to spare."),
    (
        "p2p.flush_throttle_timeout",
        "Votes are small and urgent; the default of 10 ms nearly halves the block rate of a \
         local net.",
    ),
    ("p2p.send_rate", "The default of 5 MB/s would cap the whole chain at that."),
    (
        "mempool.type",
        "app: the application keeps the pool and hands out whole frames. \
         flood: for CometBFT 0.38, which has no app mempool.",
    ),
    ("mempool.max_tx_bytes", "One transaction of CometBFT is one of our frames (up to 256 KiB)."),
    ("mempool.reap_interval", "How long a frame may wait before it is gossiped; default 500 ms."),
    ("consensus.timeout_commit", "The block time: the pause after each block."),
    ("consensus.skip_timeout_commit", "Only when no pause at all is wanted."),
    (
        "consensus.peer_gossip_sleep_duration",
        "How long gossip sleeps when it has nothing to send, several times a block. Four local \
         validators on two cores: 5 blocks/s at the default of 100 ms, 17 at 20 ms, 40 at 5 ms.",
    ),
    ("storage.discard_abci_responses", "The application stores receipts itself."),
    ("tx_index.indexer", "The application indexes transactions itself."),
];

fn annotate(toml: &str) -> String {
    let mut text = String::from(
        "# Generated by tesserad from its own settings at every start: changes here are lost.\n\n",
    );
    let mut section = "";
    for line in toml.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some((key, _)) = line.split_once(" = ") {
            let path = format!("{section}.{key}");
            if let Some((_, reason)) = REASONS.iter().find(|(name, _)| *name == path) {
                text.push_str("# ");
                text.push_str(reason);
                text.push('\n');
            }
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(version: Version) -> NodeSettings {
        NodeSettings {
            moniker: "a \"name\"".into(),
            abci_address: "unix:///tmp/abci.sock".into(),
            rpc_address: "127.0.0.1:26657".parse().unwrap(),
            p2p_address: "127.0.0.1:26656".parse().unwrap(),
            external_address: None,
            peers: vec![
                Peer { id: node::Id::new([1; 20]), address: "127.0.0.1:1".into() },
                Peer { id: node::Id::new([2; 20]), address: "127.0.0.1:2".into() },
            ],
            local: true,
            version,
            pace: Pace::default(),
            log_level: "info".into(),
            metrics_address: None,
        }
    }

    #[test]
    fn mempool_follows_the_version() {
        let new: toml::Table = settings(Version::V040).to_toml().unwrap().parse().unwrap();
        assert_eq!(new["mempool"]["type"].as_str(), Some("app"));
        assert_eq!(new["mempool"]["reap_interval"].as_str(), Some("5ms"));
        let old: toml::Table = settings(Version::V038).to_toml().unwrap().parse().unwrap();
        assert_eq!(old["mempool"]["type"].as_str(), Some("flood"));
        assert!(old["mempool"].get("reap_interval").is_none());
    }

    #[test]
    fn peers_and_names_survive_the_trip() {
        let table: toml::Table = settings(Version::V040).to_toml().unwrap().parse().unwrap();
        assert_eq!(table["moniker"].as_str(), Some("a \"name\""));
        let peers = format!("{}@127.0.0.1:1,{}@127.0.0.1:2", "01".repeat(20), "02".repeat(20));
        assert_eq!(table["p2p"]["persistent_peers"].as_str(), Some(peers.as_str()));
        assert_eq!(table["consensus"]["timeout_commit"].as_str(), Some("500ms"));
        assert_eq!(table["consensus"]["create_empty_blocks"].as_bool(), Some(true));
    }

    #[test]
    fn every_reason_belongs_to_a_key() {
        let table: toml::Table = settings(Version::V040).to_toml().unwrap().parse().unwrap();
        for (path, _) in REASONS {
            let (section, key) = path.split_once('.').unwrap();
            assert!(table[section].get(key).is_some(), "{path}");
        }
    }

    #[test]
    fn durations_are_written_as_go_reads_them() {
        assert_eq!(go_duration(Duration::ZERO), "0s");
        assert_eq!(go_duration(Duration::from_millis(1500)), "1500ms");
        assert_eq!(go_duration(Duration::from_micros(250)), "250us");
    }
}
