//! Ed25519 keys of validators and nodes, in CometBFT's file formats.

use std::fmt;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signer, SigningKey};
use serde::{Deserialize, Serialize};
use tendermint::private_key::{Ed25519 as FileKey, PrivateKey};
use tendermint::{PublicKey, Signature, account, node};
use zeroize::Zeroizing;

/// What can go wrong with a key or its file.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The operating system gave no randomness.
    #[error("the operating system gave no random bytes for a new key")]
    Randomness(#[source] getrandom::Error),
    /// The key file could not be read.
    #[error("cannot read the key file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The key file could not be written.
    #[error("cannot write the key file {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file holds no Ed25519 key in CometBFT's format. The parser's text may quote the key,
    /// so it is not kept.
    #[error("{path} holds no ed25519 key in cometbft's format")]
    Format {
        /// The file.
        path: PathBuf,
    },
}

/// An Ed25519 key pair of a validator or of a node; the secret half is wiped when dropped.
#[derive(Clone)]
pub struct Ed25519Key(SigningKey);

impl fmt::Debug for Ed25519Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Ed25519Key({})", self.address())
    }
}

impl Ed25519Key {
    /// A new key from the operating system's randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(KeyError::Randomness)?;
        Ok(Self::from_seed(&seed))
    }

    /// The key that belongs to a 32-byte seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::from_raw_ed25519(self.0.verifying_key().as_bytes())
            .expect("a key's own public half is a valid point")
    }

    /// The validator address: the first 20 bytes of SHA-256 of the public key.
    pub fn address(&self) -> account::Id {
        account::Id::from(self.public_key())
    }

    /// The id under which peers know a node with this key.
    pub fn node_id(&self) -> node::Id {
        let address = <[u8; account::LENGTH]>::try_from(self.address().as_bytes());
        node::Id::new(address.expect("an address has 20 bytes"))
    }

    /// Signs the bytes.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature::try_from(self.0.sign(message).to_bytes().as_slice())
            .expect("an ed25519 signature has 64 bytes")
    }

    /// Writes `priv_validator_key.json`, readable by the owner only.
    pub fn write_validator_key(&self, path: &Path) -> Result<(), KeyError> {
        let file = ValidatorKeyFile {
            address: self.address(),
            pub_key: self.public_key(),
            priv_key: self.file_key(),
        };
        write_secret(path, serde_json::to_vec_pretty(&file))
    }

    /// Reads `priv_validator_key.json`.
    pub fn read_validator_key(path: &Path) -> Result<Self, KeyError> {
        let file: ValidatorKeyFile = read_secret(path)?;
        Self::from_file_key(&file.priv_key, path)
    }

    /// Writes `node_key.json`, readable by the owner only.
    pub fn write_node_key(&self, path: &Path) -> Result<(), KeyError> {
        let file = NodeKeyFile { priv_key: self.file_key() };
        write_secret(path, serde_json::to_vec(&file))
    }

    /// Reads `node_key.json`.
    pub fn read_node_key(path: &Path) -> Result<Self, KeyError> {
        let file: NodeKeyFile = read_secret(path)?;
        Self::from_file_key(&file.priv_key, path)
    }

    fn file_key(&self) -> PrivateKey {
        let key = FileKey::try_from(self.0.as_bytes().as_slice()).expect("a seed has 32 bytes");
        PrivateKey::Ed25519(key)
    }

    fn from_file_key(key: &PrivateKey, path: &Path) -> Result<Self, KeyError> {
        key.ed25519_signing_key()
            .and_then(|key| <&[u8; 32]>::try_from(key.as_bytes()).ok())
            .map(Self::from_seed)
            .ok_or_else(|| KeyError::Format { path: path.to_owned() })
    }
}

#[derive(Serialize, Deserialize)]
struct ValidatorKeyFile {
    address: account::Id,
    pub_key: PublicKey,
    priv_key: PrivateKey,
}

#[derive(Serialize, Deserialize)]
struct NodeKeyFile {
    priv_key: PrivateKey,
}

fn read_secret<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, KeyError> {
    let bytes = fs::read(path)
        .map(Zeroizing::new)
        .map_err(|source| KeyError::Read { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes).map_err(|_| KeyError::Format { path: path.to_owned() })
}

fn write_secret(path: &Path, json: serde_json::Result<Vec<u8>>) -> Result<(), KeyError> {
    let failed = |source| KeyError::Write { path: path.to_owned(), source };
    let json = Zeroizing::new(json.map_err(|error| failed(error.into()))?);
    // `create_new`: a key is never overwritten, for a lost validator key cannot be made again.
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(&json).and_then(|()| file.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    // Made by `cometbft init` 0.40.0.
    const VALIDATOR_KEY: &str = r#"{
  "address": "75B71A50A7AED4DDF4397E8FA51B170F105A6590",
  "pub_key": {
    "type": "tendermint/PubKeyEd25519",
    "value": "ICrvSgLziBej6JEH8IvYh9xr7cKsqHJdxEEuRheq1OQ="
  },
  "priv_key": {
    "type": "tendermint/PrivKeyEd25519",
    "value": "z1jLfW16V3Q79jEbpL1q3ZSSWQFLGUMB3yXd+rwPNZEgKu9KAvOIF6PokQfwi9iH3Gvtwqyocl3EQS5GF6rU5A=="
  }
}"#;

    #[test]
    fn validator_key_is_written_as_cometbft_writes_it() {
        let dir = tempfile::tempdir().unwrap();
        let original = dir.path().join("original.json");
        fs::write(&original, VALIDATOR_KEY).unwrap();
        let key = Ed25519Key::read_validator_key(&original).unwrap();
        assert_eq!(key.address().to_string(), "75B71A50A7AED4DDF4397E8FA51B170F105A6590");

        let copy = dir.path().join("copy.json");
        key.write_validator_key(&copy).unwrap();
        assert_eq!(fs::read_to_string(&copy).unwrap(), VALIDATOR_KEY);
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(key.write_validator_key(&copy).is_err(), "a key must not be overwritten");
    }

    #[test]
    fn node_key_round_trips_and_its_id_is_lower_hex() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node_key.json");
        let key = Ed25519Key::generate().unwrap();
        key.write_node_key(&path).unwrap();
        let read = Ed25519Key::read_node_key(&path).unwrap();
        assert_eq!(read.node_id(), key.node_id());
        assert_eq!(key.node_id().to_string(), key.address().to_string().to_lowercase());
    }

    #[test]
    fn secrets_stay_out_of_messages() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        fs::write(&path, VALIDATOR_KEY.replace("z1jL", "z1jM")).unwrap();
        let error = Ed25519Key::read_validator_key(&path).unwrap_err();
        assert!(!format!("{error:?}").contains("fW16V3Q"));
        let key = Ed25519Key::from_seed(&[7; 32]);
        assert_eq!(format!("{key:?}"), format!("Ed25519Key({})", key.address()));
    }
}
