//! Single transactions on their way into the pool: those that come at the same time are checked
//! together, which costs less than one by one.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tonic::Status;

use super::status;
use crate::chain::tx::{MAX_TRANSACTION_BYTES, TxError};
use crate::node::application::Node;

/// Transactions that may wait to be checked.
const QUEUE_LENGTH: usize = 2_048;
/// Transactions that are checked together.
const BATCH_LENGTH: usize = 1_024;

type Answer = Result<[u8; 32], Status>;

struct Submission {
    transaction: Bytes,
    answer: oneshot::Sender<Answer>,
}

/// The way into the pool.
#[derive(Clone)]
pub(crate) struct Admission {
    queue: mpsc::Sender<Submission>,
}

impl Admission {
    /// Starts the task that empties the queue; it ends with the last clone.
    pub(crate) fn start(node: &Node) -> Self {
        let (queue, submissions) = mpsc::channel(QUEUE_LENGTH);
        tokio::spawn(run(node.clone(), submissions));
        Self { queue }
    }

    /// Takes a transaction into the pool, and tells its id.
    pub(crate) async fn submit(&self, transaction: Bytes) -> Answer {
        let bytes = transaction.len();
        if bytes > MAX_TRANSACTION_BYTES {
            return Err(status::refused(&TxError::Oversized { bytes }.into()));
        }
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Submission { transaction, answer }).map_err(|_| {
            Status::resource_exhausted(format!(
                "{QUEUE_LENGTH} transactions wait to be checked; send it again in a moment"
            ))
        })?;
        answered.await.unwrap_or_else(|_| Err(status::stopping()))
    }
}

async fn run(node: Node, mut submissions: mpsc::Receiver<Submission>) {
    let mut batch = Vec::new();
    while submissions.recv_many(&mut batch, BATCH_LENGTH).await > 0 {
        let (transactions, senders): (Vec<Bytes>, Vec<_>) =
            batch.drain(..).map(|entry| (entry.transaction, entry.answer)).unzip();
        let pool = node.clone();
        let answers = match spawn_blocking(move || pool.pool().submit(&transactions)).await {
            Ok(Ok(answers)) => answers
                .into_iter()
                .map(|answer| answer.map_err(|error| status::refused(&error)))
                .collect(),
            Ok(Err(fault)) => vec![Err(status::failed(&fault)); senders.len()],
            Err(_) => vec![Err(Status::internal("the call was not finished")); senders.len()],
        };
        for (sender, answer) in senders.into_iter().zip(answers) {
            // Whoever hung up does not care.
            let _ = sender.send(answer);
        }
    }
}
