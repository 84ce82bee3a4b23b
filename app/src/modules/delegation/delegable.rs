//! What an account may let another one do for it.

use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;

use crate::modules::accounts::AccountError;
use crate::modules::router::Operation;

/// Names of the operations that can be done for another account, ascending. What changes who
/// may act for an account, or speaks for more than one account, is not among them.
pub(super) const DELEGABLE: [&str; 17] = [
    "AcceptAsset",
    "AcceptOffer",
    "BatchTransfer",
    "BurnUnits",
    "CancelOffer",
    "CastVote",
    "ClaimDistribution",
    "ClaimIncome",
    "ClaimRoyalty",
    "OfferUnits",
    "PayIncome",
    "PayRoyalty",
    "PayWaterfall",
    "PlaceHold",
    "RedeemUnits",
    "ReleaseHold",
    "Transfer",
];

/// What an operation takes from whom it is done for: an asset, and how many base units of it;
/// zero where it is only about the asset. None when it cannot be done for another.
pub(super) fn taken_by(operation: &Operation) -> Option<(AssetId, Amount)> {
    let nothing = Amount::ZERO;
    match operation {
        Operation::AcceptAsset(message) => Some((message.asset, nothing)),
        Operation::AcceptOffer(message) => Some((message.currency, message.price)),
        Operation::BatchTransfer(message) => Some((message.asset, message.total())),
        Operation::BurnUnits(message) => Some((message.asset, message.amount)),
        Operation::CancelOffer(message) => Some((message.asset, nothing)),
        Operation::CastVote(message) => Some((message.asset, nothing)),
        Operation::ClaimDistribution(message) => Some((message.asset, nothing)),
        Operation::ClaimIncome(message) => Some((message.asset, nothing)),
        Operation::ClaimRoyalty(message) => Some((message.asset, nothing)),
        Operation::OfferUnits(message) => Some((message.asset, message.amount)),
        Operation::PayIncome(message) => Some((message.currency, message.amount)),
        Operation::PayRoyalty(message) => Some((message.currency, message.amount)),
        Operation::PayWaterfall(message) => Some((message.currency, message.amount)),
        Operation::PlaceHold(message) => Some((message.asset, message.amount)),
        Operation::RedeemUnits(message) => Some((message.pool, message.amount)),
        Operation::ReleaseHold(message) => Some((message.asset, nothing)),
        Operation::Transfer(message) => Some((message.asset, message.amount)),
        _ => None,
    }
}

/// Reads names of operations, each of which must be `known`.
///
/// # Errors
/// One by one [`AccountError::UnknownOperationName`], [`AccountError::OperationsNotAscending`].
pub(super) fn operation_names(
    given: Vec<String>,
    known: &[&'static str],
) -> Result<Vec<String>, AccountError> {
    let mut last = "";
    for name in &given {
        if !known.contains(&name.as_str()) {
            let name = name.chars().take(40).collect();
            return Err(AccountError::UnknownOperationName { name });
        }
        if name.as_str() <= last {
            return Err(AccountError::OperationsNotAscending { name: name.clone() });
        }
        last = name;
    }
    Ok(given)
}
