//! Values within leaves of the committed state. They were checked before they were written, so
//! one that cannot be read is damage, never a refusal.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};

use crate::state::error::Fault;

/// An invariant that no transaction can break.
pub(crate) fn broken(what: impl Into<String>) -> Fault {
    Fault::Contradiction(what.into())
}

/// An amount; a field that was never set is nothing.
pub(crate) fn amount(what: &str, text: &str) -> Result<Amount, Fault> {
    if text.is_empty() {
        return Ok(Amount::ZERO);
    }
    text.parse().map_err(|_| broken(format!("{what} `{text}` is not an amount")))
}

/// Id of an asset.
pub(crate) fn asset_id(what: &str, bytes: &[u8]) -> Result<AssetId, Fault> {
    bytes.try_into().map_err(|_| broken(format!("{what} is not an asset id")))
}

/// Address of an account.
pub(crate) fn address(what: &str, bytes: &[u8]) -> Result<Address, Fault> {
    bytes.try_into().map_err(|_| broken(format!("{what} is not an address")))
}

/// An income index.
pub(crate) fn index(what: &str, bytes: &[u8]) -> Result<[u8; 32], Fault> {
    bytes.try_into().map_err(|_| broken(format!("{what} is not an income index")))
}

/// The sum, which no transaction can make too large.
pub(crate) fn sum(what: &str, one: Amount, other: Amount) -> Result<Amount, Fault> {
    one.checked_add(other).ok_or_else(|| broken(format!("{what} overflows: {one} + {other}")))
}

/// The difference, which no transaction can make negative.
pub(crate) fn difference(what: &str, one: Amount, other: Amount) -> Result<Amount, Fault> {
    one.checked_sub(other).ok_or_else(|| broken(format!("{what} underflows: {one} - {other}")))
}
