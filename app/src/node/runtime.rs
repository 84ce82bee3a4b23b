//! Puts a node together and runs it until it is told to stop or something fails.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tessera_genesis::Genesis;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::abci::{AbciAddress, AbciServer, AbciServerConfig};
use super::application::{FrameSource, Node, ProposalSettings};
use super::comet::binary::{self, CometBinary, Notice, Version};
use super::comet::headers::HeaderSource;
use super::comet::process::{CometProcess, ProcessError, end_orphan};
use super::comet::rpc::RpcClient;
use super::config::{Config, Mode};
use super::folder::{NodeFolder, comet_genesis};
use super::grpc::{ChainMode, GrpcConfig, GrpcServer};
use super::pool::Pool;
use super::solo::{Sequencer, SoloConfig};
use crate::chain::executor::Scheduling;
use crate::chain::ledger::Ledger;
use crate::chain::verify::Verifier;
use crate::state::store::Store;

/// How long CometBFT may take to end.
const COMET_PATIENCE: Duration = Duration::from_secs(10);
/// How long a CometBFT of before may keep its home, and how often that is looked at.
const HOME_PATIENCE: Duration = Duration::from_secs(10);
const HOME_RETRY: Duration = Duration::from_millis(200);
/// How long the parts of a node may take to end.
const TASK_PATIENCE: Duration = Duration::from_secs(5);
/// How long CometBFT goes on after the last block of a version, so that its peers get the votes.
const FAREWELL: Duration = Duration::from_secs(2);
/// Time between two hand-overs of frames to a CometBFT that keeps the pool itself.
const FLOOD_INTERVAL: Duration = Duration::from_millis(5);

/// Runs the node of a folder until `shutdown` completes.
///
/// # Errors
/// Whatever keeps the node from starting, or ends it.
pub async fn run(
    folder: &NodeFolder,
    config: &Config,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let genesis = folder.genesis()?;
    let (stop, stopped) = watch::channel(false);
    let result = tokio::select! {
        result = run_parts(folder, config, &genesis, (stop.clone(), stopped)) => result,
        () = async {
            shutdown.await;
            info!("stopping");
            let _ = stop.send(true);
            std::future::pending::<()>().await;
        } => Ok(()),
    };
    info!("stopped");
    result
}

type Stopped = watch::Receiver<bool>;

async fn until(mut stopped: Stopped) {
    // An error means that whoever could stop us is gone: that is a stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn run_parts(
    folder: &NodeFolder,
    config: &Config,
    genesis: &Genesis,
    (stop, stopped): (watch::Sender<bool>, Stopped),
) -> anyhow::Result<()> {
    if config.threads > 0 {
        // The first node of the process decides; tests run several.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(config.threads).build_global();
    }
    let store = Arc::new(Store::open(&folder.data(), config.store_options())?);
    if let Some(found) = Ledger::stored_chain_id(&store)? {
        anyhow::ensure!(
            found == genesis.chain_id,
            "`{}` holds chain `{found}`, the genesis document is of `{}`",
            folder.data().display(),
            genesis.chain_id
        );
    }
    let verifier = Arc::new(Verifier::new(&genesis.chain_id));
    let pending = Arc::new(Notify::new());
    let pool = Arc::new(Pool::new(
        Arc::clone(&store),
        Arc::clone(&verifier),
        config.pool_limits(),
        Arc::clone(&pending),
    ));
    let ledger = Ledger::new(store, verifier, Scheduling::Parallel);
    let ledger = ledger.with_genesis_folder(folder.root());
    if let Some(other) = ledger.other_version()? {
        anyhow::bail!("{other}");
    }
    let parts = Parts { folder, config, genesis, ledger, pool, pending, stop, stopped };
    match config.consensus.mode {
        Mode::Solo => parts.run_solo().await,
        Mode::CometBft | Mode::External => parts.run_comet().await,
    }
}

struct Parts<'a> {
    folder: &'a NodeFolder,
    config: &'a Config,
    genesis: &'a Genesis,
    ledger: Ledger,
    pool: Arc<Pool>,
    pending: Arc<Notify>,
    stop: watch::Sender<bool>,
    stopped: Stopped,
}

impl Parts<'_> {
    async fn run_solo(self) -> anyhow::Result<()> {
        let keys = self.folder.comet().ensure_keys()?;
        let dir = self.folder.solo();
        std::fs::create_dir_all(&dir)
            .with_context(|| format!("cannot create `{}`", dir.display()))?;
        let solo = SoloConfig {
            dir,
            key: keys.validator,
            genesis: comet_genesis(self.genesis)?,
            block_time: self.config.pace().block_time,
            empty_block_interval: None,
            pending: self.pending,
        };
        let proposals = ProposalSettings { idle_wait: Duration::ZERO, ..self.config.proposals() };
        let node = Node::new(self.ledger, self.pool, FrameSource::Pool, proposals);
        let app = node.clone();
        let sequencer = tokio::task::spawn_blocking(move || Sequencer::open(solo, app)).await??;
        let headers = Arc::new(sequencer.handle());
        let mut tasks = Tasks::default();
        let (stopped, moving) = (self.stopped.clone(), node.clone());
        tasks.spawn(async move {
            let moved_on = async { drop(moving.until_other_version().await) };
            let last_block = async {
                tokio::select! { () = until(stopped.clone()) => {}, () = moved_on => {} }
            };
            sequencer.run(last_block).await?;
            until(stopped).await;
            Ok(())
        });
        tasks.spawn_until(
            &self.stopped,
            stop_at_other_version(node.clone(), self.stop, Duration::ZERO),
        );
        tasks.spawn_until(&self.stopped, log_blocks(node.clone()));
        let served = Served { node, headers, mode: ChainMode::Solo };
        serve_clients(&mut tasks, self.config, &self.stopped, served).await?;
        tasks.finish(&self.stopped).await
    }

    async fn run_comet(self) -> anyhow::Result<()> {
        let supervised = self.config.consensus.mode == Mode::CometBft;
        let binary = if supervised { Some(find_comet(self.config).await?) } else { None };
        let version = binary.as_ref().map_or(Version::V040, |binary| binary.version);
        if supervised {
            self.folder.write_comet(self.config, self.genesis, version)?;
        }
        let frame_source = match version {
            Version::V040 => FrameSource::Pool,
            Version::V038 => FrameSource::Consensus,
        };
        let node = Node::new(self.ledger, self.pool, frame_source, self.config.proposals());
        let rpc = RpcClient::new(self.config.consensus.rpc);
        let mut tasks = Tasks::default();
        let address: AbciAddress = self.folder.abci_address(self.config).parse()?;
        let server = AbciServer::bind(address, AbciServerConfig::default()).await?;
        // The server outlives CometBFT, which is stopped first.
        let (close, closed) = watch::channel(false);
        let app = node.clone();
        let serving = tokio::spawn(async move { server.serve(app, until(closed)).await });
        if frame_source == FrameSource::Consensus {
            let flood = flood(Arc::clone(node.pool()), self.config.consensus.rpc);
            tasks.spawn_until(&self.stopped, flood);
        }
        let served =
            Served { node: node.clone(), headers: Arc::new(rpc), mode: ChainMode::CometBft };
        serve_clients(&mut tasks, self.config, &self.stopped, served).await?;
        tasks.spawn_until(&self.stopped, log_blocks(node.clone()));
        tasks.spawn_until(&self.stopped, stop_at_other_version(node.clone(), self.stop, FAREWELL));
        let result = match binary {
            Some(binary) => {
                let home = self.folder.comet();
                if end_orphan(&home) {
                    warn!("ended the cometbft of a node that was killed");
                }
                let start = || CometProcess::start(&binary, &home);
                let mut comet = start()?;
                info!(id = comet.id(), version = %binary.version, "cometbft started");
                let result = tokio::select! {
                    result = tasks.finish(&self.stopped) => result,
                    ended = ended_for_good(&mut comet, start) => Err(ended.into()),
                };
                comet.stop(COMET_PATIENCE).await?;
                result
            }
            None => tasks.finish(&self.stopped).await,
        };
        let _ = close.send(true);
        if node.has_moved_on() {
            // A request for the next block never gets an answer.
            serving.abort();
        } else {
            serving.await??;
        }
        result
    }
}

/// Waits until CometBFT ends. That of a node that was killed ends a moment after it: until it has
/// let go of the home, another is started again.
async fn ended_for_good(
    comet: &mut CometProcess,
    start: impl Fn() -> Result<CometProcess, ProcessError>,
) -> ProcessError {
    let deadline = Instant::now() + HOME_PATIENCE;
    loop {
        let ended = comet.ended_by_itself().await;
        if !ended.is_home_in_use() || Instant::now() > deadline {
            return ended;
        }
        tokio::time::sleep(HOME_RETRY).await;
        match start() {
            Ok(again) => *comet = again,
            Err(error) => return error,
        }
    }
}

/// Finds CometBFT, or installs it.
///
/// # Errors
/// When there is none and it cannot be installed.
pub async fn find_comet(config: &Config) -> anyhow::Result<CometBinary> {
    let explicit = Some(config.consensus.cometbft.clone()).filter(|p| !p.as_os_str().is_empty());
    let mut tell = |notice: Notice| match notice {
        Notice::Installing { .. } => info!("{notice}"),
        Notice::Assumed { .. } | Notice::Skipped { .. } => warn!("{notice}"),
    };
    let search = move || binary::find(explicit.as_deref(), &mut tell);
    Ok(tokio::task::spawn_blocking(search).await??)
}

/// What clients are served from.
struct Served {
    node: Node,
    headers: Arc<dyn HeaderSource>,
    mode: ChainMode,
}

async fn serve_clients(
    tasks: &mut Tasks,
    config: &Config,
    stopped: &Stopped,
    served: Served,
) -> anyhow::Result<()> {
    let Served { node, headers, mode } = served;
    let server = GrpcServer::bind(config.grpc.listen, GrpcConfig::default()).await?;
    info!(address = %server.local_address(), "serving clients");
    let stopped = stopped.clone();
    tasks.spawn(async move { Ok(server.serve(node, headers, mode, until(stopped)).await?) });
    Ok(())
}

/// Stops the node, as if it had been told to, once the chain has moved on to another version.
async fn stop_at_other_version(
    node: Node,
    stop: watch::Sender<bool>,
    farewell: Duration,
) -> anyhow::Result<()> {
    let other = node.until_other_version().await;
    warn!("{other}");
    // What starts after it must find the last block of this version.
    tokio::task::spawn_blocking(move || node.wait_until_written()).await?;
    tokio::time::sleep(farewell).await;
    stop.send_replace(true);
    Ok(())
}

/// One line for each block.
async fn log_blocks(node: Node) -> anyhow::Result<()> {
    let mut blocks = node.subscribe();
    loop {
        match blocks.recv().await {
            Ok(block) if block.summary.transactions > 0 => {
                let summary = block.summary;
                info!(
                    height = summary.height,
                    txs = summary.transactions,
                    refused = summary.refused,
                    app_hash = %hex::encode(summary.app_hash),
                    "block"
                );
            }
            Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
            Err(tokio::sync::broadcast::error::RecvError::Closed) => return Ok(()),
        }
    }
}

/// Hands frames to a CometBFT that keeps them in its own mempool.
async fn flood(pool: Arc<Pool>, rpc: std::net::SocketAddr) -> anyhow::Result<()> {
    let rpc = RpcClient::new(rpc);
    let mut tick = tokio::time::interval(FLOOD_INTERVAL);
    loop {
        tick.tick().await;
        for frame in pool.frames_for_gossip() {
            if let Err(error) = rpc.broadcast_tx_sync(&frame).await {
                // It is handed over again after some blocks.
                warn!(%error, "cometbft did not take a frame");
            }
        }
    }
}

/// The tasks of a node: when one ends before the node is stopped, the node ends.
#[derive(Default)]
struct Tasks {
    set: JoinSet<anyhow::Result<()>>,
}

impl Tasks {
    fn spawn(&mut self, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.set.spawn(task);
    }

    /// A task that may be dropped at any point once the node is stopped.
    fn spawn_until(
        &mut self,
        stopped: &Stopped,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let stopped = until(stopped.clone());
        self.set.spawn(async move {
            tokio::select! {
                result = task => result,
                () = stopped => Ok(()),
            }
        });
    }

    /// Waits until the node is stopped and the tasks have ended, or one has failed.
    async fn finish(mut self, stopped: &Stopped) -> anyhow::Result<()> {
        tokio::select! {
            biased;
            () = until(stopped.clone()) => {}
            Some(ended) = self.set.join_next() => {
                let result = ended.context("a part of the node panicked")?;
                if let Err(error) = &result {
                    error!("{error:#}");
                }
                // The node may have been stopped since that was asked, and the part by it.
                if result.is_err() || !*stopped.borrow() {
                    return result.and(Err(anyhow::anyhow!("a part of the node ended by itself")));
                }
            }
        }
        let ended = async { while self.set.join_next().await.is_some() {} };
        if tokio::time::timeout(TASK_PATIENCE, ended).await.is_err() {
            warn!("some parts of the node did not end in time");
            self.set.shutdown().await;
        }
        Ok(())
    }
}
