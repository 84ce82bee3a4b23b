//! Who acts for an asset, and what the asset remembers of it.

use std::sync::Arc;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::Asset;

use crate::modules::Context;
pub(super) use crate::modules::assets::history::record;
use crate::modules::assets::roles::{self, Role};
use crate::modules::assets::{history, load_asset};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Declares what [`load_for_agent`] reads and [`record`] writes.
pub(super) fn declare(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    sender: &Address,
) -> Result<(), Fault> {
    roles::declare(access, asset, sender);
    history::declare(state, access, asset)
}

/// An asset that the sender acts for.
///
/// # Errors
/// In order of precedence: [`AssetError::UnknownAsset`](crate::modules::assets::AssetError),
/// [`AssetError::RoleNeeded`](crate::modules::assets::AssetError).
pub(super) fn load_for_agent(
    context: &mut Context<'_>,
    asset: &AssetId,
) -> Result<Arc<Asset>, ExecutionError> {
    let (sender, now_ms) = (context.sender, context.block.time_ms);
    roles::require(context.state, asset, &sender, Role::Agent, now_ms)?;
    load_asset(context.state, asset)
}
