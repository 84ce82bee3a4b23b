//! A store with a state, signed blocks for it, and what running them takes.
//!
//! Each repetition works on its own copy of one prepared store, so that all see the same state.

use std::collections::BTreeMap;
use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use clap::Args;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::limit;
use super::machine;
use super::workload::{Generator, Workload, frames};
use super::world::{self, World, WorldOptions};
use crate::chain::executor::Scheduling;
use crate::chain::ledger::{FinalizedBlock, Ledger, VerifiedFrames};
use crate::chain::plan::Plan;
use crate::chain::receipts::receipt;
use crate::chain::verify::{BATCH_SIZE, Verifier};
use crate::node::application::{FrameSource, Node, ProposalSettings};
use crate::node::pool::{Pool, PoolLimits};
use crate::state::changes::Changes;
use crate::state::store::{Store, StoreOptions};

const CHAIN_ID: &str = "tessera-bench";
/// Blocks before the clock starts, so that caches are as in a running node.
pub(super) const WARM_UP_BLOCKS: usize = 2;
/// Transactions of each block that prepares the state.
const SETUP_BLOCK: usize = 1_000;

/// The blocks that are run, and how often.
#[derive(Debug, Clone, Args)]
pub struct BlockOptions {
    /// Assets in the state
    #[arg(long, default_value_t = 1_000)]
    pub assets: usize,
    /// Transactions of each block
    #[arg(long, default_value_t = 2_000)]
    pub block_size: usize,
    /// Blocks of each repetition
    #[arg(long, default_value_t = 20)]
    pub blocks: usize,
    /// Repetitions of each configuration
    #[arg(long, default_value_t = 3)]
    pub repetitions: usize,
    /// Folder for the stores; they are removed at the end
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    pub folder: PathBuf,
}

impl BlockOptions {
    /// The state that a workload begins with.
    ///
    /// # Errors
    /// When there would be nothing to measure.
    pub(super) fn world(&self, workload: Workload, holdings: usize) -> anyhow::Result<World> {
        ensure!(
            self.block_size > 0 && self.blocks > 0 && self.repetitions > 0,
            "there must be something to measure"
        );
        let transactions = (self.blocks + WARM_UP_BLOCKS) * self.block_size;
        let options = WorldOptions {
            holdings,
            assets: if workload.has_one_asset() { 1 } else { self.assets },
            senders: if workload.draws_senders() { holdings } else { transactions + 1 }
                .min(holdings)
                .max(2),
            cash: workload.needs_cash(),
        };
        World::new(CHAIN_ID, options, vec![world::validator()])
    }
}

/// Does something with a new folder and removes it.
pub(super) fn with_folder<T>(
    parent: &Path,
    work: impl FnOnce(&Path) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let folder = parent.join(format!("tessera-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let done = work(&folder);
    let removed = fs::remove_dir_all(&folder);
    let done = done?;
    removed.with_context(|| format!("cannot remove `{}`", folder.display()))?;
    Ok(done)
}

/// How blocks are executed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Config {
    /// What it is called in reports.
    pub(super) name: &'static str,
    /// Threads of the pool.
    pub(super) threads: usize,
    /// Whether transactions are executed at once or one after the other.
    pub(super) scheduling: Scheduling,
}

impl Config {
    /// The product on some threads.
    pub(super) fn tessera(threads: usize) -> Self {
        Self { name: "tessera", threads, scheduling: Scheduling::Parallel }
    }

    /// One transaction after the other on one thread.
    pub(super) fn serial() -> Self {
        Self { name: "serial", threads: 1, scheduling: Scheduling::Serial }
    }
}

/// Times and sizes of one repetition of one configuration, of the blocks after the first few.
#[derive(Default)]
pub(super) struct Run {
    pub(super) blocks: usize,
    pub(super) transactions: usize,
    pub(super) seconds: f64,
    /// Processor time of the whole process in these seconds.
    pub(super) cpu_seconds: f64,
    pub(super) limit_seconds: f64,
    /// Time to find out what transactions touch, by itself.
    pub(super) declaring_seconds: f64,
    /// Time to find out which of them may run side by side, by itself.
    pub(super) planning_seconds: f64,
    pub(super) stages: BTreeMap<&'static str, Duration>,
    /// Keys that the blocks changed, each counted once a block.
    pub(super) state_writes: usize,
    pub(super) bytes_written: Option<u64>,
    pub(super) rss_bytes: Option<u64>,
    pub(super) refused: u64,
    /// Time to open the store again afterwards.
    pub(super) open: Duration,
    /// Time of a request that asks for nothing, where a server is between.
    pub(super) round_trip: Duration,
    pub(super) app_hash: [u8; 32],
}

impl Run {
    fn add(&mut self, block: &Block, step: &Step) {
        self.blocks += 1;
        self.transactions += block.transactions.len();
        self.count(step);
    }

    fn count(&mut self, step: &Step) {
        self.seconds += step.seconds;
        self.cpu_seconds += step.cpu_seconds;
        self.state_writes += step.state_writes;
        self.refused += step.refused;
        for (name, time) in &step.stages {
            *self.stages.entry(name).or_default() += *time;
        }
    }

    /// Transactions per second.
    pub(super) fn rate(&self) -> f64 {
        self.transactions as f64 / self.seconds
    }

    /// Milliseconds per block in a stage.
    pub(super) fn stage_ms(&self, name: &str) -> f64 {
        let time = self.stages.get(name).copied().unwrap_or_default();
        time.as_secs_f64() * 1_000.0 / self.blocks as f64
    }
}

/// Transactions of a block, and the same in frames.
pub(super) struct Block {
    pub(super) frames: Vec<Bytes>,
    pub(super) transactions: Vec<Bytes>,
}

/// A store that all repetitions begin with, and the blocks that they run.
pub(super) struct Prepared {
    /// The folder that it is in, beside the copies.
    folder: PathBuf,
    /// The blocks, those before the clock starts included.
    pub(super) blocks: Vec<Block>,
    /// What the blocks that prepared the state changed after genesis.
    pub(super) setup: Vec<Arc<Changes>>,
}

impl Prepared {
    /// Makes the store in a folder and signs the blocks.
    pub(super) fn new(
        world: &World,
        options: &BlockOptions,
        workload: Workload,
        folder: &Path,
        progress: &mut dyn FnMut(&str),
    ) -> anyhow::Result<Self> {
        let (name, holdings) = (workload.name(), world.holders.len());
        let mut generator = Generator::new(world, workload);
        let started = Instant::now();
        let setup = prepare(world, &generator.setup(), &folder.join("prepared"))?;
        let took = started.elapsed();
        progress(&format!("{name}: state of {holdings} holdings in {took:.1?}"));
        let started = Instant::now();
        let blocks: Vec<Block> = (0..options.blocks + WARM_UP_BLOCKS)
            .map(|_| generator.transactions(options.block_size))
            .map(|transactions| Block { frames: frames(&transactions), transactions })
            .collect();
        let took = started.elapsed();
        progress(&format!("{name}: {} blocks signed in {took:.1?}", blocks.len()));
        Ok(Self { folder: folder.to_owned(), blocks, setup })
    }

    /// Runs all blocks on a copy of the store.
    pub(super) fn run(&self, config: &Config) -> anyhow::Result<Run> {
        let pool = ThreadPoolBuilder::new().num_threads(config.threads).build()?;
        self.with_copy(|copy| {
            let mut run = run(copy, config, &pool, &self.blocks)?;
            let started = Instant::now();
            let store = pool.install(|| Store::open(copy, StoreOptions::default()))?;
            run.open = started.elapsed();
            let committed = store.committed().context("the store is empty")?;
            ensure!(committed.app_hash == run.app_hash, "the store is not as it was left");
            Ok(run)
        })
    }

    /// Runs all blocks on a copy of the store with the clock off, shows each, then the store.
    pub(super) fn replay<T>(
        &self,
        mut each: impl FnMut(&FinalizedBlock),
        work: impl FnOnce(&Store) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.with_copy(|copy| {
            let ledger = open(copy, Scheduling::Parallel)?;
            for block in &self.blocks {
                let height = next_height(&ledger);
                let finalized = ledger.finalize(height, time_ms(height), &block.frames)?;
                each(&finalized);
                ledger.commit(finalized)?;
            }
            work(ledger.store())
        })
    }

    /// Removes the store.
    pub(super) fn remove(self) -> anyhow::Result<()> {
        Ok(fs::remove_dir_all(self.folder.join("prepared"))?)
    }

    /// Does something with a copy of the store.
    pub(super) fn with_copy<T>(
        &self,
        work: impl FnOnce(&Path) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let copy = self.folder.join("copy");
        copy_folder(&self.folder.join("prepared"), &copy)?;
        let done = work(&copy)?;
        fs::remove_dir_all(&copy)?;
        Ok(done)
    }
}

/// Makes the store that all repetitions begin with, and tells what came after genesis.
fn prepare(world: &World, setup: &[Bytes], folder: &Path) -> anyhow::Result<Vec<Arc<Changes>>> {
    let ledger = open(folder, Scheduling::Parallel)?;
    ledger.init(&world.genesis)?;
    let mut changes = Vec::new();
    for (height, transactions) in (1..).zip(setup.chunks(SETUP_BLOCK)) {
        let block = ledger.finalize(height, time_ms(height), &frames(transactions))?;
        let refused = block.receipts.iter().filter_map(|receipt| receipt.outcome.as_ref());
        let refused = refused.filter(|outcome| outcome.code != 0).count();
        ensure!(refused == 0, "{refused} transactions of the preparation were refused");
        changes.push(Arc::clone(&block.changes));
        ledger.commit(block)?;
    }
    Ok(changes)
}

fn open(folder: &Path, scheduling: Scheduling) -> anyhow::Result<Ledger> {
    let store = Arc::new(Store::open(folder, StoreOptions::default())?);
    Ok(Ledger::new(store, Arc::new(Verifier::new(CHAIN_ID)), scheduling))
}

/// A node on a store, which gets its blocks from consensus alone.
pub(super) fn node(folder: &Path) -> anyhow::Result<Node> {
    let store = Arc::new(Store::open(folder, StoreOptions::default())?);
    let verifier = Arc::new(Verifier::new(CHAIN_ID));
    let limits = PoolLimits::default();
    let pool = Pool::new(Arc::clone(&store), Arc::clone(&verifier), limits, Arc::default());
    let ledger = Ledger::new(store, verifier, Scheduling::Parallel);
    Ok(Node::new(ledger, Arc::new(pool), FrameSource::Consensus, ProposalSettings::default()))
}

fn next_height(ledger: &Ledger) -> u64 {
    ledger.store().latest_height().unwrap_or_default() + 1
}

/// When a block of this height is made.
pub(super) fn time_ms(height: u64) -> u64 {
    1_767_225_600_000 + height * 1_000
}

fn run(folder: &Path, config: &Config, pool: &ThreadPool, blocks: &[Block]) -> anyhow::Result<Run> {
    let ledger = open(folder, config.scheduling)?;
    let mut pipeline = Pipeline { ledger: &ledger, pool, verified: None, staged: None };
    let mut run = Run::default();
    let own = std::process::id();
    let mut written_before = None;
    let following = blocks.iter().skip(1).map(Some).chain([None]);
    for (number, (block, next)) in blocks.iter().zip(following).enumerate() {
        let warm = number >= WARM_UP_BLOCKS;
        if number == WARM_UP_BLOCKS {
            written_before = machine::bytes_written(own);
        }
        let step = pipeline.step(block, next)?;
        // The clock sees one write more than blocks, and one verification less.
        if warm {
            run.add(block, &step);
        }
        if warm {
            run.limit_seconds += pool.install(|| pipeline.limit(block))?;
            let (declaring, planning) = pool.install(|| pipeline.scheduling())?;
            run.declaring_seconds += declaring.as_secs_f64();
            run.planning_seconds += planning.as_secs_f64();
        }
    }
    let step = pool.install(|| pipeline.finish())?;
    run.count(&step);
    let committed = ledger.store().committed().context("nothing was committed")?;
    run.app_hash = committed.app_hash;
    run.bytes_written = machine::bytes_written(own)
        .zip(written_before)
        .map(|(after, before)| after.saturating_sub(before))
        .filter(|bytes| *bytes > 0);
    run.rss_bytes = machine::rss_bytes(own);
    Ok(run)
}

/// Blocks on their way, as in a node: while one is executed, the signatures of the next are
/// verified and the one before is written.
struct Pipeline<'a> {
    ledger: &'a Ledger,
    pool: &'a ThreadPool,
    verified: Option<VerifiedFrames>,
    staged: Option<FinalizedBlock>,
}

/// The clock on the wall and the one of the processors.
struct Clocks {
    wall: Instant,
    cpu: Duration,
}

impl Clocks {
    fn start() -> Self {
        Self { wall: Instant::now(), cpu: machine::own_cpu_time() }
    }

    /// Seconds since the start by either.
    fn stop(self) -> (f64, f64) {
        let cpu = machine::own_cpu_time().saturating_sub(self.cpu);
        (self.wall.elapsed().as_secs_f64(), cpu.as_secs_f64())
    }
}

/// What one step of the pipeline took.
#[derive(Default)]
struct Step {
    seconds: f64,
    cpu_seconds: f64,
    stages: BTreeMap<&'static str, Duration>,
    state_writes: usize,
    refused: u64,
}

impl Pipeline<'_> {
    /// Executes and stages a block.
    fn step(&mut self, block: &Block, next: Option<&Block>) -> anyhow::Result<Step> {
        let (ledger, pool) = (self.ledger, self.pool);
        let clocks = Clocks::start();
        let (verified, before) = match self.verified.take() {
            Some(verified) => (verified, Duration::ZERO),
            None => timed(|| pool.install(|| ledger.verify(&block.frames))),
        };
        let staged = self.staged.take();
        let (next, rest) = thread::scope(|threads| {
            let verifying = threads.spawn(|| next.map(|next| verify_aside(ledger, pool, next)));
            let rest = pool.install(|| advance(ledger, staged, verified));
            (verifying.join().unwrap_or_else(|panic| resume_unwind(panic)), rest)
        });
        let (staged, mut stages) = rest?;
        let (seconds, cpu_seconds) = clocks.stop();
        let (next, verify) = next.unzip();
        stages.insert("verify", verify.unwrap_or_default() + before);
        let refused = u64::from(staged.summary.refused);
        let state_writes = staged.changes.as_slice().len();
        (self.verified, self.staged) = (next, Some(staged));
        Ok(Step { seconds, cpu_seconds, stages, state_writes, refused })
    }

    /// Writes the last block.
    fn finish(&mut self) -> anyhow::Result<Step> {
        let clocks = Clocks::start();
        let (committed, commit) = timed(|| commit(self.ledger, self.staged.take()));
        committed?;
        let (seconds, cpu_seconds) = clocks.stop();
        let stages = BTreeMap::from([("commit", commit)]);
        Ok(Step { seconds, cpu_seconds, stages, ..Step::default() })
    }

    /// Seconds that verifying the signatures of the staged block and hashing its new nodes take.
    fn limit(&self, block: &Block) -> anyhow::Result<f64> {
        let nodes = self.staged.iter().map(|block| self.ledger.new_nodes(block));
        let nodes = nodes.collect::<Result<Vec<_>, _>>()?.concat();
        let limit = limit::verify_time(CHAIN_ID, &block.transactions)? + limit::hash_time(&nodes);
        Ok(limit.as_secs_f64())
    }

    /// What declaring and planning the next block take by themselves; nothing after the last.
    fn scheduling(&self) -> anyhow::Result<(Duration, Duration)> {
        let Some(next) = &self.verified else { return Ok(Default::default()) };
        let (declared, declaring) = timed(|| self.ledger.declared(next));
        let declared = declared?;
        let (plan, planning) = timed(|| Plan::new(&declared));
        std::hint::black_box(plan);
        Ok((declaring, planning))
    }
}

/// Verifies a block on the threads of a pool whenever they have nothing else to do, as a node
/// checks what comes in; tells how long they had to do with it. Not to be called on one of them.
fn verify_aside(ledger: &Ledger, pool: &ThreadPool, block: &Block) -> (VerifiedFrames, Duration) {
    let mut time = Duration::ZERO;
    let verified = ledger.verify_by(&block.frames, |transactions| {
        let batches: Vec<_> = transactions.chunks(BATCH_SIZE).collect();
        let mut verified = vec![(Vec::new(), Duration::ZERO); batches.len()];
        pool.in_place_scope(|scope| {
            for (batch, verified) in batches.into_iter().zip(&mut verified) {
                scope.spawn(move |_| *verified = timed(|| ledger.verifier().verify(batch)));
            }
        });
        time = verified.iter().map(|(_, time)| *time).sum();
        verified.into_iter().flat_map(|(verified, _)| verified).collect()
    });
    (verified, time)
}

/// Executes and stages a block while the one before is written.
fn advance(
    ledger: &Ledger,
    before: Option<FinalizedBlock>,
    verified: VerifiedFrames,
) -> anyhow::Result<(FinalizedBlock, BTreeMap<&'static str, Duration>)> {
    if let Some(before) = &before {
        ledger.announce(before);
    }
    let height = next_height(ledger);
    let time_ms = time_ms(height);
    let ((committed, commit), (executed, execute)) = rayon::join(
        || timed(|| commit(ledger, before)),
        || timed(|| ledger.execute(height, time_ms, &verified)),
    );
    committed?;
    let executed = executed?;
    let (staged, stage) = timed(|| ledger.stage(height, time_ms, verified, executed));
    Ok((staged?, BTreeMap::from([("commit", commit), ("execute", execute), ("stage", stage)])))
}

/// Writes a block and reads one of its receipts back.
fn commit(ledger: &Ledger, block: Option<FinalizedBlock>) -> anyhow::Result<()> {
    let Some(block) = block else { return Ok(()) };
    let (_, receipts) = ledger.commit(block)?;
    let sample = receipts.last().and_then(|receipt| receipt.outcome.as_ref());
    let sample = sample.context("a block without receipts")?;
    let stored = receipt(ledger.store().database(), &sample.tx_id)?;
    ensure!(stored.as_ref() == receipts.last(), "a receipt cannot be read back");
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let done = work();
    (done, started.elapsed())
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;
    use tessera_proto::pb::chain::v1::Receipt;

    use super::*;

    /// App hash and receipts, with their events, of each block. A store that is opened again for
    /// every block remembers nothing of those before.
    fn results(
        prepared: &Prepared,
        (scheduling, threads): (Scheduling, usize),
        is_opened_again: bool,
    ) -> Vec<([u8; 32], Vec<Receipt>)> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let run = |copy: &Path| {
            let mut ledger = open(copy, scheduling)?;
            let mut results = Vec::new();
            for block in &prepared.blocks {
                if is_opened_again {
                    drop(ledger);
                    ledger = open(copy, scheduling)?;
                }
                let height = next_height(&ledger);
                let finalized = ledger.finalize(height, time_ms(height), &block.frames)?;
                results.push((finalized.app_hash(), finalized.receipts.to_vec()));
                ledger.commit(finalized)?;
            }
            Ok(results)
        };
        prepared.with_copy(|copy| pool.install(|| run(copy))).unwrap()
    }

    #[test]
    fn every_workload_has_the_same_results_however_it_is_executed() {
        let folder = tempfile::tempdir().unwrap();
        let options = BlockOptions {
            assets: 10,
            block_size: 30,
            blocks: 1,
            repetitions: 1,
            folder: folder.path().to_owned(),
        };
        for workload in Workload::value_variants() {
            let world = options.world(*workload, 200).unwrap();
            let prepared =
                Prepared::new(&world, &options, *workload, folder.path(), &mut |_| ()).unwrap();
            let expected = results(&prepared, (Scheduling::Serial, 1), false);
            assert!(expected.iter().all(|(_, receipts)| receipts.len() == 30));
            for threads in [1, 2, 4] {
                let parallel = results(&prepared, (Scheduling::Parallel, threads), false);
                assert_eq!(parallel, expected, "{} on {threads} threads", workload.name());
            }
            let cold = results(&prepared, (Scheduling::Parallel, 2), true);
            assert_eq!(cold, expected, "{} with nothing in memory", workload.name());
            prepared.remove().unwrap();
        }
    }
}
