//! Who acts for the chain.

use tessera_proto::id::Address;
use tessera_proto::pb::chain::v1::Params;
use tessera_proto::state_key::StateKey;

use super::error::ComplianceError;
use crate::modules::Context;
use crate::state::error::ExecutionError;
use crate::state::view::Leaves;

/// Refuses anybody but the authority of the chain and `besides`.
pub(super) fn require_authority(
    context: &mut Context<'_>,
    besides: Option<&Address>,
) -> Result<(), ExecutionError> {
    let sender = context.sender;
    if besides == Some(&sender) {
        return Ok(());
    }
    let params: Params = context.state.load(&StateKey::params())?.unwrap_or_default();
    if params.authority.as_ref() == sender.as_bytes() {
        return Ok(());
    }
    let authority = Address::try_from(params.authority.as_ref());
    let mut who = authority.map_or_else(|_| "nobody".to_owned(), |account| account.to_string());
    if let Some(account) = besides {
        who = format!("{account} or {who}");
    }
    Err(ComplianceError::NotAuthority { sender, who }.into())
}
