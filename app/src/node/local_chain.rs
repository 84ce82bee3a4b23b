//! A chain of real nodes on this machine: one process each, as on machines of their own.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tessera_client::Client;
use tessera_genesis::{Genesis, Validator};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::comet::local_net::free_ports;
use super::config::{Config, Mode};
use super::folder::NodeFolder;

/// Voting power of each validator.
const VALIDATOR_POWER: u64 = 10;
/// How long a chain may take to its first block.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long a node may take to end.
const STOP_PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two looks at something that is awaited.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Lines of a log that are shown when a node fails.
const SHOWN_LOG_LINES: usize = 8;

/// What a local chain is made from.
#[derive(Debug, Clone)]
pub struct LocalChainOptions {
    /// The folder of all nodes.
    pub folder: PathBuf,
    /// The `tesserad` program.
    pub program: PathBuf,
    /// The `cometbft` program; empty: it is looked for.
    pub cometbft: PathBuf,
    /// Number of CometBFT validators; 0 means the solo sequencer.
    pub validators: usize,
    /// Least time between blocks.
    pub block_time: Duration,
    /// Most bytes of transactions in a block.
    pub proposal_bytes: usize,
    /// Port of the first node's gRPC service; 0 means any free one.
    pub grpc_port: u16,
    /// The genesis document, without validators.
    pub genesis: Genesis,
}

/// One node of a local chain.
#[derive(Debug)]
pub struct LocalNode {
    folder: NodeFolder,
    grpc: SocketAddr,
    child: Option<Child>,
}

/// A chain of real nodes on this machine. Dropping it kills them.
#[derive(Debug)]
pub struct LocalChain {
    program: PathBuf,
    genesis: Genesis,
    nodes: Vec<LocalNode>,
}

impl LocalChain {
    /// Makes the folders of all nodes, starts them and waits for the first block.
    ///
    /// # Errors
    /// When a folder cannot be written or a node does not start; with the end of its log.
    pub async fn start(options: LocalChainOptions) -> anyhow::Result<Self> {
        let mut chain = Self::prepare(&options)?;
        chain.launch().await?;
        Ok(chain)
    }

    /// Starts all nodes of a prepared chain and waits for the first block.
    ///
    /// # Errors
    /// When a node does not start; with the end of its log.
    pub async fn launch(&mut self) -> anyhow::Result<()> {
        for index in 0..self.nodes.len() {
            self.start_node(index)?;
        }
        for index in 0..self.nodes.len() {
            self.wait_for_height(index, 1, START_PATIENCE).await?;
        }
        Ok(())
    }

    /// The genesis document, with validators.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Where a node serves clients.
    #[must_use]
    pub fn url(&self, index: usize) -> String {
        self.nodes.get(index).map(|node| format!("http://{}", node.grpc)).unwrap_or_default()
    }

    /// The folder of a node.
    #[must_use]
    pub fn folder(&self, index: usize) -> Option<&NodeFolder> {
        self.nodes.get(index).map(|node| &node.folder)
    }

    /// The process id of a node that runs.
    #[must_use]
    pub fn process_id(&self, index: usize) -> Option<u32> {
        self.nodes.get(index)?.child.as_ref()?.id()
    }

    /// Starts a node that does not run.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start_node(&mut self, index: usize) -> anyhow::Result<()> {
        let program = self.program.clone();
        let node = self.nodes.get_mut(index).context("no such node")?;
        let log = File::options().create(true).append(true).open(node.folder.log_file())?;
        let errors = log.try_clone()?;
        let child = Command::new(&program)
            .arg("start")
            .arg("--home")
            .arg(node.folder.root())
            .arg("--until-stdin-closes")
            // Held open as long as this process lives: the node ends with it.
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.display()))?;
        node.child = Some(child);
        Ok(())
    }

    /// Kills a node at once, as `kill -9` does.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub async fn kill_node(&mut self, index: usize) -> anyhow::Result<()> {
        let node = self.nodes.get_mut(index).context("no such node")?;
        if let Some(mut child) = node.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Waits until a node has ended by itself; none when it does not in time.
    ///
    /// # Errors
    /// When there is no such node, or its process cannot be waited for.
    pub async fn wait_for_end(
        &mut self,
        index: usize,
        patience: Duration,
    ) -> anyhow::Result<Option<ExitStatus>> {
        let node = self.nodes.get_mut(index).context("no such node")?;
        let child = node.child.as_mut().context("the node does not run")?;
        // Waiting would close it, and so end the node.
        let stdin = child.stdin.take();
        match tokio::time::timeout(patience, child.wait()).await {
            Ok(status) => {
                node.child = None;
                Ok(Some(status?))
            }
            Err(_) => {
                child.stdin = stdin;
                Ok(None)
            }
        }
    }

    /// Waits until a node has committed a block of this height.
    ///
    /// # Errors
    /// When the node ends, or does not get there in time; with the end of its log.
    pub async fn wait_for_height(
        &mut self,
        index: usize,
        height: u64,
        patience: Duration,
    ) -> anyhow::Result<u64> {
        let url = self.url(index);
        let node = self.nodes.get_mut(index).context("no such node")?;
        let deadline = Instant::now() + patience;
        loop {
            if let Ok(client) = Client::connect(&url).await
                && let Ok(info) = client.info().await
                && info.height >= height
            {
                return Ok(info.height);
            }
            if let Some(child) = &mut node.child
                && let Some(status) = child.try_wait()?
            {
                let log = log_end(&node.folder.log_file());
                anyhow::bail!("node {index} ended with {status}:\n{log}");
            }
            if Instant::now() > deadline {
                let log = log_end(&node.folder.log_file());
                anyhow::bail!(
                    "node {index} did not reach block {height} in {} s:\n{log}",
                    patience.as_secs()
                );
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Stops all nodes in good order.
    ///
    /// # Errors
    /// When a process cannot be waited for.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for node in &mut self.nodes {
            if let Some(child) = &mut node.child {
                drop(child.stdin.take());
            }
        }
        for node in &mut self.nodes {
            let Some(mut child) = node.child.take() else { continue };
            if tokio::time::timeout(STOP_PATIENCE, child.wait()).await.is_err() {
                child.kill().await?;
            }
        }
        Ok(())
    }

    /// Makes the folders of all nodes and starts nothing yet.
    ///
    /// # Errors
    /// When a folder cannot be written.
    pub fn prepare(options: &LocalChainOptions) -> anyhow::Result<Self> {
        let count = options.validators.max(1);
        let ports = free_ports(count.saturating_mul(3))?;
        let mut genesis = options.genesis.clone();
        let mut folders = Vec::with_capacity(count);
        for index in 0..count {
            let folder = NodeFolder::new(options.folder.join(format!("node{index}")));
            fs::create_dir_all(folder.root())?;
            let keys = folder.comet().ensure_keys()?;
            let public_key = keys.validator.public_key().to_bytes();
            genesis.add_validator(Validator {
                name: format!("node{index}"),
                public_key: public_key.as_slice().try_into().context("not an Ed25519 key")?,
                power: VALIDATOR_POWER,
            });
            folders.push((folder, keys.node.node_id()));
        }
        let address = |index: usize, kind: usize| {
            let port = ports.get(index.saturating_mul(3).saturating_add(kind)).copied();
            SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)))
        };
        let peers: Vec<String> = (0..)
            .zip(&folders)
            .map(|(index, (_, id))| format!("{id}@{}", address(index, 1)))
            .collect();
        let mut nodes = Vec::with_capacity(count);
        for (index, (folder, _)) in folders.into_iter().enumerate() {
            let mut config = Config { moniker: format!("node{index}"), ..Config::default() };
            config.grpc.listen = address(index, 2);
            if index == 0 && options.grpc_port != 0 {
                config.grpc.listen.set_port(options.grpc_port);
            }
            let consensus = &mut config.consensus;
            consensus.mode = if options.validators == 0 { Mode::Solo } else { Mode::CometBft };
            consensus.cometbft.clone_from(&options.cometbft);
            consensus.rpc = address(index, 0);
            consensus.p2p = address(index, 1);
            consensus.local = true;
            consensus.block_time_ms =
                u64::try_from(options.block_time.as_millis()).unwrap_or(u64::MAX);
            consensus.proposal_bytes = options.proposal_bytes;
            consensus.peers = (0..)
                .zip(&peers)
                .filter(|(other, _)| *other != index)
                .map(|(_, peer)| peer.clone())
                .collect();
            config.write(&folder.config_file())?;
            fs::write(folder.genesis_file(), genesis.to_json())?;
            nodes.push(LocalNode { folder, grpc: config.grpc.listen, child: None });
        }
        Ok(Self { program: options.program.clone(), genesis, nodes })
    }
}

/// The last lines of a log.
fn log_end(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let shown = lines.len().saturating_sub(SHOWN_LOG_LINES);
    lines.get(shown..).unwrap_or_default().join("\n")
}
