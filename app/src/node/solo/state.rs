//! What the next block follows from: the outcome of the blocks so far.

use bytes::Bytes;
use prost::Message;
use tendermint::{AppHash, Error, Hash, Time, validator, vote};
use tendermint_proto::google::protobuf::Timestamp;
use tendermint_proto::v0_38::abci::{
    RequestInitChain, ResponseFinalizeBlock, ResponseInitChain, ValidatorUpdate,
};
use tendermint_proto::v0_38::types as raw;

use super::SoloError;
use super::block;
use crate::node::comet::genesis::Genesis;

/// The state after a block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChainState {
    /// The block; the one before the first for the genesis state.
    pub(crate) height: u64,
    /// The block's time.
    pub(crate) time: Time,
    /// The application's hash after the block, which the next header carries.
    pub(crate) app_hash: AppHash,
    /// The hash of the block's results, which the next header carries.
    pub(crate) results_hash: Hash,
    /// The validators of the next block.
    pub(crate) validators: validator::Set,
    /// The validators of the block after the next.
    pub(crate) next_validators: validator::Set,
    /// The consensus parameters of the next block.
    pub(crate) params: raw::ConsensusParams,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RawState {
    #[prost(uint64, tag = "1")]
    height: u64,
    #[prost(message, optional, tag = "2")]
    time: Option<Timestamp>,
    #[prost(bytes = "bytes", tag = "3")]
    app_hash: Bytes,
    #[prost(bytes = "vec", tag = "4")]
    results_hash: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    validators: Option<raw::ValidatorSet>,
    #[prost(message, optional, tag = "6")]
    next_validators: Option<raw::ValidatorSet>,
    #[prost(message, optional, tag = "7")]
    params: Option<raw::ConsensusParams>,
}

impl ChainState {
    /// The state before the first block. The application's version goes into every header.
    pub(crate) fn genesis(
        genesis: &Genesis,
        app_version: u64,
        answer: ResponseInitChain,
    ) -> Result<Self, SoloError> {
        let mut params = raw::ConsensusParams::from(genesis.consensus_params.clone());
        params.version = Some(raw::VersionParams { app: app_version });
        update_params(&mut params, answer.consensus_params);
        let validators = if answer.validators.is_empty() {
            validator::Set::without_proposer(genesis.validators.clone())
        } else {
            update_validators(&validator::Set::without_proposer(Vec::new()), answer.validators)?
        };
        Ok(Self {
            height: initial_height(genesis).saturating_sub(1),
            time: genesis.genesis_time,
            app_hash: AppHash::try_from(answer.app_hash).map_err(SoloError::application)?,
            results_hash: block::empty_hash(),
            next_validators: validators.clone(),
            validators,
            params,
        })
    }

    /// The state after the next block, from what the application says about it.
    pub(crate) fn next(
        &self,
        time: Time,
        answer: ResponseFinalizeBlock,
    ) -> Result<Self, SoloError> {
        let mut params = self.params.clone();
        update_params(&mut params, answer.consensus_param_updates);
        Ok(Self {
            height: self.height.saturating_add(1),
            time,
            app_hash: AppHash::try_from(answer.app_hash).map_err(SoloError::application)?,
            results_hash: block::results_hash(&answer.tx_results),
            validators: self.next_validators.clone(),
            next_validators: update_validators(&self.next_validators, answer.validator_updates)?,
            params,
        })
    }

    pub(crate) fn app_version(&self) -> u64 {
        self.params.version.unwrap_or_default().app
    }

    pub(crate) fn max_block_bytes(&self) -> u64 {
        let max_bytes = self.params.block.unwrap_or_default().max_bytes;
        // CometBFT reads -1 as its hard limit.
        u64::try_from(max_bytes).unwrap_or(crate::node::comet::genesis::MAX_BLOCK_BYTES)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        RawState {
            height: self.height,
            time: Some(self.time.into()),
            app_hash: Bytes::copy_from_slice(self.app_hash.as_bytes()),
            results_hash: self.results_hash.into(),
            validators: Some(self.validators.clone().into()),
            next_validators: Some(self.next_validators.clone().into()),
            params: Some(self.params.clone()),
        }
        .encode_to_vec()
    }

    /// Nothing if the bytes are no state.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let raw = RawState::decode(bytes).ok()?;
        Some(Self {
            height: raw.height,
            time: Time::try_from(raw.time?).ok()?,
            app_hash: AppHash::try_from(raw.app_hash).ok()?,
            results_hash: Hash::try_from(raw.results_hash).ok()?,
            validators: validator::Set::try_from(raw.validators?).ok()?,
            next_validators: validator::Set::try_from(raw.next_validators?).ok()?,
            params: raw.params?,
        })
    }
}

/// The height of the first block.
pub(crate) fn initial_height(genesis: &Genesis) -> u64 {
    u64::try_from(genesis.initial_height).unwrap_or(1).max(1)
}

/// What CometBFT asks an application that has no state yet.
pub(crate) fn init_chain_request(genesis: &Genesis) -> RequestInitChain {
    RequestInitChain {
        time: Some(genesis.genesis_time.into()),
        chain_id: genesis.chain_id.to_string(),
        consensus_params: Some(genesis.consensus_params.clone().into()),
        validators: genesis
            .validators
            .iter()
            .map(|info| ValidatorUpdate {
                pub_key: Some(info.pub_key.into()),
                power: info.power.into(),
            })
            .collect(),
        app_state_bytes: genesis.app_state.to_string().into(),
        initial_height: i64::try_from(initial_height(genesis)).unwrap_or(i64::MAX),
    }
}

fn update_params(params: &mut raw::ConsensusParams, updates: Option<raw::ConsensusParams>) {
    let Some(updates) = updates else { return };
    params.block = updates.block.or(params.block);
    params.evidence = updates.evidence.or(params.evidence);
    params.version = updates.version.or(params.version);
    params.abci = updates.abci.or(params.abci);
    if updates.validator.is_some() {
        params.validator = updates.validator;
    }
}

fn update_validators(
    set: &validator::Set,
    updates: Vec<ValidatorUpdate>,
) -> Result<validator::Set, SoloError> {
    let mut infos = set.validators().clone();
    for update in updates {
        let update = validator::Update::try_from(update).map_err(SoloError::application)?;
        infos.retain(|info| info.pub_key != update.pub_key);
        if update.power != vote::Power::default() {
            infos.push(validator::Info::new(update.pub_key, update.power));
        }
    }
    let total = infos.iter().try_fold(0_u64, |sum, info| sum.checked_add(info.power()));
    if total.is_none_or(|total| total > validator::Set::MAX_TOTAL_VOTING_POWER) {
        return Err(SoloError::application(Error::total_voting_power_overflow()));
    }
    Ok(validator::Set::without_proposer(infos))
}
