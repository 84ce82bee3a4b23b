//! Which transactions of a block may run side by side.
//!
//! Transactions that conflict on a key end up in the same group, by union-find; groups run in
//! parallel, each in block order. Keys that are only added to by several transactions do not
//! join them: what is added is applied after all groups.

use std::collections::BTreeSet;

use quick_cache::DefaultHashBuilder;
use rayon::prelude::*;
use tessera_proto::state_key::StateKey;

use crate::state::access::{Access, AccessSet, Mode};

/// Keys whose additions are applied after all groups.
#[expect(clippy::disallowed_types, reason = "asked whether it has a key, and nothing else")]
pub type DeferredKeys = std::collections::HashSet<StateKey, DefaultHashBuilder>;

/// How a block will be executed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Groups without conflicts between them, each in block order; costliest first.
    pub groups: Vec<Vec<u32>>,
    /// Keys whose additions are applied after all groups.
    pub deferred: DeferredKeys,
}

/// One access of one transaction. Most are told apart without a look at their key.
struct Touch<'a> {
    /// Of the key, with which keys are put in an order that is no other's business.
    hash: u64,
    tx: u32,
    mode: Mode,
    is_asset_or_totals: bool,
    access: &'a Access,
}

impl<'a> Touch<'a> {
    fn new(hasher: &DefaultHashBuilder, tx: u32, access: &'a Access) -> Self {
        let Access { key, mode, .. } = access;
        let is_asset_or_totals = key.is_asset_or_totals();
        Self { hash: hasher.hash_one(key), tx, mode: *mode, is_asset_or_totals, access }
    }
}

impl Plan {
    /// Plans a block from what its transactions declare.
    #[must_use]
    pub fn new(declared: &[AccessSet]) -> Self {
        let hasher = &DefaultHashBuilder::default();
        let count = u32::try_from(declared.len()).unwrap_or(u32::MAX);
        let mut touches: Vec<Touch<'_>> = (0..count)
            .into_par_iter()
            .zip(declared)
            .flat_map_iter(|(tx, set)| {
                let accesses = set.as_slice().iter();
                accesses.map(move |access| Touch::new(hasher, tx, access))
            })
            .collect();
        touches.par_sort_unstable_by_key(|touch| (touch.hash, touch.tx));
        let by_key = || touches.chunk_by(|one, other| one.hash == other.hash);

        let unsettled = unsettled_keys(by_key());
        let mut deferred = DeferredKeys::default();
        let mut sets = DisjointSets::new(declared.len());
        for touched in by_key() {
            match kind(touched, &unsettled) {
                Kind::Shared => {}
                Kind::Deferred(key) => {
                    deferred.insert(key);
                }
                Kind::Conflict => {
                    for pair in touched.windows(2) {
                        if let [one, other] = pair {
                            sets.unite(one.tx, other.tx);
                        }
                    }
                }
            }
        }
        Self { groups: groups(&mut sets, declared), deferred }
    }

    /// A plan that runs everything in block order.
    #[must_use]
    pub fn serial(transactions: u32) -> Self {
        let groups = if transactions == 0 { vec![] } else { vec![(0..transactions).collect()] };
        Self { groups, deferred: DeferredKeys::default() }
    }
}

enum Kind {
    /// Only read, or touched by one transaction.
    Shared,
    /// Only added to.
    Deferred(StateKey),
    Conflict,
}

/// How touches of keys with one hash, which hardly ever are two keys, go together.
fn kind(touched: &[Touch<'_>], unsettled: &BTreeSet<StateKey>) -> Kind {
    let [first, _, ..] = touched else { return Kind::Shared };
    if touched.iter().all(|touch| touch.mode == Mode::Read) {
        return Kind::Shared;
    }
    let independent = |touch: &Touch<'_>| {
        touch.mode == Mode::Add
            && touch.access.key == first.access.key
            && touch.access.credit_of.is_none_or(|asset| {
                !unsettled.contains(&StateKey::asset(&asset))
                    && !unsettled.contains(&StateKey::asset_totals(&asset))
            })
    };
    if touched.iter().all(independent) { Kind::Deferred(first.access.key) } else { Kind::Conflict }
}

/// Asset leaves that are written, and totals that are not only added to: credits of such assets
/// must keep their place in the block.
fn unsettled_keys<'a>(by_key: impl Iterator<Item = &'a [Touch<'a>]>) -> BTreeSet<StateKey> {
    let has = |touched: &[Touch<'_>], mode| touched.iter().any(|touch| touch.mode == mode);
    by_key
        .filter(|touched| touched.iter().any(|touch| touch.is_asset_or_totals))
        .filter(|touched| {
            has(touched, Mode::Write) || has(touched, Mode::Add) && has(touched, Mode::Read)
        })
        .flatten()
        .filter(|touch| touch.is_asset_or_totals)
        .map(|touch| touch.access.key)
        .collect()
}

/// Groups in order of falling cost, which is how many keys they touch.
fn groups(sets: &mut DisjointSets, declared: &[AccessSet]) -> Vec<Vec<u32>> {
    let mut by_root: Vec<(u32, u32)> =
        (0u32..).zip(declared).map(|(tx, _)| (sets.root(tx), tx)).collect();
    by_root.sort_unstable();
    let cost = |group: &[u32]| -> usize {
        group
            .iter()
            .filter_map(|tx| declared.get(place_of(*tx)))
            .map(|set| set.as_slice().len())
            .sum()
    };
    let mut groups: Vec<(usize, Vec<u32>)> = by_root
        .chunk_by(|one, other| one.0 == other.0)
        .map(|group| group.iter().map(|(_, tx)| *tx).collect::<Vec<_>>())
        .map(|group| (cost(&group), group))
        .collect();
    groups.sort_by(|(one, _), (other, _)| other.cmp(one));
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Where what has a number is in a list.
pub(super) fn place_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Union-find over transactions; the root of a set is its first transaction.
struct DisjointSets {
    parents: Vec<u32>,
}

impl DisjointSets {
    fn new(count: usize) -> Self {
        Self { parents: (0u32..).take(count).collect() }
    }

    fn parent(&self, tx: u32) -> u32 {
        self.parents.get(place_of(tx)).copied().unwrap_or(tx)
    }

    fn set_parent(&mut self, tx: u32, parent: u32) {
        if let Some(slot) = self.parents.get_mut(place_of(tx)) {
            *slot = parent;
        }
    }

    fn root(&mut self, mut tx: u32) -> u32 {
        loop {
            let parent = self.parent(tx);
            if parent == tx {
                return tx;
            }
            // Halve the path, so that later searches are short.
            let grandparent = self.parent(parent);
            self.set_parent(tx, grandparent);
            tx = grandparent;
        }
    }

    fn unite(&mut self, one: u32, other: u32) {
        let (one, other) = (self.root(one), self.root(other));
        let (first, second) = if one <= other { (one, other) } else { (other, one) };
        self.set_parent(second, first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_proto::id::{Address, AssetId};

    fn transfer(asset: &AssetId, from: u8, to: u8) -> AccessSet {
        let (from, to) = (Address::new([from; 20]), Address::new([to; 20]));
        let mut set = AccessSet::default();
        set.write(StateKey::account(&from));
        set.add(StateKey::fee_pot());
        set.debit(asset, &from, None);
        set.credit(asset, &to, None);
        set
    }

    #[test]
    fn transfers_of_one_asset_between_different_people_are_independent() {
        let asset = AssetId::new([1; 16]);
        let plan = Plan::new(&[transfer(&asset, 1, 2), transfer(&asset, 3, 4)]);
        assert_eq!(plan.groups, [[0], [1]]);
    }

    #[test]
    fn a_common_recipient_is_credited_afterwards() {
        let asset = AssetId::new([1; 16]);
        let plan = Plan::new(&[transfer(&asset, 1, 9), transfer(&asset, 3, 9)]);
        assert_eq!(plan.groups, [[0], [1]]);
        assert!(plan.deferred.contains(&StateKey::holding(&asset, &Address::new([9; 20]))));
    }

    #[test]
    fn a_recipient_who_also_sends_joins_the_transfers() {
        let asset = AssetId::new([1; 16]);
        let plan = Plan::new(&[transfer(&asset, 1, 9), transfer(&asset, 9, 2)]);
        assert_eq!(plan.groups, [[0, 1]]);
    }

    #[test]
    fn a_change_of_the_asset_keeps_credits_in_their_place() {
        let asset = AssetId::new([1; 16]);
        let mut change = AccessSet::default();
        change.write(StateKey::asset(&asset));
        let block = [transfer(&asset, 1, 9), change, transfer(&asset, 3, 9)];
        let plan = Plan::new(&block);
        assert_eq!(plan.groups, [[0, 1, 2]]);
        assert!(!plan.deferred.contains(&StateKey::holding(&asset, &Address::new([9; 20]))));
    }

    #[test]
    fn an_empty_block_has_no_groups() {
        assert_eq!(Plan::new(&[]), Plan::serial(0));
    }
}
