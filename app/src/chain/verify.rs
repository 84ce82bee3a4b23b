//! Signatures: one rule (ZIP-215, cofactored), batched, in parallel, once per transaction.
//!
//! The rule does not depend on how a signature is checked: alone or in any batch, the answer is
//! the same, so nodes cannot disagree.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, UnitWeighter};
use rayon::prelude::*;
use tessera_proto::pb::accounts::v1::{PublicKey, public_key};
use tessera_proto::signing;

use super::signature::{KeyCache, Signed, all_valid};
use super::tx::{Transaction, TxError, decode_transaction};
use crate::state::error::Rejected;

/// Transactions per batch: larger ones gain little, and keep a thread from more urgent work.
const BATCH_SIZE: usize = 128;
/// Verified transactions that are kept so that they need no second look.
const CACHE_ENTRIES: usize = 131_072;

/// A transaction whose form and signatures are right, or why they are not.
pub type Verified = Result<Arc<Transaction>, Rejected>;

/// Decodes and verifies transactions, each only once.
pub struct Verifier {
    chain_id: String,
    chain_id_hash: [u8; 32],
    cache: Cache<[u8; 32], Arc<Transaction>>,
    keys: KeyCache,
}

impl Verifier {
    /// A verifier for the transactions of one chain.
    #[must_use]
    pub fn new(chain_id: &str) -> Self {
        Self {
            chain_id: chain_id.to_owned(),
            chain_id_hash: signing::chain_id_hash(chain_id),
            cache: recency_cache(CACHE_ENTRIES),
            keys: KeyCache::default(),
        }
    }

    /// Id of the chain.
    #[must_use]
    pub fn chain_id(&self) -> &str {
        &self.chain_id
    }

    /// SHA-256 of the id of the chain.
    #[must_use]
    pub fn chain_id_hash(&self) -> &[u8; 32] {
        &self.chain_id_hash
    }

    /// Decodes transactions and checks their signatures, in parallel; answers in order.
    #[must_use]
    pub fn verify(&self, transactions: &[Bytes]) -> Vec<Verified> {
        transactions
            .par_chunks(BATCH_SIZE)
            .flat_map_iter(|chunk| self.verify_chunk(chunk))
            .collect()
    }

    fn verify_chunk(&self, chunk: &[Bytes]) -> Vec<Verified> {
        let mut signed = Vec::with_capacity(chunk.len());
        // Answers, and where among the signatures those that are not verified yet have theirs.
        let mut answers = Vec::with_capacity(chunk.len());
        for bytes in chunk {
            if let Some(known) = self.cache.get(&signing::transaction_id(bytes)) {
                answers.push((Ok(known), None));
                continue;
            }
            let decoded = decode_transaction(bytes, &self.chain_id).and_then(|transaction| {
                let first = signed.len();
                signed.extend(self.signed(&transaction)?);
                Ok((Ok(Arc::new(transaction)), Some(first..signed.len())))
            });
            answers.push(decoded.unwrap_or_else(|error| (Err(error), None)));
        }
        let all_well = all_valid(&signed);
        let is_valid = |range| {
            let own: &[Signed] = signed.get::<Range<usize>>(range).unwrap_or_default();
            all_well || own.chunks(1).all(all_valid)
        };
        let check = |(answer, range): (Verified, Option<Range<usize>>)| {
            let (Ok(transaction), Some(range)) = (&answer, range) else { return answer };
            if !is_valid(range) {
                return Err(TxError::WrongSignature { sender: transaction.sender }.into());
            }
            self.cache.insert(transaction.id, Arc::clone(transaction));
            answer
        };
        answers.into_iter().map(check).collect()
    }

    /// The signatures of a transaction, of which there is at least one.
    ///
    /// # Errors
    /// [`TxError::WrongSignature`] when it is clear that one is not valid.
    fn signed(&self, transaction: &Transaction) -> Result<Vec<Signed>, TxError> {
        let message = signing::transaction_sign_bytes(&self.chain_id_hash, &transaction.body);
        let signed: Option<Vec<Signed>> = transaction
            .signatures
            .iter()
            .map(|(key, signature)| prepare(&self.keys, key, signature, &message))
            .collect();
        signed
            .filter(|signed| !signed.is_empty())
            .ok_or(TxError::WrongSignature { sender: transaction.sender })
    }
}

/// A cache that gives half its room to newcomers: each transaction is wanted a few times soon,
/// then never again.
fn recency_cache(entries: usize) -> Cache<[u8; 32], Arc<Transaction>> {
    let capacity = u64::try_from(entries).unwrap_or(u64::MAX);
    let options = OptionsBuilder::new()
        .estimated_items_capacity(entries)
        .weight_capacity(capacity)
        .hot_allocation(0.5)
        .build();
    match options {
        Ok(options) => Cache::with_options(
            options,
            UnitWeighter,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        ),
        // Only a missing capacity is an error.
        Err(_) => Cache::new(entries),
    }
}

fn prepare(keys: &KeyCache, key: &PublicKey, signature: &Bytes, message: &[u8]) -> Option<Signed> {
    let public_key::Key::Ed25519(key) = key.key.as_ref()?;
    let key = key.as_ref().try_into().ok()?;
    Signed::new(keys, key, signature.as_ref().try_into().ok()?, message)
}
