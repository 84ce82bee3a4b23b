//! `ClaimDistribution`: a holder of record collects its part.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::distributions::v1 as pb;

use super::error::DistributionError;
use super::payout;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Collects the sender's part of a distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimDistribution {
    /// Whose holders are paid.
    pub asset: AssetId,
    /// Number of the distribution.
    pub distribution: u64,
}

impl TryFrom<pb::ClaimDistribution> for ClaimDistribution {
    type Error = DistributionError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::ClaimDistribution) -> Result<Self, DistributionError> {
        let asset = fields::asset_id("asset", &message.asset)?;
        let distribution = fields::range("distribution", message.distribution, 1, u64::MAX)?;
        Ok(Self { asset, distribution })
    }
}

impl Message for ClaimDistribution {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let of = (&self.asset, self.distribution);
        payout::declare(state, access, of, std::iter::once(sender))
    }

    /// In order of precedence: [`DistributionError::UnknownDistribution`],
    /// [`DistributionError::Closed`], [`DistributionError::NotPayableYet`],
    /// [`DistributionError::Expired`], [`DistributionError::AlreadyPaid`],
    /// [`DistributionError::RecordTooFarBack`], [`DistributionError::PartTooLarge`],
    /// [`DistributionError::NothingDue`]; then as a transfer of the currency is refused.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let holder = context.sender;
        let distribution = payout::load(context.state, &self.asset, self.distribution)?;
        payout::require_payable(&distribution, context.block)?;
        payout::pay(context, &self.asset, &distribution, &holder)
    }
}
