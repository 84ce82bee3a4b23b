//! The history of an asset as one hash: an append-only RFC 6962 tree over its entries.
//!
//! What is kept is the roots of the complete subtrees, so appending costs a few hashes however
//! long the history is. Whoever has all entries computes the same head; without any one of them,
//! or with one in another place, it is another.

use bytes::Bytes;

use crate::hash::sha256_of;
use crate::pb::assets::v1::HistoryHead;

/// Entries that the state keeps under one key.
pub const PAGE_LENGTH: u64 = 32;
/// First byte of what is hashed for an entry.
const ENTRY_PREFIX: [u8; 1] = [0];
/// First byte of what is hashed for two subtrees.
const NODE_PREFIX: [u8; 1] = [1];

/// An append-only tree, known by the roots of its complete subtrees.
///
/// ```
/// use tessera_proto::history::History;
///
/// let mut history = History::default();
/// history.append(b"registered");
/// history.append(b"appraised");
/// assert_eq!(history.count(), 2);
/// assert_eq!(History::from_head(&history.to_head()), Some(history));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    count: u64,
    /// One for each bit of `count`, the largest subtree first.
    peaks: Vec<[u8; 32]>,
}

impl History {
    /// Reads a head; none when it cannot be one.
    #[must_use]
    pub fn from_head(head: &HistoryHead) -> Option<Self> {
        let HistoryHead { count, peaks } = head;
        let peaks: Option<Vec<[u8; 32]>> =
            peaks.iter().map(|peak| peak.as_ref().try_into().ok()).collect();
        let peaks = peaks?;
        let expected = usize::try_from(count.count_ones()).ok()?;
        (peaks.len() == expected).then_some(Self { count: *count, peaks })
    }

    /// The head, as it stands in the state.
    #[must_use]
    pub fn to_head(&self) -> HistoryHead {
        let peaks = self.peaks.iter().map(|peak| Bytes::copy_from_slice(peak)).collect();
        HistoryHead { count: self.count, peaks }
    }

    /// Number of entries.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Adds the bytes of an entry at the end.
    pub fn append(&mut self, entry: &[u8]) {
        let mut node = hash(&ENTRY_PREFIX, &[entry]);
        // Each complete subtree of the same size as the new one makes one with it.
        for _ in 0..self.count.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = hash(&NODE_PREFIX, &[&left, &node]);
            }
        }
        self.peaks.push(node);
        self.count = self.count.saturating_add(1);
    }

    /// Root of the tree, as RFC 6962 defines it.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return hash(&[], &[]) };
        peaks.fold(*last, |root, peak| hash(&NODE_PREFIX, &[peak, &root]))
    }
}

fn hash(prefix: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    sha256_of(&[&[prefix], parts].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962, section 2.1, as it is written there.
    fn tree_hash(entries: &[Vec<u8>]) -> [u8; 32] {
        match entries {
            [] => hash(&[], &[]),
            [entry] => hash(&[0], &[entry]),
            entries => {
                let split = entries.len().next_power_of_two() / 2;
                let (left, right) = entries.split_at(split);
                hash(&[1], &[&tree_hash(left), &tree_hash(right)])
            }
        }
    }

    #[test]
    fn the_root_is_that_of_rfc_6962() {
        let entries: Vec<Vec<u8>> = (0u8..70).map(|n| vec![n; usize::from(n)]).collect();
        let mut history = History::default();
        for (count, entry) in entries.iter().enumerate() {
            assert_eq!(history.root(), tree_hash(&entries[..count]), "{count} entries");
            assert_eq!(History::from_head(&history.to_head()), Some(history.clone()));
            history.append(entry);
        }
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex::encode(History::default().root()), empty);
    }

    #[test]
    fn an_omission_or_another_order_gives_another_head() {
        let of = |entries: &[&str]| {
            let mut history = History::default();
            entries.iter().for_each(|entry| history.append(entry.as_bytes()));
            history.to_head()
        };
        let whole = of(&["a", "b", "c"]);
        for other in [&["a", "b"][..], &["a", "c"], &["b", "a", "c"], &["a", "b", "c", "d"]] {
            assert_ne!(of(other), whole, "{other:?}");
        }
    }

    #[test]
    fn what_cannot_be_a_head_is_refused() {
        let peak = Bytes::from_static(&[1; 32]);
        for (count, peaks) in [
            (0, vec![peak.clone()]),
            (1, vec![]),
            (2, vec![peak.clone(), peak.clone()]),
            (1, vec![Bytes::from_static(&[1; 31])]),
        ] {
            let head = HistoryHead { count, peaks };
            assert_eq!(History::from_head(&head), None, "{count}");
        }
    }
}
