//! Whose appraisals count: accreditation, its end, and its revocation from a date on.

use bytes::Bytes;
use tessera_proto::pb::assets::v1 as pb;

use super::activate;
use crate::modules::testing::{
    APPRAISER, ISSUER, Kind, REGISTRAR, TestChain, account, appraisal, assert_refused, mint,
    register,
};

fn accredit(who: u8, until_ms: u64) -> Kind {
    Kind::AccreditAppraiser(pb::AccreditAppraiser {
        appraiser: account(who).to_bytes(),
        name: "Surveyors".to_owned(),
        until_ms,
    })
}

fn revoke(who: u8, from_ms: u64) -> Kind {
    Kind::RevokeAccreditation(pb::RevokeAccreditation {
        appraiser: account(who).to_bytes(),
        from_ms,
        reason_sha256: Bytes::new(),
    })
}

fn signed_by(chain: &TestChain, who: u8, from_ms: u64) -> Kind {
    let appraisal = pb::Appraisal { appraiser: account(who).to_bytes(), ..appraisal(from_ms) };
    Kind::AppendAppraisal(chain.sign_appraisal("villa", &appraisal, who))
}

#[test]
fn accreditation_is_refused_in_order_of_precedence() {
    let mut chain = TestChain::new();
    let now = chain.block.time_ms;
    for (message, code) in [
        (Kind::AccreditAppraiser(pb::AccreditAppraiser::default()), 1),
        (Kind::RevokeAccreditation(pb::RevokeAccreditation::default()), 1),
        (revoke(3, 0), 7),
        (accredit(3, now), 34),
        (revoke(3, 1), 34),
    ] {
        assert_refused(chain.submit(ISSUER, message), "assets", code);
    }
    assert_refused(chain.submit(REGISTRAR, accredit(3, now)), "assets", 36);
    assert_refused(chain.submit(REGISTRAR, revoke(3, 1)), "assets", 22);
    chain.submit(REGISTRAR, accredit(3, now + 1)).unwrap();
    chain.submit(REGISTRAR, accredit(3, 0)).unwrap();
    chain.submit(REGISTRAR, revoke(3, 50)).unwrap();
    // A revocation is for ever, and moves only to an earlier date.
    assert_refused(chain.submit(REGISTRAR, accredit(3, 0)), "assets", 35);
    assert_refused(chain.submit(REGISTRAR, revoke(3, 50)), "assets", 35);
    chain.submit(REGISTRAR, revoke(3, 49)).unwrap();
}

#[test]
fn an_appraiser_signs_until_the_accreditation_ends() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let now = chain.block.time_ms;
    let message = signed_by(&chain, 3, now - 5);
    assert_refused(chain.submit(1, message.clone()), "assets", 22);
    chain.submit(REGISTRAR, accredit(3, now + 10)).unwrap();
    chain.block.time_ms = now + 10;
    assert_refused(chain.clone().submit(1, message.clone()), "assets", 22);
    chain.block.time_ms = now + 9;
    chain.submit(1, message).unwrap();
    // What was signed in good time counts after the end of the accreditation.
    chain.block.time_ms = now + 500;
    chain.submit(ISSUER, activate("villa")).unwrap();
    chain.submit(ISSUER, mint("villa", 1, 5)).unwrap();
}

#[test]
fn appraisals_from_the_date_of_a_revocation_on_do_not_count() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, register("villa")).unwrap();
    let now = chain.block.time_ms;
    let message = signed_by(&chain, APPRAISER, now - 5);
    chain.submit(1, message).unwrap();
    chain.submit(ISSUER, activate("villa")).unwrap();
    chain.submit(ISSUER, mint("villa", 1, 5)).unwrap();
    for (from_ms, counts) in [(now - 6, false), (now - 5, false), (now - 4, true), (now, true)] {
        let mut revoked = chain.clone();
        revoked.submit(REGISTRAR, revoke(APPRAISER, from_ms)).unwrap();
        let result = revoked.submit(ISSUER, mint("villa", 1, 5));
        match counts {
            true => drop(result.unwrap()),
            false => assert_refused(result, "assets", 17),
        }
        let late = signed_by(&revoked, APPRAISER, now - 1);
        assert_refused(revoked.submit(1, late), "assets", 22);
    }
    // Announced for later, it leaves what is valid before.
    chain.submit(REGISTRAR, revoke(APPRAISER, now + 10)).unwrap();
    let before = signed_by(&chain, APPRAISER, now + 9);
    chain.submit(1, before).unwrap();
    let after = signed_by(&chain, APPRAISER, now + 10);
    assert_refused(chain.submit(1, after), "assets", 22);
}
