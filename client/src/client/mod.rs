//! The typed client of a node.
//!
//! A [`Client`] is cheap to clone; clones share the connection and the nonces.

mod accounts;
mod compliance;
mod nonces;
mod pools;
mod proofs;
mod queries;
mod register;
mod send;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tessera_proto::pb::chain::v1::chain_service_client::ChainServiceClient;
use tessera_proto::pb::chain::v1::transaction_service_client::TransactionServiceClient;
use tessera_proto::pb::chain::v1::{
    GetInfoRequest, GetInfoResponse, Receipt, SimulateRequest, SubmitRequest, SubmitStreamRequest,
    SubmitStreamResponse, SubscribeBlocksRequest, SubscribeBlocksResponse,
    SubscribeReceiptsRequest, SubscribeReceiptsResponse, WaitForReceiptRequest,
};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::error::{ClientError, root_cause};
use crate::tx_builder::{PreparedTransaction, TransactionId};
use nonces::NonceManager;

pub use queries::{PAGE_ENTRIES, Page, all_pages};
pub use send::SendOptions;

/// Longest wait that a node grants in one call.
const MAX_WAIT: Duration = Duration::from_secs(120);
/// Time beyond a wait that its answer may take to arrive.
const WAIT_GRACE: Duration = Duration::from_secs(5);
/// Largest answer accepted: the receipts of a full block.
const MAX_ANSWER_BYTES: usize = 128 << 20;
/// How long calls may take unless said otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection to a node.
#[derive(Debug, Clone)]
pub struct Client {
    channel: Channel,
    url: Arc<str>,
    timeout: Duration,
    nonces: NonceManager,
}

/// Makes the generated client of a service.
macro_rules! service {
    ($client:expr, $service:ident) => {
        $service::new($client.channel.clone())
            .max_decoding_message_size(crate::client::MAX_ANSWER_BYTES)
    };
}
pub(crate) use service;

impl Client {
    /// Connects to the node at a URL like `http://127.0.0.1:9090`.
    ///
    /// # Errors
    /// [`ClientError::Usage`] for what is not a URL, [`ClientError::Unreachable`].
    pub async fn connect(url: &str) -> Result<Self, ClientError> {
        Self::connect_within(url, DEFAULT_TIMEOUT).await
    }

    /// Like [`Client::connect`], with the time that each call may take.
    ///
    /// # Errors
    /// Those of [`Client::connect`].
    pub async fn connect_within(url: &str, timeout: Duration) -> Result<Self, ClientError> {
        let with_scheme =
            if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        if !with_scheme.starts_with("http://") {
            return Err(ClientError::Usage(format!(
                "`{url}` cannot be used: only http:// is supported"
            )));
        }
        let endpoint = Endpoint::from_shared(with_scheme.clone())
            .map_err(|_| ClientError::Usage(format!("`{url}` is not a URL")))?
            .connect_timeout(timeout)
            .tcp_nodelay(true)
            .http2_adaptive_window(true);
        let channel = endpoint.connect().await.map_err(|error| ClientError::Unreachable {
            url: with_scheme.clone(),
            reason: root_cause(&error),
        })?;
        Ok(Self { channel, url: with_scheme.into(), timeout, nonces: NonceManager::default() })
    }

    /// Where the node is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Chain id, heights, version and parameters.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Node`].
    pub async fn info(&self) -> Result<GetInfoResponse, ClientError> {
        let request = self.request(GetInfoRequest {});
        let answer = service!(self, ChainServiceClient).get_info(request).await;
        Ok(self.answer(answer)?.into_inner())
    }

    /// Puts a transaction into the pool. To send the same bytes again does no harm.
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::Unreachable`], [`ClientError::Node`].
    pub async fn submit(&self, tx: &PreparedTransaction) -> Result<TransactionId, ClientError> {
        let request = self.request(SubmitRequest { transaction: tx.bytes.clone() });
        let answer = service!(self, TransactionServiceClient).submit(request).await;
        match self.answer(answer) {
            Ok(_) => Ok(tx.id),
            Err(error) if send::is_duplicate(&error) => Ok(tx.id),
            Err(error) => Err(with_id(error, tx.id)),
        }
    }

    /// Puts many transactions into the pool; answers come in order, one for each request.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Node`]; later ones in the stream.
    pub async fn submit_stream(
        &self,
        requests: impl Stream<Item = SubmitStreamRequest> + Send + 'static,
    ) -> Result<impl Stream<Item = Result<SubmitStreamResponse, ClientError>>, ClientError> {
        let answer = service!(self, TransactionServiceClient).submit_stream(requests).await;
        Ok(self.stream(self.answer(answer)?.into_inner()))
    }

    /// Runs a transaction on the latest state without including it; it need not be signed.
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::Unreachable`], [`ClientError::Node`].
    pub async fn simulate(&self, tx: &PreparedTransaction) -> Result<Receipt, ClientError> {
        let request = self.request(SimulateRequest { transaction: tx.bytes.clone() });
        let answer = service!(self, TransactionServiceClient).simulate(request).await;
        self.answer(answer)?.into_inner().receipt.ok_or_else(|| malformed("receipt"))
    }

    /// Waits until a transaction is in a block; none when it did not come in time.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Node`].
    pub async fn wait(
        &self,
        id: TransactionId,
        timeout: Duration,
    ) -> Result<Option<Receipt>, ClientError> {
        let answer = self.wait_once(id, timeout).await;
        self.answer(answer)
    }

    async fn wait_once(
        &self,
        id: TransactionId,
        timeout: Duration,
    ) -> Result<Option<Receipt>, Status> {
        let timeout = timeout.min(MAX_WAIT);
        let mut request = Request::new(WaitForReceiptRequest {
            tx_id: id.as_bytes().to_vec().into(),
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        });
        request.set_timeout(timeout + WAIT_GRACE);
        let answer = service!(self, TransactionServiceClient).wait_for_receipt(request).await?;
        Ok(answer.into_inner().receipt)
    }

    /// Receipts as blocks are committed, of an account or an asset if one is named.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Node`]; later ones in the stream.
    pub async fn subscribe_receipts(
        &self,
        account: Option<&str>,
        asset: Option<&str>,
    ) -> Result<impl Stream<Item = Result<SubscribeReceiptsResponse, ClientError>>, ClientError>
    {
        let request = SubscribeReceiptsRequest {
            account: account.unwrap_or_default().to_owned(),
            asset: asset.unwrap_or_default().to_owned(),
        };
        let answer = service!(self, TransactionServiceClient).subscribe_receipts(request).await;
        Ok(self.stream(self.answer(answer)?.into_inner()))
    }

    /// Blocks as they are committed.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Node`]; later ones in the stream.
    pub async fn subscribe_blocks(
        &self,
    ) -> Result<impl Stream<Item = Result<SubscribeBlocksResponse, ClientError>>, ClientError> {
        let request = SubscribeBlocksRequest {};
        let answer = service!(self, ChainServiceClient).subscribe_blocks(request).await;
        Ok(self.stream(self.answer(answer)?.into_inner()))
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    fn answer<T>(&self, answer: Result<T, Status>) -> Result<T, ClientError> {
        answer.map_err(|status| ClientError::from_status(&self.url, &status))
    }

    fn stream<T>(
        &self,
        stream: tonic::Streaming<T>,
    ) -> impl Stream<Item = Result<T, ClientError>> + use<T> {
        let url = self.url.clone();
        stream.map(move |item| item.map_err(|status| ClientError::from_status(&url, &status)))
    }
}

fn malformed(part: &str) -> ClientError {
    ClientError::Node(format!("an answer without {part}"))
}

/// Says of which transaction a refusal is.
fn with_id(error: ClientError, id: TransactionId) -> ClientError {
    match error {
        ClientError::Refused(mut refusal) => {
            refusal.id = Some(id);
            ClientError::Refused(refusal)
        }
        other => other,
    }
}
