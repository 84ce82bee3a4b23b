//! Flat, exact fees: known before sending, independent of the state.

use tessera_proto::amount::Amount;
use tessera_proto::pb::chain::v1::Params;

/// Fee of a transaction of so many bytes and operations; [`Amount::MAX`] should it overflow.
#[must_use]
pub fn fee(params: &Params, transaction_bytes: u64, operations: u64) -> Amount {
    let part = |each: u64, count: u64| u128::from(each).checked_mul(u128::from(count));
    part(params.fee_per_operation, operations)
        .zip(part(params.fee_per_byte, transaction_bytes))
        .and_then(|(operations, bytes)| operations.checked_add(bytes))
        .and_then(|sum| sum.checked_add(u128::from(params.fee_per_transaction)))
        .and_then(Amount::new)
        .unwrap_or(Amount::MAX)
}
