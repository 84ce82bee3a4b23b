//! `bench proofs`: state proofs of holdings, served and verified on one thread.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use rayon::ThreadPoolBuilder;
use tessera_client::verify::verify_state_proof;
use tessera_proto::pb::query::v1::StateProof;
use tessera_proto::state_key::StateKey;

use super::prepared::{BlockOptions, Prepared, with_folder};
use super::report::{BenchResult, Report, Spread};
use super::workload::{Random, Workload};
use super::world::World;
use crate::state::store::Store;

/// Proofs that are verified, over and over.
const SAMPLE: usize = 256;

/// What to measure.
#[derive(Debug, Clone, Args)]
pub struct ProofsOptions {
    /// Holdings in the state
    #[arg(long, default_value_t = 100_000)]
    pub holdings: usize,
    /// Seconds of each repetition
    #[arg(long, default_value_t = 3)]
    pub seconds: u64,
    /// Blocks between the latest height and the recent one
    #[arg(long, default_value_t = 10)]
    pub back: u64,
    /// The blocks before
    #[command(flatten)]
    pub blocks: BlockOptions,
}

/// Measures proofs on one thread. `progress` is told what happens.
///
/// # Errors
/// When files cannot be written, or when a proof is not served or does not hold.
pub fn proofs(options: &ProofsOptions, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Report> {
    ensure!(options.seconds > 0, "there must be something to measure");
    let mut report = Report::new("proofs");
    report.notes.push(format!(
        "One thread. Each proof is of one holding, drawn at random from all, under the app hash \
         of the latest height or of {} blocks before; a share of them is checked. `verify` is \
         the offline check of one such proof against a known app hash, without signatures of \
         validators.",
        options.back
    ));
    let pool = ThreadPoolBuilder::new().num_threads(1).build()?;
    with_folder(&options.blocks.folder, |folder| {
        let workload = Workload::TransferUniform;
        let world = options.blocks.world(workload, options.holdings)?;
        let prepared = Prepared::new(&world, &options.blocks, workload, folder, progress)?;
        report.results =
            prepared.replay(|_| (), |store| pool.install(|| measure(options, &world, store)))?;
        Ok(report)
    })
}

fn measure(
    options: &ProofsOptions,
    world: &World,
    store: &Store,
) -> anyhow::Result<Vec<BenchResult>> {
    let latest = store.committed().context("the store is empty")?.height;
    let recent = latest.saturating_sub(options.back).max(store.oldest_height());
    let mut random = Random::new(2);
    let mut sample = Vec::with_capacity(SAMPLE);
    for _ in 0..SAMPLE {
        sample.push(store.prove(latest, &holding_key(world, &mut random))?);
    }
    let app_hash = store.app_hash(latest)?;
    check(store, latest, &sample)?;

    let names = ["prove-latest", "prove-recent", "verify"];
    let mut rates: [Vec<f64>; 3] = Default::default();
    for _ in 0..options.blocks.repetitions {
        let patience = Duration::from_secs(options.seconds);
        let mut serve = |height| {
            let mut kept = Vec::new();
            let rate = rate(patience, |number| {
                let proof = store.prove(height, &holding_key(world, &mut random))?;
                if number.is_multiple_of(SAMPLE) {
                    kept.push(proof);
                }
                anyhow::Ok(())
            })?;
            check(store, height, &kept)?;
            anyhow::Ok(rate)
        };
        let served = [serve(latest)?, serve(recent)?];
        let verified = rate(patience, |number| {
            let proof = sample.get(number % SAMPLE).context("no proof")?;
            ensure!(verify_state_proof(proof, &app_hash)?.is_some(), "a holding is missing");
            Ok(())
        })?;
        for (rates, rate) in rates.iter_mut().zip(served.into_iter().chain([verified])) {
            rates.push(rate);
        }
    }
    let result = |(name, rates): (&str, &Vec<f64>)| BenchResult {
        name: name.to_owned(),
        workload: Workload::TransferUniform.name(),
        threads: Some(1),
        holdings: Some(options.holdings),
        proofs_per_s: Spread::of(rates),
        proof_us: Spread::of(&rates.iter().map(|rate| 1_000_000.0 / rate).collect::<Vec<_>>()),
        ..BenchResult::default()
    };
    Ok(names.into_iter().zip(&rates).map(result).collect())
}

/// How often something can be done in a second.
fn rate(
    patience: Duration,
    mut work: impl FnMut(usize) -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let started = Instant::now();
    let mut done = 0;
    while started.elapsed() < patience {
        work(done)?;
        done += 1;
    }
    Ok(done as f64 / started.elapsed().as_secs_f64())
}

fn holding_key(world: &World, random: &mut Random) -> StateKey {
    let number = random.below(world.holders.len());
    let holder = world.holders.get(number).copied().unwrap_or_default();
    StateKey::holding(&world.asset_of(number), &holder)
}

fn check(store: &Store, height: u64, proofs: &[StateProof]) -> anyhow::Result<()> {
    let app_hash = store.app_hash(height)?;
    for proof in proofs {
        let holding = verify_state_proof(proof, &app_hash)?;
        ensure!(holding.is_some(), "a proof at height {height} tells that a holding is missing");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_of_both_heights_are_served_and_hold() {
        let folder = tempfile::tempdir().unwrap();
        let options = ProofsOptions {
            holdings: 100,
            seconds: 1,
            back: 2,
            blocks: BlockOptions {
                assets: 5,
                block_size: 10,
                blocks: 3,
                repetitions: 1,
                folder: folder.path().to_owned(),
            },
        };
        let report = proofs(&options, &mut |_| ()).unwrap();
        let names: Vec<_> = report.results.iter().map(|result| result.name.as_str()).collect();
        assert_eq!(names, ["prove-latest", "prove-recent", "verify"]);
        for result in &report.results {
            assert!(result.proofs_per_s.unwrap().min > 0.0, "{}", result.name);
            assert!(result.proof_us.unwrap().max > 0.0, "{}", result.name);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
