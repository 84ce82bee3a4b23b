//! A proposed block that is computed while the validators still vote on it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use bytes::Bytes;
use tendermint_proto::google::protobuf::Timestamp;

use crate::chain::ledger::FinalizedBlock;
use crate::state::error::Fault;

/// All that the result of a block depends on, beside the state before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proposed {
    pub(super) height: u64,
    pub(super) time_ms: u64,
    pub(super) frames: Vec<Bytes>,
}

impl Proposed {
    pub(super) fn new(height: i64, time: Option<&Timestamp>, frames: Vec<Bytes>) -> Self {
        let time_ms = time.map_or(0, |time| {
            let millis = i128::from(time.seconds) * 1_000 + i128::from(time.nanos) / 1_000_000;
            u64::try_from(millis).unwrap_or(0)
        });
        Self { height: u64::try_from(height).unwrap_or(0), time_ms, frames }
    }
}

type Computed = Result<FinalizedBlock, Fault>;

struct Work {
    proposed: Proposed,
    thread: JoinHandle<Computed>,
}

/// The block that was proposed last, if it is being computed.
#[derive(Default)]
pub(super) struct Candidate(Mutex<Option<Work>>);

impl Candidate {
    /// Begins to compute a block, unless that is under way already.
    pub(super) fn begin(
        &self,
        proposed: Proposed,
        compute: impl FnOnce(&Proposed) -> Computed + Send + 'static,
    ) {
        let mut work = self.lock();
        if work.as_ref().is_some_and(|work| work.proposed == proposed) {
            return;
        }
        finish(work.take());
        let input = proposed.clone();
        let thread = Builder::new().name("candidate".into()).spawn(move || compute(&input));
        // Without a thread it is computed when it is decided.
        *work = thread.ok().map(|thread| Work { proposed, thread });
    }

    /// What was computed of a block; none of another, or where it failed. After this, nothing is
    /// computed any more: the state may change.
    pub(super) fn take(&self, decided: &Proposed) -> Option<FinalizedBlock> {
        let (proposed, computed) = finish(self.lock().take())?;
        computed.ok().filter(|_| proposed == *decided)
    }

    /// Forgets the block.
    pub(super) fn clear(&self) {
        finish(self.lock().take());
    }

    fn lock(&self) -> MutexGuard<'_, Option<Work>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for work that was begun.
fn finish(work: Option<Work>) -> Option<(Proposed, Computed)> {
    let Work { proposed, thread } = work?;
    match thread.join() {
        Ok(computed) => Some((proposed, computed)),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
