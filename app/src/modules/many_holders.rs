//! No operation touches more of the state because more accounts hold an asset.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use bytes::Bytes;
use tessera_proto::id::Address;
use tessera_proto::leaf::Holding;
use tessera_proto::pb::assets::v1::AssetTotals;
use tessera_proto::pb::compliance::v1 as compliance;
use tessera_proto::pb::distributions::v1 as distributions;
use tessera_proto::pb::votes::v1 as votes;
use tessera_proto::pb::votes::v1::{ProposalStatus, VoteChoice};
use tessera_proto::state_key::StateKey;

use super::distributions::due_to;
use super::testing::{
    ISSUER, Kind, TestChain, Touched, account, amount, asset, distribution, distribution_terms,
    mint, split, transfer,
};

const VILLA: &str = "villa";
/// What each of many holds.
const HELD: u64 = 10;

/// One of many.
fn holder(number: u64) -> Address {
    let mut bytes = [0xcc; 20];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Address::new(bytes)
}

/// A villa that the issuer, accounts 1 and 2, and so many others hold.
fn chain_with(holders: u64) -> TestChain {
    let mut chain = TestChain::new();
    let id = chain.add_asset(VILLA);
    for number in [1, 2] {
        chain.submit(ISSUER, transfer(VILLA, &account(number), 100)).unwrap();
    }
    let totals = chain.totals(VILLA);
    let supply = 1_000 + holders * HELD;
    let totals = AssetTotals {
        supply: supply.to_string(),
        holder_count: totals.holder_count + holders,
        ..totals
    };
    chain.set(StateKey::asset_totals(&id), &totals);
    let facts = chain.facts(VILLA);
    let max_supply = (1_000_000 + supply).to_string();
    chain.set(StateKey::asset(&id), &tessera_proto::pb::assets::v1::Asset { max_supply, ..facts });
    let changed_height = chain.block.height;
    let holding = Holding { balance: amount(HELD), changed_height, ..Holding::default() };
    for number in 0..holders {
        chain.set(StateKey::holding(&id, &holder(number)), &holding);
    }
    chain.next_block();
    chain
}

/// Promises one base unit of currency for ten units, so that each of many is due one.
fn declare(chain: &TestChain, holders: u64) -> Kind {
    let now_ms = chain.block.time_ms;
    let terms = distribution_terms((100 + holders).into(), (now_ms, now_ms + 10_000));
    Kind::DeclareDistribution(distribution(VILLA, ("1", "10"), terms))
}

type Story = Vec<(&'static str, Touched)>;

/// A record date, and a distribution to all holders from its beginning to its end.
fn distribute(chain: &mut TestChain, holders: u64, story: &mut Story) {
    let (id, villa) = (asset(VILLA), asset(VILLA).to_bytes());
    let record = distributions::TakeRecord { asset: villa.clone(), height: 0 };
    story.push(("record", chain.touched_by(ISSUER, Kind::TakeRecord(record))));
    chain.next_block();
    let declared = declare(chain, holders);
    story.push(("declare", chain.touched_by(ISSUER, declared)));
    let claim = distributions::ClaimDistribution { asset: villa.clone(), distribution: 1 };
    story.push(("claim", chain.touched_by(1, Kind::ClaimDistribution(claim))));
    let last = holder(holders - 1);
    let push = distributions::PushDistribution {
        asset: villa.clone(),
        distribution: 1,
        holders: vec![last.to_bytes()],
    };
    story.push(("push", chain.touched_by(3, Kind::PushDistribution(push))));
    // All others have their part to come.
    let distribution = chain.get(&StateKey::distribution(&id, 1)).unwrap();
    let (held, due) = due_to(chain, &id, &distribution, &holder(0)).unwrap().unwrap();
    assert_eq!((held, due.gross), (amount(HELD), amount(1)));
    chain.block.time_ms += 10_000;
    let close = distributions::CloseDistribution { asset: villa, distribution: 1 };
    story.push(("close", chain.touched_by(3, Kind::CloseDistribution(close))));
}

/// Income for all holders, collected by one.
fn pay_income(chain: &mut TestChain, story: &mut Story) {
    let (asset, currency) = (asset(VILLA).to_bytes(), asset("usdx").to_bytes());
    let payment = distributions::PayIncome {
        asset: asset.clone(),
        currency: currency.clone(),
        amount: "200000".to_owned(),
        memo_sha256: Bytes::new(),
    };
    story.push(("income", chain.touched_by(ISSUER, Kind::PayIncome(payment))));
    let claim = distributions::ClaimIncome { asset, currency, holder: Bytes::new() };
    story.push(("collect", chain.touched_by(1, Kind::ClaimIncome(claim))));
}

/// A ballot of all holders.
fn vote(chain: &mut TestChain, supply: u64, story: &mut Story) {
    let (id, villa) = (asset(VILLA), asset(VILLA).to_bytes());
    let spend = votes::TreasurySpend {
        currency: asset("usdx").to_bytes(),
        to: account(4).to_bytes(),
        amount: "1".to_owned(),
    };
    let outcome = votes::proposal_outcome::Outcome::TreasurySpend(spend);
    let proposal = votes::SubmitProposal {
        asset: villa.clone(),
        title: "spend".to_owned(),
        outcome: Some(votes::ProposalOutcome { outcome: Some(outcome) }),
        voting_period_blocks: 1,
        quorum_bps: 0,
        threshold_bps: 5_000,
        record_height: 0,
    };
    story.push(("propose", chain.touched_by(1, Kind::SubmitProposal(proposal))));
    chain.next_block();
    let cast = votes::CastVote {
        asset: villa.clone(),
        proposal: 1,
        choice: VoteChoice::Yes.into(),
        ..votes::CastVote::default()
    };
    story.push(("vote", chain.touched_by(1, Kind::CastVote(cast))));
    chain.next_block();
    let close = votes::CloseProposal { asset: villa, proposal: 1 };
    story.push(("count", chain.touched_by(3, Kind::CloseProposal(close))));
    let proposal: votes::Proposal = chain.get(&StateKey::proposal(&id, 1)).unwrap();
    assert_eq!(proposal.status(), ProposalStatus::Failed, "passed, and the treasury is empty");
    assert_eq!(proposal.record_supply, supply.to_string());
}

/// What changes for all holders at once.
fn reshape(chain: &mut TestChain, holders: u64, story: &mut Story) {
    let villa = asset(VILLA).to_bytes();
    story.push(("mint", chain.touched_by(ISSUER, mint(VILLA, 3, 5))));
    story.push(("transfer", chain.touched_by(1, transfer(VILLA, &account(4), 5))));
    let pause = compliance::PauseAsset { asset: villa.clone() };
    story.push(("pause", chain.touched_by(ISSUER, Kind::PauseAsset(pause))));
    let resume = compliance::ResumeAsset { asset: villa };
    story.push(("resume", chain.touched_by(ISSUER, Kind::ResumeAsset(resume))));
    story.push(("split", chain.touched_by(ISSUER, split(VILLA, 2, 1))));
    let last = chain.holding_of(VILLA, &holder(holders - 1));
    assert_eq!(last.balance, amount(2 * HELD));
}

fn story(holders: u64) -> Story {
    let mut chain = chain_with(holders);
    let mut story = Vec::new();
    chain.submit(5, transfer("usdx", &account(ISSUER), 500_000)).unwrap();
    distribute(&mut chain, holders, &mut story);
    pay_income(&mut chain, &mut story);
    vote(&mut chain, 1_000 + holders * HELD, &mut story);
    reshape(&mut chain, holders, &mut story);
    story
}

#[test]
fn a_million_holders_cost_what_ten_cost() {
    let few = story(10);
    assert_eq!(story(1_000_000), few);
    for (what, Touched { declared: (keys, reads), .. }) in &few {
        assert!(*keys <= 40 && *reads <= 40, "{what} declares {keys} keys with {reads} reads");
    }
}
