//! `bench page`: reports as one HTML page that needs nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::chart::{Bar, bars, counted, escape, figure};
use super::report::{BenchResult, Report, Spread};

/// What to show, and where.
#[derive(Debug, Clone, Args)]
pub struct PageOptions {
    /// Reports that benchmarks wrote with `--json`
    #[arg(required = true)]
    pub reports: Vec<PathBuf>,
    /// File for the page
    #[arg(long)]
    pub out: PathBuf,
}

const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
<title>Measurements</title>\n<style>\n\
:root{color-scheme:light dark;--bar:#4477aa;--line:#cc6677;--soft:#8886}\n\
body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:auto;padding:1rem}\n\
svg{width:100%;height:auto}text{font-size:14px;fill:currentColor}\n\
.figure{text-anchor:end;font-variant-numeric:tabular-nums}\nrect{fill:var(--bar)}\n\
.range{stroke:currentColor;stroke-width:2}.mark{stroke:var(--line);stroke-width:3}\n\
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem}\n\
td,th{padding:.2rem .5rem;border-bottom:1px solid var(--soft);text-align:right;\
white-space:nowrap}\ntd:first-child,th:first-child{text-align:left}\n\
@media(max-width:30rem){text{font-size:20px}}\n</style></head><body>\n<h1>Measurements</h1>\n\
<p>A bar is the median, the line in it reaches from the smallest to the largest of several \
measurements. Compare figures within one report only: machines differ.</p>\n";

/// A figure of a result.
struct Metric {
    title: &'static str,
    value: fn(&BenchResult) -> Option<Spread>,
}

const METRICS: [Metric; 11] = [
    Metric { title: "Transactions per second", value: |result| result.tx_per_s },
    Metric { title: "Blocks per second", value: |result| result.blocks_per_s },
    Metric { title: "Transactions of a block", value: |result| result.block_transactions },
    Metric {
        title: "Latency in milliseconds, half of all below",
        value: |result| Spread::of(&[result.latency_ms?.p50]),
    },
    Metric {
        title: "Latency in milliseconds, 99 of 100 below",
        value: |result| Spread::of(&[result.latency_ms?.p99]),
    },
    Metric { title: "State proofs per second", value: |result| result.proofs_per_s },
    Metric { title: "Microseconds per state proof", value: |result| result.proof_us },
    Metric { title: "Microseconds per empty request", value: |result| result.round_trip_us },
    Metric { title: "Milliseconds to open the store", value: |result| result.open_ms },
    Metric {
        title: "Bytes written per transaction",
        value: |result| Spread::of(&[result.bytes_written_per_tx?]),
    },
    Metric {
        title: "Resident memory in MiB",
        value: |result| Spread::of(&[mebibytes(result.rss_bytes?)]),
    },
];

/// Reads reports and writes the page.
///
/// # Errors
/// When a file cannot be read, is no report, or cannot be written.
pub fn page(options: &PageOptions) -> anyhow::Result<()> {
    let reports: Vec<Report> =
        options.reports.iter().map(|path| read(path)).collect::<anyhow::Result<_>>()?;
    fs::write(&options.out, render(&reports))
        .with_context(|| format!("cannot write `{}`", options.out.display()))
}

fn read(path: &Path) -> anyhow::Result<Report> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("`{}` is not a report of `tesserad bench`", path.display()))
}

/// The page.
#[must_use]
pub fn render(reports: &[Report]) -> String {
    let sections: String = reports.iter().map(section).collect();
    format!("{HEAD}{sections}</body></html>\n")
}

fn section(report: &Report) -> String {
    let machine = &report.machine;
    let memory = figure(mebibytes(machine.memory_bytes));
    let mut facts = vec![format!("{}, {} cores, {memory} MiB", machine.cpu, machine.cores)];
    facts.extend(machine.load_average.map(|load| format!("load {load} before")));
    facts.extend(report.versions.iter().map(|(name, version)| format!("{name} {version}")));
    facts.extend(report.git.iter().map(|revision| format!("revision {revision}")));
    let mut html = format!(
        "<section><h2>{}</h2>\n<p>{}</p>\n",
        escape(&report.bench),
        escape(&facts.join(" · "))
    );
    for note in &report.notes {
        let _ = writeln!(html, "<p>{}</p>", escape(note));
    }
    for Metric { title, value } in METRICS {
        let bar = |result: &BenchResult| {
            let spread = value(result)?;
            let mark = result.limit_tx_per_s.filter(|_| title == METRICS[0].title);
            let range = Some((spread.min, spread.max));
            Some(Bar { label: label(result), value: spread.median, range, mark })
        };
        html += &chart(title, report.results.iter().filter_map(bar).collect());
    }
    html += &parts(report, "Milliseconds per block in", |result| result.stages_ms.clone());
    html += &parts(report, "Microseconds of processor per transaction in", |result| {
        result.cpu_us_per_tx.clone()
    });
    html += &parts(report, "Largest memory in MiB of", |result| {
        let peaks = result.peak_rss_bytes.iter();
        peaks.map(|(name, bytes)| (name.clone(), mebibytes(*bytes))).collect()
    });
    html + &table(report) + "</section>\n"
}

/// A chart for each part of a figure that has parts with names.
fn parts(
    report: &Report,
    title: &str,
    values: fn(&BenchResult) -> BTreeMap<String, f64>,
) -> String {
    let names: BTreeSet<String> =
        report.results.iter().flat_map(|result| values(result).into_keys()).collect();
    let of_part = |name: &String| {
        let bar = |result: &BenchResult| {
            let value = *values(result).get(name)?;
            Some(Bar { label: label(result), value, range: None, mark: None })
        };
        chart(&format!("{title} `{name}`"), report.results.iter().filter_map(bar).collect())
    };
    names.iter().map(of_part).collect()
}

fn chart(title: &str, of: Vec<Bar>) -> String {
    if of.is_empty() {
        return String::new();
    }
    let limit = if of.iter().any(|bar| bar.mark.is_some()) {
        "<p>The mark is the limit: verifying signatures and hashing tree nodes, nothing else.</p>\n"
    } else {
        ""
    };
    format!("<h3>{}</h3>\n{limit}{}\n", escape(title), bars(title, &of))
}

/// What tells a result from the others of its report.
fn label(result: &BenchResult) -> String {
    let mut words = vec![result.name.clone(), result.workload.clone()];
    words.extend(result.threads.map(|threads| counted(threads, "thread")));
    words.extend(result.validators.map(|validators| counted(validators, "validator")));
    words.extend(result.holdings.map(|holdings| counted(holdings, "holding")));
    words.retain(|word| !word.is_empty());
    words.join(" · ")
}

fn table(report: &Report) -> String {
    let names = ["result", "tx/s", "of limit", "of serial", "of smallest", "refused"];
    let head: String = names.iter().map(|name| format!("<th>{name}</th>")).collect();
    let row = |result: &BenchResult| {
        let percent = |ratio: Option<f64>| ratio.map(|ratio| format!("{:.0} %", ratio * 100.0));
        let factor = |ratio: Option<f64>| ratio.map(|ratio| format!("{ratio:.2}"));
        let cells = [
            Some(label(result)),
            result.tx_per_s.map(|rate| figure(rate.median)),
            percent(result.ratio_to_limit),
            factor(result.ratio_to_serial),
            factor(result.ratio_to_smallest),
            result.refused.map(|refused| refused.to_string()),
        ];
        let cell = |text: Option<String>| {
            format!("<td>{}</td>", text.map_or_else(|| "–".to_owned(), |text| escape(&text)))
        };
        format!("<tr>{}</tr>\n", cells.into_iter().map(cell).collect::<String>())
    };
    let rows: String = report.results.iter().map(row).collect();
    format!("<div class=\"wide\"><table><tr>{head}</tr>\n{rows}</table></div>\n")
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::bench::report::Latency;

    fn report() -> Report {
        let mut report = Report::new("compare");
        report.notes.push("Less <than> that".to_owned());
        let spread = Spread { min: 90.0, median: 100.0, max: 120.0 };
        let named = |name: &str| BenchResult { name: name.to_owned(), ..BenchResult::default() };
        report.results = vec![
            BenchResult {
                tx_per_s: Some(spread),
                limit_tx_per_s: Some(200.0),
                stages_ms: [("stage".to_owned(), 1.5)].into(),
                latency_ms: Some(Latency { p50: 3.0, p99: 9.0 }),
                ..named("tessera")
            },
            BenchResult { stages_ms: [("stage".to_owned(), 4.5)].into(), ..named("single-jmt") },
            named("nothing-measured"),
        ];
        report
    }

    #[test]
    fn every_result_is_on_the_page() {
        let folder = tempfile::tempdir().unwrap();
        let (json, out) = (folder.path().join("report.json"), folder.path().join("page.html"));
        report().write(&json).unwrap();
        page(&PageOptions { reports: vec![json], out: out.clone() }).unwrap();
        let html = fs::read_to_string(out).unwrap();
        for result in report().results {
            assert!(html.contains(&result.name), "{}", result.name);
        }
        assert!(html.contains("Less &lt;than&gt; that"));
        assert!(html.contains("class=\"mark\"") && html.contains("class=\"range\""));
        // It needs nothing from elsewhere.
        assert!(!html.contains("http") && !html.contains("<script"));
    }

    #[test]
    fn kept_reports_are_read_and_other_files_refused() {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reports");
        for entry in fs::read_dir(&kept).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("e2e-") {
                let report = read(&path).unwrap();
                assert!(render(&[report]).contains("Blocks per second"), "{name}");
            }
        }
        let refused = read(&kept.join("README.md")).unwrap_err();
        assert!(refused.to_string().contains("is not a report"), "{refused}");
    }
}
