//! Votes: every refusal in order of precedence, weights from the record, and outcomes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use tessera_proto::id::Address;
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::pb::votes::v1::{Proposal, ProposalStatus, Tally, VoteChoice};
use tessera_proto::state_key::StateKey;

use crate::modules::testing::{
    ISSUER, Kind, START_BALANCE, TestChain, TestTx, account, assert_refused, asset, mint, register,
    transfer,
};
use crate::state::error::Rejected;

fn spend(currency: &str, to: &Address, units: u64) -> Option<pb::ProposalOutcome> {
    let spend = pb::TreasurySpend {
        currency: asset(currency).to_bytes(),
        to: to.to_bytes(),
        amount: units.to_string(),
    };
    let outcome = Some(pb::proposal_outcome::Outcome::TreasurySpend(spend));
    Some(pb::ProposalOutcome { outcome })
}

/// A vote on paying 100 to account 4, open for 5 blocks; half must vote, more than half agree.
fn proposal(name: &str) -> pb::SubmitProposal {
    pb::SubmitProposal {
        asset: asset(name).to_bytes(),
        title: "new roof".to_owned(),
        outcome: spend("usdx", &account(4), 100),
        voting_period_blocks: 5,
        quorum_bps: 5_000,
        threshold_bps: 5_001,
        record_height: 0,
    }
}

fn submit(message: pb::SubmitProposal) -> Kind {
    Kind::SubmitProposal(message)
}

fn cast(number: u64, choice: VoteChoice) -> Kind {
    let (asset, choice) = (asset("villa").to_bytes(), choice.into());
    let (split, on_behalf_of) = (Vec::new(), Vec::new());
    Kind::CastVote(pb::CastVote { asset, proposal: number, choice, split, on_behalf_of })
}

fn close(number: u64) -> Kind {
    Kind::CloseProposal(pb::CloseProposal { asset: asset("villa").to_bytes(), proposal: number })
}

/// A villa held by issuer (600), account 1 (300) and account 2 (100), with money in its treasury.
fn chain_with_villa() -> TestChain {
    let mut chain = TestChain::new();
    let id = chain.add_asset("villa");
    chain.submit(ISSUER, transfer("villa", &account(1), 300)).unwrap();
    chain.submit(ISSUER, transfer("villa", &account(2), 100)).unwrap();
    chain.submit(5, transfer("usdx", &Address::treasury(&id), 150)).unwrap();
    chain.next_block();
    chain
}

fn leaf(chain: &TestChain, number: u64) -> Proposal {
    chain.get(&StateKey::proposal(&asset("villa"), number)).unwrap()
}

fn tally(chain: &TestChain, number: u64) -> [String; 3] {
    let tally = chain.get::<Tally>(&StateKey::tally(&asset("villa"), number)).unwrap();
    [tally.yes, tally.no, tally.abstain]
}

#[test]
fn submit_refuses_in_order_of_precedence() {
    let mut chain = chain_with_villa();
    chain.submit(ISSUER, register("tower")).unwrap();
    let valid = proposal("villa");
    let treasury = Address::treasury(&asset("villa"));
    let with = |change: &dyn Fn(&mut pb::SubmitProposal)| {
        let mut message = valid.clone();
        change(&mut message);
        submit(message)
    };
    for (kind, codespace, code) in [
        (submit(pb::SubmitProposal::default()), "votes", 1),
        (with(&|m| (m.title, m.outcome) = (String::new(), None)), "votes", 1),
        (with(&|m| (m.title, m.outcome) = ("t".repeat(121), None)), "votes", 5),
        (with(&|m| (m.outcome, m.quorum_bps) = (None, 10_001)), "votes", 1),
        (with(&|m| m.outcome = Some(pb::ProposalOutcome::default())), "votes", 1),
        (with(&|m| m.outcome = spend("usdx", &Address::fee_pool(), 0)), "votes", 9),
        (with(&|m| m.outcome = spend("usdx", &treasury, 0)), "votes", 4),
        (with(&|m| (m.voting_period_blocks, m.quorum_bps) = (0, 10_001)), "votes", 7),
        (with(&|m| (m.voting_period_blocks, m.quorum_bps) = (1_000_001, 10_001)), "votes", 7),
        (with(&|m| (m.quorum_bps, m.threshold_bps) = (10_001, 0)), "votes", 7),
        (with(&|m| (m.threshold_bps, m.outcome) = (0, spend("usdx", &treasury, 1))), "votes", 7),
        (with(&|m| m.threshold_bps = 10_001), "votes", 7),
        (with(&|m| m.outcome = spend("usdx", &treasury, 1)), "votes", 10),
        (submit(proposal("nothing")), "assets", 11),
        (submit(proposal("tower")), "votes", 11),
    ] {
        assert_refused(chain.submit(3, kind), codespace, code);
    }
    for (currency, code) in [("nothing", 11), ("tower", 19)] {
        let message = with(&|m| m.outcome = spend(currency, &account(4), 1));
        assert_refused(chain.submit(1, message), "assets", code);
    }
    chain.submit(1, submit(valid)).unwrap();
}

#[test]
fn cast_refuses_in_order_of_precedence() {
    let mut chain = chain_with_villa();
    chain.submit(1, submit(proposal("villa"))).unwrap();
    for (kind, code) in [
        (Kind::CastVote(pb::CastVote::default()), 1),
        (cast(0, VoteChoice::Unspecified), 7),
        (cast(9, VoteChoice::Unspecified), 7),
        (
            Kind::CastVote(pb::CastVote {
                asset: asset("villa").to_bytes(),
                proposal: 9,
                choice: 5,
                ..pb::CastVote::default()
            }),
            7,
        ),
        (cast(9, VoteChoice::Yes), 12),
        (cast(1, VoteChoice::Yes), 14),
    ] {
        assert_refused(chain.submit(3, kind), "votes", code);
    }
    chain.skip_blocks(6);
    assert_refused(chain.submit(3, cast(1, VoteChoice::Yes)), "votes", 15);
    let mut closed = chain.clone();
    closed.submit(3, close(1)).unwrap();
    assert_refused(closed.submit(3, cast(1, VoteChoice::Yes)), "votes", 13);
    chain.block.height -= 1;
    assert_refused(chain.submit(3, cast(1, VoteChoice::Yes)), "votes", 16);
    chain.submit(1, cast(1, VoteChoice::Yes)).unwrap();
    assert_refused(chain.submit(1, cast(1, VoteChoice::Yes)), "votes", 17);
}

#[test]
fn close_refuses_in_order_of_precedence() {
    let mut chain = chain_with_villa();
    chain.submit(1, submit(proposal("villa"))).unwrap();
    let malformed = Kind::CloseProposal(pb::CloseProposal::default());
    assert_refused(chain.submit(3, malformed), "votes", 1);
    assert_refused(chain.submit(3, close(0)), "votes", 7);
    assert_refused(chain.submit(3, close(2)), "votes", 12);
    chain.skip_blocks(5);
    assert_refused(chain.submit(3, close(1)), "votes", 18);
    chain.next_block();
    chain.submit(3, close(1)).unwrap();
    assert_refused(chain.submit(3, close(1)), "votes", 13);
}

#[test]
fn weight_is_what_was_held_at_the_end_of_the_record_block() {
    let mut chain = chain_with_villa();
    chain.submit(1, submit(proposal("villa"))).unwrap();
    chain.submit(1, transfer("villa", &account(3), 50)).unwrap();
    chain.next_block();
    // Sold after the record: votes with all of it, and the buyer with nothing of it.
    chain.submit(1, transfer("villa", &account(2), 250)).unwrap();
    chain.submit(3, transfer("villa", &account(7), 50)).unwrap();
    chain.submit(1, cast(1, VoteChoice::Yes)).unwrap();
    chain.next_block();
    chain.submit(2, transfer("villa", &account(1), 350)).unwrap();
    chain.submit(2, cast(1, VoteChoice::No)).unwrap();
    chain.submit(3, cast(1, VoteChoice::Abstain)).unwrap();
    assert_refused(chain.submit(7, cast(1, VoteChoice::No)), "votes", 16);
    assert_eq!(tally(&chain, 1), ["250", "100", "50"]);
    chain.submit(1, cast(1, VoteChoice::No)).unwrap();
    assert_eq!(tally(&chain, 1), ["0", "350", "50"]);
}

#[test]
fn a_vote_counts_also_when_the_holding_changed_in_its_block() {
    let mut chain = chain_with_villa();
    chain.submit(1, submit(proposal("villa"))).unwrap();
    chain.next_block();
    chain.submit(2, submit(proposal("villa"))).unwrap();
    chain.next_block();
    let block = [
        (1, transfer("villa", &account(2), 300)),
        (1, cast(1, VoteChoice::Yes)),
        (2, cast(2, VoteChoice::Yes)),
    ];
    let block = block.map(|(sender, kind)| TestTx { sender, operations: vec![kind] });
    let results: Result<Vec<_>, Rejected> = chain.run(&block, false).into_iter().collect();
    results.unwrap();
    assert_eq!((tally(&chain, 1)[0].as_str(), tally(&chain, 2)[0].as_str()), ("300", "100"));
}

#[test]
fn two_proposals_of_one_block_share_the_record() {
    let mut chain = chain_with_villa();
    let before = chain.facts("villa").record_height;
    let operations = vec![submit(proposal("villa")), submit(proposal("villa"))];
    chain.submit_all(1, operations).unwrap();
    let facts = chain.facts("villa");
    assert_eq!((facts.record_height, facts.previous_record_height), (chain.block.height, before));
    assert_eq!(facts.proposal_count, 2);
    assert_eq!(leaf(&chain, 2).record_height, chain.block.height);
}

fn decided(votes: &[(u8, VoteChoice)], message: pb::SubmitProposal) -> (TestChain, ProposalStatus) {
    let mut chain = chain_with_villa();
    chain.submit(1, submit(message)).unwrap();
    chain.next_block();
    for (voter, choice) in votes {
        chain.submit(*voter, cast(1, *choice)).unwrap();
    }
    chain.skip_blocks(5);
    // Units issued later change neither quorum nor outcome.
    chain.submit(ISSUER, mint("villa", 3, 900_000)).unwrap();
    let events = chain.submit(3, close(1)).unwrap();
    let proposal = leaf(&chain, 1);
    assert_eq!(proposal.record_supply, "1000");
    let status = proposal.status();
    let Some(EventKind::ProposalClosed(event)) = events.last() else { panic!("{events:?}") };
    assert_eq!(event.status(), status);
    assert_eq!(events.len() == 2, status == ProposalStatus::Executed);
    (chain, status)
}

#[test]
fn quorum_and_majority_decide() {
    use ProposalStatus::{Executed, Rejected};
    use VoteChoice::{Abstain, No, Yes};
    let with = |quorum_bps, threshold_bps| pb::SubmitProposal {
        quorum_bps,
        threshold_bps,
        ..proposal("villa")
    };
    for (votes, quorum, threshold, expected) in [
        (vec![], 0, 1, Rejected),
        (vec![(1, Abstain)], 0, 1, Rejected),
        (vec![(1, Yes)], 3_000, 10_000, Executed),
        (vec![(1, Yes)], 3_001, 1, Rejected),
        (vec![(1, Yes), (2, Abstain)], 4_000, 10_000, Executed),
        (vec![(1, Yes), (2, No)], 0, 7_500, Executed),
        (vec![(1, Yes), (2, No)], 0, 7_501, Rejected),
        (vec![(1, No), (2, Yes)], 0, 2_500, Executed),
        (vec![(ISSUER, Yes), (1, No), (2, No)], 10_000, 6_000, Executed),
    ] {
        let (chain, status) = decided(&votes, with(quorum, threshold));
        assert_eq!(status, expected, "{votes:?} with {quorum} and {threshold}");
        let spent = if expected == Executed { 100 } else { 0 };
        let treasury = chain.holding_of("usdx", &Address::treasury(&asset("villa")));
        assert_eq!(treasury.balance.base_units(), 150 - spent);
        assert_eq!(chain.balance("usdx", 4), u128::from(START_BALANCE) + spent);
    }
}

#[test]
fn an_outcome_that_the_treasury_cannot_pay_fails_for_good() {
    let poor = pb::SubmitProposal { outcome: spend("usdx", &account(4), 151), ..proposal("villa") };
    let (mut chain, status) = decided(&[(ISSUER, VoteChoice::Yes)], poor);
    assert_eq!(status, ProposalStatus::Failed);
    let treasury = Address::treasury(&asset("villa"));
    assert_eq!(chain.holding_of("usdx", &treasury).balance.base_units(), 150);
    chain.submit(5, transfer("usdx", &treasury, 1)).unwrap();
    assert_refused(chain.submit(3, close(1)), "votes", 13);
}

#[test]
fn looking_for_a_record_too_far_back_is_refused() {
    let mut chain = chain_with_villa();
    let long = pb::SubmitProposal { voting_period_blocks: 1_000_000, ..proposal("villa") };
    chain.submit(1, submit(long.clone())).unwrap();
    for _ in 0..1_025 {
        chain.next_block();
        chain.submit(1, transfer("villa", &account(2), 1)).unwrap();
        chain.submit(2, submit(long.clone())).unwrap();
        chain.submit(2, transfer("villa", &account(1), 1)).unwrap();
    }
    chain.next_block();
    assert_refused(chain.submit(1, cast(1, VoteChoice::Yes)), "votes", 19);
    chain.submit(ISSUER, cast(1, VoteChoice::Yes)).unwrap();
}
