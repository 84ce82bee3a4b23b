//! What a benchmark tells: machine, versions and results, as JSON.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::machine::{self, Machine};

/// A benchmark's report. Fields that do not apply are left out of the JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Which benchmark.
    pub bench: String,
    /// What it ran on.
    pub machine: Machine,
    /// Revision of the source, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<String>,
    /// Versions of what took part.
    pub versions: BTreeMap<String, String>,
    /// How it measured, in sentences.
    pub notes: Vec<String>,
    /// What it measured.
    pub results: Vec<BenchResult>,
}

/// One measured configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BenchResult {
    /// What was measured: `tessera`, or a baseline.
    pub name: String,
    /// Kind of transactions.
    pub workload: String,
    /// Threads that worked on blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Validators of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validators: Option<usize>,
    /// Holdings in the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holdings: Option<usize>,
    /// Transactions in each block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_transactions: Option<Spread>,
    /// Signed and committed transactions per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx_per_s: Option<Spread>,
    /// Blocks per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks_per_s: Option<Spread>,
    /// Longest time without a block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_block_gap_ms: Option<f64>,
    /// Rate if verifying signatures and hashing tree nodes were all there is to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_tx_per_s: Option<f64>,
    /// Median rate over the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_to_limit: Option<f64>,
    /// Part of the time of a block that finding out what its transactions touch takes, measured by
    /// itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declaring_share: Option<f64>,
    /// Part of the time of a block that finding out which of them may run side by side takes,
    /// measured by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planning_share: Option<f64>,
    /// Median rate over that of the serial executor in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_to_serial: Option<f64>,
    /// Median rate over that with the fewest holdings in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_to_smallest: Option<f64>,
    /// State proofs per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proofs_per_s: Option<Spread>,
    /// Microseconds per state proof.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof_us: Option<Spread>,
    /// Microseconds of a request over a socket that asks for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_us: Option<Spread>,
    /// Milliseconds to open the store again after the last block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_ms: Option<Spread>,
    /// Milliseconds per block in each stage, median over repetitions of the mean over blocks.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub stages_ms: BTreeMap<String, f64>,
    /// Keys that a block changed, per transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_writes_per_tx: Option<f64>,
    /// Bytes that the process caused to be written to disk, per transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_written_per_tx: Option<f64>,
    /// Resident memory of the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss_bytes: Option<u64>,
    /// Largest resident memory of the processes that took part, all of a name together.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub peak_rss_bytes: BTreeMap<String, u64>,
    /// Microseconds of processor time per transaction, all processes of a name together.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cpu_us_per_tx: BTreeMap<String, f64>,
    /// From submitting to a readable receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<Latency>,
    /// Transactions that were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submitted: Option<u64>,
    /// Transactions that were refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<u64>,
    /// What the first of them was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_refusal: Option<String>,
}

/// Smallest, middle and largest of several measurements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Smallest.
    pub min: f64,
    /// Middle.
    pub median: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    /// The spread of some measurements; none when there are none.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self { min: *sorted.first()?, median: median(&sorted)?, max: *sorted.last()? })
    }
}

/// Quantiles of a latency in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of all were faster.
    pub p50: f64,
    /// All but one of a hundred were faster.
    pub p99: f64,
}

impl Latency {
    /// The quantiles of some latencies; none when there are none.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |percent: usize| {
            sorted.get((sorted.len() * percent / 100).min(sorted.len().checked_sub(1)?)).copied()
        };
        Some(Self { p50: at(50)?, p99: at(99)? })
    }
}

impl Report {
    /// An empty report of this machine and build.
    #[must_use]
    pub fn new(bench: &str) -> Self {
        let tesserad = ("tesserad".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let kernel = machine::kernel().map(|version| ("kernel".to_owned(), version));
        Self {
            bench: bench.to_owned(),
            machine: Machine::this(),
            git: machine::git_revision(),
            versions: std::iter::once(tesserad).chain(kernel).collect(),
            notes: Vec::new(),
            results: Vec::new(),
        }
    }

    /// The report as indented JSON.
    ///
    /// # Errors
    /// When a figure cannot be written as JSON.
    pub fn to_json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Writes the report to a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        fs::write(path, self.to_json()?)
            .with_context(|| format!("cannot write `{}`", path.display()))
    }
}

/// The middle one, or the mean of the two in the middle.
pub(crate) fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    let even = sorted.len().is_multiple_of(2);
    Some(if even { (sorted.get(middle - 1)? + upper) / 2.0 } else { upper })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_and_quantiles() {
        assert_eq!(Spread::of(&[]), None);
        let spread = Spread { min: 1.0, median: 2.0, max: 9.0 };
        assert_eq!(Spread::of(&[9.0, 1.0, 2.0]), Some(spread));
        assert_eq!(Spread::of(&[1.0, 2.0]).unwrap().median, 1.5);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(Latency::of(&hundred), Some(Latency { p50: 51.0, p99: 100.0 }));
        assert_eq!(Latency::of(&[3.0]), Some(Latency { p50: 3.0, p99: 3.0 }));
        assert_eq!(Latency::of(&[]), None);
    }

    #[test]
    fn what_does_not_apply_is_left_out() {
        let mut report = Report::new("engine");
        let name = "tessera".to_owned();
        report.results.push(BenchResult { name, threads: Some(2), ..BenchResult::default() });
        let json: serde_json::Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        assert_eq!(json["results"][0]["threads"], 2);
        assert!(json["results"][0].get("validators").is_none());
        assert!(json["machine"]["cores"].as_u64().unwrap() > 0);
    }
}
