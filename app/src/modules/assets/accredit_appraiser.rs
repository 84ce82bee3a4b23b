//! `AccreditAppraiser`: an account may sign appraisals.

use tessera_proto::id::Address;
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::Appraiser;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::state_key::StateKey;

use super::accreditation;
use super::error::AssetError;
use super::register_asset::MAX_TITLE_LENGTH;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Accredits an appraiser, or changes the name or end of an accreditation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccreditAppraiser {
    /// Who may sign.
    pub appraiser: Address,
    /// For people.
    pub name: String,
    /// First millisecond without accreditation; 0 when it has no end.
    pub until_ms: u64,
}

impl TryFrom<pb::AccreditAppraiser> for AccreditAppraiser {
    type Error = AssetError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::AccreditAppraiser) -> Result<Self, AssetError> {
        let pb::AccreditAppraiser { appraiser, name, until_ms } = message;
        Ok(Self {
            appraiser: fields::address("appraiser", &appraiser)?,
            name: fields::text("name", name, MAX_TITLE_LENGTH)?,
            until_ms,
        })
    }
}

impl Message for AccreditAppraiser {
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
    /// [`AssetError::AccreditationRevoked`], [`AssetError::AccreditationOver`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { appraiser, name, until_ms } = self;
        let time_ms = context.block.time_ms;
        accreditation::require_registrar(context.state, &context.sender)?;
        let key = StateKey::appraiser(appraiser);
        let known: Appraiser = context.state.load(&key)?.unwrap_or_default();
        if known.revoked_from_ms > 0 {
            let (appraiser, from_ms) = (*appraiser, known.revoked_from_ms);
            return Err(AssetError::AccreditationRevoked { appraiser, from_ms }.into());
        }
        if (1..=time_ms).contains(until_ms) {
            return Err(AssetError::AccreditationOver { until_ms: *until_ms, time_ms }.into());
        }
        let leaf = Appraiser { name: name.clone(), accredited_until_ms: *until_ms, ..known };
        context.state.store(key, &leaf)?;
        context.emit(Kind::AppraiserAccredited(pb::AppraiserAccredited {
            appraiser: appraiser.to_bytes(),
            name: name.clone(),
            until_ms: *until_ms,
        }));
        Ok(())
    }
}
