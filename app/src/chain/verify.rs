//! Signatures: one rule (ZIP-215, cofactored), batched, in parallel, once per transaction.
//!
//! The rule does not depend on how a signature is checked: alone or in any batch, the answer is
//! the same, so nodes cannot disagree.

use std::sync::Arc;

use bytes::Bytes;
use ed25519_zebra::{Signature, VerificationKey, VerificationKeyBytes, batch};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, UnitWeighter};
use rayon::prelude::*;
use tessera_proto::pb::accounts::v1::{PublicKey, public_key};
use tessera_proto::signing;

use super::tx::{Transaction, TxError, decode_transaction};
use crate::state::error::Rejected;

/// Signatures per batch: larger ones gain little.
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
}

impl Verifier {
    /// A verifier for the transactions of one chain.
    #[must_use]
    pub fn new(chain_id: &str) -> Self {
        Self {
            chain_id: chain_id.to_owned(),
            chain_id_hash: signing::chain_id_hash(chain_id),
            cache: recency_cache(CACHE_ENTRIES),
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
        let mut items = Vec::with_capacity(chunk.len());
        let mut answers: Vec<(Verified, bool)> = Vec::with_capacity(chunk.len());
        for bytes in chunk {
            if let Some(known) = self.cache.get(&signing::transaction_id(bytes)) {
                answers.push((Ok(known), true));
                continue;
            }
            let decoded = decode_transaction(bytes, &self.chain_id).map(Arc::new);
            if let Ok(transaction) = &decoded {
                items.push(self.items(transaction));
            }
            answers.push((decoded, false));
        }
        let all_well = all_valid(items.iter().map(Option::as_deref));
        let mut items = items.into_iter();
        for (answer, known) in &mut answers {
            let Ok(transaction) = answer else { continue };
            if *known {
                continue;
            }
            let item = items.next().flatten();
            if all_well || item.as_deref().is_some_and(each_valid) {
                self.cache.insert(transaction.id, Arc::clone(transaction));
            } else {
                *answer = Err(TxError::WrongSignature { sender: transaction.sender }.into());
            }
        }
        answers.into_iter().map(|(answer, _)| answer).collect()
    }

    /// What is to be verified for one transaction; none when it is clear that it fails.
    fn items(&self, transaction: &Transaction) -> Option<Vec<batch::Item>> {
        if transaction.signatures.is_empty() {
            return None;
        }
        let message = signing::transaction_sign_bytes(&self.chain_id_hash, &transaction.body);
        let item = |(key, signature): &(PublicKey, Bytes)| {
            let (key, signature) = ed25519_parts(key, signature)?;
            Some(batch::Item::from((key, signature, &message)))
        };
        transaction.signatures.iter().map(item).collect()
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

/// Whether a signature is valid, by the same rule as in batches.
#[must_use]
pub fn verify_signature(key: &PublicKey, signature: &Bytes, message: &[u8]) -> bool {
    let Some((key, signature)) = ed25519_parts(key, signature) else { return false };
    VerificationKey::try_from(key).is_ok_and(|key| key.verify(&signature, message).is_ok())
}

fn ed25519_parts(key: &PublicKey, signature: &Bytes) -> Option<(VerificationKeyBytes, Signature)> {
    let public_key::Key::Ed25519(key) = key.key.as_ref()?;
    let key = VerificationKeyBytes::try_from(key.as_ref()).ok()?;
    let signature = Signature::try_from(signature.as_ref()).ok()?;
    Some((key, signature))
}

/// Whether every item of every transaction is valid.
fn all_valid<'a>(items: impl Iterator<Item = Option<&'a [batch::Item]>>) -> bool {
    let mut verifier = batch::Verifier::new();
    for transaction in items {
        let Some(transaction) = transaction else { return false };
        for item in transaction {
            verifier.queue(item.clone());
        }
    }
    verifier.verify(UnwrapErr(SysRng)).is_ok()
}

fn each_valid(items: &[batch::Item]) -> bool {
    items.iter().all(|item| item.clone().verify_single().is_ok())
}
