//! `RefreshHolder`: a holder is counted anew after its claims have changed.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::error::ComplianceError;
use crate::modules::assets::load_asset;
use crate::modules::eligibility::{
    EligibilityError, declare_person, load_record, load_rules, refresh,
};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Counts a holder anew. Anyone may ask for it, for it only tells what is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshHolder {
    /// The asset.
    pub asset: AssetId,
    /// The identity.
    pub identity: Address,
}

impl TryFrom<pb::RefreshHolder> for RefreshHolder {
    type Error = ComplianceError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::RefreshHolder) -> Result<Self, ComplianceError> {
        let pb::RefreshHolder { asset, identity } = message;
        let asset = fields::asset_id("asset", &asset)?;
        Ok(Self { asset, identity: fields::address("identity", &identity)? })
    }
}

impl Message for RefreshHolder {
    fn declare(
        &self,
        _sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.read(StateKey::asset(&self.asset));
        declare_person(state, access, &self.asset, &self.identity)
    }

    /// In order of precedence: an unknown asset, [`ComplianceError::NotRegulated`],
    /// [`EligibilityError::NoRules`], [`ComplianceError::NotAHolder`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, identity } = self;
        let facts = load_asset(context.state, asset)?;
        if !facts.regulated {
            return Err(ComplianceError::NotRegulated { name: facts.name.clone() }.into());
        }
        let Some(rules) = load_rules(context.state, asset)? else {
            return Err(EligibilityError::NoRules { name: facts.name.clone() }.into());
        };
        if load_record(context.state, (asset, &facts), identity)?.balance.is_zero() {
            let (identity, name) = (*identity, facts.name.clone());
            return Err(ComplianceError::NotAHolder { identity, name }.into());
        }
        let record = refresh(context.state, context.block, &rules, (asset, &facts), identity)?;
        context.emit(Kind::HolderRefreshed(pb::HolderRefreshed {
            asset: asset.to_bytes(),
            identity: identity.to_bytes(),
            claim_types: record.counted.claim_types.iter().copied().collect(),
            country: record.counted.country_text(),
        }));
        Ok(())
    }
}
