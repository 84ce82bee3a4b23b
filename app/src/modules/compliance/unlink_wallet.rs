//! `UnlinkWallet`: a wallet leaves the sender's identity.

use bytes::Bytes;
use tessera_proto::id::Address;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::error::ComplianceError;
use super::link_wallet::{declare_identity, senders_identity};
use crate::modules::committed::broken;
use crate::modules::eligibility::{identity_of, wallet};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Takes a wallet from the sender's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnlinkWallet {
    /// The wallet; the sender's own or another of the identity.
    pub wallet: Address,
}

impl TryFrom<pb::UnlinkWallet> for UnlinkWallet {
    type Error = ComplianceError;

    /// Refuses a malformed address.
    fn try_from(message: pb::UnlinkWallet) -> Result<Self, ComplianceError> {
        let pb::UnlinkWallet { wallet } = message;
        Ok(Self { wallet: fields::address("wallet", &wallet)? })
    }
}

impl Message for UnlinkWallet {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        declare_identity(state, access, sender)?;
        access.write(StateKey::wallet(&self.wallet));
        access.read(StateKey::wallet_use(&self.wallet));
        Ok(())
    }

    /// In order of precedence: [`ComplianceError::NoIdentity`],
    /// [`ComplianceError::NotOfIdentity`], [`ComplianceError::LastWallet`],
    /// [`ComplianceError::WalletInUse`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let identity = senders_identity(context)?;
        let address = self.wallet;
        let mut left = wallet(context.state, &address)?;
        if identity_of(&left)? != Some(identity) {
            return Err(ComplianceError::NotOfIdentity { wallet: address, identity }.into());
        }
        let key = StateKey::identity(&identity);
        let known: Option<pb::Identity> = context.state.load(&key)?;
        let mut known = known.ok_or_else(|| broken(format!("{identity} is no identity")))?;
        let rest = known.wallet_count.checked_sub(1).filter(|rest| *rest > 0);
        known.wallet_count = rest.ok_or(ComplianceError::LastWallet { wallet: address })?;
        let used: Option<pb::WalletUse> = context.state.load(&StateKey::wallet_use(&address))?;
        let assets = used.unwrap_or_default().regulated_holdings;
        if assets > 0 {
            return Err(ComplianceError::WalletInUse { wallet: address, assets }.into());
        }
        context.state.store(key, &known)?;
        left.identity = Bytes::new();
        let wallet_key = StateKey::wallet(&address);
        match left == pb::Wallet::default() {
            true => context.state.write(wallet_key, None)?,
            false => context.state.store(wallet_key, &left)?,
        }
        let (identity, wallet) = (identity.to_bytes(), address.to_bytes());
        context.emit(Kind::WalletUnlinked(pb::WalletUnlinked { identity, wallet }));
        Ok(())
    }
}
