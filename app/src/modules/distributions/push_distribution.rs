//! `PushDistribution`: a page of holders of record is paid.

use std::collections::BTreeSet;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::distributions::v1 as pb;

use super::error::DistributionError;
use super::payout;
use super::terms::{self, MAX_LISTED};
use crate::modules::eligibility::EligibilityError;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault, Rejected};
use crate::state::view::StateReader;

/// Pays holders of record their parts, those who have none to come excepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushDistribution {
    /// Whose holders are paid.
    pub asset: AssetId,
    /// Number of the distribution.
    pub distribution: u64,
    /// Who is paid.
    pub holders: BTreeSet<Address>,
}

impl TryFrom<pb::PushDistribution> for PushDistribution {
    type Error = DistributionError;

    /// Refuses malformed fields in the order of the message's fields, then
    /// [`DistributionError::AccountsNotAscending`].
    fn try_from(message: pb::PushDistribution) -> Result<Self, DistributionError> {
        let asset = fields::asset_id("asset", &message.asset)?;
        let distribution = fields::range("distribution", message.distribution, 1, u64::MAX)?;
        fields::count("holders", message.holders.len(), 1, MAX_LISTED)?;
        Ok(Self { asset, distribution, holders: terms::holders(&message.holders)? })
    }
}

impl Message for PushDistribution {
    fn declare(
        &self,
        _sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        payout::declare(state, access, (&self.asset, self.distribution), self.holders.iter())
    }

    /// In order of precedence: [`DistributionError::UnknownDistribution`],
    /// [`DistributionError::Closed`], [`DistributionError::NotPayableYet`],
    /// [`DistributionError::Expired`]; then, if nobody could be paid, why the last was not.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let distribution = payout::load(context.state, &self.asset, self.distribution)?;
        payout::require_payable(&distribution, context.block)?;
        let (mut paid, mut passed_over) = (false, None);
        for holder in &self.holders {
            match payout::pay(context, &self.asset, &distribution, holder) {
                Ok(()) => paid = true,
                Err(ExecutionError::Rejected(reason)) if may_pass_over(&reason) => {
                    passed_over = Some(reason);
                }
                Err(error) => return Err(error),
            }
        }
        match passed_over {
            Some(reason) if !paid => Err(reason.into()),
            _ => Ok(()),
        }
    }
}

/// Whether a holder cannot be paid for a reason that leaves the others alone: refused by this
/// module or because the holder, or who receives its tax, is denied the chain. What
/// [`payout::pay`] refuses so it refuses before it writes anything.
fn may_pass_over(reason: &Rejected) -> bool {
    [DistributionError::CODESPACE, EligibilityError::CODESPACE].contains(&reason.codespace)
}
