//! `ClaimGrant`: what of a grant is due reaches its recipient.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::pb::votes::v1::Grant;
use tessera_proto::state_key::StateKey;

use super::error::VoteError;
use super::grants;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Pays out what of a grant is due; anyone may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimGrant {
    /// Whose treasury it is of.
    pub asset: AssetId,
    /// Number of the proposal that opened it.
    pub grant: u64,
}

impl TryFrom<pb::ClaimGrant> for ClaimGrant {
    type Error = VoteError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::ClaimGrant) -> Result<Self, VoteError> {
        let asset = fields::asset_id("asset", &message.asset)?;
        Ok(Self { asset, grant: fields::range("grant", message.grant, 1, u64::MAX)? })
    }
}

impl Message for ClaimGrant {
    fn declare(
        &self,
        _sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        grants::declare_end(state, access, &self.asset, self.grant)
    }

    /// In order of precedence: [`VoteError::UnknownGrant`], [`VoteError::NothingDue`]; then as a
    /// transfer of the currency is refused.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, grant: number } = self;
        let key = StateKey::grant(asset, *number);
        let grant: Option<Grant> = context.state.load(&key)?;
        let mut grant = grant.ok_or(VoteError::UnknownGrant { grant: *number })?;
        if grant.cancelled || grants::pay_due(context, asset, &mut grant)?.is_zero() {
            return Err(VoteError::NothingDue { grant: *number }.into());
        }
        context.state.store(key, &grant)
    }
}
