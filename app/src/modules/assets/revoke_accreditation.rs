//! `RevokeAccreditation`: the word of an appraiser does not count any more.

use tessera_proto::id::Address;
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::Appraiser;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::state_key::StateKey;

use super::accreditation;
use super::error::AssetError;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Ends an accreditation for ever, from a date on that may lie in the past.
///
/// A revocation may be moved to an earlier date, never to a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeAccreditation {
    /// Whose.
    pub appraiser: Address,
    /// First millisecond from which appraisals do not count; above zero.
    pub from_ms: u64,
    /// Hash of the document that says why.
    pub reason_sha256: Option<[u8; 32]>,
}

impl TryFrom<pb::RevokeAccreditation> for RevokeAccreditation {
    type Error = AssetError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::RevokeAccreditation) -> Result<Self, AssetError> {
        let pb::RevokeAccreditation { appraiser, from_ms, reason_sha256 } = message;
        Ok(Self {
            appraiser: fields::address("appraiser", &appraiser)?,
            from_ms: fields::range("from_ms", from_ms, 1, u64::MAX)?,
            reason_sha256: fields::optional_sha256("reason_sha256", &reason_sha256)?,
        })
    }
}

impl Message for RevokeAccreditation {
    fn declare(
        &self,
        _sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.read(StateKey::params());
        access.write(StateKey::appraiser(&self.appraiser));
        Ok(())
    }

    /// In order of precedence: [`AssetError::NotRegistrar`],
    /// [`AssetError::AppraiserNotAccredited`], [`AssetError::AccreditationRevoked`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { appraiser, from_ms, reason_sha256 } = self;
        accreditation::require_registrar(context.state, &context.sender)?;
        let key = StateKey::appraiser(appraiser);
        let known: Option<Appraiser> = context.state.load(&key)?;
        let appraiser = *appraiser;
        let known = known.ok_or(AssetError::AppraiserNotAccredited { appraiser })?;
        if (1..=*from_ms).contains(&known.revoked_from_ms) {
            let from_ms = known.revoked_from_ms;
            return Err(AssetError::AccreditationRevoked { appraiser, from_ms }.into());
        }
        context.state.store(key, &Appraiser { revoked_from_ms: *from_ms, ..known })?;
        context.emit(Kind::AccreditationRevoked(pb::AccreditationRevoked {
            appraiser: appraiser.to_bytes(),
            from_ms: *from_ms,
            reason_sha256: fields::optional_bytes(reason_sha256.as_ref()),
        }));
        Ok(())
    }
}
