//! `GrantRole`: somebody may act for an asset, for a time.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::RoleGrant;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::state_key::StateKey;

use super::error::AssetError;
use super::facts::load_open;
use super::history;
use super::roles::{self, Role};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Gives an account a role until a time; replaces the time of one that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRole {
    /// The asset.
    pub asset: AssetId,
    /// Who gets the role.
    pub account: Address,
    /// What it may do.
    pub role: Role,
    /// First millisecond without the role.
    pub expires_ms: u64,
}

impl TryFrom<pb::GrantRole> for GrantRole {
    type Error = AssetError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::GrantRole) -> Result<Self, AssetError> {
        let pb::GrantRole { asset, account, role, expires_ms } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            account: fields::recipient("account", &account)?,
            role: roles::field(role)?,
            expires_ms,
        })
    }
}

impl Message for GrantRole {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        roles::declare(access, &self.asset, sender);
        access.write(StateKey::role_grants(&self.asset, &self.account));
        history::declare(state, access, &self.asset)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::Closed`],
    /// [`AssetError::NotIssuer`] or [`AssetError::RoleNeeded`], [`AssetError::RoleExpired`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, account, role, expires_ms } = self;
        let (sender, time_ms) = (context.sender, context.block.time_ms);
        let asset = load_open(context.state, id)?;
        roles::require_grantor(context.state, (id, &asset), &sender, *role, time_ms)?;
        if *expires_ms <= time_ms {
            return Err(AssetError::RoleExpired { expires_ms: *expires_ms, time_ms }.into());
        }
        let mut grants = roles::load(context.state, id, account)?;
        grants.grants.retain(|grant| grant.role() != *role);
        let (role, granted_by) = (i32::from(*role), sender.to_bytes());
        grants.grants.push(RoleGrant { role, expires_ms: *expires_ms, granted_by });
        grants.grants.sort_unstable_by_key(|grant| grant.role);
        context.state.store(StateKey::role_grants(id, account), &grants)?;
        let granted = Kind::RoleGranted(pb::RoleGranted {
            asset: id.to_bytes(),
            account: account.to_bytes(),
            role,
            expires_ms: *expires_ms,
            granted_by: sender.to_bytes(),
        });
        history::record(context, id, granted)
    }
}
