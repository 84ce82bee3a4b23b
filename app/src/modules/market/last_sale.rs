//! The last sale of an asset, by which others find a price.
//!
//! A sale from an offer to one buyer only is a deal between two, and says nothing of what
//! anybody else could have paid: it does not count.

use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::market::v1::LastSale;
use tessera_proto::split::SplitFactor;
use tessera_proto::state_key::StateKey;

use crate::modules::BlockInfo;
use crate::num::mul_div_floor;
use crate::state::error::ExecutionError;
use crate::state::view::{Leaves, StateView};

/// Keeps a sale as the last one of `asset` for `currency`.
pub(super) fn record(
    view: &mut dyn StateView,
    block: &BlockInfo,
    (id, asset): (&AssetId, &Asset),
    currency: &AssetId,
    (amount, price): (Amount, Amount),
) -> Result<(), ExecutionError> {
    let sale = LastSale {
        amount: amount.to_string(),
        price: price.to_string(),
        height: block.height,
        time_ms: block.time_ms,
        split_factor: SplitFactor::of(asset).to_field(),
    };
    view.store(StateKey::last_sale(id, currency), &sale)
}

/// Base units of the currency for one unit (10^decimals base units) of the asset, rounded down;
/// none when that exceeds [`Amount::MAX`], or the sale has no amounts.
#[must_use]
pub fn unit_price(sale: &LastSale, decimals: u32) -> Option<Amount> {
    let (amount, price): (Amount, Amount) = (sale.amount.parse().ok()?, sale.price.parse().ok()?);
    mul_div_floor(price, 10_u128.checked_pow(decimals)?, amount.base_units())
}
