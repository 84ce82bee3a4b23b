//! One block after another on the store: finalized in memory, then committed.

use std::path::PathBuf;
use std::sync::Arc;

use crate::state::tree::node::Node;
use bytes::Bytes;
use prost::Message as _;
use rayon::prelude::*;
use tessera_client::verify::merkle_root;
use tessera_genesis::Genesis;
use tessera_proto::pb::chain::v1::{BlockRecord, FrameOutcome, Params, Receipt};
use tessera_proto::pb::votes::v1::Upgrade;
use tessera_proto::state_key::StateKey;

use super::executor::{Block, Executed, Scheduling, declared, execute, with_ids};
use super::genesis::first_leaves;
use super::outcome::{Outcome, outcome_leaf};
use super::receipts::{BlockSummary, Facts, receipts_batch};
use super::tx::decode_frame;
use super::verify::{Verified, Verifier};
use super::version::{APP_VERSION, OtherVersion, other_version};
use crate::modules::BlockInfo;
use crate::modules::votes::version_at;
use crate::state::access::AccessSet;
use crate::state::batch::Batch;
use crate::state::changes::Changes;
use crate::state::error::Fault;
use crate::state::store::{Committed, Staged, Store};
use crate::state::table::Table;
use crate::state::view::{LeafReader, StateReader, decode_leaf};
use tessera_proto::id::AssetId;

/// Hash of the genesis document that the store began with.
const META_GENESIS: &[u8] = b"genesis";
/// Id of the chain.
const META_CHAIN_ID: &[u8] = b"chain_id";

/// What became of one frame of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameResult {
    /// Root of the outcomes of its transactions; none when the frame is malformed.
    pub outcomes_root: Option<[u8; 32]>,
}

/// The transactions of the frames of a block, verified.
pub struct VerifiedFrames {
    /// Number of transactions of each frame; none when it is malformed.
    sizes: Vec<Option<usize>>,
    transactions: Vec<(Verified, [u8; 32])>,
}

/// A block that is computed and not yet committed.
pub struct FinalizedBlock {
    staged: Staged,
    record: BlockRecord,
    /// What else is known of the transactions of the receipts.
    facts: Vec<Facts>,
    /// Height, time and counts.
    pub summary: BlockSummary,
    /// One for each frame.
    pub frames: Vec<FrameResult>,
    /// Receipts of all transactions, in block order.
    pub receipts: Vec<Receipt>,
    /// What changes in the state.
    pub changes: Arc<Changes>,
    /// Version of the state machine that computes the next block, if that is another.
    pub next_version: Option<u64>,
}

impl FinalizedBlock {
    /// Root of the state after the block.
    #[must_use]
    pub fn app_hash(&self) -> [u8; 32] {
        self.staged.app_hash()
    }
}

/// The chain's state machine on a store.
pub struct Ledger {
    store: Arc<Store>,
    verifier: Arc<Verifier>,
    scheduling: Scheduling,
    genesis_folder: PathBuf,
    app_version: u64,
}

impl Ledger {
    /// The state machine of a chain.
    #[must_use]
    pub fn new(store: Arc<Store>, verifier: Arc<Verifier>, scheduling: Scheduling) -> Self {
        let genesis_folder = PathBuf::new();
        Self { store, verifier, scheduling, genesis_folder, app_version: APP_VERSION }
    }

    /// The same, as a program of another version of the state machine.
    #[must_use]
    pub fn with_app_version(self, app_version: u64) -> Self {
        Self { app_version, ..self }
    }

    /// The same, with the genesis document in this folder: a state that the chain goes on with
    /// is read from there.
    #[must_use]
    pub fn with_genesis_folder(self, folder: impl Into<PathBuf>) -> Self {
        Self { genesis_folder: folder.into(), ..self }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The verifier of transactions.
    #[must_use]
    pub fn verifier(&self) -> &Arc<Verifier> {
        &self.verifier
    }

    /// Version of the state machine that this is.
    #[must_use]
    pub fn app_version(&self) -> u64 {
        self.app_version
    }

    /// Why the next block is not this program's to compute, if it is not.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn other_version(&self) -> Result<Option<OtherVersion>, Fault> {
        let next = self.store.latest_height().map_or(0, |height| height.saturating_add(1));
        let upgrade = self.upgrade_after(&Changes::new())?;
        Ok(other_version(upgrade.as_ref(), next, self.app_version))
    }

    /// The latest move to another version once these changes are made.
    fn upgrade_after(&self, changes: &Changes) -> Result<Option<Upgrade>, Fault> {
        let key = StateKey::upgrade();
        match changes.get(&key) {
            Some(leaf) => decode_leaf(&key, leaf.clone()),
            None => self.store.latest().leaf(&key),
        }
    }

    /// Id of the chain that a store belongs to; none before genesis.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn stored_chain_id(store: &Store) -> Result<Option<String>, Fault> {
        let bytes = store.database().get(Table::Meta, META_CHAIN_ID)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Commits the first state. Doing so again with the same document changes nothing.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails, when the document or the state that it goes on with is
    /// not valid, or when the store already has another beginning.
    pub fn init(&self, genesis: &Genesis) -> Result<Committed, Fault> {
        let hash = genesis.hash();
        if let Some(committed) = self.store.committed() {
            let known = self.store.database().get(Table::Meta, META_GENESIS)?;
            if known.as_deref() == Some(&hash) && committed.height == genesis.base_height() {
                return Ok(committed);
            }
            return Err(Fault::Database(format!(
                "the store already holds block {} of another beginning; use an empty folder",
                committed.height
            )));
        }
        if genesis.chain_id != self.verifier.chain_id() {
            return Err(Fault::Database(format!(
                "genesis is of chain `{}`, this node is of `{}`",
                genesis.chain_id,
                self.verifier.chain_id()
            )));
        }
        let changes = first_leaves(genesis, &self.genesis_folder).map_err(Fault::Database)?;
        let upgrade = self.upgrade_after(&changes)?;
        let first = genesis.base_height().saturating_add(1);
        if let Some(other) = other_version(upgrade.as_ref(), first, self.app_version) {
            return Err(Fault::Database(other.to_string()));
        }
        let staged = self.store.stage(genesis.base_height(), &changes)?;
        if let Some(state) = &genesis.state
            && state.app_hash != staged.app_hash()
        {
            return Err(Fault::Database(format!(
                "the leaves of `{}` make app hash {}, the genesis document says {}",
                state.file,
                hex::encode(staged.app_hash()),
                hex::encode(state.app_hash)
            )));
        }
        let mut batch = Batch::default();
        batch.put(Table::Meta, META_GENESIS, hash);
        batch.put(Table::Meta, META_CHAIN_ID, &genesis.chain_id);
        self.store.commit(staged, batch)
    }

    /// Computes a block on top of the latest committed one. Nothing is stored.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails, or when the height is not the next one.
    pub fn finalize(
        &self,
        height: u64,
        time_ms: u64,
        frames: &[Bytes],
    ) -> Result<FinalizedBlock, Fault> {
        let verified = self.verify(frames);
        let executed = self.execute(height, time_ms, &verified)?;
        self.stage(height, time_ms, verified, executed)
    }

    /// First step of [`Ledger::finalize`]: decodes frames and verifies their transactions.
    #[must_use]
    pub fn verify(&self, frames: &[Bytes]) -> VerifiedFrames {
        self.verify_by(frames, |transactions| self.verifier.verify(transactions))
    }

    /// The same, with the transactions verified in another way.
    pub(crate) fn verify_by(
        &self,
        frames: &[Bytes],
        verify: impl FnOnce(&[Bytes]) -> Vec<Verified>,
    ) -> VerifiedFrames {
        let decoded: Vec<Option<Vec<Bytes>>> = frames.iter().map(decode_frame).collect();
        let sizes = decoded.iter().map(|frame| frame.as_ref().map(Vec::len)).collect();
        let bytes: Vec<Bytes> = decoded.into_iter().flatten().flatten().collect();
        VerifiedFrames { sizes, transactions: with_ids(verify(&bytes), &bytes) }
    }

    /// Second step of [`Ledger::finalize`]: runs the transactions.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails, or when the height is not the next one.
    pub fn execute(
        &self,
        height: u64,
        time_ms: u64,
        frames: &VerifiedFrames,
    ) -> Result<Executed, Fault> {
        check_next(height, self.store.latest_height())?;
        if let Some(other) = self.other_version()? {
            return Err(Fault::Invariant(other.to_string()));
        }
        let (info, params) = self.block_info(&self.store.latest(), height, time_ms)?;
        let block = Block { info, params, transactions: &frames.transactions };
        execute(&self.store.latest(), &block, self.scheduling)
    }

    /// What the transactions declare that they touch, on the latest state: what the second step
    /// begins with. It changes nothing, and is there to be measured by itself.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn declared(&self, frames: &VerifiedFrames) -> Result<Vec<AccessSet>, Fault> {
        declared(&self.store.peek(), &frames.transactions)
    }

    /// Last step of [`Ledger::finalize`]: computes the trees and the receipts.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails, or when the block before is not committed.
    pub fn stage(
        &self,
        height: u64,
        time_ms: u64,
        verified: VerifiedFrames,
        executed: Executed,
    ) -> Result<FinalizedBlock, Fault> {
        check_next(height, self.store.committed().map(|committed| committed.height))?;
        let Executed { outcomes, changes } = executed;
        let upgrade = self.upgrade_after(&changes)?;
        let next_version = version_at(upgrade.as_ref(), height.saturating_add(1));
        let next_version =
            (next_version != version_at(upgrade.as_ref(), height)).then_some(next_version);
        let (staged, told) = rayon::join(
            || self.store.stage(height, &changes),
            || Told::new(height, &verified, outcomes),
        );
        let (staged, Told { receipts, frames, facts }) = (staged?, told);
        let summary = BlockSummary::new(height, time_ms, staged.app_hash(), &receipts);
        Ok(FinalizedBlock {
            staged,
            record: block_record(&summary, &verified.sizes, &frames),
            facts,
            summary,
            frames,
            receipts,
            changes: Arc::new(changes),
            next_version,
        })
    }

    /// Lets the next block be executed on a finalized one while that is being stored.
    pub fn announce(&self, block: &FinalizedBlock) {
        self.store.announce(block.staged.height(), Arc::clone(&block.changes));
    }

    /// New nodes of the trees, of a finalized block that the latest committed one comes before.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn new_nodes(&self, block: &FinalizedBlock) -> Result<Vec<Node>, Fault> {
        self.store.new_nodes(&block.staged)
    }

    /// Stores a finalized block.
    ///
    /// # Errors
    /// [`Fault`]: the process must stop.
    pub fn commit(&self, block: FinalizedBlock) -> Result<(Committed, Vec<Receipt>), Fault> {
        let FinalizedBlock { mut staged, record, facts, receipts, .. } = block;
        // First, for what executes the next block looks there.
        self.store.remember(&mut staged)?;
        let mut batch = receipts_batch(self.store.database(), &receipts, &facts)?;
        batch.put(Table::Blocks, staged.height().to_be_bytes(), record.encode_to_vec());
        let committed = self.store.commit(staged, batch)?;
        self.verifier.forget(&receipts);
        Ok((committed, receipts))
    }

    /// What every transaction of a block on `state` is told, and the parameters before it.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn block_info(
        &self,
        state: &dyn StateReader,
        height: u64,
        time_ms: u64,
    ) -> Result<(BlockInfo, Params), Fault> {
        let params: Params = state
            .leaf(&StateKey::params())?
            .ok_or_else(|| Fault::Invariant("the state has no parameters".into()))?;
        let fee_currency = AssetId::try_from(params.fee_currency.as_ref())
            .map_err(|error| Fault::Invariant(format!("fee currency: {error}")))?;
        let chain_id_hash = *self.verifier.chain_id_hash();
        Ok((BlockInfo { height, time_ms, chain_id_hash, fee_currency }, params))
    }
}

/// What is told of the transactions of a block.
struct Told {
    receipts: Vec<Receipt>,
    frames: Vec<FrameResult>,
    facts: Vec<Facts>,
}

impl Told {
    fn new(height: u64, verified: &VerifiedFrames, outcomes: Vec<Outcome>) -> Self {
        let indexed = outcomes.into_par_iter().enumerate().zip(&verified.transactions);
        let told = |((index, outcome), (verified, _)): ((usize, Outcome), &(Verified, _))| {
            let is_charged = outcome.fee.is_some();
            let sender = verified.as_ref().ok().map(|transaction| transaction.sender);
            let receipt = outcome.into_receipt(height, u32::try_from(index).unwrap_or(u32::MAX));
            let facts = Facts { is_charged, sender, outcome: outcome_leaf(&receipt) };
            (receipt, facts)
        };
        let (receipts, facts): (Vec<_>, Vec<_>) = indexed.map(told).unzip();
        let frames = frame_results(&verified.sizes, &facts);
        Self { receipts, frames, facts }
    }
}

fn check_next(height: u64, latest: Option<u64>) -> Result<(), Fault> {
    if latest.and_then(|latest| latest.checked_add(1)) == Some(height) {
        return Ok(());
    }
    Err(Fault::Invariant(format!("block {height} cannot follow height {latest:?}")))
}

fn block_record(
    summary: &BlockSummary,
    sizes: &[Option<usize>],
    frames: &[FrameResult],
) -> BlockRecord {
    let frame = |(size, frame): (&Option<usize>, &FrameResult)| FrameOutcome {
        transactions: u32::try_from(size.unwrap_or_default()).unwrap_or(u32::MAX),
        outcomes_root: frame.outcomes_root.map(|root| root.to_vec().into()).unwrap_or_default(),
    };
    BlockRecord {
        summary: Some(summary.to_message()),
        frames: sizes.iter().zip(frames).map(frame).collect(),
    }
}

fn frame_results(sizes: &[Option<usize>], facts: &[Facts]) -> Vec<FrameResult> {
    let mut rest = facts;
    let mut take = |size| {
        let (of_frame, others) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        rest = others;
        of_frame
    };
    let of_frames: Vec<_> = sizes.iter().map(|size| size.map(&mut take)).collect();
    let root = |of_frame: &[Facts]| {
        let leaves: Vec<&[u8]> = of_frame.iter().map(|facts| facts.outcome.as_slice()).collect();
        merkle_root(&leaves)
    };
    let result = |of_frame: Option<_>| FrameResult { outcomes_root: of_frame.map(root) };
    of_frames.into_par_iter().map(result).collect()
}
