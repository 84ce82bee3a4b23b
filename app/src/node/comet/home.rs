//! A CometBFT home folder, generated from our own settings.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::config::NodeSettings;
use super::genesis::Genesis;
use super::keys::{Ed25519Key, KeyError};

/// What can go wrong with a home folder.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {path}")]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A key could not be made, read or written.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The genesis file is not one.
    #[error("{path} is no genesis document: {reason}")]
    Genesis {
        /// The file.
        path: PathBuf,
        /// Why, with line and column.
        reason: String,
    },
    /// The home belongs to another chain.
    #[error("{path} belongs to chain {found}, not {wanted}")]
    OtherChain {
        /// The home.
        path: PathBuf,
        /// Its chain.
        found: String,
        /// The chain asked for.
        wanted: String,
    },
    /// The genesis document cannot be made.
    #[error(transparent)]
    GenesisSettings(#[from] super::genesis::GenesisError),
    /// The settings cannot be written as TOML.
    #[error("the settings cannot be written as toml")]
    Config(#[from] toml::ser::Error),
    /// The number of validators of a local net is out of range.
    #[error("a local net has 1 to 7 validators, not {count}")]
    ValidatorCount {
        /// What was asked for.
        count: usize,
    },
}

/// The home folder of one CometBFT node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeHome {
    root: PathBuf,
}

impl NodeHome {
    /// The home in this folder, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The log that the supervised CometBFT writes.
    pub fn log_file(&self) -> PathBuf {
        self.root.join("cometbft.log")
    }

    /// The genesis document.
    pub fn genesis_file(&self) -> PathBuf {
        self.root.join("config").join("genesis.json")
    }

    /// The validator's key.
    pub fn validator_key_file(&self) -> PathBuf {
        self.root.join("config").join("priv_validator_key.json")
    }

    /// The key that peers know the node by.
    pub fn node_key_file(&self) -> PathBuf {
        self.root.join("config").join("node_key.json")
    }

    /// Process ids of the CometBFT that runs here, and of the node that started it.
    pub fn process_file(&self) -> PathBuf {
        self.root.join("cometbft.pid")
    }

    /// What the validator signed last; losing it risks signing two blocks at one height.
    pub fn validator_state_file(&self) -> PathBuf {
        self.root.join("data").join("priv_validator_state.json")
    }

    /// Makes the folders and whatever keys are missing; existing ones stay.
    pub fn ensure_keys(&self) -> Result<HomeKeys, HomeError> {
        for folder in [self.root.clone(), self.root.join("config"), self.root.join("data")] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .map_err(|source| HomeError::File { action: "create", path: folder, source })?;
        }
        let validator = self.validator_key_file();
        if !validator.exists() {
            Ed25519Key::generate()?.write_validator_key(&validator)?;
        }
        let node = self.node_key_file();
        if !node.exists() {
            Ed25519Key::generate()?.write_node_key(&node)?;
        }
        self.ensure_validator_state()?;
        Ok(HomeKeys {
            validator: Ed25519Key::read_validator_key(&validator)?,
            node: Ed25519Key::read_node_key(&node)?,
        })
    }

    /// Writes `config.toml` afresh: our own settings are the only source of truth.
    pub fn write_config(&self, settings: &NodeSettings) -> Result<(), HomeError> {
        let path = self.root.join("config").join("config.toml");
        replace(&path, settings.to_toml()?.as_bytes())
    }

    /// Writes the genesis document; a home never changes its chain.
    pub fn write_genesis(&self, genesis: &Genesis) -> Result<(), HomeError> {
        let path = self.genesis_file();
        if path.exists() {
            let found = self.read_genesis()?;
            if found.chain_id != genesis.chain_id {
                return Err(HomeError::OtherChain {
                    path: self.root.clone(),
                    found: found.chain_id.to_string(),
                    wanted: genesis.chain_id.to_string(),
                });
            }
        }
        let json = serde_json::to_vec_pretty(genesis).map_err(|error| HomeError::Genesis {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        replace(&path, &json)
    }

    /// Reads the genesis document.
    pub fn read_genesis(&self) -> Result<Genesis, HomeError> {
        let path = self.genesis_file();
        let json = fs::read(&path).map_err(|source| HomeError::File {
            action: "read",
            path: path.clone(),
            source,
        })?;
        serde_json::from_slice(&json)
            .map_err(|error| HomeError::Genesis { path, reason: error.to_string() })
    }

    fn ensure_validator_state(&self) -> Result<(), HomeError> {
        const NOTHING_SIGNED: &str = "{\n  \"height\": \"0\",\n  \"round\": 0,\n  \"step\": 0\n}";
        let path = self.validator_state_file();
        if path.exists() {
            return Ok(());
        }
        replace(&path, NOTHING_SIGNED.as_bytes())
    }
}

/// The keys of a home.
#[derive(Clone, Debug)]
pub struct HomeKeys {
    /// The validator's key.
    pub validator: Ed25519Key,
    /// The node's key.
    pub node: Ed25519Key,
}

/// Writes a file whole or not at all.
fn replace(path: &Path, content: &[u8]) -> Result<(), HomeError> {
    let failed = |source| HomeError::File { action: "write", path: path.to_owned(), source };
    let temporary = path.with_extension("tmp");
    let mut file = fs::File::create(&temporary).map_err(failed)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_and_sign_state_are_kept_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let home = NodeHome::new(dir.path().join("home"));
        let first = home.ensure_keys().unwrap();
        let state = home.validator_state_file();
        assert!(fs::read_to_string(&state).unwrap().contains("\"height\": \"0\""));
        fs::write(&state, "signed").unwrap();

        let second = home.ensure_keys().unwrap();
        assert_eq!(first.validator.address(), second.validator.address());
        assert_eq!(first.node.node_id(), second.node.node_id());
        assert_eq!(fs::read_to_string(&state).unwrap(), "signed");
        for file in [home.validator_key_file(), home.node_key_file()] {
            assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::metadata(home.root()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
