//! `SponsorFees`: prepaid fees are set aside for another account.

use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1 as pb;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::state_key::StateKey;

use super::delegable::operation_names;
use crate::modules::accounts::{AccountError, fee_credit};
use crate::modules::router::Operation;
use crate::modules::{Context, Message, committed, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Most operations that a sponsorship names.
const MAX_OPERATIONS: usize = 32;

/// Sets prepaid fees of the sender aside for another account, or takes them back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SponsorFees {
    /// Whose transactions are paid.
    pub account: Address,
    /// What is set aside from now on; zero ends it.
    pub amount: Amount,
    /// When it ends.
    pub expires_ms: u64,
    /// Names of the operations that it is for; none: all.
    pub operations: Vec<String>,
}

impl TryFrom<pb::SponsorFees> for SponsorFees {
    type Error = AccountError;

    /// Refuses malformed fields in the order of the message's fields; of operations their
    /// number, then one by one [`AccountError::UnknownOperationName`] and
    /// [`AccountError::OperationsNotAscending`].
    fn try_from(message: pb::SponsorFees) -> Result<Self, AccountError> {
        let pb::SponsorFees { account, amount, expires_ms, operations } = message;
        let account = fields::recipient("account", &account)?;
        let amount = fields::amount_or_zero("amount", &amount)?;
        fields::count("operations", operations.len(), 0, MAX_OPERATIONS)?;
        let operations = operation_names(operations, Operation::NAMES)?;
        Ok(Self { account, amount, expires_ms, operations })
    }
}

impl Message for SponsorFees {
    fn declare(
        &self,
        sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.write(StateKey::account(sender));
        access.write(StateKey::sponsorship(sender, &self.account));
        Ok(())
    }

    /// In order of precedence: [`AccountError::Oneself`], [`AccountError::AlreadyOver`],
    /// [`AccountError::CreditTooSmall`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { account, amount, expires_ms, operations } = self;
        let (sponsor, time_ms, expires_ms) = (context.sender, context.block.time_ms, *expires_ms);
        if sponsor == *account {
            return Err(AccountError::Oneself { account: sponsor }.into());
        }
        if !amount.is_zero() && expires_ms <= time_ms {
            return Err(AccountError::AlreadyOver { expires_ms, time_ms }.into());
        }
        let own_key = StateKey::account(&sponsor);
        let mut own: pb::Account = context.state.load(&own_key)?.unwrap_or_default();
        let key = StateKey::sponsorship(&sponsor, account);
        let before: Option<pb::Sponsorship> = context.state.load(&key)?;
        let returned = committed::amount("sponsored fees", &before.unwrap_or_default().credit)?;
        let have = committed::sum("fee credit", fee_credit(&own)?, returned)?;
        let need = *amount;
        let left = have.checked_sub(need).ok_or(AccountError::CreditTooSmall { have, need })?;
        own.fee_credit = left.to_string();
        context.state.store(own_key, &own)?;
        let credit = amount.to_string();
        let operations = operations.clone();
        match amount.is_zero() {
            true => context.state.write(key, None)?,
            false => {
                context.state.store(key, &pb::Sponsorship { credit, expires_ms, operations })?;
            }
        }
        context.emit(Kind::FeesSponsored(pb::FeesSponsored {
            sponsor: sponsor.to_bytes(),
            account: account.to_bytes(),
            amount: amount.to_string(),
            returned: returned.to_string(),
            expires_ms,
        }));
        Ok(())
    }
}
