//! What {freeze, seizure, recovery, expiry of KYC, split, a record date, retirement} do to {a hold,
//! an order, unclaimed income, an open ballot}: one row each, as the page on compliance says it.

use bytes::Bytes;
use tessera_proto::id::Address;
use tessera_proto::pb::assets::v1 as assets;
use tessera_proto::pb::distributions::v1 as distributions;
use tessera_proto::pb::market::v1 as market;
use tessera_proto::pb::votes::v1 as votes;
use tessera_proto::state_key::StateKey;

use super::desk::{Desk, ESCROW, KYC, Outcome, VALIDITY_MS, VILLA, max_balance};
use crate::modules::testing::{self, ISSUER, Kind, account, amount, asset};

/// Account 1 holds 100 of 1,000 units, has placed a hold of 60 for account 2, has 10 of income
/// to claim and may vote on proposal 1; account 7 is its other wallet.
fn scene() -> Desk {
    let mut desk = Desk::new(vec![]);
    desk.link(1, 7).unwrap();
    desk.send(ISSUER, 1, 100).unwrap();
    let income = distributions::PayIncome {
        asset: asset(VILLA).to_bytes(),
        currency: asset("usdx").to_bytes(),
        amount: "100".to_owned(),
        memo_sha256: Bytes::new(),
    };
    desk.submit(ISSUER, Kind::PayIncome(income)).unwrap();
    desk.hold(1, 2, 60).unwrap();
    desk.chain.next_block();
    let spend = votes::TreasurySpend {
        currency: asset("usdx").to_bytes(),
        to: account(2).to_bytes(),
        amount: "1".to_owned(),
    };
    let outcome = votes::proposal_outcome::Outcome::TreasurySpend(spend);
    let proposal = votes::SubmitProposal {
        asset: asset(VILLA).to_bytes(),
        title: "spend".to_owned(),
        outcome: Some(votes::ProposalOutcome { outcome: Some(outcome) }),
        voting_period_blocks: 100,
        quorum_bps: 100,
        threshold_bps: 5_000,
        record_height: 0,
    };
    desk.submit(ISSUER, Kind::SubmitProposal(proposal)).unwrap();
    desk.chain.next_block();
    desk
}

type Action = fn(&mut Desk);

fn freeze(desk: &mut Desk) {
    desk.freeze(1).unwrap();
    desk.set_frozen(1, 1_000).unwrap();
}

fn seize(desk: &mut Desk) {
    desk.force(1, 3, 100).unwrap();
}

fn recover(desk: &mut Desk) {
    desk.recover(1, 7).unwrap();
}

/// Two units for one.
fn split(desk: &mut Desk) {
    desk.submit(ISSUER, testing::split(VILLA, 2, 1)).unwrap();
    desk.chain.next_block();
}

/// A record date of the asset.
fn record(desk: &mut Desk) {
    let asset = asset(VILLA).to_bytes();
    let record = distributions::TakeRecord { asset, height: 0 };
    desk.submit(ISSUER, Kind::TakeRecord(record)).unwrap();
    desk.chain.next_block();
}

fn burn(desk: &mut Desk, number: u8, units: u64) -> Outcome {
    let (asset, amount) = (asset(VILLA).to_bytes(), units.to_string());
    desk.submit(number, Kind::BurnUnits(assets::BurnUnits { asset, amount }))
}

fn end_of_life(desk: &mut Desk) -> Outcome {
    let status = assets::AssetStatus::Retired.into();
    let (asset, reason_sha256) = (asset(VILLA).to_bytes(), Bytes::new());
    let change = assets::ChangeAssetStatus { asset, status, reason_sha256 };
    desk.submit(ISSUER, Kind::ChangeAssetStatus(change))
}

/// The hold is released, all units are burned, and the asset comes to its end.
fn retire(desk: &mut Desk) {
    desk.release(ESCROW, 1, 1).unwrap();
    burn(desk, 1, 100).unwrap();
    burn(desk, ISSUER, 900).unwrap();
    end_of_life(desk).unwrap();
}

fn expire(desk: &mut Desk) {
    // All claims end; all but the holder renew theirs.
    desk.chain.block.time_ms += VALIDITY_MS;
    for number in [ISSUER, 2, 3] {
        desk.claim(number, KYC, "").unwrap();
    }
}

/// The code that refuses, 0 when it works.
fn code<T>(outcome: Result<T, crate::state::error::Rejected>) -> u32 {
    outcome.map_or_else(|error| error.code, |_| 0)
}

#[test]
fn holds() {
    // Who holds it in the end, whether it can be executed there, whether it can be released.
    for (action, holder, executed, released) in [
        (freeze as Action, 1, 17, 0),
        (seize, 1, 36, 36),
        (recover, 7, 0, 0),
        (expire, 1, 34, 0),
        (split, 1, 0, 0),
        (record, 1, 0, 0),
    ] {
        let mut desk = scene();
        action(&mut desk);
        let mut other = Desk { chain: desk.chain.clone() };
        assert_eq!(code(desk.execute(ESCROW, holder, 1)), executed);
        assert_eq!(code(other.release(ESCROW, holder, 1)), released);
    }
}

#[test]
fn a_hold_outlives_the_holders_claims_only_as_long_as_it_is_not_executed() {
    let mut desk = scene();
    desk.revoke(1, KYC).unwrap();
    assert_eq!(code(desk.execute(ESCROW, 1, 1)), 14);
    assert_eq!(code(desk.release(ESCROW, 1, 1)), 0);
}

fn claim_income(desk: &mut Desk, number: u8) -> u128 {
    let before = desk.chain.balance("usdx", number);
    let (asset, currency) = (asset(VILLA).to_bytes(), asset("usdx").to_bytes());
    let message = distributions::ClaimIncome { asset, currency, ..Default::default() };
    match desk.submit(number, Kind::ClaimIncome(message)) {
        Ok(_) => desk.chain.balance("usdx", number) - before,
        Err(_) => 0,
    }
}

#[test]
fn unclaimed_income() {
    // What the wallet, its sister and whoever got the units can claim of it.
    for (action, own, other, receiver) in [
        (freeze as Action, 10, 0, 0),
        (seize, 10, 0, 0),
        (recover, 0, 10, 0),
        (expire, 10, 0, 0),
        (split, 10, 0, 0),
        (record, 10, 0, 0),
        (retire, 10, 0, 0),
    ] {
        let mut desk = scene();
        action(&mut desk);
        let claimed = [1, 7, 3].map(|number| claim_income(&mut desk, number));
        assert_eq!(claimed, [own, other, receiver]);
    }
}

fn vote(desk: &mut Desk, number: u8) -> u128 {
    let message = votes::CastVote {
        asset: asset(VILLA).to_bytes(),
        proposal: 1,
        choice: 1,
        ..Default::default()
    };
    if desk.submit(number, Kind::CastVote(message)).is_err() {
        return 0;
    }
    let key = StateKey::vote(&asset(VILLA), 1, &account(number));
    desk.chain.get::<votes::Vote>(&key).unwrap().weight.parse().unwrap()
}

#[test]
fn open_ballot() {
    // Votes of the wallet, of its sister and of whoever got the units.
    for (action, own, other, receiver) in [
        (freeze as Action, 100, 0, 0),
        (seize, 100, 0, 0),
        (recover, 100, 0, 0),
        (expire, 100, 0, 0),
        (split, 100, 0, 0),
        (record, 100, 0, 0),
        (retire, 100, 0, 0),
    ] {
        let mut desk = scene();
        action(&mut desk);
        assert_eq!([1, 7, 3].map(|number| vote(&mut desk, number)), [own, other, receiver]);
    }
}

/// Account 1 offers 30 units to anybody; account 2, whose claims are well, wants them.
fn offer_and_accept() -> (Kind, Kind) {
    let (villa, usdx) = (asset(VILLA).to_bytes(), asset("usdx").to_bytes());
    let offer = market::OfferUnits {
        number: 1,
        asset: villa.clone(),
        amount: "30".to_owned(),
        currency: usdx.clone(),
        price: "5".to_owned(),
        buyer: Bytes::new(),
        expires_ms: u64::MAX,
    };
    let accept = market::AcceptOffer {
        seller: account(1).to_bytes(),
        number: 1,
        asset: villa,
        amount: "30".to_owned(),
        currency: usdx,
        price: "5".to_owned(),
    };
    (Kind::OfferUnits(offer), Kind::AcceptOffer(accept))
}

#[test]
fn orders() {
    // How a buyer is refused: the units are released, their holder is not eligible any more, or
    // they are other units.
    for (action, refused) in [
        (freeze as Action, ("market", 19)),
        (seize, ("market", 19)),
        (recover, ("market", 19)),
        (expire, ("eligibility", 14)),
        // There are 60 units for the price now; the buyer has agreed to 30.
        (split, ("market", 15)),
    ] {
        let mut desk = scene();
        let (offer, accept) = offer_and_accept();
        desk.submit(1, offer).unwrap();
        assert_eq!(desk.chain.holding(VILLA, 1).encumbered, amount(90));
        action(&mut desk);
        let error = desk.submit(2, accept).unwrap_err();
        assert_eq!((error.codespace, error.code), refused, "{error}");
    }
}

#[test]
fn holds_orders_and_limits_grow_with_a_split() {
    let mut desk = scene();
    let (offer, accept) = offer_and_accept();
    desk.submit(1, offer).unwrap();
    desk.set_frozen(1, 5).unwrap();
    split(&mut desk);
    let holding = desk.chain.holding(VILLA, 1);
    assert_eq!((holding.balance, holding.frozen), (amount(200), amount(10)));
    assert_eq!((holding.encumbered, holding.free()), (amount(180), amount(10)));
    let Kind::AcceptOffer(accept) = accept else { unreachable!() };
    let accept = market::AcceptOffer { amount: "60".to_owned(), ..accept };
    desk.submit(2, Kind::AcceptOffer(accept)).unwrap();
    desk.execute(ESCROW, 1, 1).unwrap();
    assert_eq!((desk.balance(1), desk.balance(2)), (20, 180));
    assert_eq!(desk.record(2).balance, "180");
    desk.set_frozen(1, 0).unwrap();
    desk.set_rules(vec![max_balance(190)]).unwrap();
    split(&mut desk);
    assert_eq!(desk.send(1, 2, 21).unwrap_err().codespace, "eligibility");
    desk.send(1, 2, 20).unwrap();
    assert_eq!((desk.balance(1), desk.balance(2)), (20, 380));
}

#[test]
fn an_offer_of_regulated_units_is_accepted_by_the_eligible_only() {
    let mut desk = scene();
    let (offer, accept) = offer_and_accept();
    desk.submit(1, offer).unwrap();
    desk.revoke(2, KYC).unwrap();
    assert_eq!(desk.submit(2, accept.clone()).unwrap_err().codespace, "eligibility");
    desk.submit(3, accept).unwrap();
    assert_eq!((desk.balance(1), desk.balance(3)), (70, 30));
    assert_eq!(desk.chain.holding(VILLA, 1).encumbered, amount(60));
}

#[test]
fn a_frozen_amount_leaves_orders_and_they_are_refused_when_accepted() {
    let mut desk = scene();
    let (offer, accept) = offer_and_accept();
    desk.submit(1, offer).unwrap();
    desk.set_frozen(1, 1_000).unwrap();
    assert_eq!(desk.chain.holding(VILLA, 1).encumbered, amount(90), "the order stands");
    let error = desk.submit(2, accept.clone()).unwrap_err();
    assert_eq!((error.codespace, error.code), ("transfers", 13), "{error}");
    assert_eq!(desk.chain.holding(VILLA, 1).encumbered, amount(90), "and still does");
    // When other units than those on offer are frozen, the order is carried out.
    desk.set_frozen(1, 10).unwrap();
    desk.submit(2, accept).unwrap();
    assert_eq!((desk.balance(1), desk.balance(2)), (70, 30));
}

/// Cancels the order of account 1, or releases its hold.
fn unbind(desk: &mut Desk, order: bool) {
    if order {
        let (seller, asset) = (account(1).to_bytes(), asset(VILLA).to_bytes());
        desk.submit(1, Kind::CancelOffer(market::CancelOffer { seller, number: 1, asset }))
            .unwrap();
    } else {
        desk.release(ESCROW, 1, 1).unwrap();
    }
}

#[test]
fn what_binds_units_keeps_their_asset_from_being_retired() {
    for order in [false, true] {
        let mut desk = scene();
        if order {
            unbind(&mut desk, false);
            desk.submit(1, offer_and_accept().0).unwrap();
        }
        burn(&mut desk, ISSUER, 900).unwrap();
        let bound = if order { 30 } else { 60 };
        assert_eq!(burn(&mut desk, 1, 101 - bound).unwrap_err().code, 13);
        burn(&mut desk, 1, 100 - bound).unwrap();
        let error = end_of_life(&mut desk).unwrap_err();
        assert_eq!((error.codespace, error.code), ("assets", 28), "{error}");
        unbind(&mut desk, order);
        burn(&mut desk, 1, bound).unwrap();
        end_of_life(&mut desk).unwrap();
    }
}

/// What accounts get of a distribution of one base unit for each unit of the latest record date.
fn distribute(desk: &mut Desk, numbers: &[u8]) -> Vec<u128> {
    let terms = testing::distribution_terms(1_000, (desk.chain.block.time_ms, u64::MAX));
    let declared = distributions::DeclareDistribution {
        record: desk.chain.facts(VILLA).record_number,
        ..testing::distribution(VILLA, ("1", "1"), terms)
    };
    desk.submit(ISSUER, Kind::DeclareDistribution(declared)).unwrap();
    let claim = |number: &u8| {
        let before = desk.chain.balance("usdx", *number);
        let asset = asset(VILLA).to_bytes();
        let claim = distributions::ClaimDistribution { asset, distribution: 1 };
        let _ = desk.submit(*number, Kind::ClaimDistribution(claim));
        desk.chain.balance("usdx", *number) - before
    };
    numbers.iter().map(claim).collect()
}

#[test]
fn a_record_date_counts_bound_units_for_who_still_holds_them() {
    let mut desk = scene();
    let (offer, accept) = offer_and_accept();
    desk.submit(1, offer).unwrap();
    record(&mut desk);
    // Hold and order are carried out afterwards; the parts are those of the date.
    desk.execute(ESCROW, 1, 1).unwrap();
    desk.submit(3, accept).unwrap();
    assert_eq!([1, 2, 3].map(|number| desk.balance(number)), [10, 60, 30]);
    assert_eq!(distribute(&mut desk, &[1, 2, 3]), [100, 0, 0]);
}

#[test]
fn an_open_ballot_outlives_its_asset_and_is_counted() {
    let mut desk = scene();
    let treasury = Address::treasury(&asset(VILLA));
    desk.submit(3, testing::transfer("usdx", &treasury, 1)).unwrap();
    retire(&mut desk);
    assert_eq!(vote(&mut desk, ISSUER), 900);
    desk.chain.skip_blocks(101);
    let close = votes::CloseProposal { asset: asset(VILLA).to_bytes(), proposal: 1 };
    desk.submit(3, Kind::CloseProposal(close)).unwrap();
    let proposal: votes::Proposal = desk.chain.get(&StateKey::proposal(&asset(VILLA), 1)).unwrap();
    assert_eq!(proposal.status(), votes::ProposalStatus::Executed);
    assert_eq!(desk.chain.holding_of("usdx", &treasury).balance, amount(0));
}
