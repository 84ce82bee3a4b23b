//! `SetRules`: the rules of a regulated asset.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::agent::{self, load_for_agent};
use super::error::ComplianceError;
use crate::modules::eligibility::{Rules, repeated_kind};
use crate::modules::fields::{self, FieldError};
use crate::modules::{Context, Message};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Sets the rules of a regulated asset, in place of those before.
///
/// Counters have been kept since the first unit, so a limit counts right from the beginning.
#[derive(Debug, Clone, PartialEq)]
pub struct SetRules {
    /// The asset.
    pub asset: AssetId,
    /// As they will stand in the state; they can be read as [`Rules`].
    pub rules: Box<pb::RuleSet>,
}

impl Eq for SetRules {}

impl TryFrom<pb::SetRules> for SetRules {
    type Error = ComplianceError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::SetRules) -> Result<Self, ComplianceError> {
        let pb::SetRules { asset, rules } = message;
        let asset = fields::asset_id("asset", &asset)?;
        let rules = rules.ok_or(FieldError::Missing { field: "rules" })?;
        Rules::try_from(&rules)?;
        Ok(Self { asset, rules: Box::new(rules) })
    }
}

impl Message for SetRules {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        agent::declare(state, access, &self.asset, sender)?;
        access.write(StateKey::rule_set(&self.asset));
        Ok(())
    }

    /// Refused to who does not act for the asset, then [`ComplianceError::NotRegulated`],
    /// [`ComplianceError::RepeatedRule`]: not by form, for what was voted on before this was
    /// refused must still be read.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, rules } = self;
        let facts = load_for_agent(context, asset)?;
        if !facts.regulated {
            return Err(ComplianceError::NotRegulated { name: facts.name.clone() }.into());
        }
        if let Some(kind) = repeated_kind(rules) {
            return Err(ComplianceError::RepeatedRule { kind }.into());
        }
        context.state.store(StateKey::rule_set(asset), rules.as_ref())?;
        let agent = context.sender.to_bytes();
        let (asset, rules) = (asset.to_bytes(), Some(rules.as_ref().clone()));
        let event = Kind::RulesSet(pb::RulesSet { asset, rules, agent });
        agent::record(context, &self.asset, event)
    }
}
