//! The history of an asset: every action on it, in order, under one hash.
//!
//! An entry is the event of the action with its place in the chain. The head, which stands
//! beside the asset and not in the leaf that every transfer reads, commits to all entries, so
//! that whoever keeps a copy of them can be checked for omissions.

use prost::Message as _;
use tessera_proto::history::{History, PAGE_LENGTH};
use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::{HistoryEntry, HistoryHead, HistoryPage};
use tessera_proto::pb::chain::v1::{Event, event};
use tessera_proto::state_key::StateKey;

use crate::modules::Context;
use crate::modules::committed::broken;
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// How many pages one block may write for one asset; who comes later in it is refused.
const BLOCK_PAGES: u64 = 16;

/// Declares what [`record`] touches, however many entries of the block come before.
pub(crate) fn declare(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
) -> Result<(), Fault> {
    let head = StateKey::history_head(asset);
    access.write(head);
    let count = state.leaf::<HistoryHead>(&head)?.map_or(0, |head| head.count);
    let first = count / PAGE_LENGTH;
    for page in first..first.saturating_add(BLOCK_PAGES) {
        access.write(StateKey::history_page(asset, page));
    }
    Ok(())
}

/// Adds an action to the history of an asset, and to the events of the transaction.
pub(crate) fn record(
    context: &mut Context<'_>,
    asset: &AssetId,
    kind: event::Kind,
) -> Result<(), ExecutionError> {
    let head_key = StateKey::history_head(asset);
    let head: HistoryHead = context.state.load(&head_key)?.unwrap_or_default();
    let mut history = History::from_head(&head)
        .ok_or_else(|| broken(format!("the history of {asset} has no head")))?;
    let entry = HistoryEntry {
        height: context.block.height,
        time_ms: context.block.time_ms,
        actor: context.sender.to_bytes(),
        event: Event { kind: Some(kind.clone()) }.encode_to_vec().into(),
    };
    let page_key = StateKey::history_page(asset, history.count() / PAGE_LENGTH);
    let mut page: HistoryPage = context.state.load(&page_key)?.unwrap_or_default();
    history.append(&entry.encode_to_vec());
    page.entries.push(entry);
    context.state.store(page_key, &page)?;
    context.state.store(head_key, &history.to_head())?;
    context.emit(kind);
    Ok(())
}
