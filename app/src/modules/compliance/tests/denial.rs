//! An account that is denied the chain receives nothing: one cell for each way in which units reach
//! an account, and nobody else waits for it.

use bytes::Bytes;
use tessera_proto::id::Address;
use tessera_proto::leaf::{Holding, Leaf as _};
use tessera_proto::pb::accounts::v1 as accounts;
use tessera_proto::pb::chain::v1::Params;
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::pb::distributions::v1 as distributions;
use tessera_proto::pb::market::v1 as market;
use tessera_proto::pb::royalties::v1 as royalties;
use tessera_proto::pb::transfers::v1 as transfers;
use tessera_proto::state_key::{Namespace, StateKey};

use super::desk::{Desk, ESCROW, HOLD_MS, VILLA, force, recover};
use crate::modules::testing::{
    self, ISSUER, Kind, START_BALANCE, TestChain, TestTx, account, amount, assert_refused, asset,
    distribution_terms, mint, transfer,
};
use crate::modules::transfers::movement;

/// Who is denied the chain. It has another wallet.
const DENIED: u8 = 4;
/// A plain asset.
const MILL: &str = "mill";
/// When the distribution is paid, and when it ends.
const PAYMENT_MS: u64 = 1_003_000;
const EXPIRES_MS: u64 = 1_200_000;

fn sanction(sanctioned: bool) -> Kind {
    Kind::SetSanction(pb::SetSanction {
        account: account(DENIED).to_bytes(),
        sanctioned,
        document_sha256: Bytes::from_static(&[5; 32]),
    })
}

fn share(account: Address, share_bps: u32) -> royalties::RoyaltyShare {
    royalties::RoyaltyShare { account: account.to_bytes(), share_bps }
}

fn pay_royalty(units: u64) -> Kind {
    Kind::PayRoyalty(royalties::PayRoyalty {
        asset: asset(MILL).to_bytes(),
        currency: asset("usdx").to_bytes(),
        amount: units.to_string(),
    })
}

fn list_of(account: Address) -> Kind {
    Kind::AddRoyaltyRecipients(royalties::AddRoyaltyRecipients {
        asset: asset(MILL).to_bytes(),
        first: true,
        last: true,
        resale_bps: 500,
        shares: vec![share(account, 10_000)],
    })
}

fn push(holders: &[u8]) -> Kind {
    let mut holders: Vec<Bytes> = holders.iter().map(|n| account(*n).to_bytes()).collect();
    holders.sort();
    let asset = asset(MILL).to_bytes();
    Kind::PushDistribution(distributions::PushDistribution { asset, distribution: 1, holders })
}

/// 1 for each unit of the first record, a tenth of it withheld for a tax account.
fn distribution(tax_account: u8) -> Kind {
    let terms = distributions::DistributionTerms {
        withholding_bps: 1_000,
        tax_account: account(tax_account).to_bytes(),
        ..distribution_terms(1_000, (PAYMENT_MS, EXPIRES_MS))
    };
    Kind::DeclareDistribution(testing::distribution(MILL, ("1", "1"), terms))
}

/// The account has 100 of 1,000 units of the mill, of which it sells 10, income and royalties to
/// claim, a part in a distribution, and a hold and an allowance are for it.
fn scene() -> Desk {
    let mut desk = Desk::new(vec![]);
    desk.chain.add_asset(MILL);
    let (mill, usdx) = (asset(MILL).to_bytes(), asset("usdx").to_bytes());
    desk.submit(ISSUER, transfer(MILL, &account(DENIED), 100)).unwrap();
    desk.submit(ISSUER, transfer(MILL, &account(1), 100)).unwrap();
    desk.admit(DENIED);
    desk.link(DENIED, 7).unwrap();
    desk.send(ISSUER, 7, 5).unwrap();
    desk.chain.next_block();
    let record = distributions::TakeRecord { asset: mill.clone(), height: 0 };
    desk.submit(ISSUER, Kind::TakeRecord(record)).unwrap();
    desk.chain.next_block();
    desk.submit(ISSUER, distribution(3)).unwrap();
    let income = distributions::PayIncome {
        asset: mill.clone(),
        currency: usdx.clone(),
        amount: "100".to_owned(),
        memo_sha256: Bytes::new(),
    };
    desk.submit(ISSUER, Kind::PayIncome(income)).unwrap();
    desk.submit(ISSUER, list_of(account(DENIED))).unwrap();
    desk.submit(1, pay_royalty(70)).unwrap();
    let hold = pb::PlaceHold { asset: usdx.clone(), ..desk.hold_of(DENIED, 5) };
    desk.submit(1, Kind::PlaceHold(hold)).unwrap();
    let allowance = transfers::ApproveSpender {
        asset: usdx.clone(),
        spender: account(2).to_bytes(),
        amount: "10".to_owned(),
        expires_ms: 0,
    };
    desk.submit(1, Kind::ApproveSpender(allowance)).unwrap();
    let offer = market::OfferUnits {
        number: 1,
        asset: mill,
        amount: "10".to_owned(),
        currency: usdx,
        price: "50".to_owned(),
        buyer: Bytes::new(),
        expires_ms: desk.chain.block.time_ms + HOLD_MS,
    };
    desk.submit(DENIED, Kind::OfferUnits(offer)).unwrap();
    desk
}

/// Every way in which units reach the account, with who brings them.
fn ways() -> Vec<(u8, Kind)> {
    let (mill, usdx, denied) =
        (asset(MILL).to_bytes(), asset("usdx").to_bytes(), account(DENIED).to_bytes());
    let (one, memo_sha256) = ("1".to_owned(), Bytes::new());
    let leg = |to: u8| transfers::TransferLeg { to: account(to).to_bytes(), amount: "1".into() };
    let batch = transfers::BatchTransfer {
        asset: usdx.clone(),
        legs: vec![leg(3), leg(DENIED)],
        memo_sha256: memo_sha256.clone(),
    };
    let spend = transfers::TransferFrom {
        asset: usdx.clone(),
        from: account(1).to_bytes(),
        to: denied.clone(),
        amount: one,
        memo_sha256,
    };
    let acceptance = market::AcceptOffer {
        seller: denied.clone(),
        number: 1,
        asset: mill.clone(),
        amount: "10".to_owned(),
        currency: usdx.clone(),
        price: "50".to_owned(),
    };
    let (asset_id, currency, recipient) = (mill.clone(), usdx.clone(), denied.clone());
    let royalty = royalties::ClaimRoyalty { asset: asset_id, list: 1, currency, recipient };
    let hold = pb::ExecuteHold { asset: usdx.clone(), holder: account(1).to_bytes(), number: 1 };
    let income = distributions::ClaimIncome { asset: mill.clone(), currency: usdx, holder: denied };
    vec![
        (1, transfer("usdx", &account(DENIED), 1)),
        (1, Kind::BatchTransfer(batch)),
        (2, Kind::TransferFrom(spend)),
        (ISSUER, mint(MILL, DENIED, 1)),
        (3, Kind::AcceptOffer(acceptance)),
        (ESCROW, Kind::ExecuteHold(hold)),
        (1, Kind::ClaimIncome(income)),
        (1, Kind::ClaimRoyalty(royalty)),
        (1, push(&[DENIED])),
        (ISSUER, Kind::ForcedTransfer(pb::ForcedTransfer { asset: mill, ..force(1, DENIED, 1) })),
        (ISSUER, Kind::RecoverWallet(recover(7, DENIED))),
        (ISSUER, transfer(VILLA, &account(DENIED), 1)),
    ]
}

#[test]
fn nothing_reaches_a_denied_account_by_any_way_until_it_is_admitted_again() {
    let mut desk = scene();
    desk.submit(ISSUER, sanction(true)).unwrap();
    desk.chain.block.time_ms = PAYMENT_MS;
    for (sender, kind) in ways() {
        let before = desk.chain.leaves().clone();
        assert_refused(desk.submit(sender, kind), "eligibility", 12);
        assert_eq!(*desk.chain.leaves(), before);
    }
    let top_up = accounts::TopUpFees { account: account(DENIED).to_bytes(), amount: "1".into() };
    assert_refused(desk.submit(1, Kind::TopUpFees(top_up.clone())), "accounts", 19);
    desk.submit(ISSUER, sanction(false)).unwrap();
    for (sender, kind) in ways() {
        let what = format!("{kind:?}");
        desk.submit(sender, kind).unwrap_or_else(|refusal| panic!("{what}: {refusal}"));
    }
    desk.submit(1, Kind::TopUpFees(top_up)).unwrap();
}

#[test]
fn nobody_waits_for_a_denied_account() {
    let mut desk = scene();
    let treasury = Address::treasury(&asset(MILL));
    let in_treasury = |desk: &Desk| desk.chain.holding_of("usdx", &treasury).balance.base_units();
    let gained = |desk: &Desk, number: u8| {
        i128::try_from(desk.chain.balance("usdx", number)).unwrap() - i128::from(START_BALANCE)
    };
    desk.submit(ISSUER, sanction(true)).unwrap();
    // A page of holders passes it over.
    desk.chain.block.time_ms = PAYMENT_MS;
    let (one, three) = (gained(&desk, 1), gained(&desk, 3));
    assert_eq!(desk.submit(5, push(&[1, DENIED])).unwrap().len(), 1);
    assert_eq!((gained(&desk, 1) - one, gained(&desk, 3) - three), (90, 10));
    // Its part of a royalty that is paid at once goes to the treasury.
    let mut shares = vec![share(account(DENIED), 4_000), share(account(3), 6_000)];
    shares.sort_by(|one, other| one.account.cmp(&other.account));
    let schedule = royalties::RoyaltySchedule { shares, ..royalties::RoyaltySchedule::default() };
    let (id, schedule) = (asset(MILL).to_bytes(), Some(schedule));
    let set = royalties::SetRoyaltySchedule { asset: id.clone(), schedule };
    desk.submit(ISSUER, Kind::SetRoyaltySchedule(set)).unwrap();
    let three = gained(&desk, 3);
    let events = desk.submit(1, pay_royalty(10)).unwrap();
    let [EventKind::RoyaltyPaid(paid)] = events.as_slice() else { panic!("{events:?}") };
    assert!(paid.payouts.iter().any(|payout| payout.account == treasury.to_bytes()));
    assert_eq!((in_treasury(&desk), gained(&desk, 3) - three), (4, 6));
    // So does the tax that it would get.
    desk.submit(ISSUER, distribution(DENIED)).unwrap();
    let message = distributions::PushDistribution {
        asset: id.clone(),
        distribution: 2,
        holders: vec![account(1).to_bytes()],
    };
    desk.submit(5, Kind::PushDistribution(message)).unwrap();
    assert_eq!(in_treasury(&desk), 4 + 10);
    // So does what is left of a distribution, if its payer is denied.
    let key = StateKey::wallet(&account(ISSUER));
    let wallet: pb::Wallet = desk.chain.get(&key).unwrap();
    desk.chain.set(key, &pb::Wallet { sanctioned: true, ..wallet });
    desk.chain.block.time_ms = EXPIRES_MS;
    let close = distributions::CloseDistribution { asset: id, distribution: 2 };
    desk.submit(5, Kind::CloseDistribution(close)).unwrap();
    assert_eq!(in_treasury(&desk), 4 + 10 + 900);
}

/// Base units of the currency in all holdings, and how many there should be.
fn held_and_supply(desk: &Desk) -> (u128, u128) {
    let prefix = [&[Namespace::Holding.byte()], asset("usdx").as_bytes().as_slice()].concat();
    let all = desk.chain.leaves().iter().filter(|(key, _)| key.as_bytes().starts_with(&prefix));
    let held = all.map(|(_, leaf)| Holding::from_leaf_bytes(leaf).unwrap().balance.base_units());
    (held.sum(), desk.chain.totals("usdx").supply.parse().unwrap())
}

#[test]
fn regress_a_part_whose_tax_nobody_may_receive_is_passed_over_whole() {
    let mut desk = scene();
    let (mill, treasury) = (asset(MILL).to_bytes(), Address::treasury(&asset(MILL)));
    let deny = |sanctioned| {
        Kind::SetSanction(pb::SetSanction {
            account: treasury.to_bytes(),
            sanctioned,
            document_sha256: Bytes::from_static(&[5; 32]),
        })
    };
    let Kind::DeclareDistribution(mut declared) = distribution(3) else { unreachable!() };
    let untaxed = account(DENIED).to_bytes();
    let rate = distributions::WithholdingRate { account: untaxed, withholding_bps: 0 };
    let terms = declared.terms.as_mut().unwrap();
    (terms.tax_account, terms.rates) = (treasury.to_bytes(), vec![rate]);
    desk.submit(ISSUER, Kind::DeclareDistribution(declared)).unwrap();
    desk.submit(ISSUER, deny(true)).unwrap();
    desk.chain.block.time_ms = PAYMENT_MS;
    let before = desk.chain.balance("usdx", 1);
    let Kind::PushDistribution(page) = push(&[1, DENIED]) else { unreachable!() };
    let page = distributions::PushDistribution { distribution: 2, ..page };
    let events = desk.submit(5, Kind::PushDistribution(page)).unwrap();
    assert_eq!(events.len(), 1, "only who owes no tax is paid");
    assert_eq!(desk.chain.balance("usdx", 1), before);
    let (held, supply) = held_and_supply(&desk);
    assert_eq!(held, supply);
    let claim = distributions::ClaimDistribution { asset: mill, distribution: 2 };
    let claim = Kind::ClaimDistribution(claim);
    assert_refused(desk.submit(1, claim.clone()), "eligibility", 12);
    desk.submit(ISSUER, deny(false)).unwrap();
    desk.submit(1, claim.clone()).unwrap();
    assert_refused(desk.submit(1, claim), "distributions", 31);
    assert_eq!(desk.chain.balance("usdx", 1), before + 90);
    assert_eq!(desk.chain.holding_of("usdx", &treasury).balance, amount(10));
    let (held, supply) = held_and_supply(&desk);
    assert_eq!(held, supply);
}

#[test]
fn what_a_denied_account_is_owed_is_there_when_it_is_admitted_again() {
    let mut desk = scene();
    desk.submit(ISSUER, sanction(true)).unwrap();
    desk.submit(1, pay_royalty(30)).unwrap();
    desk.submit(ISSUER, list_of(account(3))).unwrap();
    desk.submit(ISSUER, sanction(false)).unwrap();
    let before = desk.chain.balance("usdx", DENIED);
    desk.chain.block.time_ms = PAYMENT_MS;
    for (sender, kind) in ways() {
        if matches!(kind, Kind::ClaimRoyalty(_) | Kind::ClaimIncome(_) | Kind::PushDistribution(_))
        {
            desk.submit(sender, kind).unwrap();
        }
    }
    // 100 of royalties, a tenth of 100 of income, and 100 less the tax.
    assert_eq!(desk.chain.balance("usdx", DENIED), before + 100 + 10 + 90);
}

#[test]
fn a_hold_of_a_denied_account_stands_still_and_can_be_released() {
    let mut desk = scene();
    let hold = pb::PlaceHold { asset: asset("usdx").to_bytes(), ..desk.hold_of(3, 5) };
    desk.submit(DENIED, Kind::PlaceHold(hold)).unwrap();
    desk.submit(ISSUER, sanction(true)).unwrap();
    let (usdx, holder) = (asset("usdx").to_bytes(), account(DENIED).to_bytes());
    let execute = pb::ExecuteHold { asset: usdx.clone(), holder: holder.clone(), number: 1 };
    assert_refused(desk.submit(ESCROW, Kind::ExecuteHold(execute)), "transfers", 22);
    let release = pb::ReleaseHold { asset: usdx, holder, number: 1 };
    desk.submit(ESCROW, Kind::ReleaseHold(release)).unwrap();
}

#[test]
fn a_dry_run_says_that_the_receiver_is_denied() {
    let mut desk = scene();
    desk.submit(ISSUER, sanction(true)).unwrap();
    let (block, from) = (desk.chain.block.clone(), account(1));
    let verdicts = desk.chain.with_view(|view| {
        let leg = (account(DENIED), amount(1));
        movement::verdicts(view, &block, &asset("usdx"), &from, leg).unwrap()
    });
    let failed: Vec<_> = verdicts.iter().filter(|verdict| verdict.refusal.is_some()).collect();
    let [verdict] = failed.as_slice() else { panic!("{failed:?}") };
    assert_eq!((verdict.check, verdict.account), ("sanctions", Some(account(DENIED))));
}

#[test]
fn payments_to_one_account_run_side_by_side_and_after_its_denial_none_of_them() {
    let mut chain = TestChain::new();
    let params = StateKey::params();
    let authority = account(ISSUER).to_bytes();
    let with_authority = Params { authority, ..chain.get(&params).unwrap() };
    chain.set(params, &with_authority);
    let pay = |sender| TestTx {
        sender,
        operations: vec![transfer("usdx", &account(DENIED), u64::from(sender))],
    };
    assert_eq!(chain.groups_of(&[pay(1), pay(2), pay(3)]), 3);
    let deny = TestTx { sender: ISSUER, operations: vec![sanction(true)] };
    for planned in [false, true] {
        let mut chain = chain.clone();
        let mut results = chain.run(&[pay(1), deny.clone(), pay(2), pay(3)], planned).into_iter();
        assert!(results.next().unwrap().is_ok() && results.next().unwrap().is_ok());
        for refused in results {
            assert_refused(refused, "eligibility", 12);
        }
        assert_eq!(chain.balance("usdx", DENIED), u128::from(START_BALANCE) + 1);
    }
}
