//! `ActFor`: an operation for another account.

use bytes::Bytes;
use prost::Message as _;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::accounts::v1 as pb;
use tessera_proto::pb::accounts::v1::{Account, Mandate};
use tessera_proto::pb::chain::v1 as chain;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::split::{InUnits, SplitFactor};
use tessera_proto::state_key::StateKey;

use super::delegable::taken_by;
use crate::modules::accounts::AccountError;
use crate::modules::router::Operation;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, committed, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault, Rejected};
use crate::state::view::{Leaves, StateReader};

/// Most bytes of an operation for another account.
const MAX_OPERATION_LENGTH: usize = 32 << 10;

/// Does an operation for an account that has given the sender a mandate.
///
/// It runs the same code as if that account had sent it. The mandate is used up before it, by
/// each operation once, so that nothing an operation does can use it twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActFor {
    /// For whom.
    pub principal: Address,
    /// What is done.
    pub operation: Box<Operation>,
    /// What that takes, or is about.
    pub taken: (AssetId, Amount),
}

impl TryFrom<pb::ActFor> for ActFor {
    type Error = Rejected;

    /// Refuses malformed fields in the order of the message's fields,
    /// [`AccountError::NotDelegable`] of other encodings and of what can only be done by an
    /// account itself, then what the operation refuses of its form.
    fn try_from(message: pb::ActFor) -> Result<Self, Rejected> {
        let pb::ActFor { principal, operation } = message;
        let principal = fields::recipient("principal", &principal).map_err(AccountError::from)?;
        fields::length("operation", &operation, 1, MAX_OPERATION_LENGTH)
            .map_err(AccountError::from)?;
        let kind = decode(&operation).ok_or(AccountError::NotDelegable)?;
        let operation = Operation::try_from(chain::Operation { kind: Some(kind) })?;
        let taken = taken_by(&operation).ok_or(AccountError::NotDelegable)?;
        Ok(Self { principal, operation: Box::new(operation), taken })
    }
}

/// The operation, unless it is encoded in another way or acts for somebody itself.
fn decode(bytes: &Bytes) -> Option<chain::operation::Kind> {
    let operation = chain::Operation::decode(bytes.clone()).ok()?;
    let canonical = operation.encode_to_vec() == *bytes;
    operation.kind.filter(|kind| canonical && !matches!(kind, chain::operation::Kind::ActFor(_)))
}

impl ActFor {
    /// Refuses what the mandate does not cover.
    fn check(
        &self,
        mandate: &Mandate,
        principal: Address,
        time_ms: u64,
    ) -> Result<(), AccountError> {
        let expires_ms = mandate.expires_ms;
        if time_ms >= expires_ms {
            return Err(AccountError::MandateOver { principal, expires_ms, time_ms });
        }
        let operation = self.operation.name();
        if !mandate.operations.iter().any(|name| name == operation) {
            return Err(AccountError::OperationNotCovered { principal, operation });
        }
        let (asset, _) = self.taken;
        if !mandate.asset.is_empty() && mandate.asset != asset.to_bytes() {
            return Err(AccountError::AssetNotCovered { principal, asset });
        }
        Ok(())
    }

    /// Uses the mandate up, as much as the operation takes.
    ///
    /// # Errors
    /// In order of precedence: [`AccountError::Sanctioned`] of the principal,
    /// [`AccountError::NoMandate`], [`AccountError::MandateOver`],
    /// [`AccountError::OperationNotCovered`], [`AccountError::AssetNotCovered`],
    /// [`AccountError::SpendLimitExceeded`].
    fn use_up(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let (principal, account) = (self.principal, context.sender);
        let leaf: Option<Account> = context.state.load(&StateKey::account(&principal))?;
        if leaf.is_some_and(|leaf| leaf.sanctioned) {
            return Err(AccountError::Sanctioned { account: principal }.into());
        }
        let key = StateKey::mandate(&principal, &account);
        let mandate: Option<Mandate> = context.state.load(&key)?;
        let mut mandate = mandate.ok_or(AccountError::NoMandate { principal, account })?;
        self.check(&mandate, principal, context.block.time_ms)?;
        let (asset, need) = self.taken;
        if !mandate.amount.is_empty() {
            let facts = holdings::load_facts(context.state, &asset)?;
            mandate.bring_to(SplitFactor::of(&facts));
            let left = committed::amount("spend limit", &mandate.amount)?;
            let rest = left.checked_sub(need);
            let name = &facts.name;
            let exceeded = || AccountError::SpendLimitExceeded { name: name.clone(), left, need };
            let rest = rest.ok_or_else(exceeded)?;
            mandate.amount = rest.to_string();
        }
        if mandate.uses == 1 {
            return context.state.write(key, None);
        }
        mandate.uses = mandate.uses.saturating_sub(1);
        context.state.store(key, &mandate)
    }
}

impl Message for ActFor {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.read(StateKey::account(&self.principal));
        access.write(StateKey::mandate(&self.principal, sender));
        access.read(StateKey::asset(&self.taken.0));
        self.operation.declare(&self.principal, state, access)
    }

    /// In order of precedence: what the mandate does not cover, then what the operation refuses
    /// to the principal.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        self.use_up(context)?;
        context.emit(Kind::ActedFor(pb::ActedFor {
            principal: self.principal.to_bytes(),
            account: context.sender.to_bytes(),
            operation: self.operation.name().to_owned(),
        }));
        self.operation.execute(&mut Context {
            block: context.block,
            sender: self.principal,
            state: &mut *context.state,
            events: &mut *context.events,
        })
    }
}
