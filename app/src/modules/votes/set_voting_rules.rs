//! `SetVotingRules`: how holders decide, set by the issuer once.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::error::VoteError;
use super::rules::VotingRules;
use crate::modules::assets::{load_asset, load_currency, require_issuer};
use crate::modules::fields::{self, FieldError};
use crate::modules::{Context, Message};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Sets the rules of votes of an asset that has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetVotingRules {
    /// The asset.
    pub asset: AssetId,
    /// The rules.
    pub rules: VotingRules,
}

impl TryFrom<pb::SetVotingRules> for SetVotingRules {
    type Error = VoteError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::SetVotingRules) -> Result<Self, VoteError> {
        let pb::SetVotingRules { asset, rules } = message;
        let asset = fields::asset_id("asset", &asset)?;
        let rules = rules.ok_or(FieldError::Missing { field: "rules" })?;
        Ok(Self { asset, rules: rules.try_into()? })
    }
}

/// Declares what [`store`] touches.
pub(super) fn declare(access: &mut AccessSet, asset: &AssetId) {
    access.write(StateKey::voting_rules(asset));
}

/// Stores rules and tells of them.
pub(super) fn store(
    context: &mut Context<'_>,
    asset: &AssetId,
    rules: &VotingRules,
) -> Result<(), ExecutionError> {
    let rules = pb::VotingRules::from(rules);
    context.state.store(StateKey::voting_rules(asset), &rules)?;
    let event = pb::VotingRulesSet { asset: asset.to_bytes(), rules: Some(rules) };
    context.emit(Kind::VotingRulesSet(event));
    Ok(())
}

impl Message for SetVotingRules {
    fn declare(
        &self,
        _sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.read(StateKey::asset(&self.asset));
        if let Some((currency, _)) = &self.rules.deposit {
            access.read(StateKey::asset(currency));
        }
        declare(access, &self.asset);
        Ok(())
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::NotIssuer`],
    /// [`VoteError::RulesAreSet`]; of the currency of the deposit [`AssetError::UnknownAsset`],
    /// [`AssetError::NotACurrency`].
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::NotIssuer`]: crate::modules::assets::AssetError::NotIssuer
    /// [`AssetError::NotACurrency`]: crate::modules::assets::AssetError::NotACurrency
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, rules } = self;
        let asset = load_asset(context.state, id)?;
        require_issuer(&asset, &context.sender)?;
        if VotingRules::load(context.state, id)?.is_some() {
            return Err(VoteError::RulesAreSet { name: asset.name.clone() }.into());
        }
        if let Some((currency, _)) = &rules.deposit {
            load_currency(context.state, currency)?;
        }
        store(context, id, rules)
    }
}
