//! The same for what units give a right to.

use std::collections::BTreeMap;

use bytes::Bytes;
use ruint::aliases::U512;
use tessera_app::state::store::Store;
use tessera_app::state::view::LeafReader;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::distributions::v1 as distributions;
use tessera_proto::pb::market::v1 as market;
use tessera_proto::pb::pools::v1 as pools;
use tessera_proto::pb::votes::v1 as votes;
use tessera_proto::pb::votes::v1::VoteChoice;
use tessera_proto::state_key::{Namespace, StateKey};

use super::super::pools::{Tranche, Waterfall};
use super::super::votes::{Proposal, Vote};
use super::super::{Distribution, Model};
use super::all;

const CHOICES: [VoteChoice; 4] =
    [VoteChoice::Yes, VoteChoice::No, VoteChoice::Abstain, VoteChoice::Veto];

fn optional(account: Option<Address>) -> Bytes {
    account.map(Address::to_bytes).unwrap_or_default()
}

impl Model {
    pub(super) fn assert_records(&self, store: &Store) {
        let stored: BTreeMap<Vec<u8>, distributions::Record> = all(store, Namespace::Record);
        assert_eq!(stored.len(), self.records.len());
        for ((asset, number), record) in &self.records {
            let leaf = &stored[&StateKey::record(asset, *number).as_bytes()[1..]];
            let expected = distributions::Record {
                height: record.height,
                taken_ms: if record.declared_height.is_some() { 0 } else { record.now_ms },
                uses: record.uses,
                declared_height: record.declared_height.unwrap_or(0),
            };
            assert_eq!(*leaf, expected, "record {number} of {asset}");
            let distributions = self
                .distributions
                .iter()
                .filter(|((of, _), one)| of == asset && one.record == *number && !one.closed);
            let ballots = self.proposals.iter().filter(|((of, _), one)| {
                let voting = one.status == votes::ProposalStatus::Voting;
                of == asset && one.record == *number && voting
            });
            assert_eq!(record.uses as usize, distributions.count() + ballots.count());
        }
    }

    pub(super) fn assert_distributions(&self, store: &Store) {
        let stored: BTreeMap<Vec<u8>, distributions::Distribution> =
            all(store, Namespace::Distribution);
        let payouts: BTreeMap<Vec<u8>, distributions::DistributionPayout> =
            all(store, Namespace::DistributionPayout);
        assert_eq!(stored.len(), self.distributions.len());
        let mut paid = BTreeMap::new();
        for ((asset, number), one) in &self.distributions {
            let leaf = &stored[&StateKey::distribution(asset, *number).as_bytes()[1..]];
            assert_eq!((leaf.closed, leaf.record), (one.closed, one.record));
            assert_eq!(leaf.promised, one.promised.to_string());
            assert_eq!(leaf.funded, one.funded().to_string());
            for (holder, (gross, tax)) in &one.paid {
                let key = StateKey::distribution_payout(asset, *number, holder);
                let (gross, withheld) = (gross.to_string(), tax.to_string());
                let payout = distributions::DistributionPayout { gross, withheld };
                paid.insert(key.as_bytes()[1..].to_vec(), payout);
            }
            self.assert_funded(asset, *number, one);
        }
        assert_eq!(payouts, paid, "payouts at height {}", self.height);
    }

    /// Checks that what was paid and what is left are what was paid in, and that it is enough for
    /// all who have not been paid.
    fn assert_funded(&self, asset: &AssetId, number: u64, one: &Distribution) {
        let pool = Address::distribution_pool(asset, number);
        let left = self.balance(&one.currency, &pool);
        let paid: u128 = one.paid.values().map(|(gross, _)| gross).sum();
        assert!(paid <= one.promised && one.promised <= one.funded());
        if one.closed {
            return;
        }
        assert_eq!(left, one.funded() - paid);
        let holders = self.records[&(*asset, one.record)].balances.iter();
        let to_come = holders.filter(|(holder, _)| !one.paid.contains_key(holder));
        let to_come: u128 = to_come.map(|(holder, held)| one.due(holder, *held).0).sum();
        assert!(to_come <= left, "distribution {number} of {asset} is underfunded");
    }

    pub(super) fn assert_votes(&self, store: &Store) {
        let stored: BTreeMap<Vec<u8>, votes::Proposal> = all(store, Namespace::Proposal);
        let cast: BTreeMap<Vec<u8>, votes::Vote> = all(store, Namespace::Vote);
        assert_eq!(stored.len(), self.proposals.len());
        let mut expected = BTreeMap::new();
        for ((asset, number), proposal) in &self.proposals {
            let leaf = &stored[&StateKey::proposal(asset, *number).as_bytes()[1..]];
            assert_eq!(leaf.status(), proposal.status, "proposal {number} of {asset}");
            assert_eq!(
                (leaf.record, leaf.record_height),
                (proposal.record, proposal.record_height)
            );
            self.assert_tally(store, (asset, *number), proposal);
            for (voter, vote) in &proposal.votes {
                let key = StateKey::vote(asset, *number, voter);
                expected.insert(key.as_bytes()[1..].to_vec(), leaf_of(vote));
            }
        }
        assert_eq!(cast, expected, "votes at height {}", self.height);
        let delegations: BTreeMap<Vec<u8>, votes::Delegation> = all(store, Namespace::Delegation);
        assert_eq!(delegations.len(), self.delegations.len());
        for ((asset, holder), given) in &self.delegations {
            let leaf = &delegations[&StateKey::delegation(asset, holder).as_bytes()[1..]];
            let expected =
                votes::Delegation { to: optional(given.to), since_height: given.since_height };
            assert_eq!(*leaf, expected);
        }
    }

    /// Checks that the tally is the sum of the votes, and each vote what was held at the record.
    fn assert_tally(&self, store: &Store, (asset, number): (&AssetId, u64), proposal: &Proposal) {
        let key = StateKey::tally(asset, number);
        let tally: votes::Tally = store.peek().leaf(&key).unwrap().unwrap_or_default();
        let counted = [tally.yes, tally.no, tally.abstain, tally.veto];
        let counted = counted.map(|text| if text.is_empty() { "0".into() } else { text });
        let expected = CHOICES.map(|choice| proposal.weight(choice).to_string());
        assert_eq!(counted, expected, "tally of proposal {number} of {asset}");
        let record = &self.records[&(*asset, proposal.record)];
        for (voter, vote) in &proposal.votes {
            assert_eq!(vote.parts.values().sum::<u128>(), record.held(voter));
        }
    }

    pub(super) fn assert_offers(&self, store: &Store) {
        let stored: BTreeMap<Vec<u8>, market::Offer> = all(store, Namespace::Offer);
        let stored: Vec<market::Offer> = stored
            .into_values()
            .map(|offer| market::Offer { encumbrance: 0, split_factor: 0, ..offer })
            .collect();
        assert_eq!(stored, self.offers(), "offers at height {}", self.height);
        let stored: BTreeMap<Vec<u8>, market::LastSale> = all(store, Namespace::LastSale);
        assert_eq!(stored, self.last_sales(), "last sales at height {}", self.height);
    }

    pub(super) fn assert_pools(&self, store: &Store) {
        let facts: BTreeMap<Vec<u8>, Asset> = all(store, Namespace::Asset);
        let lists: BTreeMap<Vec<u8>, pools::Pool> = all(store, Namespace::Pool);
        let waterfalls: BTreeMap<Vec<u8>, pools::Waterfall> = all(store, Namespace::Waterfall);
        for (id, asset) in &self.assets {
            let key = id.as_bytes().as_slice();
            let leaf = &facts[key];
            assert_eq!(leaf.pool, asset.members.is_some());
            let kept: Vec<Bytes> = self.members(id).into_iter().map(AssetId::to_bytes).collect();
            assert_eq!(lists.get(key).map_or(&[][..], |list| &list.members), kept);
            let (parent, rank) = asset.tranche_of.unzip();
            assert_eq!(leaf.tranche_of, parent.map(AssetId::to_bytes).unwrap_or_default());
            assert_eq!(leaf.tranche_rank, rank.unwrap_or(0));
            let tranches = asset.waterfall.as_ref().map_or(0, |waterfall| waterfall.tranches.len());
            assert_eq!(leaf.tranche_count as usize, tranches);
            assert_eq!(waterfalls.get(key), asset.waterfall.as_ref().map(waterfall).as_ref());
        }
    }
}

fn leaf_of(vote: &Vote) -> votes::Vote {
    let part = |(choice, weight): (&VoteChoice, &u128)| votes::VotePart {
        choice: (*choice).into(),
        weight: weight.to_string(),
    };
    let whole = vote.parts.keys().next().filter(|_| !vote.divided);
    votes::Vote {
        choice: whole.copied().unwrap_or_default().into(),
        weight: vote.parts.values().sum::<u128>().to_string(),
        parts: vote.parts.iter().filter(|_| vote.divided).map(part).collect(),
        cast_by: optional(vote.cast_by),
    }
}

fn waterfall(model: &Waterfall) -> pools::Waterfall {
    let index = |index: &U512| Bytes::copy_from_slice(&index.to_be_bytes::<64>()[32..]);
    let tranche = |tranche: &Tranche| pools::Tranche {
        asset: tranche.asset.to_bytes(),
        due: tranche.due.as_ref().map(index).unwrap_or_default(),
        paid: index(&tranche.paid),
        received: tranche.received.to_string(),
    };
    pools::Waterfall {
        currency: model.currency.to_bytes(),
        begins_ms: model.begins_ms,
        period_ms: model.period_ms,
        tranches: model.tranches.iter().map(tranche).collect(),
    }
}
