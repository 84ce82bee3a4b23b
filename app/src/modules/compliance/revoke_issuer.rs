//! `RevokeIssuer`: claims of an issuer do not count from a date on.

use tessera_proto::id::Address;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::authority::require_authority;
use super::error::ComplianceError;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Makes claims that an issuer issued from a date on worthless, for all assets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeIssuer {
    /// Whose claims.
    pub issuer: Address,
    /// The date; it may have passed.
    pub from_ms: u64,
}

impl TryFrom<pb::RevokeIssuer> for RevokeIssuer {
    type Error = ComplianceError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::RevokeIssuer) -> Result<Self, ComplianceError> {
        let pb::RevokeIssuer { issuer, from_ms } = message;
        let issuer = fields::address("issuer", &issuer)?;
        Ok(Self { issuer, from_ms: fields::range("from_ms", from_ms, 1, u64::MAX)? })
    }
}

impl Message for RevokeIssuer {
    fn declare(
        &self,
        _sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.read(StateKey::params());
        access.write(StateKey::claim_issuer(&self.issuer));
        Ok(())
    }

    /// In order of precedence: [`ComplianceError::NotAuthority`],
    /// [`ComplianceError::AlreadyRevoked`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { issuer, from_ms } = self;
        require_authority(context, Some(issuer))?;
        let key = StateKey::claim_issuer(issuer);
        let known: Option<pb::ClaimIssuer> = context.state.load(&key)?;
        let since = known.map_or(u64::MAX, |issuer| issuer.distrusted_from_ms);
        if since <= *from_ms {
            return Err(ComplianceError::AlreadyRevoked { from_ms: since }.into());
        }
        context.state.store(key, &pb::ClaimIssuer { distrusted_from_ms: *from_ms })?;
        let revoker = context.sender.to_bytes();
        let (issuer, from_ms) = (issuer.to_bytes(), *from_ms);
        context.emit(Kind::IssuerRevoked(pb::IssuerRevoked { issuer, from_ms, revoker }));
        Ok(())
    }
}
