//! `ApproveSpender`: another account may send units of the sender.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::transfers::v1 as pb;
use tessera_proto::split::SplitFactor;
use tessera_proto::state_key::StateKey;

use super::error::TransferError;
use super::holdings;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Lets another account send units of the sender, up to an amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApproveSpender {
    /// Units of what.
    pub asset: AssetId,
    /// Who may send them.
    pub spender: Address,
    /// Base units that may still be sent; zero ends it.
    pub amount: Amount,
    /// May be used while the time is below this; 0 for ever.
    pub expires_ms: u64,
}

impl TryFrom<pb::ApproveSpender> for ApproveSpender {
    type Error = TransferError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::ApproveSpender) -> Result<Self, TransferError> {
        let pb::ApproveSpender { asset, spender, amount, expires_ms } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            spender: fields::recipient("spender", &spender)?,
            amount: fields::amount_or_zero("amount", &amount)?,
            expires_ms,
        })
    }
}

impl Message for ApproveSpender {
    fn declare(
        &self,
        sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.read(StateKey::asset(&self.asset));
        access.write(StateKey::allowance(&self.asset, sender, &self.spender));
        Ok(())
    }

    /// In order of precedence: [`TransferError::SelfTransfer`], [`TransferError::UnknownAsset`],
    /// [`TransferError::ApprovalExpired`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, spender, amount, expires_ms } = self;
        let owner = context.sender;
        if owner == *spender {
            return Err(TransferError::SelfTransfer { account: owner }.into());
        }
        let facts = holdings::load_facts(context.state, asset)?;
        let (expires_ms, time_ms) = (*expires_ms, context.block.time_ms);
        if expires_ms != 0 && time_ms >= expires_ms {
            return Err(TransferError::ApprovalExpired { owner, expires_ms, time_ms }.into());
        }
        let key = StateKey::allowance(asset, &owner, spender);
        let amount = amount.to_string();
        let split_factor = SplitFactor::of(&facts).to_field();
        let allowance = pb::Allowance { amount: amount.clone(), expires_ms, split_factor };
        match self.amount.is_zero() {
            true => context.state.write(key, None)?,
            false => context.state.store(key, &allowance)?,
        }
        context.emit(Kind::SpenderApproved(pb::SpenderApproved {
            asset: asset.to_bytes(),
            owner: owner.to_bytes(),
            spender: spender.to_bytes(),
            amount,
            expires_ms,
        }));
        Ok(())
    }
}
