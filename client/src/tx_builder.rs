//! From operations to the exact bytes of a signed transaction.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use prost::Message;
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1::PublicKey;
use tessera_proto::pb::accounts::v1::public_key::Key;
use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::pb::chain::v1::{
    Operation, Params, SignedTransaction, TransactionBody, TransactionSignature,
};
use tessera_proto::signing::transaction_id;

use crate::signer::Signer;

/// Most rounds until a fee agrees with the length of its own digits.
const MAX_QUOTE_ROUNDS: usize = 8;

/// Id of a transaction: SHA-256 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId([u8; 32]);

/// Text that is not the id of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a transaction id: expected 64 hexadecimal digits")]
pub struct TransactionIdError(String);

impl TransactionId {
    /// The id with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode_upper(self.0))
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for TransactionId {
    type Err = TransactionIdError;

    fn from_str(text: &str) -> Result<Self, TransactionIdError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| TransactionIdError(text.to_owned()))?;
        Ok(Self(bytes))
    }
}

/// A transaction ready to be sent: the same bytes may be sent any number of times and take
/// effect at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedTransaction {
    /// The serialised `SignedTransaction`.
    pub bytes: Bytes,
    /// Its id.
    pub id: TransactionId,
    /// Last block that may include it.
    pub valid_until_height: u64,
}

/// The fee of a transaction: exact, known before it is signed.
///
/// None when it is more than an amount can be.
#[must_use]
pub fn quote(params: &Params, signed_length: usize, operations: usize) -> Option<Amount> {
    let per_operation = u128::from(params.fee_per_operation).checked_mul(operations as u128)?;
    let per_byte = u128::from(params.fee_per_byte).checked_mul(signed_length as u128)?;
    u128::from(params.fee_per_transaction)
        .checked_add(per_operation)
        .and_then(|sum| sum.checked_add(per_byte))
        .and_then(Amount::new)
}

/// Collects what goes into a transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct TransactionBuilder {
    body: TransactionBody,
}

impl TransactionBuilder {
    /// A transaction of `sender` without operations yet.
    #[must_use]
    pub fn new(chain_id: impl Into<String>, sender: Address) -> Self {
        Self {
            body: TransactionBody {
                chain_id: chain_id.into(),
                sender: sender.to_bytes(),
                max_fee: Amount::ZERO.to_string(),
                ..TransactionBody::default()
            },
        }
    }

    /// Its place in one of the sender's streams.
    #[must_use]
    pub fn nonce(mut self, lane: u32, nonce: u64) -> Self {
        self.body.nonce_lane = lane;
        self.body.nonce = nonce;
        self
    }

    /// Last block that may include it.
    #[must_use]
    pub fn valid_until_height(mut self, height: u64) -> Self {
        self.body.valid_until_height = height;
        self
    }

    /// Most that the sender will pay.
    #[must_use]
    pub fn max_fee(mut self, fee: Amount) -> Self {
        self.body.max_fee = fee.to_string();
        self
    }

    /// Who pays, if not the sender.
    #[must_use]
    pub fn payer(mut self, payer: Option<Address>) -> Self {
        self.body.payer = payer.map(Address::to_bytes).unwrap_or_default();
        self
    }

    /// Adds an operation.
    #[must_use]
    pub fn operation(mut self, kind: Kind) -> Self {
        self.body.operations.push(Operation { kind: Some(kind) });
        self
    }

    /// Adds operations.
    #[must_use]
    pub fn operations(self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        kinds.into_iter().fold(self, Self::operation)
    }

    /// Sets the most that the sender will pay to the exact fee with `signatures` signatures.
    ///
    /// The digits of the fee are bytes that cost themselves, hence the rounds.
    #[must_use]
    pub fn quoted_fee(mut self, params: &Params, signatures: usize) -> Self {
        for _ in 0..MAX_QUOTE_ROUNDS {
            let length = self.signed_length(signatures);
            let fee = quote(params, length, self.body.operations.len()).unwrap_or(Amount::MAX);
            if self.body.max_fee == fee.to_string() {
                break;
            }
            self.body.max_fee = fee.to_string();
        }
        self
    }

    /// Most that the sender will pay.
    #[must_use]
    pub fn fee(&self) -> Amount {
        self.body.max_fee.parse().unwrap_or(Amount::MAX)
    }

    /// The bytes that signatures cover, after their domain.
    #[must_use]
    pub fn body_bytes(&self) -> Bytes {
        self.body.encode_to_vec().into()
    }

    /// Signs with one key or several.
    #[must_use]
    pub fn sign(&self, signers: &[&Signer]) -> PreparedTransaction {
        let body = self.body_bytes();
        let mut by_key: Vec<_> = signers.iter().map(|s| (s.public_key_bytes(), *s)).collect();
        by_key.sort_by_key(|(public_key, _)| *public_key);
        by_key.dedup_by_key(|(public_key, _)| *public_key);
        let signatures = by_key
            .into_iter()
            .map(|(_, signer)| TransactionSignature {
                public_key: Some(signer.public_key()),
                signature: signer.sign_transaction(&self.body.chain_id, &body).to_vec().into(),
            })
            .collect();
        self.prepare(SignedTransaction { body, signatures })
    }

    /// Without signatures, for simulation only.
    #[must_use]
    pub fn unsigned(&self) -> PreparedTransaction {
        self.prepare(SignedTransaction { body: self.body_bytes(), signatures: Vec::new() })
    }

    fn prepare(&self, transaction: SignedTransaction) -> PreparedTransaction {
        let bytes: Bytes = transaction.encode_to_vec().into();
        PreparedTransaction {
            id: TransactionId(transaction_id(&bytes)),
            bytes,
            valid_until_height: self.body.valid_until_height,
        }
    }

    fn signed_length(&self, signatures: usize) -> usize {
        // Every Ed25519 signature takes as many bytes as any other.
        let sample = TransactionSignature {
            public_key: Some(PublicKey { key: Some(Key::Ed25519(vec![0; 32].into())) }),
            signature: vec![0; 64].into(),
        };
        SignedTransaction { body: self.body_bytes(), signatures: vec![sample; signatures] }
            .encoded_len()
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signature, VerifyingKey};
    use tessera_proto::signing::{chain_id_hash, transaction_sign_bytes};

    use super::*;
    use crate::operations;

    fn builder(signer: &Signer) -> TransactionBuilder {
        let to = Address::new([9; 20]);
        let asset = tessera_proto::id::AssetId::new([1; 16]);
        TransactionBuilder::new("test-chain", signer.address())
            .nonce(3, 7)
            .valid_until_height(100)
            .operation(operations::transfer(&asset, &to, Amount::from_u64(20)))
    }

    #[test]
    fn bytes_id_and_signature_agree() {
        let signer = Signer::from_seed_phrase("alice");
        let prepared = builder(&signer).sign(&[&signer]);
        let decoded = SignedTransaction::decode(prepared.bytes.clone()).unwrap();
        assert_eq!(decoded.encode_to_vec(), prepared.bytes);
        assert_eq!(prepared.id.as_bytes(), &transaction_id(&prepared.bytes));
        let body = TransactionBody::decode(decoded.body.clone()).unwrap();
        assert_eq!((body.nonce_lane, body.nonce, body.valid_until_height), (3, 7, 100));
        let signature = Signature::from_slice(&decoded.signatures[0].signature).unwrap();
        let message = transaction_sign_bytes(&chain_id_hash("test-chain"), &decoded.body);
        VerifyingKey::from_bytes(&signer.public_key_bytes())
            .unwrap()
            .verify_strict(&message, &signature)
            .unwrap();
        assert_eq!(prepared.id.to_string().parse(), Ok(prepared.id));
    }

    #[test]
    fn signatures_stand_in_order_of_key_each_once() {
        let (a, b) = (Signer::from_seed(&[1; 32]), Signer::from_seed(&[2; 32]));
        let forward = builder(&a).sign(&[&a, &b]);
        assert_eq!(forward, builder(&a).sign(&[&b, &a, &b]));
        assert_eq!(SignedTransaction::decode(forward.bytes).unwrap().signatures.len(), 2);
    }

    #[test]
    fn the_quoted_fee_pays_for_its_own_digits() {
        let signer = Signer::from_seed_phrase("alice");
        for per_byte in [0, 1, 3, 7, 1000, u64::MAX] {
            let params = Params {
                fee_per_transaction: 90,
                fee_per_operation: 5,
                fee_per_byte: per_byte,
                ..Params::default()
            };
            let builder = builder(&signer).quoted_fee(&params, 1);
            let exact = quote(&params, builder.sign(&[&signer]).bytes.len(), 1).unwrap();
            assert_eq!(builder.fee(), exact, "per byte {per_byte}");
        }
    }
}
