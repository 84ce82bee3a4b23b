//! Pools.

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::leaf::Holding;
use tessera_proto::pb::accounts::v1 as accounts;
use tessera_proto::pb::assets::v1::{self as assets, AssetStatus, AssetTotals};
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::pb::chain::v1::{Operation, Params};
use tessera_proto::pb::compliance::v1 as compliance;
use tessera_proto::pb::compliance::v1::{ClaimCondition, Side, rule};
use tessera_proto::pb::pools::v1 as pb;
use tessera_proto::pb::votes::v1 as votes;
use tessera_proto::state_key::StateKey;

use prost::Message as _;

use super::{
    FUND, burn, chain_with_fund, chain_with_members, claim_income, collect, contribute, divide,
    form, ids, kept, open, pay_income, redeem, withdraw,
};
use crate::modules::distributions::claimable;
use crate::modules::testing::{
    ISSUER, Kind, START_BALANCE, TestChain, TestTx, account, amount, assert_refused, asset, mint,
    register, split, transfer,
};

const BOTH: [&str; 2] = ["villa", "tower"];

fn pool_account() -> Address {
    Address::pool_account(&asset(FUND))
}

fn claimable_by(chain: &TestChain, number: u8) -> Vec<u128> {
    let income = claimable(&chain.holding(FUND, number), &chain.facts(FUND)).unwrap();
    income.into_iter().map(|(_, accrued)| accrued.base_units()).collect()
}

fn status(name: &str, status: AssetStatus) -> Kind {
    let (asset, reason_sha256) = (asset(name).to_bytes(), Bytes::new());
    let status = status.into();
    Kind::ChangeAssetStatus(assets::ChangeAssetStatus { asset, status, reason_sha256 })
}

#[test]
fn form_refuses_in_order_of_precedence() {
    let mut chain = chain_with_fund();
    open(&mut chain, "other");
    let mut unsorted = ids(&BOTH);
    unsorted.reverse();
    let of = |pool: &str, members| {
        Kind::FormPool(pb::FormPool { pool: asset(pool).to_bytes(), members })
    };
    let many: Vec<Bytes> = (0..65).map(|n| Bytes::copy_from_slice(&[n; 16])).collect();
    for (sender, kind, codespace, code) in [
        (1, Kind::FormPool(pb::FormPool::default()), "pools", 1),
        (1, of("nothing", vec![]), "pools", 8),
        (1, of("nothing", many), "pools", 8),
        (1, of("nothing", vec![Bytes::from_static(&[1])]), "pools", 2),
        (1, of("nothing", unsorted), "pools", 10),
        (1, form("nothing", &["nothing"]), "pools", 11),
        (1, form("nothing", &BOTH), "assets", 11),
        (1, form(FUND, &BOTH), "assets", 30),
        (ISSUER, form(FUND, &["nothing"]), "pools", 14),
        (ISSUER, form("other", &["nothing"]), "assets", 11),
        (ISSUER, form("other", &[FUND]), "pools", 15),
    ] {
        assert_refused(chain.submit(sender, kind), codespace, code);
    }
    chain.submit(ISSUER, form("other", &BOTH)).unwrap();
    chain.submit(ISSUER, form("other", &["villa"])).unwrap();
    chain.submit(ISSUER, status("other", AssetStatus::Retired)).unwrap();
    assert_refused(chain.submit(ISSUER, form("other", &BOTH)), "assets", 29);
}

#[test]
fn contribute_refuses_in_order_of_precedence() {
    let mut chain = chain_with_fund();
    open(&mut chain, "other");
    for (sender, kind, codespace, code) in [
        (1, Kind::ContributeUnits(pb::ContributeUnits::default()), "pools", 1),
        (1, contribute(FUND, "villa", 0), "pools", 4),
        (1, contribute("nothing", "nothing", 1), "assets", 11),
        (1, contribute(FUND, "nothing", 1), "assets", 30),
        (ISSUER, contribute("other", "nothing", 1), "pools", 16),
        (ISSUER, contribute(FUND, "nothing", 1), "pools", 17),
        (ISSUER, contribute(FUND, "usdx", 1), "pools", 17),
        (ISSUER, contribute(FUND, "villa", 401), "transfers", 13),
    ] {
        assert_refused(chain.submit(sender, kind), codespace, code);
    }
    let mut paused = chain.clone();
    let facts = assets::Asset { paused: true, ..paused.facts("villa") };
    paused.set(StateKey::asset(&asset("villa")), &facts);
    assert_refused(paused.submit(ISSUER, contribute(FUND, "villa", 1)), "transfers", 16);
}

#[test]
fn redeem_refuses_in_order_of_precedence() {
    let mut chain = chain_with_fund();
    for (kind, codespace, code) in [
        (Kind::RedeemUnits(pb::RedeemUnits::default()), "pools", 1),
        (redeem(0, &BOTH), "pools", 4),
        (redeem(1, &[]), "pools", 8),
        (redeem(41, &["villa", "usdx"]), "pools", 17),
        (redeem(41, &BOTH), "transfers", 13),
    ] {
        assert_refused(chain.submit(1, kind), codespace, code);
    }
    let of = |pool: &str| pb::RedeemUnits {
        pool: asset(pool).to_bytes(),
        amount: "1".to_owned(),
        members: ids(&BOTH),
    };
    assert_refused(chain.submit(1, Kind::RedeemUnits(of("nothing"))), "assets", 11);
    assert_refused(chain.submit(1, Kind::RedeemUnits(of("villa"))), "pools", 16);
    chain.submit(ISSUER, status(FUND, AssetStatus::Suspended)).unwrap();
    assert_refused(chain.submit(1, redeem(1, &BOTH)), "assets", 16);
}

#[test]
fn collect_and_withdraw_refuse_in_order_of_precedence() {
    let mut chain = chain_with_fund();
    let pool_less = |name: &str| {
        Kind::CollectPoolIncome(pb::CollectPoolIncome {
            pool: asset(name).to_bytes(),
            currency: asset("usdx").to_bytes(),
            members: vec![],
        })
    };
    for (kind, codespace, code) in [
        (Kind::CollectPoolIncome(pb::CollectPoolIncome::default()), "pools", 1),
        (pool_less("nothing"), "assets", 11),
        (pool_less("villa"), "pools", 16),
        (collect("nothing", &["usdx"]), "pools", 17),
        (collect("nothing", &BOTH), "assets", 11),
        (collect("villa", &[]), "assets", 19),
        (collect("usdx", &BOTH), "pools", 19),
    ] {
        assert_refused(chain.submit(3, kind), codespace, code);
    }
    for (sender, kind, codespace, code) in [
        (1, Kind::WithdrawUnits(pb::WithdrawUnits::default()), "pools", 1),
        (1, withdraw("villa", 0), "pools", 4),
        (1, withdraw("villa", 1), "assets", 30),
        (ISSUER, withdraw("villa", 1), "pools", 14),
    ] {
        assert_refused(chain.submit(sender, kind), codespace, code);
    }
    let mut other = chain.clone();
    let no_pool = assets::Asset { pool: false, ..other.facts(FUND) };
    other.set(StateKey::asset(&asset(FUND)), &no_pool);
    assert_refused(other.submit(ISSUER, withdraw("villa", 1)), "pools", 16);
}

#[test]
fn units_of_a_pool_are_given_up_for_their_part_of_every_member() {
    let mut chain = chain_with_fund();
    assert_eq!((kept(&chain, "villa"), kept(&chain, "tower")), (600, 300));
    let events = chain.submit(1, redeem(10, &BOTH)).unwrap();
    let [EventKind::UnitsBurned(_), EventKind::UnitsRedeemed(redeemed)] = events.as_slice() else {
        panic!("{events:?}")
    };
    let mut parts: Vec<&str> = redeemed.parts.iter().map(|part| part.amount.as_str()).collect();
    parts.sort_unstable();
    assert_eq!(parts, ["30", "60"]);
    assert_eq!((chain.balance("villa", 1), chain.balance("tower", 1)), (60, 30));
    assert_eq!((kept(&chain, "villa"), kept(&chain, "tower")), (540, 270));
    assert_eq!((chain.balance(FUND, 1), chain.totals(FUND).supply.as_str()), (30, "90"));
    // What is not named stays, for those who remain.
    chain.submit(1, redeem(30, &["villa"])).unwrap();
    assert_eq!((chain.balance("villa", 1), chain.balance("tower", 1)), (240, 30));
    chain.submit(ISSUER, redeem(60, &BOTH)).unwrap();
    assert_eq!((kept(&chain, "villa"), kept(&chain, "tower")), (0, 0));
    assert_eq!((chain.balance("villa", ISSUER), chain.balance("tower", ISSUER)), (760, 970));
}

#[test]
fn parts_are_rounded_in_favour_of_the_pool_and_the_last_takes_all() {
    let mut chain = chain_with_members();
    open(&mut chain, FUND);
    chain.submit(ISSUER, form(FUND, &BOTH)).unwrap();
    chain.submit(ISSUER, contribute(FUND, "villa", 7)).unwrap();
    chain.submit(ISSUER, contribute(FUND, "tower", 2)).unwrap();
    chain.submit(ISSUER, mint(FUND, ISSUER, 3)).unwrap();
    for number in [1, 2] {
        chain.submit(ISSUER, transfer(FUND, &account(number), 1)).unwrap();
    }
    assert_refused(chain.submit(1, redeem(1, &["tower"])), "pools", 18);
    chain.submit(1, redeem(1, &BOTH)).unwrap();
    chain.submit(2, redeem(1, &BOTH)).unwrap();
    chain.submit(ISSUER, redeem(1, &BOTH)).unwrap();
    let got = |number| (chain.balance("villa", number), chain.balance("tower", number));
    assert_eq!([got(1), got(2), got(ISSUER)], [(2, 0), (2, 1), (996, 999)]);
    assert_eq!((kept(&chain, "villa"), kept(&chain, "tower")), (0, 0));
}

#[test]
fn nobody_withdraws_or_dilutes_while_units_are_outstanding() {
    let mut chain = chain_with_fund();
    assert_refused(chain.submit(ISSUER, mint(FUND, ISSUER, 1)), "assets", 57);
    assert_refused(chain.submit(ISSUER, withdraw("villa", 1)), "pools", 14);
    assert_refused(chain.submit(ISSUER, form(FUND, &["villa"])), "pools", 14);
    // Nobody has a mandate of the account, and it cannot give one.
    let operation = transfer("villa", &account(2), 1);
    let operation = Operation { kind: Some(operation) }.encode_to_vec().into();
    let principal = pool_account().to_bytes();
    let act = Kind::ActFor(accounts::ActFor { principal, operation });
    assert_refused(chain.submit(ISSUER, act), "accounts", 29);
    let vote = Kind::CastVote(votes::CastVote {
        asset: asset("villa").to_bytes(),
        proposal: 1,
        choice: votes::VoteChoice::Yes.into(),
        on_behalf_of: vec![pool_account().to_bytes()],
        ..votes::CastVote::default()
    });
    let spend = proposal("villa", "usdx", 5);
    chain.submit(ISSUER, spend).unwrap();
    let result = chain.submit(ISSUER, vote);
    assert!(result.is_err(), "the account of a pool has delegated to nobody");
}

fn proposal(name: &str, currency: &str, units: u64) -> Kind {
    let spend = votes::TreasurySpend {
        currency: asset(currency).to_bytes(),
        to: account(4).to_bytes(),
        amount: units.to_string(),
    };
    let outcome = Some(votes::proposal_outcome::Outcome::TreasurySpend(spend));
    Kind::SubmitProposal(votes::SubmitProposal {
        asset: asset(name).to_bytes(),
        title: "take it".to_owned(),
        outcome: Some(votes::ProposalOutcome { outcome }),
        voting_period_blocks: 2,
        quorum_bps: 1,
        threshold_bps: 1,
        record_height: 0,
    })
}

#[test]
fn a_vote_spends_the_treasury_and_never_what_the_pool_keeps() {
    let mut chain = chain_with_members();
    open(&mut chain, FUND);
    chain.submit(ISSUER, form(FUND, &["usdx"])).unwrap();
    chain.submit(ISSUER, contribute(FUND, "usdx", 500)).unwrap();
    chain.submit(ISSUER, mint(FUND, ISSUER, 10)).unwrap();
    chain.next_block();
    chain.submit(ISSUER, proposal(FUND, "usdx", 500)).unwrap();
    chain.next_block();
    chain
        .submit(
            ISSUER,
            Kind::CastVote(votes::CastVote {
                asset: asset(FUND).to_bytes(),
                proposal: 1,
                choice: votes::VoteChoice::Yes.into(),
                ..votes::CastVote::default()
            }),
        )
        .unwrap();
    chain.skip_blocks(5);
    let close = votes::CloseProposal { asset: asset(FUND).to_bytes(), proposal: 1 };
    chain.submit(ISSUER, Kind::CloseProposal(close)).unwrap();
    let leaf: votes::Proposal = chain.get(&StateKey::proposal(&asset(FUND), 1)).unwrap();
    assert_ne!(leaf.status(), votes::ProposalStatus::Executed);
    assert_eq!((kept(&chain, "usdx"), chain.balance("usdx", 4)), (500, START_BALANCE.into()));
}

#[test]
fn units_are_never_stuck_in_the_account_of_a_pool() {
    let mut chain = chain_with_fund();
    // Sent by mistake, given up for nothing, earned and not collected.
    chain.submit(2, transfer("eurx", &pool_account(), 77)).unwrap();
    chain.submit(2, pay_income("villa", "usdx", 1_000)).unwrap();
    chain.submit(1, burn(FUND, 40)).unwrap();
    chain.submit(ISSUER, burn(FUND, 60)).unwrap();
    assert_refused(chain.submit(2, collect("usdx", &BOTH)), "distributions", 11);
    chain.submit(ISSUER, status(FUND, AssetStatus::Retired)).unwrap();
    assert_refused(chain.submit(ISSUER, contribute(FUND, "villa", 1)), "assets", 29);
    chain.submit(2, claim_income("villa", "usdx", &pool_account())).unwrap();
    assert_refused(chain.submit(1, withdraw("villa", 600)), "assets", 30);
    for (name, units) in [("villa", 600), ("tower", 300), ("eurx", 77), ("usdx", 600)] {
        chain.submit(ISSUER, withdraw(name, units)).unwrap();
        assert_eq!(kept(&chain, name), 0);
    }
    let key = StateKey::holding(&asset("villa"), &pool_account());
    assert_eq!(chain.get::<Holding>(&key), None);
    assert_refused(chain.submit(ISSUER, withdraw("villa", 1)), "transfers", 13);
}

#[test]
fn wrapping_in_a_pool_does_not_bypass_a_freeze() {
    let mut chain = chain_with_fund();
    let frozen = |chain: &mut TestChain, name: &str, holder: &Address, units: u64| {
        let mut holding = chain.holding_of(name, holder);
        holding.frozen = amount(units);
        chain.set(StateKey::holding(&asset(name), holder), &holding);
    };
    let mut contributor = chain.clone();
    frozen(&mut contributor, "villa", &account(ISSUER), 400);
    assert_refused(contributor.submit(ISSUER, contribute(FUND, "villa", 1)), "transfers", 13);
    let mut holder = chain.clone();
    frozen(&mut holder, FUND, &account(1), 40);
    assert_refused(holder.submit(1, redeem(1, &BOTH)), "transfers", 13);
    // A member that is frozen where it lies can be left behind, and then taken by who waits.
    frozen(&mut chain, "villa", &pool_account(), 600);
    assert_refused(chain.submit(1, redeem(20, &BOTH)), "transfers", 13);
    chain.submit(1, redeem(20, &["tower"])).unwrap();
    frozen(&mut chain, "villa", &pool_account(), 0);
    chain.submit(1, redeem(20, &BOTH)).unwrap();
    assert_eq!((chain.balance("villa", 1), chain.balance("tower", 1)), (150, 120));
}

#[test]
fn units_of_a_regulated_asset_enter_a_pool_only_as_its_rules_allow() {
    let mut chain = TestChain::new();
    let params = StateKey::params();
    let authority = account(ISSUER).to_bytes();
    chain.set(params, &Params { authority, ..chain.get(&params).unwrap() });
    let Kind::RegisterAsset(registration) = register("villa") else { unreachable!() };
    let registration = assets::RegisterAsset { regulated: true, ..registration };
    chain.submit(ISSUER, Kind::RegisterAsset(registration)).unwrap();
    let appraisal = chain.signed_appraisal("villa", chain.block.time_ms);
    chain.submit(ISSUER, Kind::AppendAppraisal(appraisal)).unwrap();
    let activate = assets::ActivateAsset { asset: asset("villa").to_bytes() };
    chain.submit(ISSUER, Kind::ActivateAsset(activate)).unwrap();
    let known = rule::Rule::Claims(compliance::ClaimRule {
        side: Side::Receiver.into(),
        condition: ClaimCondition::AllOf.into(),
        claim_types: vec![1],
    });
    let issuer = account(20).to_bytes();
    let trusted = compliance::TrustedIssuer { issuer, claim_types: vec![1], until_ms: 0 };
    let rules = compliance::RuleSet {
        trusted_issuers: vec![trusted],
        rules: vec![compliance::Rule { rule: Some(known) }],
    };
    let (id, rules) = (asset("villa").to_bytes(), Some(rules));
    chain.submit(ISSUER, Kind::SetRules(compliance::SetRules { asset: id, rules })).unwrap();
    chain.submit(ISSUER, Kind::RegisterIdentity(compliance::RegisterIdentity {})).unwrap();
    let claim = compliance::Claim {
        identity: account(ISSUER).to_bytes(),
        claim_type: 1,
        issuer: account(20).to_bytes(),
        ..compliance::Claim::default()
    };
    let key = StateKey::claim(&account(ISSUER), 1, &account(20), None);
    chain.set(key, &compliance::Claim { expires_ms: 2_000_000, ..claim });
    chain.submit(ISSUER, mint("villa", ISSUER, 100)).unwrap();
    open(&mut chain, FUND);
    chain.submit(ISSUER, form(FUND, &["villa"])).unwrap();
    let refused = chain.submit(ISSUER, contribute(FUND, "villa", 1)).unwrap_err();
    assert_eq!(refused.codespace, "eligibility", "{refused}");
}

#[test]
fn what_the_members_earn_reaches_the_holders_pro_rata() {
    let mut chain = chain_with_fund();
    chain.submit(2, pay_income("villa", "usdx", 1_000)).unwrap();
    chain.submit(2, pay_income("tower", "usdx", 100)).unwrap();
    // The pool has 600 of 1,000 villas and 300 of 1,000 towers; anybody collects for it.
    let events = chain.submit(5, collect("usdx", &BOTH)).unwrap();
    let [_, _, EventKind::IncomePaid(paid)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((paid.amount.as_str(), &paid.payer), ("630", &pool_account().to_bytes()));
    assert_eq!((claimable_by(&chain, ISSUER), claimable_by(&chain, 1)), (vec![378], vec![252]));
    chain.submit(1, claim_income(FUND, "usdx", &account(1))).unwrap();
    assert_eq!(chain.balance("usdx", 1), u128::from(START_BALANCE) + 252);
    // Collected by the way for any holder, it lies in the account, and is not lost.
    chain.submit(2, pay_income("villa", "usdx", 100)).unwrap();
    chain.submit(5, claim_income("villa", "usdx", &pool_account())).unwrap();
    assert_eq!(kept(&chain, "usdx"), 60);
    chain.submit(5, collect("usdx", &BOTH)).unwrap();
    assert_eq!((kept(&chain, "usdx"), claimable_by(&chain, 1)), (0, vec![24]));
    // Only the issuer opens a currency, as for any asset.
    chain.submit(ISSUER, pay_income("villa", "eurx", 10)).unwrap();
    assert_refused(chain.submit(5, collect("eurx", &["villa"])), "distributions", 13);
    chain.submit(ISSUER, pay_income(FUND, "eurx", 100)).unwrap();
    chain.submit(5, collect("eurx", &["villa"])).unwrap();
    assert_eq!(claimable_by(&chain, 1), [24, 42]);
}

#[test]
fn cash_of_the_basket_is_not_paid_out_as_income() {
    let mut chain = chain_with_members();
    open(&mut chain, FUND);
    chain.submit(ISSUER, form(FUND, &["usdx", "villa"])).unwrap();
    chain.submit(ISSUER, contribute(FUND, "usdx", 500)).unwrap();
    chain.submit(ISSUER, contribute(FUND, "villa", 600)).unwrap();
    chain.submit(ISSUER, mint(FUND, 1, 100)).unwrap();
    chain.submit(2, pay_income("villa", "usdx", 1_000)).unwrap();
    chain.submit(5, collect("usdx", &["villa"])).unwrap();
    assert_eq!((kept(&chain, "usdx"), claimable_by(&chain, 1)), (500, vec![600]));
    chain.submit(1, redeem(50, &["usdx", "villa"])).unwrap();
    assert_eq!((kept(&chain, "usdx"), kept(&chain, "villa")), (250, 300));
}

#[test]
fn splits_of_a_pool_and_of_a_member_change_nobodys_part() {
    let mut chain = chain_with_fund();
    chain.submit(ISSUER, split("villa", 3, 1)).unwrap();
    chain.submit(ISSUER, split(FUND, 2, 1)).unwrap();
    assert_eq!(kept(&chain, "villa"), 1_800);
    chain.submit(1, redeem(80, &BOTH)).unwrap();
    assert_eq!((chain.balance("villa", 1), chain.balance("tower", 1)), (720, 120));
    assert_refused(chain.submit(ISSUER, mint(FUND, ISSUER, 1)), "assets", 57);
}

#[test]
fn the_largest_amounts_are_multiplied_without_overflow() {
    let mut chain = chain_with_fund();
    let most = Amount::MAX;
    for (name, holder) in [("villa", pool_account()), (FUND, account(1))] {
        let (id, supply) = (asset(name), most.to_string());
        for number in 0..6 {
            let none = Holding::default();
            chain.set(StateKey::holding(&id, &account(number)), &none);
        }
        let holding = Holding { balance: most, ..Holding::default() };
        chain.set(StateKey::holding(&id, &holder), &holding);
        let totals = AssetTotals { supply, holder_count: 1, ..chain.totals(name) };
        chain.set(StateKey::asset_totals(&id), &totals);
    }
    let half = u64::MAX;
    chain.submit(1, redeem(half, &["villa"])).unwrap();
    assert_eq!(chain.balance("villa", 1), half.into());
    let rest = chain.balance(FUND, 1);
    let redeem = pb::RedeemUnits {
        pool: asset(FUND).to_bytes(),
        amount: rest.to_string(),
        members: ids(&BOTH),
    };
    chain.submit(1, Kind::RedeemUnits(redeem)).unwrap();
    assert_eq!((chain.balance("villa", 1), kept(&chain, "villa")), (most.base_units(), 0));
}

#[test]
fn pools_do_not_keep_each_other_for_ever() {
    let mut chain = chain_with_fund();
    open(&mut chain, "other");
    // Named while it was none, it has become a pool before anything was delivered.
    open(&mut chain, "late");
    chain.submit(ISSUER, form("other", &["late"])).unwrap();
    chain.submit(ISSUER, form("late", &["villa"])).unwrap();
    chain.submit(ISSUER, mint("late", ISSUER, 10)).unwrap();
    assert_refused(chain.submit(ISSUER, contribute("other", "late", 1)), "pools", 15);
}

#[test]
fn holders_redeem_in_one_block_as_they_would_one_by_one() {
    let mut serial = chain_with_fund();
    let mut planned = serial.clone();
    let block = [ISSUER, 1, 1, 2].map(|sender| TestTx {
        sender,
        operations: vec![redeem(20, &BOTH), transfer("villa", &account(3), 50)],
    });
    assert_eq!(serial.run(&block, false), planned.run(&block, true));
    assert_eq!(serial.leaves(), planned.leaves());
}

#[test]
fn units_of_a_pool_do_not_come_into_its_own_account() {
    let mut chain = chain_with_fund();
    assert_refused(chain.submit(1, transfer(FUND, &pool_account(), 1)), "transfers", 25);
    chain.submit(1, burn(FUND, 40)).unwrap();
    chain.submit(ISSUER, burn(FUND, 60)).unwrap();
    let (asset, to) = (asset(FUND).to_bytes(), pool_account().to_bytes());
    let mint = Kind::MintUnits(assets::MintUnits { asset, to, amount: "1".into() });
    assert_refused(chain.submit(ISSUER, mint), "transfers", 25);
}

#[test]
fn what_tranches_are_paid_in_is_no_member_of_their_pool() {
    let mut chain = chain_with_members();
    for name in [FUND, "senior", "junior"] {
        open(&mut chain, name);
    }
    let tranches = || Kind::CreateTranches(divide(FUND, 0, &[("senior", 5, 1), ("junior", 0, 0)]));
    chain.submit(ISSUER, form(FUND, &["usdx", "villa"])).unwrap();
    assert_refused(chain.submit(ISSUER, tranches()), "pools", 26);
    chain.submit(ISSUER, form(FUND, &["villa"])).unwrap();
    chain.submit(ISSUER, tranches()).unwrap();
    assert_refused(chain.submit(ISSUER, form(FUND, &["usdx", "villa"])), "pools", 26);
}

#[test]
fn nothing_is_paid_in_its_own_units() {
    let mut chain = chain_with_members();
    open(&mut chain, FUND);
    assert_refused(chain.submit(1, collect(FUND, &[])), "pools", 12);
    let currency = asset("usdx").to_bytes();
    let parent = pb::CreateTranches { parent: currency, ..divide(FUND, 0, &[("senior", 0, 0)]) };
    assert_refused(chain.submit(ISSUER, Kind::CreateTranches(parent)), "pools", 12);
    let tranche = divide(FUND, 0, &[("usdx", 0, 0)]);
    assert_refused(chain.submit(ISSUER, Kind::CreateTranches(tranche)), "pools", 12);
}

#[test]
fn collateral_of_tranches_is_not_redeemed_or_withdrawn() {
    let mut chain = chain_with_members();
    for name in [FUND, "senior", "junior"] {
        open(&mut chain, name);
    }
    chain.submit(ISSUER, form(FUND, &["villa"])).unwrap();
    chain.submit(ISSUER, contribute(FUND, "villa", 600)).unwrap();
    let tranches = divide(FUND, 0, &[("senior", 5, 1), ("junior", 0, 0)]);
    chain.submit(ISSUER, Kind::CreateTranches(tranches)).unwrap();
    chain.submit(ISSUER, mint("senior", 1, 100)).unwrap();
    assert_refused(chain.submit(ISSUER, withdraw("villa", 1)), "pools", 14);
    assert_refused(chain.submit(ISSUER, form(FUND, &["tower"])), "pools", 14);
    assert_refused(chain.submit(1, transfer("senior", &pool_account(), 1)), "transfers", 25);
    chain.submit(ISSUER, mint(FUND, ISSUER, 10)).unwrap();
    assert_refused(chain.submit(ISSUER, redeem(10, &["villa"])), "pools", 14);
    // What the pool earns goes to the tranches.
    chain.submit(2, pay_income("villa", "usdx", 1_000)).unwrap();
    chain.submit(3, collect("usdx", &["villa"])).unwrap();
    chain.submit(1, claim_income("senior", "usdx", &account(1))).unwrap();
    assert_eq!(chain.balance("usdx", 1), u128::from(START_BALANCE) + 600);
    // Without their units the pool is as any other.
    chain.submit(1, burn("senior", 100)).unwrap();
    chain.submit(2, pay_income("villa", "usdx", 1_000)).unwrap();
    chain.submit(3, collect("usdx", &["villa"])).unwrap();
    assert_eq!(claimable_by(&chain, ISSUER), [600]);
    chain.submit(ISSUER, redeem(10, &["villa"])).unwrap();
    assert_eq!(kept(&chain, "villa"), 0);
}
