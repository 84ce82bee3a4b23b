//! What a transaction declares that it will touch.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::state_key::StateKey;

/// How a key is touched. Two accesses conflict unless both are reads or both are adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// The value is read.
    Read,
    /// A [`Delta`](super::delta::Delta) is applied: blind, and the order does not matter.
    Add,
    /// The value is read and written.
    Write,
}

/// One declared access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The key.
    pub key: StateKey,
    /// How it is touched.
    pub mode: Mode,
    /// For a credit: the asset, whose leaf applying it reads and whose totals it adds to. Where
    /// anything writes the asset or touches its totals otherwise, the credit counts as a write.
    pub credit_of: Option<AssetId>,
}

/// Accesses up to which each is put in its place at once. Of more, all that follow are sorted
/// together, or a transaction that touches very much would take a time that grows with the square
/// of it.
const PLACED_AT_ONCE: usize = 256;

/// Everything that a transaction declares: sorted by key, each key once with its strongest mode,
/// once it is [settled](AccessSet::settle).
#[derive(Debug, Clone, Default)]
pub struct AccessSet {
    accesses: Vec<Access>,
    /// How many of them, from the first on, are in their place.
    settled: usize,
}

impl AccessSet {
    /// Nothing yet, with room for what a transfer or two touch.
    #[must_use]
    pub fn new() -> Self {
        Self { accesses: Vec::with_capacity(12), settled: 0 }
    }

    /// Declares a read.
    pub fn read(&mut self, key: StateKey) {
        self.insert(Access { key, mode: Mode::Read, credit_of: None });
    }

    /// Declares a write, which includes reading.
    pub fn write(&mut self, key: StateKey) {
        self.insert(Access { key, mode: Mode::Write, credit_of: None });
    }

    /// Declares a write of the next of numbered keys, from number `first` on, past those that
    /// earlier operations of the transaction have declared.
    pub fn write_next(&mut self, first: u32, key: impl Fn(u32) -> StateKey) {
        self.settle();
        let taken = |key: &StateKey| self.mode(key) == Some(Mode::Write);
        if let Some(next) = (first..=u32::MAX).map(key).find(|key| !taken(key)) {
            self.write(next);
        }
    }

    /// Declares an add that reads nothing else.
    pub fn add(&mut self, key: StateKey) {
        self.insert(Access { key, mode: Mode::Add, credit_of: None });
    }

    /// Declares that units of `asset` go to `account`: reads whether it is denied the chain, adds
    /// to the holding, to its copies at the record dates that may be in force, and to the totals.
    ///
    /// Hardly anything writes a wallet, so payments to one account still run side by side.
    pub fn credit(
        &mut self,
        asset: &AssetId,
        account: &Address,
        record_heights: impl IntoIterator<Item = u64>,
    ) {
        self.read(StateKey::asset(asset));
        self.read(StateKey::wallet(account));
        let credit_of = Some(*asset);
        let copy = |height| StateKey::holding_copy(asset, account, height);
        let copies = record_heights.into_iter().map(copy);
        for key in std::iter::once(StateKey::holding(asset, account)).chain(copies) {
            self.insert(Access { key, mode: Mode::Add, credit_of });
        }
        self.add(StateKey::asset_totals(asset));
    }

    /// Declares that units of `asset` leave `account`: writes the holding and its copies, adds
    /// to the totals.
    pub fn debit(
        &mut self,
        asset: &AssetId,
        account: &Address,
        record_heights: impl IntoIterator<Item = u64>,
    ) {
        self.read(StateKey::asset(asset));
        self.write(StateKey::holding(asset, account));
        for height in record_heights {
            self.write(StateKey::holding_copy(asset, account, height));
        }
        self.add(StateKey::asset_totals(asset));
    }

    /// Puts in their place what was declared since there were many.
    pub fn settle(&mut self) {
        if self.settled == self.accesses.len() {
            return;
        }
        self.accesses.sort_by_key(|access| access.key);
        self.accesses.dedup_by(|later, known| {
            let is_same = later.key == known.key;
            if is_same {
                known.join(later);
            }
            is_same
        });
        self.settled = self.accesses.len();
    }

    /// All accesses, in order of key once they are settled.
    #[must_use]
    pub fn as_slice(&self) -> &[Access] {
        &self.accesses
    }

    /// The declared mode of a key, as far as accesses are settled.
    #[must_use]
    pub fn mode(&self, key: &StateKey) -> Option<Mode> {
        self.find(key).map(|(_, mode)| mode)
    }

    /// The place of a key in [`AccessSet::as_slice`], and its declared mode, as far as accesses are
    /// settled.
    #[must_use]
    pub fn find(&self, key: &StateKey) -> Option<(usize, Mode)> {
        let settled = self.accesses.get(..self.settled)?;
        let place = settled.binary_search_by(|access| access.key.cmp(key)).ok()?;
        settled.get(place).map(|access| (place, access.mode))
    }

    fn insert(&mut self, access: Access) {
        if self.accesses.len() >= PLACED_AT_ONCE {
            self.accesses.push(access);
            return;
        }
        match self.accesses.binary_search_by(|other| other.key.cmp(&access.key)) {
            Err(index) => {
                self.accesses.insert(index, access);
                self.settled = self.accesses.len();
            }
            Ok(index) => {
                if let Some(known) = self.accesses.get_mut(index) {
                    known.join(&access);
                }
            }
        }
    }
}

impl Access {
    /// Allows what another of the same key allows, too.
    fn join(&mut self, other: &Self) {
        self.mode = strongest(self.mode, other.mode);
        self.credit_of = self.credit_of.or(other.credit_of);
    }
}

/// The mode that allows both; a read and an add together are a write, for they conflict.
fn strongest(one: Mode, other: Mode) -> Mode {
    if one == other { one } else { Mode::Write }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_key_has_one_strongest_mode() {
        let mut set = AccessSet::default();
        let (a, b) = (StateKey::params(), StateKey::fee_pot());
        set.add(b);
        set.read(a);
        set.read(a);
        set.read(b);
        assert_eq!(set.mode(&a), Some(Mode::Read));
        assert_eq!(set.mode(&b), Some(Mode::Write));
        assert_eq!(set.as_slice().len(), 2);
        assert_eq!(set.mode(&StateKey::sentinel(1)), None);
    }

    #[test]
    fn regress_many_keys_are_the_same_set_as_if_each_were_put_in_its_place() {
        let key = |number: u32| StateKey::sentinel(number.wrapping_mul(7_919) % 1_000);
        let mut set = AccessSet::default();
        for number in 0..3_000 {
            match number % 3 {
                0 => set.read(key(number)),
                1 => set.add(key(number % 400)),
                _ => set.write(key(number % 50)),
            }
        }
        set.settle();
        let mut modes: BTreeMap<StateKey, Mode> = BTreeMap::new();
        for number in 0..3_000 {
            let (key, mode) = match number % 3 {
                0 => (key(number), Mode::Read),
                1 => (key(number % 400), Mode::Add),
                _ => (key(number % 50), Mode::Write),
            };
            modes.entry(key).and_modify(|known| *known = strongest(*known, mode)).or_insert(mode);
        }
        let declared: Vec<_> =
            set.as_slice().iter().map(|access| (access.key, access.mode)).collect();
        assert_eq!(declared, modes.into_iter().collect::<Vec<_>>());
        set.write_next(0, StateKey::sentinel);
        set.settle();
        assert!(set.as_slice().iter().is_sorted_by_key(|access| access.key));
    }

    #[test]
    fn numbered_keys_are_declared_past_those_declared_before() {
        let asset = AssetId::new([1; 16]);
        let key = |number| StateKey::document(&asset, number);
        let mut set = AccessSet::default();
        set.read(key(3));
        for _ in 0..3 {
            set.write_next(3, key);
        }
        let declared: Vec<_> = set.as_slice().iter().map(|access| access.key).collect();
        assert_eq!(declared, [key(3), key(4), key(5)]);
        assert!(set.as_slice().iter().all(|access| access.mode == Mode::Write));
    }
}
