//! Who may sign for an account.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ed25519_zebra::VerificationKey;
use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1 as pb;

use super::error::AccountError;
use crate::modules::fields::{self, FieldError};

/// Most keys of an authority.
pub const MAX_KEYS: usize = 16;
/// Most weight of one key.
pub const MAX_WEIGHT: u32 = 65_535;

/// Who may sign for an account, and how many of them must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Weight of each Ed25519 key, 1 to [`MAX_WEIGHT`].
    pub keys: BTreeMap<[u8; 32], u32>,
    /// Sum of weights that a transaction needs.
    pub threshold: u32,
}

impl TryFrom<pb::Authority> for Authority {
    type Error = AccountError;

    /// Refuses the number of keys; then, key by key, malformed fields,
    /// [`AccountError::InvalidKey`] and [`AccountError::KeysNotAscending`]; then
    /// [`AccountError::ThresholdOutOfReach`].
    fn try_from(authority: pb::Authority) -> Result<Self, AccountError> {
        let pb::Authority { keys: given, threshold } = authority;
        fields::count("keys", given.len(), 1, MAX_KEYS)?;
        let (mut keys, mut total) = (BTreeMap::new(), 0_u32);
        for pb::WeightedKey { public_key, weight } in given {
            let key = ed25519_key(public_key.as_ref())?;
            fields::range("weight", weight, 1, MAX_WEIGHT)?;
            if VerificationKey::try_from(key).is_err() {
                return Err(AccountError::InvalidKey { key: hex::encode(key) });
            }
            if keys.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(AccountError::KeysNotAscending { key: hex::encode(key) });
            }
            keys.insert(key, weight);
            total = total.saturating_add(weight);
        }
        if threshold == 0 || threshold > total {
            return Err(AccountError::ThresholdOutOfReach { threshold, total });
        }
        Ok(Self { keys, threshold })
    }
}

impl From<&Authority> for pb::Authority {
    fn from(authority: &Authority) -> Self {
        let Authority { keys, threshold } = authority;
        let keys = keys.iter().map(|(key, weight)| pb::WeightedKey {
            public_key: Some(public_key(key)),
            weight: *weight,
        });
        Self { keys: keys.collect(), threshold: *threshold }
    }
}

/// The bytes of an Ed25519 key in a message.
fn ed25519_key(key: Option<&pb::PublicKey>) -> Result<[u8; 32], FieldError> {
    const FIELD: &str = "public_key";
    match key.and_then(|key| key.key.as_ref()) {
        None => Err(FieldError::Missing { field: FIELD }),
        Some(pb::public_key::Key::Ed25519(bytes)) => fields::bytes32(FIELD, bytes),
    }
}

fn public_key(ed25519: &[u8; 32]) -> pb::PublicKey {
    let key = pb::public_key::Key::Ed25519(Bytes::copy_from_slice(ed25519));
    pb::PublicKey { key: Some(key) }
}

/// Checks that the keys that have signed may sign for an account and suffice.
///
/// An account without an authority is signed for by exactly the key that its address was
/// derived from. The signatures themselves are checked elsewhere.
///
/// # Errors
/// In order of precedence: [`AccountError::Sanctioned`]; key by key: malformed keys,
/// [`AccountError::DuplicateSigner`], [`AccountError::UnknownSigner`]; then
/// [`AccountError::NotEnoughWeight`].
pub fn authorise(
    account: Option<&pb::Account>,
    sender: &Address,
    signers: &[pb::PublicKey],
) -> Result<(), AccountError> {
    if account.is_some_and(|account| account.sanctioned) {
        return Err(AccountError::Sanctioned { account: *sender });
    }
    let authority = account.and_then(|account| account.authority.as_ref());
    let (mut have, mut seen) = (0_u32, BTreeSet::new());
    for signer in signers {
        let key = ed25519_key(Some(signer))?;
        if !seen.insert(key) {
            return Err(AccountError::DuplicateSigner { key: hex::encode(key) });
        }
        let weight = match authority {
            None => (Address::from_ed25519(&key) == *sender).then_some(1),
            Some(authority) => weight_of(authority, signer),
        };
        let unknown = || AccountError::UnknownSigner { account: *sender, key: hex::encode(key) };
        have = have.saturating_add(weight.ok_or_else(unknown)?);
    }
    let need = authority.map_or(1, |authority| authority.threshold);
    if have < need {
        return Err(AccountError::NotEnoughWeight { account: *sender, have, need });
    }
    Ok(())
}

fn weight_of(authority: &pb::Authority, signer: &pb::PublicKey) -> Option<u32> {
    let known = authority.keys.iter().find(|key| key.public_key.as_ref() == Some(signer));
    known.map(|key| key.weight)
}
