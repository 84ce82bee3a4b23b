//! `TopUpFees`: units of the fee currency become prepaid fees.

use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1 as pb;
use tessera_proto::pb::chain::v1::Params;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::state_key::StateKey;

use super::error::AccountError;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, committed, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// Turns units held by the sender into prepaid fees of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopUpFees {
    /// Whose credit grows: the sender's own or anybody else's, also one never used.
    pub account: Address,
    /// Base units of the fee currency; above zero.
    pub amount: Amount,
}

impl TryFrom<pb::TopUpFees> for TopUpFees {
    type Error = AccountError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::TopUpFees) -> Result<Self, AccountError> {
        let pb::TopUpFees { account, amount } = message;
        Ok(Self {
            account: fields::recipient("account", &account)?,
            amount: fields::amount("amount", &amount)?,
        })
    }
}

impl Message for TopUpFees {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let params: Params = state
            .leaf(&StateKey::params())?
            .ok_or_else(|| committed::broken("there are no chain parameters"))?;
        let currency = committed::asset_id("fee currency", &params.fee_currency)?;
        holdings::declare_debit(state, access, &currency, sender)?;
        holdings::declare_credit(state, access, &currency, &Address::fee_pool())?;
        access.write(StateKey::account(&self.account));
        Ok(())
    }

    /// Refused as a transfer of the fee currency would be, then [`AccountError::Sanctioned`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { account: target, amount } = self;
        let (block, payer) = (context.block, context.sender);
        let currency = &block.fee_currency;
        holdings::debit(context.state, block, currency, &payer, *amount)?;
        holdings::credit(context.state, currency, &Address::fee_pool(), *amount)?;
        let key = StateKey::account(target);
        let mut account: pb::Account = context.state.load(&key)?.unwrap_or_default();
        if account.sanctioned {
            return Err(AccountError::Sanctioned { account: *target }.into());
        }
        let before = committed::amount("fee credit", &account.fee_credit)?;
        account.fee_credit = committed::sum("fee credit", before, *amount)?.to_string();
        context.state.store(key, &account)?;
        context.emit(Kind::FeesToppedUp(pb::FeesToppedUp {
            payer: payer.to_bytes(),
            account: target.to_bytes(),
            amount: amount.to_string(),
        }));
        Ok(())
    }
}
