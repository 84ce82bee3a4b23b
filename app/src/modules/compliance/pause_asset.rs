//! `PauseAsset` and `ResumeAsset`: stopping all transfers of an asset.

use std::sync::Arc;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::agent::{self, load_for_agent};
use super::error::ComplianceError;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Stops all transfers of an asset but forced ones and recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseAsset {
    /// The asset.
    pub asset: AssetId,
}

impl TryFrom<pb::PauseAsset> for PauseAsset {
    type Error = ComplianceError;

    /// Refuses a malformed id.
    fn try_from(message: pb::PauseAsset) -> Result<Self, ComplianceError> {
        let pb::PauseAsset { asset } = message;
        Ok(Self { asset: fields::asset_id("asset", &asset)? })
    }
}

impl Message for PauseAsset {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.write(StateKey::asset(&self.asset));
        agent::declare(state, access, &self.asset, sender)
    }

    /// Refused to who does not act for the asset, then [`ComplianceError::Paused`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let mut facts = Arc::unwrap_or_clone(load_for_agent(context, &self.asset)?);
        if facts.paused {
            return Err(ComplianceError::Paused { name: facts.name }.into());
        }
        facts.paused = true;
        context.state.store(StateKey::asset(&self.asset), &facts)?;
        let (asset, agent) = (self.asset.to_bytes(), context.sender.to_bytes());
        let event = Kind::AssetPaused(pb::AssetPaused { asset, agent });
        agent::record(context, &self.asset, event)
    }
}

/// Ends [`PauseAsset`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeAsset {
    /// The asset.
    pub asset: AssetId,
}

impl TryFrom<pb::ResumeAsset> for ResumeAsset {
    type Error = ComplianceError;

    /// Refuses a malformed id.
    fn try_from(message: pb::ResumeAsset) -> Result<Self, ComplianceError> {
        let pb::ResumeAsset { asset } = message;
        Ok(Self { asset: fields::asset_id("asset", &asset)? })
    }
}

impl Message for ResumeAsset {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.write(StateKey::asset(&self.asset));
        agent::declare(state, access, &self.asset, sender)
    }

    /// Refused to who does not act for the asset, then [`ComplianceError::NotPaused`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let mut facts = Arc::unwrap_or_clone(load_for_agent(context, &self.asset)?);
        if !facts.paused {
            return Err(ComplianceError::NotPaused { name: facts.name }.into());
        }
        facts.paused = false;
        context.state.store(StateKey::asset(&self.asset), &facts)?;
        let (asset, agent) = (self.asset.to_bytes(), context.sender.to_bytes());
        let event = Kind::AssetResumed(pb::AssetResumed { asset, agent });
        agent::record(context, &self.asset, event)
    }
}
