//! Benchmarks: programs that measure this machine and say how, never assertions.
//!
//! * [`engine`]: the state machine on its store, without a network.
//! * [`scale`]: the same on states of several sizes.
//! * [`proofs`]: state proofs, served and verified.
//! * [`compare`]: the product and its baselines, taking turns.
//! * [`e2e`]: a chain of real nodes, driven over gRPC.
//! * [`report`]: what every benchmark tells, as JSON; [`page`]: the same for people.
//! * [`machine`]: what it ran on.
//! * [`world`]: the state that workloads work on; [`workload`]: their signed transactions.

mod abci_client;
mod abci_servers;
mod chart;
pub mod compare;
pub mod e2e;
pub mod engine;
mod kvstore;
mod limit;
pub mod machine;
pub mod page;
pub mod prepared;
pub mod proofs;
pub mod report;
pub mod scale;
mod single_jmt;
pub mod workload;
pub mod world;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use self::compare::CompareOptions;
use self::e2e::E2eOptions;
use self::engine::EngineOptions;
use self::page::PageOptions;
use self::proofs::ProofsOptions;
use self::report::Report;
use self::scale::ScaleOptions;

/// What to measure, and where the report goes.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// What to measure
    #[command(subcommand)]
    pub bench: Bench,
    /// File for the report as JSON
    #[arg(long, global = true)]
    pub json: Option<PathBuf>,
}

/// What can be measured.
#[derive(Debug, Clone, Subcommand)]
pub enum Bench {
    /// The state machine on its store: frames in, committed blocks out
    Engine(EngineOptions),
    /// The same on states of several sizes
    Scale(ScaleOptions),
    /// State proofs of holdings, served and verified on one thread
    Proofs(ProofsOptions),
    /// The product and its baselines, taking turns
    Compare(CompareOptions),
    /// A chain of real nodes with real CometBFT, driven over gRPC
    E2e(E2eOptions),
    /// Show reports as one HTML page
    Page(PageOptions),
}

/// Measures, and writes the report to the file; nothing is told where only a page is made.
/// `progress` is told what happens.
///
/// # Errors
/// When the measurement fails, or a file cannot be read or written.
pub async fn run(
    args: BenchArgs,
    mut progress: impl FnMut(&str) + Send + 'static,
) -> anyhow::Result<Option<Report>> {
    let report = match args.bench {
        Bench::E2e(options) => e2e::e2e(&options, &mut progress).await?,
        Bench::Compare(options) => alone(move || compare::compare(&options, &mut progress)).await?,
        Bench::Page(options) => return page::page(&options).map(|()| None),
        Bench::Engine(options) => alone(move || engine::engine(&options, &mut progress)).await?,
        Bench::Scale(options) => alone(move || scale::scale(&options, &mut progress)).await?,
        Bench::Proofs(options) => alone(move || proofs::proofs(&options, &mut progress)).await?,
    };
    if let Some(path) = &args.json {
        report.write(path)?;
    }
    Ok(Some(report))
}

/// Runs a measurement that waits for nothing on a thread of its own.
async fn alone(
    measure: impl FnOnce() -> anyhow::Result<Report> + Send + 'static,
) -> anyhow::Result<Report> {
    tokio::task::spawn_blocking(measure).await?
}
