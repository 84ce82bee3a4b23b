//! `BatchTransfer`: units of one asset to many accounts.

use std::collections::BTreeMap;

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::transfers::v1 as pb;

use super::error::TransferError;
use super::movement::{self, Sending};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Most recipients of one batch.
pub const MAX_LEGS: usize = 256;

/// Moves base units of one asset to many accounts; all or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchTransfer {
    /// What moves.
    pub asset: AssetId,
    /// How many base units each recipient gets; above zero. In order of account, which decides
    /// nothing but the order of events.
    pub legs: BTreeMap<Address, Amount>,
    /// Hash of a text that the parties keep.
    pub memo_sha256: Option<[u8; 32]>,
}

impl TryFrom<pb::BatchTransfer> for BatchTransfer {
    type Error = TransferError;

    /// Refuses malformed fields in the order of the message's fields; then, leg by leg,
    /// [`TransferError::DuplicateRecipient`] and [`TransferError::TotalTooLarge`].
    fn try_from(message: pb::BatchTransfer) -> Result<Self, TransferError> {
        let pb::BatchTransfer { asset, legs: given, memo_sha256 } = message;
        let asset = fields::asset_id("asset", &asset)?;
        fields::count("legs", given.len(), 1, MAX_LEGS)?;
        let memo_sha256 = fields::optional_sha256("memo_sha256", &memo_sha256)?;
        let (mut legs, mut total) = (BTreeMap::new(), Amount::ZERO);
        for pb::TransferLeg { to, amount } in given {
            let to = fields::recipient("to", &to)?;
            let amount = fields::amount("amount", &amount)?;
            if legs.insert(to, amount).is_some() {
                return Err(TransferError::DuplicateRecipient { account: to });
            }
            total = total.checked_add(amount).ok_or(TransferError::TotalTooLarge)?;
        }
        Ok(Self { asset, legs, memo_sha256 })
    }
}

impl BatchTransfer {
    /// Base units of all legs together.
    #[must_use]
    pub fn total(&self) -> Amount {
        let add = |sum: Amount, units: &Amount| sum.saturating_add(*units);
        self.legs.values().fold(Amount::ZERO, add)
    }
}

impl Message for BatchTransfer {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let to: Vec<Address> = self.legs.keys().copied().collect();
        movement::declare(state, access, &self.asset, sender, &to)
    }

    /// In order of precedence: [`TransferError::SelfTransfer`], then the refusals of
    /// `movement::send`.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, legs, memo_sha256 } = self;
        let from = context.sender;
        if legs.contains_key(&from) {
            return Err(TransferError::SelfTransfer { account: from }.into());
        }
        let units: Vec<(Address, Amount)> = legs.iter().map(|(to, n)| (*to, *n)).collect();
        let (legs, memo_sha256) = (units.as_slice(), memo_sha256.as_ref());
        movement::send(context, &Sending { asset, from: &from, legs, memo_sha256 })
    }
}
