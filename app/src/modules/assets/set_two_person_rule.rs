//! `SetTwoPersonRule`: which operations on an asset take two persons.

use std::sync::Arc;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::chain::v1::event;
use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::state_key::StateKey;

use super::error::AssetError;
use super::facts::load_open;
use super::roles::{self, Role};
use super::{history, two_person};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Says which operations take two persons.
///
/// One issuer may add to the rule; it takes two issuers to leave something out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetTwoPersonRule {
    /// The asset.
    pub asset: AssetId,
    /// Whether issuing units does.
    pub mint: bool,
    /// Whether moving units by force does.
    pub forced_transfer: bool,
    /// Whether splitting units does.
    pub split: bool,
}

impl TryFrom<pb::SetTwoPersonRule> for SetTwoPersonRule {
    type Error = AssetError;

    /// Refuses a malformed id.
    fn try_from(message: pb::SetTwoPersonRule) -> Result<Self, AssetError> {
        let pb::SetTwoPersonRule { asset, mint, forced_transfer, split } = message;
        Ok(Self { asset: fields::asset_id("asset", &asset)?, mint, forced_transfer, split })
    }
}

impl SetTwoPersonRule {
    fn operation_sha256(&self) -> [u8; 32] {
        let Self { asset, mint, forced_transfer, split } = *self;
        let asset = asset.to_bytes();
        let message = pb::SetTwoPersonRule { asset, mint, forced_transfer, split };
        two_person::operation_sha256(Kind::SetTwoPersonRule(message))
    }

    /// Whether something that takes two persons so far would take one.
    fn weakens(&self, asset: &Asset) -> bool {
        (asset.two_persons_mint && !self.mint)
            || (asset.two_persons_forced_transfer && !self.forced_transfer)
            || (asset.two_persons_split && !self.split)
    }
}

impl Message for SetTwoPersonRule {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        roles::declare(access, &self.asset, sender);
        access.write(StateKey::asset(&self.asset));
        if state.asset(&self.asset)?.is_some_and(|asset| self.weakens(&asset)) {
            two_person::declare(state, access, &self.asset, &self.operation_sha256())?;
        }
        history::declare(state, access, &self.asset)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::Closed`],
    /// [`AssetError::RoleNeeded`]; where it leaves something out [`AssetError::NotProposed`],
    /// [`AssetError::SecondPersonNeeded`], [`AssetError::RoleNeeded`] of the proposer.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, mint, forced_transfer, split } = self;
        let (sender, now_ms) = (context.sender, context.block.time_ms);
        let mut asset = Arc::unwrap_or_clone(load_open(context.state, id)?);
        roles::require(context.state, id, &sender, Role::Issuer, now_ms)?;
        if self.weakens(&asset) {
            two_person::require(context, id, Role::Issuer, &self.operation_sha256())?;
        }
        asset.two_persons_mint = *mint;
        asset.two_persons_forced_transfer = *forced_transfer;
        asset.two_persons_split = *split;
        context.state.store(StateKey::asset(id), &asset)?;
        let rule = event::Kind::TwoPersonRuleSet(pb::TwoPersonRuleSet {
            asset: id.to_bytes(),
            mint: *mint,
            forced_transfer: *forced_transfer,
            split: *split,
        });
        history::record(context, id, rule)
    }
}
