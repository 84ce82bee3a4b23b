//! Rules of votes: deposits, veto, waiting and expiry; divided and delegated votes; everything that
//! a vote can decide.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1 as accounts;
use tessera_proto::pb::assets::v1 as assets;
use tessera_proto::pb::assets::v1::{AssetStatus, Role};
use tessera_proto::pb::chain::v1::Params;
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::pb::compliance::v1 as compliance;
use tessera_proto::pb::distributions::v1::TakeRecord;
use tessera_proto::pb::royalties::v1::{RoyaltySchedule, RoyaltyShare};
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::pb::votes::v1::proposal_outcome::Outcome;
use tessera_proto::pb::votes::v1::{
    Grant, Proposal, ProposalStatus, Tally, Upgrade, Vote, VoteChoice,
};
use tessera_proto::state_key::StateKey;

use crate::modules::testing::{
    APPRAISER, ISSUER, Kind, START_BALANCE, TestChain, TestTx, account, amount, assert_refused,
    asset, transfer,
};

const START: u128 = START_BALANCE as u128;

fn rules() -> pb::VotingRules {
    pb::VotingRules {
        quorum_bps: 4_000,
        threshold_bps: 5_001,
        veto_bps: 3_334,
        voting_period_blocks: 5,
        timelock_blocks: 3,
        execution_window_blocks: 2,
        deposit_currency: asset("eurx").to_bytes(),
        deposit: "70".to_owned(),
    }
}

fn set_rules(rules: pb::VotingRules) -> Kind {
    let asset = asset("villa").to_bytes();
    Kind::SetVotingRules(pb::SetVotingRules { asset, rules: Some(rules) })
}

fn submit(outcome: Outcome) -> Kind {
    Kind::SubmitProposal(submission(outcome))
}

fn submission(outcome: Outcome) -> pb::SubmitProposal {
    pb::SubmitProposal {
        asset: asset("villa").to_bytes(),
        title: "a question".to_owned(),
        outcome: Some(pb::ProposalOutcome { outcome: Some(outcome) }),
        voting_period_blocks: 5,
        quorum_bps: 4_000,
        threshold_bps: 5_001,
        record_height: 0,
    }
}

fn resolution() -> Outcome {
    Outcome::Resolution(pb::Resolution { text_sha256: Bytes::new() })
}

fn spend(units: u64) -> Outcome {
    Outcome::TreasurySpend(pb::TreasurySpend {
        currency: asset("usdx").to_bytes(),
        to: account(4).to_bytes(),
        amount: units.to_string(),
    })
}

fn cast(number: u64, choice: VoteChoice) -> Kind {
    cast_for(number, choice, &[])
}

fn cast_for(number: u64, choice: VoteChoice, holders: &[Address]) -> Kind {
    let mut holders = holders.to_vec();
    holders.sort();
    Kind::CastVote(pb::CastVote {
        asset: asset("villa").to_bytes(),
        proposal: number,
        choice: choice.into(),
        split: Vec::new(),
        on_behalf_of: holders.into_iter().map(Address::to_bytes).collect(),
    })
}

fn split(number: u64, parts: &[(VoteChoice, u32)]) -> Kind {
    let share = |(choice, share_bps): &(VoteChoice, u32)| pb::VoteShare {
        choice: (*choice).into(),
        share_bps: *share_bps,
    };
    Kind::CastVote(pb::CastVote {
        asset: asset("villa").to_bytes(),
        proposal: number,
        choice: 0,
        split: parts.iter().map(share).collect(),
        on_behalf_of: Vec::new(),
    })
}

fn close(number: u64) -> Kind {
    Kind::CloseProposal(pb::CloseProposal { asset: asset("villa").to_bytes(), proposal: number })
}

fn execute(number: u64) -> Kind {
    let asset = asset("villa").to_bytes();
    Kind::ExecuteProposal(pb::ExecuteProposal { asset, proposal: number })
}

fn delegate(to: Option<Address>) -> Kind {
    let to = to.map(Address::to_bytes).unwrap_or_default();
    Kind::DelegateVotes(pb::DelegateVotes { asset: asset("villa").to_bytes(), to })
}

fn claim(number: u64) -> Kind {
    Kind::ClaimGrant(pb::ClaimGrant { asset: asset("villa").to_bytes(), grant: number })
}

/// A villa of the issuer (600) and accounts 1 (300) and 2 (100), with 500 in its treasury.
fn chain_with_villa() -> TestChain {
    let mut chain = TestChain::new();
    let id = chain.add_asset("villa");
    chain.submit(ISSUER, transfer("villa", &account(1), 300)).unwrap();
    chain.submit(ISSUER, transfer("villa", &account(2), 100)).unwrap();
    chain.submit(5, transfer("usdx", &Address::treasury(&id), 500)).unwrap();
    chain.next_block();
    chain
}

fn status(chain: &TestChain, number: u64) -> ProposalStatus {
    let key = StateKey::proposal(&asset("villa"), number);
    chain.get::<Proposal>(&key).unwrap().status()
}

fn tally(chain: &TestChain, number: u64) -> [String; 4] {
    let key = StateKey::tally(&asset("villa"), number);
    let tally = chain.get::<Tally>(&key).unwrap();
    [tally.yes, tally.no, tally.abstain, tally.veto]
}

/// Proposes something that all vote for, and closes it; the number of the proposal.
fn decide(chain: &mut TestChain, outcome: Outcome) -> u64 {
    chain.submit(1, submit(outcome)).unwrap();
    let number = chain.facts("villa").proposal_count;
    chain.next_block();
    chain.submit(ISSUER, cast(number, VoteChoice::Yes)).unwrap();
    chain.skip_blocks(5);
    chain.submit(3, close(number)).unwrap();
    number
}

fn treasury(chain: &TestChain) -> Amount {
    chain.holding_of("usdx", &Address::treasury(&asset("villa"))).balance
}

#[test]
fn set_rules_refuses_in_order_of_precedence() {
    let mut chain = chain_with_villa();
    let with = |change: &dyn Fn(&mut pb::VotingRules)| {
        let mut message = rules();
        change(&mut message);
        set_rules(message)
    };
    for (sender, kind, codespace, code) in [
        (1, Kind::SetVotingRules(pb::SetVotingRules::default()), "votes", 1),
        (1, with(&|r| (r.quorum_bps, r.threshold_bps) = (10_001, 0)), "votes", 7),
        (1, with(&|r| r.threshold_bps = 0), "votes", 7),
        (1, with(&|r| r.veto_bps = 10_001), "votes", 7),
        (1, with(&|r| r.voting_period_blocks = 0), "votes", 7),
        (1, with(&|r| r.timelock_blocks = 1_000_001), "votes", 7),
        (1, with(&|r| r.execution_window_blocks = 0), "votes", 7),
        (1, with(&|r| r.deposit = "0".into()), "votes", 4),
        (1, with(&|r| r.deposit_currency = Bytes::new()), "votes", 1),
        (1, with(&|_| {}), "assets", 14),
        (ISSUER, with(&|r| r.deposit_currency = asset("villa").to_bytes()), "assets", 19),
    ] {
        assert_refused(chain.submit(sender, kind), codespace, code);
    }
    chain.submit(ISSUER, set_rules(rules())).unwrap();
    assert_refused(chain.submit(ISSUER, set_rules(rules())), "votes", 20);
    let with = |change: &dyn Fn(&mut pb::SubmitProposal)| {
        let mut message = submission(resolution());
        change(&mut message);
        Kind::SubmitProposal(message)
    };
    assert_refused(chain.submit(1, with(&|m| m.quorum_bps = 3_999)), "votes", 21);
    assert_refused(chain.submit(1, with(&|m| m.threshold_bps = 5_000)), "votes", 21);
    assert_refused(chain.submit(1, with(&|m| m.voting_period_blocks = 4)), "votes", 21);
    chain.submit(1, transfer("eurx", &account(3), START_BALANCE - 69)).unwrap();
    assert_refused(chain.submit(1, with(&|_| {})), "transfers", 13);
}

#[test]
fn the_deposit_comes_back_unless_the_proposal_is_vetoed() {
    for (choice, expected, back, kept) in [
        (VoteChoice::No, ProposalStatus::Rejected, 70, 0),
        (VoteChoice::Veto, ProposalStatus::Vetoed, 0, 70),
        (VoteChoice::Yes, ProposalStatus::Passed, 70, 0),
    ] {
        let mut chain = chain_with_villa();
        chain.submit(ISSUER, set_rules(rules())).unwrap();
        chain.submit(1, submit(resolution())).unwrap();
        assert_eq!(chain.balance("eurx", 1), START - 70);
        chain.next_block();
        chain.submit(1, cast(1, VoteChoice::Yes)).unwrap();
        chain.submit(ISSUER, cast(1, choice)).unwrap();
        chain.skip_blocks(5);
        chain.submit(3, close(1)).unwrap();
        assert_eq!(status(&chain, 1), expected);
        assert_eq!(chain.balance("eurx", 1), START - 70 + back);
        let treasury = chain.holding_of("eurx", &Address::treasury(&asset("villa")));
        assert_eq!(treasury.balance, amount(kept));
    }
}

#[test]
fn without_a_quorum_there_is_no_veto() {
    let mut chain = chain_with_villa();
    chain.submit(ISSUER, set_rules(rules())).unwrap();
    chain.submit(1, submit(resolution())).unwrap();
    chain.next_block();
    chain.submit(2, cast(1, VoteChoice::Veto)).unwrap();
    chain.skip_blocks(5);
    chain.submit(3, close(1)).unwrap();
    assert_eq!(status(&chain, 1), ProposalStatus::Rejected);
}

#[test]
fn an_outcome_waits_and_then_has_its_time() {
    let mut chain = chain_with_villa();
    chain.submit(ISSUER, set_rules(rules())).unwrap();
    let number = decide(&mut chain, spend(100));
    assert_refused(
        chain.submit(3, Kind::ExecuteProposal(pb::ExecuteProposal::default())),
        "votes",
        1,
    );
    assert_refused(chain.submit(3, execute(9)), "votes", 12);
    chain.skip_blocks(2);
    assert_refused(chain.submit(3, execute(number)), "votes", 28);
    assert_eq!((status(&chain, number), treasury(&chain)), (ProposalStatus::Passed, amount(500)));
    let mut late = chain.clone();
    chain.skip_blocks(2);
    chain.submit(3, execute(number)).unwrap();
    assert_eq!((status(&chain, number), treasury(&chain)), (ProposalStatus::Executed, amount(400)));
    assert_refused(chain.submit(3, execute(number)), "votes", 27);
    late.skip_blocks(3);
    late.submit(3, execute(number)).unwrap();
    assert_eq!((status(&late, number), treasury(&late)), (ProposalStatus::Expired, amount(500)));
}

#[test]
fn a_divided_vote_counts_the_whole_weight() {
    use VoteChoice::{Abstain, No, Yes};
    let mut chain = chain_with_villa();
    chain.submit(1, submit(resolution())).unwrap();
    chain.next_block();
    for (parts, code) in [
        (vec![(Yes, 10_000)], 8),
        (vec![(Yes, 5_000), (No, 4_999)], 22),
        (vec![(No, 5_000), (Yes, 5_000)], 22),
        (vec![(Yes, 5_000), (Yes, 5_000)], 22),
        (vec![(Yes, 10_000), (No, 0)], 7),
    ] {
        assert_refused(chain.submit(1, split(1, &parts)), "votes", code);
    }
    // 300 in thirds of 33.33 %: 99 each, and what is left goes to the first.
    let thirds = [(Yes, 3_334), (No, 3_333), (Abstain, 3_333)];
    chain.submit(1, split(1, &thirds)).unwrap();
    assert_eq!(tally(&chain, 1), ["102", "99", "99", "0"]);
    assert_refused(chain.submit(1, split(1, &thirds)), "votes", 17);
    chain.submit(1, cast(1, No)).unwrap();
    assert_eq!(tally(&chain, 1), ["0", "300", "0", "0"]);
}

#[test]
fn a_delegate_votes_from_the_next_record_on_and_the_holder_has_the_last_word() {
    use VoteChoice::{No, Yes};
    let mut chain = chain_with_villa();
    let of_nobody = Kind::DelegateVotes(pb::DelegateVotes::default());
    assert_refused(chain.submit(1, of_nobody), "votes", 1);
    assert_refused(chain.submit(1, delegate(Some(account(1)))), "votes", 24);
    chain.submit(1, submit(resolution())).unwrap();
    chain.submit(1, delegate(Some(account(3)))).unwrap();
    chain.next_block();
    let holders = [account(1), account(2)];
    let of_one = &holders[..1];
    assert_refused(chain.submit(3, cast_for(1, Yes, of_one)), "votes", 25);
    chain.submit(2, delegate(Some(account(3)))).unwrap();
    chain.next_block();
    chain.submit(1, submit(resolution())).unwrap();
    chain.next_block();
    let twice = [account(1), account(1)];
    assert_refused(chain.submit(3, cast_for(2, Yes, &twice)), "votes", 23);
    assert_refused(chain.submit(4, cast_for(2, Yes, of_one)), "votes", 25);
    chain.submit(3, cast_for(2, Yes, &holders)).unwrap();
    assert_eq!(tally(&chain, 2), ["400", "0", "0", "0"]);
    let vote: Vote = chain.get(&StateKey::vote(&asset("villa"), 2, &account(1))).unwrap();
    assert_eq!(vote.cast_by, account(3).to_bytes());
    chain.submit(1, cast(2, No)).unwrap();
    assert_eq!(tally(&chain, 2), ["100", "300", "0", "0"]);
    assert_refused(chain.submit(3, cast_for(2, Yes, of_one)), "votes", 26);
    // Taken back: the delegate has no say in votes with a later record.
    chain.submit(2, delegate(None)).unwrap();
    chain.next_block();
    chain.submit(1, submit(resolution())).unwrap();
    chain.next_block();
    assert_refused(chain.submit(3, cast_for(3, Yes, &holders[1..])), "votes", 25);
}

#[test]
fn several_proposals_of_one_block_do_not_stand_in_each_others_way() {
    let mut chain = chain_with_villa();
    let block =
        [ISSUER, 1, 2].map(|sender| TestTx { sender, operations: vec![submit(resolution())] });
    for result in chain.run(&block, true) {
        result.unwrap();
    }
    assert_eq!((chain.facts("villa").proposal_count, chain.facts("villa").record_count), (3, 1));
}

#[test]
fn a_vote_replaces_the_royalty_schedule_and_the_rules() {
    let mut chain = chain_with_villa();
    let shares = vec![RoyaltyShare { account: account(2).to_bytes(), share_bps: 10_000 }];
    let schedule = RoyaltySchedule { shares, ..RoyaltySchedule::default() };
    let malformed = RoyaltySchedule::default();
    assert_refused(chain.submit(1, submit(Outcome::SetRoyaltySchedule(malformed))), "votes", 29);
    decide(&mut chain, Outcome::SetRoyaltySchedule(schedule));
    assert!(chain.facts("villa").has_royalty_schedule);
    let first = decide(&mut chain, Outcome::SetVotingRules(rules()));
    assert_eq!(status(&chain, first), ProposalStatus::Executed);
    assert_refused(chain.submit(ISSUER, set_rules(rules())), "votes", 20);
}

#[test]
fn only_the_governance_asset_changes_the_parameters() {
    let change = pb::ChangeParams {
        fee_per_transaction: 1,
        fee_per_operation: 2,
        fee_per_byte: 3,
        max_validity_blocks: 4,
    };
    let mut chain = chain_with_villa();
    let wrong = pb::ChangeParams { max_validity_blocks: 0, ..change };
    assert_refused(chain.submit(1, submit(Outcome::ChangeParams(wrong))), "votes", 7);
    let number = decide(&mut chain, Outcome::ChangeParams(change));
    assert_eq!(status(&chain, number), ProposalStatus::Failed);
    let params: Params = chain.get(&StateKey::params()).unwrap();
    let governance_asset = asset("villa").to_bytes();
    chain.set(StateKey::params(), &Params { governance_asset, ..params });
    let number = decide(&mut chain, Outcome::ChangeParams(change));
    assert_eq!(status(&chain, number), ProposalStatus::Executed);
    let params: Params = chain.get(&StateKey::params()).unwrap();
    assert_eq!((params.fee_per_byte, params.max_validity_blocks), (3, 4));
    assert_eq!(params.fee_currency, asset("usdx").to_bytes());
}

fn upgrade(version: u64, height: u64) -> Outcome {
    let release_sha256 = vec![7; 32].into();
    Outcome::ScheduleUpgrade(pb::ScheduleUpgrade { version, height, release_sha256 })
}

fn upgraded(chain: &TestChain) -> Option<(u64, u64, u64)> {
    let upgrade: Upgrade = chain.get(&StateKey::upgrade())?;
    Some((upgrade.from_version, upgrade.version, upgrade.height))
}

#[test]
fn malformed_upgrades_are_refused_when_they_are_proposed() {
    let mut chain = chain_with_villa();
    let hash = pb::ScheduleUpgrade { version: 2, height: 9, release_sha256: vec![1; 31].into() };
    for (outcome, code) in
        [(upgrade(1, 0), 7), (upgrade(2, 0), 7), (Outcome::ScheduleUpgrade(hash), 2)]
    {
        assert_refused(chain.submit(1, submit(outcome)), "votes", code);
    }
}

#[test]
fn only_the_governance_asset_moves_the_chain_and_only_ahead() {
    let cancel = || Outcome::CancelUpgrade(pb::CancelUpgrade {});
    let mut chain = chain_with_villa();
    let number = decide(&mut chain, upgrade(2, 1_000));
    assert_eq!((status(&chain, number), upgraded(&chain)), (ProposalStatus::Failed, None));
    let params: Params = chain.get(&StateKey::params()).unwrap();
    let governance_asset = asset("villa").to_bytes();
    chain.set(StateKey::params(), &Params { governance_asset, ..params });
    // The last is closed six blocks after it is proposed, in the block of its height.
    let height_when_closed = |chain: &TestChain| chain.block.height + 6;
    for (outcome, expected, state) in [
        (cancel(), ProposalStatus::Failed, None),
        (upgrade(2, 1_000), ProposalStatus::Executed, Some((1, 2, 1_000))),
        (upgrade(3, 2_000), ProposalStatus::Executed, Some((1, 3, 2_000))),
        (upgrade(2, 5), ProposalStatus::Failed, Some((1, 3, 2_000))),
    ] {
        let number = decide(&mut chain, outcome);
        assert_eq!((status(&chain, number), upgraded(&chain)), (expected, state));
    }
    let height = height_when_closed(&chain);
    let number = decide(&mut chain, upgrade(2, height));
    assert_eq!(chain.block.height, height);
    assert_eq!(status(&chain, number), ProposalStatus::Failed);
    let number = decide(&mut chain, cancel());
    assert_eq!(status(&chain, number), ProposalStatus::Executed);
    assert_eq!(upgraded(&chain), Some((1, 1, chain.block.height)));
    // Once the chain has moved on, that is its version: it neither goes back nor moves twice.
    let height = height_when_closed(&chain) + 1;
    decide(&mut chain, upgrade(4, height));
    chain.skip_blocks(1);
    for (outcome, expected) in [
        (cancel(), ProposalStatus::Failed),
        (upgrade(4, 5_000), ProposalStatus::Failed),
        (upgrade(5, 5_000), ProposalStatus::Executed),
    ] {
        let number = decide(&mut chain, outcome);
        assert_eq!(status(&chain, number), expected);
    }
    assert_eq!(upgraded(&chain), Some((4, 5, 5_000)));
}

fn stream(start_ms: u64, end_ms: u64) -> Outcome {
    Outcome::OpenGrant(pb::OpenGrant {
        currency: asset("usdx").to_bytes(),
        to: account(4).to_bytes(),
        amount: "300".to_owned(),
        start_ms,
        end_ms,
        milestones: Vec::new(),
    })
}

#[test]
fn a_stream_is_due_evenly_and_its_rest_comes_back_when_it_is_cancelled() {
    let mut chain = chain_with_villa();
    assert_refused(chain.submit(1, submit(stream(5, 5))), "votes", 30);
    assert_refused(chain.submit(1, Kind::ClaimGrant(pb::ClaimGrant::default())), "votes", 1);
    let (start, end) = (2_000_000, 5_000_000);
    let number = decide(&mut chain, stream(start, end));
    assert_eq!(treasury(&chain), amount(200));
    assert_refused(chain.submit(1, claim(9)), "votes", 32);
    assert_refused(chain.submit(1, claim(number)), "votes", 33);
    chain.block.time_ms = start + 999_999;
    chain.submit(1, claim(number)).unwrap();
    assert_eq!(chain.balance("usdx", 4), START + 99);
    assert_refused(chain.submit(1, claim(number)), "votes", 33);
    chain.block.time_ms = start + 1_500_000;
    let cancel = decide(&mut chain, Outcome::CancelGrant(pb::CancelGrant { grant: number }));
    assert_eq!(status(&chain, cancel), ProposalStatus::Executed);
    assert_eq!((chain.balance("usdx", 4), treasury(&chain)), (START + 150, amount(350)));
    assert_refused(chain.submit(1, claim(number)), "votes", 33);
    let again = decide(&mut chain, Outcome::CancelGrant(pb::CancelGrant { grant: number }));
    assert_eq!(status(&chain, again), ProposalStatus::Failed);
}

#[test]
fn milestones_are_released_in_order_each_by_a_vote() {
    let mut chain = chain_with_villa();
    let open = |milestones: &[&str]| {
        Outcome::OpenGrant(pb::OpenGrant {
            currency: asset("usdx").to_bytes(),
            to: account(4).to_bytes(),
            milestones: milestones.iter().map(|part| (*part).to_owned()).collect(),
            ..pb::OpenGrant::default()
        })
    };
    let most = Amount::MAX.to_string();
    assert_refused(chain.submit(1, submit(open(&[&most, &most]))), "votes", 31);
    let number = decide(&mut chain, open(&["100", "50"]));
    let release =
        |milestone| Outcome::ReleaseMilestone(pb::ReleaseMilestone { grant: number, milestone });
    for (milestone, expected, paid) in [
        (2, ProposalStatus::Failed, 0),
        (1, ProposalStatus::Executed, 100),
        (1, ProposalStatus::Failed, 100),
        (2, ProposalStatus::Executed, 150),
        (3, ProposalStatus::Failed, 150),
    ] {
        let proposal = decide(&mut chain, release(milestone));
        assert_eq!(status(&chain, proposal), expected, "milestone {milestone}");
        let _ = chain.submit(2, claim(number));
        assert_eq!(chain.balance("usdx", 4), START + paid);
    }
    let grant: Grant = chain.get(&StateKey::grant(&asset("villa"), number)).unwrap();
    assert_eq!((grant.paid.as_str(), grant.milestones_released), ("150", 2));
}

#[test]
fn many_grants_run_side_by_side() {
    let mut chain = chain_with_villa();
    let first = decide(&mut chain, stream(0, 1));
    let poor = decide(&mut chain, stream(0, 1));
    assert_eq!(
        (status(&chain, first), status(&chain, poor)),
        (ProposalStatus::Executed, ProposalStatus::Failed)
    );
    chain.submit(5, transfer("usdx", &Address::treasury(&asset("villa")), 100)).unwrap();
    let second = decide(&mut chain, stream(0, 1));
    let block = [first, second].map(|number| TestTx { sender: 5, operations: vec![claim(number)] });
    for result in chain.run(&block, true) {
        result.unwrap();
    }
    assert_eq!(chain.balance("usdx", 4), START + 600);
}

fn grant_role(chain: &mut TestChain, role: Role) {
    let to = Address::treasury(&asset("villa"));
    let message = assets::GrantRole {
        asset: asset("villa").to_bytes(),
        account: to.to_bytes(),
        role: role.into(),
        expires_ms: u64::MAX,
    };
    chain.submit(ISSUER, Kind::GrantRole(message)).unwrap();
}

fn change_status(status: AssetStatus) -> Outcome {
    let reason_sha256 = Bytes::from_static(&[7; 32]);
    Outcome::ChangeStatus(pb::ChangeStatus { status: status.into(), reason_sha256 })
}

#[test]
fn a_vote_suspends_and_resumes_the_asset_with_the_role_of_an_agent() {
    let mut chain = chain_with_villa();
    let wrong = change_status(AssetStatus::Unspecified);
    assert_refused(chain.submit(1, submit(wrong)), "votes", 34);
    let before = chain.facts("villa");
    let number = decide(&mut chain, change_status(AssetStatus::Suspended));
    assert_eq!(status(&chain, number), ProposalStatus::Failed, "the treasury has no role yet");
    assert_eq!(chain.facts("villa").status, before.status);
    grant_role(&mut chain, Role::Agent);
    for (to, moves) in [(AssetStatus::Suspended, false), (AssetStatus::Active, true)] {
        let number = decide(&mut chain, change_status(to));
        assert_eq!(status(&chain, number), ProposalStatus::Executed);
        assert_eq!(chain.facts("villa").status(), to);
        let sent = chain.submit(1, transfer("villa", &account(2), 1));
        assert_eq!(sent.is_ok(), moves, "{sent:?}");
    }
    // A step that there is not fails, and what only an issuer may do does, too.
    for to in [AssetStatus::Active, AssetStatus::Retired] {
        let number = decide(&mut chain, change_status(to));
        assert_eq!(status(&chain, number), ProposalStatus::Failed);
    }
}

#[test]
fn a_vote_sets_the_rules_of_a_regulated_asset() {
    let rules = compliance::RuleSet {
        trusted_issuers: vec![compliance::TrustedIssuer {
            issuer: account(4).to_bytes(),
            claim_types: vec![1],
            until_ms: 0,
        }],
        rules: Vec::new(),
    };
    let mut chain = chain_with_villa();
    grant_role(&mut chain, Role::Agent);
    let malformed = compliance::RuleSet {
        trusted_issuers: vec![compliance::TrustedIssuer::default()],
        ..rules.clone()
    };
    assert_refused(chain.submit(1, submit(Outcome::SetRules(malformed))), "votes", 35);
    let number = decide(&mut chain, Outcome::SetRules(rules.clone()));
    assert_eq!(status(&chain, number), ProposalStatus::Failed, "it is not regulated");
    let facts = chain.facts("villa");
    let key = StateKey::asset(&asset("villa"));
    chain.set(key, &assets::Asset { regulated: true, ..facts });
    let number = decide(&mut chain, Outcome::SetRules(rules.clone()));
    assert_eq!(status(&chain, number), ProposalStatus::Executed);
    assert_eq!(chain.get(&StateKey::rule_set(&asset("villa"))), Some(rules));
}

#[test]
fn the_organisation_of_the_chain_decides_on_appraisers_and_sanctions_where_it_is_the_registrar() {
    let mut chain = chain_with_villa();
    let who = account(4);
    let accredit = Outcome::AccreditAppraiser(assets::AccreditAppraiser {
        appraiser: who.to_bytes(),
        name: "House of four".into(),
        until_ms: 0,
    });
    let revoke = Outcome::RevokeAccreditation(assets::RevokeAccreditation {
        appraiser: who.to_bytes(),
        from_ms: 5,
        reason_sha256: Bytes::new(),
    });
    let sanction = |sanctioned| {
        Outcome::SetSanction(compliance::SetSanction {
            account: who.to_bytes(),
            sanctioned,
            document_sha256: Bytes::from_static(&[9; 32]),
        })
    };
    let all = [accredit, revoke, sanction(true), sanction(false)];
    for outcome in all.clone() {
        let number = decide(&mut chain, outcome);
        assert_eq!(status(&chain, number), ProposalStatus::Failed);
    }
    let treasury = Address::treasury(&asset("villa")).to_bytes();
    let params: Params = chain.get(&StateKey::params()).unwrap();
    let params = Params { registrar: treasury.clone(), authority: treasury, ..params };
    chain.set(StateKey::params(), &params);
    let [accredit, revoke, deny, allow] = all;
    let appraiser = |chain: &TestChain| {
        chain.get::<assets::Appraiser>(&StateKey::appraiser(&who)).unwrap_or_default()
    };
    let number = decide(&mut chain, accredit);
    assert_eq!(status(&chain, number), ProposalStatus::Executed);
    assert_eq!(appraiser(&chain).name, "House of four");
    decide(&mut chain, revoke);
    assert_eq!(appraiser(&chain).revoked_from_ms, 5);
    decide(&mut chain, deny.clone());
    let denied = |chain: &TestChain| {
        chain.get::<accounts::Account>(&StateKey::account(&who)).unwrap_or_default().sanctioned
    };
    assert!(denied(&chain));
    let again = decide(&mut chain, deny);
    assert_eq!(status(&chain, again), ProposalStatus::Failed, "it is denied already");
    decide(&mut chain, allow);
    assert!(!denied(&chain));
}

fn appraise(message: assets::AppendAppraisal) -> Outcome {
    let assets::AppendAppraisal { asset: _, appraisal, public_key, signature } = message;
    Outcome::Appraise(pb::Appraise { appraisal, public_key, signature })
}

#[test]
fn a_vote_records_a_signed_appraisal_in_the_history_of_the_asset() {
    let mut chain = chain_with_villa();
    assert_refused(
        chain.submit(1, submit(Outcome::Appraise(pb::Appraise::default()))),
        "votes",
        34,
    );
    let newer = chain.block.time_ms + 1;
    let message = chain.signed_appraisal("villa", newer);
    let before = chain.facts("villa").appraisal_count;
    chain.submit(1, submit(appraise(message.clone()))).unwrap();
    let number = chain.facts("villa").proposal_count;
    chain.next_block();
    chain.submit(ISSUER, cast(number, VoteChoice::Yes)).unwrap();
    chain.skip_blocks(5);
    let events = chain.submit(3, close(number)).unwrap();
    let appended = |event: &EventKind| matches!(event, EventKind::AppraisalAppended(_));
    assert!(events.iter().any(appended), "{events:?}");
    assert_eq!(status(&chain, number), ProposalStatus::Executed);
    assert_eq!(chain.facts("villa").appraisal_count, before + 1);
    let stored: assets::Appraisal =
        chain.get(&StateKey::appraisal(&asset("villa"), before)).unwrap();
    assert_eq!(stored.valid_from_ms, newer);
    // The same again is no newer, and one that was signed for another asset is not of this one.
    let again = decide(&mut chain, appraise(message));
    assert_eq!(status(&chain, again), ProposalStatus::Failed);
    let of_another = chain.signed_appraisal("tower", newer + 1);
    let of_another = decide(&mut chain, appraise(of_another));
    assert_eq!(status(&chain, of_another), ProposalStatus::Failed);
    assert_eq!(chain.facts("villa").appraisal_count, before + 1);
}

#[test]
fn an_appraisal_counts_only_if_it_does_when_it_is_executed() {
    let change: [fn(&mut TestChain); 4] = [
        // The accreditation ends, or is revoked from before the appraisal on.
        |chain| end_accreditation(chain, |appraiser, now| appraiser.accredited_until_ms = now),
        |chain| end_accreditation(chain, |appraiser, _| appraiser.revoked_from_ms = 1),
        // The appraisal is over.
        |chain| chain.block.time_ms += 1_000_000_000,
        // Somebody has brought a newer one.
        |chain| {
            let newer = chain.signed_appraisal("villa", chain.block.time_ms + 9);
            chain.submit(2, Kind::AppendAppraisal(newer)).unwrap();
        },
    ];
    for (case, change) in change.into_iter().enumerate() {
        let mut chain = chain_with_villa();
        chain.submit(ISSUER, set_rules(rules())).unwrap();
        let message = chain.signed_appraisal("villa", chain.block.time_ms + 1);
        let number = decide(&mut chain, appraise(message));
        assert_eq!(status(&chain, number), ProposalStatus::Passed);
        chain.skip_blocks(3);
        let mut unchanged = chain.clone();
        unchanged.submit(4, execute(number)).unwrap();
        assert_eq!(status(&unchanged, number), ProposalStatus::Executed);
        change(&mut chain);
        let before = chain.facts("villa").appraisal_count;
        chain.submit(4, execute(number)).unwrap();
        assert_eq!(status(&chain, number), ProposalStatus::Failed, "case {case}");
        assert_eq!(chain.facts("villa").appraisal_count, before);
    }
}

fn end_accreditation(chain: &mut TestChain, change: fn(&mut assets::Appraiser, u64)) {
    let key = StateKey::appraiser(&account(APPRAISER));
    let mut appraiser = chain.get(&key).unwrap();
    change(&mut appraiser, chain.block.time_ms);
    chain.set(key, &appraiser);
}

/// Denies an account the chain, or admits it again.
fn set_denied(chain: &mut TestChain, number: u8, sanctioned: bool) {
    let wallet = compliance::Wallet { sanctioned, ..compliance::Wallet::default() };
    chain.set(StateKey::wallet(&account(number)), &wallet);
}

#[test]
fn the_treasury_pays_nobody_who_is_denied_the_chain() {
    let mut chain = chain_with_villa();
    let number = decide(&mut chain, stream(0, 1));
    set_denied(&mut chain, 4, true);
    let spent = decide(&mut chain, spend(100));
    assert_eq!(status(&chain, spent), ProposalStatus::Failed);
    assert_refused(chain.submit(1, claim(number)), "eligibility", 12);
    let cancel = decide(&mut chain, Outcome::CancelGrant(pb::CancelGrant { grant: number }));
    assert_eq!(status(&chain, cancel), ProposalStatus::Executed);
    assert_eq!((chain.balance("usdx", 4), treasury(&chain)), (START, amount(500)));
    // The vote of a denied proposer is counted all the same; the deposit stays.
    chain.submit(ISSUER, set_rules(rules())).unwrap();
    chain.submit(1, submit(resolution())).unwrap();
    set_denied(&mut chain, 1, true);
    chain.skip_blocks(6);
    chain.submit(3, close(chain.facts("villa").proposal_count)).unwrap();
    let kept = chain.holding_of("eurx", &Address::treasury(&asset("villa"))).balance;
    assert_eq!((kept, chain.balance("eurx", 1)), (amount(70), START - 70));
}

#[test]
fn a_vote_may_be_on_a_record_date_that_the_issuer_has_declared_ahead() {
    let mut chain = chain_with_villa();
    let record = chain.block.height + 3;
    let later = |record_height| {
        Kind::SubmitProposal(pb::SubmitProposal { record_height, ..submission(resolution()) })
    };
    assert_refused(chain.submit(1, later(record)), "votes", 36);
    assert_refused(chain.submit(1, later(chain.block.height - 1)), "votes", 36);
    let asset_bytes = asset("villa").to_bytes();
    let declare = TakeRecord { asset: asset_bytes, height: record };
    chain.submit(ISSUER, Kind::TakeRecord(declare)).unwrap();
    chain.submit(1, later(record)).unwrap();
    let proposal: Proposal = chain.get(&StateKey::proposal(&asset("villa"), 1)).unwrap();
    assert_eq!((proposal.record_height, proposal.voting_end_height), (record, record + 5));
    assert_refused(chain.submit(1, cast(1, VoteChoice::Yes)), "votes", 14);
    // What moves before the date counts, what moves after it does not.
    chain.submit(ISSUER, transfer("villa", &account(1), 100)).unwrap();
    chain.skip_blocks(4);
    chain.submit(ISSUER, transfer("villa", &account(1), 100)).unwrap();
    chain.submit(ISSUER, cast(1, VoteChoice::No)).unwrap();
    chain.submit(1, cast(1, VoteChoice::Yes)).unwrap();
    assert_eq!(tally(&chain, 1)[..2], ["400", "500"]);
    chain.skip_blocks(5);
    chain.submit(3, close(1)).unwrap();
    assert_eq!(status(&chain, 1), ProposalStatus::Rejected);
}

#[test]
fn regress_voting_that_would_end_past_the_last_height_is_refused() {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    let declare = TakeRecord { asset: asset("villa").to_bytes(), height: u64::MAX };
    chain.submit(ISSUER, Kind::TakeRecord(declare)).unwrap();
    let never_ends = pb::SubmitProposal { record_height: u64::MAX, ..submission(resolution()) };
    assert_refused(chain.submit(ISSUER, Kind::SubmitProposal(never_ends)), "votes", 37);
}
