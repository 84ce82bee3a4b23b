//! `GiveMandate` and `RevokeMandate`: who may act for an account.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::accounts::v1 as pb;
use tessera_proto::pb::accounts::v1::Mandate;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::split::SplitFactor;
use tessera_proto::state_key::StateKey;

use super::delegable::{DELEGABLE, operation_names};
use crate::modules::accounts::AccountError;
use crate::modules::fields::FieldError;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Lets another account act for the sender, within limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiveMandate {
    /// Who may act.
    pub account: Address,
    /// Names of the operations.
    pub operations: Vec<String>,
    /// What they may be about; none: any asset.
    pub asset: Option<AssetId>,
    /// Base units of the asset that may be spent in all; none: without limit.
    pub amount: Option<Amount>,
    /// When it ends.
    pub expires_ms: u64,
    /// How often it may be used; 0: without limit.
    pub uses: u64,
}

impl TryFrom<pb::GiveMandate> for GiveMandate {
    type Error = AccountError;

    /// Refuses malformed fields in the order of the message's fields; of operations their
    /// number, then one by one [`AccountError::UnknownOperationName`] and
    /// [`AccountError::OperationsNotAscending`].
    fn try_from(message: pb::GiveMandate) -> Result<Self, AccountError> {
        let pb::GiveMandate { account, operations, asset, amount, expires_ms, uses } = message;
        let account = fields::recipient("account", &account)?;
        fields::count("operations", operations.len(), 1, DELEGABLE.len())?;
        let operations = operation_names(operations, &DELEGABLE)?;
        let asset = match asset.is_empty() {
            true => None,
            false => Some(fields::asset_id("asset", &asset)?),
        };
        let amount = match amount.is_empty() {
            true => None,
            false if asset.is_none() => return Err(FieldError::Missing { field: "asset" }.into()),
            false => Some(fields::amount("amount", &amount)?),
        };
        Ok(Self { account, operations, asset, amount, expires_ms, uses })
    }
}

impl Message for GiveMandate {
    fn declare(
        &self,
        sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.write(StateKey::mandate(sender, &self.account));
        if let Some(asset) = &self.asset {
            access.read(StateKey::asset(asset));
        }
        Ok(())
    }

    /// In order of precedence: [`AccountError::Oneself`], [`AccountError::AlreadyOver`], an
    /// unknown asset.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { account, operations, asset, amount, expires_ms, uses } = self;
        let (principal, time_ms, expires_ms) = (context.sender, context.block.time_ms, *expires_ms);
        if principal == *account {
            return Err(AccountError::Oneself { account: principal }.into());
        }
        if expires_ms <= time_ms {
            return Err(AccountError::AlreadyOver { expires_ms, time_ms }.into());
        }
        let factor = match asset {
            Some(asset) => SplitFactor::of(holdings::load_facts(context.state, asset)?.as_ref()),
            None => SplitFactor::default(),
        };
        let mandate = Mandate {
            operations: operations.clone(),
            asset: asset.map(AssetId::to_bytes).unwrap_or_default(),
            amount: amount.map(|amount| amount.to_string()).unwrap_or_default(),
            expires_ms,
            uses: *uses,
            split_factor: factor.to_field(),
        };
        context.state.store(StateKey::mandate(&principal, account), &mandate)?;
        context.emit(Kind::MandateGiven(pb::MandateGiven {
            principal: principal.to_bytes(),
            account: account.to_bytes(),
            mandate: Some(mandate),
        }));
        Ok(())
    }
}

/// Ends what the sender lets another account do for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeMandate {
    /// Who may not act any more.
    pub account: Address,
}

impl TryFrom<pb::RevokeMandate> for RevokeMandate {
    type Error = AccountError;

    /// Refuses a malformed address.
    fn try_from(message: pb::RevokeMandate) -> Result<Self, AccountError> {
        let pb::RevokeMandate { account } = message;
        Ok(Self { account: fields::address("account", &account)? })
    }
}

impl Message for RevokeMandate {
    fn declare(
        &self,
        sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.write(StateKey::mandate(sender, &self.account));
        Ok(())
    }

    /// Refused only by [`AccountError::NoMandate`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let (principal, account) = (context.sender, self.account);
        let key = StateKey::mandate(&principal, &account);
        if context.state.load::<Mandate>(&key)?.is_none() {
            return Err(AccountError::NoMandate { principal, account }.into());
        }
        context.state.write(key, None)?;
        let (principal, account) = (principal.to_bytes(), account.to_bytes());
        context.emit(Kind::MandateRevoked(pb::MandateRevoked { principal, account }));
        Ok(())
    }
}
