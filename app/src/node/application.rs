//! The chain as CometBFT and the solo sequencer drive it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tendermint_abci::Application;
use tendermint_proto::v0_38::abci::{
    ExecTxResult, RequestCheckTx, RequestFinalizeBlock, RequestInfo, RequestInitChain,
    RequestPrepareProposal, RequestProcessProposal, RequestQuery, ResponseCheckTx, ResponseCommit,
    ResponseFinalizeBlock, ResponseInfo, ResponseInitChain, ResponsePrepareProposal,
    ResponseProcessProposal, ResponseQuery, response_process_proposal::ProposalStatus,
};
use tendermint_proto::v0_38::crypto::{ProofOp, ProofOps};
use tessera_genesis::Genesis;
use tessera_proto::pb::chain::v1::Receipt;
use tessera_proto::state_key::{StateKey, shard_root_name};
use tokio::sync::broadcast;

use super::abci::{
    AbciApplication, CODE_RETRY, RequestInsertTx, RequestReapTxs, ResponseInsertTx, ResponseReapTxs,
};
use super::pool::{Pool, PoolError};
use crate::chain::ledger::{FinalizedBlock, Ledger};
use crate::chain::receipts::BlockSummary;
use crate::chain::tx::decode_frame;
use crate::state::error::{Fault, Rejected};
use crate::state::store::{HeightError, Store};

/// Version of the state machine, as consensus knows it.
const APP_VERSION: u64 = 1;
/// Most bytes of frames in a proposal of ours: what a few validators can pass around and execute
/// well within the time that they wait for a proposal.
const MAX_PROPOSAL_BYTES: usize = 4 << 20;
/// Blocks that a slow subscriber may lag behind before it loses some.
const SUBSCRIBER_LAG_BLOCKS: usize = 256;

/// Who keeps the frames that wait for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameSource {
    /// Our pool: CometBFT's `app` mempool, or the solo sequencer.
    Pool,
    /// CometBFT's `flood` mempool, which hands them to each proposal.
    Consensus,
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
    idle_wait: Duration,
    /// Whether the last block had transactions: then the next one, whose header commits to
    /// them, is not held back.
    proof_due: AtomicBool,
    staged: Mutex<Option<Staged>>,
    blocks: broadcast::Sender<Arc<CommittedBlock>>,
}

struct Staged {
    block: FinalizedBlock,
    frame_hashes: Vec<[u8; 32]>,
}

impl Node {
    /// An application on a ledger and a pool. When nothing waits for a block, a proposal is held
    /// back for up to `idle_wait`, so that an idle chain makes few blocks and a busy one none
    /// too late.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        pool: Arc<Pool>,
        frame_source: FrameSource,
        idle_wait: Duration,
    ) -> Self {
        let (blocks, _) = broadcast::channel(SUBSCRIBER_LAG_BLOCKS);
        let shared = Shared {
            ledger,
            pool,
            frame_source,
            idle_wait,
            proof_due: AtomicBool::new(true),
            staged: Mutex::new(None),
            blocks,
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
        let proof = self.store().prove(height, &key).map_err(|error| match error {
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
        // Under the same lock as commit, so that height and hash belong together.
        let _staged = self.staged();
        let committed = self.store().committed();
        let height = committed.as_ref().map_or(0, |committed| committed.height);
        ResponseInfo {
            data: "tessera".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            app_version: APP_VERSION,
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
        let committed = self.ledger().init(&genesis).unwrap_or_else(|fault| stop(&fault));
        ResponseInitChain {
            app_hash: committed.app_hash.to_vec().into(),
            ..ResponseInitChain::default()
        }
    }

    fn query(&self, request: RequestQuery) -> ResponseQuery {
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
            Err(error) => ResponseCheckTx {
                code: error.code,
                codespace: error.codespace.to_owned(),
                log: error.message,
                ..ResponseCheckTx::default()
            },
        }
    }

    fn prepare_proposal(&self, request: RequestPrepareProposal) -> ResponsePrepareProposal {
        let max_bytes = usize::try_from(request.max_tx_bytes).unwrap_or(0).min(MAX_PROPOSAL_BYTES);
        let txs = match self.shared.frame_source {
            FrameSource::Pool => {
                if !self.shared.proof_due.load(Ordering::Relaxed) {
                    self.pool().wait_for_frames(self.shared.idle_wait);
                }
                self.pool().frames_for_block(max_bytes)
            }
            FrameSource::Consensus => {
                request.txs.into_iter().filter(|frame| decode_frame(frame).is_some()).collect()
            }
        };
        ResponsePrepareProposal { txs }
    }

    fn process_proposal(&self, request: RequestProcessProposal) -> ResponseProcessProposal {
        let frames: Option<Vec<Vec<Bytes>>> = request.txs.iter().map(decode_frame).collect();
        let status = match frames {
            None => ProposalStatus::Reject,
            Some(frames) => {
                // Whatever is verified now need not be when the block is final.
                let transactions: Vec<Bytes> = frames.into_iter().flatten().collect();
                let _ = self.ledger().verifier().verify(&transactions);
                ProposalStatus::Accept
            }
        };
        ResponseProcessProposal { status: status.into() }
    }

    fn finalize_block(&self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock {
        let height = u64::try_from(request.height).unwrap_or(0);
        let time_ms = request.time.as_ref().map_or(0, |time| {
            let millis = i128::from(time.seconds) * 1_000 + i128::from(time.nanos) / 1_000_000;
            u64::try_from(millis).unwrap_or(0)
        });
        let block = self
            .ledger()
            .finalize(height, time_ms, &request.txs)
            .unwrap_or_else(|fault| stop(&fault));
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
        let frame_hashes = request.txs.iter().map(|frame| Sha256::digest(frame).into()).collect();
        *self.staged() = Some(Staged { block, frame_hashes });
        ResponseFinalizeBlock { tx_results, app_hash, ..ResponseFinalizeBlock::default() }
    }

    fn commit(&self) -> ResponseCommit {
        let mut staged = self.staged();
        let Some(Staged { block, frame_hashes }) = staged.take() else {
            panic!("commit without a finalized block");
        };
        let summary = block.summary;
        self.shared.proof_due.store(summary.transactions > 0, Ordering::Relaxed);
        let (committed, receipts) =
            self.ledger().commit(block).unwrap_or_else(|fault| stop(&fault));
        self.pool().committed(committed.height, &frame_hashes);
        // Nobody listening is no error.
        let _ = self.shared.blocks.send(Arc::new(CommittedBlock { summary, receipts }));
        // Without snapshots a new validator needs every block: none may be dropped.
        ResponseCommit { retain_height: 0 }
    }
}

impl AbciApplication for Node {
    fn insert_tx(&self, request: RequestInsertTx) -> ResponseInsertTx {
        let code = match self.pool().insert_frame(&request.tx) {
            Ok(()) => 0,
            Err(error) if error == Rejected::from(PoolError::Duplicate) => 0,
            Err(error) if error.codespace == PoolError::CODESPACE && error.code == 2 => CODE_RETRY,
            Err(error) => error.code,
        };
        ResponseInsertTx { code }
    }

    fn reap_txs(&self, _request: RequestReapTxs) -> ResponseReapTxs {
        ResponseReapTxs { txs: self.pool().frames_for_gossip() }
    }

    fn consensus_connection_opened(&self) {
        *self.staged() = None;
    }
}

/// Ends the process: this node cannot go on, and must not answer.
fn stop(fault: &Fault) -> ! {
    panic!("the node stops: {fault}")
}
