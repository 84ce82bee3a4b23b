//! `SetSanction`: an account is denied the chain.

use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1::Account;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::authority::require_authority;
use super::error::ComplianceError;
use crate::modules::eligibility::wallet;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Denies an account the chain, or ends that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetSanction {
    /// The account.
    pub account: Address,
    /// Whether it is denied.
    pub sanctioned: bool,
    /// Hash of the decision.
    pub document_sha256: [u8; 32],
}

impl TryFrom<pb::SetSanction> for SetSanction {
    type Error = ComplianceError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::SetSanction) -> Result<Self, ComplianceError> {
        let pb::SetSanction { account, sanctioned, document_sha256 } = message;
        Ok(Self {
            account: fields::recipient("account", &account)?,
            sanctioned,
            document_sha256: fields::bytes32("document_sha256", &document_sha256)?,
        })
    }
}

impl Message for SetSanction {
    fn declare(
        &self,
        _sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.read(StateKey::params());
        access.write(StateKey::account(&self.account));
        access.write(StateKey::wallet(&self.account));
        Ok(())
    }

    /// In order of precedence: [`ComplianceError::NotAuthority`],
    /// [`ComplianceError::SameAccount`] of the authority itself, which would be locked out,
    /// [`ComplianceError::NoChange`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { account, sanctioned, document_sha256 } = self;
        require_authority(context, None)?;
        if *account == context.sender {
            return Err(ComplianceError::SameAccount { account: *account }.into());
        }
        let mut wallet = wallet(context.state, account)?;
        if wallet.sanctioned == *sanctioned {
            return Err(ComplianceError::NoChange { account: *account }.into());
        }
        wallet.sanctioned = *sanctioned;
        let key = StateKey::wallet(account);
        match wallet == pb::Wallet::default() {
            true => context.state.write(key, None)?,
            false => context.state.store(key, &wallet)?,
        }
        let key = StateKey::account(account);
        let mut leaf: Account = context.state.load(&key)?.unwrap_or_default();
        leaf.sanctioned = *sanctioned;
        context.state.store(key, &leaf)?;
        context.emit(Kind::SanctionSet(pb::SanctionSet {
            account: account.to_bytes(),
            sanctioned: *sanctioned,
            document_sha256: document_sha256.to_vec().into(),
        }));
        Ok(())
    }
}
