//! `TransferFrom`: units of an account that has approved the sender.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::transfers::v1 as pb;
use tessera_proto::split::{InUnits, SplitFactor};
use tessera_proto::state_key::StateKey;

use super::error::TransferError;
use super::holdings;
use super::movement::{self, Sending};
use crate::modules::{Context, Message, committed, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Moves units of an account that has approved the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferFrom {
    /// What moves.
    pub asset: AssetId,
    /// Whose units.
    pub from: Address,
    /// Who receives them.
    pub to: Address,
    /// How many base units; above zero.
    pub amount: Amount,
    /// Hash of a text that the parties keep.
    pub memo_sha256: Option<[u8; 32]>,
}

impl TryFrom<pb::TransferFrom> for TransferFrom {
    type Error = TransferError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::TransferFrom) -> Result<Self, TransferError> {
        let pb::TransferFrom { asset, from, to, amount, memo_sha256 } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            from: fields::address("from", &from)?,
            to: fields::recipient("to", &to)?,
            amount: fields::amount("amount", &amount)?,
            memo_sha256: fields::optional_sha256("memo_sha256", &memo_sha256)?,
        })
    }
}

impl TransferFrom {
    /// Takes the amount off the allowance.
    fn use_allowance(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let (owner, spender, need) = (self.from, context.sender, self.amount);
        let key = StateKey::allowance(&self.asset, &owner, &spender);
        let allowance: Option<pb::Allowance> = context.state.load(&key)?;
        let mut allowance = allowance.ok_or(TransferError::NotApproved { owner, spender })?;
        let facts = context.state.asset(&self.asset)?.unwrap_or_default();
        allowance.bring_to(SplitFactor::of(&facts));
        let (expires_ms, time_ms) = (allowance.expires_ms, context.block.time_ms);
        if expires_ms != 0 && time_ms >= expires_ms {
            return Err(TransferError::ApprovalExpired { owner, expires_ms, time_ms }.into());
        }
        let left = committed::amount("allowance", &allowance.amount)?;
        let rest = left.checked_sub(need);
        let rest = rest.ok_or(TransferError::ApprovalTooSmall { owner, left, need })?;
        match rest.is_zero() {
            true => context.state.write(key, None),
            false => {
                allowance.amount = rest.to_string();
                context.state.store(key, &allowance)
            }
        }
    }
}

impl Message for TransferFrom {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.read(StateKey::wallet(&self.from));
        access.write(StateKey::allowance(&self.asset, &self.from, sender));
        movement::declare(state, access, &self.asset, &self.from, &[self.to])
    }

    /// In order of precedence: [`TransferError::SelfTransfer`], [`TransferError::NotApproved`],
    /// [`TransferError::ApprovalExpired`], [`TransferError::ApprovalTooSmall`],
    /// [`TransferError::OwnerSanctioned`], then the refusals of `movement::send`.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, from, to, amount, memo_sha256 } = self;
        if from == to {
            return Err(TransferError::SelfTransfer { account: *from }.into());
        }
        self.use_allowance(context)?;
        holdings::require_owner_allowed(context.state, from)?;
        let (legs, memo_sha256) = (&[(*to, *amount)], memo_sha256.as_ref());
        movement::send(context, &Sending { asset, from, legs, memo_sha256 })
    }
}
