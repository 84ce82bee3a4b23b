//! The sequencer that others see: a task that makes blocks, and handles that read them.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tendermint::block::signed_header::SignedHeader;
use tendermint::validator;
use tendermint_abci::Application;
use tokio::sync::{Notify, watch};
use tokio::task;
use tokio::time::{Instant, sleep_until};

use super::SoloError;
use super::engine::{Engine, read_signed};
use super::log::BlockReader;
use super::state::ChainState;
use crate::node::comet::genesis::Genesis;
use crate::node::comet::headers::{HeaderError, HeaderFuture, HeaderSource};
use crate::node::comet::keys::Ed25519Key;

/// What a sequencer is made from.
#[derive(Debug)]
pub struct SoloConfig {
    /// The folder of its blocks; it must exist.
    pub dir: PathBuf,
    /// The validator's key.
    pub key: Ed25519Key,
    /// The genesis document.
    pub genesis: Genesis,
    /// The least time from one block to the next.
    pub block_time: Duration,
    /// The time between empty blocks when nothing happens; absent: no such blocks.
    pub empty_block_interval: Option<Duration>,
    /// Told (`notify_one`) by the application whenever transactions wait for a block.
    pub pending: Arc<Notify>,
}

/// A single validator in this process. It orders blocks as CometBFT does, and signs real headers,
/// but it tolerates no fault of itself: it is not BFT.
pub struct Sequencer<A> {
    engine: Engine<A>,
    block_time: Duration,
    empty_block_interval: Option<Duration>,
    pending: Arc<Notify>,
    latest: watch::Sender<u64>,
}

impl<A: Application> Sequencer<A> {
    /// Opens or begins a chain, and brings the application up to its latest block. Blocks while
    /// the application executes.
    pub fn open(config: SoloConfig, app: A) -> Result<Self, SoloError> {
        let engine = Engine::open(&config.dir, app, config.key, config.genesis)?;
        let (latest, _) = watch::channel(engine.height());
        Ok(Self {
            engine,
            block_time: config.block_time,
            empty_block_interval: config.empty_block_interval,
            pending: config.pending,
            latest,
        })
    }

    /// A handle that reads blocks while the sequencer runs.
    pub fn handle(&self) -> SoloHandle {
        SoloHandle {
            blocks: self.engine.log().reader(),
            latest: self.latest.subscribe(),
            initial_height: self.engine.initial_height(),
        }
    }

    /// Makes blocks until `shutdown` completes; a block that was begun is finished.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), SoloError> {
        tokio::pin!(shutdown);
        let mut due = Instant::now();
        let mut needs_block = self.engine.needs_proof_block();
        loop {
            let even_empty = tokio::select! {
                biased;
                () = &mut shutdown => return Ok(()),
                even_empty = self.wait(due, needs_block) => even_empty,
            };
            due = Instant::now() + self.block_time;
            let (engine, made) = task::spawn_blocking(move || {
                let mut engine = self.engine;
                let made = engine.produce(even_empty);
                (engine, made)
            })
            .await
            .map_err(SoloError::Panicked)?;
            self = Self { engine, ..self };
            needs_block = false;
            if let Some(made) = made? {
                needs_block = made.needs_proof_block;
                self.latest.send_replace(made.height);
            }
        }
    }

    /// Waits until a block is due, and tells whether it is due even without transactions.
    async fn wait(&self, due: Instant, needs_block: bool) -> bool {
        let mut even_empty = needs_block;
        if !needs_block {
            match self.empty_block_interval {
                None => self.pending.notified().await,
                Some(interval) => {
                    let told = tokio::time::timeout(interval, self.pending.notified()).await;
                    even_empty = told.is_err();
                }
            }
        }
        sleep_until(due).await;
        even_empty
    }
}

/// Reads a sequencer's blocks; clones are cheap.
#[derive(Clone, Debug)]
pub struct SoloHandle {
    blocks: BlockReader,
    latest: watch::Receiver<u64>,
    initial_height: u64,
}

impl SoloHandle {
    /// The latest block; zero before the first.
    pub fn latest_height(&self) -> u64 {
        *self.latest.borrow()
    }

    /// Told of every new height.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.latest.clone()
    }

    /// The header of a block and the signature over it.
    pub fn signed_header(&self, height: u64) -> Result<SignedHeader, HeaderError> {
        self.check(height, self.latest_height())?;
        self.blocks
            .signed(height)
            .map_err(SoloError::from)
            .and_then(|bytes| read_signed(bytes, height))
            .and_then(|signed| signed.ok_or(SoloError::Missing { height }))
            .map_err(|error| HeaderError::Source(Box::new(error)))
    }

    /// The validators that sign the block at this height; the next block's are known already.
    pub fn validators(&self, height: u64) -> Result<Vec<validator::Info>, HeaderError> {
        self.check(height, self.latest_height().saturating_add(1))?;
        let before = height.saturating_sub(1);
        self.blocks
            .state(before)
            .map_err(SoloError::from)
            .and_then(|bytes| {
                bytes
                    .and_then(|bytes| ChainState::decode(&bytes))
                    .ok_or(SoloError::Missing { height: before })
            })
            .map(|state| state.validators.validators().clone())
            .map_err(|error| HeaderError::Source(Box::new(error)))
    }

    fn check(&self, height: u64, last: u64) -> Result<(), HeaderError> {
        if height > last {
            return Err(HeaderError::NotYet { height, latest: self.latest_height() });
        }
        if height < self.initial_height {
            return Err(HeaderError::NotKept { height, earliest: self.initial_height });
        }
        Ok(())
    }
}

impl HeaderSource for SoloHandle {
    fn signed_header(&self, height: u64) -> HeaderFuture<'_, SignedHeader> {
        Box::pin(async move { SoloHandle::signed_header(self, height) })
    }

    fn validators(&self, height: u64) -> HeaderFuture<'_, Vec<validator::Info>> {
        Box::pin(async move { SoloHandle::validators(self, height) })
    }

    fn latest(&self) -> HeaderFuture<'_, u64> {
        Box::pin(async move { Ok(self.latest_height()) })
    }
}
