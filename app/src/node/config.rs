//! The node's one configuration file; CometBFT's is generated from it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::application::ProposalSettings;
use super::comet::config::Pace;
use super::pool::{FRAME_OVERHEAD_BYTES, PoolLimits};
use crate::chain::tx::MAX_FRAME_BYTES;
use crate::state::store::StoreOptions;

/// Room for one frame of a peer.
const LEAST_PROPOSAL_BYTES: usize = MAX_FRAME_BYTES + FRAME_OVERHEAD_BYTES;

/// Settings of a node. Every value has a default; an unknown one is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The node's name among its peers.
    pub moniker: String,
    /// What is logged, e.g. `info` or `tessera_app=debug`; the variable `RUST_LOG` prevails.
    pub log: String,
    /// Threads that execute blocks and verify signatures; 0 means one for each core.
    pub threads: usize,
    /// Clients.
    pub grpc: GrpcSettings,
    /// Who makes blocks.
    pub consensus: ConsensusSettings,
    /// The database.
    pub store: StoreSettings,
    /// Transactions that wait for a block.
    pub pool: PoolSettings,
}

/// Where clients are served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrpcSettings {
    /// Address and port.
    pub listen: SocketAddr,
}

/// Who makes blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A CometBFT that this node starts and supervises.
    CometBft,
    /// A CometBFT that somebody else runs.
    External,
    /// The sequencer in this process: one validator, no fault tolerance.
    Solo,
}

/// How blocks are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsensusSettings {
    /// Who makes blocks.
    pub mode: Mode,
    /// The `cometbft` program; empty: it is looked for.
    pub cometbft: PathBuf,
    /// Where CometBFT reaches the application, `unix://…` or `tcp://…`; empty: a socket in the
    /// node's folder.
    pub abci: String,
    /// Where CometBFT serves its RPC.
    pub rpc: SocketAddr,
    /// Where CometBFT listens for peers.
    pub p2p: SocketAddr,
    /// The address that peers are told to dial; empty: `p2p`.
    pub external_address: String,
    /// Peers that are dialled and kept, each `id@host:port`.
    pub peers: Vec<String>,
    /// Whether all validators run on this machine.
    pub local: bool,
    /// Least time between blocks, in milliseconds.
    pub block_time_ms: u64,
    /// How long a block is held back when no transaction waits, in milliseconds; below the
    /// second that validators wait for a proposal.
    pub idle_block_time_ms: u64,
    /// Most bytes of transactions in a block that this node proposes.
    pub proposal_bytes: usize,
    /// What CometBFT logs.
    pub log: String,
}

/// The database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSettings {
    /// Blocks whose state can still be read and proven.
    pub keep_heights: u64,
    /// Blocks between two waits for the disk; so many, and one more, are replayed after a loss of
    /// power.
    pub fsync_every_blocks: u64,
}

/// Transactions that wait for a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoolSettings {
    /// Most bytes of all of them.
    pub max_bytes: usize,
    /// Most of one account.
    pub max_per_account: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            moniker: "tessera".to_owned(),
            log: "info".to_owned(),
            threads: 0,
            grpc: GrpcSettings::default(),
            consensus: ConsensusSettings::default(),
            store: StoreSettings::default(),
            pool: PoolSettings::default(),
        }
    }
}

impl Default for GrpcSettings {
    fn default() -> Self {
        Self { listen: loopback(9090) }
    }
}

impl Default for ConsensusSettings {
    fn default() -> Self {
        Self {
            mode: Mode::CometBft,
            cometbft: PathBuf::new(),
            abci: String::new(),
            rpc: loopback(26657),
            p2p: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 26656)),
            external_address: String::new(),
            peers: Vec::new(),
            local: false,
            block_time_ms: 20,
            idle_block_time_ms: 500,
            proposal_bytes: ProposalSettings::default().max_bytes,
            log: "error".to_owned(),
        }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        let options = StoreOptions::default();
        Self { keep_heights: options.keep_heights, fsync_every_blocks: options.fsync_every_blocks }
    }
}

impl Default for PoolSettings {
    fn default() -> Self {
        let limits = PoolLimits::default();
        Self { max_bytes: limits.bytes, max_per_account: limits.transactions_per_sender }
    }
}

impl Config {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read or has an unknown or wrong value; says which and where.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| {
            format!("cannot read `{}`; run `tesserad init` first", path.display())
        })?;
        let config: Self =
            toml::from_str(&text).with_context(|| format!("`{}` has an error", path.display()))?;
        anyhow::ensure!(
            config.store.keep_heights > 0 && config.store.fsync_every_blocks > 0,
            "`{}`: store.keep_heights and store.fsync_every_blocks must be at least 1",
            path.display()
        );
        anyhow::ensure!(
            config.consensus.proposal_bytes >= LEAST_PROPOSAL_BYTES,
            "`{}`: consensus.proposal_bytes is {}, and must be at least {LEAST_PROPOSAL_BYTES}, or \
             the largest frames would fit in no block",
            path.display(),
            config.consensus.proposal_bytes
        );
        Ok(config)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = format!(
            "# Settings of this node. CometBFT's own are generated from them at each start.\n\n{}",
            toml::to_string(self)?
        );
        fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
    }

    /// How this node proposes blocks.
    #[must_use]
    pub fn proposals(&self) -> ProposalSettings {
        let idle_wait = Duration::from_millis(self.consensus.idle_block_time_ms);
        ProposalSettings { idle_wait, max_bytes: self.consensus.proposal_bytes }
    }

    /// Least time between blocks.
    #[must_use]
    pub fn pace(&self) -> Pace {
        let block_time = Duration::from_millis(self.consensus.block_time_ms);
        Pace { block_time, empty_block_interval: None }
    }

    /// Settings of the store.
    #[must_use]
    pub fn store_options(&self) -> StoreOptions {
        StoreOptions {
            keep_heights: self.store.keep_heights,
            fsync_every_blocks: self.store.fsync_every_blocks,
            ..StoreOptions::default()
        }
    }

    /// Limits of the pool.
    #[must_use]
    pub fn pool_limits(&self) -> PoolLimits {
        PoolLimits {
            bytes: self.pool.max_bytes,
            transactions_per_sender: self.pool.max_per_account,
        }
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_means_all_defaults_and_the_written_file_reads_back() {
        assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
        let text = toml::to_string(&Config::default()).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default());
    }

    #[test]
    fn an_unknown_value_is_named() {
        let error = toml::from_str::<Config>("[grpc]\nlissten = 1").unwrap_err();
        assert!(error.to_string().contains("lissten"), "{error}");
    }

    #[test]
    fn regress_proposals_that_have_no_room_for_a_frame_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tessera.toml");
        fs::write(&file, "[consensus]\nproposal_bytes = 200000\n").unwrap();
        let error = Config::read(&file).unwrap_err().to_string();
        assert!(error.contains("proposal_bytes is 200000"), "{error}");
    }
}
