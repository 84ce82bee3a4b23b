//! The history of an asset: every action on it, in order, under one hash.
//!
//! An entry is the event of the action with its place in the chain. The head, which stands
//! beside the asset and not in the leaf that every transfer reads, commits to all entries, so
//! that whoever keeps a copy of them can be checked for omissions.

use prost::Message as _;
use tessera_proto::history::History;
use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::{HistoryEntry, HistoryHead};
use tessera_proto::pb::chain::v1::{Event, event};
use tessera_proto::state_key::StateKey;

use crate::modules::Context;
use crate::modules::committed::broken;
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// How many entries other transactions of the block may add before that of an operation, which
/// is refused after more of them.
const AHEAD: u64 = 8;

/// Declares what [`record`] touches: once for each call.
pub(crate) fn declare(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
) -> Result<(), Fault> {
    let head = StateKey::history_head(asset);
    access.write(head);
    let first = state.leaf::<HistoryHead>(&head)?.map_or(0, |head| head.count);
    let key = |number| StateKey::history_entry(asset, number);
    let ahead = if access.mode(&key(first)).is_none() { AHEAD } else { 0 };
    access.write_next(first, ahead.saturating_add(1), key);
    Ok(())
}

/// Adds an action to the history of an asset, and to the events of the transaction.
pub(crate) fn record(
    context: &mut Context<'_>,
    asset: &AssetId,
    kind: event::Kind,
) -> Result<(), ExecutionError> {
    let key = StateKey::history_head(asset);
    let head: HistoryHead = context.state.load(&key)?.unwrap_or_default();
    let mut history = History::from_head(&head)
        .ok_or_else(|| broken(format!("the history of {asset} has no head")))?;
    let entry = HistoryEntry {
        height: context.block.height,
        time_ms: context.block.time_ms,
        actor: context.sender.to_bytes(),
        event: Some(Event { kind: Some(kind.clone()) }),
    };
    context.state.store(StateKey::history_entry(asset, history.count()), &entry)?;
    history.append(&entry.encode_to_vec());
    context.state.store(key, &history.to_head())?;
    context.emit(kind);
    Ok(())
}
