//! `PlaceHold`: units of the sender are bound for a payee.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::encumbrances;
use super::error::ComplianceError;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Binds units of the sender for a payee, until an escrow agent decides or it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceHold {
    /// The asset.
    pub asset: AssetId,
    /// How many base units; above zero.
    pub amount: Amount,
    /// Who decides; not the sender.
    pub escrow: Address,
    /// Who would get them; not the sender.
    pub payee: Address,
    /// When it ends.
    pub expires_ms: u64,
}

impl TryFrom<pb::PlaceHold> for PlaceHold {
    type Error = ComplianceError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::PlaceHold) -> Result<Self, ComplianceError> {
        let pb::PlaceHold { asset, amount, escrow, payee, expires_ms } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            amount: fields::amount("amount", &amount)?,
            escrow: fields::recipient("escrow", &escrow)?,
            payee: fields::recipient("payee", &payee)?,
            expires_ms,
        })
    }
}

impl Message for PlaceHold {
    fn declare(
        &self,
        sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.read(StateKey::asset(&self.asset));
        access.write(StateKey::holding(&self.asset, sender));
        access.write(StateKey::encumbrances(&self.asset, sender));
        Ok(())
    }

    /// In order of precedence: [`ComplianceError::SameAccount`], the refusals of a debit,
    /// [`ComplianceError::HoldOver`], [`ComplianceError::TooManyEncumbrances`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset, amount, escrow, payee, expires_ms } = self;
        let account = context.sender;
        if [escrow, payee].contains(&&account) {
            return Err(ComplianceError::SameAccount { account }.into());
        }
        let facts = holdings::load_transferable(context.state, asset)?;
        let mut holding = holdings::load_holding(context.state, (asset, &facts), &account)?;
        holdings::require_free(&facts, &account, &holding, *amount)?;
        let mut list = encumbrances::load(context.state, (asset, &facts), &account)?;
        let (expires_ms, time_ms) = (*expires_ms, context.block.time_ms);
        if expires_ms <= time_ms {
            let number = list.next_number.max(1);
            return Err(ComplianceError::HoldOver { number, expires_ms, time_ms }.into());
        }
        let entry = pb::Encumbrance {
            number: 0,
            kind: pb::EncumbranceKind::Hold.into(),
            amount: amount.to_string(),
            escrow: escrow.to_bytes(),
            payee: payee.to_bytes(),
            expires_ms,
        };
        let number = encumbrances::bind(&mut list, &account, &mut holding, entry)?;
        encumbrances::store(context.state, asset, &account, &list)?;
        holdings::store_holding(context.state, asset, &account, &holding)?;
        context.emit(Kind::HoldPlaced(pb::HoldPlaced {
            asset: asset.to_bytes(),
            holder: account.to_bytes(),
            number,
            amount: amount.to_string(),
            escrow: escrow.to_bytes(),
            payee: payee.to_bytes(),
            expires_ms,
        }));
        Ok(())
    }
}
