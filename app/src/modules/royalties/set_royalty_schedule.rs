//! `SetRoyaltySchedule`: who receives royalties of an asset.

use std::sync::Arc;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::royalties::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::error::RoyaltyError;
use super::schedule::Schedule;
use crate::modules::assets::{load_asset, require_issuer};
use crate::modules::fields::{self, FieldError};
use crate::modules::{Context, Message};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Sets or replaces the royalty schedule of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetRoyaltySchedule {
    /// The asset.
    pub asset: AssetId,
    /// Who receives what part.
    pub schedule: Schedule,
}

impl TryFrom<pb::SetRoyaltySchedule> for SetRoyaltySchedule {
    type Error = RoyaltyError;

    /// Refuses a malformed id, a missing schedule, then what [`Schedule`] refuses.
    fn try_from(message: pb::SetRoyaltySchedule) -> Result<Self, RoyaltyError> {
        let pb::SetRoyaltySchedule { asset, schedule } = message;
        let asset = fields::asset_id("asset", &asset)?;
        let schedule = schedule.ok_or(FieldError::Missing { field: "schedule" })?;
        Ok(Self { asset, schedule: schedule.try_into()? })
    }
}

impl Message for SetRoyaltySchedule {
    fn declare(
        &self,
        _sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        declare_store(access, &self.asset);
        Ok(())
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::NotIssuer`].
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::NotIssuer`]: crate::modules::assets::AssetError::NotIssuer
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, schedule } = self;
        let asset = load_asset(context.state, id)?;
        require_issuer(&asset, &context.sender)?;
        store_schedule(context, id, schedule)
    }
}

/// Declares what [`store_schedule`] touches.
pub(crate) fn declare_store(access: &mut AccessSet, asset: &AssetId) {
    access.write(StateKey::asset(asset));
    access.write(StateKey::royalty_schedule(asset));
}

/// Brings a schedule into force and tells of it.
///
/// # Errors
/// [`AssetError::UnknownAsset`](crate::modules::assets::AssetError::UnknownAsset).
pub(crate) fn store_schedule(
    context: &mut Context<'_>,
    id: &AssetId,
    schedule: &Schedule,
) -> Result<(), ExecutionError> {
    let mut asset = Arc::unwrap_or_clone(load_asset(context.state, id)?);
    let schedule = pb::RoyaltySchedule::from(schedule);
    context.state.store(StateKey::royalty_schedule(id), &schedule)?;
    asset.has_royalty_schedule = true;
    context.state.store(StateKey::asset(id), &asset)?;
    let event = pb::RoyaltyScheduleSet { asset: id.to_bytes(), schedule: Some(schedule) };
    context.emit(Kind::RoyaltyScheduleSet(event));
    Ok(())
}
