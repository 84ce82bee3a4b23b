//! The one thing that whoever checks a proof must know beforehand.

use anyhow::Context as _;
use tendermint::validator::{Info, Set};
use tendermint::{Hash, PublicKey};
use tessera_genesis::Genesis;

/// Hash of the validators of a chain, from nothing but its genesis document.
pub(super) fn validators_hash(genesis: &Genesis) -> anyhow::Result<[u8; 32]> {
    let info = |validator: &tessera_genesis::Validator| {
        let key = PublicKey::from_raw_ed25519(&validator.public_key)
            .with_context(|| format!("the key of `{}` is not one", validator.name))?;
        Ok(Info::new(key, validator.power.try_into()?))
    };
    let validators = genesis.validators.iter().map(info).collect::<anyhow::Result<Vec<_>>>()?;
    match Set::without_proposer(validators).hash() {
        Hash::Sha256(hash) => Ok(hash),
        Hash::None => anyhow::bail!("the genesis document names no validators"),
    }
}
