//! Slots in memory that are found by key and give way when there is no room.
//!
//! Slots lie one after the other. When they take too much, a hand goes round and takes out the
//! first that nobody has asked for since it last came by (CLOCK; Corbató, "A Paging Experiment
//! with the Multics System", 1969).

use hashbrown::HashTable;

/// What a [`Clock`] holds.
pub(super) trait Slot {
    /// A part of the hash of its key, so that hardly any other slot is looked at.
    fn tag(&self) -> u32;

    /// Bytes that it takes outside of its slot.
    fn heap_bytes(&self) -> usize;

    /// Whether it stays where the hand comes by, but perhaps not when it comes by again.
    fn stays(&mut self) -> bool;
}

/// Where a slot is.
#[derive(Clone, Copy)]
struct Place {
    tag: u32,
    slot: u32,
}

/// Slots found by key.
pub(super) struct Clock<S> {
    slots: Vec<S>,
    index: HashTable<Place>,
    /// The slot that is looked at next when there is no room.
    hand: usize,
    heap_bytes: usize,
    /// Bytes that all may take.
    room: usize,
}

impl<S: Slot> Clock<S> {
    /// What a slot takes with its place in the index.
    pub(super) const SLOT_BYTES: usize = size_of::<S>() + 2 * size_of::<Place>();

    /// No slots, that may take so many bytes.
    pub(super) fn new(room: usize) -> Self {
        Self { slots: Vec::new(), index: HashTable::new(), hand: 0, heap_bytes: 0, room }
    }

    /// The slot with this tag that is the right one.
    pub(super) fn find(&self, tag: u32, is_it: impl Fn(&S) -> bool) -> Option<usize> {
        let is_it = |place: &Place| place.tag == tag && self.get(place.index()).is_some_and(&is_it);
        self.index.find(table_hash(tag), is_it).map(|place| place.index())
    }

    /// The slots with these tags, of which hardly any is another than that of the key. None of
    /// these looks waits for what another finds.
    pub(super) fn likely(&self, tags: impl Iterator<Item = u32>) -> Vec<&S> {
        let place = |tag: u32| self.index.find(table_hash(tag), |place| place.tag == tag);
        // A look into the index first, for all: the processor looks ahead as far as it is short.
        let places: Vec<usize> = tags.filter_map(place).map(|place| place.index()).collect();
        places.into_iter().filter_map(|place| self.get(place)).collect()
    }

    /// The slot at a place.
    pub(super) fn get(&self, place: usize) -> Option<&S> {
        self.slots.get(place)
    }

    /// The slot at a place, of which the tag and what it takes outside of its slot stay as they
    /// are.
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut S> {
        self.slots.get_mut(place)
    }

    /// Puts a slot at a place in the stead of another with its key, or adds it, whether or not it
    /// [has room](Clock::make_room).
    pub(super) fn set(&mut self, place: Option<usize>, slot: S) {
        self.heap_bytes = self.heap_bytes.saturating_add(slot.heap_bytes());
        if let Some(old) = place.and_then(|place| self.slots.get_mut(place)) {
            let old = std::mem::replace(old, slot);
            self.heap_bytes = self.heap_bytes.saturating_sub(old.heap_bytes());
        } else if let Ok(place) = u32::try_from(self.slots.len()) {
            self.enter(Place { tag: slot.tag(), slot: place });
            self.slots.push(slot);
        }
    }

    /// Takes out slots, as long as there are others than `staying` that never go, until the rest
    /// has room; how many.
    pub(super) fn make_room(&mut self, staying: usize) -> usize {
        let before = self.slots.len();
        while self.bytes() > self.room && self.slots.len() > staying && self.turn() {}
        before.saturating_sub(self.slots.len())
    }

    /// Takes out the slot at a place.
    pub(super) fn remove(&mut self, place: usize) {
        let last = self.slots.len().saturating_sub(1);
        if place > last {
            return;
        }
        self.forget(place);
        self.forget(last);
        let out = self.slots.swap_remove(place);
        self.heap_bytes = self.heap_bytes.saturating_sub(out.heap_bytes());
        if let (Some(moved), Ok(slot)) = (self.get(place), u32::try_from(place)) {
            self.enter(Place { tag: moved.tag(), slot });
        }
    }

    /// Whether one more has no room.
    pub(super) fn is_full(&self) -> bool {
        self.bytes().saturating_add(Self::SLOT_BYTES) > self.room
    }

    /// Makes room for this part of so many slots at once, as far as they may stay, and not again
    /// and again while they come.
    pub(super) fn reserve(&mut self, slots: usize, parts: usize) {
        let slots = slots.div_ceil(parts.max(1));
        // Hashes do not share them out evenly.
        let slots = slots
            .saturating_add(slots / 8)
            .min(self.room.checked_div(Self::SLOT_BYTES).unwrap_or_default());
        self.slots.reserve_exact(slots.saturating_sub(self.slots.len()));
        let missing = slots.saturating_sub(self.index.len());
        self.index.reserve(missing, |place| table_hash(place.tag));
    }

    /// Bytes that all take.
    pub(super) fn bytes(&self) -> usize {
        self.slots.len().saturating_mul(Self::SLOT_BYTES).saturating_add(self.heap_bytes)
    }

    /// Takes out the first slot from the hand on that does not stay; false where none goes, though
    /// the hand came by each twice.
    fn turn(&mut self) -> bool {
        for _ in 0..self.slots.len().saturating_mul(2) {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            let here = self.hand;
            // If it goes, the last slot, which is new, comes in its place.
            self.hand = self.hand.saturating_add(1);
            if self.slots.get_mut(here).is_some_and(|slot| !slot.stays()) {
                self.remove(here);
                return true;
            }
        }
        false
    }

    fn enter(&mut self, place: Place) {
        self.index.insert_unique(table_hash(place.tag), place, |place| table_hash(place.tag));
    }

    fn forget(&mut self, place: usize) {
        let Some(tag) = self.get(place).map(S::tag) else { return };
        let is_it = |other: &Place| other.index() == place;
        if let Ok(entry) = self.index.find_entry(table_hash(tag), is_it) {
            entry.remove();
        }
    }
}

impl Place {
    fn index(self) -> usize {
        usize::try_from(self.slot).unwrap_or(usize::MAX)
    }
}

/// Where the index begins to look for a tag, of which it goes by the lowest and highest bits.
fn table_hash(tag: u32) -> u64 {
    u64::from(tag).wrapping_mul(0x1_0000_0001)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::option::of;
    use proptest::prelude::*;

    use super::*;

    /// A key, and bytes that are kept for it.
    #[derive(Debug, Clone, PartialEq)]
    struct Bytes {
        key: u8,
        bytes: Vec<u8>,
        is_pinned: bool,
        is_wanted: bool,
    }

    impl Slot for Bytes {
        fn tag(&self) -> u32 {
            // Some keys share one.
            u32::from(self.key / 2)
        }

        fn heap_bytes(&self) -> usize {
            self.bytes.len()
        }

        fn stays(&mut self) -> bool {
            self.is_pinned || std::mem::take(&mut self.is_wanted)
        }
    }

    const SLOT: usize = Clock::<Bytes>::SLOT_BYTES;

    fn find(clock: &Clock<Bytes>, key: u8) -> Option<usize> {
        clock.find(u32::from(key / 2), |slot| slot.key == key)
    }

    fn set(clock: &mut Clock<Bytes>, key: u8, bytes: usize, is_pinned: bool) {
        let place = find(clock, key);
        let bytes = vec![key; bytes];
        clock.set(place, Bytes { key, bytes, is_pinned, is_wanted: false });
        clock.make_room(clock.slots.iter().filter(|slot| slot.is_pinned).count());
    }

    proptest! {
        #[test]
        fn what_is_found_is_the_latest_and_all_takes_no_more_than_the_room(
            steps in vec((0_u8..40, of(0_usize..200)), 1..300),
            room in 3 * SLOT..30 * SLOT,
        ) {
            let mut clock = Clock::new(room);
            let mut latest = BTreeMap::new();
            for (key, bytes) in steps {
                match bytes {
                    Some(bytes) => set(&mut clock, key, bytes, false),
                    None => {
                        if let Some(place) = find(&clock, key) {
                            clock.remove(place);
                        }
                    }
                }
                latest.insert(key, bytes);
                prop_assert!(clock.bytes() <= room);
                prop_assert_eq!(clock.make_room(0), 0);
                prop_assert_eq!(clock.index.len(), clock.slots.len());
                let heap_bytes: usize = clock.slots.iter().map(Slot::heap_bytes).sum();
                prop_assert_eq!(clock.heap_bytes, heap_bytes);
                for (key, bytes) in &latest {
                    if let Some(slot) = find(&clock, *key).and_then(|place| clock.get(place)) {
                        prop_assert_eq!(Some(slot.bytes.len()), *bytes);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_wanted_or_pinned_stays_and_the_rest_goes_in_turn() {
        let mut clock = Clock::new(10 * SLOT);
        set(&mut clock, 0, 0, true);
        for key in 1..200 {
            set(&mut clock, key, 0, false);
            let wanted = find(&clock, 1).and_then(|place| clock.get_mut(place));
            wanted.expect("it is asked for").is_wanted = true;
        }
        let kept: Vec<u8> = (0..200).filter(|key| find(&clock, *key).is_some()).collect();
        assert_eq!(kept.len(), 10);
        assert_eq!(kept[..2], [0, 1]);
        // The hand comes by all others in the same round.
        assert!(kept[2] >= 200 - 2 * 10, "{kept:?}");
    }

    #[test]
    fn where_everything_is_pinned_more_is_taken_in() {
        let mut clock = Clock::new(2 * SLOT);
        (0..10).for_each(|key| set(&mut clock, key, 0, true));
        assert!((0..10).all(|key| find(&clock, key).is_some()));
        set(&mut clock, 0, 0, false);
        set(&mut clock, 1, 0, false);
        assert!(find(&clock, 0).is_none());
    }

    #[test]
    fn likely_slots_are_those_with_the_tags() {
        let mut clock = Clock::new(1_000 * SLOT);
        (0..50).step_by(2).for_each(|key| set(&mut clock, key, 0, false));
        let found = clock.likely([3, 900, 7].into_iter());
        let keys: Vec<u8> = found.into_iter().map(|slot| slot.key).collect();
        assert_eq!(keys, [6, 14]);
    }
}
