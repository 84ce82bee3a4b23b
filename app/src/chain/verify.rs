//! Signatures: one rule (ZIP-215, cofactored), batched, in parallel, once per transaction.
//!
//! The rule does not depend on how a signature is checked: alone or in any batch, the answer is
//! the same, so nodes cannot disagree.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use rayon::prelude::*;
use tessera_proto::pb::accounts::v1::{PublicKey, public_key};
use tessera_proto::pb::chain::v1::Receipt;
use tessera_proto::signing;

use super::signature::{KeyCache, Signed, all_valid};
use super::tx::{Transaction, TxError, decode_transaction};
use crate::state::error::Rejected;

/// Transactions per batch: larger ones gain little.
pub(crate) const BATCH_SIZE: usize = 256;
/// Bytes of verified transactions that are kept so that they need no second look: more than the
/// pool takes from streams.
const CACHE_BYTES: usize = 192 << 20;
/// What a transaction takes beside its own bytes.
const OVERHEAD_BYTES: usize = 800;

/// A transaction whose form and signatures are right, or why they are not.
pub type Verified = Result<Arc<Transaction>, Rejected>;

/// Decodes and verifies transactions, each only once.
pub struct Verifier {
    chain_id: String,
    chain_id_hash: [u8; 32],
    cache: Cache<[u8; 32], Arc<Transaction>, ByMemory>,
    keys: KeyCache,
}

impl Verifier {
    /// A verifier for the transactions of one chain.
    #[must_use]
    pub fn new(chain_id: &str) -> Self {
        Self {
            chain_id: chain_id.to_owned(),
            chain_id_hash: signing::chain_id_hash(chain_id),
            cache: recency_cache(CACHE_BYTES),
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

    /// Keeps the transactions of these receipts no longer: a block has them.
    pub fn forget(&self, receipts: &[Receipt]) {
        let outcomes = receipts.par_iter().filter_map(|receipt| receipt.outcome.as_ref());
        outcomes.for_each(|outcome| drop(self.cache.remove(outcome.tx_id.as_ref())));
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

/// Weighs transactions by the memory that they take.
#[derive(Clone)]
struct ByMemory;

impl Weighter<[u8; 32], Arc<Transaction>> for ByMemory {
    fn weight(&self, _id: &[u8; 32], transaction: &Arc<Transaction>) -> u64 {
        let bytes = transaction.size.saturating_add(OVERHEAD_BYTES);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// A cache that has nearly all its room for newcomers: each transaction is wanted a few times until
/// a block has it, then never again.
fn recency_cache(bytes: usize) -> Cache<[u8; 32], Arc<Transaction>, ByMemory> {
    let entries = bytes.checked_div(OVERHEAD_BYTES).unwrap_or_default();
    let capacity = u64::try_from(bytes).unwrap_or(u64::MAX);
    let options = OptionsBuilder::new()
        .estimated_items_capacity(entries)
        .weight_capacity(capacity)
        // Nothing is taken in that has more than all the rest of the room.
        .hot_allocation(0.1)
        .build();
    match options {
        Ok(options) => Cache::with_options(
            options,
            ByMemory,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        ),
        // Only a missing capacity is an error.
        Err(_) => Cache::with_weighter(entries, capacity, ByMemory),
    }
}

fn prepare(keys: &KeyCache, key: &PublicKey, signature: &Bytes, message: &[u8]) -> Option<Signed> {
    let public_key::Key::Ed25519(key) = key.key.as_ref()?;
    let key = key.as_ref().try_into().ok()?;
    Signed::new(keys, key, signature.as_ref().try_into().ok()?, message)
}

#[cfg(test)]
mod tests {
    use tessera_client::operations::top_up_fees;
    use tessera_client::signer::Signer;
    use tessera_client::tx_builder::TransactionBuilder;
    use tessera_proto::amount::Amount;
    use tessera_proto::hash::sha256;
    use tessera_proto::pb::chain::v1::TransactionOutcome;

    use super::*;

    fn transactions(count: u64) -> Vec<Bytes> {
        let signer = Signer::from_seed(&[7; 32]);
        let of = |nonce| {
            let builder = TransactionBuilder::new("test", signer.address()).nonce(0, nonce);
            let builder = builder.valid_until_height(1).max_fee(Amount::from_u64(1));
            let top_up = top_up_fees(&signer.address(), Amount::from_u64(1));
            builder.operation(top_up).sign(&[&signer]).bytes
        };
        (0..count).map(of).collect()
    }

    #[test]
    fn a_verified_transaction_is_kept_until_a_block_has_it() {
        let (verifier, transactions) = (Verifier::new("test"), transactions(BATCH_SIZE as u64 + 9));
        let verified = || -> Vec<Arc<Transaction>> {
            verifier.verify(&transactions).into_iter().map(Result::unwrap).collect()
        };
        let first = verified();
        assert!(first.iter().zip(&verified()).all(|(one, other)| Arc::ptr_eq(one, other)));
        let (in_block, waiting) = first.split_at(40);
        let receipt = |transaction: &Arc<Transaction>| Receipt {
            outcome: Some(TransactionOutcome {
                tx_id: transaction.id.to_vec().into(),
                ..TransactionOutcome::default()
            }),
            ..Receipt::default()
        };
        verifier.forget(&in_block.iter().map(receipt).collect::<Vec<_>>());
        let again = verified();
        let is_kept = |one: &Arc<Transaction>, other| Arc::ptr_eq(one, other);
        assert!(in_block.iter().zip(&again).all(|(one, other)| !is_kept(one, other)));
        assert!(waiting.iter().zip(&again[40..]).all(|(one, other)| is_kept(one, other)));
    }

    #[test]
    fn newcomers_have_nearly_all_the_room_and_large_ones_take_more_of_it() {
        let verifier = Verifier::new("test");
        let transaction = verifier.verify(&transactions(1)).remove(0).unwrap();
        let kept = |count: u64, size: usize| {
            let cache = recency_cache(10_000 * 1_000);
            let transaction = Arc::new(Transaction {
                size,
                operations: Vec::new(),
                signatures: Vec::new(),
                body: Bytes::new(),
                ..*transaction
            });
            let ids = (0..count).map(|number| sha256(number.to_be_bytes()));
            ids.clone().for_each(|id| cache.insert(id, Arc::clone(&transaction)));
            ids.filter(|id| cache.get(id).is_some()).count()
        };
        assert!(kept(9_000, 200) > 8_900);
        assert!((8_000..=10_000).contains(&kept(30_000, 200)));
        assert!(kept(30_000, 9_200) <= 1_000);
    }
}
