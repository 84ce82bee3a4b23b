//! The forest of trees against trees made afresh, one key at a time (`put_value_set`), over many
//! heights with removals, pruning and restarts.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, Sha256Jmt, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use tessera_app::state::batch::Batch;
use tessera_app::state::changes::Changes;
use tessera_app::state::database::Database;
use tessera_app::state::forest::{CHECKPOINT_BLOCKS, Forest, root_map};
use tessera_app::state::store::{HeightError, Store, StoreOptions};
use tessera_app::state::table::Table;
use tessera_app::state::view::StateReader;
use tessera_client::verify::verify_state_proof;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::{Leaf, Sentinel};
use tessera_proto::state_key::StateKey;
use tessera_tests::fixture::temporary_folder;

/// A tree with nothing in it.
struct Nothing;

impl TreeReader for Nothing {
    fn get_node_option(&self, _key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(None)
    }

    fn get_value_option(&self, _: Version, _: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Ok(None)
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

type State = BTreeMap<StateKey, Bytes>;

/// What the store adds by itself: one key in every shard.
fn sentinels() -> State {
    let mut by_shard = BTreeMap::new();
    for nonce in 0.. {
        let key = StateKey::sentinel(nonce);
        by_shard.entry(key.shard()).or_insert(key);
        if by_shard.len() == 256 {
            break;
        }
    }
    by_shard.into_values().map(|key| (key, Sentinel.to_leaf_bytes())).collect()
}

/// Root of everything, from nothing.
fn oracle(state: &State) -> [u8; 32] {
    let mut shards: Vec<Vec<(KeyHash, Option<OwnedValue>)>> = vec![Vec::new(); 256];
    for (key, value) in state {
        let entry = (KeyHash(key.hash()), Some(value.to_vec()));
        shards[usize::from(key.shard())].push(entry);
    }
    let root = |values| {
        let (root, _) = Sha256Jmt::new(&Nothing).put_value_set(values, 0).unwrap();
        root.0
    };
    root_map(&shards.into_iter().map(root).collect::<Vec<_>>()).root()
}

fn key(number: u16) -> StateKey {
    // Few shards with many keys each, and many with few.
    let account = Address::new([(number % 251) as u8; 20]);
    match number / 251 {
        0 => StateKey::account(&account),
        1 => StateKey::holding(&AssetId::new([1; 16]), &account),
        _ => StateKey::holding_copy(&AssetId::new([1; 16]), &account, u64::from(number)),
    }
}

fn change() -> impl Strategy<Value = (u16, Option<u8>)> {
    (0..700_u16, prop::option::weighted(0.6, any::<u8>()))
}

fn changes(block: &[(u16, Option<u8>)]) -> Changes {
    let value = |byte: u8| Bytes::from(vec![byte; 1 + usize::from(byte)]);
    block.iter().map(|(number, byte)| (key(*number), byte.map(value))).collect()
}

fn options() -> StoreOptions {
    StoreOptions { keep_heights: 3, fsync_every_blocks: 1 << 40, gather_bytes: 20_000 }
}

/// Every kept height is as it was, and proves what it held; every other is refused.
fn check_heights(store: &Store, history: &[State]) {
    let latest = history.len() as u64 - 1;
    let state = history.last().unwrap();
    for number in 0..700 {
        let key = key(number);
        assert_eq!(store.peek().read(&key).unwrap(), state.get(&key).cloned());
    }
    for (height, state) in (0..).zip(history) {
        if height + 3 < latest {
            let error = store.at(height).err().unwrap();
            assert!(matches!(error, HeightError::Pruned { oldest, .. } if oldest == latest - 3));
            assert!(store.prove(height, &key(0)).is_err());
            continue;
        }
        let app_hash = store.app_hash(height).unwrap();
        assert_eq!(app_hash, oracle(state), "height {height}");
        let reader = store.at(height).unwrap();
        for number in (0..700).step_by(7) {
            let key = key(number);
            assert_eq!(reader.read(&key).unwrap(), state.get(&key).cloned());
            let proof = store.prove(height, &key).unwrap();
            assert_eq!(verify_state_proof(&proof, &app_hash), Ok(state.get(&key).cloned()));
        }
    }
}

#[test]
fn regress_a_key_that_was_made_and_changed_later_is_absent_before() {
    let folder = temporary_folder();
    let store = Store::open(folder.path(), options()).unwrap();
    let value = |byte| Some(Bytes::from(vec![byte]));
    for (height, value) in (0..).zip([None, value(1), value(2)]) {
        let changes: Changes = value.into_iter().map(|value| (key(0), Some(value))).collect();
        let staged = store.stage(height, &changes).unwrap();
        store.commit(staged, Batch::default()).unwrap();
    }
    let read = |height| store.at(height).unwrap().read(&key(0)).unwrap();
    assert_eq!([0, 1, 2].map(read), [None, value(1), value(2)]);
    let app_hash = store.app_hash(0).unwrap();
    let proof = store.prove(0, &key(0)).unwrap();
    assert_eq!(verify_state_proof(&proof, &app_hash), Ok(None));
}

#[test]
fn regress_the_oldest_of_many_kept_heights_is_read_and_proven() {
    let folder = temporary_folder();
    let kept = CHECKPOINT_BLOCKS + 2;
    let store = Store::open(folder.path(), StoreOptions { keep_heights: kept, ..options() });
    let store = store.unwrap();
    let mut history = Vec::new();
    let mut state = sentinels();
    for height in 0..kept + 10 {
        // One key changes in every block, another comes and goes.
        let height_byte = u8::try_from(height % 251).unwrap();
        let other = (height % 3 == 0).then_some(height_byte);
        let block = changes(&[(0, Some(height_byte)), (1, other)]);
        for (key, value) in block.as_slice() {
            match value {
                Some(value) => state.insert(*key, value.clone()),
                None => state.remove(key),
            };
        }
        history.push(state.clone());
        let staged = store.stage(height, &block).unwrap();
        store.commit(staged, Batch::default()).unwrap();
    }
    let oldest = store.oldest_height();
    assert_eq!(oldest, history.len() as u64 - 1 - kept);
    for (height, state) in (0..).zip(&history).skip(oldest as usize) {
        let app_hash = store.app_hash(height).unwrap();
        assert_eq!(app_hash, oracle(state), "height {height}");
        for key in [0, 1].map(key) {
            let proof = store.prove(height, &key).unwrap();
            assert_eq!(verify_state_proof(&proof, &app_hash), Ok(state.get(&key).cloned()));
        }
    }
    let roots = store.database().scan(Table::Roots, &[], &[], usize::MAX).unwrap();
    assert_eq!(roots.len() as u64, kept + 1, "older ones are gone");
}

#[test]
fn regress_heights_that_were_removed_stay_so_when_more_are_to_be_kept() {
    let folder = temporary_folder();
    let open = |keep_heights| {
        Store::open(folder.path(), StoreOptions { keep_heights, ..options() }).unwrap()
    };
    let go_on = |store: &Store, blocks: u64| {
        let next = store.committed().map_or(0, |committed| committed.height + 1);
        for height in next..next + blocks {
            let block = changes(&[(0, Some(u8::try_from(height % 250).unwrap()))]);
            let staged = store.stage(height, &block).unwrap();
            store.commit(staged, Batch::default()).unwrap();
        }
    };
    let check = |store: &Store, oldest| {
        assert_eq!(store.oldest_height(), oldest);
        let error = store.prove(oldest - 1, &key(0)).unwrap_err();
        assert!(matches!(error, HeightError::Pruned { .. }), "{error}");
        let app_hash = store.app_hash(oldest).unwrap();
        let value = verify_state_proof(&store.prove(oldest, &key(0)).unwrap(), &app_hash).unwrap();
        assert_eq!(value.unwrap()[0], u8::try_from(oldest % 250).unwrap());
    };
    let kept = CHECKPOINT_BLOCKS + 2;
    let store = open(kept);
    go_on(&store, kept + 71);
    check(&store, 70);
    drop(store);
    let store = open(1_000);
    check(&store, 70);
    go_on(&store, 40);
    check(&store, 70);
    drop(store);
    // Some are removed with each block, until no more are there than are to be kept.
    let store = open(kept);
    go_on(&store, 4);
    let latest = store.committed().unwrap().height;
    check(&store, latest - kept);
    let roots = store.database().scan(Table::Roots, &[], &[], usize::MAX).unwrap();
    assert_eq!(roots.len() as u64, kept + 1);
}

#[test]
fn what_is_left_of_a_first_state_that_was_not_stored_to_its_end_is_removed() {
    let folder = temporary_folder();
    let left = |table, database: &Database| database.scan(table, &[], &[], 10).unwrap();
    let database = Database::open(folder.path(), 20_000).unwrap();
    let mut batch = Batch::default();
    batch.put(Table::Keys, key(9).as_bytes(), []);
    batch.put(Table::Values, key(9).hash(), "of another state");
    database.commit_first(batch).unwrap();
    assert_eq!(left(Table::Keys, &database).len(), 1);
    drop(database);

    let first = changes(&[(0, Some(1)), (1, Some(2))]);
    for _ in 0..2 {
        let store = Store::open(folder.path(), options()).unwrap();
        if store.committed().is_none() {
            assert_eq!(left(Table::Values, store.database()), []);
            let staged = store.stage(0, &first).unwrap();
            store.commit(staged, Batch::default()).unwrap();
        }
        assert_eq!(store.peek().read(&key(9)).unwrap(), None);
        let keys = store.database().scan(Table::Keys, &[], &[], usize::MAX).unwrap();
        let keys = keys.into_iter().map(|(key, _)| StateKey::from_bytes(&key).unwrap());
        let mut state = sentinels();
        state.extend(first.as_slice().iter().map(|(key, value)| (*key, value.clone().unwrap())));
        assert_eq!(keys.collect::<Vec<_>>(), state.keys().copied().collect::<Vec<_>>());
        assert_eq!(store.app_hash(0).unwrap(), oracle(&state));
    }
}

#[test]
fn an_announced_block_is_the_latest_state_before_it_is_written() {
    let folder = temporary_folder();
    let store = Store::open(folder.path(), options()).unwrap();
    let state = |values: [Option<u8>; 3]| changes(&[0, 1, 2].map(|i| (i, values[i as usize])));
    let first = store.stage(0, &state([Some(1), Some(1), None])).unwrap();
    store.commit(first, Batch::default()).unwrap();
    let read = || [0, 1, 2].map(|number| store.latest().read(&key(number)).unwrap());
    let before = read();
    let block = Arc::new(state([Some(2), None, Some(2)]));
    let staged = store.stage(1, &block).unwrap();
    assert_eq!(read(), before);
    store.announce(1, Arc::clone(&block));
    let after: Vec<Option<Bytes>> =
        block.as_slice().iter().map(|(_, value)| value.clone()).collect();
    assert_eq!(read().as_slice(), after);
    assert_eq!((store.latest_height(), store.committed().unwrap().height), (Some(1), 0));
    store.commit(staged, Batch::default()).unwrap();
    assert_eq!(read().as_slice(), after);
    let at = |height| store.at(height).unwrap().read(&key(1)).unwrap();
    assert_eq!([0, 1].map(at), [before[1].clone(), None]);
}

#[test]
fn regress_the_trees_of_a_large_first_state_are_not_left_to_the_blocks_after_it() {
    let folder = temporary_folder();
    let store = Store::open(folder.path(), options()).unwrap();
    let changes: Changes =
        (0..600).map(|number| (key(number), Some(Bytes::from_static(b"1")))).collect();
    let staged = store.stage(0, &changes).unwrap();
    store.commit(staged, Batch::default()).unwrap();
    let database = store.database().clone();
    drop(store);
    // A forest alone knows no more than the nodes that were written.
    let forest = Forest::open(database).unwrap();
    let roots: Vec<_> =
        (0..=u8::MAX).map(|shard| forest.tree(shard).unwrap().root().unwrap().hash).collect();
    let state = sentinels().into_iter().map(|(key, value)| (key, Some(value)));
    let state = state.chain(changes).filter_map(|(key, value)| Some((key, value?))).collect();
    assert_eq!(root_map(&roots).root(), oracle(&state));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 6,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn roots_are_those_of_trees_made_afresh(blocks in vec(vec(change(), 0..60), 20..44)) {
        let folder = temporary_folder();
        let mut store = Store::open(folder.path(), options()).unwrap();
        let mut state = sentinels();
        let mut history = Vec::new();
        for (height, block) in (0..).zip(&blocks) {
            let changes = changes(block);
            let staged = store.stage(height, &changes).unwrap();
            // Staging has no effect, and gives the same again.
            prop_assert_eq!(store.stage(height, &changes).unwrap().app_hash(), staged.app_hash());
            let committed = store.commit(staged, Batch::default()).unwrap();
            for (key, value) in changes {
                match value {
                    Some(value) => state.insert(key, value),
                    None => state.remove(&key),
                };
            }
            prop_assert_eq!(committed.app_hash, oracle(&state), "height {}", height);
            history.push(state.clone());
            if height % 7 == 3 {
                drop(store);
                store = Store::open(folder.path(), options()).unwrap();
                prop_assert_eq!(store.committed().unwrap().app_hash, oracle(&state));
            }
        }
        check_heights(&store, &history);
        drop(store);
        check_heights(&Store::open(folder.path(), options()).unwrap(), &history);
    }
}
