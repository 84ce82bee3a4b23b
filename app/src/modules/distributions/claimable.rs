//! What a holder could claim, for queries.

use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::leaf::Holding;
use tessera_proto::pb::assets::v1::Asset;

use crate::modules::transfers::holdings::settle_income;
use crate::state::error::Fault;

/// Income that the holder of `holding` may claim now: each currency in which it is above zero,
/// in the order in which the asset first had income in them.
///
/// # Errors
/// [`Fault::Contradiction`] when the leaves contradict each other.
pub fn claimable(holding: &Holding, asset: &Asset) -> Result<Vec<(AssetId, Amount)>, Fault> {
    let mut settled = holding.clone();
    settle_income(&mut settled, asset)?;
    let income = settled.income.into_iter().map(|entry| (entry.currency, entry.accrued));
    Ok(income.filter(|(_, accrued)| !accrued.is_zero()).collect())
}
