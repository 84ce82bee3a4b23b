//! What all services share.

use std::sync::Arc;
use std::time::Duration;

use tessera_proto::pb::query::v1::QueryOptions;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use super::admission::Admission;
use super::proofs::HeaderCache;
use super::status;
use super::view::View;
use super::waiting::Waiters;
use crate::node::application::{CommittedBlock, Node};
use crate::node::comet::headers::HeaderSource;

/// Calls that read the state or the database at a time; others wait for their turn.
const MAX_READERS: usize = 64;
/// Messages of a stream that wait for its reader.
const STREAM_AHEAD: usize = 1;
/// How long a reader of a stream may take for a message. Until then it keeps the latest blocks in
/// memory.
const READER_PATIENCE: Duration = Duration::from_secs(30);

/// Who orders the blocks of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainMode {
    /// CometBFT.
    CometBft,
    /// The sequencer in this process.
    Solo,
}

impl ChainMode {
    /// As it stands in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CometBft => "cometbft",
            Self::Solo => "solo",
        }
    }
}

/// A stream of answers.
pub(crate) type Answers<T> = ReceiverStream<Result<T, Status>>;

/// All services; clones share everything.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) node: Node,
    pub(crate) headers: Arc<dyn HeaderSource>,
    pub(crate) header_cache: Arc<HeaderCache>,
    pub(crate) mode: ChainMode,
    pub(crate) admission: Admission,
    pub(crate) waiters: Arc<Waiters>,
    stopping: watch::Receiver<bool>,
    readers: Arc<Semaphore>,
}

impl Services {
    pub(crate) fn new(
        node: Node,
        headers: Arc<dyn HeaderSource>,
        mode: ChainMode,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            admission: Admission::start(&node),
            waiters: Waiters::start(&node, stopping.clone()),
            header_cache: Arc::default(),
            readers: Arc::new(Semaphore::new(MAX_READERS)),
            node,
            headers,
            mode,
            stopping,
        }
    }

    /// Runs what blocks on a thread of its own.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Node) -> Result<T, Status> + Send + 'static,
    ) -> Result<T, Status> {
        let permit = Arc::clone(&self.readers).acquire_owned().await;
        let permit = permit.map_err(|_| status::stopping())?;
        let node = self.node.clone();
        let done = spawn_blocking(move || {
            let _permit = permit;
            work(&node)
        });
        done.await.unwrap_or_else(|_| Err(Status::internal("the call was not finished")))
    }

    /// Answers from the state as of a height.
    pub(crate) async fn query<T: Send + 'static>(
        &self,
        options: Option<QueryOptions>,
        answer: impl FnOnce(&View<'_>) -> Result<T, Status> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let options = options.unwrap_or_default();
        let answer = self.blocking(move |node| View::read(node.store(), options, answer)).await?;
        Ok(Response::new(answer))
    }

    /// Completes when the node goes down.
    pub(crate) async fn stopped(&self) {
        // If the sender is gone, so is the server.
        let _ = self.stopping.clone().wait_for(|stopping| *stopping).await;
    }

    /// Messages made of each block from now on; a reader that falls behind is told and dropped.
    pub(crate) fn follow<T: Send + 'static>(
        &self,
        messages: impl Fn(&CommittedBlock) -> Vec<T> + Send + 'static,
    ) -> Response<Answers<T>> {
        let mut blocks = self.node.subscribe();
        let (sender, receiver) = mpsc::channel(STREAM_AHEAD);
        let services = self.clone();
        tokio::spawn(async move {
            let end = 'reading: loop {
                let block = tokio::select! {
                    block = blocks.recv() => block,
                    () = services.stopped() => break status::stopping(),
                    () = sender.closed() => return,
                };
                match block {
                    Ok(block) => {
                        for message in messages(&block) {
                            match timeout(READER_PATIENCE, sender.send(Ok(message))).await {
                                Ok(Ok(())) => {}
                                Ok(Err(_)) => return,
                                Err(_) => break 'reading status::not_read(READER_PATIENCE),
                            }
                        }
                    }
                    Err(RecvError::Lagged(missed)) => break status::missed(missed),
                    Err(RecvError::Closed) => break status::stopping(),
                }
            };
            drop(blocks);
            // A reader that has gone does not care.
            let _ = sender.send(Err(end)).await;
        });
        Response::new(ReceiverStream::new(receiver))
    }
}
