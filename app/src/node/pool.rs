//! Transactions that wait for a block, packed into frames.
//!
//! Transactions taken in here go into an open frame, which is sealed when it is full or when
//! someone asks for frames. Sealed frames, ours and those of peers, stay until a block contains
//! them or all their transactions have expired.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use quick_cache::DefaultHashBuilder;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tessera_proto::amount::Amount;
use tessera_proto::hash::sha256;
use tessera_proto::id::Address;
use tessera_proto::pb::chain::v1::{Frame, Params};
use tessera_proto::state_key::StateKey;
use tokio::sync::Notify;

use super::standing::{Credit, Standing};
use crate::chain::executor::check_validity;
use crate::chain::outcome::MALFORMED_FRAME_CODE;
use crate::chain::tx::{MAX_FRAME_TRANSACTIONS, Transaction, decode_frame};
use crate::chain::verify::{Verified, Verifier};
use crate::rejection;
use crate::state::error::{Fault, Rejected};
use crate::state::store::Store;
use crate::state::view::LeafReader;

/// Bytes of transactions at which the open frame is sealed.
const FRAME_TARGET_BYTES: usize = 128 << 10;
/// Blocks after which an undecided frame is handed to gossip again: gossip may lose it.
const GOSSIP_AGAIN_BLOCKS: u64 = 8;
/// Blocks whose frames are still known, so that one which gossip brings late is not proposed again.
const DECIDED_BLOCKS: usize = 32;

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
        }
    }
}

rejection!(PoolError, "pool");

/// Why something was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// Refused.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// This node has failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

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
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    open: Vec<Bytes>,
    open_members: Vec<Member>,
    open_bytes: usize,
    frames: VecDeque<PooledFrame>,
    /// Of frames that wait or were decided.
    frame_hashes: HashSet<[u8; 32], DefaultHashBuilder>,
    /// Hashes of the frames of the latest blocks, oldest first.
    decided: VecDeque<Vec<[u8; 32]>>,
    ids: HashSet<[u8; 32], DefaultHashBuilder>,
    senders: HashMap<Address, SenderLoad, DefaultHashBuilder>,
    bytes: usize,
    height: u64,
}

/// A transaction that wants to be taken in.
struct Arrival<'a> {
    transaction: &'a Transaction,
    standing: Result<Standing, AdmissionError>,
    bytes: &'a Bytes,
}

struct PooledFrame {
    hash: [u8; 32],
    bytes: Bytes,
    members: Vec<Member>,
    /// Height at which it was last handed to gossip.
    gossiped_height: Option<u64>,
}

#[derive(Clone, Copy)]
struct Member {
    id: [u8; 32],
    sender: Address,
    payer: Option<Address>,
    fee: Amount,
    valid_until_height: u64,
}

/// What waits of one account.
#[derive(Default)]
struct SenderLoad {
    transactions: usize,
    /// By who pays; nobody else than the sender when there is none.
    fees: BTreeMap<Option<Address>, u128>,
    next_nonces: BTreeMap<u32, u64>,
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
        let inner = Mutex::new(Inner { height, ..Inner::default() });
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
            let admitted = verified.map_err(AdmissionError::from).and_then(|transaction| {
                let arrival = Arrival { transaction: &transaction, standing, bytes };
                self.admit(&mut inner, &params, arrival)
            });
            answers.push(match admitted {
                Ok(id) => Ok(id),
                Err(AdmissionError::Rejected(error)) => Err(error),
                Err(AdmissionError::Fault(fault)) => return Err(fault),
            });
        }
        drop(inner);
        if answers.iter().any(Result::is_ok) {
            self.tell_arrival();
        }
        Ok(answers)
    }

    /// Checks a frame of a peer in full and takes it in.
    ///
    /// # Errors
    /// In order of precedence: [`PoolError::MalformedFrame`], [`PoolError::Duplicate`], the
    /// refusal of the first transaction whose form or signature is wrong, [`PoolError::Full`].
    pub fn insert_frame(&self, bytes: &Bytes) -> Result<(), Rejected> {
        let transactions = decode_frame(bytes).ok_or(PoolError::MalformedFrame)?;
        let hash = sha256(bytes);
        if self.lock().frame_hashes.contains(&hash) {
            return Err(PoolError::Duplicate.into());
        }
        let verified: Vec<Arc<Transaction>> =
            self.verify(&transactions).into_iter().collect::<Result<_, _>>()?;
        let mut inner = self.lock();
        if inner.bytes.saturating_add(bytes.len()) > self.limits.bytes {
            return Err(PoolError::Full { bytes: inner.bytes }.into());
        }
        if !inner.frame_hashes.insert(hash) {
            return Err(PoolError::Duplicate.into());
        }
        let mut members = Vec::with_capacity(verified.len());
        for transaction in &verified {
            // Of a peer's transaction the fee is not known to be exact, its limit is enough.
            members.push(inner.load(transaction, transaction.max_fee));
        }
        inner.bytes += bytes.len();
        let bytes = bytes.clone();
        inner.frames.push_back(PooledFrame { hash, bytes, members, gossiped_height: None });
        drop(inner);
        self.tell_arrival();
        Ok(())
    }

    /// Checks a frame in full without taking it in.
    ///
    /// # Errors
    /// In order of precedence: [`PoolError::MalformedFrame`], the refusal of the first
    /// transaction whose form or signature is wrong.
    pub fn check_frame(&self, bytes: &Bytes) -> Result<(), Rejected> {
        let transactions = decode_frame(bytes).ok_or(PoolError::MalformedFrame)?;
        self.verify(&transactions).into_iter().try_for_each(|verified| verified.map(drop))
    }

    /// Blocks until something waits for a block, or for as long as `patience`.
    pub fn wait_for_frames(&self, patience: Duration) {
        let idle = |inner: &mut Inner| inner.is_empty();
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
            // Protobuf field tag and length of each transaction of a block.
            let size = frame.bytes.len() + 8;
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
        let decided: HashSet<&[u8; 32]> = frames.iter().collect();
        let mut inner = self.lock();
        inner.height = height;
        let (gone, kept): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut inner.frames).into_iter().partition(|frame| {
                let expired = |member: &Member| member.valid_until_height <= height;
                decided.contains(&frame.hash) || frame.members.iter().all(expired)
            });
        inner.frames = kept;
        for frame in gone {
            inner.frame_hashes.remove(&frame.hash);
            inner.bytes -= frame.bytes.len();
            for member in &frame.members {
                inner.unload(member);
            }
        }
        inner.remember(frames);
        drop(inner);
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
        inner: &mut Inner,
        params: &Params,
        Arrival { transaction, standing, bytes }: Arrival<'_>,
    ) -> Result<[u8; 32], AdmissionError> {
        if inner.ids.contains(&transaction.id) {
            return Err(refusal(PoolError::Duplicate));
        }
        let next_height = inner.height.saturating_add(1);
        check_validity(next_height, params, transaction).map_err(Rejected::from)?;
        let Standing { next_nonce, credit } = standing?;
        let sender = transaction.sender;
        let (lane, have) = (transaction.nonce_lane, transaction.nonce);
        let want = next_nonce.max(inner.next_nonce(&sender, lane));
        if have != want {
            return Err(refusal(PoolError::NonceMismatch { sender, lane, have, want }));
        }
        let Credit { fee, have } = credit?;
        let need = inner.fees_of(&sender, &transaction.payer).saturating_add(fee.base_units());
        let need = Amount::new(need).unwrap_or(Amount::MAX);
        if need > have {
            return Err(refusal(PoolError::InsufficientFeeCredit { sender, have, need }));
        }
        let waiting = inner.senders.get(&sender).map_or(0, |load| load.transactions);
        if waiting >= self.limits.transactions_per_sender {
            return Err(refusal(PoolError::TooManyOfSender { sender, waiting }));
        }
        if inner.bytes.saturating_add(bytes.len()) > self.limits.bytes {
            return Err(refusal(PoolError::Full { bytes: inner.bytes }));
        }
        inner.take(transaction, bytes, fee);
        Ok(transaction.id)
    }

    fn tell_arrival(&self) {
        self.pending.notify_one();
        self.arrived.notify_all();
    }

    fn params(&self) -> Result<Params, Fault> {
        let params = self.store.peek().leaf(&StateKey::params())?;
        params.ok_or_else(|| Fault::Invariant("the state has no parameters".into()))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refusal(error: PoolError) -> AdmissionError {
    AdmissionError::Rejected(error.into())
}

fn member(transaction: &Transaction, fee: Amount) -> Member {
    Member {
        id: transaction.id,
        sender: transaction.sender,
        payer: transaction.payer,
        fee,
        valid_until_height: transaction.valid_until_height,
    }
}

impl Inner {
    fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.open.is_empty()
    }

    /// Nonce after those that wait in a lane; 0 if none do.
    fn next_nonce(&self, sender: &Address, lane: u32) -> u64 {
        let load = self.senders.get(sender);
        load.and_then(|load| load.next_nonces.get(&lane)).copied().unwrap_or(0)
    }

    /// What the transactions of a sender that wait cost whoever pays.
    fn fees_of(&self, sender: &Address, payer: &Option<Address>) -> u128 {
        let load = self.senders.get(sender);
        load.and_then(|load| load.fees.get(payer)).copied().unwrap_or(0)
    }

    /// Knows the frames of a block for some time.
    fn remember(&mut self, frames: &[[u8; 32]]) {
        self.frame_hashes.extend(frames);
        self.decided.push_back(frames.to_vec());
        if self.decided.len() > DECIDED_BLOCKS {
            for hash in self.decided.pop_front().into_iter().flatten() {
                self.frame_hashes.remove(&hash);
            }
        }
    }

    fn take(&mut self, transaction: &Transaction, bytes: &Bytes, fee: Amount) {
        let member = self.load(transaction, fee);
        self.bytes += bytes.len();
        self.open_bytes += bytes.len();
        self.open.push(bytes.clone());
        self.open_members.push(member);
        if self.open_bytes >= FRAME_TARGET_BYTES || self.open.len() >= MAX_FRAME_TRANSACTIONS {
            self.seal();
        }
    }

    /// Closes the open frame, if there is anything in it.
    fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let transactions = std::mem::take(&mut self.open);
        let bytes = Bytes::from(Frame { transactions }.encode_to_vec());
        let hash = sha256(&bytes);
        self.bytes = self.bytes - std::mem::take(&mut self.open_bytes) + bytes.len();
        self.frame_hashes.insert(hash);
        let members = std::mem::take(&mut self.open_members);
        self.frames.push_back(PooledFrame { hash, bytes, members, gossiped_height: None });
    }

    fn load(&mut self, transaction: &Transaction, fee: Amount) -> Member {
        self.ids.insert(transaction.id);
        let load = self.senders.entry(transaction.sender).or_default();
        load.transactions += 1;
        let fees = load.fees.entry(transaction.payer).or_default();
        *fees = fees.saturating_add(fee.base_units());
        let next = load.next_nonces.entry(transaction.nonce_lane).or_default();
        *next = (*next).max(transaction.nonce.saturating_add(1));
        member(transaction, fee)
    }

    fn unload(&mut self, member: &Member) {
        self.ids.remove(&member.id);
        if let Some(load) = self.senders.get_mut(&member.sender) {
            load.transactions -= 1;
            if let Some(fees) = load.fees.get_mut(&member.payer) {
                *fees = fees.saturating_sub(member.fee.base_units());
            }
            if load.transactions == 0 {
                self.senders.remove(&member.sender);
            }
        }
    }
}
