//! `DeclareDistribution`: a promise to all who held an asset at a record date, paid in.

use std::sync::Arc;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::distributions::v1 as pb;

use super::error::DistributionError;
use super::open::{Opening, Rate};
use super::terms::Terms;
use crate::modules::assets::{load_asset, require_issuer};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Promises an amount per unit and pays it in; one step, however many hold the asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclareDistribution {
    /// Whose holders are paid.
    pub asset: AssetId,
    /// What is paid.
    pub currency: AssetId,
    /// Number of the record date.
    pub record: u64,
    /// How much for every so many units.
    pub rate: Rate,
    /// Everything else.
    pub terms: Terms,
}

impl TryFrom<pb::DeclareDistribution> for DeclareDistribution {
    type Error = DistributionError;

    /// Refuses malformed fields in the order of the message's fields, what [`Terms`] refuses, then
    /// [`DistributionError::PaidInOwnUnits`].
    fn try_from(message: pb::DeclareDistribution) -> Result<Self, DistributionError> {
        let pb::DeclareDistribution { asset, currency, record, per_unit, units, terms } = message;
        let asset = fields::asset_id("asset", &asset)?;
        let currency = fields::asset_id("currency", &currency)?;
        let record = fields::range("record", record, 1, u64::MAX)?;
        let per_unit = fields::amount("per_unit", &per_unit)?;
        let units = fields::amount("units", &units)?;
        let terms = Terms::try_from(terms)?;
        if asset == currency {
            return Err(DistributionError::PaidInOwnUnits { asset });
        }
        Ok(Self { asset, currency, record, rate: Rate { per_unit, units }, terms })
    }
}

impl DeclareDistribution {
    fn opening(&self) -> Opening<'_> {
        let Self { asset, currency, record, rate: _, terms } = self;
        Opening { asset, currency, record: *record, terms }
    }
}

impl Message for DeclareDistribution {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        self.opening().declare(sender, state, access)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::NotIssuer`]; then what
    /// opening a distribution refuses.
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::NotIssuer`]: crate::modules::assets::AssetError::NotIssuer
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let facts = load_asset(context.state, &self.asset)?;
        require_issuer(&facts, &context.sender)?;
        self.opening().open(context, Arc::unwrap_or_clone(facts), self.rate, (0, 0))
    }
}
