//! Operations on pools and tranches.

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::pb::pools::v1::{
    CollectPoolIncome, ContributeUnits, FormPool, PayWaterfall, RedeemUnits, WithdrawUnits,
};
pub use tessera_proto::pb::pools::v1::{CreateTranches, TrancheTerms};

use super::hash_bytes;

/// Makes an asset a pool of others.
#[must_use]
pub fn form_pool(pool: &AssetId, members: &[AssetId]) -> Kind {
    Kind::FormPool(FormPool { pool: pool.to_bytes(), members: ascending(members) })
}

/// Delivers units of a member to a pool.
#[must_use]
pub fn contribute_units(pool: &AssetId, member: &AssetId, amount: Amount) -> Kind {
    let (pool, member) = (pool.to_bytes(), member.to_bytes());
    Kind::ContributeUnits(ContributeUnits { pool, member, amount: amount.to_string() })
}

/// Gives units of a pool up for their part of these members.
#[must_use]
pub fn redeem_units(pool: &AssetId, amount: Amount, members: &[AssetId]) -> Kind {
    let (pool, amount, members) = (pool.to_bytes(), amount.to_string(), ascending(members));
    Kind::RedeemUnits(RedeemUnits { pool, amount, members })
}

/// Pays what a pool has earned with these members to its holders.
#[must_use]
pub fn collect_pool_income(pool: &AssetId, currency: &AssetId, members: &[AssetId]) -> Kind {
    let (pool, currency) = (pool.to_bytes(), currency.to_bytes());
    let members = ascending(members);
    Kind::CollectPoolIncome(CollectPoolIncome { pool, currency, members })
}

/// Takes units out of a pool that has none itself.
#[must_use]
pub fn withdraw_units(pool: &AssetId, asset: &AssetId, amount: Amount) -> Kind {
    let (pool, asset) = (pool.to_bytes(), asset.to_bytes());
    Kind::WithdrawUnits(WithdrawUnits { pool, asset, amount: amount.to_string() })
}

/// Divides an asset in tranches.
#[must_use]
pub fn create_tranches(tranches: CreateTranches) -> Kind {
    Kind::CreateTranches(tranches)
}

/// Pays income of an asset to its tranches, with the hash of the statement behind it.
#[must_use]
pub fn pay_waterfall(
    parent: &AssetId,
    currency: &AssetId,
    amount: Amount,
    memo_sha256: Option<[u8; 32]>,
) -> Kind {
    Kind::PayWaterfall(PayWaterfall {
        parent: parent.to_bytes(),
        currency: currency.to_bytes(),
        amount: amount.to_string(),
        memo_sha256: hash_bytes(memo_sha256),
    })
}

/// Members as messages name them.
fn ascending(members: &[AssetId]) -> Vec<Bytes> {
    let mut members = members.to_vec();
    members.sort_unstable();
    members.into_iter().map(AssetId::to_bytes).collect()
}
