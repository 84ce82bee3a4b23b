//! What a block changes in the state.

use bytes::Bytes;
use rayon::prelude::*;
use tessera_proto::state_key::StateKey;

/// The new value of a key; none where the key is removed.
pub type Change = (StateKey, Option<Bytes>);

/// Changes of the state, each key once, in order of key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes(Vec<Change>);

impl Changes {
    /// No changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes of different keys, in any order; none if two are of one key.
    pub(crate) fn of_different_keys(mut changes: Vec<Change>) -> Option<Self> {
        changes.par_sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        changes.is_sorted_by(|(one, _), (other, _)| one < other).then_some(Self(changes))
    }

    /// The new value of a key, or that it is removed; none of a key that is not changed.
    #[must_use]
    pub fn get(&self, key: &StateKey) -> Option<&Option<Bytes>> {
        let place = self.0.binary_search_by(|(other, _)| other.cmp(key)).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// All changes, in order of key.
    #[must_use]
    pub fn as_slice(&self) -> &[Change] {
        &self.0
    }

    /// These changes and then others, which come after them.
    #[must_use]
    pub(crate) fn then(self, later: Self) -> Self {
        if later.0.is_empty() {
            return self;
        }
        let mut both = Vec::with_capacity(self.0.len().saturating_add(later.0.len()));
        let (mut earlier, mut later) = (self.0.into_iter().peekable(), later.0.into_iter());
        let mut next = later.next();
        while let Some(change) = next {
            let is_before = |(key, _): &Change| *key < change.0;
            while let Some(before) = earlier.next_if(is_before) {
                both.push(before);
            }
            drop(earlier.next_if(|(key, _)| *key == change.0));
            both.push(change);
            next = later.next();
        }
        both.extend(earlier);
        Self(both)
    }
}

/// Of several changes of a key the last is kept.
impl FromIterator<Change> for Changes {
    fn from_iter<I: IntoIterator<Item = Change>>(changes: I) -> Self {
        let mut changes: Vec<Change> = changes.into_iter().collect();
        // Last first: of those with one key the first stays.
        changes.reverse();
        changes.sort_by_key(|(key, _)| *key);
        changes.dedup_by(|(one, _), (other, _)| one == other);
        Self(changes)
    }
}

impl IntoIterator for Changes {
    type Item = Change;
    type IntoIter = std::vec::IntoIter<Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(number: u32, value: Option<&'static str>) -> Change {
        (StateKey::sentinel(number), value.map(|value| Bytes::from_static(value.as_bytes())))
    }

    #[test]
    fn the_last_change_of_a_key_counts() {
        let changes = [(1, Some("a")), (2, Some("b")), (1, None), (3, Some("c")), (2, Some("d"))];
        let changes: Changes = changes.map(|(key, value)| change(key, value)).into_iter().collect();
        let expected = [(1, None), (2, Some("d")), (3, Some("c"))];
        let expected: Changes =
            expected.map(|(key, value)| change(key, value)).into_iter().collect();
        assert_eq!(changes, expected);
        assert_eq!(changes.as_slice().len(), 3);
        assert_eq!(changes.get(&StateKey::sentinel(1)), Some(&None));
        assert_eq!(changes.get(&StateKey::sentinel(4)), None);
    }

    #[test]
    fn later_changes_come_over_earlier_ones() {
        let earlier = [(1, Some("a")), (3, Some("a")), (4, Some("a")), (7, Some("a"))];
        let later = [(0, Some("b")), (3, None), (5, Some("b")), (7, Some("b")), (9, None)];
        let of = |changes: &[(u32, Option<&'static str>)]| -> Changes {
            changes.iter().map(|(key, value)| change(*key, *value)).collect()
        };
        let expected = of(&[&earlier[..], &later[..]].concat());
        assert_eq!(of(&earlier).then(of(&later)), expected);
        assert_eq!(of(&earlier).then(Changes::new()), of(&earlier));
        assert_eq!(Changes::new().then(of(&later)), of(&later));
    }

    #[test]
    fn two_changes_of_one_key_are_not_of_different_keys() {
        let one = || vec![change(2, None), change(1, Some("a"))];
        let changes = Changes::of_different_keys(one()).unwrap();
        assert_eq!(changes, one().into_iter().collect());
        assert_eq!(Changes::of_different_keys([one(), one()].concat()), None);
    }
}
