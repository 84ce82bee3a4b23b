//! Which assets an operation is about.

use bytes::Bytes;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::operation::Kind;

use super::asset_id;

/// Assets that an operation is about, as far as it names them.
pub(super) fn assets_of(kind: &Kind, sender: &Address) -> Vec<AssetId> {
    let ids: Vec<&Bytes> = match kind {
        Kind::RotateKeys(_) | Kind::TopUpFees(_) => vec![],
        Kind::RegisterAsset(op) => return vec![AssetId::derive(sender, &op.salt)],
        Kind::AppendAppraisal(op) => vec![&op.asset],
        Kind::ActivateAsset(op) => vec![&op.asset],
        Kind::MintUnits(op) => vec![&op.asset],
        Kind::BurnUnits(op) => vec![&op.asset],
        Kind::Transfer(op) => vec![&op.asset],
        Kind::BatchTransfer(op) => vec![&op.asset],
        Kind::OfferUnits(op) => vec![&op.asset, &op.currency],
        Kind::AcceptOffer(op) => vec![&op.asset, &op.currency],
        Kind::CancelOffer(op) => vec![&op.asset],
        other => named_by_rights(other),
    };
    ids.into_iter().map(asset_id).collect()
}

/// The same for operations about what units give a right to.
fn named_by_rights(kind: &Kind) -> Vec<&Bytes> {
    match kind {
        Kind::SetRoyaltySchedule(op) => vec![&op.asset],
        Kind::PayRoyalty(op) => vec![&op.asset, &op.currency],
        Kind::PayIncome(op) => vec![&op.asset, &op.currency],
        Kind::ClaimIncome(op) => vec![&op.asset, &op.currency],
        Kind::TakeRecord(op) => vec![&op.asset],
        Kind::DeclareDistribution(op) => vec![&op.asset, &op.currency],
        Kind::ClaimDistribution(op) => vec![&op.asset],
        Kind::PushDistribution(op) => vec![&op.asset],
        Kind::CloseDistribution(op) => vec![&op.asset],
        Kind::SubmitProposal(op) => vec![&op.asset],
        Kind::DelegateVotes(op) => vec![&op.asset],
        Kind::CastVote(op) => vec![&op.asset],
        Kind::CloseProposal(op) => vec![&op.asset],
        Kind::FormPool(op) => vec![&op.pool],
        Kind::ContributeUnits(op) => vec![&op.pool, &op.member],
        Kind::RedeemUnits(op) => std::iter::once(&op.pool).chain(&op.members).collect(),
        Kind::WithdrawUnits(op) => vec![&op.pool, &op.asset],
        Kind::CollectPoolIncome(op) => vec![&op.pool, &op.currency],
        Kind::CreateTranches(op) => {
            let tranches = op.tranches.iter().map(|tranche| &tranche.asset);
            std::iter::once(&op.parent).chain(tranches).collect()
        }
        Kind::PayWaterfall(op) => vec![&op.parent, &op.currency],
        other => unreachable!("no test sends {other:?} to the model"),
    }
}
