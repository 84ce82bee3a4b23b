//! The model against the state.

mod rights;

use std::collections::BTreeMap;

use ruint::aliases::U512;
use tessera_app::modules::distributions::claimable;
use tessera_app::state::store::Store;
use tessera_app::state::view::LeafReader;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::{Holding, Leaf};
use tessera_proto::pb::accounts::v1 as accounts;
use tessera_proto::pb::assets::v1 as assets;
use tessera_proto::pb::chain::v1::FeePot;
use tessera_proto::state_key::{Namespace, StateKey};

use super::{Account, Model};
use crate::fixture::leaves;

/// Leaves of one kind by the bytes of their keys after the namespace.
fn all<L: Leaf>(store: &Store, namespace: Namespace) -> BTreeMap<Vec<u8>, L> {
    let decode = |bytes: &[u8]| L::from_leaf_bytes(bytes).unwrap();
    leaves(store, &[namespace.byte()])
        .iter()
        .map(|(key, value)| (key.as_bytes()[1..].to_vec(), decode(value)))
        .collect()
}

impl Model {
    /// Checks that the latest state of a store is this one, and the chain's invariants.
    ///
    /// # Panics
    /// When it is not.
    pub fn assert_matches(&self, store: &Store) {
        self.assert_assets(store);
        self.assert_holdings(store);
        self.assert_accounts(store);
        self.assert_records(store);
        self.assert_distributions(store);
        self.assert_votes(store);
        self.assert_offers(store);
        self.assert_pools(store);
    }

    fn assert_holdings(&self, store: &Store) {
        let holdings: BTreeMap<Vec<u8>, Holding> = all(store, Namespace::Holding);
        let mut balances = BTreeMap::new();
        let mut income = BTreeMap::new();
        for (key, holding) in &holdings {
            let asset = AssetId::try_from(&key[..16]).unwrap();
            let account = Address::try_from(&key[16..]).unwrap();
            let bound = self.bound(&asset, &account);
            assert_eq!(holding.encumbered.base_units(), bound, "what is bound is offered");
            if !holding.balance.is_zero() {
                balances.insert((asset, account), holding.balance.base_units());
            }
            let facts: assets::Asset =
                store.peek().leaf(&StateKey::asset(&asset)).unwrap().unwrap();
            for (currency, amount) in claimable(holding, &facts).unwrap() {
                income.insert((asset, account, currency), amount.base_units());
            }
        }
        assert_eq!(balances, self.balances, "balances at height {}", self.height);
        let expected: BTreeMap<_, _> = self
            .income
            .iter()
            .map(|(key, income)| {
                (*key, income.accrued + u128::try_from(income.unsettled >> 128).unwrap())
            })
            .filter(|(_, amount)| *amount > 0)
            .collect();
        assert_eq!(income, expected, "claimable income at height {}", self.height);
        // What can be claimed is there.
        for (id, asset) in &self.assets {
            for (currency, _) in &asset.income {
                let owed: u128 = expected
                    .iter()
                    .filter(|((of, _, paid), _)| of == id && paid == currency)
                    .map(|(_, amount)| amount)
                    .sum();
                assert!(owed <= self.balance(currency, &Address::income_pool(id)));
            }
        }
    }

    fn assert_accounts(&self, store: &Store) {
        let stored: BTreeMap<Vec<u8>, accounts::Account> = all(store, Namespace::Account);
        let leaf = |account: &Account| accounts::Account {
            authority: account.authority.clone(),
            fee_credit: account.fee_credit.to_string(),
            nonce_lanes: account
                .lanes
                .iter()
                .map(|(lane, next)| accounts::NonceLane { lane: *lane, next_nonce: *next })
                .collect(),
            sanctioned: false,
        };
        let expected: BTreeMap<_, _> = self
            .accounts
            .iter()
            .map(|(address, account)| (address.as_bytes().to_vec(), leaf(account)))
            .collect();
        assert_eq!(stored, expected, "accounts at height {}", self.height);
        let pot: FeePot = store.peek().leaf(&StateKey::fee_pot()).unwrap().unwrap();
        assert_eq!(pot.amount, self.fee_pot.to_string());
        let credits: u128 = self.accounts.values().map(|account| account.fee_credit).sum();
        let pool = self.balance(&self.fee_currency, &Address::fee_pool());
        assert_eq!(pool, credits + self.fee_pot, "the fee pool backs all fees");
    }

    fn assert_assets(&self, store: &Store) {
        let stored: BTreeMap<Vec<u8>, assets::Asset> = all(store, Namespace::Asset);
        let totals: BTreeMap<Vec<u8>, assets::AssetTotals> = all(store, Namespace::AssetTotals);
        assert_eq!((stored.len(), totals.len()), (self.assets.len(), self.assets.len()));
        for (id, asset) in &self.assets {
            let leaf = &stored[id.as_bytes().as_slice()];
            assert_eq!(leaf.name, asset.name);
            assert_eq!(leaf.issuer, asset.issuer.to_bytes());
            assert_eq!(leaf.status() == assets::AssetStatus::Active, asset.active);
            assert_eq!(leaf.appraisal_count as usize, asset.appraisals.len());
            assert_eq!(leaf.proposal_count, asset.proposals);
            assert_eq!(leaf.record_count, self.records(id));
            assert_eq!(leaf.distribution_count, self.distributions(id));
            assert_eq!(leaf.has_royalty_schedule, asset.schedule.is_some());
            let stored = leaf.income.iter().map(|entry| {
                let index = U512::from_be_slice(&entry.index);
                (entry.currency.clone(), index, entry.remainder.clone())
            });
            let expected = asset.income.iter().map(|(currency, remainder)| {
                (currency.to_bytes(), asset.risen[currency], remainder.to_string())
            });
            let (stored, expected): (Vec<_>, Vec<_>) = (stored.collect(), expected.collect());
            assert_eq!(stored, expected, "income of {} at height {}", asset.name, self.height);
            let of_asset = || self.balances.iter().filter(|((of, _), _)| of == id);
            let supply: u128 = of_asset().map(|(_, balance)| balance).sum();
            assert_eq!(supply, asset.supply, "balances of {} sum up to its supply", asset.name);
            let totals = &totals[id.as_bytes().as_slice()];
            assert_eq!(totals.supply, supply.to_string());
            assert_eq!(totals.holder_count as usize, of_asset().count(), "{}", asset.name);
        }
    }
}
