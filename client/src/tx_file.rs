//! A transaction as a file, which several keys sign one after the other.

use bytes::Bytes;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1::PublicKey;
use tessera_proto::pb::accounts::v1::public_key::Key;
use tessera_proto::pb::chain::v1::{SignedTransaction, TransactionBody, TransactionSignature};
use tessera_proto::signing::transaction_id;

use crate::signer::Signer;
use crate::tx_builder::{PreparedTransaction, TransactionBuilder, TransactionId};

/// What the file says it is.
const FORMAT: &str = "tessera/transaction";
/// Version of the layout.
const VERSION: u32 = 1;

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransactionFileError {
    /// It is something else.
    #[error(
        "this is not a transaction file: expected JSON of format `{FORMAT}`, version {VERSION}"
    )]
    Malformed,
    /// Bytes in it are no transaction.
    #[error("`{0}` of the transaction file is damaged")]
    Damaged(&'static str),
}

/// A transaction and the signatures that it has so far.
#[derive(Debug, Clone, PartialEq)]
pub struct TransactionFile {
    /// What it does.
    pub body: TransactionBody,
    bytes: Bytes,
    /// Ed25519 keys and signatures, in ascending order of key.
    signatures: Vec<([u8; 32], [u8; 64])>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layout {
    format: String,
    version: u32,
    body: String,
    signatures: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    ed25519: String,
    signature: String,
}

impl TransactionFile {
    /// A transaction that nobody has signed yet.
    #[must_use]
    pub fn new(draft: &TransactionBuilder) -> Self {
        let bytes = draft.body_bytes();
        let body = TransactionBody::decode(bytes.clone()).unwrap_or_default();
        Self { body, bytes, signatures: Vec::new() }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`TransactionFileError`].
    pub fn from_text(text: &str) -> Result<Self, TransactionFileError> {
        let layout: Layout =
            serde_json::from_str(text).map_err(|_| TransactionFileError::Malformed)?;
        if layout.format != FORMAT || layout.version != VERSION {
            return Err(TransactionFileError::Malformed);
        }
        let damaged = TransactionFileError::Damaged;
        let bytes: Bytes = hex::decode(&layout.body).map_err(|_| damaged("body"))?.into();
        let body = TransactionBody::decode(bytes.clone()).map_err(|_| damaged("body"))?;
        let mut file = Self { body, bytes, signatures: Vec::new() };
        for Entry { ed25519, signature } in layout.signatures {
            let (mut key, mut signed) = ([0; 32], [0; 64]);
            hex::decode_to_slice(&ed25519, &mut key).map_err(|_| damaged("ed25519"))?;
            hex::decode_to_slice(&signature, &mut signed).map_err(|_| damaged("signature"))?;
            file.insert(key, signed);
        }
        Ok(file)
    }

    /// The file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let entry = |(key, signature): &([u8; 32], [u8; 64])| Entry {
            ed25519: hex::encode(key),
            signature: hex::encode(signature),
        };
        let layout = Layout {
            format: FORMAT.to_owned(),
            version: VERSION,
            body: hex::encode(&self.bytes),
            signatures: self.signatures.iter().map(entry).collect(),
        };
        // Nothing in it can fail to be written.
        serde_json::to_string_pretty(&layout).unwrap_or_default() + "\n"
    }

    /// Whose transaction it is.
    #[must_use]
    pub fn sender(&self) -> Option<Address> {
        self.body.sender.as_ref().try_into().ok()
    }

    /// Adds the signature of a key, in place of one that it has made before.
    pub fn sign(&mut self, signer: &Signer) {
        let signature = signer.sign_transaction(&self.body.chain_id, &self.bytes);
        self.insert(signer.public_key_bytes(), signature);
    }

    /// The keys that have signed.
    pub fn signers(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.signatures.iter().map(|(key, _)| key)
    }

    /// The transaction with its signatures, ready to be sent.
    #[must_use]
    pub fn prepared(&self) -> PreparedTransaction {
        let entry = |(key, signature): &([u8; 32], [u8; 64])| TransactionSignature {
            public_key: Some(PublicKey { key: Some(Key::Ed25519(key.to_vec().into())) }),
            signature: signature.to_vec().into(),
        };
        let signatures = self.signatures.iter().map(entry).collect();
        let transaction = SignedTransaction { body: self.bytes.clone(), signatures };
        let bytes: Bytes = transaction.encode_to_vec().into();
        PreparedTransaction {
            id: TransactionId::new(transaction_id(&bytes)),
            bytes,
            valid_until_height: self.body.valid_until_height,
        }
    }

    fn insert(&mut self, key: [u8; 32], signature: [u8; 64]) {
        match self.signatures.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(index) => self.signatures[index].1 = signature,
            Err(index) => self.signatures.insert(index, (key, signature)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tessera_proto::amount::Amount;
    use tessera_proto::id::AssetId;

    use super::*;
    use crate::operations;

    #[test]
    fn a_file_signed_by_turns_is_what_all_sign_at_once() {
        let [alice, bob] = ["alice", "bob"].map(Signer::from_seed_phrase);
        let transfer = operations::transfer(&AssetId::new([1; 16]), &bob.address(), Amount::MAX);
        let draft = TransactionBuilder::new("test", alice.address()).operation(transfer);
        let mut file = TransactionFile::new(&draft);
        for signer in [&bob, &alice, &bob] {
            let text = file.to_text();
            file = TransactionFile::from_text(&text).unwrap();
            assert_eq!(file.to_text(), text);
            file.sign(signer);
        }
        assert_eq!(file.prepared(), draft.sign(&[&alice, &bob]));
        assert_eq!((file.sender(), file.signers().count()), (Some(alice.address()), 2));
    }

    #[test]
    fn what_is_no_transaction_file_is_refused() {
        let draft = TransactionBuilder::new("test", Address::new([1; 20]));
        let text = TransactionFile::new(&draft).to_text();
        for (from, to) in [("tessera/", "other/"), ("1,", "2,"), ("\"body\": \"", "\"body\": \"zz")]
        {
            assert!(TransactionFile::from_text(&text.replacen(from, to, 1)).is_err(), "{from}");
        }
    }
}
