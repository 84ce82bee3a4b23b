//! Mistakes that registries are known for and that no other test names: the page on pitfalls lists
//! all of them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::assets::v1 as assets;
use tessera_proto::pb::compliance::v1 as compliance;
use tessera_proto::pb::distributions::v1 as distributions;
use tessera_proto::pb::market::v1 as market;
use tessera_proto::pb::royalties::v1 as royalties;
use tessera_proto::pb::votes::v1 as votes;
use tessera_proto::pb::votes::v1::{Proposal, ProposalStatus, VoteChoice};
use tessera_proto::state_key::StateKey;

use super::testing::{
    ISSUER, Kind, START_BALANCE, TestChain, account, assert_refused, asset, distribution,
    distribution_terms, mint, transfer,
};

const PAYMENT_MS: u64 = 1_500_000;
const EXPIRES_MS: u64 = 1_600_000;

/// A villa of the issuer (600), account 1 (300) and account 2 (100).
fn chain_with_villa() -> TestChain {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    chain.submit(ISSUER, transfer("villa", &account(1), 300)).unwrap();
    chain.submit(ISSUER, transfer("villa", &account(2), 100)).unwrap();
    chain.next_block();
    chain
}

fn take_record(name: &str) -> Kind {
    let asset = asset(name).to_bytes();
    Kind::TakeRecord(distributions::TakeRecord { asset, height: 0 })
}

/// So much for each unit of record 1, with a tenth withheld for account 4.
fn declare(name: &str, per_unit: &str, funded: u128) -> distributions::DeclareDistribution {
    let terms = distributions::DistributionTerms {
        withholding_bps: 1_000,
        tax_account: account(4).to_bytes(),
        ..distribution_terms(funded, (PAYMENT_MS, EXPIRES_MS))
    };
    distribution(name, (per_unit, "1"), terms)
}

fn claim(name: &str, distribution: u64) -> Kind {
    let asset = asset(name).to_bytes();
    Kind::ClaimDistribution(distributions::ClaimDistribution { asset, distribution })
}

/// A question to holders that nothing depends on, open for one block.
fn propose(name: &str) -> Kind {
    let resolution = votes::Resolution { text_sha256: Bytes::new() };
    let outcome = votes::proposal_outcome::Outcome::Resolution(resolution);
    Kind::SubmitProposal(votes::SubmitProposal {
        asset: asset(name).to_bytes(),
        title: "a question".to_owned(),
        outcome: Some(votes::ProposalOutcome { outcome: Some(outcome) }),
        voting_period_blocks: 1,
        quorum_bps: 3_000,
        threshold_bps: 5_001,
        record_height: 0,
    })
}

fn cast(name: &str, choice: VoteChoice) -> Kind {
    let (asset, choice) = (asset(name).to_bytes(), choice.into());
    Kind::CastVote(votes::CastVote { asset, proposal: 1, choice, ..votes::CastVote::default() })
}

/// Closes proposal 1 after its end.
fn closed(chain: &mut TestChain, name: &str) -> Proposal {
    chain.skip_blocks(2);
    let close = votes::CloseProposal { asset: asset(name).to_bytes(), proposal: 1 };
    chain.submit(3, Kind::CloseProposal(close)).unwrap();
    chain.get(&StateKey::proposal(&asset(name), 1)).unwrap()
}

#[test]
fn one_record_date_serves_several_distributions_and_each_pays_once() {
    let mut chain = chain_with_villa();
    chain.submit(ISSUER, take_record("villa")).unwrap();
    chain.next_block();
    for _ in 0..2 {
        let promise = Kind::DeclareDistribution(declare("villa", "1", 1_000));
        chain.submit(ISSUER, promise).unwrap();
    }
    chain.block.time_ms = PAYMENT_MS;
    for number in [1, 2] {
        chain.submit(1, claim("villa", number)).unwrap();
        assert_refused(chain.submit(1, claim("villa", number)), "distributions", 31);
    }
    assert_eq!(chain.balance("usdx", 1), u128::from(START_BALANCE) + 2 * 270);
}

#[test]
fn supply_and_weights_of_a_record_are_of_the_same_moment() {
    let mut chain = chain_with_villa();
    chain.submit(1, propose("villa")).unwrap();
    // Still the block of the record: these count in both, or in none.
    chain.submit(ISSUER, mint("villa", 3, 1_000)).unwrap();
    chain.submit(2, transfer("villa", &account(4), 100)).unwrap();
    chain.next_block();
    chain.submit(ISSUER, mint("villa", 5, 7_000)).unwrap();
    for (voter, choice) in [(3, VoteChoice::Yes), (4, VoteChoice::No), (1, VoteChoice::No)] {
        chain.submit(voter, cast("villa", choice)).unwrap();
    }
    for nobody in [2, 5] {
        assert_refused(chain.submit(nobody, cast("villa", VoteChoice::No)), "votes", 16);
    }
    let tally: votes::Tally = chain.get(&StateKey::tally(&asset("villa"), 1)).unwrap();
    assert_eq!((tally.yes.as_str(), tally.no.as_str()), ("1000", "400"));
    let proposal = closed(&mut chain, "villa");
    assert_eq!(
        (proposal.record_supply.as_str(), proposal.status()),
        ("2000", ProposalStatus::Executed,)
    );
}

#[test]
fn new_rules_of_votes_do_not_reach_open_ballots() {
    let mut chain = chain_with_villa();
    chain.submit(1, propose("villa")).unwrap();
    chain.next_block();
    chain.submit(1, cast("villa", VoteChoice::Yes)).unwrap();
    let rules = votes::VotingRules {
        quorum_bps: 10_000,
        threshold_bps: 10_000,
        veto_bps: 1,
        voting_period_blocks: 100,
        timelock_blocks: 100,
        execution_window_blocks: 1,
        ..votes::VotingRules::default()
    };
    let set = votes::SetVotingRules { asset: asset("villa").to_bytes(), rules: Some(rules) };
    chain.submit(ISSUER, Kind::SetVotingRules(set)).unwrap();
    assert_eq!(closed(&mut chain, "villa").status(), ProposalStatus::Executed);
}

#[test]
fn ballots_of_nobody_and_of_the_largest_amounts_are_closed() {
    // All units vanish in the block of the record.
    let mut chain = chain_with_villa();
    chain.submit(1, propose("villa")).unwrap();
    for (holder, units) in [(ISSUER, 600_u64), (1, 300), (2, 100)] {
        let (asset, amount) = (asset("villa").to_bytes(), units.to_string());
        chain.submit(holder, Kind::BurnUnits(assets::BurnUnits { asset, amount })).unwrap();
    }
    chain.next_block();
    assert_refused(chain.submit(1, cast("villa", VoteChoice::Yes)), "votes", 16);
    let proposal = closed(&mut chain, "villa");
    assert_eq!(
        (proposal.record_supply.as_str(), proposal.status()),
        ("0", ProposalStatus::Rejected,)
    );

    // As many units as can be counted, and all of them vote.
    let mut chain = TestChain::new();
    let rest = Amount::MAX.base_units() - u128::from(START_BALANCE) * 6;
    let mint = assets::MintUnits {
        asset: asset("eurx").to_bytes(),
        to: account(1).to_bytes(),
        amount: rest.to_string(),
    };
    chain.submit(ISSUER, Kind::MintUnits(mint)).unwrap();
    chain.submit(1, propose("eurx")).unwrap();
    chain.next_block();
    for voter in 0..6 {
        let choice = if voter == 1 { VoteChoice::Yes } else { VoteChoice::Veto };
        chain.submit(voter, cast("eurx", choice)).unwrap();
    }
    let proposal = closed(&mut chain, "eurx");
    assert_eq!(proposal.record_supply, Amount::MAX.to_string());
    assert_eq!(proposal.status(), ProposalStatus::Executed);
}

#[test]
fn a_promise_for_the_largest_holdings_is_counted_without_overflow() {
    let mut chain = TestChain::new();
    let rest = Amount::MAX.base_units() - u128::from(START_BALANCE) * 6;
    let mint = assets::MintUnits {
        asset: asset("eurx").to_bytes(),
        to: account(1).to_bytes(),
        amount: rest.to_string(),
    };
    chain.submit(ISSUER, Kind::MintUnits(mint)).unwrap();
    chain.submit(ISSUER, take_record("eurx")).unwrap();
    chain.next_block();
    let largest = Amount::MAX.to_string();
    let promise = distributions::DeclareDistribution {
        per_unit: (Amount::MAX.base_units() / 2).to_string(),
        units: largest,
        ..declare("eurx", "1", 1_000)
    };
    // Half of the largest amount for all: far more than anybody has.
    assert_refused(
        chain.submit(ISSUER, Kind::DeclareDistribution(promise.clone())),
        "distributions",
        21,
    );
    let per_unit = "1000".to_owned();
    let promise = distributions::DeclareDistribution { per_unit, ..promise };
    chain.submit(ISSUER, Kind::DeclareDistribution(promise)).unwrap();
    chain.block.time_ms = PAYMENT_MS;
    chain.submit(1, claim("eurx", 1)).unwrap();
    // 999 before tax, for the others hold a little.
    assert_eq!(chain.balance("usdx", 1), u128::from(START_BALANCE) + 899);
}

/// Freezes an account for the currency.
fn freeze(chain: &mut TestChain, number: u8) {
    let (asset, account) = (asset("usdx").to_bytes(), account(number));
    let freeze = compliance::FreezeHolder { asset, account: account.to_bytes() };
    chain.submit(ISSUER, Kind::FreezeHolder(freeze)).unwrap();
}

#[test]
fn a_recipient_who_is_frozen_stops_nobody_else() {
    let mut chain = chain_with_villa();
    let shares =
        vec![royalties::RoyaltyShare { account: account(4).to_bytes(), share_bps: 10_000 }];
    let schedule = royalties::RoyaltySchedule { shares, resale_bps: 1_000, ..Default::default() };
    let (villa, usdx) = (asset("villa").to_bytes(), asset("usdx").to_bytes());
    let set = royalties::SetRoyaltySchedule { asset: villa.clone(), schedule: Some(schedule) };
    chain.submit(ISSUER, Kind::SetRoyaltySchedule(set)).unwrap();
    chain.submit(ISSUER, take_record("villa")).unwrap();
    chain.next_block();
    chain.submit(ISSUER, Kind::DeclareDistribution(declare("villa", "1", 1_000))).unwrap();
    chain.block.time_ms = PAYMENT_MS;
    // Account 4 receives royalties and tax, account 2 a part of the page.
    freeze(&mut chain, 4);
    freeze(&mut chain, 2);
    let offer = market::OfferUnits {
        number: 1,
        asset: villa.clone(),
        amount: "10".to_owned(),
        currency: usdx.clone(),
        price: "50".to_owned(),
        buyer: Bytes::new(),
        expires_ms: u64::MAX,
    };
    let accept = market::AcceptOffer {
        seller: account(1).to_bytes(),
        number: 1,
        asset: villa.clone(),
        amount: "10".to_owned(),
        currency: usdx,
        price: "50".to_owned(),
    };
    chain.submit(1, Kind::OfferUnits(offer)).unwrap();
    chain.submit(5, Kind::AcceptOffer(accept)).unwrap();
    let mut page = [account(1), account(2)].map(Address::to_bytes).to_vec();
    page.sort();
    let push =
        distributions::PushDistribution { asset: villa.clone(), distribution: 1, holders: page };
    chain.submit(5, Kind::PushDistribution(push)).unwrap();
    let start = u128::from(START_BALANCE);
    // 45 of the price and 270 of the page; 90 of the page; 5 of the price and 40 of tax.
    assert_eq!([1, 2, 4].map(|number| chain.balance("usdx", number) - start), [315, 90, 45]);
    // And what is left comes back to a payer who is frozen by then.
    let before = chain.balance("usdx", ISSUER);
    freeze(&mut chain, ISSUER);
    chain.block.time_ms = EXPIRES_MS;
    let close = distributions::CloseDistribution { asset: villa, distribution: 1 };
    chain.submit(3, Kind::CloseDistribution(close)).unwrap();
    assert_eq!(chain.balance("usdx", ISSUER), before + 600);
}
