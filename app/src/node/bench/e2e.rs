//! `bench e2e`: real nodes and real CometBFT on this machine, driven over gRPC by one client.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use clap::Args;
use tessera_client::{Client, TransactionId};
use tessera_proto::pb::chain::v1::SubmitStreamRequest;
use tessera_proto::signing::transaction_id;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, sleep_until, timeout};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use super::machine::{self, Usage};
use super::report::{BenchResult, Latency, Report, Spread};
use super::workload::{Generator, VALID_UNTIL_HEIGHT, Workload};
use super::world::{World, WorldOptions};
use crate::node::application::ProposalSettings;
use crate::node::comet::binary::{self, Notice};
use crate::node::local_chain::{LocalChain, LocalChainOptions};

const CHAIN_ID: &str = "tessera-bench";
/// Parts of the measured time whose rates make the spread.
const PARTS: usize = 3;
/// Of how many requests one is looked up afterwards.
const SAMPLE_EVERY: usize = 20;
/// Transactions a second while latency is measured.
const LATENCY_RATE: usize = 100;
/// How long anything but the measured load may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to measure.
#[derive(Debug, Clone, Args)]
pub struct E2eOptions {
    /// Validators, each a node with a CometBFT of its own; 0 means the solo sequencer
    #[arg(long, default_value_t = 1)]
    pub validators: usize,
    /// Seconds of load
    #[arg(long, default_value_t = 20)]
    pub seconds: u64,
    /// Seconds at 100 transactions a second before it, for latency; 0 for none
    #[arg(long, default_value_t = 3)]
    pub latency_seconds: usize,
    /// Kind of transactions
    #[arg(long, value_enum, default_value_t = Workload::TransferUniform)]
    pub workload: Workload,
    /// Accounts that send transactions
    #[arg(long, default_value_t = 20_000)]
    pub accounts: usize,
    /// Assets in the state
    #[arg(long, default_value_t = 1_000)]
    pub assets: usize,
    /// Streams, each with a connection of its own, spread over the nodes
    #[arg(long, default_value_t = 4)]
    pub streams: usize,
    /// Transactions of each message of a stream
    #[arg(long, default_value_t = 250)]
    pub request_size: usize,
    /// Most transactions that are submitted and not yet in a block
    #[arg(long, default_value_t = 12_000)]
    pub in_flight: usize,
    /// Transactions signed beforehand for each second; the load ends when they are used up
    #[arg(long, default_value_t = 70_000)]
    pub max_rate: usize,
    /// Most bytes of transactions in a block
    #[arg(long, default_value_t = ProposalSettings::default().max_bytes)]
    pub proposal_bytes: usize,
    /// Least milliseconds between blocks
    #[arg(long, default_value_t = 20)]
    pub block_time_ms: u64,
    /// The `cometbft` program; it is looked for if left out
    #[arg(long)]
    pub cometbft: Option<PathBuf>,
    /// The `tesserad` program; this one if left out
    #[arg(long)]
    pub program: Option<PathBuf>,
    /// Folder for the nodes; they are removed at the end
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    pub folder: PathBuf,
}

/// A block as the client heard of it.
#[derive(Clone, Copy)]
struct Heard {
    at: Instant,
    transactions: u64,
    refused: u64,
}

/// What all tasks of the client share.
struct Shared {
    /// Transactions that may still be submitted before more are in blocks.
    room: Semaphore,
    submitted: AtomicU64,
    not_admitted: AtomicU64,
    first_refusal: Mutex<Option<String>>,
    blocks: Mutex<Vec<Heard>>,
}

/// What was submitted, and when the last of it was.
struct Fed {
    samples: Vec<TransactionId>,
    ended: Instant,
}

/// Measures a chain of real nodes. `progress` is told what happens.
///
/// # Errors
/// When nodes do not start or fail, or when a transaction counted as committed has no receipt.
pub async fn e2e(
    options: &E2eOptions,
    progress: &mut (dyn FnMut(&str) + Send),
) -> anyhow::Result<Report> {
    ensure!(options.streams > 0 && options.seconds > 0, "there must be something to measure");
    ensure!(
        options.workload != Workload::OneHotAccount && options.accounts >= options.streams,
        "this workload cannot be spread over streams"
    );
    let folder = options.folder.join(format!("tessera-bench-{}", std::process::id()));
    let measured = measure(options, &folder, progress).await;
    let removed = std::fs::remove_dir_all(&folder);
    let report = measured?;
    removed.with_context(|| format!("cannot remove `{}`", folder.display()))?;
    Ok(report)
}

async fn measure(
    options: &E2eOptions,
    folder: &Path,
    progress: &mut (dyn FnMut(&str) + Send),
) -> anyhow::Result<Report> {
    let mut report = Report::new("e2e");
    let mut cometbft = PathBuf::new();
    if options.validators > 0 {
        // Not by the nodes: to install it takes longer than they are waited for.
        let tell = &mut |notice: Notice| progress(&notice.to_string());
        let found = binary::find(options.cometbft.as_deref(), tell)?;
        report.versions.insert("cometbft".to_owned(), found.version.to_string());
        cometbft = found.path;
    }
    let started = Instant::now();
    let world = World::new(CHAIN_ID, world_options(options), Vec::new())?;
    let mut generator = Generator::new(&world, options.workload);
    let setup = generator.setup();
    let slow = generator.transactions(options.latency_seconds * LATENCY_RATE);
    let count = usize::try_from(options.seconds)?.saturating_mul(options.max_rate);
    let mut load: Vec<Vec<Bytes>> = vec![Vec::new(); options.streams];
    // An account stays on one stream, so that its nonces arrive in order.
    for (sender, transaction) in generator.senders_and_transactions(count) {
        if let Some(stream) = load.get_mut(sender % options.streams) {
            stream.push(transaction);
        }
    }
    progress(&format!("{count} transactions signed in {:.1?}", started.elapsed()));

    let chain = LocalChain::start(LocalChainOptions {
        folder: folder.to_owned(),
        program: program(options)?,
        cometbft,
        validators: options.validators,
        block_time: Duration::from_millis(options.block_time_ms),
        proposal_bytes: options.proposal_bytes,
        grpc_port: 0,
        genesis: world.genesis.clone(),
    })
    .await?;
    progress(&format!("{} nodes run", chain.len()));
    let measured = drive(options, &chain, (setup, slow, load), progress).await;
    chain.stop().await?;
    let (result, loaded) = measured?;
    report.results.push(result);
    report.notes.push(format!(
        "All transactions were signed before the clock started, each by one of {} accounts. \
         Client, nodes and CometBFT share this machine. A transaction counts when its block is \
         committed and it was not refused; one of {SAMPLE_EVERY} requests was looked up by its \
         receipt afterwards. The spread is over {PARTS} equal parts of {:.1} s.",
        options.accounts,
        loaded.as_secs_f64()
    ));
    if loaded < Duration::from_secs(options.seconds) {
        let note = format!(
            "The load ended before {} s were over, for all {count} signed transactions were \
             submitted: choose more than --max-rate {}",
            options.seconds, options.max_rate
        );
        progress(&note);
        report.notes.push(note);
    }
    Ok(report)
}

fn world_options(options: &E2eOptions) -> WorldOptions {
    WorldOptions {
        holdings: options.accounts,
        assets: if options.workload.has_one_asset() { 1 } else { options.assets },
        senders: options.accounts,
        cash: options.workload.needs_cash(),
    }
}

fn program(options: &E2eOptions) -> anyhow::Result<PathBuf> {
    match &options.program {
        Some(program) => Ok(program.clone()),
        None => std::env::current_exe().context("this program cannot be found"),
    }
}

type Work = (Vec<Bytes>, Vec<Bytes>, Vec<Vec<Bytes>>);

/// What the load showed, and how long it lasted.
async fn drive(
    options: &E2eOptions,
    chain: &LocalChain,
    (setup, slow, load): Work,
    progress: &mut (dyn FnMut(&str) + Send),
) -> anyhow::Result<(BenchResult, Duration)> {
    ensure!(!chain.is_empty(), "there is no node");
    let first = Client::connect(&chain.url(0)).await?;
    submit_all(&first, setup).await?;
    let latency = latency(&first, slow).await?;
    if let Some(Latency { p50, p99 }) = latency {
        progress(&format!("latency p50 {p50:.0} ms, p99 {p99:.0} ms"));
    }

    let shared = Arc::new(Shared {
        room: Semaphore::new(options.in_flight),
        submitted: AtomicU64::new(0),
        not_admitted: AtomicU64::new(0),
        first_refusal: Mutex::new(None),
        blocks: Mutex::new(Vec::new()),
    });
    let mut clients = Vec::with_capacity(load.len());
    for stream in 0..load.len() {
        clients.push(Client::connect(&chain.url(stream % chain.len())).await?);
    }
    let listener = tokio::spawn(listen(first.clone(), Arc::clone(&shared)));
    let before = usage(chain);
    let started = Instant::now();
    let deadline = started + Duration::from_secs(options.seconds);
    let mut feeders = JoinSet::new();
    for (client, transactions) in clients.into_iter().zip(load) {
        let requests = transactions.chunks(options.request_size.max(1)).map(<[Bytes]>::to_vec);
        feeders.spawn(feed(client, requests.collect(), Arc::clone(&shared), deadline));
    }
    let mut samples = Vec::new();
    let mut ended = deadline;
    while let Some(fed) = feeders.join_next().await {
        let fed = fed??;
        samples.extend(fed.samples);
        ended = ended.min(fed.ended);
    }
    sleep_until(ended).await;
    let after = usage(chain);
    drain(&shared).await?;
    listener.abort();
    let height = first.info().await?.height;
    ensure!(
        height < VALID_UNTIL_HEIGHT,
        "the chain has come to block {height}, and the transactions of the load are valid up to \
         block {VALID_UNTIL_HEIGHT}; choose fewer --seconds or more --block-time-ms"
    );
    check_samples(&first, &samples).await?;
    progress(&format!("{} receipts looked up", samples.len()));

    let mut result = result(&shared, started, ended)?;
    result.workload = options.workload.name();
    result.validators = Some(options.validators);
    result.holdings = Some(options.accounts);
    result.latency_ms = latency;
    let loaded = ended.duration_since(started);
    add_usage(&mut result, &before, &after, loaded);
    Ok((result, loaded))
}

/// Submits transactions in order and waits for the last of them.
async fn submit_all(client: &Client, transactions: Vec<Bytes>) -> anyhow::Result<()> {
    let Some(last) = transactions.last().map(id_of) else { return Ok(()) };
    let requests: Vec<SubmitStreamRequest> = transactions
        .chunks(250)
        .map(|chunk| SubmitStreamRequest { transactions: chunk.to_vec() })
        .collect();
    let mut answers = Box::pin(client.submit_stream(tokio_stream::iter(requests)).await?);
    while let Some(answer) = answers.next().await {
        if let Some(refused) = answer?.admissions.into_iter().find(|one| one.code != 0) {
            bail!("the preparation was refused: {}", refused.message);
        }
    }
    client.wait(last, PATIENCE).await?.context("the preparation came into no block")?;
    Ok(())
}

/// Times from submitting to the receipt at a low rate.
async fn latency(client: &Client, transactions: Vec<Bytes>) -> anyhow::Result<Option<Latency>> {
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(LATENCY_RATE)?);
    let mut waiting = JoinSet::new();
    for transaction in transactions {
        ticks.tick().await;
        let client = client.clone();
        waiting.spawn(async move {
            let started = Instant::now();
            let id = id_of(&transaction);
            submit_all(&client, vec![transaction]).await?;
            client.wait(id, PATIENCE).await?.context("a transaction came into no block")?;
            anyhow::Ok(started.elapsed().as_secs_f64() * 1_000.0)
        });
    }
    let mut times = Vec::new();
    while let Some(time) = waiting.join_next().await {
        times.push(time??);
    }
    Ok(Latency::of(&times))
}

/// Notes every block, and makes room for as many transactions as it has.
async fn listen(client: Client, shared: Arc<Shared>) -> anyhow::Result<()> {
    let mut blocks = Box::pin(client.subscribe_blocks().await?);
    while let Some(block) = blocks.next().await {
        let block = block?;
        let heard = Heard {
            at: Instant::now(),
            transactions: block.transactions.into(),
            refused: block.refused.into(),
        };
        shared.room.add_permits(usize::try_from(block.transactions)?);
        shared.blocks.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
    }
    Ok(())
}

/// Submits requests over one stream until the deadline, never more than there is room for.
async fn feed(
    client: Client,
    requests: Vec<Vec<Bytes>>,
    shared: Arc<Shared>,
    deadline: Instant,
) -> anyhow::Result<Fed> {
    let (sender, receiver) = mpsc::channel(2);
    let reader = Arc::clone(&shared);
    let reading = tokio::spawn(async move {
        let mut answers = Box::pin(client.submit_stream(ReceiverStream::new(receiver)).await?);
        while let Some(answer) = answers.next().await {
            let admissions = answer?.admissions;
            let mut refused = admissions.iter().filter(|admission| admission.code != 0).peekable();
            if let Some(admission) = refused.peek() {
                let mut first = reader.first_refusal.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert_with(|| admission.message.clone());
            }
            let count = refused.count();
            reader.not_admitted.fetch_add(count as u64, Ordering::Relaxed);
            reader.room.add_permits(count);
        }
        anyhow::Ok(())
    });
    let mut samples = Vec::new();
    for (number, transactions) in requests.into_iter().enumerate() {
        let count = u32::try_from(transactions.len())?;
        let room = tokio::select! {
            room = shared.room.acquire_many(count) => room?,
            () = sleep_until(deadline) => break,
        };
        room.forget();
        if number.is_multiple_of(SAMPLE_EVERY) {
            samples.extend(transactions.first().map(id_of));
        }
        shared.submitted.fetch_add(count.into(), Ordering::Relaxed);
        if sender.send(SubmitStreamRequest { transactions }).await.is_err() {
            break;
        }
    }
    let ended = Instant::now();
    drop(sender);
    timeout(PATIENCE, reading).await.context("a stream did not end")???;
    Ok(Fed { samples, ended })
}

/// Waits until everything that was admitted is in a block.
async fn drain(shared: &Shared) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let submitted = shared.submitted.load(Ordering::Relaxed);
        let refused = shared.not_admitted.load(Ordering::Relaxed);
        let in_blocks: u64 = blocks(shared).iter().map(|block| block.transactions).sum();
        if in_blocks >= submitted.saturating_sub(refused) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{submitted} transactions were submitted and {in_blocks} came into blocks");
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn check_samples(client: &Client, samples: &[TransactionId]) -> anyhow::Result<()> {
    for id in samples {
        let receipt = client.wait(*id, PATIENCE).await?;
        ensure!(receipt.is_some(), "transaction {id} was submitted and has no receipt");
    }
    Ok(())
}

fn result(shared: &Shared, started: Instant, ended: Instant) -> anyhow::Result<BenchResult> {
    let blocks = blocks(shared);
    let part = ended.duration_since(started).div_f64(PARTS as f64);
    let (mut tx_rates, mut block_rates) = (Vec::new(), Vec::new());
    for index in 0..PARTS {
        let from = started + part.mul_f64(index as f64);
        let within = || blocks.iter().filter(|block| block.at >= from && block.at < from + part);
        let committed: u64 = within().map(|block| block.transactions - block.refused).sum();
        tx_rates.push(committed as f64 / part.as_secs_f64());
        block_rates.push(within().count() as f64 / part.as_secs_f64());
    }
    let measured = blocks.iter().map(|block| block.at).filter(|at| *at < ended);
    let times: Vec<Instant> = std::iter::once(started).chain(measured).chain([ended]).collect();
    let gaps = times.windows(2).map(|pair| pair[1].saturating_duration_since(pair[0]));
    let longest_gap = gaps.max().map(|gap| gap.as_secs_f64() * 1_000.0);
    let sizes = blocks.iter().filter(|block| block.transactions > 0);
    let sizes: Vec<f64> = sizes.map(|block| block.transactions as f64).collect();
    let refused: u64 = blocks.iter().map(|block| block.refused).sum();
    Ok(BenchResult {
        name: "tessera".to_owned(),
        tx_per_s: Spread::of(&tx_rates),
        blocks_per_s: Spread::of(&block_rates),
        longest_block_gap_ms: longest_gap,
        submitted: Some(shared.submitted.load(Ordering::Relaxed)),
        block_transactions: Spread::of(&sizes),
        refused: Some(refused + shared.not_admitted.load(Ordering::Relaxed)),
        first_refusal: shared.first_refusal.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        ..BenchResult::default()
    })
}

/// What each kind of process has used so far, all of a kind together.
fn usage(chain: &LocalChain) -> BTreeMap<&'static str, Usage> {
    let mut usage: BTreeMap<&'static str, Usage> = BTreeMap::new();
    usage.entry("client").or_default().add(std::process::id());
    for index in 0..chain.len() {
        let Some(node) = chain.process_id(index) else { continue };
        usage.entry("tesserad").or_default().add(node);
        for child in machine::children(node) {
            usage.entry("cometbft").or_default().add(child);
        }
    }
    usage
}

fn add_usage(
    result: &mut BenchResult,
    before: &BTreeMap<&'static str, Usage>,
    after: &BTreeMap<&'static str, Usage>,
    time: Duration,
) {
    let rate = result.tx_per_s.map_or(0.0, |rate| rate.median);
    let transactions = (rate * time.as_secs_f64()).max(1.0);
    let mut written = 0;
    for (name, used) in after {
        let Usage { bytes_written, cpu_ms, .. } = before.get(name).copied().unwrap_or_default();
        if *name != "client" {
            written += used.bytes_written.saturating_sub(bytes_written);
        }
        result.peak_rss_bytes.insert((*name).to_owned(), used.peak_rss_bytes);
        let cpu_us = used.cpu_ms.saturating_sub(cpu_ms) as f64 * 1_000.0;
        result.cpu_us_per_tx.insert((*name).to_owned(), cpu_us / transactions);
    }
    result.bytes_written_per_tx = Some(written as f64 / transactions);
}

fn blocks(shared: &Shared) -> Vec<Heard> {
    shared.blocks.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn id_of(transaction: &Bytes) -> TransactionId {
    TransactionId::new(transaction_id(transaction))
}
