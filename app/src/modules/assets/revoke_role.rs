//! `RevokeRole`: somebody may not act for an asset any more.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::state_key::StateKey;

use super::error::AssetError;
use super::facts::load_asset;
use super::history;
use super::roles::{self, Role};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Ends a role at once. Whoever has it may do so too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeRole {
    /// The asset.
    pub asset: AssetId,
    /// Who loses the role.
    pub account: Address,
    /// The role.
    pub role: Role,
}

impl TryFrom<pb::RevokeRole> for RevokeRole {
    type Error = AssetError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::RevokeRole) -> Result<Self, AssetError> {
        let pb::RevokeRole { asset, account, role } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            account: fields::address("account", &account)?,
            role: roles::field(role)?,
        })
    }
}

impl Message for RevokeRole {
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

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::NotIssuer`] or
    /// [`AssetError::RoleNeeded`], [`AssetError::RoleNotGranted`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, account, role } = self;
        let (sender, time_ms) = (context.sender, context.block.time_ms);
        let asset = load_asset(context.state, id)?;
        if sender != *account {
            roles::require_grantor(context.state, (id, &asset), &sender, *role, time_ms)?;
        }
        let mut grants = roles::load(context.state, id, account)?;
        let before = grants.grants.len();
        grants.grants.retain(|grant| grant.role() != *role);
        if grants.grants.len() == before {
            let (account, name, role) = (*account, asset.name.clone(), *role);
            return Err(AssetError::RoleNotGranted { account, name, role }.into());
        }
        let key = StateKey::role_grants(id, account);
        match grants.grants.is_empty() {
            true => context.state.write(key, None)?,
            false => context.state.store(key, &grants)?,
        }
        let revoked = Kind::RoleRevoked(pb::RoleRevoked {
            asset: id.to_bytes(),
            account: account.to_bytes(),
            role: (*role).into(),
        });
        history::record(context, id, revoked)
    }
}
