//! `ExecuteHold`: the units of a hold go to the payee.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::encumbrances;
use super::error::ComplianceError;
use crate::modules::assets::load_asset;
use crate::modules::eligibility::{self, Movement, Scope};
use crate::modules::transfers::holdings::{self, Slot};
use crate::modules::transfers::{acceptance, movement};
use crate::modules::{Context, Message, committed, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, StateReader};

/// Gives the units of a hold to its payee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecuteHold {
    /// The asset.
    pub asset: AssetId,
    /// Whose units.
    pub holder: Address,
    /// Number of the hold.
    pub number: u64,
}

impl TryFrom<pb::ExecuteHold> for ExecuteHold {
    type Error = ComplianceError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::ExecuteHold) -> Result<Self, ComplianceError> {
        let pb::ExecuteHold { asset, holder, number } = message;
        let asset = fields::asset_id("asset", &asset)?;
        Ok(Self { asset, holder: fields::address("holder", &holder)?, number })
    }
}

impl Message for ExecuteHold {
    fn declare(
        &self,
        _sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { asset, holder, number } = self;
        let key = StateKey::encumbrances(asset, holder);
        access.write(key);
        access.read(StateKey::asset(asset));
        let list: pb::Encumbrances = state.leaf(&key)?.unwrap_or_default();
        let Some(hold) = list.entries.iter().find(|entry| entry.number == *number) else {
            return Ok(());
        };
        access.read(StateKey::wallet(holder));
        let payee = committed::address("payee", &hold.payee)?;
        movement::declare(state, access, asset, holder, &[payee])
    }

    /// In order of precedence: an unknown asset, [`ComplianceError::UnknownHold`],
    /// [`ComplianceError::NotEscrow`], [`ComplianceError::HoldOver`], the refusals of a transfer
    /// but that too little is free: a hold goes before an amount that was frozen after it. Before
    /// what is asked of the payee comes that the holder is denied the chain. A payee who asks to
    /// accept the asset first and has not must execute the hold itself.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, holder, number } = self;
        let (block, sender, number) = (context.block, context.sender, *number);
        let facts = load_asset(context.state, asset)?;
        let mut list = encumbrances::load(context.state, (asset, &facts), holder)?;
        if !list.entries.iter().any(|entry| entry.number == number) {
            return Err(ComplianceError::UnknownHold { holder: *holder, number }.into());
        }
        let mut holding = holdings::load_holding(context.state, (asset, &facts), holder)?;
        let hold = encumbrances::unbind_hold(&mut list, holder, &mut holding, number)?;
        let escrow = committed::address("escrow", &hold.escrow)?;
        if escrow != sender {
            return Err(ComplianceError::NotEscrow { sender, number, escrow }.into());
        }
        let (expires_ms, time_ms) = (hold.expires_ms, block.time_ms);
        if time_ms >= expires_ms {
            return Err(ComplianceError::HoldOver { number, expires_ms, time_ms }.into());
        }
        holdings::require_transferable(&facts)?;
        holdings::require_unfrozen(&facts, holder, &holding)?;
        holdings::require_owner_allowed(context.state, holder)?;
        let (payee, amount) =
            (committed::address("payee", &hold.payee)?, encumbrances::amount(&hold)?);
        if payee != sender {
            acceptance::require(context.state, (asset, &facts), &payee)?;
        }
        if facts.regulated {
            let legs = &[(payee, amount)];
            let (from, scope) = (Some(holder), Scope::Full);
            let movement = Movement { asset, facts: &facts, from, total: amount, legs, scope };
            eligibility::assess(context.state, block, &movement)?
                .carry_out(context.state, asset)?;
        }
        encumbrances::store(context.state, asset, holder, &list)?;
        let slot = Slot { asset, facts: &facts, account: holder };
        holdings::take(context.state, block, &slot, holding, amount)?;
        holdings::credit(context.state, asset, &payee, amount)?;
        context.emit(Kind::HoldExecuted(pb::HoldExecuted {
            asset: asset.to_bytes(),
            holder: holder.to_bytes(),
            number,
            amount: hold.amount,
            payee: hold.payee,
        }));
        Ok(())
    }
}
