//! `SetExemptions`: rules that do not bind an identity.

use std::collections::BTreeSet;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::pb::compliance::v1::RuleKind;
use tessera_proto::state_key::StateKey;

use super::agent::{self, load_for_agent};
use super::error::ComplianceError;
use crate::modules::eligibility::{self, load_record, store_record};
use crate::modules::fields::{self, FieldError};
use crate::modules::{Context, Message};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Sets which kinds of rules do not bind an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetExemptions {
    /// The asset.
    pub asset: AssetId,
    /// The identity.
    pub identity: Address,
    /// The kinds; none ends all exemptions.
    pub exemptions: BTreeSet<RuleKind>,
}

impl TryFrom<pb::SetExemptions> for SetExemptions {
    type Error = ComplianceError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::SetExemptions) -> Result<Self, ComplianceError> {
        let pb::SetExemptions { asset, identity, exemptions: given } = message;
        let asset = fields::asset_id("asset", &asset)?;
        let identity = fields::address("identity", &identity)?;
        let kinds = given.into_iter().map(|kind| eligibility::rule_kind("exemptions", kind));
        let exemptions = kinds.collect::<Result<_, FieldError>>()?;
        Ok(Self { asset, identity, exemptions })
    }
}

impl Message for SetExemptions {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        agent::declare(state, access, &self.asset, sender)?;
        access.read(StateKey::identity(&self.identity));
        access.write(StateKey::holder_record(&self.asset, &self.identity));
        Ok(())
    }

    /// Refused to who does not act for the asset; then [`ComplianceError::NotRegulated`],
    /// [`ComplianceError::UnknownIdentity`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, identity, exemptions } = self;
        let facts = load_for_agent(context, asset)?;
        if !facts.regulated {
            return Err(ComplianceError::NotRegulated { name: facts.name.clone() }.into());
        }
        if context.state.load::<pb::Identity>(&StateKey::identity(identity))?.is_none() {
            return Err(ComplianceError::UnknownIdentity { identity: *identity }.into());
        }
        let mut record = load_record(context.state, (asset, &facts), identity)?;
        record.exemptions.clone_from(exemptions);
        store_record(context.state, asset, identity, &record)?;
        let agent = context.sender.to_bytes();
        let event = Kind::ExemptionsSet(pb::ExemptionsSet {
            asset: asset.to_bytes(),
            identity: identity.to_bytes(),
            exemptions: exemptions.iter().map(|kind| i32::from(*kind)).collect(),
            agent,
        });
        agent::record(context, &self.asset, event)
    }
}
