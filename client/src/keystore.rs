//! Keys in encrypted files, one for each name.
//!
//! A file is JSON: version, account and public key in the clear, so that listing needs no
//! passphrase, and the seed under XChaCha20-Poly1305 with a key that scrypt makes of the
//! passphrase. The clear fields are authenticated with the seed.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use tessera_proto::id::Address;
use zeroize::Zeroizing;

use crate::signer::Signer;

/// Version of the file format.
const VERSION: u32 = 1;
/// Cost of making the encryption key: 128 MiB of memory.
const DEFAULT_LOG_N: u8 = 17;
/// Most cost that a file may ask for (1 GiB), so that a hostile file cannot exhaust memory.
const MAX_LOG_N: u8 = 20;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 1;
/// Longest name of a key.
const MAX_NAME_LENGTH: usize = 40;

/// Why a key could not be stored or used.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// The name cannot be that of a key.
    #[error("`{0}` cannot name a key: use 1 to 40 characters of a-z, 0-9, - and _")]
    BadName(String),
    /// There is no such key.
    #[error("there is no key named `{0}`")]
    NotFound(String),
    /// The name is taken.
    #[error("a key named `{0}` exists already")]
    Exists(String),
    /// The passphrase does not open the key.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// A passphrase must not be empty.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// The file is not a key file of a known version.
    #[error("`{path}` is not a key file that this version can read")]
    Unreadable {
        /// The file.
        path: PathBuf,
    },
    /// The file system failed.
    #[error("cannot use `{path}`")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    Randomness,
}

/// What is known of a key without its passphrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its name.
    pub name: String,
    /// The account that it signs for.
    pub account: Address,
    /// Its verification key.
    pub public_key: [u8; 32],
}

/// A folder of key files.
#[derive(Debug, Clone)]
pub struct Keystore {
    folder: PathBuf,
    log_n: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    version: u32,
    account: Address,
    public_key: String,
    kdf: KdfParams,
    cipher: CipherParams,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KdfParams {
    name: String,
    log_n: u8,
    r: u32,
    p: u32,
    salt: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CipherParams {
    name: String,
    nonce: String,
    ciphertext: String,
}

impl Keystore {
    /// The keys below this home folder, in `keys/<name>.json`.
    #[must_use]
    pub fn new(home: &Path) -> Self {
        Self { folder: home.join("keys"), log_n: DEFAULT_LOG_N }
    }

    /// The same, with another cost of making the encryption key, from 10 to 20.
    #[must_use]
    pub fn with_log_n(mut self, log_n: u8) -> Self {
        self.log_n = log_n.clamp(10, MAX_LOG_N);
        self
    }

    /// All keys in order of name; files that are not keys are left out.
    ///
    /// # Errors
    /// [`KeystoreError::Io`].
    pub fn list(&self) -> Result<Vec<KeyInfo>, KeystoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(io_error(&self.folder, source)),
        };
        let mut keys = Vec::new();
        for entry in entries {
            let path = entry.map_err(|source| io_error(&self.folder, source))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(name) = name.strip_suffix(".json")
                && let Ok(info) = self.info(name)
            {
                keys.push(info);
            }
        }
        keys.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(keys)
    }

    /// What is known of a key without its passphrase.
    ///
    /// # Errors
    /// In order of precedence: [`KeystoreError::BadName`], [`KeystoreError::NotFound`],
    /// [`KeystoreError::Io`], [`KeystoreError::Unreadable`].
    pub fn info(&self, name: &str) -> Result<KeyInfo, KeystoreError> {
        let file = self.read(name)?;
        let public_key = self.fixed(name, &file.public_key)?;
        Ok(KeyInfo { name: name.to_owned(), account: file.account, public_key })
    }

    /// Stores a new key.
    ///
    /// # Errors
    /// In order of precedence: [`KeystoreError::BadName`], [`KeystoreError::EmptyPassphrase`],
    /// [`KeystoreError::Randomness`], [`KeystoreError::Exists`], [`KeystoreError::Io`].
    pub fn create(
        &self,
        name: &str,
        signer: &Signer,
        passphrase: &str,
    ) -> Result<(), KeystoreError> {
        let path = self.path(name)?;
        let contents = encrypt(signer, passphrase, self.log_n)?;
        write_private(&path, &contents).map_err(|source| {
            if source.kind() == io::ErrorKind::AlreadyExists {
                KeystoreError::Exists(name.to_owned())
            } else {
                io_error(&path, source)
            }
        })
    }

    /// Stores a key in place of the one of this name, in one step.
    ///
    /// # Errors
    /// Those of [`Keystore::create`] but [`KeystoreError::Exists`].
    pub fn replace(
        &self,
        name: &str,
        signer: &Signer,
        passphrase: &str,
    ) -> Result<(), KeystoreError> {
        let path = self.path(name)?;
        let contents = encrypt(signer, passphrase, self.log_n)?;
        let fresh = path.with_extension("json.new");
        // Left over from an interrupted replacement.
        let _ = fs::remove_file(&fresh);
        write_private(&fresh, &contents)
            .and_then(|()| fs::rename(&fresh, &path))
            .map_err(|source| io_error(&path, source))
    }

    /// Forgets a key for good.
    ///
    /// # Errors
    /// [`KeystoreError::BadName`], [`KeystoreError::Io`].
    pub fn remove(&self, name: &str) -> Result<(), KeystoreError> {
        let path = self.path(name)?;
        fs::remove_file(&path).map_err(|source| io_error(&path, source))
    }

    /// Opens a key.
    ///
    /// # Errors
    /// Those of [`Keystore::info`], then [`KeystoreError::WrongPassphrase`].
    pub fn unlock(&self, name: &str, passphrase: &str) -> Result<Signer, KeystoreError> {
        let file = self.read(name)?;
        let unreadable = || KeystoreError::Unreadable { path: self.folder.join(name) };
        if file.kdf.name != "scrypt" || file.cipher.name != "xchacha20-poly1305" {
            return Err(unreadable());
        }
        let public_key: [u8; 32] = self.fixed(name, &file.public_key)?;
        let nonce: [u8; 24] = self.fixed(name, &file.cipher.nonce)?;
        let salt = hex::decode(&file.kdf.salt).map_err(|_| unreadable())?;
        let ciphertext = hex::decode(&file.cipher.ciphertext).map_err(|_| unreadable())?;
        let (log_n, r, p) = (file.kdf.log_n, file.kdf.r, file.kdf.p);
        if log_n > MAX_LOG_N || r != SCRYPT_R || p != SCRYPT_P {
            return Err(unreadable());
        }
        let key = derive_key(passphrase, &salt, log_n).ok_or_else(unreadable)?;
        let aad = associated_data(&file.account, &public_key);
        let seed = Zeroizing::new(
            XChaCha20Poly1305::new(&Key::from(*key))
                .decrypt(&XNonce::from(nonce), Payload { msg: &ciphertext, aad: &aad })
                .map_err(|_| KeystoreError::WrongPassphrase)?,
        );
        let seed: Zeroizing<[u8; 32]> =
            Zeroizing::new(seed.as_slice().try_into().map_err(|_| unreadable())?);
        let signer = Signer::from_seed(&seed).for_account(file.account);
        if signer.public_key_bytes() == public_key { Ok(signer) } else { Err(unreadable()) }
    }

    fn path(&self, name: &str) -> Result<PathBuf, KeystoreError> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        if name.is_empty() || name.len() > MAX_NAME_LENGTH || !name.bytes().all(allowed) {
            return Err(KeystoreError::BadName(name.to_owned()));
        }
        Ok(self.folder.join(format!("{name}.json")))
    }

    fn read(&self, name: &str) -> Result<KeyFile, KeystoreError> {
        let path = self.path(name)?;
        let text = fs::read_to_string(&path).map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                KeystoreError::NotFound(name.to_owned())
            } else {
                io_error(&path, source)
            }
        })?;
        serde_json::from_str(&text)
            .ok()
            .filter(|file: &KeyFile| file.version == VERSION)
            .ok_or(KeystoreError::Unreadable { path })
    }

    fn fixed<const N: usize>(&self, name: &str, text: &str) -> Result<[u8; N], KeystoreError> {
        let mut bytes = [0; N];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| KeystoreError::Unreadable { path: self.folder.join(name) })?;
        Ok(bytes)
    }
}

fn io_error(path: &Path, source: io::Error) -> KeystoreError {
    KeystoreError::Io { path: path.to_owned(), source }
}

fn encrypt(signer: &Signer, passphrase: &str, log_n: u8) -> Result<String, KeystoreError> {
    if passphrase.is_empty() {
        return Err(KeystoreError::EmptyPassphrase);
    }
    let (mut salt, mut nonce) = ([0; 32], [0; 24]);
    getrandom::fill(&mut salt).map_err(|_| KeystoreError::Randomness)?;
    getrandom::fill(&mut nonce).map_err(|_| KeystoreError::Randomness)?;
    let key = derive_key(passphrase, &salt, log_n).ok_or(KeystoreError::Randomness)?;
    let public_key = signer.public_key_bytes();
    let aad = associated_data(&signer.address(), &public_key);
    let seed = signer.seed();
    let ciphertext = XChaCha20Poly1305::new(&Key::from(*key))
        .encrypt(&XNonce::from(nonce), Payload { msg: seed.as_slice(), aad: &aad })
        .map_err(|_| KeystoreError::Randomness)?;
    let file = KeyFile {
        version: VERSION,
        account: signer.address(),
        public_key: hex::encode(public_key),
        kdf: KdfParams {
            name: "scrypt".into(),
            log_n,
            r: SCRYPT_R,
            p: SCRYPT_P,
            salt: hex::encode(salt),
        },
        cipher: CipherParams {
            name: "xchacha20-poly1305".into(),
            nonce: hex::encode(nonce),
            ciphertext: hex::encode(ciphertext),
        },
    };
    let mut text = serde_json::to_string_pretty(&file).map_err(|_| KeystoreError::Randomness)?;
    text.push('\n');
    Ok(text)
}

fn derive_key(passphrase: &str, salt: &[u8], log_n: u8) -> Option<Zeroizing<[u8; 32]>> {
    let params = scrypt::Params::new(log_n, SCRYPT_R, SCRYPT_P).ok()?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(passphrase.as_bytes(), salt, &params, key.as_mut()).ok()?;
    Some(key)
}

/// Binds the clear fields to the ciphertext.
fn associated_data(account: &Address, public_key: &[u8; 32]) -> Vec<u8> {
    [b"tessera/key/v1".as_slice(), account.as_bytes(), public_key].concat()
}

/// Writes a new file that only its owner can read, and its folder if need be.
fn write_private(path: &Path, contents: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(contents.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(home: &Path) -> Keystore {
        Keystore::new(home).with_log_n(10)
    }

    #[test]
    fn keys_are_kept_and_listed_without_the_passphrase() {
        let home = tempfile::tempdir().unwrap();
        let keys = store(home.path());
        assert_eq!(keys.list().unwrap(), []);
        let signer = Signer::generate().unwrap();
        keys.create("alice", &signer, "open sesame").unwrap();
        let info = keys.list().unwrap().remove(0);
        assert_eq!((info.name.as_str(), info.account), ("alice", signer.address()));
        assert_eq!(info.public_key, signer.public_key_bytes());
        let opened = keys.unlock("alice", "open sesame").unwrap();
        assert_eq!(*opened.seed(), *signer.seed());
        let error = keys.unlock("alice", "open simsim").unwrap_err();
        assert_eq!(error.to_string(), "wrong passphrase");
    }

    #[test]
    fn the_file_is_private_and_has_no_secret() {
        let home = tempfile::tempdir().unwrap();
        let signer = Signer::from_seed(&[0xab; 32]);
        store(home.path()).create("alice", &signer, "secret").unwrap();
        let path = home.path().join("keys/alice.json");
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&"ab".repeat(16)) && !text.contains("secret"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn nothing_is_overwritten_but_by_replacement() {
        let home = tempfile::tempdir().unwrap();
        let keys = store(home.path());
        let (first, second) = (Signer::from_seed(&[1; 32]), Signer::from_seed(&[2; 32]));
        keys.create("alice", &first, "p").unwrap();
        let error = keys.create("alice", &second, "p").unwrap_err();
        assert!(matches!(error, KeystoreError::Exists(_)));
        keys.replace("alice", &second.for_account(first.address()), "q").unwrap();
        let opened = keys.unlock("alice", "q").unwrap();
        assert_eq!(*opened.seed(), [2; 32]);
        assert_eq!(opened.address(), first.address());
    }

    #[test]
    fn changed_files_do_not_open() {
        let home = tempfile::tempdir().unwrap();
        let keys = store(home.path());
        keys.create("alice", &Signer::from_seed(&[1; 32]), "p").unwrap();
        let path = home.path().join("keys/alice.json");
        let text = fs::read_to_string(&path).unwrap();
        let honest = Signer::from_seed(&[1; 32]).address().to_string();
        let other = Signer::from_seed(&[2; 32]).address().to_string();
        fs::write(&path, text.replace(&honest, &other)).unwrap();
        assert!(matches!(keys.unlock("alice", "p"), Err(KeystoreError::WrongPassphrase)));
        fs::write(&path, text.replace("\"log_n\": 10", "\"log_n\": 40")).unwrap();
        assert!(matches!(keys.unlock("alice", "p"), Err(KeystoreError::Unreadable { .. })));
        fs::write(&path, text.replace("\"version\": 1", "\"version\": 2")).unwrap();
        assert!(matches!(keys.info("alice"), Err(KeystoreError::Unreadable { .. })));
    }

    #[test]
    fn names_cannot_leave_the_folder() {
        let home = tempfile::tempdir().unwrap();
        let keys = store(home.path());
        for name in ["", "../alice", "a/b", "Alice", "a.json", &"a".repeat(41)] {
            let error = keys.create(name, &Signer::from_seed(&[1; 32]), "p").unwrap_err();
            assert!(matches!(error, KeystoreError::BadName(_)), "{name}");
        }
        assert!(matches!(keys.info("nobody"), Err(KeystoreError::NotFound(_))));
        let error = keys.create("alice", &Signer::from_seed(&[1; 32]), "").unwrap_err();
        assert!(matches!(error, KeystoreError::EmptyPassphrase));
    }
}
