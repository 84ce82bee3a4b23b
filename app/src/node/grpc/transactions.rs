//! Transactions in, receipts out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use prost::Message as _;
use tessera_proto::pb::accounts::v1::{Account, Authority, PublicKey, public_key};
use tessera_proto::pb::chain::v1::transaction_service_server::TransactionService;
use tessera_proto::pb::chain::v1::{
    Receipt, SimulateRequest, SimulateResponse, SubmitRequest, SubmitResponse, SubmitStreamRequest,
    SubmitStreamResponse, SubscribeReceiptsRequest, SubscribeReceiptsResponse,
    TransactionSignature, WaitForReceiptRequest, WaitForReceiptResponse,
};
use tessera_proto::pb::query::v1::QueryOptions;
use tessera_proto::state_key::StateKey;
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::services::{Answers, Services};
use super::view::{self, View};
use super::{status, submit_stream};
use crate::chain::executor::simulate;
use crate::chain::receipts::receipt;
use crate::chain::subjects::subjects;
use crate::chain::tx::{Transaction, decode_transaction};
use crate::node::application::{CommittedBlock, Node};

/// Longest wait for a receipt.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(120);
/// Bytes of receipts in one message of a stream; more of one block go into the next message.
const RECEIPT_MESSAGE_BYTES: usize = 4 << 20;

#[async_trait]
impl TransactionService for Services {
    type SubmitStreamStream = Answers<SubmitStreamResponse>;
    type SubscribeReceiptsStream = Answers<SubscribeReceiptsResponse>;

    async fn submit(
        &self,
        request: Request<SubmitRequest>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let id = self.admission.submit(request.into_inner().transaction).await?;
        Ok(Response::new(SubmitResponse { tx_id: id.to_vec().into() }))
    }

    async fn submit_stream(
        &self,
        request: Request<Streaming<SubmitStreamRequest>>,
    ) -> Result<Response<Self::SubmitStreamStream>, Status> {
        Ok(Response::new(submit_stream::start(self, request.into_inner())))
    }

    async fn simulate(
        &self,
        request: Request<SimulateRequest>,
    ) -> Result<Response<SimulateResponse>, Status> {
        let bytes = request.into_inner().transaction;
        let receipt = self.blocking(move |node| simulated(node, &bytes)).await?;
        Ok(Response::new(SimulateResponse { receipt: Some(receipt) }))
    }

    async fn wait_for_receipt(
        &self,
        request: Request<WaitForReceiptRequest>,
    ) -> Result<Response<WaitForReceiptResponse>, Status> {
        let WaitForReceiptRequest { tx_id, timeout_ms } = request.into_inner();
        let id: [u8; 32] = tx_id.as_ref().try_into().map_err(|_| {
            status::invalid(format!("`tx_id` has {} bytes, expected 32", tx_id.len()))
        })?;
        // Waiting begins before looking, so that no block can come in between.
        let mut waiting = self.waiters.wait(id);
        let look = move |node: &Node| {
            receipt(node.store().database(), &id).map_err(|fault| status::failed(&fault))
        };
        let mut found = self.blocking(look).await?;
        if found.is_none() && timeout_ms > 0 {
            let longest = Duration::from_millis(timeout_ms).min(MAX_WAIT);
            found = tokio::select! {
                found = timeout(longest, waiting.receipt()) => found.ok().flatten(),
                () = self.stopped() => return Err(status::stopping()),
            };
        }
        Ok(Response::new(WaitForReceiptResponse { receipt: found }))
    }

    async fn subscribe_receipts(
        &self,
        request: Request<SubscribeReceiptsRequest>,
    ) -> Result<Response<Self::SubscribeReceiptsStream>, Status> {
        let SubscribeReceiptsRequest { account, asset } = request.into_inner();
        let mut wanted: Vec<Bytes> = Vec::new();
        if !account.is_empty() {
            wanted.push(view::account(&account)?.to_bytes());
        }
        if !asset.is_empty() {
            let find = move |view: &View<'_>| Ok(view.asset(&asset)?.0.to_bytes());
            wanted.push(self.query(None, find).await?.into_inner());
        }
        Ok(self.follow(move |block| receipts_of(block, &wanted)))
    }
}

/// Receipts of a block that are about all that is wanted, in messages of bounded size.
fn receipts_of(block: &CommittedBlock, wanted: &[Bytes]) -> Vec<SubscribeReceiptsResponse> {
    let about = |receipt: &&Receipt| {
        wanted.is_empty() || {
            let subjects = subjects(receipt);
            wanted.iter().all(|id| subjects.contains(id.as_ref()))
        }
    };
    let height = block.summary.height;
    let mut messages: Vec<SubscribeReceiptsResponse> = Vec::new();
    let mut bytes = RECEIPT_MESSAGE_BYTES;
    for receipt in block.receipts.iter().filter(about) {
        bytes += receipt.encoded_len();
        match messages.last_mut() {
            Some(message) if bytes <= RECEIPT_MESSAGE_BYTES => {
                message.receipts.push(receipt.clone());
            }
            _ => {
                bytes = receipt.encoded_len();
                let receipts = vec![receipt.clone()];
                messages.push(SubscribeReceiptsResponse { height, receipts });
            }
        }
    }
    messages
}

/// What a transaction would do in the next block.
fn simulated(node: &Node, bytes: &Bytes) -> Result<Receipt, Status> {
    let chain_id = node.ledger().verifier().chain_id();
    let mut transaction =
        decode_transaction(bytes, chain_id).map_err(|error| status::refused(&error))?;
    View::read(node.store(), QueryOptions::default(), |view| {
        transaction.size = signed_size(view, &transaction)?;
        let time_ms = view.time_ms()?.unwrap_or_else(clock_ms);
        let outcome = node
            .ledger()
            .block_info(view.state(), view.height() + 1, time_ms)
            .and_then(|(info, params)| simulate(view.state(), &info, &params, &transaction))
            .map_err(|fault| status::failed(&fault))?;
        // In no block.
        Ok(outcome.into_receipt(0, 0))
    })
}

/// Bytes of the transaction with its signatures; while it has none, with as many as its sender
/// needs, so that the fee is what it will be.
fn signed_size(view: &View<'_>, transaction: &Transaction) -> Result<usize, Status> {
    if !transaction.signatures.is_empty() {
        return Ok(transaction.size);
    }
    let account: Option<Account> = view.leaf(&StateKey::account(&transaction.sender))?;
    let authority = account.and_then(|account| account.authority);
    let sample = TransactionSignature {
        public_key: Some(PublicKey { key: Some(public_key::Key::Ed25519(vec![0; 32].into())) }),
        signature: vec![0; 64].into(),
    };
    let one = sample.encoded_len();
    // Tag and length of a field.
    let field = 1 + prost::length_delimiter_len(one);
    let signatures = authority.map_or(1, |authority| fewest_signers(&authority));
    Ok(transaction.size + signatures * (field + one))
}

/// Fewest keys that reach the threshold.
fn fewest_signers(authority: &Authority) -> usize {
    let mut weights: Vec<u64> = authority.keys.iter().map(|key| u64::from(key.weight)).collect();
    weights.sort_unstable_by(|one, other| other.cmp(one));
    let threshold = u64::from(authority.threshold);
    let mut reached = 0;
    let enough = weights.iter().position(|weight| {
        reached += weight;
        reached >= threshold
    });
    enough.map_or(weights.len(), |last| last + 1)
}

/// Time of the first block, about: until there is one, no block tells the time.
fn clock_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
