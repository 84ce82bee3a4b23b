//! A baseline for our ABCI server: the stock one of the `tendermint-abci` crate.
//!
//! All servers serve the same node, and the same client asks them for the same blocks.

use std::future;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::Context as _;
use tempfile::TempDir;
use tendermint_abci::{Application, ServerBuilder};
use tendermint_proto::v0_38::abci::{
    RequestCheckTx, RequestFinalizeBlock, RequestInfo, RequestPrepareProposal,
    RequestProcessProposal, ResponseCheckTx, ResponseCommit, ResponseFinalizeBlock, ResponseInfo,
    ResponsePrepareProposal, ResponseProcessProposal,
};
use tokio::runtime::Runtime;

use super::abci_client::drive;
use super::engine::middle;
use super::prepared::{self, Prepared, Run};
use super::report::{BenchResult, Spread};
use crate::node::abci::{
    AbciAddress, AbciApplication, AbciServer, AbciServerConfig, RequestInsertTx, RequestReapTxs,
    ResponseInsertTx, ResponseReapTxs,
};
use crate::node::application::Node;

/// How servers were measured.
pub(super) const METHOD: &str = "`tessera-abci-server` and `tessera-abci-unix` are our ABCI server \
    over TCP and over a Unix socket, `stock-abci-server` is that of the crate `tendermint-abci` \
    over TCP. Each serves a node of the product, and a client in this process asks each what \
    CometBFT asks the one validator of a chain, one request after the other, each with a flush: \
    CheckTx of each frame (all frames of a block with one flush), PrepareProposal, \
    ProcessProposal, FinalizeBlock, Commit. All of it counts, and so does the writing of the last \
    block; milliseconds are those of each kind of request per block. `round_trip_us` is the time \
    of an Echo.";

/// Our server on two kinds of socket, and the stock one.
pub(super) struct Servers {
    slot: Slot,
    servers: [Server; 3],
    /// Ours run until it is dropped.
    _runtime: Runtime,
    /// Has the Unix socket: the path of another folder may be too long for one.
    _folder: TempDir,
}

struct Server {
    name: &'static str,
    address: AbciAddress,
}

impl Servers {
    /// Starts all of them.
    ///
    /// The stock server can neither be stopped nor made to let go of what it serves: its thread
    /// ends with the process, and until then has a slot in which no node is.
    pub(super) fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (runtime, slot) = (Runtime::new()?, Slot::default());
        let ours = |name, address| -> anyhow::Result<Server> {
            let server =
                runtime.block_on(AbciServer::bind(address, AbciServerConfig::default()))?;
            let address = server.local_address().clone();
            runtime.spawn(server.serve(slot.clone(), future::pending()));
            Ok(Server { name, address })
        };
        let servers = [
            ours("tessera-abci-server", "tcp://127.0.0.1:0".parse()?)?,
            ours("tessera-abci-unix", AbciAddress::Unix(folder.path().join("abci.sock")))?,
            Server { name: "stock-abci-server", address: start_stock(slot.clone())? },
        ];
        Ok(Self { slot, servers, _runtime: runtime, _folder: folder })
    }

    /// One repetition of every server.
    pub(super) fn take_turns(
        &self,
        prepared: &Prepared,
        runs: &mut [Vec<Run>; 3],
        progress: &mut dyn FnMut(&str),
    ) -> anyhow::Result<()> {
        for (server, runs) in self.servers.iter().zip(runs) {
            let run = self.run(server, prepared).with_context(|| server.name)?;
            progress(&format!("{}: {:.0} tx/s", server.name, run.rate()));
            runs.push(run);
        }
        Ok(())
    }

    /// Runs all blocks through a server, on a node with a copy of the store.
    fn run(&self, server: &Server, prepared: &Prepared) -> anyhow::Result<Run> {
        prepared.with_copy(|copy| {
            *self.slot.lock() = Some(prepared::node(copy)?);
            let run = drive(&server.address, &prepared.blocks);
            // Whether it went well or not: the store is closed before its folder goes.
            *self.slot.lock() = None;
            run
        })
    }

    /// The results of the servers, in the order of their runs.
    pub(super) fn results<'a>(
        &'a self,
        workload: &'a str,
        holdings: usize,
        runs: &'a [Vec<Run>; 3],
    ) -> impl Iterator<Item = BenchResult> {
        self.servers.iter().zip(runs).map(move |(server, runs)| BenchResult {
            name: server.name.to_owned(),
            workload: workload.to_owned(),
            threads: Some(rayon::current_num_threads()),
            holdings: Some(holdings),
            ..result(runs)
        })
    }
}

fn result(runs: &[Run]) -> BenchResult {
    let spread = |value: &dyn Fn(&Run) -> f64| -> Option<Spread> {
        Spread::of(&runs.iter().map(value).collect::<Vec<_>>())
    };
    let names = runs.iter().take(1).flat_map(|run| run.stages.keys().copied());
    let per_block = |name: &'static str| middle(runs, |run| run.stage_ms(name));
    BenchResult {
        block_transactions: spread(&|run| run.transactions as f64 / run.blocks as f64),
        tx_per_s: spread(&Run::rate),
        blocks_per_s: spread(&|run| run.blocks as f64 / run.seconds),
        stages_ms: names.filter_map(|name| Some((name.to_owned(), per_block(name)?))).collect(),
        round_trip_us: spread(&|run| run.round_trip.as_secs_f64() * 1_000_000.0),
        ..BenchResult::default()
    }
}

fn start_stock(slot: Slot) -> anyhow::Result<AbciAddress> {
    let server = ServerBuilder::default().bind((Ipv4Addr::LOCALHOST, 0), slot)?;
    let address = format!("tcp://{}", server.local_addr()).parse()?;
    let listen = move || {
        if let Err(error) = server.listen() {
            tracing::error!(%error, "the stock ABCI server cannot accept connections");
        }
    };
    thread::Builder::new().name("stock-abci".into()).spawn(listen)?;
    Ok(address)
}

/// What all servers serve: the node of the repetition that runs.
#[derive(Clone, Default)]
struct Slot(Arc<Mutex<Option<Node>>>);

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<Node>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn node(&self) -> Node {
        self.lock().clone().expect("nobody asks between repetitions")
    }
}

impl Application for Slot {
    fn info(&self, request: RequestInfo) -> ResponseInfo {
        self.node().info(request)
    }

    fn check_tx(&self, request: RequestCheckTx) -> ResponseCheckTx {
        self.node().check_tx(request)
    }

    fn prepare_proposal(&self, request: RequestPrepareProposal) -> ResponsePrepareProposal {
        self.node().prepare_proposal(request)
    }

    fn process_proposal(&self, request: RequestProcessProposal) -> ResponseProcessProposal {
        self.node().process_proposal(request)
    }

    fn finalize_block(&self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock {
        self.node().finalize_block(request)
    }

    fn commit(&self) -> ResponseCommit {
        self.node().commit()
    }
}

impl AbciApplication for Slot {
    fn insert_tx(&self, request: RequestInsertTx) -> ResponseInsertTx {
        self.node().insert_tx(request)
    }

    fn reap_txs(&self, request: RequestReapTxs) -> ResponseReapTxs {
        self.node().reap_txs(request)
    }

    fn consensus_connection_opened(&self) {
        self.node().consensus_connection_opened();
    }
}

#[cfg(test)]
mod tests {
    use super::super::prepared::{BlockOptions, Config};
    use super::super::workload::Workload;
    use super::*;

    #[test]
    fn every_server_ends_at_the_state_of_the_engine() {
        let folder = tempfile::tempdir().unwrap();
        let options = BlockOptions {
            assets: 5,
            block_size: 10,
            blocks: 2,
            repetitions: 2,
            folder: folder.path().to_owned(),
        };
        let workload = Workload::Mixed;
        let world = options.world(workload, 100).unwrap();
        let prepared =
            Prepared::new(&world, &options, workload, folder.path(), &mut |_| ()).unwrap();
        let expected = prepared.run(&Config::serial()).unwrap().app_hash;

        let (servers, mut runs) = (Servers::start().unwrap(), Default::default());
        for _ in 0..options.repetitions {
            servers.take_turns(&prepared, &mut runs, &mut |_| ()).unwrap();
            // The stock server goes on, but without the node.
            assert!(servers.slot.lock().is_none());
        }
        for run in runs.iter().flatten() {
            assert_eq!(run.app_hash, expected);
            assert_eq!((run.blocks, run.transactions), (2, 20));
            let asked: Vec<_> = run.stages.keys().copied().collect();
            let expected =
                ["CheckTx", "Commit", "FinalizeBlock", "PrepareProposal", "ProcessProposal"];
            assert_eq!(asked, expected);
        }
        let names: Vec<_> =
            servers.results("mixed", 100, &runs).map(|result| result.name).collect();
        assert_eq!(names, ["tessera-abci-server", "tessera-abci-unix", "stock-abci-server"]);
    }
}
