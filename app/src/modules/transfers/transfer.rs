//! `Transfer`: units of one asset to one account.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::transfers::v1 as pb;

use super::error::TransferError;
use super::movement::{self, Sending};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Moves base units of an asset to another account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// What moves.
    pub asset: AssetId,
    /// Who receives it.
    pub to: Address,
    /// How many base units; above zero.
    pub amount: Amount,
    /// Hash of a text that the parties keep.
    pub memo_sha256: Option<[u8; 32]>,
}

impl TryFrom<pb::Transfer> for Transfer {
    type Error = TransferError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::Transfer) -> Result<Self, TransferError> {
        let pb::Transfer { asset, to, amount, memo_sha256 } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            to: fields::recipient("to", &to)?,
            amount: fields::amount("amount", &amount)?,
            memo_sha256: fields::optional_sha256("memo_sha256", &memo_sha256)?,
        })
    }
}

impl Message for Transfer {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        movement::declare(state, access, &self.asset, sender, &[self.to])
    }

    /// In order of precedence: [`TransferError::SelfTransfer`], then the refusals of
    /// `movement::send`.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { to, amount, memo_sha256, .. } = self;
        let from = context.sender;
        if from == *to {
            return Err(TransferError::SelfTransfer { account: from }.into());
        }
        let (asset, legs) = (&self.asset, &[(*to, *amount)]);
        let memo_sha256 = memo_sha256.as_ref();
        movement::send(context, &Sending { asset, from: &from, legs, memo_sha256 })
    }
}
