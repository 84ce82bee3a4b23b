//! `bench engine`: frames in, committed blocks out, without a network.
//!
//! Each repetition works on its own copy of one prepared store, so that all see the same state.
//! Configurations take turns, so that a disturbance of the machine meets all of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::state::tree::node::Node;
use anyhow::{Context as _, ensure};
use bytes::Bytes;
use clap::Args;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::limit;
use super::machine;
use super::report::{BenchResult, Report, Spread, median};
use super::workload::{Generator, Workload, frames};
use super::world::{World, WorldOptions};
use crate::chain::executor::Scheduling;
use crate::chain::ledger::Ledger;
use crate::chain::receipts::receipt;
use crate::chain::verify::Verifier;
use crate::state::store::{Store, StoreOptions};

const CHAIN_ID: &str = "tessera-bench";
/// Blocks before the clock starts, so that caches are as in a running node.
const WARM_UP_BLOCKS: usize = 2;
/// Transactions of each block that prepares the state.
const SETUP_BLOCK: usize = 1_000;

/// What to measure.
#[derive(Debug, Clone, Args)]
pub struct EngineOptions {
    /// Kinds of transactions
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [
        Workload::TransferUniform, Workload::OneHotAsset, Workload::OneHotAccount,
        Workload::CashLeg, Workload::Royalty, Workload::Vote, Workload::Mixed,
    ])]
    pub workloads: Vec<Workload>,
    /// Holdings in the state
    #[arg(long, default_value_t = 100_000)]
    pub holdings: usize,
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

#[derive(Debug, Clone, Copy)]
struct Config {
    name: &'static str,
    threads: usize,
    scheduling: Scheduling,
}

/// One repetition of one configuration.
struct Run {
    seconds: f64,
    limit_seconds: f64,
    stages: BTreeMap<&'static str, Duration>,
    bytes_written: Option<u64>,
    rss_bytes: Option<u64>,
    refused: u64,
    app_hash: [u8; 32],
}

struct Block {
    frames: Vec<Bytes>,
    transactions: Vec<Bytes>,
}

/// Measures the state machine on its store. `progress` is told what happens.
///
/// # Errors
/// When files cannot be written, or when two configurations disagree about the state.
pub fn engine(options: &EngineOptions, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Report> {
    ensure!(options.block_size > 0 && options.blocks > 0, "there must be something to measure");
    let mut report = Report::new("engine");
    report.notes.push(
        "Each transaction has its own signature by a different account (but for half of those of \
         one-hot-account). They are signed before the clock starts; decoding, verifying, \
         executing, hashing and writing to the database count, one block after the other."
            .to_owned(),
    );
    let folder = options.folder.join(format!("tessera-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let measured = options.workloads.iter().try_for_each(|workload| {
        let results = measure(options, *workload, &folder, progress)?;
        report.results.extend(results);
        anyhow::Ok(())
    });
    fs::remove_dir_all(&folder)?;
    measured.map(|()| report)
}

fn measure(
    options: &EngineOptions,
    workload: Workload,
    folder: &Path,
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<Vec<BenchResult>> {
    let name = workload.name();
    let blocks = options.blocks + WARM_UP_BLOCKS;
    let world = World::new(
        CHAIN_ID,
        WorldOptions {
            holdings: options.holdings,
            assets: if workload.has_one_asset() { 1 } else { options.assets },
            senders: (blocks * options.block_size + 1).min(options.holdings).max(2),
            cash: workload.needs_cash(),
        },
        vec![super::world::validator()],
    );
    let mut generator = Generator::new(&world, workload);
    let prepared = folder.join("prepared");
    let started = Instant::now();
    prepare(&world, &generator.setup(), &prepared)?;
    progress(&format!(
        "{name}: state of {} holdings in {:.1?}",
        options.holdings,
        started.elapsed()
    ));
    let started = Instant::now();
    let blocks: Vec<Block> = (0..blocks)
        .map(|_| generator.transactions(options.block_size))
        .map(|transactions| Block { frames: frames(&transactions), transactions })
        .collect();
    progress(&format!("{name}: {} blocks signed in {:.1?}", blocks.len(), started.elapsed()));

    let configs = configs();
    let mut runs: Vec<Vec<Run>> = configs.iter().map(|_| Vec::new()).collect();
    for repetition in 1..=options.repetitions {
        for (config, runs) in configs.iter().zip(&mut runs) {
            let pool = ThreadPoolBuilder::new().num_threads(config.threads).build()?;
            let copy = folder.join("copy");
            copy_folder(&prepared, &copy)?;
            let run = run(&copy, config, &pool, &blocks)?;
            fs::remove_dir_all(&copy)?;
            progress(&format!(
                "{name}: {} on {} threads, repetition {repetition}: {:.0} tx/s",
                config.name,
                config.threads,
                rate(options, &run)
            ));
            runs.push(run);
        }
    }
    fs::remove_dir_all(&prepared)?;
    let hashes = || runs.iter().flatten().map(|run| run.app_hash);
    ensure!(
        hashes().zip(hashes().skip(1)).all(|(one, other)| one == other),
        "{name}: two configurations disagree about the state"
    );
    Ok(results(options, workload, &configs, &runs))
}

fn configs() -> Vec<Config> {
    let tessera = |threads| Config { name: "tessera", threads, scheduling: Scheduling::Parallel };
    let mut configs = vec![Config { name: "serial", threads: 1, scheduling: Scheduling::Serial }];
    configs.push(tessera(1));
    let cores = machine::cores();
    let powers = std::iter::successors(Some(2), |threads: &usize| threads.checked_mul(2));
    configs.extend(powers.take_while(|threads| *threads < cores).map(tessera));
    if cores > 1 {
        configs.push(tessera(cores));
    }
    configs
}

/// Makes the store that all repetitions begin with.
fn prepare(world: &World, setup: &[Bytes], folder: &Path) -> anyhow::Result<()> {
    let ledger = open(folder, Scheduling::Parallel)?;
    ledger.init(&world.genesis)?;
    for (height, transactions) in (1..).zip(setup.chunks(SETUP_BLOCK)) {
        let block = ledger.finalize(height, time_ms(height), &frames(transactions))?;
        let refused = block.receipts.iter().filter_map(|receipt| receipt.outcome.as_ref());
        let refused = refused.filter(|outcome| outcome.code != 0).count();
        ensure!(refused == 0, "{refused} transactions of the preparation were refused");
        ledger.commit(block)?;
    }
    Ok(())
}

fn open(folder: &Path, scheduling: Scheduling) -> anyhow::Result<Ledger> {
    let store = Arc::new(Store::open(folder, StoreOptions::default())?);
    Ok(Ledger::new(store, Arc::new(Verifier::new(CHAIN_ID)), scheduling))
}

fn time_ms(height: u64) -> u64 {
    1_767_225_600_000 + height * 1_000
}

fn run(folder: &Path, config: &Config, pool: &ThreadPool, blocks: &[Block]) -> anyhow::Result<Run> {
    let ledger = open(folder, config.scheduling)?;
    let mut run = Run {
        seconds: 0.0,
        limit_seconds: 0.0,
        stages: BTreeMap::new(),
        bytes_written: None,
        rss_bytes: None,
        refused: 0,
        app_hash: [0; 32],
    };
    let own = std::process::id();
    let mut written_before = None;
    for (number, block) in blocks.iter().enumerate() {
        let warm = number >= WARM_UP_BLOCKS;
        if number == WARM_UP_BLOCKS {
            written_before = machine::bytes_written(own);
        }
        pool.install(|| run_block(&ledger, block, warm, &mut run))?;
    }
    let committed = ledger.store().committed().context("nothing was committed")?;
    run.app_hash = committed.app_hash;
    run.bytes_written = machine::bytes_written(own)
        .zip(written_before)
        .map(|(after, before)| after.saturating_sub(before))
        .filter(|bytes| *bytes > 0);
    run.rss_bytes = machine::rss_bytes(own);
    Ok(run)
}

fn run_block(ledger: &Ledger, block: &Block, warm: bool, run: &mut Run) -> anyhow::Result<()> {
    let height = ledger.store().committed().map_or(0, |committed| committed.height) + 1;
    let time_ms = time_ms(height);
    let started = Instant::now();
    let verified = ledger.verify(&block.frames);
    let verify = started.elapsed();
    let executed = ledger.execute(height, time_ms, &verified)?;
    let execute = started.elapsed();
    let finalized = ledger.stage(height, time_ms, verified, executed)?;
    let stage = started.elapsed();
    let refused = finalized.summary.refused;

    // The limit is measured between the stages, on the same nodes, off the clock.
    let nodes: Vec<&Node> = finalized.new_nodes().collect();
    let limit = limit::verify_time(CHAIN_ID, &block.transactions)? + limit::hash_time(&nodes);
    drop(nodes);

    let resumed = Instant::now();
    let (_, receipts) = ledger.commit(finalized)?;
    let commit = resumed.elapsed();
    let sample = receipts.last().and_then(|receipt| receipt.outcome.as_ref());
    let sample = sample.context("a block without receipts")?;
    let stored = receipt(ledger.store().database(), &sample.tx_id)?;
    ensure!(stored.as_ref() == receipts.last(), "a receipt cannot be read back");
    if warm {
        run.seconds += (stage + commit).as_secs_f64();
        run.limit_seconds += limit.as_secs_f64();
        run.refused += u64::from(refused);
        let stages = [
            ("verify", verify),
            ("execute", execute - verify),
            ("stage", stage - execute),
            ("commit", commit),
        ];
        for (name, time) in stages {
            *run.stages.entry(name).or_default() += time;
        }
    }
    Ok(())
}

fn rate(options: &EngineOptions, run: &Run) -> f64 {
    (options.blocks * options.block_size) as f64 / run.seconds
}

fn results(
    options: &EngineOptions,
    workload: Workload,
    configs: &[Config],
    runs: &[Vec<Run>],
) -> Vec<BenchResult> {
    let serial = runs.first().and_then(|runs| middle(runs, |run| rate(options, run)));
    configs
        .iter()
        .zip(runs)
        .map(|(config, runs)| {
            let mut result = result(options, runs);
            let rate = result.tx_per_s.map(|rate| rate.median);
            result.name = config.name.to_owned();
            result.workload = workload.name();
            result.threads = Some(config.threads);
            result.ratio_to_serial = rate.zip(serial).map(|(rate, serial)| rate / serial);
            result
        })
        .collect()
}

fn result(options: &EngineOptions, runs: &[Run]) -> BenchResult {
    let transactions = (options.blocks * options.block_size) as f64;
    let spread = |value: &dyn Fn(&Run) -> f64| -> Option<Spread> {
        Spread::of(&runs.iter().map(value).collect::<Vec<_>>())
    };
    let tx_per_s = spread(&|run| rate(options, run));
    let limit = middle(runs, |run| transactions / run.limit_seconds);
    let per_block = |name: &'static str| {
        middle(runs, |run| {
            let time = run.stages.get(name).copied().unwrap_or_default();
            time.as_secs_f64() * 1_000.0 / options.blocks as f64
        })
    };
    let stages = ["verify", "execute", "stage", "commit"];
    BenchResult {
        holdings: Some(options.holdings),
        block_transactions: Spread::of(&[options.block_size as f64]),
        tx_per_s,
        blocks_per_s: spread(&|run| options.blocks as f64 / run.seconds),
        limit_tx_per_s: limit,
        ratio_to_limit: tx_per_s.zip(limit).map(|(rate, limit)| rate.median / limit),
        stages_ms: stages
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), per_block(name)?)))
            .collect(),
        bytes_written_per_tx: middle_of(
            runs.iter().filter_map(|run| Some(run.bytes_written? as f64 / transactions)),
        ),
        rss_bytes: runs.iter().filter_map(|run| run.rss_bytes).max(),
        refused: Some(runs.iter().map(|run| run.refused).max().unwrap_or(0)),
        ..BenchResult::default()
    }
}

fn middle(runs: &[Run], value: impl Fn(&Run) -> f64) -> Option<f64> {
    middle_of(runs.iter().map(value))
}

fn middle_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    median(&values)
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
    use super::*;

    #[test]
    fn every_workload_runs_without_refusals() {
        let folder = tempfile::tempdir().unwrap();
        let options = EngineOptions {
            workloads: vec![
                Workload::TransferUniform,
                Workload::OneHotAsset,
                Workload::OneHotAccount,
                Workload::CashLeg,
                Workload::Royalty,
                Workload::Vote,
                Workload::Mixed,
            ],
            holdings: 200,
            assets: 10,
            block_size: 20,
            blocks: 2,
            repetitions: 1,
            folder: folder.path().to_owned(),
        };
        let report = engine(&options, &mut |_| ()).unwrap();
        assert!(report.results.len() >= 14);
        for result in &report.results {
            assert_eq!(result.refused, Some(0), "{} {}", result.workload, result.name);
            assert!(result.tx_per_s.unwrap().min > 0.0);
            assert!(result.limit_tx_per_s.unwrap() > 0.0);
            assert_eq!(result.stages_ms.len(), 4);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
