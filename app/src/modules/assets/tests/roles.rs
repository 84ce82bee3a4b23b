//! Who may act for an asset, until when, and who decides on that.

use bytes::Bytes;
use prost::Message as _;
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::{AssetStatus, Role, RoleGrants};
use tessera_proto::pb::chain::v1::Event;
use tessera_proto::state_key::StateKey;

use super::life_cycle::{burn, change};
use crate::modules::assets::roles::require;
use crate::modules::testing::{
    ISSUER, Kind, TestChain, account, assert_refused, asset, mint, register,
};
use crate::state::error::ExecutionError;

const ROLES: [Role; 7] = [
    Role::Issuer,
    Role::Agent,
    Role::Appraiser,
    Role::Auditor,
    Role::Custodian,
    Role::Servicer,
    Role::Minter,
];

pub(super) fn grant(name: &str, to: u8, role: Role, expires_ms: u64) -> Kind {
    Kind::GrantRole(pb::GrantRole {
        asset: asset(name).to_bytes(),
        account: account(to).to_bytes(),
        role: role.into(),
        expires_ms,
    })
}

fn revoke(name: &str, from: u8, role: Role) -> Kind {
    let (asset, account) = (asset(name).to_bytes(), account(from).to_bytes());
    Kind::RevokeRole(pb::RevokeRole { asset, account, role: role.into() })
}

fn document(name: &str) -> Kind {
    let document = pb::Document {
        name: "survey".to_owned(),
        uri: String::new(),
        sha256: Bytes::from_static(&[8; 32]),
    };
    let asset = asset(name).to_bytes();
    Kind::AddDocument(pb::AddDocument { asset, document: Some(document) })
}

fn has(chain: &mut TestChain, number: u8, role: Role) -> bool {
    let (id, now_ms) = (asset("villa"), chain.block.time_ms);
    match chain.with_view(|view| require(view, &id, &account(number), role, now_ms)) {
        Ok(()) => true,
        Err(ExecutionError::Rejected(error)) => {
            assert_eq!((error.codespace, error.code), ("assets", 30));
            false
        }
        Err(ExecutionError::Fault(fault)) => panic!("{fault}"),
    }
}

#[test]
fn a_role_is_over_when_its_time_is_reached() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let now = chain.block.time_ms;
    // ISSUER last, for it stands in for others.
    for role in ROLES.into_iter().rev() {
        assert!(!has(&mut chain, 1, role));
        chain.submit(ISSUER, grant("villa", 1, role, now + 10)).unwrap();
        assert!(has(&mut chain, 1, role), "{role:?}");
    }
    chain.block.time_ms = now + 9;
    assert!(ROLES.into_iter().all(|role| has(&mut chain, 1, role)));
    chain.block.time_ms = now + 10;
    assert!(!ROLES.into_iter().any(|role| has(&mut chain, 1, role)));
}

#[test]
fn the_issuer_stands_in_for_those_who_act_and_not_for_those_who_check() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let now = chain.block.time_ms;
    chain.submit(ISSUER, grant("villa", 1, Role::Issuer, now + 10)).unwrap();
    for number in [ISSUER, 1] {
        let held: Vec<bool> = ROLES.into_iter().map(|role| has(&mut chain, number, role)).collect();
        assert_eq!(held, [true, true, false, false, false, true, true]);
    }
    // Who registered it has the role for ever.
    chain.block.time_ms = u64::MAX;
    assert!(has(&mut chain, ISSUER, Role::Issuer) && !has(&mut chain, 1, Role::Issuer));
}

#[test]
fn granting_is_refused_in_order_of_precedence() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let now = chain.block.time_ms;
    let malformed = |change: fn(&mut pb::GrantRole)| {
        let Kind::GrantRole(mut message) = grant("villa", 1, Role::Agent, 0) else { panic!() };
        change(&mut message);
        Kind::GrantRole(message)
    };
    for (message, code) in [
        (Kind::GrantRole(pb::GrantRole::default()), 1),
        (malformed(|m| (m.account, m.role) = (Bytes::from_static(&[1]), 0)), 2),
        (malformed(|m| m.role = 0), 7),
        (malformed(|m| m.role = 8), 7),
        (grant("nothing", 1, Role::Agent, 0), 11),
        (grant("villa", 1, Role::Agent, 0), 30),
        (grant("villa", 1, Role::Issuer, 0), 14),
    ] {
        assert_refused(chain.submit(2, message), "assets", code);
    }
    assert_refused(chain.submit(ISSUER, grant("villa", 1, Role::Agent, now)), "assets", 31);
    chain.submit(ISSUER, change("villa", AssetStatus::Cancelled)).unwrap();
    assert_refused(chain.submit(ISSUER, grant("villa", 1, Role::Agent, now + 1)), "assets", 29);
}

#[test]
fn an_issuer_for_a_time_cannot_make_that_time_longer() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let now = chain.block.time_ms;
    chain.submit(ISSUER, grant("villa", 1, Role::Issuer, now + 10)).unwrap();
    chain.submit(1, grant("villa", 2, Role::Agent, now + 99)).unwrap();
    for to in [1, 2] {
        assert_refused(chain.submit(1, grant("villa", to, Role::Issuer, now + 99)), "assets", 14);
    }
    assert_refused(chain.submit(1, revoke("villa", 2, Role::Issuer)), "assets", 14);
    chain.submit(1, revoke("villa", 2, Role::Agent)).unwrap();
    chain.block.time_ms = now + 10;
    assert_refused(chain.submit(1, grant("villa", 2, Role::Agent, now + 99)), "assets", 30);
}

#[test]
fn a_role_is_revoked_by_its_grantor_or_given_up_by_its_holder() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let later = chain.block.time_ms + 10;
    for role in [Role::Minter, Role::Agent] {
        chain.submit(ISSUER, grant("villa", 1, role, later)).unwrap();
    }
    chain.submit(ISSUER, grant("villa", 1, Role::Agent, later + 5)).unwrap();
    let key = StateKey::role_grants(&asset("villa"), &account(1));
    let grants: RoleGrants = chain.get(&key).unwrap();
    let listed: Vec<_> = grants.grants.iter().map(|one| (one.role(), one.expires_ms)).collect();
    assert_eq!(listed, [(Role::Agent, later + 5), (Role::Minter, later)]);
    assert_refused(chain.submit(1, revoke("nothing", 1, Role::Agent)), "assets", 11);
    assert_refused(chain.submit(2, revoke("villa", 1, Role::Agent)), "assets", 30);
    assert_refused(chain.submit(1, revoke("villa", 1, Role::Auditor)), "assets", 32);
    chain.submit(1, revoke("villa", 1, Role::Agent)).unwrap();
    chain.submit(ISSUER, revoke("villa", 1, Role::Minter)).unwrap();
    assert_eq!(chain.get::<RoleGrants>(&key), None);
}

#[test]
fn each_role_opens_its_own_operations_only() {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    let later = chain.block.time_ms + 10;
    let operations = [
        (mint("villa", 3, 5), vec![Role::Issuer, Role::Minter]),
        (change("villa", AssetStatus::Suspended), vec![Role::Issuer, Role::Agent]),
        (document("villa"), vec![Role::Issuer, Role::Servicer]),
        (grant("villa", 4, Role::Auditor, later), vec![Role::Issuer]),
    ];
    for role in ROLES {
        let mut with_role = chain.clone();
        with_role.submit(ISSUER, grant("villa", 1, role, later)).unwrap();
        for (operation, roles) in &operations {
            let result = with_role.clone().submit(1, operation.clone());
            match roles.contains(&role) {
                true => drop(result.unwrap()),
                false => assert_refused(result, "assets", 30),
            }
        }
    }
}

#[test]
fn documents_are_added_without_an_address_and_not_without_end() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let missing = pb::AddDocument { asset: asset("villa").to_bytes(), document: None };
    assert_refused(chain.submit(ISSUER, Kind::AddDocument(missing)), "assets", 1);
    assert_refused(chain.submit(ISSUER, document("nothing")), "assets", 11);
    assert_refused(chain.submit(1, document("villa")), "assets", 30);
    chain.submit_all(ISSUER, vec![document("villa"); 32]).unwrap();
    assert_eq!(chain.facts("villa").document_count, 32);
    let last: pb::Document = chain.get(&StateKey::document(&asset("villa"), 31)).unwrap();
    assert_eq!((last.name.as_str(), last.uri.as_str()), ("survey", ""));
    assert_refused(chain.submit(ISSUER, document("villa")), "assets", 33);
    chain.submit(ISSUER, change("villa", AssetStatus::Cancelled)).unwrap();
    assert_refused(chain.submit(ISSUER, document("villa")), "assets", 29);
    assert_refused(chain.submit(ISSUER, burn("villa", 1)), "assets", 16);
}

#[test]
fn whoever_has_a_role_may_state_something_in_it() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let later = chain.block.time_ms + 10;
    let statement = |name: &str, role: i32, subject: &str, hash: &[u8]| {
        Kind::RecordStatement(pb::RecordStatement {
            asset: asset(name).to_bytes(),
            role,
            subject: subject.to_owned(),
            document_sha256: Bytes::copy_from_slice(hash),
        })
    };
    let auditor = Role::Auditor.into();
    for (message, code) in [
        (Kind::RecordStatement(pb::RecordStatement::default()), 1),
        (statement("villa", 0, "", &[]), 7),
        (statement("villa", auditor, "", &[]), 1),
        (statement("villa", auditor, "counted", &[1]), 2),
        (statement("nothing", auditor, "counted", &[1; 32]), 11),
        (statement("villa", auditor, "counted", &[1; 32]), 30),
    ] {
        assert_refused(chain.submit(ISSUER, message), "assets", code);
    }
    chain.submit(ISSUER, grant("villa", 1, Role::Auditor, later)).unwrap();
    chain.submit(ISSUER, change("villa", AssetStatus::Cancelled)).unwrap();
    let custodian = statement("villa", Role::Custodian.into(), "counted", &[1; 32]);
    assert_refused(chain.submit(1, custodian), "assets", 30);
    let events = chain.submit(1, statement("villa", auditor, "counted", &[1; 32])).unwrap();
    let entry = super::history::entries(&chain, "villa").pop().unwrap();
    assert_eq!(Event::decode(entry.event).unwrap().kind.as_ref(), events.first());
    chain.block.time_ms = later;
    let too_late = statement("villa", auditor, "counted", &[1; 32]);
    assert_refused(chain.submit(1, too_late), "assets", 30);
}
