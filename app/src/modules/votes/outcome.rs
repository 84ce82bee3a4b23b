//! What a proposal does when it passes.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::votes::v1 as pb;

use crate::modules::fields::{self, FieldError};
use crate::modules::transfers::holdings;
use crate::modules::{BlockInfo, Context};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// What happens when a proposal passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Pays out of the treasury of the asset.
    TreasurySpend {
        /// What is paid.
        currency: AssetId,
        /// Who receives it.
        to: Address,
        /// How many base units; above zero.
        amount: Amount,
    },
}

impl TryFrom<Option<pb::ProposalOutcome>> for Outcome {
    type Error = FieldError;

    fn try_from(outcome: Option<pb::ProposalOutcome>) -> Result<Self, FieldError> {
        use pb::proposal_outcome::Outcome as Wire;
        match outcome.and_then(|outcome| outcome.outcome) {
            None => Err(FieldError::Missing { field: "outcome" }),
            Some(Wire::TreasurySpend(pb::TreasurySpend { currency, to, amount })) => {
                Ok(Self::TreasurySpend {
                    currency: fields::asset_id("outcome.currency", &currency)?,
                    to: fields::recipient("outcome.to", &to)?,
                    amount: fields::amount("outcome.amount", &amount)?,
                })
            }
        }
    }
}

impl From<&Outcome> for pb::ProposalOutcome {
    fn from(outcome: &Outcome) -> Self {
        let Outcome::TreasurySpend { currency, to, amount } = outcome;
        let spend = pb::TreasurySpend {
            currency: currency.to_bytes(),
            to: to.to_bytes(),
            amount: amount.to_string(),
        };
        Self { outcome: Some(pb::proposal_outcome::Outcome::TreasurySpend(spend)) }
    }
}

impl Outcome {
    /// Declares what [`Outcome::execute`] touches.
    pub(super) fn declare(
        &self,
        asset: &AssetId,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self::TreasurySpend { currency, to, amount: _ } = self;
        let record = holdings::record_height(state, currency)?;
        access.debit(currency, &Address::treasury(asset), record);
        access.credit(currency, to, record);
        Ok(())
    }

    /// Carries out what was decided; false when that is not possible.
    pub(super) fn execute(
        &self,
        context: &mut Context<'_>,
        asset: &AssetId,
        proposal: u64,
    ) -> Result<bool, ExecutionError> {
        let Self::TreasurySpend { currency, to, amount } = self;
        let treasury = Address::treasury(asset);
        let block: &BlockInfo = context.block;
        if !holdings::can_debit(context.state, currency, &treasury, *amount)? {
            return Ok(false);
        }
        holdings::debit(context.state, block, currency, &treasury, *amount)?;
        holdings::credit(context.state, currency, to, *amount)?;
        context.emit(Kind::TreasurySpent(pb::TreasurySpent {
            asset: asset.to_bytes(),
            proposal,
            currency: currency.to_bytes(),
            to: to.to_bytes(),
            amount: amount.to_string(),
        }));
        Ok(true)
    }
}
