//! `bench compare`: the product and its baselines, taking turns in one run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::abci_servers::{self, Servers};
use super::engine::{METHOD, ensure_same_state, results, take_turns};
use super::kvstore;
use super::machine;
use super::prepared::{BlockOptions, Config, Prepared, Run, WARM_UP_BLOCKS, with_folder};
use super::report::{BenchResult, Report, Spread};
use super::single_jmt::SingleJmt;
use super::workload::Workload;
use crate::chain::genesis::genesis_changes;
use crate::node::comet::binary;

/// What to measure.
#[derive(Debug, Clone, Args)]
pub struct CompareOptions {
    /// Kinds of transactions
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [
        Workload::TransferUniform, Workload::Mixed,
    ])]
    pub workloads: Vec<Workload>,
    /// Holdings in the state
    #[arg(long, default_value_t = 100_000)]
    pub holdings: usize,
    /// Seconds of each repetition of CometBFT's own kvstore; 0 leaves it out
    #[arg(long, default_value_t = 5)]
    pub kvstore_seconds: u64,
    /// The `cometbft` program; it is looked for if left out
    #[arg(long)]
    pub cometbft: Option<PathBuf>,
    /// The blocks
    #[command(flatten)]
    pub blocks: BlockOptions,
}

/// Measures the product and its baselines. `progress` is told what happens.
///
/// # Errors
/// When files cannot be written, or when two configurations disagree about the state.
pub fn compare(options: &CompareOptions, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Report> {
    let mut report = Report::new("compare");
    report.notes.push(METHOD.to_owned());
    report.notes.push(
        "All take turns in one run. `serial` is the same code without parallel execution, on one \
         thread. `single-jmt` is one tree of the `jmt` crate, in memory, on one thread, fed with \
         exactly the changes of the same blocks: its `stage` is the time of `put_value_set` \
         alone, to be held against the `stage` of the others, which makes all trees and the \
         receipts, too."
            .to_owned(),
    );
    report.notes.push(abci_servers::METHOD.to_owned());
    let servers = Servers::start()?;
    with_folder(&options.blocks.folder, |folder| {
        for workload in &options.workloads {
            let results = measure(options, *workload, folder, &servers, progress)?;
            report.results.extend(results);
        }
        if options.kvstore_seconds > 0 {
            measure_kvstore(options, folder, &mut report, progress)?;
        }
        Ok(report)
    })
}

fn measure(
    options: &CompareOptions,
    workload: Workload,
    folder: &Path,
    servers: &Servers,
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<Vec<BenchResult>> {
    let world = options.blocks.world(workload, options.holdings)?;
    let prepared = Prepared::new(&world, &options.blocks, workload, folder, progress)?;
    let mut tree = SingleJmt::default();
    tree.put(&genesis_changes(&world.genesis).map_err(anyhow::Error::msg)?)?;
    drop(world);
    for changes in &prepared.setup {
        tree.put(changes)?;
    }
    let mut changes = Vec::new();
    prepared.replay(|block| changes.push(block.changes.clone()), |_| Ok(()))?;

    let configs = [Config::serial(), Config::tessera(machine::cores())];
    let mut runs: Vec<Vec<Run>> = configs.iter().map(|_| Vec::new()).collect();
    let (mut tree_times, mut served) = (Vec::new(), Default::default());
    for repetition in 1..=options.blocks.repetitions {
        let mut progress = |text: &str| {
            progress(&format!("{}: repetition {repetition}, {text}", workload.name()));
        };
        take_turns(&prepared, &configs, &mut runs, &mut progress)?;
        let time = tree.clone().run(&changes, WARM_UP_BLOCKS)?;
        progress(&format!("single-jmt: {time:.1?}"));
        tree_times.push(time);
        servers.take_turns(&prepared, &mut served, &mut progress)?;
    }
    prepared.remove()?;
    let name = workload.name();
    ensure_same_state(&name, runs.iter().chain(&served).flatten())?;
    let mut results = results(workload, options.holdings, &configs, &runs)?;
    results.push(tree_result(options, workload, &tree_times)?);
    results.extend(servers.results(&name, options.holdings, &served));
    Ok(results)
}

fn tree_result(
    options: &CompareOptions,
    workload: Workload,
    times: &[Duration],
) -> anyhow::Result<BenchResult> {
    let blocks = options.blocks.blocks as f64;
    let per_block = |time: &Duration| time.as_secs_f64() * 1_000.0 / blocks;
    let spread = Spread::of(&times.iter().map(per_block).collect::<Vec<_>>());
    let stage = spread.context("the tree was not measured")?.median;
    Ok(BenchResult {
        name: "single-jmt".to_owned(),
        workload: workload.name(),
        threads: Some(1),
        holdings: Some(options.holdings),
        block_transactions: Spread::of(&[options.blocks.block_size as f64]),
        stages_ms: [("stage".to_owned(), stage)].into(),
        ..BenchResult::default()
    })
}

/// Adds the kvstore to a report, or a note why it is not there.
fn measure_kvstore(
    options: &CompareOptions,
    folder: &Path,
    report: &mut Report,
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    let found = binary::find(options.cometbft.as_deref(), &mut |notice| {
        progress(&notice.to_string());
    });
    let program = match found {
        Ok(program) => program,
        Err(error) => {
            report.notes.push(format!("There is no `cometbft-kvstore`: {error}."));
            return Ok(());
        }
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let time = Duration::from_secs(options.kvstore_seconds);
    let (mut transactions, mut blocks) = (Vec::new(), Vec::new());
    for repetition in 1..=options.blocks.repetitions {
        let home = folder.join(format!("kvstore-{repetition}"));
        let rates = runtime.block_on(kvstore::run(&program.path, &home, time))?;
        let rate = rates.transactions;
        progress(&format!("cometbft-kvstore: repetition {repetition}, {rate:.0} tx/s"));
        transactions.push(rates.transactions);
        blocks.push(rates.blocks);
    }
    report.versions.insert("cometbft".to_owned(), program.version.to_string());
    report.notes.push(
        "`cometbft-kvstore` is CometBFT with its own kvstore in one process, one validator, fed \
         over its RPC from this process with unsigned transactions of 250 bytes. It includes \
         consensus, which the others here do not: hold it against `bench e2e` on this machine."
            .to_owned(),
    );
    report.results.push(BenchResult {
        name: "cometbft-kvstore".to_owned(),
        workload: "unsigned".to_owned(),
        validators: Some(1),
        tx_per_s: Spread::of(&transactions),
        blocks_per_s: Spread::of(&blocks),
        ..BenchResult::default()
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_baselines_are_in_one_report() {
        let folder = tempfile::tempdir().unwrap();
        let options = CompareOptions {
            workloads: vec![Workload::Mixed],
            holdings: 100,
            kvstore_seconds: 1,
            cometbft: None,
            blocks: BlockOptions {
                assets: 5,
                block_size: 10,
                blocks: 2,
                repetitions: 2,
                folder: folder.path().to_owned(),
            },
        };
        let report = compare(&options, &mut |_| ()).unwrap();
        let names: Vec<_> = report.results.iter().map(|result| result.name.as_str()).collect();
        let (ours, rest) = names.split_at(3);
        assert_eq!(ours, ["serial", "tessera", "single-jmt"]);
        let (servers, kvstore) = rest.split_at(3);
        assert_eq!(servers, ["tessera-abci-server", "tessera-abci-unix", "stock-abci-server"]);
        for result in report.results.iter().skip(3).take(3) {
            assert!(result.tx_per_s.unwrap().min > 0.0);
            assert!(result.round_trip_us.unwrap().min > 0.0);
        }
        for result in report.results.iter().take(3) {
            assert!(result.stages_ms.get("stage").is_some_and(|time| *time > 0.0));
        }
        // Where there is no CometBFT, the report says so.
        match kvstore {
            ["cometbft-kvstore"] => {
                assert!(report.results.last().unwrap().tx_per_s.unwrap().min > 0.0);
            }
            _ => assert!(report.notes.last().unwrap().contains("no `cometbft-kvstore`")),
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
