//! Counting holders and the use of wallets, commutatively.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::compliance::v1::{HolderCounter, WalletUse};
use tessera_proto::state_key::{HolderBucket, StateKey};

use crate::modules::committed::broken;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateView};

/// How many identities of a kind hold an asset.
pub(super) fn count(
    view: &mut dyn StateView,
    asset: &AssetId,
    bucket: HolderBucket,
) -> Result<u64, ExecutionError> {
    let counter: Option<HolderCounter> = view.load(&StateKey::holder_counter(asset, bucket))?;
    Ok(counter.unwrap_or_default().count)
}

/// Applies [`Delta::HolderBucket`](crate::state::delta::Delta::HolderBucket).
pub(crate) fn apply_holder_bucket(
    view: &mut dyn StateView,
    asset: &AssetId,
    bucket: HolderBucket,
    joined: bool,
) -> Result<(), ExecutionError> {
    let count = changed(count(view, asset, bucket)?, joined)?;
    view.store(StateKey::holder_counter(asset, bucket), &HolderCounter { count })
}

/// Applies [`Delta::WalletUse`](crate::state::delta::Delta::WalletUse).
pub(crate) fn apply_wallet_use(
    view: &mut dyn StateView,
    account: &Address,
    joined: bool,
) -> Result<(), ExecutionError> {
    let key = StateKey::wallet_use(account);
    let used: WalletUse = view.load(&key)?.unwrap_or_default();
    let regulated_holdings = changed(used.regulated_holdings, joined)?;
    match regulated_holdings {
        0 => view.write(key, None),
        _ => view.store(key, &WalletUse { regulated_holdings }),
    }
}

fn changed(count: u64, joined: bool) -> Result<u64, Fault> {
    let changed = if joined { count.checked_add(1) } else { count.checked_sub(1) };
    changed.ok_or_else(|| broken("a count leaves its range"))
}
