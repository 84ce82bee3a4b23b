//! From operations to a receipt, whatever the network does on the way.

use std::time::Duration;

use tessera_proto::id::Address;
use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::pb::chain::v1::transaction_service_client::TransactionServiceClient;
use tessera_proto::pb::chain::v1::{GetInfoResponse, Receipt, SubmitRequest};
use tokio::time::{Instant, sleep};

use super::nonces::committed_nonce;
use super::{Client, malformed, service};
use crate::error::{ClientError, Refusal, is_connection_refused};
use crate::signer::Signer;
use crate::tx_builder::{PreparedTransaction, TransactionBuilder, TransactionId};

/// How long a lane may stand still before its next transaction is made anew.
const NONCE_PATIENCE: Duration = Duration::from_secs(2);
/// Refusals of a nonce that is not the next one: by the pool, and by the accounts module.
const NONCE_REFUSALS: [(&str, u32); 2] = [("pool", 4), ("accounts", 16)];
/// Refusal of bytes that the pool has already.
const DUPLICATE: (&str, u32) = ("pool", 1);
/// First pause before the same bytes are sent again.
const FIRST_RETRY_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause before the same bytes are sent again.
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(2);

/// How to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendOptions {
    /// Stream of the sender's transactions; independent tasks should use different ones.
    pub lane: u32,
    /// How many blocks the transaction may be included in.
    pub validity_blocks: u64,
    /// How long to wait for the receipt.
    pub timeout: Duration,
    /// Who has set fees aside for the sender, and pays.
    pub payer: Option<Address>,
}

impl Default for SendOptions {
    fn default() -> Self {
        Self { lane: 0, validity_blocks: 1000, timeout: Duration::from_secs(60), payer: None }
    }
}

impl Client {
    /// Signs and sends operations as one transaction and waits for its receipt. Nonce, fee and
    /// validity are taken care of.
    ///
    /// # Errors
    /// [`ClientError::Refused`] also when the transaction is in a block but failed,
    /// [`ClientError::OutcomeUnknown`], [`ClientError::Unreachable`], [`ClientError::Node`].
    pub async fn send(&self, signer: &Signer, operations: &[Kind]) -> Result<Receipt, ClientError> {
        self.send_with(signer, operations, SendOptions::default()).await
    }

    /// Like [`Client::send`], with options.
    ///
    /// # Errors
    /// Those of [`Client::send`].
    pub async fn send_with(
        &self,
        signer: &Signer,
        operations: &[Kind],
        options: SendOptions,
    ) -> Result<Receipt, ClientError> {
        let deadline = Instant::now() + options.timeout;
        let info = self.info().await?;
        let account = signer.address();
        loop {
            let nonce = self.nonces.reserve(self, &account, options.lane).await?;
            let tx = builder(&info, &account, operations, options, nonce).sign(&[signer]);
            let result =
                match self.submit_in_turn(&tx, (&account, options.lane, nonce), deadline).await {
                    Ok(Turn::Taken) => self.receipt_until(tx.id, deadline).await,
                    Ok(Turn::Lost) => {
                        self.nonces.forget(&account, options.lane).await;
                        continue;
                    }
                    Err(error) => Err(error),
                };
            // A transaction in a block has used its nonce; any other may have left a gap.
            let is_in_block = match &result {
                Ok(_) => true,
                Err(ClientError::Refused(refusal)) => refusal.height.is_some(),
                Err(_) => false,
            };
            if !is_in_block {
                self.nonces.forget(&account, options.lane).await;
            }
            return result;
        }
    }

    /// Submits a transaction, waiting for those before it in its lane.
    async fn submit_in_turn(
        &self,
        tx: &PreparedTransaction,
        (account, lane, nonce): (&Address, u32, u64),
        deadline: Instant,
    ) -> Result<Turn, ClientError> {
        let mut pause = FIRST_RETRY_PAUSE;
        let mut last_change = Instant::now();
        let mut last_expected = None;
        loop {
            let error = match self.submit_until(tx, deadline).await {
                Ok(()) => return Ok(Turn::Taken),
                Err(error) => error,
            };
            // Others who sign for the account may have made the very same bytes: then these are
            // theirs, and what was asked for here is still to be done.
            let is_taken = is_duplicate(&error) || is_refusal(&error, &NONCE_REFUSALS);
            if !is_taken || Instant::now() >= deadline {
                return Err(error);
            }
            let expected = committed_nonce(self, account, lane).await?;
            if last_expected != Some(expected) {
                last_expected = Some(expected);
                last_change = Instant::now();
            }
            if nonce < expected || last_change.elapsed() > NONCE_PATIENCE {
                return Ok(Turn::Lost);
            }
            sleep(pause).await;
            pause = (pause * 2).min(NONCE_PATIENCE / 4);
        }
    }

    /// A transaction of these operations, quoted for so many signatures, that can be simulated
    /// but not yet sent.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Node`].
    pub async fn prepare_unsigned(
        &self,
        sender: &Address,
        operations: &[Kind],
        options: SendOptions,
        signatures: usize,
    ) -> Result<TransactionBuilder, ClientError> {
        let info = self.info().await?;
        let nonce = committed_nonce(self, sender, options.lane).await?;
        let params = info.params.clone().unwrap_or_default();
        Ok(builder(&info, sender, operations, options, nonce).quoted_fee(&params, signatures))
    }

    /// Sends a transaction and waits for its receipt, sending the same bytes again as often as
    /// the connection fails: they take effect at most once.
    ///
    /// # Errors
    /// [`ClientError::Refused`] also when the transaction is in a block but failed,
    /// [`ClientError::Unreachable`] only if the transaction cannot have arrived,
    /// [`ClientError::OutcomeUnknown`] otherwise.
    pub async fn submit_and_wait(
        &self,
        tx: &PreparedTransaction,
        timeout: Duration,
    ) -> Result<Receipt, ClientError> {
        let deadline = Instant::now() + timeout;
        match self.submit_until(tx, deadline).await {
            Err(error) if !is_duplicate(&error) => Err(error),
            _ => self.receipt_until(tx.id, deadline).await,
        }
    }

    async fn receipt_until(
        &self,
        id: TransactionId,
        deadline: Instant,
    ) -> Result<Receipt, ClientError> {
        let mut pause = FIRST_RETRY_PAUSE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.wait_once(id, left).await {
                Ok(Some(receipt)) => return accepted(receipt, id),
                Ok(None) | Err(_) if left.is_zero() => {
                    return Err(ClientError::OutcomeUnknown { id });
                }
                Ok(None) | Err(_) => {
                    sleep(pause.min(left)).await;
                    pause = (pause * 2).min(MAX_RETRY_PAUSE);
                }
            }
        }
    }

    /// Sends the same bytes until the node has an answer.
    async fn submit_until(
        &self,
        tx: &PreparedTransaction,
        deadline: Instant,
    ) -> Result<(), ClientError> {
        let mut may_have_arrived = false;
        let mut pause = FIRST_RETRY_PAUSE;
        loop {
            let request = self.request(SubmitRequest { transaction: tx.bytes.clone() });
            let answer = service!(self, TransactionServiceClient).submit(request).await;
            let Err(status) = answer else { return Ok(()) };
            let error = ClientError::from_status(self.url(), &status);
            if !matches!(error, ClientError::Unreachable { .. }) {
                // Sent before, it may be refused now because it has already taken effect.
                return if may_have_arrived { Ok(()) } else { Err(super::with_id(error, tx.id)) };
            }
            may_have_arrived |= !is_connection_refused(&status);
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let unknown = ClientError::OutcomeUnknown { id: tx.id };
                return Err(if may_have_arrived { unknown } else { error });
            }
            sleep(pause.min(left)).await;
            pause = (pause * 2).min(MAX_RETRY_PAUSE);
        }
    }
}

/// How a transaction fared in its lane.
enum Turn {
    /// It is in the pool.
    Taken,
    /// Its nonce will not be the next one any more: it must be made anew.
    Lost,
}

/// Whether the pool refused bytes that it has already: what was asked for is so.
pub(super) fn is_duplicate(error: &ClientError) -> bool {
    is_refusal(error, &[DUPLICATE])
}

fn is_refusal(error: &ClientError, which: &[(&str, u32)]) -> bool {
    let ClientError::Refused(refusal) = error else { return false };
    which.contains(&(refusal.codespace.as_str(), refusal.code))
}

fn builder(
    info: &GetInfoResponse,
    sender: &Address,
    operations: &[Kind],
    options: SendOptions,
    nonce: u64,
) -> TransactionBuilder {
    let params = info.params.clone().unwrap_or_default();
    let validity = options.validity_blocks.min(params.max_validity_blocks);
    TransactionBuilder::new(info.chain_id.clone(), *sender)
        .valid_until_height(info.height.saturating_add(validity))
        .operations(operations.iter().cloned())
        .nonce(options.lane, nonce)
        .payer(options.payer)
        .quoted_fee(&params, 1)
}

/// The receipt if it is of success, else the refusal.
pub(crate) fn accepted(receipt: Receipt, id: TransactionId) -> Result<Receipt, ClientError> {
    let outcome = receipt.outcome.as_ref().ok_or_else(|| malformed("outcome"))?;
    if outcome.code == 0 {
        return Ok(receipt);
    }
    Err(ClientError::Refused(Box::new(Refusal {
        codespace: outcome.codespace.clone(),
        code: outcome.code,
        message: receipt.message.clone(),
        id: Some(id),
        height: (receipt.height > 0).then_some(receipt.height),
    })))
}

#[cfg(test)]
mod tests {
    use tessera_proto::pb::chain::v1::TransactionOutcome;

    use super::*;

    #[test]
    fn a_failed_transaction_is_a_refusal_with_its_block() {
        let outcome =
            TransactionOutcome { code: 7, codespace: "transfers".into(), ..Default::default() };
        let receipt = Receipt {
            outcome: Some(outcome),
            height: 12,
            message: "too much".into(),
            ..Receipt::default()
        };
        let id = TransactionId::new([1; 32]);
        let error = accepted(receipt, id).unwrap_err();
        let ClientError::Refused(refusal) = error else { panic!("{error}") };
        assert_eq!((refusal.height, refusal.id), (Some(12), Some(id)));
        assert!(accepted(Receipt::default(), id).is_err());
    }
}
