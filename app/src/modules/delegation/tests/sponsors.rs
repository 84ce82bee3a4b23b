//! Fees that others pay: who may set them aside, and which transactions they cover.

use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1 as pb;
use tessera_proto::state_key::StateKey;

use crate::modules::accounts::{AccountError, Sponsored, fee_credit};
use crate::modules::testing::{Kind, TestChain, account, amount, assert_refused};
use crate::state::error::{ExecutionError, Rejected};

const SPONSOR: u8 = 1;
const HOLDER: u8 = 2;

fn sponsor(to: u8, units: u64, expires_ms: u64, only: &[&str]) -> Kind {
    Kind::SponsorFees(pb::SponsorFees {
        account: account(to).to_bytes(),
        amount: units.to_string(),
        expires_ms,
        operations: only.iter().map(|name| (*name).to_owned()).collect(),
    })
}

fn chain() -> TestChain {
    let mut chain = TestChain::new();
    let account = account(SPONSOR).to_bytes();
    let top_up = pb::TopUpFees { account, amount: "100".to_owned() };
    chain.submit(SPONSOR, Kind::TopUpFees(top_up)).unwrap();
    chain
}

fn credit(chain: &TestChain, number: u8) -> u128 {
    let leaf: pb::Account = chain.get(&StateKey::account(&account(number))).unwrap_or_default();
    fee_credit(&leaf).unwrap().base_units()
}

fn set_aside(chain: &TestChain) -> Option<pb::Sponsorship> {
    chain.get(&StateKey::sponsorship(&account(SPONSOR), &account(HOLDER)))
}

fn charge(
    chain: &mut TestChain,
    payer: Address,
    name: &'static str,
    fee: u64,
) -> Result<(), Rejected> {
    let (sender, time_ms) = (account(HOLDER), chain.block.time_ms);
    let sponsored = Sponsored { payer: &payer, sender: &sender, operations: &[name] };
    chain.with_view(|view| sponsored.charge(view, amount(fee), time_ms)).map_err(
        |error| match error {
            ExecutionError::Rejected(rejected) => rejected,
            ExecutionError::Fault(fault) => panic!("{fault}"),
        },
    )
}

#[test]
fn sponsoring_is_refused_in_order_of_precedence() {
    let mut chain = chain();
    let now = chain.block.time_ms;
    let nobody = Kind::SponsorFees(pb::SponsorFees::default());
    for (kind, code) in [
        (nobody, 1),
        (sponsor(HOLDER, 1, 0, &["Nothing", "Nothing"]), 27),
        (sponsor(HOLDER, 1, 0, &["Transfer", "MintUnits"]), 28),
        (sponsor(HOLDER, 1, 0, &["Transfer", "Transfer"]), 28),
        (sponsor(SPONSOR, 1, 0, &[]), 24),
        (sponsor(HOLDER, 101, now, &[]), 25),
        (sponsor(HOLDER, 101, now + 1, &[]), 26),
    ] {
        assert_refused(chain.submit(SPONSOR, kind), "accounts", code);
    }
    assert_eq!(credit(&chain, SPONSOR), 100);
}

#[test]
fn what_is_set_aside_comes_back_when_it_is_replaced_or_ended() {
    let mut chain = chain();
    let later = chain.block.time_ms + 1_000;
    chain.submit(SPONSOR, sponsor(HOLDER, 60, later, &[])).unwrap();
    assert_eq!(credit(&chain, SPONSOR), 40);
    // All of it may be set aside anew, for it comes back first.
    chain.submit(SPONSOR, sponsor(HOLDER, 100, later, &["Transfer"])).unwrap();
    assert_eq!(credit(&chain, SPONSOR), 0);
    charge(&mut chain, account(SPONSOR), "Transfer", 30).unwrap();
    chain.submit(SPONSOR, sponsor(HOLDER, 0, 0, &[])).unwrap();
    assert_eq!((credit(&chain, SPONSOR), set_aside(&chain)), (70, None));
}

#[test]
fn a_sponsorship_covers_what_it_says_until_it_is_over_or_used_up() {
    let mut chain = chain();
    let payer = account(SPONSOR);
    assert_refused(charge(&mut chain, payer, "Transfer", 1), "accounts", 20);
    let later = chain.block.time_ms + 1_000;
    chain.submit(SPONSOR, sponsor(HOLDER, 50, later, &["ClaimIncome", "Transfer"])).unwrap();
    assert_refused(charge(&mut chain, account(3), "Transfer", 1), "accounts", 20);
    assert_refused(charge(&mut chain, payer, "BurnUnits", 51), "accounts", 22);
    assert_refused(charge(&mut chain, payer, "Transfer", 51), "accounts", 23);
    charge(&mut chain, payer, "ClaimIncome", 20).unwrap();
    charge(&mut chain, payer, "Transfer", 30).unwrap();
    assert_refused(charge(&mut chain, payer, "Transfer", 1), "accounts", 23);
    assert_eq!(set_aside(&chain).unwrap().credit, "0");
    // Over means that the time has reached the end.
    chain.block.time_ms = later;
    assert_refused(charge(&mut chain, payer, "BurnUnits", 0), "accounts", 21);
}

#[test]
fn codes_of_sponsorships_are_stable() {
    let (payer, sender) = (account(1), account(2));
    let error = AccountError::NotSponsored { payer, sender };
    assert_eq!(error.code(), 20);
    assert!(error.to_string().starts_with(&format!("{payer} has set no fees aside for {sender}")));
}
