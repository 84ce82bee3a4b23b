//! `RecoverWallet`: everything of a lost wallet goes to another wallet of the same identity.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Holding;
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::agent::{self, load_for_agent};
use super::encumbrances;
use super::error::ComplianceError;
use crate::modules::eligibility::{self, Movement, Scope, identity_of, wallet};
use crate::modules::transfers::holdings::{self, Slot};
use crate::modules::transfers::movement;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Moves everything of a lost wallet, freezes, holds and income included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoverWallet {
    /// The asset.
    pub asset: AssetId,
    /// The lost wallet.
    pub from: Address,
    /// Another wallet of its identity.
    pub to: Address,
    /// Hash of the request.
    pub document_sha256: [u8; 32],
}

impl TryFrom<pb::RecoverWallet> for RecoverWallet {
    type Error = ComplianceError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::RecoverWallet) -> Result<Self, ComplianceError> {
        let pb::RecoverWallet { asset, from, to, document_sha256 } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            from: fields::address("from", &from)?,
            to: fields::recipient("to", &to)?,
            document_sha256: fields::bytes32("document_sha256", &document_sha256)?,
        })
    }
}

impl RecoverWallet {
    fn require_one_identity(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let (from, to) = (self.from, self.to);
        let lost = identity_of(&wallet(context.state, &from)?)?;
        let other = identity_of(&wallet(context.state, &to)?)?;
        match lost.is_some() && lost == other {
            true => Ok(()),
            false => Err(ComplianceError::NotOneIdentity { from, to }.into()),
        }
    }

    /// Moves encumbrances, which get new numbers. Orders end: they were of the lost account.
    fn move_encumbrances(
        &self,
        context: &mut Context<'_>,
        facts: &Asset,
    ) -> Result<(), ExecutionError> {
        let Self { asset, from, to, .. } = self;
        let of = (asset, facts);
        let mut lost = encumbrances::load(context.state, of, from)?;
        if lost.entries.is_empty() {
            return Ok(());
        }
        let mut list = encumbrances::load(context.state, of, to)?;
        let mut holding = holdings::load_holding(context.state, of, to)?;
        for entry in std::mem::take(&mut lost.entries) {
            if entry.kind() == pb::EncumbranceKind::Order {
                encumbrances::tell_released(context, asset, from, entry);
                continue;
            }
            encumbrances::bind(&mut list, to, &mut holding, entry)?;
        }
        encumbrances::store(context.state, asset, from, &lost)?;
        encumbrances::store(context.state, asset, to, &list)?;
        holdings::store_holding(context.state, asset, to, &holding)
    }
}

/// Moves what is frozen and what income has come together, leaving only the balance.
fn merge(lost: &mut Holding, other: &mut Holding, facts: &Asset) -> Result<(), Fault> {
    holdings::settle_income(lost, facts)?;
    holdings::settle_income(other, facts)?;
    let frozen = std::mem::replace(&mut lost.frozen, Amount::ZERO);
    // An amount above all that can exist freezes everything, as the sum would.
    other.frozen = other.frozen.saturating_add(frozen);
    lost.encumbered = Amount::ZERO;
    other.flags |= std::mem::take(&mut lost.flags);
    for income in &mut lost.income {
        let accrued = std::mem::replace(&mut income.accrued, Amount::ZERO);
        if let Some(to) = other.income.iter_mut().find(|to| to.currency == income.currency) {
            to.accrued = to.accrued.saturating_add(accrued);
        }
    }
    Ok(())
}

fn has_nothing(holding: &Holding) -> bool {
    let Holding { balance, frozen, flags, income, .. } = holding;
    let nothing = balance.is_zero() && frozen.is_zero() && *flags == 0;
    nothing && income.iter().all(|income| income.accrued.is_zero())
}

impl Message for RecoverWallet {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        agent::declare(state, access, &self.asset, sender)?;
        let Self { asset, from, to, .. } = self;
        for account in [from, to] {
            access.read(StateKey::wallet(account));
            access.write(StateKey::encumbrances(asset, account));
            access.write(StateKey::holding(asset, account));
        }
        movement::declare(state, access, asset, from, &[*to])
    }

    /// In order of precedence: [`ComplianceError::SameAccount`], the refusal of who does not act
    /// for the asset, [`ComplianceError::NotOneIdentity`],
    /// [`ComplianceError::NothingToRecover`], [`ComplianceError::TooManyEncumbrances`].
    /// No claim is asked for: nobody loses units because a claim has expired.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, from, to, document_sha256 } = self;
        let block = context.block;
        if from == to {
            return Err(ComplianceError::SameAccount { account: *from }.into());
        }
        let facts = load_for_agent(context, asset)?;
        self.require_one_identity(context)?;
        let mut lost = holdings::load_holding(context.state, (asset, &facts), from)?;
        if has_nothing(&lost) {
            let (account, name) = (*from, facts.name.clone());
            return Err(ComplianceError::NothingToRecover { account, name }.into());
        }
        self.move_encumbrances(context, &facts)?;
        let mut other = holdings::load_holding(context.state, (asset, &facts), to)?;
        merge(&mut lost, &mut other, &facts)?;
        holdings::store_holding(context.state, asset, to, &other)?;
        let amount = lost.balance;
        if amount.is_zero() {
            holdings::store_holding(context.state, asset, from, &lost)?;
        } else {
            if facts.regulated {
                let (from, legs) = (Some(from), &[(*to, amount)]);
                let scope = Scope::Recovery;
                let movement = Movement { asset, facts: &facts, from, total: amount, legs, scope };
                eligibility::assess(context.state, block, &movement)?
                    .carry_out(context.state, asset)?;
            }
            let slot = Slot { asset, facts: &facts, account: from };
            holdings::take(context.state, block, &slot, lost, amount)?;
            holdings::credit(context.state, asset, to, amount)?;
        }
        let agent = context.sender.to_bytes();
        let event = Kind::WalletRecovered(pb::WalletRecovered {
            asset: asset.to_bytes(),
            from: from.to_bytes(),
            to: to.to_bytes(),
            amount: amount.to_string(),
            document_sha256: document_sha256.to_vec().into(),
            agent,
        });
        agent::record(context, &self.asset, event)
    }
}
