//! Random operations against an independent model: value is conserved, counts are exact, claims
//! never exceed payments, every unit of a record votes at most once, and the order in
//! which independent transactions run does not matter.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "tests"
)]

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::{Holding, Leaf};
use tessera_proto::pb::accounts::v1 as accounts;
use tessera_proto::pb::assets::v1 as assets;
use tessera_proto::pb::chain::v1::{self as chain, FeePot};
use tessera_proto::pb::distributions::v1 as distributions;
use tessera_proto::pb::market::v1 as market;
use tessera_proto::pb::royalties::v1 as royalties;
use tessera_proto::pb::transfers::v1 as transfers;
use tessera_proto::pb::votes::v1 as votes;
use tessera_proto::split::{InUnits, SplitFactor};
use tessera_proto::state_key::{Namespace, StateKey};

use super::assets::supply_at;
use super::distributions::claimable;
use super::testing::{
    ACCOUNTS, ISSUER, Kind, TestChain, TestTx, UNDECLARED, account, asset, mint, split, transfer,
};
use super::transfers::holdings::balance_at;

const ASSETS: [&str; 4] = ["usdx", "eurx", "villa", "tower"];

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&ASSETS[..])
}

fn currency() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&ASSETS[..2])
}

/// Mostly small, so that balances often fall to zero; now and then absurd.
fn units() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 1u64..400, 3 => 1u64..2_000_000, 1 => Just(u64::MAX)]
}

/// Somebody with or without money, or a treasury.
fn recipient() -> impl Strategy<Value = Address> {
    prop_oneof![
        8 => (0..ACCOUNTS + 2).prop_map(account),
        1 => name().prop_map(|name| Address::treasury(&asset(name))),
    ]
}

fn bytes(name: &str) -> Bytes {
    asset(name).to_bytes()
}

fn batch((name, legs): (&str, Vec<(u8, u64)>)) -> Kind {
    let leg = |(to, units): (u8, u64)| transfers::TransferLeg {
        to: account(to).to_bytes(),
        amount: units.to_string(),
    };
    let legs = legs.into_iter().map(leg).collect();
    Kind::BatchTransfer(transfers::BatchTransfer {
        asset: bytes(name),
        legs,
        memo_sha256: Bytes::new(),
    })
}

fn schedule((name, first_bps, to): (&str, u32, Address)) -> Kind {
    let shares = BTreeMap::from([(to, first_bps), (account(3), 10_000 - first_bps)]);
    let share = |(account, share_bps): (Address, u32)| royalties::RoyaltyShare {
        account: account.to_bytes(),
        share_bps,
    };
    let shares = shares.into_iter().map(share).collect();
    let resale_bps = first_bps / 3;
    let schedule = Some(royalties::RoyaltySchedule { shares, resale_bps, ..Default::default() });
    Kind::SetRoyaltySchedule(royalties::SetRoyaltySchedule { asset: bytes(name), schedule })
}

fn proposal(
    (name, currency, to, units, period, record_height): (&str, &str, Address, u64, u64, u64),
) -> Kind {
    let spend = votes::TreasurySpend {
        currency: bytes(currency),
        to: to.to_bytes(),
        amount: units.to_string(),
    };
    let outcome = Some(votes::proposal_outcome::Outcome::TreasurySpend(spend));
    Kind::SubmitProposal(votes::SubmitProposal {
        asset: bytes(name),
        title: "spend".to_owned(),
        outcome: Some(votes::ProposalOutcome { outcome }),
        voting_period_blocks: period,
        quorum_bps: 100,
        threshold_bps: 5_000,
        record_height,
    })
}

/// This block, or one that may have been declared ahead.
fn record_height() -> impl Strategy<Value = u64> {
    prop_oneof![2 => Just(0), 1 => 2u64..30]
}

/// Who may issue, and the first of two persons who do.
fn register_operation() -> impl Strategy<Value = Kind> {
    let until_ms = 1_000_000u64..1_100_000;
    prop_oneof![
        1 => (name(), 0..ACCOUNTS, 1..8i32, until_ms.clone()).prop_map(|(name, to, role, until)| {
            Kind::GrantRole(assets::GrantRole {
                asset: bytes(name),
                account: account(to).to_bytes(),
                role,
                expires_ms: until,
            })
        }),
        1 => (name(), any::<bool>()).prop_map(|(name, mint)| two_person_rule(name, mint)),
        3 => (name(), 0..ACCOUNTS, 1u64..4, any::<bool>(), until_ms).prop_map(
            |(name, to, units, is_mint, expires_ms)| {
                let kind = match is_mint {
                    true => mint(name, to, units),
                    false => two_person_rule(name, false),
                };
                let operation = chain::Operation { kind: Some(kind) }.encode_to_vec().into();
                let asset = bytes(name);
                Kind::ProposeAction(assets::ProposeAction { asset, operation, expires_ms })
            },
        ),
        // Few enough that some have been proposed.
        2 => (name(), 0..ACCOUNTS, 1u64..4).prop_map(|(name, to, units)| mint(name, to, units)),
    ]
}

fn two_person_rule(name: &str, mint: bool) -> Kind {
    let (asset, forced_transfer) = (bytes(name), false);
    Kind::SetTwoPersonRule(assets::SetTwoPersonRule { asset, mint, forced_transfer, split: false })
}

/// Acting for others, and paying for them.
fn mandate_operation() -> impl Strategy<Value = Kind> {
    prop_oneof![
        1 => (0..ACCOUNTS, name(), 1u64..90).prop_map(|(to, name, units)| {
            Kind::GiveMandate(accounts::GiveMandate {
                account: account(to).to_bytes(),
                operations: vec!["BurnUnits".to_owned(), "Transfer".to_owned()],
                asset: bytes(name),
                amount: units.to_string(),
                expires_ms: 1_000_000 + units * 500,
                uses: units % 3,
            })
        }),
        3 => (0..ACCOUNTS, name(), recipient(), 1u64..60).prop_map(|(principal, name, to, n)| {
            let operation = chain::Operation { kind: Some(transfer(name, &to, n)) };
            Kind::ActFor(accounts::ActFor {
                principal: account(principal).to_bytes(),
                operation: operation.encode_to_vec().into(),
            })
        }),
        1 => (0..ACCOUNTS, units()).prop_map(|(to, units)| {
            Kind::SponsorFees(accounts::SponsorFees {
                account: account(to).to_bytes(),
                amount: (units % 500).to_string(),
                expires_ms: 1_000_000 + units % 50_000,
                operations: Vec::new(),
            })
        }),
    ]
}

/// A list of two recipients.
fn list((name, first_bps): (&str, u32)) -> Kind {
    let shares = BTreeMap::from([(account(1), first_bps), (account(2), 10_000 - first_bps)]);
    let share = |(account, share_bps): (Address, u32)| royalties::RoyaltyShare {
        account: account.to_bytes(),
        share_bps,
    };
    Kind::AddRoyaltyRecipients(royalties::AddRoyaltyRecipients {
        asset: bytes(name),
        first: true,
        last: true,
        resale_bps: 1_000,
        shares: shares.into_iter().map(share).collect(),
    })
}

/// Units for a price that depends on the number alone, so that acceptances meet offers.
fn offer((name, currency, number, units): (&str, &str, u64, u64)) -> Kind {
    Kind::OfferUnits(market::OfferUnits {
        number,
        asset: bytes(name),
        amount: (1 + units % 3).to_string(),
        currency: bytes(currency),
        price: (number * 77).to_string(),
        buyer: Bytes::new(),
        expires_ms: 1_000_000 + number * 10_000,
    })
}

fn accept((name, currency, number, seller): (&str, &str, u64, u8)) -> Kind {
    Kind::AcceptOffer(market::AcceptOffer {
        seller: account(seller).to_bytes(),
        number,
        asset: bytes(name),
        amount: "2".to_owned(),
        currency: bytes(currency),
        price: (number * 77).to_string(),
    })
}

/// A promise that 1,000 units cost at most 1,000 times as much, for some of the time ahead.
fn distribution((name, currency, record, rate): (&str, &str, u64, u64)) -> Kind {
    Kind::DeclareDistribution(distributions::DeclareDistribution {
        asset: bytes(name),
        currency: bytes(currency),
        record,
        per_unit: rate.to_string(),
        units: "7".to_owned(),
        terms: Some(distributions::DistributionTerms {
            funded: (rate * 2_000).to_string(),
            payment_ms: 1_000_000 + rate * 50,
            expires_ms: 1_000_000 + rate * 200,
            withholding_bps: 1_000,
            tax_account: account(4).to_bytes(),
            selection: distributions::HolderSelection::All.into(),
            remainder: distributions::RemainderPolicy::Treasury.into(),
            ..Default::default()
        }),
    })
}

fn operation() -> impl Strategy<Value = Kind> {
    prop_oneof![
        6 => (name(), recipient(), units())
            .prop_map(|(name, to, units)| transfer(name, &to, units)),
        2 => (name(), prop::collection::vec((0..ACCOUNTS + 2, units()), 1..4)).prop_map(batch),
        1 => (name(), 0..ACCOUNTS + 2, units()).prop_map(|(name, to, n)| mint(name, to, n)),
        2 => (name(), units()).prop_map(|(name, units)| Kind::BurnUnits(assets::BurnUnits {
            asset: bytes(name),
            amount: units.to_string(),
        })),
        2 => register_operation(),
        1 => (name(), prop::sample::select(vec![(2, 1), (3, 2), (1, 10)]))
            .prop_map(|(name, (new, old))| split(name, new, old)),
        1 => (name(), 1..7i32).prop_map(|(name, status)| {
            Kind::ChangeAssetStatus(assets::ChangeAssetStatus {
                asset: bytes(name),
                status,
                reason_sha256: Bytes::new(),
            })
        }),
        1 => (recipient(), units()).prop_map(|(to, units)| Kind::TopUpFees(accounts::TopUpFees {
            account: to.to_bytes(),
            amount: units.to_string(),
        })),
        3 => mandate_operation(),
        1 => (name(), 1u32..10_000, recipient()).prop_map(schedule),
        2 => (name(), currency(), units()).prop_map(|(name, currency, units)| {
            Kind::PayRoyalty(royalties::PayRoyalty {
                asset: bytes(name),
                currency: bytes(currency),
                amount: units.to_string(),
            })
        }),
        1 => (name(), 1u32..10_000).prop_map(list),
        2 => (name(), 1u64..3, currency(), recipient()).prop_map(|(name, list, currency, to)| {
            Kind::ClaimRoyalty(royalties::ClaimRoyalty {
                asset: bytes(name),
                list,
                currency: bytes(currency),
                recipient: to.to_bytes(),
            })
        }),
        3 => (name(), currency(), 1u64..4, units()).prop_map(offer),
        3 => (name(), currency(), 1u64..4, 0..ACCOUNTS).prop_map(accept),
        1 => (name(), 1u64..4, 0..ACCOUNTS).prop_map(|(name, number, seller)| {
            Kind::CancelOffer(market::CancelOffer {
                seller: account(seller).to_bytes(),
                number,
                asset: bytes(name),
            })
        }),
        17 => income_operation(),
        8 => vote_operation(),
    ]
}

fn income_operation() -> impl Strategy<Value = Kind> {
    prop_oneof![
        3 => (name(), currency(), units()).prop_map(|(name, currency, units)| {
            Kind::PayIncome(distributions::PayIncome {
                asset: bytes(name),
                currency: bytes(currency),
                amount: units.to_string(),
                memo_sha256: Bytes::new(),
            })
        }),
        3 => (name(), currency()).prop_map(|(name, currency)| {
            let (asset, currency) = (bytes(name), bytes(currency));
            Kind::ClaimIncome(distributions::ClaimIncome { asset, currency, holder: Bytes::new() })
        }),
        2 => (name(), prop_oneof![1 => Just(0), 2 => 2u64..30]).prop_map(|(name, height)| {
            Kind::TakeRecord(distributions::TakeRecord { asset: bytes(name), height })
        }),
        2 => (name(), currency(), 1u64..4, 1u64..90).prop_map(distribution),
        3 => (name(), 1u64..4).prop_map(|(name, distribution)| {
            let asset = bytes(name);
            Kind::ClaimDistribution(distributions::ClaimDistribution { asset, distribution })
        }),
        1 => (name(), 1u64..4, 0..ACCOUNTS).prop_map(|(name, distribution, holder)| {
            Kind::PushDistribution(distributions::PushDistribution {
                asset: bytes(name),
                distribution,
                holders: vec![account(holder).to_bytes()],
            })
        }),
        2 => (name(), 1u64..4).prop_map(|(name, distribution)| {
            let asset = bytes(name);
            Kind::CloseDistribution(distributions::CloseDistribution { asset, distribution })
        }),
    ]
}

fn vote_operation() -> impl Strategy<Value = Kind> {
    prop_oneof![
        2 => (name(), currency(), recipient(), units(), 1u64..4, record_height())
            .prop_map(proposal),
        4 => (name(), 1u64..5, 1i32..4).prop_map(|(name, proposal, choice)| {
            Kind::CastVote(votes::CastVote {
                asset: bytes(name),
                proposal,
                choice,
                ..votes::CastVote::default()
            })
        }),
        2 => (name(), 1u64..5).prop_map(|(name, proposal)| {
            Kind::CloseProposal(votes::CloseProposal { asset: bytes(name), proposal })
        }),
    ]
}

fn transaction() -> impl Strategy<Value = TestTx> {
    let operations = prop::collection::vec(operation(), 1..3);
    // The issuer more often than others, for only it may issue.
    let sender = prop_oneof![1 => Just(ISSUER), 3 => 0..ACCOUNTS];
    (sender, operations).prop_map(|(sender, operations)| TestTx { sender, operations })
}

fn blocks() -> impl Strategy<Value = Vec<Vec<TestTx>>> {
    prop::collection::vec(prop::collection::vec(transaction(), 1..5), 1..25)
}

/// A chain on which everything is going on already.
fn busy_chain() -> TestChain {
    let mut chain = TestChain::new();
    for name in &ASSETS[2..] {
        chain.add_asset(name);
        for to in 1..ACCOUNTS {
            chain.submit(ISSUER, transfer(name, &account(to), 100)).unwrap();
        }
        let treasury = Address::treasury(&asset(name));
        chain.submit(ISSUER, transfer("usdx", &treasury, 500)).unwrap();
        chain.submit(ISSUER, schedule((name, 3_333, account(1)))).unwrap();
    }
    chain
}

type Balances = BTreeMap<(AssetId, Address), Amount>;

/// Every leaf of one kind, with what follows the namespace byte in its key.
fn leaves<L: Leaf>(chain: &TestChain, namespace: Namespace) -> Vec<(Vec<u8>, L)> {
    let all = chain.leaves().iter();
    let of_kind = all.filter(|(key, _)| key.as_bytes()[0] == namespace as u8);
    of_kind
        .map(|(key, value)| (key.as_bytes()[1..].to_vec(), L::from_leaf_bytes(value).unwrap()))
        .collect()
}

fn holdings(chain: &TestChain) -> BTreeMap<(AssetId, Address), Holding> {
    let entries = leaves(chain, Namespace::Holding).into_iter();
    entries
        .map(|(key, holding)| {
            let (asset, account) = key.split_at(AssetId::LENGTH);
            let asset: AssetId = asset.try_into().unwrap();
            ((asset, account.try_into().unwrap()), in_units(chain, &asset, holding))
        })
        .collect()
}

fn in_units<L: InUnits>(chain: &TestChain, asset: &AssetId, mut leaf: L) -> L {
    let facts: assets::Asset = chain.get(&StateKey::asset(asset)).unwrap();
    leaf.bring_to(SplitFactor::of(&facts));
    leaf
}

fn balances(chain: &TestChain) -> Balances {
    holdings(chain).into_iter().map(|(key, holding)| (key, holding.balance)).collect()
}

fn sum(amounts: impl Iterator<Item = Amount>) -> u128 {
    amounts.map(Amount::base_units).sum()
}

fn parsed(text: &str) -> u128 {
    if text.is_empty() { 0 } else { text.parse().unwrap() }
}

fn check_value(chain: &TestChain) {
    let holdings = holdings(chain);
    for name in ASSETS {
        let (id, totals) = (asset(name), chain.totals(name));
        let of_asset = || holdings.iter().filter(|((asset, _), _)| *asset == id);
        let held = sum(of_asset().map(|(_, holding)| holding.balance));
        assert_eq!(held, parsed(&totals.supply), "supply of {name}");
        let holders = of_asset().filter(|(_, holding)| !holding.balance.is_zero()).count();
        assert_eq!(u64::try_from(holders).unwrap(), totals.holder_count, "holders of {name}");
        let mut owed: BTreeMap<AssetId, u128> = BTreeMap::new();
        for (_, holding) in of_asset() {
            for (currency, accrued) in claimable(holding, &chain.facts(name)).unwrap() {
                *owed.entry(currency).or_default() += accrued.base_units();
            }
        }
        for (currency, owed) in owed {
            let pool = holdings.get(&(currency, Address::income_pool(&id)));
            let pooled = pool.map_or(0, |pool| pool.balance.base_units());
            assert!(owed <= pooled, "{name} owes {owed} and has {pooled}");
        }
    }
    for (_, distribution) in leaves::<distributions::Distribution>(chain, Namespace::Distribution) {
        check_distribution(chain, &distribution);
    }
    let mut offered: BTreeMap<(AssetId, Address), u128> = BTreeMap::new();
    for (_, offer) in leaves::<market::Offer>(chain, Namespace::Offer) {
        let id: AssetId = offer.asset.as_ref().try_into().unwrap();
        let offer = in_units(chain, &id, offer);
        let key = (id, offer.seller.as_ref().try_into().unwrap());
        *offered.entry(key).or_default() += parsed(&offer.amount);
    }
    for (key, holding) in &holdings {
        let bound = offered.remove(key).unwrap_or_default();
        assert_eq!(holding.encumbered.base_units(), bound, "what is bound is offered");
        assert!(holding.encumbered <= holding.balance);
    }
    assert!(offered.is_empty());
    let prepaid: u128 = leaves::<accounts::Account>(chain, Namespace::Account)
        .iter()
        .map(|(_, account)| parsed(&account.fee_credit))
        .sum();
    let set_aside: u128 = leaves::<accounts::Sponsorship>(chain, Namespace::Sponsorship)
        .iter()
        .map(|(_, sponsorship)| parsed(&sponsorship.credit))
        .sum();
    let pot = chain.get::<FeePot>(&StateKey::fee_pot()).unwrap_or_default();
    let backing = chain.holding_of("usdx", &Address::fee_pool()).balance.base_units();
    assert_eq!(backing, prepaid + set_aside + parsed(&pot.amount), "backing of fees");
}

/// What was paid and what is left are what was paid in.
fn check_distribution(chain: &TestChain, distribution: &distributions::Distribution) {
    let id: AssetId = distribution.asset.as_ref().try_into().unwrap();
    let prefix = StateKey::distribution(&id, distribution.number);
    let payouts: Vec<(Vec<u8>, distributions::DistributionPayout)> =
        leaves(chain, Namespace::DistributionPayout);
    let own = payouts.iter().filter(|(key, _)| key.starts_with(&prefix.as_bytes()[1..]));
    let paid: u128 = own.map(|(_, payout)| parsed(&payout.gross)).sum();
    assert!(paid <= parsed(&distribution.promised));
    let currency: AssetId = distribution.currency.as_ref().try_into().unwrap();
    let pool = Address::distribution_pool(&id, distribution.number);
    let left: Holding = chain.get(&StateKey::holding(&currency, &pool)).unwrap_or_default();
    let expected = if distribution.closed { 0 } else { parsed(&distribution.funded) - paid };
    assert_eq!(left.balance.base_units(), expected);
}

/// Votes against the balances as they were at the end of each block.
fn check_votes(chain: &mut TestChain, history: &BTreeMap<u64, Balances>) {
    for (key, proposal) in leaves::<votes::Proposal>(chain, Namespace::Proposal) {
        let id: AssetId = key[..AssetId::LENGTH].try_into().unwrap();
        let Some(record) = history.get(&proposal.record_height) else { continue };
        let mut cast = BTreeMap::from([(1, 0), (2, 0), (3, 0)]);
        for (vote_key, vote) in leaves::<votes::Vote>(chain, Namespace::Vote) {
            let Some(voter) = vote_key.strip_prefix(key.as_slice()) else { continue };
            let voter: Address = voter.try_into().unwrap();
            let weight = record.get(&(id, voter)).copied().unwrap_or_default();
            assert_eq!(parsed(&vote.weight), weight.base_units(), "weight of {voter}");
            *cast.get_mut(&vote.choice).unwrap() += weight.base_units();
        }
        let tally = StateKey::tally(&id, proposal.number);
        let tally = chain.get::<votes::Tally>(&tally).unwrap_or_default();
        let counted = [&tally.yes, &tally.no, &tally.abstain].map(|text| parsed(text));
        assert_eq!(counted, [cast[&1], cast[&2], cast[&3]], "tally of {}", proposal.number);
        let of_asset = || record.iter().filter(|((asset, _), _)| *asset == id);
        let supply = sum(of_asset().map(|(_, balance)| *balance));
        assert!(counted.iter().sum::<u128>() <= supply);
        let height = proposal.record_height;
        let found = chain.with_view(|view| supply_at(view, &id, height)).unwrap();
        assert_eq!(found.map(Amount::base_units), Some(supply));
        for ((_, holder), balance) in of_asset() {
            let found = chain.with_view(|view| balance_at(view, &id, holder, height));
            assert_eq!(found.unwrap(), Some(*balance), "{holder} at {height}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn value_is_conserved_and_counts_are_exact(blocks in blocks()) {
        let mut chain = busy_chain();
        let mut history = BTreeMap::new();
        for transactions in &blocks {
            chain.next_block();
            let operations: usize = transactions.iter().map(|tx| tx.operations.len()).sum();
            let alone = operations == 1;
            for result in chain.run(transactions, false) {
                // Alone in its block an operation touches nothing that it has not declared.
                let undeclared = result.is_err_and(|error| error.codespace == UNDECLARED);
                prop_assert!(!(alone && undeclared));
            }
            check_value(&chain);
            history.insert(chain.block.height, balances(&chain));
        }
        check_votes(&mut chain, &history);
    }

    #[test]
    fn every_planned_order_gives_the_same_state(blocks in blocks()) {
        let mut serial = busy_chain();
        let mut planned = serial.clone();
        for transactions in &blocks {
            serial.next_block();
            planned.next_block();
            let (one, other) = (serial.run(transactions, false), planned.run(transactions, true));
            prop_assert_eq!(one, other);
            prop_assert_eq!(serial.leaves(), planned.leaves());
        }
    }
}
