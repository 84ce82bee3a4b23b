//! The chain as CometBFT and the solo sequencer drive it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use tendermint_abci::Application;
use tendermint_proto::google::protobuf::Timestamp;
use tendermint_proto::v0_38::abci::{
    ExecTxResult, RequestCheckTx, RequestFinalizeBlock, RequestInfo, RequestInitChain,
    RequestPrepareProposal, RequestProcessProposal, RequestQuery, ResponseCheckTx, ResponseCommit,
    ResponseFinalizeBlock, ResponseInfo, ResponseInitChain, ResponsePrepareProposal,
    ResponseProcessProposal, ResponseQuery, response_process_proposal::ProposalStatus,
};
use tendermint_proto::v0_38::crypto::{ProofOp, ProofOps};
use tendermint_proto::v0_38::types::{ConsensusParams, VersionParams};
use tessera_genesis::Genesis;
use tessera_proto::hash::sha256;
use tessera_proto::pb::chain::v1::Receipt;
use tessera_proto::state_key::{StateKey, shard_root_name};
use tokio::sync::{broadcast, watch};

use super::abci::{
    AbciApplication, CODE_RETRY, RequestInsertTx, RequestReapTxs, ResponseInsertTx, ResponseReapTxs,
};
use super::candidate::{Candidate, Proposed};
use super::pool::{Pool, PoolError};
use crate::chain::ledger::{FinalizedBlock, Ledger};
use crate::chain::receipts::BlockSummary;
use crate::chain::tx::decode_frame;
use crate::chain::version::OtherVersion;
use crate::state::error::{ExecutionError, Fault, Rejected};
use crate::state::store::{HeightError, Store};

/// Blocks that a slow subscriber may lag behind before it loses some.
const SUBSCRIBER_LAG_BLOCKS: usize = 64;

/// Who keeps the frames that wait for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameSource {
    /// Our pool: CometBFT's `app` mempool, or the solo sequencer.
    Pool,
    /// CometBFT's `flood` mempool, which hands them to each proposal.
    Consensus,
}

/// How this node proposes blocks.
#[derive(Debug, Clone, Copy)]
pub struct ProposalSettings {
    /// How long a proposal is held back when nothing waits for a block, so that an idle chain
    /// makes few blocks and a busy one none too late.
    pub idle_wait: Duration,
    /// Most bytes of frames.
    pub max_bytes: usize,
}

impl Default for ProposalSettings {
    /// No waiting, and what a few validators can pass around and execute well within the time
    /// that they wait for a proposal.
    fn default() -> Self {
        Self { idle_wait: Duration::ZERO, max_bytes: 4 << 20 }
    }
}

/// A block that was committed.
#[derive(Debug)]
pub struct CommittedBlock {
    /// Height, time and counts.
    pub summary: BlockSummary,
    /// Receipts of all its transactions.
    pub receipts: Vec<Receipt>,
}

/// The application: clones share everything.
#[derive(Clone)]
pub struct Node {
    shared: Arc<Shared>,
}

struct Shared {
    ledger: Ledger,
    pool: Arc<Pool>,
    frame_source: FrameSource,
    proposals: ProposalSettings,
    /// Whether the last block had transactions: then the next one, whose header commits to
    /// them, is not held back.
    proof_due: AtomicBool,
    candidate: Candidate,
    staged: Mutex<Option<Staged>>,
    /// Stores the block that was committed last.
    writer: Mutex<Option<JoinHandle<Result<(), Fault>>>>,
    blocks: broadcast::Sender<Arc<CommittedBlock>>,
    /// Why the next block is not this node's to compute, once the chain has come to that.
    other_version: watch::Sender<Option<OtherVersion>>,
}

struct Staged {
    block: FinalizedBlock,
    frame_hashes: Vec<[u8; 32]>,
}

impl Node {
    /// An application on a ledger and a pool.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        pool: Arc<Pool>,
        frame_source: FrameSource,
        proposals: ProposalSettings,
    ) -> Self {
        let (blocks, _) = broadcast::channel(SUBSCRIBER_LAG_BLOCKS);
        let shared = Shared {
            ledger,
            pool,
            frame_source,
            proposals,
            proof_due: AtomicBool::new(true),
            candidate: Candidate::default(),
            staged: Mutex::new(None),
            writer: Mutex::new(None),
            blocks,
            other_version: watch::Sender::new(None),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The state machine.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.shared.ledger.store()
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &Arc<Pool> {
        &self.shared.pool
    }

    /// Blocks as they are committed, from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<CommittedBlock>> {
        self.shared.blocks.subscribe()
    }

    /// Waits until the chain moves on to another version: this node has then committed the last
    /// block of its own, and can only stop.
    pub async fn until_other_version(&self) -> OtherVersion {
        let mut told = self.shared.other_version.subscribe();
        loop {
            let other = told.borrow_and_update().clone();
            match other {
                Some(other) => return other,
                // An error is impossible: whoever tells is part of this node.
                None => drop(told.changed().await),
            }
        }
    }

    /// Whether the next block is another version's.
    #[must_use]
    pub fn has_moved_on(&self) -> bool {
        self.shared.other_version.borrow().is_some()
    }

    /// Computes a block on the latest one.
    fn compute(&self, block: &Proposed) -> Result<FinalizedBlock, Fault> {
        let Proposed { height, time_ms, ref frames } = *block;
        let verified = self.ledger().verify(frames);
        let executed = self.ledger().execute(height, time_ms, &verified)?;
        self.wait_until_written();
        self.ledger().stage(height, time_ms, verified, executed)
    }

    /// Computes a proposed block beside what follows. Most proposals are decided: consensus and
    /// the computation need not wait for each other.
    fn begin_to_compute(&self, height: i64, time: Option<&Timestamp>, frames: Vec<Bytes>) {
        let node = self.clone();
        let proposed = Proposed::new(height, time, frames);
        self.shared.candidate.begin(proposed, move |block| node.compute(block));
    }

    fn write(&self, block: FinalizedBlock) -> Result<(), Fault> {
        let summary = block.summary;
        let (_, receipts) = self.ledger().commit(block)?;
        // Nobody listening is no error.
        let _ = self.shared.blocks.send(Arc::new(CommittedBlock { summary, receipts }));
        Ok(())
    }

    /// Waits until the block that was committed last is stored.
    pub fn wait_until_written(&self) {
        drop(self.idle_writer());
    }

    /// The place of the writer, once it has stored the block that was committed last. Whoever
    /// comes second has to wait as well.
    fn idle_writer(&self) -> MutexGuard<'_, Option<JoinHandle<Result<(), Fault>>>> {
        let mut writer = self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner);
        match writer.take().map(JoinHandle::join).unwrap_or(Ok(Ok(()))) {
            Ok(Ok(())) => writer,
            Ok(Err(fault)) => stop(&fault),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    fn staged(&self) -> MutexGuard<'_, Option<Staged>> {
        self.shared.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer_query(&self, request: &RequestQuery) -> Result<ResponseQuery, (u32, String)> {
        let key = StateKey::from_bytes(&request.data)
            .ok_or((1, "`data` must be a state key of 1 to 56 bytes".to_owned()))?;
        if !matches!(request.path.as_str(), "" | "/key" | "/store/tessera/key") {
            return Err((2, format!("no path `{}`; the state is under `/key`", request.path)));
        }
        let latest = self.store().committed().map_or(0, |committed| committed.height);
        let height = match u64::try_from(request.height) {
            Ok(0) => latest,
            Ok(height) => height,
            Err(_) => return Err((3, format!("height {} is below zero", request.height))),
        };
        let proof = self.store().while_kept(height, || self.store().prove(height, &key));
        let proof = proof.flatten().map_err(|error| match error {
            HeightError::Fault(fault) => stop(&fault),
            other => (3, other.to_string()),
        })?;
        let op = |kind: &str, key: Vec<u8>, data: &Bytes| ProofOp {
            r#type: kind.to_owned(),
            key,
            data: data.to_vec(),
        };
        let proof_ops = request.prove.then(|| ProofOps {
            ops: vec![
                op("ics23:jmt", request.data.to_vec(), &proof.shard_proof),
                op("ics23:simple", shard_root_name(key.shard()).into_bytes(), &proof.root_proof),
            ],
        });
        Ok(ResponseQuery {
            key: request.data.clone(),
            value: proof.value,
            proof_ops,
            height: i64::try_from(height).unwrap_or(i64::MAX),
            ..ResponseQuery::default()
        })
    }
}

impl Application for Node {
    fn info(&self, _request: RequestInfo) -> ResponseInfo {
        self.wait_until_written();
        let committed = self.store().committed();
        // Of a chain without a block yet, consensus knows no height.
        let with_block =
            committed.as_ref().filter(|committed| committed.height > committed.base_height);
        let height = with_block.map_or(0, |committed| committed.height);
        ResponseInfo {
            data: "tessera".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            app_version: self.ledger().app_version(),
            last_block_height: i64::try_from(height).unwrap_or(i64::MAX),
            last_block_app_hash: committed
                .map(|committed| committed.app_hash.to_vec().into())
                .unwrap_or_default(),
        }
    }

    fn init_chain(&self, request: RequestInitChain) -> ResponseInitChain {
        let text = String::from_utf8_lossy(&request.app_state_bytes);
        let genesis = Genesis::from_json(&text)
            .unwrap_or_else(|errors| panic!("the genesis document has errors:\n{errors}"));
        assert_eq!(
            genesis.chain_id, request.chain_id,
            "the genesis document and consensus are of different chains"
        );
        assert_eq!(
            i64::try_from(genesis.base_height().saturating_add(1)),
            Ok(request.initial_height.max(1)),
            "the genesis document and consensus begin at different heights"
        );
        let committed = self.ledger().init(&genesis).unwrap_or_else(|fault| stop(&fault));
        ResponseInitChain {
            app_hash: committed.app_hash.to_vec().into(),
            ..ResponseInitChain::default()
        }
    }

    fn query(&self, request: RequestQuery) -> ResponseQuery {
        self.wait_until_written();
        self.answer_query(&request).unwrap_or_else(|(code, log)| ResponseQuery {
            code,
            log,
            codespace: "query".to_owned(),
            ..ResponseQuery::default()
        })
    }

    fn check_tx(&self, request: RequestCheckTx) -> ResponseCheckTx {
        let admitted = match self.shared.frame_source {
            FrameSource::Pool => self.pool().insert_frame(&request.tx),
            FrameSource::Consensus => self.pool().check_frame(&request.tx),
        };
        match admitted {
            Ok(()) => ResponseCheckTx::default(),
            Err(ExecutionError::Fault(fault)) => stop(&fault),
            Err(ExecutionError::Rejected(error)) => ResponseCheckTx {
                code: error.code,
                codespace: error.codespace.to_owned(),
                log: error.message,
                ..ResponseCheckTx::default()
            },
        }
    }

    fn prepare_proposal(&self, request: RequestPrepareProposal) -> ResponsePrepareProposal {
        let ProposalSettings { idle_wait, max_bytes } = self.shared.proposals;
        let max_bytes = usize::try_from(request.max_tx_bytes).unwrap_or(0).min(max_bytes);
        let txs = match self.shared.frame_source {
            _ if self.has_moved_on() => Vec::new(),
            FrameSource::Pool => {
                if !self.shared.proof_due.load(Ordering::Relaxed) {
                    self.pool().wait_for_frames(idle_wait);
                }
                self.pool().frames_for_block(max_bytes)
            }
            FrameSource::Consensus => {
                request.txs.into_iter().filter(|frame| decode_frame(frame).is_some()).collect()
            }
        };
        if !self.has_moved_on() {
            self.begin_to_compute(request.height, request.time.as_ref(), txs.clone());
        }
        ResponsePrepareProposal { txs }
    }

    fn process_proposal(&self, request: RequestProcessProposal) -> ResponseProcessProposal {
        let well_formed = request.txs.iter().all(|frame| decode_frame(frame).is_some());
        let status = if well_formed && !self.has_moved_on() {
            self.begin_to_compute(request.height, request.time.as_ref(), request.txs);
            ProposalStatus::Accept
        } else {
            ProposalStatus::Reject
        };
        ResponseProcessProposal { status: status.into() }
    }

    fn finalize_block(&self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock {
        while self.has_moved_on() {
            // Decided by newer nodes: this one must not answer, and is about to stop.
            std::thread::park();
        }
        let decided = Proposed::new(request.height, request.time.as_ref(), request.txs);
        let block = self.shared.candidate.take(&decided);
        let block = block.map_or_else(|| self.compute(&decided), Ok);
        let block = block.unwrap_or_else(|fault| stop(&fault));
        let tx_results = block
            .frames
            .iter()
            .map(|frame| match frame.outcomes_root {
                Some(root) => ExecTxResult { data: root.to_vec().into(), ..Default::default() },
                None => {
                    let error = Rejected::from(PoolError::MalformedFrame);
                    ExecTxResult {
                        code: error.code,
                        codespace: error.codespace.to_owned(),
                        log: error.message,
                        ..Default::default()
                    }
                }
            })
            .collect();
        let app_hash = block.app_hash().to_vec().into();
        let consensus_param_updates = block.next_version.map(|app| ConsensusParams {
            version: Some(VersionParams { app }),
            ..ConsensusParams::default()
        });
        let frame_hashes = decided.frames.iter().map(sha256).collect();
        *self.staged() = Some(Staged { block, frame_hashes });
        ResponseFinalizeBlock {
            tx_results,
            app_hash,
            consensus_param_updates,
            ..ResponseFinalizeBlock::default()
        }
    }

    /// Makes the finalized block the latest state. It is stored while consensus goes on: a block
    /// that is lost with the process is replayed.
    fn commit(&self) -> ResponseCommit {
        let Some(Staged { block, frame_hashes }) = self.staged().take() else {
            panic!("commit without a finalized block");
        };
        self.shared.candidate.clear();
        // Held until the next is there: nobody may take the block before for the latest.
        let mut idle_writer = self.idle_writer();
        self.shared.proof_due.store(block.summary.transactions > 0, Ordering::Relaxed);
        self.ledger().announce(&block);
        self.pool().committed(block.summary.height, &frame_hashes);
        if block.next_version.is_some() {
            let other = self.ledger().other_version().unwrap_or_else(|fault| stop(&fault));
            self.shared.other_version.send_replace(other);
        }
        let node = self.clone();
        let writer = Builder::new().name("writer".into()).spawn(move || node.write(block));
        let writer = writer.unwrap_or_else(|error| panic!("no thread to write a block: {error}"));
        *idle_writer = Some(writer);
        // Without snapshots a new validator needs every block: none may be dropped.
        ResponseCommit { retain_height: 0 }
    }
}

impl AbciApplication for Node {
    fn insert_tx(&self, request: RequestInsertTx) -> ResponseInsertTx {
        let code = match self.pool().insert_frame(&request.tx) {
            Ok(()) => 0,
            Err(ExecutionError::Fault(fault)) => stop(&fault),
            Err(ExecutionError::Rejected(error)) => match (error.codespace, error.code) {
                // It waits already.
                (PoolError::CODESPACE, 1) => 0,
                // No room, or a state that is behind the peer's: a later try may go well.
                (PoolError::CODESPACE, 2 | 7) => CODE_RETRY,
                (_, code) => code,
            },
        };
        ResponseInsertTx { code }
    }

    fn reap_txs(&self, _request: RequestReapTxs) -> ResponseReapTxs {
        ResponseReapTxs { txs: self.pool().frames_for_gossip() }
    }

    fn consensus_connection_opened(&self) {
        self.shared.candidate.clear();
        *self.staged() = None;
    }
}

/// Ends the process: this node cannot go on, and must not answer.
fn stop(fault: &Fault) -> ! {
    panic!("the node stops: {fault}")
}
