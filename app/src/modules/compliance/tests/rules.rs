//! Rules: each verdict, net effects, exemptions, and counters that need no back-fill.

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::leaf::Leaf as _;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::pb::compliance::v1::{ClaimCondition, RuleKind, Side, rule};
use tessera_proto::pb::transfers::v1 as transfers;
use tessera_proto::state_key::{HolderBucket, StateKey};

use super::desk::{ACCREDITED, COUNTRY, Desk, KYC, VILLA, claims, holders, max_balance, set_rules};
use crate::modules::testing::{
    ISSUER, Kind, TestTx, account, amount, assert_refused, asset, mint, transfer,
};
use crate::modules::transfers::movement;
use crate::state::view::StateReader as _;

fn countries(deny: bool, countries: &[&str]) -> rule::Rule {
    rule::Rule::Countries(pb::CountryRule {
        side: Side::Receiver.into(),
        deny,
        countries: countries.iter().map(|country| (*country).to_owned()).collect(),
    })
}

fn max_share(bps: u32) -> rule::Rule {
    let limit = Some(pb::balance_limit::Limit::MaxShareBps(bps));
    rule::Rule::Balance(pb::BalanceLimit { limit })
}

fn velocity(window_ms: u64, units: u64) -> rule::Rule {
    rule::Rule::Velocity(pb::VelocityLimit { window_ms, max_amount: units.to_string() })
}

fn lock_up(period_ms: u64) -> rule::Rule {
    rule::Rule::LockUp(pb::LockUp { period_ms })
}

fn batch(legs: &[(u8, u64)]) -> Kind {
    let leg = |(to, units): &(u8, u64)| transfers::TransferLeg {
        to: account(*to).to_bytes(),
        amount: units.to_string(),
    };
    Kind::BatchTransfer(transfers::BatchTransfer {
        asset: asset(VILLA).to_bytes(),
        legs: legs.iter().map(leg).collect(),
        memo_sha256: Bytes::new(),
    })
}

#[test]
fn rules_of_wrong_form_are_refused() {
    let mut desk = Desk::new(vec![]);
    let eight: Vec<u32> = (1..=9).collect();
    for (rule, code) in [
        (claims(Side::Unspecified, ClaimCondition::AllOf, &[KYC]), 7),
        (claims(Side::Both, ClaimCondition::Unspecified, &[KYC]), 7),
        (claims(Side::Both, ClaimCondition::AllOf, &[]), 8),
        (claims(Side::Both, ClaimCondition::AllOf, &eight), 8),
        (claims(Side::Both, ClaimCondition::AllOf, &[0]), 7),
        (countries(true, &[]), 8),
        (countries(true, &["DEU"]), 5),
        (countries(true, &["d1"]), 7),
        (holders(0, 0, ""), 7),
        (holders(1, KYC, "DE"), 7),
        (max_balance(0), 4),
        (max_share(10_001), 7),
        (rule::Rule::Balance(pb::BalanceLimit { limit: None }), 1),
        (velocity(0, 1), 7),
        (velocity(1, 0), 4),
        (lock_up(u64::MAX), 7),
    ] {
        assert_refused(desk.set_rules(vec![rule]), "compliance", code);
    }
    assert_refused(desk.set_rules(vec![max_balance(1); 16]), "compliance", 8);
    assert_refused(desk.submit(1, set_rules(vec![])), "assets", 30);
    let asset = asset("usdx").to_bytes();
    let Kind::SetRules(message) = set_rules(vec![]) else { unreachable!() };
    let of_currency = pb::SetRules { asset, ..message };
    assert_refused(desk.submit(ISSUER, Kind::SetRules(of_currency)), "compliance", 28);
    assert_refused(desk.submit(ISSUER, Kind::SetRules(pb::SetRules::default())), "compliance", 1);
}

#[test]
fn regress_two_rules_that_defeat_each_other_are_refused() {
    let mut desk = Desk::new(vec![]);
    for (rules, kind) in [
        (vec![lock_up(32_000), lock_up(16_000)], "lock-up"),
        (vec![velocity(10_000, 50), max_balance(500), velocity(1_000, 10)], "velocity"),
    ] {
        let refused = desk.set_rules(rules).unwrap_err();
        assert_eq!((refused.codespace, refused.code), ("compliance", 40));
        assert!(refused.message.contains(kind), "{refused}");
    }
    desk.set_rules(vec![lock_up(16_000), velocity(1_000, 10), max_balance(500)]).unwrap();
    // Those that stand already are read as before.
    let Kind::SetRules(message) = set_rules(vec![lock_up(1), lock_up(2)]) else { unreachable!() };
    desk.chain.set(StateKey::rule_set(&asset(VILLA)), &message.rules.unwrap());
    desk.send(ISSUER, 1, 1).unwrap();
}

#[test]
fn units_reach_identities_only() {
    let mut desk = Desk::new(vec![]);
    assert_refused(desk.send(ISSUER, 9, 1), "eligibility", 11);
    assert_refused(desk.submit(ISSUER, mint(VILLA, 9, 1)), "eligibility", 11);
    let treasury = tessera_proto::id::Address::treasury(&asset(VILLA));
    assert_refused(desk.submit(ISSUER, transfer(VILLA, &treasury, 1)), "eligibility", 11);
    desk.send(ISSUER, 1, 1).unwrap();
}

#[test]
fn claims_are_asked_of_the_side_that_a_rule_names() {
    let any = claims(Side::Receiver, ClaimCondition::AnyOf, &[ACCREDITED, 1_000]);
    let mut desk = Desk::new(vec![any]);
    let refused = desk.chain.submit(ISSUER, transfer(VILLA, &account(1), 1)).unwrap_err();
    assert_eq!((refused.codespace, refused.code), ("eligibility", 14));
    desk.claim(1, ACCREDITED, "").unwrap();
    desk.send(ISSUER, 1, 1).unwrap();
    let none = claims(Side::Sender, ClaimCondition::NoneOf, &[ACCREDITED]);
    desk.set_rules(vec![none]).unwrap();
    assert_refused(desk.send(1, 2, 1), "eligibility", 15);
    desk.revoke(1, ACCREDITED).unwrap();
    desk.send(1, 2, 1).unwrap();
}

#[test]
fn countries_are_allowed_or_denied_and_none_is_neither() {
    let mut desk = Desk::new(vec![countries(false, &["FR", "DE"])]);
    desk.send(ISSUER, 1, 1).unwrap();
    desk.claim(1, COUNTRY, "US").unwrap();
    assert_refused(desk.send(ISSUER, 1, 1), "eligibility", 17);
    desk.set_rules(vec![countries(true, &["US"])]).unwrap();
    assert_refused(desk.send(ISSUER, 1, 1), "eligibility", 17);
    desk.send(ISSUER, 2, 1).unwrap();
    desk.revoke(2, COUNTRY).unwrap();
    assert_refused(desk.send(ISSUER, 2, 1), "eligibility", 16);
}

#[test]
fn counters_are_kept_from_birth_so_that_a_late_rule_is_right() {
    let mut desk = Desk::new(vec![]);
    for to in [1, 2] {
        desk.send(ISSUER, to, 10).unwrap();
    }
    assert_eq!(desk.count(HolderBucket::All), 3);
    assert_eq!(desk.count(HolderBucket::Country(*b"DE")), 3);
    desk.set_rules(vec![holders(3, 0, "")]).unwrap();
    assert_refused(desk.send(ISSUER, 3, 10), "eligibility", 18);
    desk.send(1, 2, 10).unwrap();
    assert_eq!(desk.count(HolderBucket::All), 2);
    desk.send(ISSUER, 3, 10).unwrap();
    desk.set_rules(vec![holders(2, 0, "DE")]).unwrap();
    assert_refused(desk.send(2, 1, 10), "eligibility", 18);
    desk.send(2, 3, 10).unwrap();
}

#[test]
fn holder_limits_see_the_net_effect_of_a_transfer() {
    let mut desk = Desk::new(vec![holders(2, 0, "")]);
    desk.send(ISSUER, 1, 10).unwrap();
    // Who leaves makes room for who joins.
    desk.send(1, 2, 10).unwrap();
    assert_refused(desk.submit(2, batch(&[(1, 5), (3, 5)])), "eligibility", 18);
    desk.set_rules(vec![holders(3, 0, "")]).unwrap();
    desk.submit(2, batch(&[(1, 5), (3, 5)])).unwrap();
    assert_eq!(desk.count(HolderBucket::All), 3);
}

#[test]
fn holders_of_a_kind_are_counted_as_their_claims_change() {
    let accredited = HolderBucket::ClaimType(ACCREDITED);
    let mut desk = Desk::new(vec![holders(1, ACCREDITED, "")]);
    desk.send(ISSUER, 1, 10).unwrap();
    desk.claim(1, ACCREDITED, "").unwrap();
    assert_eq!(desk.count(accredited), 0);
    let refresh = |number: u8| {
        let (asset, identity) = (asset(VILLA).to_bytes(), account(number).to_bytes());
        Kind::RefreshHolder(pb::RefreshHolder { asset, identity })
    };
    desk.submit(9, refresh(1)).unwrap();
    assert_eq!(desk.count(accredited), 1);
    desk.claim(2, ACCREDITED, "").unwrap();
    assert_refused(desk.send(ISSUER, 2, 10), "eligibility", 18);
    desk.send(ISSUER, 3, 10).unwrap();
    // Who holds already is counted anew, not refused.
    desk.claim(3, ACCREDITED, "").unwrap();
    desk.send(ISSUER, 3, 10).unwrap();
    assert_eq!(desk.count(accredited), 2);
    desk.revoke(1, ACCREDITED).unwrap();
    desk.send(1, 3, 1).unwrap();
    assert_eq!(desk.count(accredited), 1);
    assert_refused(desk.submit(9, refresh(2)), "compliance", 29);
}

#[test]
fn two_wallets_of_one_identity_are_one_holder_under_one_cap() {
    let mut desk = Desk::new(vec![max_balance(1_000), holders(2, 0, "")]);
    desk.link(1, 7).unwrap();
    desk.send(ISSUER, 1, 600).unwrap();
    desk.set_rules(vec![max_balance(600), holders(2, 0, "")]).unwrap();
    // At the cap and at the limit of holders: between own wallets that does not matter.
    desk.send(1, 7, 200).unwrap();
    assert_eq!(desk.count(HolderBucket::All), 2);
    assert_eq!(desk.record(1).balance, "600");
    assert_refused(desk.send(ISSUER, 7, 1), "eligibility", 19);
    assert_refused(desk.send(ISSUER, 1, 1), "eligibility", 19);
    desk.send(7, ISSUER, 200).unwrap();
    assert_eq!(desk.record(1).balance, "400");
    // The freeze of a wallet is not evaded by the other one.
    desk.freeze(7).unwrap();
    assert_refused(desk.send(1, 7, 1), "eligibility", 13);
}

#[test]
fn balance_and_share_are_limited_per_identity() {
    let mut desk = Desk::new(vec![max_share(1_000)]);
    assert_refused(desk.send(ISSUER, 1, 101), "eligibility", 19);
    desk.send(ISSUER, 1, 100).unwrap();
    // More units make the share larger.
    desk.exempt(ISSUER, &[RuleKind::Balance]).unwrap();
    desk.submit(ISSUER, mint(VILLA, ISSUER, 10)).unwrap();
    desk.send(ISSUER, 1, 1).unwrap();
    assert_refused(desk.send(ISSUER, 1, 1), "eligibility", 19);
}

#[test]
fn an_exemption_frees_from_one_kind_of_rule() {
    let mut desk = Desk::new(vec![max_balance(2_000), holders(1, 0, "")]);
    assert_refused(desk.exempt(9, &[RuleKind::Holders]), "compliance", 22);
    assert_refused(desk.exempt(1, &[RuleKind::Unspecified]), "compliance", 7);
    assert_refused(desk.send(ISSUER, 1, 1), "eligibility", 18);
    desk.exempt(1, &[RuleKind::Holders]).unwrap();
    desk.send(ISSUER, 1, 1).unwrap();
    assert_eq!(desk.count(HolderBucket::All), 2);
    desk.send(1, ISSUER, 1).unwrap();
    desk.exempt(1, &[]).unwrap();
    assert_refused(desk.send(ISSUER, 1, 1), "eligibility", 18);
}

#[test]
fn what_is_sent_within_a_window_is_limited() {
    let mut desk = Desk::new(vec![velocity(10_000, 100)]);
    desk.send(ISSUER, 1, 60).unwrap();
    assert_refused(desk.send(ISSUER, 1, 41), "eligibility", 20);
    desk.send(ISSUER, 1, 40).unwrap();
    desk.chain.block.time_ms += 9_999;
    assert_refused(desk.send(ISSUER, 1, 1), "eligibility", 20);
    desk.chain.block.time_ms += 1;
    desk.send(ISSUER, 1, 100).unwrap();
    // Holding nothing for a moment does not open a new window.
    desk.send(1, 2, 100).unwrap();
    desk.chain.block.time_ms += 10_000;
    desk.send(2, 1, 50).unwrap();
    desk.send(2, 1, 50).unwrap();
    desk.send(1, 2, 1).unwrap();
    assert_refused(desk.send(2, 1, 1), "eligibility", 20);
}

#[test]
fn regress_more_may_be_sent_within_a_window_than_there_are_units() {
    let mut desk = Desk::new(vec![rule::Rule::Velocity(pb::VelocityLimit {
        window_ms: 10_000,
        max_amount: Amount::MAX.to_string(),
    })]);
    desk.send(ISSUER, 1, 60).unwrap();
    let key = StateKey::holder_record(&asset(VILLA), &account(ISSUER));
    let record = desk.record(ISSUER);
    desk.chain.set(key, &pb::HolderRecord { sent: Amount::MAX.to_string(), ..record });
    desk.send(ISSUER, 1, 60).unwrap();
}

#[test]
fn units_that_arrive_are_locked_up_for_a_while() {
    let mut desk = Desk::new(vec![]);
    desk.send(ISSUER, 1, 10).unwrap();
    desk.set_rules(vec![lock_up(16_000)]).unwrap();
    desk.send(ISSUER, 1, 5).unwrap();
    // What came before the rule is free.
    desk.send(1, 2, 10).unwrap();
    let refused = desk.send(1, 2, 1).unwrap_err();
    assert_eq!((refused.codespace, refused.code), ("eligibility", 21));
    desk.link(1, 7).unwrap();
    desk.send(1, 7, 5).unwrap();
    assert_refused(desk.send(7, 2, 1), "eligibility", 21);
    let end = desk.record(1).lots[0].locked_until_ms;
    let now = desk.chain.block.time_ms;
    assert!((now + 16_000..=now + 17_000).contains(&end));
    desk.chain.block.time_ms = end - 1;
    assert_refused(desk.send(7, 2, 1), "eligibility", 21);
    desk.chain.block.time_ms = end;
    desk.send(7, 2, 1).unwrap();
    assert_eq!(desk.record(1).lots, []);
}

#[test]
fn lots_of_a_lock_up_stay_few() {
    let mut desk = Desk::new(vec![lock_up(16_000)]);
    for _ in 0..100 {
        desk.chain.block.time_ms += 170;
        desk.submit(ISSUER, mint(VILLA, 1, 1)).unwrap();
    }
    let record = desk.record(1);
    assert_eq!(record.balance, "100");
    assert!(record.lots.len() <= 17, "{record:?}");
}

#[test]
fn a_dry_run_tells_every_failing_rule_and_what_is_missing() {
    let accredited = claims(Side::Receiver, ClaimCondition::AllOf, &[ACCREDITED]);
    let mut desk = Desk::new(vec![accredited, max_balance(10), countries(false, &["FR"])]);
    desk.set_frozen(ISSUER, 2_000).unwrap();
    let (block, id) = (desk.chain.block.clone(), asset(VILLA));
    let before = desk.chain.leaves().clone();
    let (from, leg) = (account(ISSUER), (account(1), amount(11)));
    let verdicts =
        desk.chain.with_view(|view| movement::verdicts(view, &block, &id, &from, leg)).unwrap();
    assert_eq!(*desk.chain.leaves(), before, "nothing is changed");
    let failed: Vec<(&str, u32, u32)> = verdicts
        .iter()
        .filter_map(|v| v.refusal.as_ref().map(|refusal| (v.check, v.rule, refusal.code)))
        .collect();
    let expected =
        [("free balance", 0, 13), ("claims", 2, 14), ("balance", 3, 19), ("countries", 4, 17)];
    assert_eq!(failed, expected);
    let missing: Vec<&Vec<u32>> = verdicts.iter().map(|v| &v.missing).collect();
    assert!(missing.contains(&&vec![ACCREDITED]));
    // Execution says the same, the first thing first.
    assert_refused(desk.send(ISSUER, 1, 11), "transfers", 13);
    desk.set_frozen(ISSUER, 0).unwrap();
    assert_refused(desk.send(ISSUER, 1, 11), "eligibility", 14);
}

#[test]
fn a_transfer_of_an_unregulated_asset_touches_nothing_of_this() {
    let mut desk = Desk::new(vec![]);
    let before = desk.chain.leaves().clone();
    desk.submit(1, transfer("usdx", &account(2), 5)).unwrap();
    let changed = desk.chain.leaves().iter().filter(|(key, value)| before.get(key) != Some(value));
    assert_eq!(changed.count(), 2);
    let record = tessera_proto::state_key::StateKey::holder_record(&asset("usdx"), &account(1));
    assert!(desk.chain.read(&record).unwrap().is_none());
}

#[test]
fn transfers_of_different_holders_run_side_by_side_unless_a_limit_counts_them() {
    let mut desk = Desk::new(vec![]);
    desk.send(ISSUER, 1, 100).unwrap();
    desk.send(ISSUER, 2, 100).unwrap();
    desk.admit(6);
    let tx = |sender: u8, to: u8| TestTx {
        sender,
        operations: vec![transfer(VILLA, &account(to), 100)],
    };
    let block = [tx(1, 3), tx(2, 6)];
    let groups = |desk: &Desk| desk.chain.groups_of(&block);
    assert_eq!(groups(&desk), 2);
    desk.set_rules(vec![holders(10, 0, "")]).unwrap();
    assert_eq!(groups(&desk), 1);
}

#[test]
fn burning_is_sending_to_nobody() {
    let mut desk = Desk::new(vec![lock_up(16_000)]);
    desk.submit(ISSUER, mint(VILLA, 1, 10)).unwrap();
    let burn = |units: u64| {
        let (asset, amount) = (asset(VILLA).to_bytes(), units.to_string());
        Kind::BurnUnits(tessera_proto::pb::assets::v1::BurnUnits { asset, amount })
    };
    assert_refused(desk.submit(1, burn(1)), "eligibility", 21);
    desk.set_rules(vec![]).unwrap();
    desk.submit(1, burn(4)).unwrap();
    assert_eq!(desk.record(1).balance, "6");
    desk.submit(1, burn(6)).unwrap();
    assert_eq!(desk.count(HolderBucket::All), 1);
}

#[test]
fn records_survive_encoding() {
    let mut desk = Desk::new(vec![lock_up(16_000), velocity(1_000, 1_000)]);
    desk.submit(ISSUER, mint(VILLA, 1, 7)).unwrap();
    desk.exempt(1, &[RuleKind::LockUp]).unwrap();
    desk.send(1, 2, 3).unwrap();
    let record = desk.record(1);
    let bytes = record.to_leaf_bytes();
    assert_eq!(pb::HolderRecord::from_leaf_bytes(&bytes).unwrap(), record);
    assert_eq!((record.sent.as_str(), record.country.as_str()), ("3", "DE"));
}
