//! Keys that sign.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use tessera_proto::hash::sha256_of;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::accounts::v1::{Authority, PublicKey, WeightedKey, public_key};
use tessera_proto::signing::{
    appraisal_sign_bytes, chain_id_hash, link_sign_bytes, transaction_sign_bytes,
};
use zeroize::Zeroizing;

/// Domain of the well-known development keys.
const DEV_KEY_DOMAIN: &[u8] = b"tessera/dev-key/";

/// An Ed25519 key and the account that it signs for. Wiped from memory when dropped.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    account: Address,
}

impl Signer {
    /// A new key from the randomness of the operating system.
    ///
    /// # Errors
    /// When the operating system has none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut())?;
        Ok(Self::from_seed(&seed))
    }

    /// The key with this seed (RFC 8032 secret key).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let account = Address::from_ed25519(key.verifying_key().as_bytes());
        Self { key, account }
    }

    /// The well-known development key of this name: its seed is
    /// `SHA-256("tessera/dev-key/" || name)`.
    ///
    /// Everybody can compute it. Never use it for anything of value.
    #[must_use]
    pub fn from_seed_phrase(name: &str) -> Self {
        Self::from_seed(&sha256_of(&[DEV_KEY_DOMAIN, name.as_bytes()]))
    }

    /// The same key, signing for an account whose first key was another.
    #[must_use]
    pub fn for_account(mut self, account: Address) -> Self {
        self.account = account;
        self
    }

    /// The account signed for.
    #[must_use]
    pub fn address(&self) -> Address {
        self.account
    }

    /// The verification key.
    #[must_use]
    pub fn public_key_bytes(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// The verification key as it stands in messages.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        let bytes = self.public_key_bytes().to_vec();
        PublicKey { key: Some(public_key::Key::Ed25519(bytes.into())) }
    }

    /// The authority of an account that this key controls alone.
    #[must_use]
    pub fn authority(&self) -> Authority {
        let key = WeightedKey { public_key: Some(self.public_key()), weight: 1 };
        Authority { keys: vec![key], threshold: 1 }
    }

    /// The seed, for export and encrypted storage.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes())
    }

    /// Signature of a transaction body for a chain.
    #[must_use]
    pub fn sign_transaction(&self, chain_id: &str, body: &[u8]) -> [u8; 64] {
        self.sign(&transaction_sign_bytes(&chain_id_hash(chain_id), body))
    }

    /// Signature of a serialised appraisal of an asset for a chain.
    #[must_use]
    pub fn sign_appraisal(&self, chain_id: &str, asset: &AssetId, appraisal: &[u8]) -> [u8; 64] {
        self.sign(&appraisal_sign_bytes(&chain_id_hash(chain_id), asset, appraisal))
    }

    /// Agreement of the account to join an identity on a chain.
    #[must_use]
    pub fn sign_link(
        &self,
        chain_id: &str,
        identity: &Address,
        valid_until_height: u64,
    ) -> [u8; 64] {
        let chain = chain_id_hash(chain_id);
        self.sign(&link_sign_bytes(&chain, identity, &self.account, valid_until_height))
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        write!(formatter, "Signer({})", self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_dev_key() {
        let alice = Signer::from_seed_phrase("alice");
        assert_eq!(
            hex::encode(alice.seed().as_slice()),
            hex::encode(tessera_proto::hash::sha256(b"tessera/dev-key/alice"))
        );
        let address = "tsr1are8tfaa67dh657juf3pqnr8l80lf3h3422g0w";
        assert_eq!(alice.address().to_string(), address);
        assert_eq!(alice.address(), Address::from_ed25519(&alice.public_key_bytes()));
        assert_ne!(alice.address(), Signer::from_seed_phrase("bob").address());
    }

    #[test]
    fn debug_output_has_no_secret() {
        let signer = Signer::from_seed(&[7; 32]);
        assert_eq!(format!("{signer:?}"), format!("Signer({})", signer.address()));
    }

    #[test]
    fn another_account_can_be_signed_for() {
        let account = Address::new([1; 20]);
        assert_eq!(Signer::from_seed(&[7; 32]).for_account(account).address(), account);
    }
}
