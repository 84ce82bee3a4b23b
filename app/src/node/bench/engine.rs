//! `bench engine`: frames in, committed blocks out, without a network.
//!
//! Configurations take turns, so that a disturbance of the machine meets all of them.

use std::path::Path;

use anyhow::ensure;
use clap::Args;

use super::machine;
use super::prepared::{BlockOptions, Config, Prepared, Run, with_folder};
use super::report::{BenchResult, Report, Spread, median};
use super::workload::Workload;

/// What to measure.
#[derive(Debug, Clone, Args)]
pub struct EngineOptions {
    /// Kinds of transactions
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [
        Workload::TransferUniform, Workload::OneHotAsset, Workload::OneHotAccount,
        Workload::CashLeg, Workload::Cross100, Workload::Royalty, Workload::Vote, Workload::Mixed,
    ])]
    pub workloads: Vec<Workload>,
    /// Holdings in the state
    #[arg(long, default_value_t = 100_000)]
    pub holdings: usize,
    /// The blocks
    #[command(flatten)]
    pub blocks: BlockOptions,
}

/// How every measurement of blocks was made.
pub(super) const METHOD: &str = "Each transaction has its own signature by a different account \
    (but for half of those of one-hot-account). They are signed before the clock starts; \
    decoding, verifying, executing, hashing and writing to the database count. As in a node, a \
    block is executed while the one before is written and, where that leaves a thread without \
    work, the signatures of the next are verified, all on the threads that are told; \
    milliseconds of stages overlap.";

/// Measures the state machine on its store. `progress` is told what happens.
///
/// # Errors
/// When files cannot be written, or when two configurations disagree about the state.
pub fn engine(options: &EngineOptions, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Report> {
    let mut report = Report::new("engine");
    report.notes.push(METHOD.to_owned());
    with_folder(&options.blocks.folder, |folder| {
        for workload in &options.workloads {
            let (blocks, holdings) = (&options.blocks, options.holdings);
            let case = Case { blocks, workload: *workload, holdings };
            report.results.extend(measure(&case, &configs(), folder, progress)?);
        }
        Ok(report)
    })
}

/// A workload on a state.
pub(super) struct Case<'a> {
    pub(super) blocks: &'a BlockOptions,
    pub(super) workload: Workload,
    pub(super) holdings: usize,
}

/// Measures some configurations with one workload on one state.
pub(super) fn measure(
    case: &Case<'_>,
    configs: &[Config],
    folder: &Path,
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<Vec<BenchResult>> {
    let Case { blocks, workload, holdings } = *case;
    let world = blocks.world(workload, holdings)?;
    let prepared = Prepared::new(&world, blocks, workload, folder, progress)?;
    // It would count as memory of the state machine.
    drop(world);
    let mut runs: Vec<Vec<Run>> = configs.iter().map(|_| Vec::new()).collect();
    for repetition in 1..=blocks.repetitions {
        take_turns(&prepared, configs, &mut runs, &mut |text| {
            progress(&format!("{}: repetition {repetition}, {text}", workload.name()));
        })?;
    }
    prepared.remove()?;
    results(workload, holdings, configs, &runs)
}

/// One repetition of every configuration.
pub(super) fn take_turns(
    prepared: &Prepared,
    configs: &[Config],
    runs: &mut [Vec<Run>],
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    for (config, runs) in configs.iter().zip(runs) {
        let run = prepared.run(config)?;
        let rate = run.rate();
        progress(&format!("{} on {} threads: {rate:.0} tx/s", config.name, config.threads));
        runs.push(run);
    }
    Ok(())
}

fn configs() -> Vec<Config> {
    let mut configs = vec![Config::serial(), Config::tessera(1)];
    let cores = machine::cores();
    let powers = std::iter::successors(Some(2), |threads: &usize| threads.checked_mul(2));
    configs.extend(powers.take_while(|threads| *threads < cores).map(Config::tessera));
    if cores > 1 {
        configs.push(Config::tessera(cores));
    }
    configs
}

/// The results of configurations, in their order.
///
/// # Errors
/// When two of them disagree about the state.
pub(super) fn results(
    workload: Workload,
    holdings: usize,
    configs: &[Config],
    runs: &[Vec<Run>],
) -> anyhow::Result<Vec<BenchResult>> {
    let name = workload.name();
    ensure_same_state(&name, runs.iter().flatten())?;
    let serial = configs.iter().zip(runs).find(|(config, _)| config.name == "serial");
    let serial = serial.and_then(|(_, runs)| middle(runs, Run::rate));
    let result = |(config, runs): (&Config, &Vec<Run>)| {
        let rate = middle(runs, Run::rate);
        BenchResult {
            name: config.name.to_owned(),
            workload: name.clone(),
            threads: Some(config.threads),
            holdings: Some(holdings),
            declaring_share: middle(runs, |run| run.declaring_seconds / run.seconds),
            planning_share: middle(runs, |run| run.planning_seconds / run.seconds)
                .filter(|_| config.threads > 1),
            ratio_to_serial: rate.zip(serial).map(|(rate, serial)| rate / serial),
            ..result(runs)
        }
    };
    Ok(configs.iter().zip(runs).map(result).collect())
}

/// Checks that repetitions of the same blocks ended at the same state.
///
/// # Errors
/// When two of them did not.
pub(super) fn ensure_same_state<'a>(
    workload: &str,
    mut runs: impl Iterator<Item = &'a Run>,
) -> anyhow::Result<()> {
    let Some(first) = runs.next() else { return Ok(()) };
    ensure!(
        runs.all(|run| run.app_hash == first.app_hash),
        "{workload}: two configurations disagree about the state"
    );
    Ok(())
}

fn result(runs: &[Run]) -> BenchResult {
    let spread = |value: &dyn Fn(&Run) -> f64| -> Option<Spread> {
        Spread::of(&runs.iter().map(value).collect::<Vec<_>>())
    };
    let tx_per_s = spread(&Run::rate);
    let limit = middle(runs, |run| run.transactions as f64 / run.limit_seconds);
    let per_block = |name: &'static str| middle(runs, |run| run.stage_ms(name));
    let stages = ["verify", "execute", "stage", "commit"];
    let cpu = middle(runs, |run| run.cpu_seconds * 1e6 / run.transactions as f64);
    let written = |run: &Run| Some(run.bytes_written? as f64 / run.transactions as f64);
    BenchResult {
        block_transactions: spread(&|run| run.transactions as f64 / run.blocks as f64),
        tx_per_s,
        blocks_per_s: spread(&|run| run.blocks as f64 / run.seconds),
        limit_tx_per_s: limit,
        ratio_to_limit: tx_per_s.zip(limit).map(|(rate, limit)| rate.median / limit),
        stages_ms: stages
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), per_block(name)?)))
            .collect(),
        state_writes_per_tx: middle(runs, |run| run.state_writes as f64 / run.transactions as f64),
        cpu_us_per_tx: cpu.map(|time| ("tesserad".to_owned(), time)).into_iter().collect(),
        bytes_written_per_tx: middle_of(runs.iter().filter_map(written)),
        rss_bytes: runs.iter().filter_map(|run| run.rss_bytes).max(),
        open_ms: spread(&|run| run.open.as_secs_f64() * 1_000.0),
        refused: Some(runs.iter().map(|run| run.refused).max().unwrap_or(0)),
        ..BenchResult::default()
    }
}

/// The middle of a figure of some repetitions.
pub(super) fn middle(runs: &[Run], value: impl Fn(&Run) -> f64) -> Option<f64> {
    middle_of(runs.iter().map(value))
}

fn middle_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    median(&values)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_workload_runs_without_refusals() {
        let folder = tempfile::tempdir().unwrap();
        let options = EngineOptions {
            workloads: Workload::value_variants().to_vec(),
            holdings: 200,
            blocks: BlockOptions {
                assets: 10,
                block_size: 20,
                blocks: 2,
                repetitions: 1,
                folder: folder.path().to_owned(),
            },
        };
        let report = engine(&options, &mut |_| ()).unwrap();
        assert!(report.results.len() >= 2 * Workload::value_variants().len());
        for result in &report.results {
            assert_eq!(result.refused, Some(0), "{} {}", result.workload, result.name);
            assert!(result.tx_per_s.unwrap().min > 0.0);
            assert!(result.limit_tx_per_s.unwrap() > 0.0);
            assert_eq!(result.stages_ms.len(), 4);
            assert!(result.cpu_us_per_tx["tesserad"] > 0.0);
            assert!(result.declaring_share.unwrap() > 0.0);
            assert_eq!(result.planning_share.is_some(), result.threads > Some(1));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
