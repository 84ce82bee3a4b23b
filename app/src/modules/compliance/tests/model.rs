//! Random operations on a regulated asset: records, counters and encumbrances agree with what
//! an independent count of all leaves says, whatever the order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tessera_proto::id::Address;
use tessera_proto::leaf::{Holding, Leaf};
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::pb::transfers::v1 as transfers;
use tessera_proto::split::{InUnits, SplitFactor};
use tessera_proto::state_key::{HolderBucket, Namespace};

use super::desk::{
    ACCREDITED, COUNTRY, Desk, ESCROW, KYC, KYC_PROVIDER, VALIDITY_MS, VILLA, claim, force,
    holders, link, max_balance, recover, set_rules,
};
use crate::modules::testing::{
    ISSUER, Kind, TestChain, TestTx, account, asset, mint, split, transfer,
};

/// Identities 0 to 3 with wallets 0 to 3; 7 and 8 are further wallets of 1, and 9 is nobody.
fn anyone() -> impl Strategy<Value = u8> {
    prop::sample::select(vec![0_u8, 1, 2, 3, 7, 8, 9])
}

fn units() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1u64..200, 1 => Just(1_000), 1 => Just(u64::MAX)]
}

fn operation() -> impl Strategy<Value = (u8, Kind)> {
    let id = || asset(VILLA).to_bytes();
    prop_oneof![
        8 => (anyone(), anyone(), units())
            .prop_map(|(from, to, units)| (from, transfer(VILLA, &account(to), units))),
        1 => (anyone(), units()).prop_map(|(to, units)| (ISSUER, mint(VILLA, to, units))),
        1 => (anyone(), units()).prop_map(move |(from, units)| {
            let (asset, amount) = (id(), units.to_string());
            (from, Kind::BurnUnits(tessera_proto::pb::assets::v1::BurnUnits { asset, amount }))
        }),
        2 => (anyone(), anyone(), units())
            .prop_map(|(from, to, n)| (ISSUER, Kind::ForcedTransfer(force(from, to, n)))),
        2 => (anyone(), anyone())
            .prop_map(|(from, to)| (ISSUER, Kind::RecoverWallet(recover(from, to)))),
        1 => (anyone(), units()).prop_map(move |(to, units)| {
            let (asset, account) = (id(), account(to).to_bytes());
            (ISSUER, Kind::SetFrozen(pb::SetFrozen { asset, account, amount: units.to_string() }))
        }),
        2 => (anyone(), anyone(), units()).prop_map(move |(from, payee, units)| {
            (from, Kind::PlaceHold(pb::PlaceHold {
                asset: id(),
                amount: units.to_string(),
                escrow: account(ESCROW).to_bytes(),
                payee: account(payee).to_bytes(),
                expires_ms: 1_010_000,
            }))
        }),
        2 => (anyone(), 1u64..4).prop_map(move |(holder, number)| {
            let (asset, holder) = (id(), account(holder).to_bytes());
            (ESCROW, Kind::ExecuteHold(pb::ExecuteHold { asset, holder, number }))
        }),
        1 => (anyone(), 1u64..4).prop_map(move |(holder, number)| {
            let (asset, holder) = (id(), account(holder).to_bytes());
            (ESCROW, Kind::ReleaseHold(pb::ReleaseHold { asset, holder, number }))
        }),
        2 => (0u8..4, prop::sample::select(vec![KYC, ACCREDITED, COUNTRY])).prop_map(|(to, of)| {
            let country = if of == COUNTRY { ["DE", "FR"][usize::from(to % 2)] } else { "" };
            (KYC_PROVIDER, Kind::IssueClaim(claim(to, of, country, 1_000_000 + VALIDITY_MS)))
        }),
        1 => (0u8..4, prop::sample::select(vec![KYC, ACCREDITED, COUNTRY])).prop_map(|(of, t)| {
            let (identity, asset) = (account(of).to_bytes(), bytes::Bytes::new());
            let message = pb::RevokeClaim { identity, claim_type: t, asset, from_ms: 0 };
            (KYC_PROVIDER, Kind::RevokeClaim(message))
        }),
        1 => (1u64..6, 100u64..2_000).prop_map(|(most, units)| {
            let rules = vec![holders(most, 0, ""), holders(2, 0, "DE"), max_balance(units)];
            (ISSUER, set_rules(rules))
        }),
        1 => (anyone(), any::<bool>()).prop_map(|(who, required)| {
            (who, Kind::SetOptIn(transfers::SetOptIn { required }))
        }),
        1 => (anyone(), any::<bool>()).prop_map(move |(who, accepted)| {
            (who, Kind::AcceptAsset(transfers::AcceptAsset { asset: id(), accepted }))
        }),
        2 => (anyone(), anyone(), 1u64..4).prop_map(move |(who, holder, number)| {
            let (asset, holder) = (id(), account(holder).to_bytes());
            (who, Kind::ExecuteHold(pb::ExecuteHold { asset, holder, number }))
        }),
        1 => prop::sample::select(vec![(2, 1), (3, 2), (1, 10)])
            .prop_map(|(new, old)| (ISSUER, split(VILLA, new, old))),
        1 => (0u8..4).prop_map(move |number| {
            let (asset, identity) = (id(), account(number).to_bytes());
            (9, Kind::RefreshHolder(pb::RefreshHolder { asset, identity }))
        }),
    ]
}

fn blocks() -> impl Strategy<Value = Vec<Vec<TestTx>>> {
    let transaction =
        operation().prop_map(|(sender, kind)| TestTx { sender, operations: vec![kind] });
    prop::collection::vec(prop::collection::vec(transaction, 1..5), 1..20)
}

fn scene() -> TestChain {
    let mut desk = Desk::new(vec![]);
    for wallet in [7, 8] {
        let height = desk.chain.block.height;
        let message = link(&desk.chain, 1, wallet, height, wallet);
        desk.submit(1, Kind::LinkWallet(message)).unwrap();
    }
    for to in [1, 2, 7] {
        desk.send(ISSUER, to, 150).unwrap();
    }
    desk.chain
}

fn units_of<L: Leaf + InUnits>(chain: &TestChain, namespace: Namespace) -> Vec<(Vec<u8>, L)> {
    let mut leaves = leaves::<L>(chain, namespace);
    let factor = SplitFactor::of(&chain.facts(VILLA));
    leaves.iter_mut().for_each(|(_, leaf)| leaf.bring_to(factor));
    leaves
}

fn leaves<L: Leaf>(chain: &TestChain, namespace: Namespace) -> Vec<(Vec<u8>, L)> {
    let prefix = [&[namespace.byte()], asset(VILLA).as_bytes().as_slice()].concat();
    let all = chain.leaves().iter();
    all.filter(|(key, _)| key.as_bytes().starts_with(&prefix))
        .map(|(key, value)| {
            (key.as_bytes()[prefix.len()..].to_vec(), L::from_leaf_bytes(value).unwrap())
        })
        .collect()
}

fn number(text: &str) -> u128 {
    if text.is_empty() { 0 } else { text.parse().unwrap() }
}

fn identity(wallet: &[u8]) -> u8 {
    let named = |number: &u8| account(*number).as_bytes().as_slice() == wallet;
    match (0..=9).find(named).unwrap() {
        7 | 8 => 1,
        other => other,
    }
}

fn check(chain: &TestChain) {
    let mut held: BTreeMap<Address, u128> = BTreeMap::new();
    let mut wallets: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let lists: BTreeMap<Vec<u8>, pb::Encumbrances> =
        units_of(chain, Namespace::Encumbrances).into_iter().collect();
    for (wallet, holding) in units_of::<Holding>(chain, Namespace::Holding) {
        let balance = holding.balance.base_units();
        *held.entry(account(identity(&wallet))).or_default() += balance;
        wallets.insert(wallet.clone(), u64::from(balance > 0));
        let entries = lists.get(&wallet).map(|list| list.entries.as_slice()).unwrap_or_default();
        let bound: u128 = entries.iter().map(|entry| number(&entry.amount)).sum();
        assert_eq!(holding.encumbered.base_units(), bound, "encumbrances");
        assert!(bound <= balance, "no more is bound than there is");
    }
    let mut counts: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut recorded = BTreeSet::new();
    for (key, record) in units_of::<pb::HolderRecord>(chain, Namespace::HolderRecord) {
        let who: Address = key.as_slice().try_into().unwrap();
        let balance = number(&record.balance);
        assert_eq!(balance, held.get(&who).copied().unwrap_or_default(), "record of {who}");
        if balance == 0 {
            continue;
        }
        recorded.insert(who);
        let types = record.claim_types.iter().map(|of| HolderBucket::ClaimType(*of));
        let country = record.country.as_bytes().try_into().ok().map(HolderBucket::Country);
        for bucket in std::iter::once(HolderBucket::All).chain(types).chain(country) {
            *counts.entry(bucket.to_key_bytes().to_vec()).or_default() += 1;
        }
    }
    let holders = held.iter().filter(|(_, balance)| **balance > 0);
    assert_eq!(recorded, holders.map(|(who, _)| *who).collect());
    for (bucket, counter) in leaves::<pb::HolderCounter>(chain, Namespace::HolderCounter) {
        assert_eq!(counter.count, counts.remove(&bucket).unwrap_or_default(), "{bucket:?}");
    }
    assert_eq!(counts, BTreeMap::new());
    for (wallet, used) in wallets {
        let wallet: Address = wallet.as_slice().try_into().unwrap();
        let key = tessera_proto::state_key::StateKey::wallet_use(&wallet);
        let found = chain.get::<pb::WalletUse>(&key).unwrap_or_default().regulated_holdings;
        assert_eq!(found, used, "use of {wallet}");
    }
    let supply = number(&chain.totals(VILLA).supply);
    assert_eq!(held.values().sum::<u128>(), supply);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn records_counters_and_encumbrances_are_exact(blocks in blocks()) {
        let mut serial = scene();
        let mut planned = serial.clone();
        check(&serial);
        for transactions in &blocks {
            serial.next_block();
            planned.next_block();
            let (one, other) = (serial.run(transactions, false), planned.run(transactions, true));
            prop_assert_eq!(one, other);
            prop_assert_eq!(serial.leaves(), planned.leaves());
            check(&serial);
        }
    }
}
