//! Transactions that wait for a block, packed into frames.
//!
//! Transactions taken in here go into an open frame, which is sealed when it is full or when
//! someone asks for frames. Sealed frames, ours and those of peers, stay until a block contains
//! them or all their transactions that can be paid for have expired.

mod waiting;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tessera_proto::amount::Amount;
use tessera_proto::hash::sha256;
use tessera_proto::id::Address;
use tessera_proto::pb::chain::v1::Params;
use tessera_proto::state_key::StateKey;
use tokio::sync::Notify;

use self::waiting::{Payable, PooledFrame, Waiting};
use super::standing::{Credit, Standing, too_many_lanes};
use crate::chain::executor::check_validity;
use crate::chain::outcome::MALFORMED_FRAME_CODE;
use crate::chain::tx::{Transaction, decode_frame};
use crate::chain::verify::{Verified, Verifier};
use crate::rejection;
use crate::state::error::{ExecutionError, Fault, Rejected};
use crate::state::store::Store;
use crate::state::view::LeafReader;

/// What CometBFT adds to each frame of a block: the tag and the length of a Protobuf field.
pub const FRAME_OVERHEAD_BYTES: usize = 8;
/// Blocks after which an undecided frame is handed to gossip again: gossip may lose it.
const GOSSIP_AGAIN_BLOCKS: u64 = 8;

/// Why the pool does not take a transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Already here; of a frame also that a block had it lately.
    #[error("transaction is already waiting for a block")]
    Duplicate,
    /// No room.
    #[error("the pool is full with {bytes} bytes; wait for the next blocks and send it again")]
    Full {
        /// Bytes in the pool.
        bytes: usize,
    },
    /// Too many of one sender.
    #[error("{sender} has {waiting} transactions waiting, the most that one account may have")]
    TooManyOfSender {
        /// The sender.
        sender: Address,
        /// Its waiting transactions.
        waiting: usize,
    },
    /// The nonce is not the next.
    #[error("lane {lane} of {sender} is at nonce {want}, the transaction has nonce {have}")]
    NonceMismatch {
        /// The sender.
        sender: Address,
        /// The lane.
        lane: u32,
        /// Nonce of the transaction.
        have: u64,
        /// Nonce that would be taken, counting waiting transactions.
        want: u64,
    },
    /// Prepaid fees do not cover what waits and this.
    #[error(
        "{sender} has {have} base units of prepaid fees; this transaction and those waiting cost \
         {need}"
    )]
    InsufficientFeeCredit {
        /// The sender.
        sender: Address,
        /// Prepaid fees.
        have: Amount,
        /// Fees of this transaction and those waiting.
        need: Amount,
    },
    /// A frame that is not one.
    #[error("frame is malformed")]
    MalformedFrame,
    /// A frame mostly of transactions that the state of this node does not allow.
    #[error(
        "by the state of this node {payable} of {transactions} transactions of the frame can be \
         paid for, and at least half must be; send it again after the next block"
    )]
    NotPayable {
        /// Transactions that could be.
        payable: usize,
        /// All of its transactions.
        transactions: usize,
    },
}

impl PoolError {
    /// Stable number of the refusal within codespace `pool`.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Duplicate => 1,
            Self::Full { .. } => 2,
            Self::TooManyOfSender { .. } => 3,
            Self::NonceMismatch { .. } => 4,
            Self::InsufficientFeeCredit { .. } => 5,
            Self::MalformedFrame => MALFORMED_FRAME_CODE.into(),
            Self::NotPayable { .. } => 7,
        }
    }
}

rejection!(PoolError, "pool");

/// Limits of the pool.
#[derive(Debug, Clone, Copy)]
pub struct PoolLimits {
    /// Most bytes of frames and transactions.
    pub bytes: usize,
    /// Most waiting transactions of one account.
    pub transactions_per_sender: usize,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self { bytes: 64 << 20, transactions_per_sender: 10_000 }
    }
}

/// How much less than blocks the checking of what comes in is favoured (`nice`).
#[cfg(target_os = "linux")]
const INTAKE_NICENESS: i32 = 10;

/// As many threads as blocks have. The system runs them when no block is being worked on, so that
/// blocks are not held up by the transactions of later ones.
fn intake_threads() -> ThreadPool {
    let threads = ThreadPoolBuilder::new()
        .num_threads(rayon::current_num_threads())
        .thread_name(|number| format!("intake-{number}"))
        .start_handler(|_| {
            // Elsewhere it would be said of the whole process. Without it all is well, but slower.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::nice(INTAKE_NICENESS);
        });
    threads.build().unwrap_or_else(|error| panic!("no threads to check transactions: {error}"))
}

/// The pool.
pub struct Pool {
    store: Arc<Store>,
    verifier: Arc<Verifier>,
    /// Threads that check signatures.
    intake: ThreadPool,
    limits: PoolLimits,
    pending: Arc<Notify>,
    arrived: Condvar,
    room: Notify,
    inner: Mutex<Waiting>,
}

/// A transaction that wants to be taken in.
struct Arrival<'a> {
    transaction: &'a Transaction,
    standing: Result<Standing, ExecutionError>,
    bytes: &'a Bytes,
}

impl Pool {
    /// An empty pool. `pending` is told whenever something waits.
    #[must_use]
    pub fn new(
        store: Arc<Store>,
        verifier: Arc<Verifier>,
        limits: PoolLimits,
        pending: Arc<Notify>,
    ) -> Self {
        let height = store.committed().map_or(0, |committed| committed.height);
        let inner = Mutex::new(Waiting::at(height));
        Self {
            store,
            verifier,
            intake: intake_threads(),
            limits,
            pending,
            arrived: Condvar::new(),
            room: Notify::new(),
            inner,
        }
    }

    /// Checks transactions and takes in those that are well; answers in order with their ids.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn submit(&self, transactions: &[Bytes]) -> Result<Vec<Result<[u8; 32], Rejected>>, Fault> {
        self.admit_verified(self.verify(transactions), transactions)
    }

    /// First step of [`Pool::submit`]: decodes transactions and checks their signatures.
    #[must_use]
    pub fn verify(&self, transactions: &[Bytes]) -> Vec<Verified> {
        self.intake.install(|| self.verifier.verify(transactions))
    }

    /// Second step of [`Pool::submit`]: takes in those that are well.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn admit_verified(
        &self,
        verified: Vec<Verified>,
        transactions: &[Bytes],
    ) -> Result<Vec<Result<[u8; 32], Rejected>>, Fault> {
        let params = self.params()?;
        let height = self.lock().height;
        // Of the state before the pool is held, so that nobody has to wait for it.
        let standing = |verified: &Verified| {
            let transaction = verified.as_ref().map_err(Clone::clone)?;
            Standing::new(&self.store, &params, transaction)
        };
        let mut standings: Vec<_> = verified.iter().map(standing).collect();
        let mut inner = self.lock();
        if inner.height != height {
            standings = verified.iter().map(standing).collect();
        }
        let mut answers = Vec::with_capacity(transactions.len());
        for ((verified, standing), bytes) in verified.into_iter().zip(standings).zip(transactions) {
            let admitted = verified.map_err(ExecutionError::from).and_then(|transaction| {
                let arrival = Arrival { transaction: &transaction, standing, bytes };
                self.admit(&mut inner, &params, arrival)
            });
            answers.push(match admitted {
                Ok(id) => Ok(id),
                Err(ExecutionError::Rejected(error)) => Err(error),
                Err(ExecutionError::Fault(fault)) => return Err(fault),
            });
        }
        drop(inner);
        if answers.iter().any(Result::is_ok) {
            self.tell_arrival();
        }
        Ok(answers)
    }

    /// Checks a frame of a peer in full and takes it in. Its transactions that can be paid for, by
    /// what the state says, count for their senders; the others are only carried along.
    ///
    /// # Errors
    /// In order of precedence: [`PoolError::MalformedFrame`], [`PoolError::Duplicate`], the
    /// refusal of the first transaction whose form or signature is wrong,
    /// [`PoolError::NotPayable`], [`PoolError::Full`]. [`ExecutionError::Fault`] when the storage
    /// fails.
    pub fn insert_frame(&self, bytes: &Bytes) -> Result<(), ExecutionError> {
        let transactions = decode_frame(bytes).ok_or(PoolError::MalformedFrame)?;
        let hash = sha256(bytes);
        if self.lock().frame_hashes.contains(&hash) {
            return Err(PoolError::Duplicate.into());
        }
        let verified = self.verify_all(&transactions)?;
        let height = self.lock().height;
        // Before the pool is held, so that nobody has to wait for it.
        let mut payable = self.payable(height, &verified)?;
        let mut inner = self.lock();
        if inner.height != height {
            payable = self.payable(inner.height, &verified)?;
        }
        if inner.frame_hashes.contains(&hash) {
            return Err(PoolError::Duplicate.into());
        }
        let payable = inner.affordable(payable);
        require_half(payable.len(), verified.len())?;
        if inner.bytes.saturating_add(bytes.len()) > self.limits.bytes {
            return Err(PoolError::Full { bytes: inner.bytes }.into());
        }
        inner.insert(hash, bytes, &payable);
        drop(inner);
        self.tell_arrival();
        Ok(())
    }

    /// Checks a frame in full without taking it in.
    ///
    /// # Errors
    /// In order of precedence: [`PoolError::MalformedFrame`], the refusal of the first
    /// transaction whose form or signature is wrong, [`PoolError::NotPayable`].
    /// [`ExecutionError::Fault`] when the storage fails.
    pub fn check_frame(&self, bytes: &Bytes) -> Result<(), ExecutionError> {
        let transactions = decode_frame(bytes).ok_or(PoolError::MalformedFrame)?;
        let verified = self.verify_all(&transactions)?;
        let height = self.lock().height;
        let payable = self.payable(height, &verified)?;
        require_half(payable.len(), verified.len())?;
        Ok(())
    }

    /// Blocks until something waits for a block, or for as long as `patience`.
    pub fn wait_for_frames(&self, patience: Duration) {
        let idle = |inner: &mut Waiting| inner.is_empty();
        drop(self.arrived.wait_timeout_while(self.lock(), patience, idle));
    }

    /// Frames for a proposal, oldest first, of at most so many bytes with CometBFT's overhead.
    #[must_use]
    pub fn frames_for_block(&self, max_bytes: usize) -> Vec<Bytes> {
        let mut inner = self.lock();
        inner.seal();
        let mut left = max_bytes;
        let mut frames = Vec::new();
        for frame in &inner.frames {
            let size = frame.bytes.len() + FRAME_OVERHEAD_BYTES;
            if size > left {
                break;
            }
            left -= size;
            frames.push(frame.bytes.clone());
        }
        frames
    }

    /// Frames that gossip has not had yet, or not lately.
    #[must_use]
    pub fn frames_for_gossip(&self) -> Vec<Bytes> {
        let mut inner = self.lock();
        inner.seal();
        let height = inner.height;
        let due = |frame: &&mut PooledFrame| {
            frame.gossiped_height.is_none_or(|last| height >= last + GOSSIP_AGAIN_BLOCKS)
        };
        inner
            .frames
            .iter_mut()
            .filter(due)
            .map(|frame| {
                frame.gossiped_height = Some(height);
                frame.bytes.clone()
            })
            .collect()
    }

    /// Forgets frames that a committed block contained, and those that have expired.
    pub fn committed(&self, height: u64, frames: &[[u8; 32]]) {
        self.lock().committed(height, frames);
        self.room.notify_waiters();
    }

    /// Number of transactions that wait.
    #[must_use]
    pub fn transactions(&self) -> usize {
        self.lock().ids.len()
    }

    /// Whether nothing waits for a block.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Waits while the pool is more than half full: where a stream of transactions is slowed.
    pub async fn wait_for_room(&self) {
        loop {
            let room = self.room.notified();
            if self.lock().bytes < self.limits.bytes / 2 {
                return;
            }
            room.await;
        }
    }

    fn admit(
        &self,
        inner: &mut Waiting,
        params: &Params,
        Arrival { transaction, standing, bytes }: Arrival<'_>,
    ) -> Result<[u8; 32], ExecutionError> {
        if inner.ids.contains(&transaction.id) {
            return Err(PoolError::Duplicate.into());
        }
        let next_height = inner.height.saturating_add(1);
        check_validity(next_height, params, transaction)?;
        let Standing { next_nonce, other_lanes, credit } = standing?;
        let sender = transaction.sender;
        let (lane, have) = (transaction.nonce_lane, transaction.nonce);
        let mut load = inner.senders.get_mut(&sender);
        if let (Some(used), Some(load)) = (&other_lanes, &load)
            && !load.has_room_for(lane, used)
        {
            return Err(too_many_lanes(transaction));
        }
        let want = load.as_mut().map_or(next_nonce, |load| load.next_nonce(lane, next_nonce));
        if have != want {
            return Err(PoolError::NonceMismatch { sender, lane, have, want }.into());
        }
        let Credit { fee, have: prepaid } = credit?;
        let fees = load.as_ref().map_or(0, |load| load.fees_of(transaction.payer));
        let need = fees.saturating_add(fee.base_units());
        let need = Amount::new(need).unwrap_or(Amount::MAX);
        if need > prepaid {
            let have = prepaid;
            return Err(PoolError::InsufficientFeeCredit { sender, have, need }.into());
        }
        let waiting = load.map_or(0, |load| load.transactions);
        if waiting >= self.limits.transactions_per_sender {
            return Err(PoolError::TooManyOfSender { sender, waiting }.into());
        }
        if inner.bytes.saturating_add(bytes.len()) > self.limits.bytes {
            return Err(PoolError::Full { bytes: inner.bytes }.into());
        }
        inner.take(&Payable { transaction, fee, have: prepaid, next_nonce }, bytes);
        Ok(transaction.id)
    }

    fn verify_all(&self, transactions: &[Bytes]) -> Result<Vec<Arc<Transaction>>, Rejected> {
        self.verify(transactions).into_iter().collect()
    }

    /// Those of a peer's transactions that can be paid for after the block of this height, in
    /// order.
    fn payable<'a>(
        &self,
        height: u64,
        transactions: &'a [Arc<Transaction>],
    ) -> Result<Vec<Payable<'a>>, Fault> {
        // Before genesis nobody has anything to pay from.
        if self.store.committed().is_none() {
            return Ok(Vec::new());
        }
        let (params, next_height) = (self.params()?, height.saturating_add(1));
        let mut payable = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            if check_validity(next_height, &params, transaction).is_ok() {
                payable.extend(self.payable_in_state(&params, transaction)?);
            }
        }
        Ok(payable)
    }

    fn payable_in_state<'a>(
        &self,
        params: &Params,
        transaction: &'a Transaction,
    ) -> Result<Option<Payable<'a>>, Fault> {
        let Standing { next_nonce, credit, .. } =
            match Standing::new(&self.store, params, transaction) {
                Ok(standing) => standing,
                Err(ExecutionError::Rejected(_)) => return Ok(None),
                Err(ExecutionError::Fault(fault)) => return Err(fault),
            };
        let reach = u64::try_from(self.limits.transactions_per_sender).unwrap_or(u64::MAX);
        let nonces = next_nonce..=next_nonce.saturating_add(reach);
        let is_paid = |credit: &Credit| credit.fee <= credit.have;
        let credit = credit.ok().filter(is_paid).filter(|_| nonces.contains(&transaction.nonce));
        Ok(credit.map(|Credit { fee, have }| Payable { transaction, fee, have, next_nonce }))
    }

    fn tell_arrival(&self) {
        self.pending.notify_one();
        self.arrived.notify_all();
    }

    fn params(&self) -> Result<Params, Fault> {
        let params = self.store.peek().leaf(&StateKey::params())?;
        params.ok_or_else(|| Fault::Invariant("the state has no parameters".into()))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An honest node's frame may have some transactions that others have overtaken since, and one that
/// is not payable must not hold up the rest.
fn require_half(payable: usize, transactions: usize) -> Result<(), Rejected> {
    if payable < transactions.saturating_sub(payable) {
        return Err(PoolError::NotPayable { payable, transactions }.into());
    }
    Ok(())
}
