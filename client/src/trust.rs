//! Which validators are trusted, remembered between runs: trust on first use.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

/// Version of the file format.
const VERSION: u32 = 1;

/// Why trust could not be read or remembered.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file is not one of trust.
    #[error("`{path}` cannot be read: correct it or move it away")]
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
}

/// Trusted validator sets, one for each chain, in `trust.json` of the home folder.
#[derive(Debug, Clone)]
pub struct TrustStore {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustFile {
    version: u32,
    chains: BTreeMap<String, TrustedChain>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustedChain {
    validators_hash: String,
    first_seen_state_height: u64,
}

impl TrustStore {
    /// The store of this home folder.
    #[must_use]
    pub fn new(home: &Path) -> Self {
        Self { path: home.join("trust.json") }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hash of the trusted validators of a chain; none when the chain is not known yet.
    ///
    /// # Errors
    /// [`TrustError::Io`], [`TrustError::Unreadable`].
    pub fn validators_hash(&self, chain_id: &str) -> Result<Option<[u8; 32]>, TrustError> {
        let Some(chain) = self.read()?.chains.remove(chain_id) else { return Ok(None) };
        let mut hash = [0; 32];
        hex::decode_to_slice(&chain.validators_hash, &mut hash)
            .map_err(|_| TrustError::Unreadable { path: self.path.clone() })?;
        Ok(Some(hash))
    }

    /// Remembers the validators of a chain that is not known yet; known ones stay as they are.
    ///
    /// # Errors
    /// [`TrustError::Io`], [`TrustError::Unreadable`].
    pub fn remember(
        &self,
        chain_id: &str,
        validators_hash: &[u8; 32],
        state_height: u64,
    ) -> Result<(), TrustError> {
        let mut file = self.read()?;
        file.chains.entry(chain_id.to_owned()).or_insert_with(|| TrustedChain {
            validators_hash: hex::encode(validators_hash),
            first_seen_state_height: state_height,
        });
        let io_error = |source| TrustError::Io { path: self.path.clone(), source };
        let text = serde_json::to_string_pretty(&file).map_err(|error| io_error(error.into()))?;
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(io_error)?;
        }
        let fresh = self.path.with_extension("json.new");
        fs::write(&fresh, text + "\n")
            .and_then(|()| fs::rename(&fresh, &self.path))
            .map_err(io_error)
    }

    fn read(&self) -> Result<TrustFile, TrustError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(TrustFile { version: VERSION, chains: BTreeMap::new() });
            }
            Err(source) => return Err(TrustError::Io { path: self.path.clone(), source }),
        };
        serde_json::from_str(&text)
            .ok()
            .filter(|file: &TrustFile| file.version == VERSION)
            .ok_or_else(|| TrustError::Unreadable { path: self.path.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_hash_of_a_chain_stays() {
        let home = tempfile::tempdir().unwrap();
        let store = TrustStore::new(&home.path().join("not-there-yet"));
        assert_eq!(store.validators_hash("a").unwrap(), None);
        store.remember("a", &[1; 32], 7).unwrap();
        store.remember("a", &[2; 32], 8).unwrap();
        store.remember("b", &[3; 32], 9).unwrap();
        assert_eq!(store.validators_hash("a").unwrap(), Some([1; 32]));
        assert_eq!(store.validators_hash("b").unwrap(), Some([3; 32]));
        fs::write(store.path(), "{}").unwrap();
        assert!(matches!(store.validators_hash("a"), Err(TrustError::Unreadable { .. })));
    }
}
