//! The life of an asset: which status may follow which, who decides, and what it takes.

use std::sync::Arc;

use tessera_proto::id::AssetId;
use tessera_proto::name::status_name;
use tessera_proto::pb::assets::v1::{Asset, AssetActivated, AssetStatus, AssetStatusChanged};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::state_key::StateKey;

use super::error::AssetError;
use super::facts::load_asset;
use super::roles::{self, Role};
use super::{appraisals, history, totals};
use crate::modules::{Context, committed, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// What must hold before a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// Nothing.
    None,
    /// An appraisal is valid, where the class needs one.
    ValidAppraisal,
    /// No units exist.
    NoUnits,
}

/// A possible step: who decides on it, and what must hold.
type Step = (AssetStatus, AssetStatus, Role, Condition);

/// Every step that there is. Units exist only in ACTIVE and SUSPENDED, so what is cancelled
/// never had any.
const STEPS: [Step; 9] = {
    use AssetStatus::{Active, Cancelled, Finalized, Proposed, Retired, Suspended};
    [
        (Proposed, Finalized, Role::Issuer, Condition::None),
        (Proposed, Active, Role::Issuer, Condition::ValidAppraisal),
        (Proposed, Cancelled, Role::Issuer, Condition::None),
        (Finalized, Active, Role::Issuer, Condition::ValidAppraisal),
        (Finalized, Cancelled, Role::Issuer, Condition::None),
        (Active, Suspended, Role::Agent, Condition::None),
        (Active, Retired, Role::Issuer, Condition::NoUnits),
        (Suspended, Active, Role::Agent, Condition::None),
        (Suspended, Retired, Role::Issuer, Condition::NoUnits),
    ]
};

/// Who decides on a step and what must hold, or none when there is no such step.
pub(super) fn step(from: AssetStatus, to: AssetStatus) -> Option<(Role, Condition)> {
    let found = STEPS.iter().find(|(before, after, ..)| (*before, *after) == (from, to));
    found.map(|(_, _, role, condition)| (*role, *condition))
}

/// Declares what [`change`] touches.
pub(super) fn declare(
    state: &dyn StateReader,
    access: &mut AccessSet,
    context: (&AssetId, &tessera_proto::id::Address),
    to: AssetStatus,
) -> Result<(), Fault> {
    let (asset, sender) = context;
    roles::declare(access, asset, sender);
    access.write(StateKey::asset(asset));
    match to {
        AssetStatus::Active => appraisals::declare_recent(state, access, asset)?,
        AssetStatus::Retired => access.read(StateKey::asset_totals(asset)),
        _ => {}
    }
    history::declare(state, access, asset)
}

/// Moves an asset on to a status.
///
/// # Errors
/// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::RoleNeeded`] (of ISSUER
/// where there is no such step), [`AssetError::AlreadyInStatus`],
/// [`AssetError::StatusNotReachable`], [`AssetError::NoValidAppraisal`],
/// [`AssetError::UnitsExist`].
pub(super) fn change(
    context: &mut Context<'_>,
    id: &AssetId,
    to: AssetStatus,
    reason_sha256: Option<&[u8; 32]>,
) -> Result<(), ExecutionError> {
    let mut asset = Arc::unwrap_or_clone(load_asset(context.state, id)?);
    let (from, sender) = (asset.status(), context.sender);
    let step = step(from, to);
    let role = step.map_or(Role::Issuer, |(role, _)| role);
    roles::require(context.state, id, &sender, role, context.block.time_ms)?;
    let Some((_, condition)) = step else { return Err(no_step(asset, to).into()) };
    match condition {
        Condition::None => {}
        Condition::ValidAppraisal => {
            appraisals::require_valid(context.state, context.block, id, &asset)?;
        }
        Condition::NoUnits => {
            let supply = totals::load_totals(context.state, id)?.supply;
            let supply = committed::amount("supply", &supply)?;
            if !supply.is_zero() {
                return Err(AssetError::UnitsExist { name: asset.name, supply }.into());
            }
        }
    }
    asset.set_status(to);
    context.state.store(StateKey::asset(id), &asset)?;
    let asset = id.to_bytes();
    let activated = condition == Condition::ValidAppraisal;
    let changed = match activated {
        true => Kind::AssetActivated(AssetActivated { asset }),
        false => Kind::AssetStatusChanged(AssetStatusChanged {
            asset,
            from: from.into(),
            to: to.into(),
            reason_sha256: fields::optional_bytes(reason_sha256),
        }),
    };
    history::record(context, id, changed)
}

fn no_step(asset: Asset, to: AssetStatus) -> AssetError {
    let (from, name) = (asset.status(), asset.name);
    if from == to {
        return AssetError::AlreadyInStatus { name, status: from };
    }
    let next = STEPS.iter().filter(|(before, ..)| *before == from);
    let next: Vec<String> = next.map(|(_, after, ..)| status_name(*after)).collect();
    let reachable = if next.is_empty() { "nothing else".to_owned() } else { next.join(" or ") };
    AssetError::StatusNotReachable { name, from, to, reachable }
}
