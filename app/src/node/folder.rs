//! What lies where in a node's folder.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tessera_genesis::Genesis;

use super::comet::binary::Version;
use super::comet::config::{NodeSettings, Peer};
use super::comet::genesis::{DEFAULT_BLOCK_BYTES, GenesisSettings, GenesisValidator};
use super::comet::home::NodeHome;
use super::config::Config;

/// The folder of one node.
#[derive(Debug, Clone)]
pub struct NodeFolder {
    root: PathBuf,
}

impl NodeFolder {
    /// The folder at this path, which need not exist yet.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The configuration file.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.root.join("tessera.toml")
    }

    /// The genesis document of the chain.
    #[must_use]
    pub fn genesis_file(&self) -> PathBuf {
        self.root.join("genesis.json")
    }

    /// The database.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Blocks of the solo sequencer.
    #[must_use]
    pub fn solo(&self) -> PathBuf {
        self.root.join("solo")
    }

    /// Keys, configuration and data of CometBFT.
    #[must_use]
    pub fn comet(&self) -> NodeHome {
        NodeHome::new(self.root.join("cometbft"))
    }

    /// Where the node writes its log when another process supervises it.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.root.join("tesserad.log")
    }

    /// Reads the genesis document and checks it.
    ///
    /// # Errors
    /// All errors of the document, each with its place.
    pub fn genesis(&self) -> anyhow::Result<Genesis> {
        let path = self.genesis_file();
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("cannot read `{}`; copy the chain's genesis document there", path.display())
        })?;
        Genesis::from_json(&text)
            .map_err(|errors| anyhow::anyhow!("`{}` has errors:\n{errors}", path.display()))
    }

    /// Where CometBFT reaches the application.
    #[must_use]
    pub fn abci_address(&self, config: &Config) -> String {
        if config.consensus.abci.is_empty() {
            format!("unix://{}", self.root.join("abci.sock").display())
        } else {
            config.consensus.abci.clone()
        }
    }

    /// Writes CometBFT's configuration and genesis document from ours.
    ///
    /// # Errors
    /// When a peer is not `id@host:port` or a file cannot be written.
    pub fn write_comet(
        &self,
        config: &Config,
        genesis: &Genesis,
        version: Version,
    ) -> anyhow::Result<()> {
        let home = self.comet();
        home.ensure_keys()?;
        home.write_genesis(&comet_genesis(genesis)?)?;
        let consensus = &config.consensus;
        let peers = consensus.peers.iter().map(|peer| parse_peer(peer));
        home.write_config(&NodeSettings {
            moniker: config.moniker.clone(),
            abci_address: self.abci_address(config),
            rpc_address: consensus.rpc,
            p2p_address: consensus.p2p,
            external_address: Some(consensus.external_address.clone())
                .filter(|address| !address.is_empty()),
            peers: peers.collect::<Result<_, _>>()?,
            local: consensus.local,
            version,
            pace: config.pace(),
            log_level: consensus.log.clone(),
            metrics_address: None,
        })?;
        Ok(())
    }
}

/// CometBFT's genesis document of a chain: validators, and ours within it.
///
/// # Errors
/// When a value is not one that CometBFT accepts.
pub fn comet_genesis(genesis: &Genesis) -> anyhow::Result<super::comet::genesis::Genesis> {
    let validators = genesis.validators.iter().map(|validator| {
        let public_key = tendermint::PublicKey::from_raw_ed25519(&validator.public_key)
            .with_context(|| format!("the key of validator `{}` is not one", validator.name))?;
        let (power, name) = (validator.power, validator.name.clone());
        Ok(GenesisValidator { public_key, power, name })
    });
    let settings = GenesisSettings {
        chain_id: genesis.chain_id.clone(),
        time: genesis.genesis_time.parse().context("genesis_time is not a time")?,
        validators: validators.collect::<anyhow::Result<_>>()?,
        block_bytes: DEFAULT_BLOCK_BYTES,
        app_state: serde_json::from_str(&genesis.to_json())?,
    };
    let mut built = settings.build()?;
    built.initial_height = i64::try_from(genesis.base_height().saturating_add(1))?;
    Ok(built)
}

fn parse_peer(text: &str) -> anyhow::Result<Peer> {
    let (id, address) = text
        .split_once('@')
        .with_context(|| format!("peer `{text}` is not of the form id@host:port"))?;
    let id = id.parse().with_context(|| format!("`{id}` in peer `{text}` is not a node id"))?;
    Ok(Peer { id, address: address.to_owned() })
}
