//! What the machine could do at most: verify the signatures, hash the tree nodes, nothing else.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use ed25519_zebra::{Signature, VerificationKeyBytes, batch};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use prost::Message as _;
use rayon::prelude::*;
use tessera_proto::pb::accounts::v1::public_key;
use tessera_proto::pb::chain::v1::SignedTransaction;
use tessera_proto::signing;

use crate::chain::verify::BATCH_SIZE;
use crate::state::tree::node::Node;

/// Tree nodes that one thread hashes in a row.
const NODES_AT_ONCE: usize = 64;

/// A key, a signature and what it signs.
struct Signed {
    key: VerificationKeyBytes,
    signature: Signature,
    message: Vec<u8>,
}

/// Time to verify the signatures of transactions in batches, on the current rayon pool.
pub(crate) fn verify_time(chain_id: &str, transactions: &[Bytes]) -> anyhow::Result<Duration> {
    let hash = signing::chain_id_hash(chain_id);
    let signed: Vec<Signed> =
        transactions.iter().map(|bytes| read_signed(&hash, bytes)).collect::<Result<_, _>>()?;
    let started = Instant::now();
    let valid = signed.par_chunks(BATCH_SIZE).all(|chunk| {
        let mut verifier = batch::Verifier::new();
        for Signed { key, signature, message } in chunk {
            verifier.queue(batch::Item::from((*key, *signature, message)));
        }
        verifier.verify(UnwrapErr(SysRng)).is_ok()
    });
    let time = started.elapsed();
    if valid { Ok(time) } else { bail!("a transaction of the benchmark has a wrong signature") }
}

/// Time to hash tree nodes, on the current rayon pool.
pub(crate) fn hash_time(nodes: &[Node]) -> Duration {
    let started = Instant::now();
    let hash = |node: &Node| node.rehash()[0];
    let sum = nodes
        .par_chunks(NODES_AT_ONCE)
        .map(|chunk| chunk.iter().map(hash).fold(0, u8::wrapping_add))
        .reduce(|| 0, u8::wrapping_add);
    std::hint::black_box(sum);
    started.elapsed()
}

fn read_signed(chain_id_hash: &[u8; 32], bytes: &Bytes) -> anyhow::Result<Signed> {
    let transaction = SignedTransaction::decode(bytes.clone())?;
    let first = transaction.signatures.first().context("a transaction has no signature")?;
    let key = first.public_key.as_ref().and_then(|key| key.key.as_ref());
    let Some(public_key::Key::Ed25519(key)) = key else { bail!("a transaction has no key") };
    Ok(Signed {
        key: VerificationKeyBytes::try_from(key.as_ref())?,
        signature: Signature::try_from(first.signature.as_ref())?,
        message: signing::transaction_sign_bytes(chain_id_hash, &transaction.body),
    })
}
