//! `MintUnits`: new units of an active asset.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::chain::v1::operation;

use super::error::AssetError;
use super::facts::{load_asset, require_active};
use super::roles::{self, Role};
use super::{appraisals, history, totals, two_person};
use crate::modules::transfers::movement;
use crate::modules::{Context, Message, committed, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Issues new base units to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MintUnits {
    /// What is issued.
    pub asset: AssetId,
    /// Who receives it.
    pub to: Address,
    /// How many base units; above zero.
    pub amount: Amount,
}

impl TryFrom<pb::MintUnits> for MintUnits {
    type Error = AssetError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::MintUnits) -> Result<Self, AssetError> {
        let pb::MintUnits { asset, to, amount } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            to: fields::recipient("to", &to)?,
            amount: fields::amount("amount", &amount)?,
        })
    }
}

impl MintUnits {
    fn operation_sha256(&self) -> [u8; 32] {
        let Self { asset, to, amount } = self;
        let (asset, to) = (asset.to_bytes(), to.to_bytes());
        let message = pb::MintUnits { asset, to, amount: amount.to_string() };
        two_person::operation_sha256(operation::Kind::MintUnits(message))
    }
}

impl Message for MintUnits {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        movement::declare_issue(state, access, &self.asset, &self.to)?;
        totals::declare_set_supply(state, access, &self.asset)?;
        appraisals::declare_recent(state, access, &self.asset)?;
        roles::declare(access, &self.asset, sender);
        let facts = state.asset(&self.asset)?;
        if facts.is_some_and(|facts| facts.two_persons_mint) {
            two_person::declare(state, access, &self.asset, &self.operation_sha256())?;
        }
        history::declare(state, access, &self.asset)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::RoleNeeded`],
    /// [`AssetError::NotActive`], [`AssetError::NoValidAppraisal`],
    /// [`AssetError::PoolIsIssued`], [`AssetError::MaxSupplyExceeded`]; where it takes two persons
    /// [`AssetError::NotProposed`], [`AssetError::SecondPersonNeeded`],
    /// [`AssetError::RoleNeeded`] of the proposer. Of a regulated asset then
    /// what its rules refuse.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, to, amount } = self;
        let asset = load_asset(context.state, id)?;
        let (minter, now_ms) = (context.sender, context.block.time_ms);
        roles::require(context.state, id, &minter, Role::Minter, now_ms)?;
        require_active(&asset)?;
        appraisals::require_valid(context.state, context.block, id, &asset)?;
        let max_supply = committed::amount("maximum supply", &asset.max_supply)?;
        let totals = totals::load_totals(context.state, id)?;
        let supply = committed::amount("supply", &totals.supply)?;
        if asset.pool && !supply.is_zero() {
            return Err(AssetError::PoolIsIssued { name: asset.name.clone(), supply }.into());
        }
        let raised = supply.checked_add(*amount).filter(|raised| *raised <= max_supply);
        let Some(raised) = raised else {
            let (name, amount) = (asset.name.clone(), *amount);
            return Err(AssetError::MaxSupplyExceeded { name, amount, supply, max_supply }.into());
        };
        if asset.two_persons_mint {
            two_person::require(context, id, Role::Minter, &self.operation_sha256())?;
        }
        totals::set_supply(context.state, context.block, id, &asset, raised)?;
        movement::issue(context.state, context.block, (id, &asset), to, *amount)?;
        let minted = Kind::UnitsMinted(pb::UnitsMinted {
            asset: id.to_bytes(),
            to: to.to_bytes(),
            amount: amount.to_string(),
        });
        history::record(context, id, minted)
    }
}
