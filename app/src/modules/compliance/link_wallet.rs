//! `LinkWallet`: another wallet of the sender's identity.

use bytes::Bytes;
use ed25519_zebra::{Signature, VerificationKey};
use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1::{Account, PublicKey, public_key};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::signing::link_sign_bytes;
use tessera_proto::state_key::StateKey;

use super::error::ComplianceError;
use crate::modules::accounts::authorise;
use crate::modules::committed::broken;
use crate::modules::eligibility::{identity_of, wallet};
use crate::modules::fields::{self, FieldError};
use crate::modules::{Context, Message};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// Most wallets of an identity.
pub const MAX_WALLETS: u32 = 64;
/// How far ahead a link may be signed for.
const MAX_BLOCKS_AHEAD: u64 = 10_000;
/// Most signatures of a wallet.
const MAX_SIGNATURES: usize = 16;

/// Gives the sender's identity another wallet, which has agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkWallet {
    /// The wallet.
    pub wallet: Address,
    /// Last block that may include it.
    pub valid_until_height: u64,
    /// Keys of the wallet and their signatures.
    pub signatures: Vec<([u8; 32], [u8; 64])>,
}

impl TryFrom<pb::LinkWallet> for LinkWallet {
    type Error = ComplianceError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::LinkWallet) -> Result<Self, ComplianceError> {
        let pb::LinkWallet { wallet, valid_until_height, signatures: given } = message;
        let wallet = fields::recipient("wallet", &wallet)?;
        fields::count("signatures", given.len(), 1, MAX_SIGNATURES)?;
        let mut signatures = Vec::new();
        for pb::WalletSignature { public_key: key, signature } in given {
            let key = match key.and_then(|key| key.key) {
                None => return Err(FieldError::Missing { field: "public_key" }.into()),
                Some(public_key::Key::Ed25519(bytes)) => fields::bytes32("public_key", &bytes)?,
            };
            signatures.push((key, fields::bytes64("signature", &signature)?));
        }
        Ok(Self { wallet, valid_until_height, signatures })
    }
}

impl LinkWallet {
    fn require_in_time(&self, height: u64) -> Result<(), ComplianceError> {
        let Self { valid_until_height, .. } = *self;
        let latest = height.saturating_add(MAX_BLOCKS_AHEAD);
        if (height..=latest).contains(&valid_until_height) {
            return Ok(());
        }
        let max_blocks = MAX_BLOCKS_AHEAD;
        Err(ComplianceError::LinkOutOfTime { valid_until_height, height, max_blocks })
    }

    /// Refuses unless as many keys of the wallet have signed as its authority wants.
    fn require_agreed(
        &self,
        context: &mut Context<'_>,
        identity: &Address,
    ) -> Result<(), ExecutionError> {
        let account: Option<Account> = context.state.load(&StateKey::account(&self.wallet))?;
        let signer = |(key, _): &([u8; 32], [u8; 64])| {
            let key = public_key::Key::Ed25519(Bytes::copy_from_slice(key));
            PublicKey { key: Some(key) }
        };
        let signers: Vec<PublicKey> = self.signatures.iter().map(signer).collect();
        let chain = &context.block.chain_id_hash;
        let message = link_sign_bytes(chain, identity, &self.wallet, self.valid_until_height);
        let valid = |(key, signature): &([u8; 32], [u8; 64])| {
            VerificationKey::try_from(*key)
                .and_then(|key| key.verify(&Signature::from(*signature), &message))
                .is_ok()
        };
        let agreed = authorise(account.as_ref(), &self.wallet, &signers).is_ok()
            && self.signatures.iter().all(valid);
        if agreed {
            return Ok(());
        }
        let (wallet, identity) = (self.wallet, *identity);
        Err(ComplianceError::InvalidLinkSignature { wallet, identity }.into())
    }
}

/// Declares the identity that an account belonged to before the block, and its wallet.
pub(super) fn declare_identity(
    state: &dyn StateReader,
    access: &mut AccessSet,
    account: &Address,
) -> Result<(), Fault> {
    let key = StateKey::wallet(account);
    access.read(key);
    let wallet: pb::Wallet = state.leaf(&key)?.unwrap_or_default();
    if let Some(identity) = identity_of(&wallet)? {
        access.write(StateKey::identity(&identity));
    }
    Ok(())
}

/// The identity that the sender acts for.
pub(super) fn senders_identity(context: &mut Context<'_>) -> Result<Address, ExecutionError> {
    let account = context.sender;
    let wallet = wallet(context.state, &account)?;
    Ok(identity_of(&wallet)?.ok_or(ComplianceError::NoIdentity { account })?)
}

impl Message for LinkWallet {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        declare_identity(state, access, sender)?;
        access.write(StateKey::wallet(&self.wallet));
        access.read(StateKey::account(&self.wallet));
        Ok(())
    }

    /// In order of precedence: [`ComplianceError::NoIdentity`],
    /// [`ComplianceError::HasIdentity`], [`ComplianceError::LinkOutOfTime`],
    /// [`ComplianceError::InvalidLinkSignature`], [`ComplianceError::TooManyWallets`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let identity = senders_identity(context)?;
        let account = self.wallet;
        let mut linked = wallet(context.state, &account)?;
        if let Some(identity) = identity_of(&linked)? {
            return Err(ComplianceError::HasIdentity { account, identity }.into());
        }
        self.require_in_time(context.block.height)?;
        self.require_agreed(context, &identity)?;
        let key = StateKey::identity(&identity);
        let known: Option<pb::Identity> = context.state.load(&key)?;
        let mut known = known.ok_or_else(|| broken(format!("{identity} is no identity")))?;
        let count = known.wallet_count.checked_add(1).filter(|count| *count <= MAX_WALLETS);
        let too_many = ComplianceError::TooManyWallets { identity, max: MAX_WALLETS };
        known.wallet_count = count.ok_or(too_many)?;
        context.state.store(key, &known)?;
        linked.identity = identity.to_bytes();
        context.state.store(StateKey::wallet(&account), &linked)?;
        let (identity, wallet) = (identity.to_bytes(), account.to_bytes());
        context.emit(Kind::WalletLinked(pb::WalletLinked { identity, wallet }));
        Ok(())
    }
}
