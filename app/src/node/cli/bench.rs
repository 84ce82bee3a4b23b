//! `tesserad bench`: measure this machine.

use super::block_on;
use crate::node::bench::report::{BenchResult, Report};
use crate::node::bench::{self, Bench, BenchArgs};
use crate::node::output::{answer, tell};

/// Runs a benchmark and shows its results.
pub(super) fn run(args: BenchArgs) -> anyhow::Result<()> {
    let file = match &args.bench {
        Bench::Page(options) => Some(options.out.clone()),
        _ => args.json.clone(),
    };
    let report = block_on(bench::run(args, |progress: &str| tell(format_args!("  {progress}"))))?;
    if let Some(report) = &report {
        show(report);
    }
    if let Some(file) = file {
        tell(format_args!("written to {}", file.display()));
    }
    Ok(())
}

fn show(report: &Report) {
    let machine = &report.machine;
    answer(format_args!("bench {}   {}, {} cores", report.bench, machine.cpu, machine.cores));
    answer(format_args!(
        "  {:<19} {:<18} {:>7} {:>10} {:>9} {:>9} {:>9}  {}",
        "name", "workload", "threads", "tx/s", "blocks/s", "of limit", "of serial", "more"
    ));
    for result in &report.results {
        answer(row(result));
    }
    for note in &report.notes {
        answer(format_args!("  · {note}"));
    }
}

fn row(result: &BenchResult) -> String {
    let number = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    let mut more = Vec::new();
    if let Some(latency) = result.latency_ms {
        more.push(format!("latency p50 {:.0} ms, p99 {:.0} ms", latency.p50, latency.p99));
    }
    if let (Some(rate), Some(time)) = (result.proofs_per_s, result.proof_us) {
        more.push(format!("{:.0} proofs/s, {:.1} µs each", rate.median, time.median));
    }
    if let Some(time) = result.round_trip_us {
        more.push(format!("an empty request {:.0} µs", time.median));
    }
    if !result.stages_ms.is_empty() {
        let stages = result.stages_ms.iter().map(|(name, time)| format!("{name} {time:.1}"));
        more.push(format!("{} ms a block", stages.collect::<Vec<_>>().join(" + ")));
    }
    if let Some(holdings) = result.holdings {
        more.push(format!("{holdings} holdings"));
    }
    if let Some(ratio) = result.ratio_to_smallest {
        more.push(format!("{ratio:.2} of smallest"));
    }
    if let Some(time) = result.open_ms {
        more.push(format!("opens in {:.0} ms", time.median));
    }
    if let Some(bytes) = result.bytes_written_per_tx {
        more.push(format!("{bytes:.0} B written/tx"));
    }
    if let Some(writes) = result.state_writes_per_tx {
        more.push(format!("{writes:.1} state writes/tx"));
    }
    for (process, time) in &result.cpu_us_per_tx {
        more.push(format!("{process} {time:.1} µs of processor/tx"));
    }
    if let Some(share) = result.planning_share {
        more.push(format!("planning {:.1} %", share * 100.0));
    }
    if let Some(bytes) = result.rss_bytes {
        more.push(format!("memory {} MB", bytes >> 20));
    }
    if let Some(gap) = result.longest_block_gap_ms {
        more.push(format!("a block at least every {gap:.0} ms"));
    }
    for (process, bytes) in &result.peak_rss_bytes {
        more.push(format!("{process} {} MB", bytes >> 20));
    }
    if let Some(refused) = result.refused.filter(|refused| *refused > 0) {
        more.push(format!("{refused} refused"));
    }
    if let Some(reason) = &result.first_refusal {
        more.push(format!("the first because {reason}"));
    }
    format!(
        "  {:<19} {:<18} {:>7} {:>10} {:>9} {:>9} {:>9}  {}",
        result.name,
        result.workload,
        number(result.threads.map(|threads| threads.to_string())),
        number(result.tx_per_s.map(|rate| format!("{:.0}", rate.median))),
        number(result.blocks_per_s.map(|rate| format!("{:.1}", rate.median))),
        number(result.ratio_to_limit.map(|ratio| format!("{:.0} %", ratio * 100.0))),
        number(result.ratio_to_serial.map(|ratio| format!("{ratio:.2}"))),
        more.join(", ")
    )
}
