//! Who may do what for an asset.
//!
//! The account that registered the asset has the role ISSUER for ever. All other roles are
//! granted for a time, and are over when the time of a block has reached it.

use tessera_proto::id::{Address, AssetId};
pub use tessera_proto::pb::assets::v1::Role;
use tessera_proto::pb::assets::v1::{Asset, RoleGrants};
use tessera_proto::state_key::StateKey;

use super::error::AssetError;
use super::facts::{load_asset, require_issuer};
use crate::modules::committed;
use crate::modules::fields::{self, FieldError};
use crate::state::access::AccessSet;
use crate::state::error::ExecutionError;
use crate::state::view::{Leaves, StateView};

/// Declares what [`require`] reads.
pub fn declare(access: &mut AccessSet, asset: &AssetId, account: &Address) {
    access.read(StateKey::asset(asset));
    access.read(StateKey::role_grants(asset, account));
}

/// Refuses an account that does not have a role for an asset at the time of the block.
///
/// ISSUER stands in for AGENT, SERVICER and MINTER, but not for the roles whose point is that
/// somebody else has them: APPRAISER, AUDITOR and CUSTODIAN.
///
/// # Errors
/// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::RoleNeeded`].
pub fn require(
    view: &mut dyn StateView,
    asset: &AssetId,
    account: &Address,
    role: Role,
    now_ms: u64,
) -> Result<(), ExecutionError> {
    if holds(view, asset, account, role, now_ms)? {
        return Ok(());
    }
    let facts = load_asset(view, asset)?;
    let issuer = committed::address("issuer", &facts.issuer)?;
    let (account, name) = (*account, facts.name.clone());
    Err(AssetError::RoleNeeded { account, name, role, issuer }.into())
}

/// Whether [`require`] would let the account pass.
///
/// # Errors
/// [`AssetError::UnknownAsset`].
pub fn holds(
    view: &mut dyn StateView,
    asset: &AssetId,
    account: &Address,
    role: Role,
    now_ms: u64,
) -> Result<bool, ExecutionError> {
    let facts = load_asset(view, asset)?;
    let grants = load(view, asset, account)?;
    let issuer = committed::address("issuer", &facts.issuer)?;
    let has = |role: Role| {
        (role == Role::Issuer && issuer == *account)
            || grants.grants.iter().any(|grant| grant.role() == role && now_ms < grant.expires_ms)
    };
    let issuer_may = matches!(role, Role::Agent | Role::Servicer | Role::Minter);
    Ok(has(role) || (issuer_may && has(Role::Issuer)))
}

/// Refuses who may not grant a role: only who registered the asset makes others issuers, so
/// that no issuer can outlast the time granted.
pub(super) fn require_grantor(
    view: &mut dyn StateView,
    (id, asset): (&AssetId, &Asset),
    account: &Address,
    role: Role,
    now_ms: u64,
) -> Result<(), ExecutionError> {
    match role {
        Role::Issuer => require_issuer(asset, account),
        _ => require(view, id, account, Role::Issuer, now_ms),
    }
}

/// Roles that an account was granted, expired ones included.
pub(super) fn load(
    view: &mut dyn StateView,
    asset: &AssetId,
    account: &Address,
) -> Result<RoleGrants, ExecutionError> {
    Ok(view.load(&StateKey::role_grants(asset, account))?.unwrap_or_default())
}

/// A role given as a field of a message.
pub(super) fn field(role: i32) -> Result<Role, FieldError> {
    let number = fields::range("role", role, 1, i32::from(Role::Minter))?;
    // The range check leaves only values that the enum has.
    Ok(Role::try_from(number).unwrap_or(Role::Unspecified))
}
