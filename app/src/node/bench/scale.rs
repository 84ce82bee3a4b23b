//! `bench scale`: the same blocks on states of several sizes, on all cores.

use clap::Args;

use super::engine::{Case, METHOD, measure};
use super::machine;
use super::prepared::{BlockOptions, Config, with_folder};
use super::report::{BenchResult, Report};
use super::workload::Workload;

/// What to measure.
#[derive(Debug, Clone, Args)]
pub struct ScaleOptions {
    /// Holdings in the state, each number of them
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    pub holdings: Vec<usize>,
    /// Kinds of transactions
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [
        Workload::TransferUniform, Workload::Mixed,
    ])]
    pub workloads: Vec<Workload>,
    /// The blocks
    #[command(flatten)]
    pub blocks: BlockOptions,
}

/// Measures states of several sizes. `progress` is told what happens.
///
/// # Errors
/// When files cannot be written.
pub fn scale(options: &ScaleOptions, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Report> {
    let mut report = Report::new("scale");
    report.notes.push(METHOD.to_owned());
    report.notes.push(
        "Memory is that of the whole process, with the signed blocks and what earlier sizes left; \
         give one size alone for a memory figure of its own. The time to open is that of the \
         store after the last block, with its files in the memory of the operating system."
            .to_owned(),
    );
    let mut sizes = options.holdings.clone();
    sizes.sort_unstable();
    let configs = [Config::tessera(machine::cores())];
    with_folder(&options.blocks.folder, |folder| {
        for workload in &options.workloads {
            let mut results = Vec::new();
            for holdings in &sizes {
                let (blocks, holdings) = (&options.blocks, *holdings);
                let case = Case { blocks, workload: *workload, holdings };
                results.extend(measure(&case, &configs, folder, progress)?);
            }
            relate(&mut results);
            report.results.extend(results);
        }
        Ok(report)
    })
}

/// Sets each rate in relation to the first.
fn relate(results: &mut [BenchResult]) {
    let median = |result: &BenchResult| result.tx_per_s.map(|rate| rate.median);
    let smallest = results.first().and_then(median);
    for result in results {
        let rate = median(result);
        result.ratio_to_smallest = rate.zip(smallest).map(|(rate, smallest)| rate / smallest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_is_measured_and_related_to_the_smallest() {
        let folder = tempfile::tempdir().unwrap();
        let options = ScaleOptions {
            holdings: vec![200, 100],
            workloads: vec![Workload::TransferUniform],
            blocks: BlockOptions {
                assets: 5,
                block_size: 10,
                blocks: 2,
                repetitions: 1,
                folder: folder.path().to_owned(),
            },
        };
        let report = scale(&options, &mut |_| ()).unwrap();
        let sizes: Vec<_> = report.results.iter().map(|result| result.holdings).collect();
        assert_eq!(sizes, [Some(100), Some(200)]);
        for result in &report.results {
            assert_eq!((result.name.as_str(), result.refused), ("tessera", Some(0)));
            assert!(result.ratio_to_smallest.unwrap() > 0.0);
            assert!(result.open_ms.unwrap().min > 0.0);
        }
        assert_eq!(report.results.first().unwrap().ratio_to_smallest, Some(1.0));
    }
}
