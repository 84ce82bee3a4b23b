//! Who waits for which receipt.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tessera_proto::pb::chain::v1::Receipt;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::chain::receipts::receipt;
use crate::node::application::Node;
use crate::state::error::Fault;

type Id = [u8; 32];
type Waited = HashMap<Id, watch::Sender<Option<Receipt>>>;

/// Transactions whose receipts someone waits for.
#[derive(Default)]
pub(crate) struct Waiters {
    by_id: Mutex<Waited>,
}

/// One who waits; forgotten when dropped.
pub(crate) struct Waiting {
    waiters: Arc<Waiters>,
    id: Id,
    receipt: watch::Receiver<Option<Receipt>>,
}

impl Waiters {
    /// Starts the task that hands out the receipts of each block.
    pub(crate) fn start(node: &Node, mut stopping: watch::Receiver<bool>) -> Arc<Self> {
        let waiters = Arc::new(Self::default());
        let (all, node) = (Arc::clone(&waiters), node.clone());
        tokio::spawn(async move {
            let mut blocks = node.subscribe();
            loop {
                let block = tokio::select! {
                    block = blocks.recv() => block,
                    _ = stopping.wait_for(|stopping| *stopping) => return,
                };
                match block {
                    Ok(block) => all.deliver(&block.receipts),
                    Err(RecvError::Lagged(_)) => all.catch_up(&node).await,
                    Err(RecvError::Closed) => return,
                }
            }
        });
        waiters
    }

    /// Waits for the receipt of a transaction, if it is not there already.
    pub(crate) fn wait(self: &Arc<Self>, id: Id) -> Waiting {
        let receipt = self.lock().entry(id).or_default().subscribe();
        Waiting { waiters: Arc::clone(self), id, receipt }
    }

    fn deliver(&self, receipts: &[Receipt]) {
        let waited = self.lock();
        if waited.is_empty() {
            return;
        }
        for receipt in receipts {
            let id = receipt.outcome.as_ref().map(|outcome| outcome.tx_id.as_ref());
            if let Some(sender) = id.and_then(|id| waited.get(id)) {
                sender.send_replace(Some(receipt.clone()));
            }
        }
    }

    /// Looks for what was in blocks that were missed.
    async fn catch_up(&self, node: &Node) {
        let ids: Vec<Id> = self.lock().keys().copied().collect();
        let node = node.clone();
        let found = spawn_blocking(move || -> Result<Vec<Receipt>, Fault> {
            let database = node.store().database();
            let found = ids.iter().filter_map(|id| receipt(database, id).transpose());
            found.collect()
        });
        match found.await {
            Ok(Ok(receipts)) => self.deliver(&receipts),
            Ok(Err(fault)) => tracing::error!(%fault, "receipts cannot be read"),
            Err(error) => tracing::error!(%error, "receipts were not read"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waited> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// The receipt, when the transaction is in a block.
    pub(crate) async fn receipt(&mut self) -> Option<Receipt> {
        self.receipt.wait_for(Option::is_some).await.ok()?.clone()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waited = self.waiters.lock();
        // This one still counts.
        if waited.get(&self.id).is_some_and(|sender| sender.receiver_count() <= 1) {
            waited.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use tessera_proto::pb::chain::v1::TransactionOutcome;

    use super::*;

    #[tokio::test]
    async fn all_who_wait_are_told_and_none_is_kept() {
        let waiters = Arc::new(Waiters::default());
        let (mut one, mut other) = (waiters.wait([1; 32]), waiters.wait([1; 32]));
        let gone = waiters.wait([2; 32]);
        drop(gone);
        assert_eq!(waiters.lock().len(), 1);
        let outcome = TransactionOutcome { tx_id: vec![1; 32].into(), ..Default::default() };
        let receipt = Receipt { outcome: Some(outcome), height: 7, ..Default::default() };
        waiters.deliver(&[Receipt::default(), receipt.clone()]);
        assert_eq!(one.receipt().await.as_ref(), Some(&receipt));
        assert_eq!(other.receipt().await, Some(receipt));
        drop(one);
        assert_eq!(waiters.lock().len(), 1);
        drop(other);
        assert!(waiters.lock().is_empty());
    }
}
