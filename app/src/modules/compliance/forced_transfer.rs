//! `ForcedTransfer`: units move without their holder.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Holding;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::chain::v1::operation;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::pb::compliance::v1::ForcedReason;
use tessera_proto::state_key::StateKey;

use super::agent::{self, load_for_agent};
use super::encumbrances;
use super::error::ComplianceError;
use crate::modules::assets::roles::Role;
use crate::modules::assets::two_person;
use crate::modules::eligibility::{self, Movement, Scope};
use crate::modules::transfers::holdings::{self, Slot};
use crate::modules::transfers::movement;
use crate::modules::{Context, Message, committed, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Moves units without their holder, also while paused or frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForcedTransfer {
    /// The asset.
    pub asset: AssetId,
    /// Whose units.
    pub from: Address,
    /// Who receives them.
    pub to: Address,
    /// How many base units; above zero.
    pub amount: Amount,
    /// Why.
    pub reason: ForcedReason,
    /// Hash of the legal document.
    pub document_sha256: [u8; 32],
}

impl TryFrom<pb::ForcedTransfer> for ForcedTransfer {
    type Error = ComplianceError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::ForcedTransfer) -> Result<Self, ComplianceError> {
        let pb::ForcedTransfer { asset, from, to, amount, reason, document_sha256 } = message;
        let asset = fields::asset_id("asset", &asset)?;
        let from = fields::recipient("from", &from)?;
        let to = fields::recipient("to", &to)?;
        let amount = fields::amount("amount", &amount)?;
        fields::range("reason", reason, 1, i32::from(ForcedReason::Inheritance))?;
        // The range check leaves only values that the enum has.
        let reason = ForcedReason::try_from(reason).unwrap_or(ForcedReason::Unspecified);
        let document_sha256 = fields::bytes32("document_sha256", &document_sha256)?;
        Ok(Self { asset, from, to, amount, reason, document_sha256 })
    }
}

impl ForcedTransfer {
    /// Hash under which a first person proposes it.
    fn operation_sha256(&self) -> [u8; 32] {
        let Self { asset, from, to, amount, reason, document_sha256 } = self;
        two_person::operation_sha256(operation::Kind::ForcedTransfer(pb::ForcedTransfer {
            asset: asset.to_bytes(),
            from: from.to_bytes(),
            to: to.to_bytes(),
            amount: amount.to_string(),
            reason: (*reason).into(),
            document_sha256: document_sha256.to_vec().into(),
        }))
    }
}

/// Takes as much off the frozen amount as the free units fall short of what is taken.
fn unfreeze_shortfall(holding: &mut Holding, amount: Amount) -> Result<Amount, Fault> {
    let shortfall = amount.saturating_sub(holding.free());
    let unfrozen = shortfall.min(holding.frozen);
    holding.frozen = committed::difference("frozen", holding.frozen, unfrozen)?;
    Ok(unfrozen)
}

impl Message for ForcedTransfer {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        agent::declare(state, access, &self.asset, sender)?;
        let Self { asset, from, to, .. } = self;
        access.write(StateKey::encumbrances(asset, from));
        let facts = state.asset(asset)?;
        if facts.is_some_and(|facts| facts.two_persons_forced_transfer) {
            two_person::declare(state, access, asset, &self.operation_sha256())?;
        }
        movement::declare(state, access, asset, from, &[*to])
    }

    /// In order of precedence: [`ComplianceError::SameAccount`], the refusal of who does not act
    /// for the asset, [`ComplianceError::InsufficientBalance`]; where it takes two persons, that
    /// no other has proposed it; of a regulated asset what its rules ask of any receiver.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, from, to, amount, reason, document_sha256 } = self;
        let (block, need) = (context.block, *amount);
        if from == to {
            return Err(ComplianceError::SameAccount { account: *from }.into());
        }
        let facts = load_for_agent(context, asset)?;
        let mut holding = holdings::load_holding(context.state, (asset, &facts), from)?;
        if need > holding.balance {
            let (account, have) = (*from, holding.balance);
            let name = facts.name.clone();
            return Err(ComplianceError::InsufficientBalance { account, name, have, need }.into());
        }
        if facts.two_persons_forced_transfer {
            two_person::require(context, asset, Role::Agent, &self.operation_sha256())?;
        }
        let mut list = encumbrances::load(context.state, (asset, &facts), from)?;
        let released = encumbrances::release_for(&mut list, &mut holding, need)?;
        if !released.is_empty() {
            encumbrances::store(context.state, asset, from, &list)?;
        }
        let unfrozen = unfreeze_shortfall(&mut holding, need)?;
        if facts.regulated {
            let (from, legs) = (Some(from), &[(*to, need)]);
            let movement =
                Movement { asset, facts: &facts, from, total: need, legs, scope: Scope::Forced };
            eligibility::assess(context.state, block, &movement)?
                .carry_out(context.state, asset)?;
        }
        let slot = Slot { asset, facts: &facts, account: from };
        holdings::take(context.state, block, &slot, holding, need)?;
        holdings::credit(context.state, asset, to, need)?;
        for entry in released {
            encumbrances::tell_released(context, asset, from, entry);
        }
        let agent = context.sender.to_bytes();
        let event = Kind::TransferForced(pb::TransferForced {
            asset: asset.to_bytes(),
            from: from.to_bytes(),
            to: to.to_bytes(),
            amount: amount.to_string(),
            reason: (*reason).into(),
            document_sha256: document_sha256.to_vec().into(),
            unfrozen: unfrozen.to_string(),
            agent,
        });
        agent::record(context, &self.asset, event)
    }
}
