//! The history: an entry for every change, and a head that commits to all of them.

use prost::Message as _;
use tessera_proto::history::{History, PAGE_LENGTH};
use tessera_proto::pb::assets::v1::{AssetStatus, HistoryEntry, HistoryHead, HistoryPage, Role};
use tessera_proto::pb::chain::v1::Event;
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::state_key::StateKey;

use super::life_cycle::{burn, change};
use super::roles::grant;
use crate::modules::testing::{
    ISSUER, Kind, TestChain, TestTx, UNDECLARED, account, assert_refused, asset, mint, register,
    transfer,
};

/// All entries, checked against the head.
pub(super) fn entries(chain: &TestChain, name: &str) -> Vec<HistoryEntry> {
    let id = asset(name);
    let head: HistoryHead = chain.get(&StateKey::history_head(&id)).unwrap_or_default();
    let pages = (0..=head.count / PAGE_LENGTH)
        .filter_map(|number| chain.get(&StateKey::history_page(&id, number)));
    let entries: Vec<HistoryEntry> = pages.flat_map(|page: HistoryPage| page.entries).collect();
    let mut history = History::default();
    entries.iter().for_each(|entry| history.append(&entry.encode_to_vec()));
    assert_eq!(history.to_head(), head);
    entries
}

#[test]
fn every_change_of_the_register_is_in_the_history() {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    chain.next_block();
    let later = chain.block.time_ms + 10;
    let mut events = Vec::new();
    for operation in [
        grant("villa", 1, Role::Agent, later),
        burn("villa", 5),
        change("villa", AssetStatus::Suspended),
        change("villa", AssetStatus::Active),
    ] {
        events.extend(chain.submit(ISSUER, operation).unwrap());
    }
    // A transfer is not an action on the register, and a refusal is none at all.
    chain.submit(ISSUER, transfer("villa", &account(1), 5)).unwrap();
    chain.submit(1, mint("villa", 1, 5)).unwrap_err();
    let entries = entries(&chain, "villa");
    let kinds: Vec<EventKind> = entries
        .iter()
        .map(|entry| Event::decode(entry.event.clone()).unwrap().kind.unwrap())
        .collect();
    assert!(matches!(
        kinds[..4],
        [
            EventKind::AssetRegistered(_),
            EventKind::AppraisalAppended(_),
            EventKind::AssetActivated(_),
            EventKind::UnitsMinted(_),
        ]
    ));
    assert_eq!(kinds[4..], events);
    let last = entries.last().unwrap();
    assert_eq!((last.height, last.time_ms), (chain.block.height, chain.block.time_ms));
    assert_eq!(last.actor, account(ISSUER).to_bytes());
}

#[test]
fn transactions_of_one_block_write_their_entries_one_after_the_other() {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    let before = entries(&chain, "villa").len();
    let tx = |operations: Vec<Kind>| TestTx { sender: ISSUER, operations };
    let mut transactions: Vec<TestTx> = (0..70).map(|_| tx(vec![mint("villa", 1, 1)])).collect();
    transactions.push(tx(vec![burn("villa", 1); 64]));
    transactions.push(tx(vec![mint("villa", 1, 1)]));
    let mut planned = chain.clone();
    for result in chain.run(&transactions, false) {
        result.unwrap();
    }
    assert_eq!(entries(&chain, "villa").len(), before + 135);
    planned.run(&transactions, true);
    assert_eq!(planned.leaves(), chain.leaves());
}

#[test]
fn a_block_writes_only_so_many_entries_of_one_asset() {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    chain.next_block();
    let before = entries(&chain, "villa").len();
    let tx = TestTx { sender: ISSUER, operations: vec![burn("villa", 1); 64] };
    let results = chain.run(&vec![tx; 9], false);
    assert!(results[..7].iter().all(Result::is_ok));
    assert_refused(results[8].clone(), UNDECLARED, 1);
    assert_eq!(entries(&chain, "villa").len(), before + 7 * 64);
    chain.next_block();
    chain.submit(ISSUER, burn("villa", 1)).unwrap();
}

#[test]
fn histories_of_assets_are_apart() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    chain.submit(ISSUER, register("tower")).unwrap();
    chain.submit(ISSUER, change("tower", AssetStatus::Cancelled)).unwrap();
    assert_eq!((entries(&chain, "villa").len(), entries(&chain, "tower").len()), (1, 2));
    assert!(entries(&chain, "usdx").is_empty());
}
