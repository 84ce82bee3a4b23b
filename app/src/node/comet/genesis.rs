//! CometBFT's genesis document.

use std::time::Duration;

use tendermint::consensus::Params;
use tendermint::consensus::params::{AbciParams, ValidatorParams, VersionParams};
use tendermint::{AppHash, PublicKey, Time, block, chain, evidence, public_key, validator, vote};

/// CometBFT's own limit of a block's size.
pub const MAX_BLOCK_BYTES: u64 = 100 * 1024 * 1024;

/// The size of a block unless told otherwise.
pub const DEFAULT_BLOCK_BYTES: u64 = 16 * 1024 * 1024;

/// The genesis document that all nodes of a chain share. `app_state` is the application's own.
pub type Genesis = tendermint::Genesis<serde_json::Value>;

/// Why a genesis document cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// The chain id is not one.
    #[error("`{chain_id}` is no chain id: 1 to 50 letters, digits, `-`, `_` or `.`")]
    ChainId {
        /// What was given.
        chain_id: String,
    },
    /// The block size is out of range.
    #[error("blocks of {bytes} bytes are out of range: 1 MiB to 100 MiB are possible")]
    BlockBytes {
        /// What was given.
        bytes: u64,
    },
    /// A validator has no or too much power.
    #[error("validator {name} has power {power}; 1 to 2^60 / 8 is possible")]
    Power {
        /// The validator.
        name: String,
        /// What was given.
        power: u64,
    },
    /// There is no validator.
    #[error("a chain needs at least one validator")]
    NoValidator,
}

/// A validator of the first block.
#[derive(Clone, Debug)]
pub struct GenesisValidator {
    /// Its key.
    pub public_key: PublicKey,
    /// Its voting power.
    pub power: u64,
    /// Its name.
    pub name: String,
}

/// What a genesis document is made from.
#[derive(Clone, Debug)]
pub struct GenesisSettings {
    /// The chain's id.
    pub chain_id: String,
    /// The time of the first block.
    pub time: Time,
    /// The validators of the first block.
    pub validators: Vec<GenesisValidator>,
    /// The largest block, in bytes.
    pub block_bytes: u64,
    /// The application's own part.
    pub app_state: serde_json::Value,
}

impl GenesisSettings {
    /// The document, checked against CometBFT's rules.
    pub fn build(self) -> Result<Genesis, GenesisError> {
        let chain_id = chain::Id::try_from(self.chain_id.as_str())
            .map_err(|_| GenesisError::ChainId { chain_id: self.chain_id.clone() })?;
        if !(1024 * 1024..=MAX_BLOCK_BYTES).contains(&self.block_bytes) {
            return Err(GenesisError::BlockBytes { bytes: self.block_bytes });
        }
        if self.validators.is_empty() {
            return Err(GenesisError::NoValidator);
        }
        let validators =
            self.validators.into_iter().map(info).collect::<Result<Vec<_>, GenesisError>>()?;
        Ok(Genesis {
            genesis_time: self.time,
            chain_id,
            initial_height: 1,
            consensus_params: consensus_params(self.block_bytes),
            validators,
            app_hash: AppHash::default(),
            app_state: self.app_state,
        })
    }
}

fn info(validator: GenesisValidator) -> Result<validator::Info, GenesisError> {
    let GenesisValidator { public_key, power, name } = validator;
    // CometBFT bounds the sum of all powers by an eighth of its integer range.
    let power = (1..=(1_u64 << 60) / 8)
        .contains(&power)
        .then(|| vote::Power::try_from(power).ok())
        .flatten()
        .ok_or_else(|| GenesisError::Power { name: name.clone(), power })?;
    Ok(validator::Info { name: Some(name), ..validator::Info::new(public_key, power) })
}

fn consensus_params(block_bytes: u64) -> Params {
    Params {
        block: block::Size {
            max_bytes: block_bytes,
            max_gas: -1,
            time_iota_ms: block::Size::default_time_iota_ms(),
        },
        evidence: evidence::Params {
            max_age_num_blocks: 100_000,
            max_age_duration: evidence::Duration(Duration::from_secs(48 * 60 * 60)),
            max_bytes: 1024 * 1024,
        },
        validator: ValidatorParams { pub_key_types: vec![public_key::Algorithm::Ed25519] },
        version: Some(VersionParams { app: 0 }),
        abci: AbciParams { vote_extensions_enable_height: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::comet::keys::Ed25519Key;

    fn settings() -> GenesisSettings {
        GenesisSettings {
            chain_id: "dev-1".into(),
            time: Time::from_unix_timestamp(1_795_000_000, 5).unwrap(),
            validators: vec![GenesisValidator {
                public_key: Ed25519Key::from_seed(&[1; 32]).public_key(),
                power: 10,
                name: "first".into(),
            }],
            block_bytes: DEFAULT_BLOCK_BYTES,
            app_state: serde_json::json!({"supply": 18_446_744_073_709_551_615_u64}),
        }
    }

    const GOLDEN: &str = r#"{
  "genesis_time": "2026-11-18T11:06:40.000000005Z",
  "chain_id": "dev-1",
  "initial_height": "1",
  "consensus_params": {
    "block": {
      "max_bytes": "16777216",
      "max_gas": "-1",
      "time_iota_ms": "1000"
    },
    "evidence": {
      "max_age_num_blocks": "100000",
      "max_age_duration": "172800000000000",
      "max_bytes": "1048576"
    },
    "validator": {
      "pub_key_types": [
        "ed25519"
      ]
    },
    "version": {
      "app": "0"
    },
    "abci": {}
  },
  "validators": [
    {
      "address": "34750F98BD59FCFC946DA45AAABE933BE154A4B5",
      "pub_key": {
        "type": "tendermint/PubKeyEd25519",
        "value": "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w="
      },
      "power": "10",
      "name": "first"
    }
  ],
  "app_hash": "",
  "app_state": {
    "supply": 18446744073709551615
  }
}"#;

    #[test]
    fn json_is_as_cometbft_reads_it() {
        let json = serde_json::to_string_pretty(&settings().build().unwrap()).unwrap();
        assert_eq!(json, GOLDEN);
        let read: Genesis = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string_pretty(&read).unwrap(), json);
    }

    #[test]
    fn what_cometbft_would_refuse_is_refused_here() {
        let bad = |change: fn(&mut GenesisSettings)| {
            let mut settings = settings();
            change(&mut settings);
            settings.build().unwrap_err().to_string()
        };
        assert!(bad(|s| s.chain_id = "a b".into()).contains("`a b`"));
        assert!(bad(|s| s.block_bytes = 1 << 40).contains("1099511627776"));
        assert!(bad(|s| s.validators.clear()).contains("at least one"));
        assert!(bad(|s| s.validators[0].power = 0).contains("first has power 0"));
    }
}
