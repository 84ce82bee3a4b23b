//! A net of validators on one machine: homes, keys, ports and a shared genesis document.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::Path;

use super::binary::Version;
use super::clock;
use super::config::{NodeSettings, Pace, Peer};
use super::genesis::{Genesis, GenesisSettings, GenesisValidator};
use super::home::{HomeError, HomeKeys, NodeHome};

/// The most validators that one machine is asked to run.
pub const MAX_VALIDATORS: usize = 7;

const VALIDATOR_POWER: u64 = 10;
// The limit of a socket's path is 108 bytes with its terminator.
const SOCKET_PATH_BYTES: usize = 100;

/// What a local net is made from.
#[derive(Clone, Debug)]
pub struct LocalNetSettings {
    /// The chain's id.
    pub chain_id: String,
    /// How many validators, 1 to 7.
    pub validators: usize,
    /// How fast blocks follow each other.
    pub pace: Pace,
    /// The version of CometBFT.
    pub version: Version,
    /// The largest block, in bytes.
    pub block_bytes: u64,
    /// The application's part of the genesis document.
    pub app_state: serde_json::Value,
}

/// One validator of a local net.
#[derive(Clone, Debug)]
pub struct LocalNode {
    /// Its home.
    pub home: NodeHome,
    /// Its keys.
    pub keys: HomeKeys,
    /// Where our application listens for CometBFT.
    pub abci_address: String,
    /// Where CometBFT serves its RPC.
    pub rpc_address: SocketAddr,
    /// Where CometBFT listens for peers.
    pub p2p_address: SocketAddr,
}

/// A net of validators on one machine.
#[derive(Clone, Debug)]
pub struct LocalNet {
    /// The genesis document that all share.
    pub genesis: Genesis,
    /// The validators.
    pub nodes: Vec<LocalNode>,
}

impl LocalNet {
    /// Opens the net in a folder, making what is missing. Keys and genesis of an existing net
    /// stay; ports are chosen afresh.
    pub fn open(root: &Path, settings: LocalNetSettings) -> Result<Self, HomeError> {
        let count = settings.validators;
        if !(1..=MAX_VALIDATORS).contains(&count) {
            return Err(HomeError::ValidatorCount { count });
        }
        let ports = free_ports(count.saturating_mul(3)).map_err(|source| HomeError::File {
            action: "find free ports for",
            path: root.to_owned(),
            source,
        })?;
        let mut nodes = Vec::with_capacity(count);
        for (index, ports) in ports.chunks_exact(3).enumerate() {
            let home = NodeHome::new(root.join(format!("node{index}")));
            let keys = home.ensure_keys()?;
            let &[rpc, p2p, abci] = ports else { continue };
            nodes.push(LocalNode {
                abci_address: abci_address(&home, abci),
                home,
                keys,
                rpc_address: loopback(rpc),
                p2p_address: loopback(p2p),
            });
        }
        let net = Self { genesis: genesis(&nodes, &settings)?, nodes };
        for (index, node) in net.nodes.iter().enumerate() {
            node.home.write_genesis(&net.genesis)?;
            node.home.write_config(&net.node_settings(index, node, &settings))?;
        }
        Ok(net)
    }

    fn node_settings(
        &self,
        index: usize,
        node: &LocalNode,
        settings: &LocalNetSettings,
    ) -> NodeSettings {
        let others = self.nodes.iter().enumerate().filter(|(other, _)| *other != index);
        NodeSettings {
            moniker: format!("node{index}"),
            abci_address: node.abci_address.clone(),
            rpc_address: node.rpc_address,
            p2p_address: node.p2p_address,
            external_address: None,
            peers: others
                .map(|(_, other)| Peer {
                    id: other.keys.node.node_id(),
                    address: other.p2p_address.to_string(),
                })
                .collect(),
            local: true,
            version: settings.version,
            pace: settings.pace,
            log_level: "info".to_owned(),
            metrics_address: None,
        }
    }
}

fn genesis(nodes: &[LocalNode], settings: &LocalNetSettings) -> Result<Genesis, HomeError> {
    if let Some(first) = nodes.first()
        && first.home.genesis_file().exists()
    {
        return first.home.read_genesis();
    }
    let validators = nodes
        .iter()
        .enumerate()
        .map(|(index, node)| GenesisValidator {
            public_key: node.keys.validator.public_key(),
            power: VALIDATOR_POWER,
            name: format!("node{index}"),
        })
        .collect();
    let genesis = GenesisSettings {
        chain_id: settings.chain_id.clone(),
        time: clock::now(),
        validators,
        block_bytes: settings.block_bytes,
        app_state: settings.app_state.clone(),
    };
    Ok(genesis.build()?)
}

fn abci_address(home: &NodeHome, port: u16) -> String {
    let socket = home.root().join("abci.sock");
    if socket.is_absolute() && socket.as_os_str().len() <= SOCKET_PATH_BYTES {
        format!("unix://{}", socket.display())
    } else {
        format!("tcp://{}", loopback(port))
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Where [`free_ports`] are: below the ports that systems give to connections going out, one of
/// which could else take the port of a node before it starts, or before it starts again.
const PORTS: Range<u16> = 10_000..32_768;

/// Ports of the loopback interface that nobody listens on, all different, chosen at random.
pub fn free_ports(count: usize) -> io::Result<Vec<u16>> {
    // All listeners are held until all ports are known, so that none comes twice.
    let mut listeners = Vec::with_capacity(count);
    while listeners.len() < count {
        let mut random = [0; 2];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let offset = u16::from_le_bytes(random) % (PORTS.end - PORTS.start);
        match TcpListener::bind((Ipv4Addr::LOCALHOST, PORTS.start + offset)) {
            Ok(listener) => listeners.push(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    #[test]
    fn free_ports_are_different_and_not_those_of_connections_going_out() {
        let ports: BTreeSet<u16> = free_ports(20).unwrap().into_iter().collect();
        assert_eq!(ports.len(), 20);
        assert!(ports.iter().all(|port| PORTS.contains(port)));
    }

    fn settings(validators: usize) -> LocalNetSettings {
        LocalNetSettings {
            chain_id: "local-1".into(),
            validators,
            pace: Pace::default(),
            version: Version::V040,
            block_bytes: super::super::genesis::DEFAULT_BLOCK_BYTES,
            app_state: serde_json::json!({}),
        }
    }

    #[test]
    fn nodes_share_the_genesis_and_know_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let net = LocalNet::open(dir.path(), settings(4)).unwrap();
        assert_eq!(net.genesis.validators.len(), 4);
        let genesis: BTreeSet<Vec<u8>> =
            net.nodes.iter().map(|node| fs::read(node.home.genesis_file()).unwrap()).collect();
        assert_eq!(genesis.len(), 1);
        let ids: BTreeSet<String> =
            net.nodes.iter().map(|node| node.keys.node.node_id().to_string()).collect();
        assert_eq!(ids.len(), 4);
        for node in &net.nodes {
            let path = node.home.root().join("config").join("config.toml");
            let config: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
            let peers = config["p2p"]["persistent_peers"].as_str().unwrap();
            assert_eq!(peers.split(',').count(), 3);
            assert!(!peers.contains(&node.keys.node.node_id().to_string()));
        }
    }

    #[test]
    fn a_second_opening_keeps_keys_and_genesis() {
        let dir = tempfile::tempdir().unwrap();
        let first = LocalNet::open(dir.path(), settings(2)).unwrap();
        let second = LocalNet::open(dir.path(), settings(2)).unwrap();
        assert_eq!(
            first.nodes[1].keys.validator.address(),
            second.nodes[1].keys.validator.address()
        );
        assert_eq!(first.genesis.genesis_time, second.genesis.genesis_time);
    }

    #[test]
    fn the_number_of_validators_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        for count in [0, 8] {
            let error = LocalNet::open(dir.path(), settings(count)).unwrap_err();
            assert!(error.to_string().contains(&count.to_string()));
        }
    }
}
