//! The life of an asset, cell by cell, and what units may do in each of its stations.

use bytes::Bytes;
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::AssetStatus::{
    self, Active, Cancelled, Finalized, Proposed, Retired, Suspended,
};
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::state_key::StateKey;

use super::{activate, registration};
use crate::modules::testing::{
    ISSUER, Kind, TestChain, account, assert_refused, asset, mint, transfer,
};

const ALL: [AssetStatus; 6] = [Proposed, Finalized, Active, Suspended, Cancelled, Retired];

pub(super) fn change(name: &str, status: AssetStatus) -> Kind {
    Kind::ChangeAssetStatus(pb::ChangeAssetStatus {
        asset: asset(name).to_bytes(),
        status: status.into(),
        reason_sha256: Bytes::from_static(&[6; 32]),
    })
}

pub(super) fn burn(name: &str, units: u64) -> Kind {
    Kind::BurnUnits(pb::BurnUnits { asset: asset(name).to_bytes(), amount: units.to_string() })
}

/// A chain on which the villa, appraised and without units, has a status.
fn chain_with(status: AssetStatus) -> TestChain {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    chain.submit(ISSUER, burn("villa", 1_000)).unwrap();
    let mut facts = chain.facts("villa");
    facts.set_status(status);
    chain.set(StateKey::asset(&asset("villa")), &facts);
    chain
}

#[test]
fn every_step_of_life_is_allowed_or_refused_as_the_table_says() {
    let allowed = [
        (Proposed, Finalized),
        (Proposed, Active),
        (Proposed, Cancelled),
        (Finalized, Active),
        (Finalized, Cancelled),
        (Active, Suspended),
        (Active, Retired),
        (Suspended, Active),
        (Suspended, Retired),
    ];
    for from in ALL {
        for to in ALL {
            let mut chain = chain_with(from);
            let result = chain.submit(ISSUER, change("villa", to));
            if allowed.contains(&(from, to)) {
                let events = result.unwrap();
                assert_eq!(chain.facts("villa").status(), to);
                let activated = matches!(events.as_slice(), [EventKind::AssetActivated(_)]);
                assert_eq!(activated, to == Active && from != Suspended, "{from:?} to {to:?}");
                continue;
            }
            assert_refused(result, "assets", if from == to { 15 } else { 27 });
            assert_eq!(chain.facts("villa").status(), from);
        }
    }
}

#[test]
fn a_change_of_status_is_refused_in_order_of_precedence() {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    let mut malformed = pb::ChangeAssetStatus::default();
    assert_refused(chain.submit(1, Kind::ChangeAssetStatus(malformed.clone())), "assets", 1);
    malformed.asset = asset("nothing").to_bytes();
    malformed.reason_sha256 = Bytes::from_static(&[1; 31]);
    assert_refused(chain.submit(1, Kind::ChangeAssetStatus(malformed.clone())), "assets", 7);
    malformed.status = 7;
    assert_refused(chain.submit(1, Kind::ChangeAssetStatus(malformed.clone())), "assets", 7);
    malformed.status = Retired.into();
    assert_refused(chain.submit(1, Kind::ChangeAssetStatus(malformed)), "assets", 2);
    assert_refused(chain.submit(1, change("nothing", Retired)), "assets", 11);
    assert_refused(chain.submit(1, change("villa", Retired)), "assets", 30);
    assert_refused(chain.submit(1, change("villa", Cancelled)), "assets", 30);
    assert_refused(chain.submit(ISSUER, change("villa", Cancelled)), "assets", 27);
    assert_refused(chain.submit(ISSUER, change("villa", Retired)), "assets", 28);
    chain.submit(ISSUER, Kind::RegisterAsset(registration("tower"))).unwrap();
    assert_refused(chain.submit(ISSUER, change("tower", Active)), "assets", 17);
    chain.submit(ISSUER, change("tower", Finalized)).unwrap();
    assert_refused(chain.submit(ISSUER, activate("tower")), "assets", 17);
}

#[test]
fn units_are_issued_burned_and_moved_only_while_the_asset_is_active() {
    let operations = [
        (mint("villa", ISSUER, 5), "assets", 16),
        (burn("villa", 5), "assets", 16),
        (transfer("villa", &account(1), 5), "transfers", 12),
    ];
    for status in ALL {
        for (operation, codespace, code) in &operations {
            let mut chain = TestChain::new();
            chain.add_asset("villa");
            let mut facts = chain.facts("villa");
            facts.set_status(status);
            chain.set(StateKey::asset(&asset("villa")), &facts);
            let result = chain.submit(ISSUER, operation.clone());
            match status {
                Active => drop(result.unwrap()),
                _ => assert_refused(result, codespace, *code),
            }
        }
    }
}

#[test]
fn a_suspended_asset_goes_on_where_it_was() {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    chain.submit(ISSUER, change("villa", Suspended)).unwrap();
    let error = chain.submit(ISSUER, transfer("villa", &account(1), 5)).unwrap_err();
    assert!(error.message.ends_with("the asset is suspended, not active"), "{error}");
    chain.submit(ISSUER, change("villa", Active)).unwrap();
    chain.submit(ISSUER, transfer("villa", &account(1), 5)).unwrap();
}

#[test]
fn burning_takes_free_units_out_of_the_supply() {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    chain.submit(ISSUER, transfer("villa", &account(1), 10)).unwrap();
    let mut holding = chain.holding("villa", 1);
    holding.frozen = crate::modules::testing::amount(4);
    chain.set(StateKey::holding(&asset("villa"), &account(1)), &holding);
    assert_refused(chain.submit(1, burn("nothing", 1)), "assets", 11);
    assert_refused(chain.submit(1, burn("villa", 7)), "transfers", 13);
    let events = chain.submit(1, burn("villa", 6)).unwrap();
    let [EventKind::UnitsBurned(event)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.holder.clone(), event.amount.as_str()), (account(1).to_bytes(), "6"));
    assert_eq!((chain.balance("villa", 1), chain.totals("villa").supply.as_str()), (4, "994"));
    chain.submit(ISSUER, burn("villa", 990)).unwrap();
    assert_eq!(chain.totals("villa").holder_count, 1);
    // What was burned may be issued again.
    chain.submit(ISSUER, mint("villa", 2, 999_996)).unwrap();
    assert_refused(chain.submit(ISSUER, mint("villa", 2, 1)), "assets", 18);
}

#[test]
fn the_supply_at_a_record_date_outlives_a_burn() {
    let mut chain = TestChain::new();
    let id = chain.add_asset("villa");
    let mut facts = chain.facts("villa");
    facts.record_height = chain.block.height;
    let record = facts.record_height;
    chain.set(StateKey::asset(&id), &facts);
    chain.next_block();
    chain.submit(ISSUER, burn("villa", 300)).unwrap();
    let supply = chain.with_view(|view| crate::modules::assets::supply_at(view, &id, record));
    assert_eq!(supply.unwrap(), Some(crate::modules::testing::amount(1_000)));
}

#[test]
fn income_from_before_the_end_of_an_asset_can_still_be_claimed() {
    use tessera_proto::pb::distributions::v1 as income;
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    let (villa, usdx) = (asset("villa").to_bytes(), asset("usdx").to_bytes());
    let payment = income::PayIncome {
        asset: villa.clone(),
        currency: usdx.clone(),
        amount: "500".to_owned(),
        memo_sha256: Bytes::new(),
    };
    chain.submit(ISSUER, Kind::PayIncome(payment)).unwrap();
    chain.submit(ISSUER, burn("villa", 1_000)).unwrap();
    chain.submit(ISSUER, change("villa", Retired)).unwrap();
    let before = chain.balance("usdx", ISSUER);
    let claim = income::ClaimIncome { asset: villa, currency: usdx, ..Default::default() };
    chain.submit(ISSUER, Kind::ClaimIncome(claim)).unwrap();
    assert_eq!(chain.balance("usdx", ISSUER), before + 500);
}
