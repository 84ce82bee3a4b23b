//! Lists of what becomes superfluous with a block, kept until it leaves the window.

use bytes::{Buf, Bytes};

/// What an entry of a stale list is.
#[derive(Clone, Copy)]
pub(crate) enum StaleKind {
    /// A node of a tree.
    Node,
    /// An older value.
    History,
    /// An older root of a shard.
    Root,
}

/// Appends an entry: kind, length of the key, key.
pub(crate) fn push_stale(list: &mut Vec<u8>, kind: StaleKind, key: &[u8]) {
    list.push(match kind {
        StaleKind::Node => 0,
        StaleKind::History => 1,
        StaleKind::Root => 2,
    });
    // Keys are at most 73 bytes: shard, version and 64 nibbles.
    list.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
    list.extend_from_slice(key);
}

/// Takes the first entry; none when the list is damaged.
pub(crate) fn pop_stale(list: &mut Bytes) -> Option<(StaleKind, Bytes)> {
    let kind = match list.try_get_u8().ok()? {
        0 => StaleKind::Node,
        1 => StaleKind::History,
        2 => StaleKind::Root,
        _ => return None,
    };
    let length = usize::from(list.try_get_u8().ok()?);
    (list.len() >= length).then(|| (kind, list.split_to(length)))
}
