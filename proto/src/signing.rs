//! The bytes that are signed, each kind under its own domain, and transaction ids.

use crate::hash::sha256;
use crate::id::{Address, AssetId};

/// Domain of transaction signatures.
const TRANSACTION_DOMAIN: &[u8] = b"tessera/tx/v1";
/// Domain of appraisal signatures.
const APPRAISAL_DOMAIN: &[u8] = b"tessera/appraisal/v1";

/// Domain of signatures of wallets that join an identity.
const LINK_DOMAIN: &[u8] = b"tessera/link/v1";

/// SHA-256 of a chain id, as it stands in signed bytes.
#[must_use]
pub fn chain_id_hash(chain_id: &str) -> [u8; 32] {
    sha256(chain_id)
}

/// What the signatures of a transaction cover: `"tessera/tx/v1" || SHA-256(chain id) || body`.
#[must_use]
pub fn transaction_sign_bytes(chain_id_hash: &[u8; 32], body: &[u8]) -> Vec<u8> {
    [TRANSACTION_DOMAIN, chain_id_hash, body].concat()
}

/// What an appraiser signs:
/// `"tessera/appraisal/v1" || SHA-256(chain id) || asset id || appraisal`.
#[must_use]
pub fn appraisal_sign_bytes(
    chain_id_hash: &[u8; 32],
    asset: &AssetId,
    appraisal: &[u8],
) -> Vec<u8> {
    [APPRAISAL_DOMAIN, chain_id_hash, asset.as_bytes(), appraisal].concat()
}

/// What a wallet signs to join an identity:
/// `"tessera/link/v1" || SHA-256(chain id) || identity || wallet || valid until height`.
#[must_use]
pub fn link_sign_bytes(
    chain_id_hash: &[u8; 32],
    identity: &Address,
    wallet: &Address,
    valid_until_height: u64,
) -> Vec<u8> {
    let height = valid_until_height.to_be_bytes();
    [LINK_DOMAIN, chain_id_hash, identity.as_bytes(), wallet.as_bytes(), &height].concat()
}

/// Id of a transaction: SHA-256 of the bytes of its `SignedTransaction`.
#[must_use]
pub fn transaction_id(signed_transaction: &[u8]) -> [u8; 32] {
    sha256(signed_transaction)
}
