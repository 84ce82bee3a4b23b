//! From bytes to a transaction whose form is right.

use bytes::Bytes;
use prost::Message as _;
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1::PublicKey;
use tessera_proto::pb::chain::v1::{Frame, SignedTransaction, TransactionBody};
use tessera_proto::signing;

use crate::modules::fields;
use crate::modules::router::Operation;
use crate::rejection;
use crate::state::error::Rejected;

/// Most bytes of a transaction.
pub const MAX_TRANSACTION_BYTES: usize = 64 << 10;
/// Most operations of a transaction.
pub const MAX_OPERATIONS: usize = 64;
/// Most signatures of a transaction.
pub const MAX_SIGNATURES: usize = 16;
/// Most transactions of a frame.
pub const MAX_FRAME_TRANSACTIONS: usize = 4_096;
/// Most bytes of a frame.
pub const MAX_FRAME_BYTES: usize = 256 << 10;

/// Why a transaction as such is refused. Codes are stable; order of declaration is the order of
/// precedence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TxError {
    /// Too many bytes.
    #[error("transaction has {bytes} bytes, at most {MAX_TRANSACTION_BYTES} are allowed")]
    Oversized {
        /// Bytes of the transaction.
        bytes: usize,
    },
    /// Not a transaction, or not in its one canonical encoding.
    #[error("transaction is malformed: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Too few or too many operations.
    #[error("transaction has {operations} operations, 1 to {MAX_OPERATIONS} are allowed")]
    OperationCount {
        /// Operations of the transaction.
        operations: usize,
    },
    /// Made for another chain.
    #[error("transaction is for chain `{found}`, this chain is `{expected}`")]
    WrongChain {
        /// Chain id in the transaction.
        found: String,
        /// Id of this chain.
        expected: String,
    },
    /// A signature does not match its key and the transaction.
    #[error(
        "a signature of {sender} is wrong: it was made with another key, for another chain, or \
         the transaction was changed after signing"
    )]
    WrongSignature {
        /// Sender of the transaction.
        sender: Address,
    },
    /// Too late.
    #[error(
        "transaction was valid until block {valid_until_height} and this is block {height}; \
         send it again with a later limit"
    )]
    Expired {
        /// Its limit.
        valid_until_height: u64,
        /// Height of the block.
        height: u64,
    },
    /// Valid for too long.
    #[error(
        "transaction is valid until block {valid_until_height}, more than {max_blocks} after \
         block {height}; choose an earlier limit"
    )]
    ValidForTooLong {
        /// Its limit.
        valid_until_height: u64,
        /// Height of the block.
        height: u64,
        /// Most blocks ahead.
        max_blocks: u64,
    },
    /// The sender does not want to pay that much.
    #[error("fee is {fee}, more than the transaction's limit of {max_fee} base units")]
    FeeAboveLimit {
        /// The fee.
        fee: Amount,
        /// Most that the sender will pay.
        max_fee: Amount,
    },
    /// The sender has not enough prepaid fees.
    #[error(
        "{sender} has {have} base units of prepaid fees and the transaction costs {need}; \
         top up the account first"
    )]
    InsufficientFeeCredit {
        /// Sender of the transaction.
        sender: Address,
        /// Prepaid fees.
        have: Amount,
        /// The fee.
        need: Amount,
    },
    /// Something earlier in the block, or in the transaction, changed what it needs to touch.
    #[error(
        "another transaction of the same block, or an earlier operation of this one, changed what \
         this one depends on; send it again, or its operations one by one"
    )]
    StateChangedInBlock,
    /// What is kept of an asset or account contradicts itself or has outgrown its range.
    #[error("the state that this depends on cannot be right: {what}; report it to the validators")]
    StateContradictsItself {
        /// What is wrong with it.
        what: String,
    },
}

impl TxError {
    /// Stable number of the refusal within codespace `tx`.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Malformed { .. } => 1,
            Self::Oversized { .. } => 2,
            Self::WrongChain { .. } => 3,
            Self::Expired { .. } => 4,
            Self::ValidForTooLong { .. } => 5,
            Self::WrongSignature { .. } => 6,
            Self::OperationCount { .. } => 7,
            Self::FeeAboveLimit { .. } => 8,
            Self::InsufficientFeeCredit { .. } => 9,
            Self::StateChangedInBlock => 10,
            // 11 is an unknown operation, told by the router of the modules.
            Self::StateContradictsItself { .. } => 12,
        }
    }
}

rejection!(TxError, "tx");

/// A transaction whose form is right. Signatures are checked in [`super::verify`].
#[derive(Debug)]
pub struct Transaction {
    /// SHA-256 of its bytes.
    pub id: [u8; 32],
    /// Number of its bytes.
    pub size: usize,
    /// Who acts.
    pub sender: Address,
    /// Stream of the sender's transactions.
    pub nonce_lane: u32,
    /// Position in the stream.
    pub nonce: u64,
    /// Last block that may include it.
    pub valid_until_height: u64,
    /// Most that the sender will pay.
    pub max_fee: Amount,
    /// Who pays instead of the sender.
    pub payer: Option<Address>,
    /// What is to be done.
    pub operations: Vec<Operation>,
    /// Keys and signatures, in ascending order of key.
    pub signatures: Vec<(PublicKey, Bytes)>,
    /// What the signatures cover, as sent.
    pub body: Bytes,
}

impl Transaction {
    /// Names of its operations.
    #[must_use]
    pub fn operation_names(&self) -> Vec<&'static str> {
        self.operations.iter().map(Operation::name).collect()
    }

    /// The keys that signed it.
    #[must_use]
    pub fn signers(&self) -> Vec<PublicKey> {
        self.signatures.iter().map(|(key, _)| key.clone()).collect()
    }
}

/// Reads a transaction.
///
/// # Errors
/// In order of precedence: [`TxError::Oversized`], [`TxError::Malformed`],
/// [`TxError::OperationCount`], [`TxError::WrongChain`], then whatever the first operation with a
/// fault says about its form.
pub fn decode_transaction(bytes: &Bytes, chain_id: &str) -> Result<Transaction, Rejected> {
    if bytes.len() > MAX_TRANSACTION_BYTES {
        return Err(TxError::Oversized { bytes: bytes.len() }.into());
    }
    let signed: SignedTransaction =
        decode_canonical(bytes, "it is not a `SignedTransaction` in canonical encoding")?;
    let body: TransactionBody = decode_canonical(
        &signed.body,
        "its body is not a `TransactionBody` in canonical encoding",
    )?;
    let sender = Address::try_from(body.sender.as_ref())
        .map_err(|_| TxError::Malformed { reason: "its sender is not a 20-byte address" })?;
    let max_fee = body
        .max_fee
        .parse()
        .map_err(|_| TxError::Malformed { reason: "its `max_fee` is not a decimal number" })?;
    let payer = fields::optional_address("payer", &body.payer)
        .map_err(|_| TxError::Malformed { reason: "its payer is not a 20-byte address" })?;
    let signatures = read_signatures(&signed)?;
    let count = body.operations.len();
    if count == 0 || count > MAX_OPERATIONS {
        return Err(TxError::OperationCount { operations: count }.into());
    }
    if body.chain_id != chain_id {
        let expected = chain_id.to_owned();
        return Err(TxError::WrongChain { found: body.chain_id, expected }.into());
    }
    let operations =
        body.operations.into_iter().map(Operation::try_from).collect::<Result<_, _>>()?;
    Ok(Transaction {
        id: signing::transaction_id(bytes),
        size: bytes.len(),
        sender,
        nonce_lane: body.nonce_lane,
        nonce: body.nonce,
        valid_until_height: body.valid_until_height,
        max_fee,
        payer,
        operations,
        signatures,
        body: signed.body,
    })
}

/// Reads the transactions of a frame, without looking into them; none when the frame is
/// malformed: not canonical, empty, or over a limit.
#[must_use]
pub fn decode_frame(bytes: &Bytes) -> Option<Vec<Bytes>> {
    if bytes.len() > MAX_FRAME_BYTES {
        return None;
    }
    let frame: Frame = decode_canonical(bytes, "").ok()?;
    let count = frame.transactions.len();
    let sized = frame.transactions.iter().all(|tx| !tx.is_empty());
    (count > 0 && count <= MAX_FRAME_TRANSACTIONS && sized).then_some(frame.transactions)
}

/// Decodes a message and insists that encoding it again gives the same bytes, so that one
/// content has one id.
fn decode_canonical<M: prost::Message + Default>(
    bytes: &Bytes,
    reason: &'static str,
) -> Result<M, TxError> {
    let message = M::decode(bytes.clone()).map_err(|_| TxError::Malformed { reason })?;
    let canonical = message.encoded_len() == bytes.len() && message.encode_to_vec() == *bytes;
    if canonical { Ok(message) } else { Err(TxError::Malformed { reason }) }
}

fn read_signatures(signed: &SignedTransaction) -> Result<Vec<(PublicKey, Bytes)>, TxError> {
    let malformed = |reason| TxError::Malformed { reason };
    if signed.signatures.len() > MAX_SIGNATURES {
        return Err(malformed("it has more than 16 signatures"));
    }
    let mut signatures: Vec<(PublicKey, Bytes)> = Vec::with_capacity(signed.signatures.len());
    for entry in &signed.signatures {
        let key = entry.public_key.clone().ok_or(malformed("a signature has no public key"))?;
        let in_order =
            signatures.last().is_none_or(|(last, _)| last.encode_to_vec() < key.encode_to_vec());
        if !in_order {
            return Err(malformed("its signatures are not in ascending order of public key"));
        }
        signatures.push((key, entry.signature.clone()));
    }
    Ok(signatures)
}
