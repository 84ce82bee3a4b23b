//! Distributions of a regulated asset when wallets leave their identity.

use tessera_proto::pb::compliance::v1::UnlinkWallet;
use tessera_proto::pb::distributions::v1 as pb;
use tessera_proto::pb::distributions::v1::HolderSelection;

use super::desk::{Desk, VILLA};
use crate::modules::testing::{
    ISSUER, Kind, account, assert_refused, asset, distribution, distribution_terms,
};

/// When the distributions are paid, and when they end.
const PAYMENT_MS: u64 = 1_100_000;
const EXPIRES_MS: u64 = 1_200_000;

/// Account 1 and account 7, another wallet of its identity, have 100 and 200 of the 1,000 units at
/// record 1.
fn desk_with_record() -> Desk {
    let mut desk = Desk::new(vec![]);
    desk.link(1, 7).unwrap();
    desk.send(ISSUER, 1, 100).unwrap();
    desk.send(ISSUER, 7, 200).unwrap();
    desk.chain.next_block();
    let record = pb::TakeRecord { asset: asset(VILLA).to_bytes(), height: 0 };
    desk.submit(ISSUER, Kind::TakeRecord(record)).unwrap();
    desk.chain.next_block();
    desk
}

fn terms(funded: u128) -> pb::DistributionTerms {
    distribution_terms(funded, (PAYMENT_MS, EXPIRES_MS))
}

/// 1 for each unit of record 1.
fn declare(terms: pb::DistributionTerms) -> Kind {
    Kind::DeclareDistribution(distribution(VILLA, ("1", "1"), terms))
}

fn claim(number: u64) -> Kind {
    let asset = asset(VILLA).to_bytes();
    Kind::ClaimDistribution(pb::ClaimDistribution { asset, distribution: number })
}

#[test]
fn regress_what_is_said_of_a_wallet_stays_when_it_leaves_its_identity() {
    let mut desk = desk_with_record();
    let excluded = pb::DistributionTerms {
        selection: HolderSelection::NotListed.into(),
        holders: vec![account(7).to_bytes()],
        ..terms(800)
    };
    // Of both rates the higher one counts for the identity.
    let rate = |number, withholding_bps| pb::WithholdingRate {
        account: account(number).to_bytes(),
        withholding_bps,
    };
    let mut rates = vec![rate(1, 5_000), rate(7, 1_000)];
    rates.sort_by(|one, other| one.account.cmp(&other.account));
    let taxed = pb::DistributionTerms { tax_account: account(3).to_bytes(), rates, ..terms(1_000) };
    for terms in [excluded, taxed] {
        desk.submit(ISSUER, declare(terms)).unwrap();
    }
    desk.send(7, 1, 200).unwrap();
    let unlink = UnlinkWallet { wallet: account(7).to_bytes() };
    desk.submit(1, Kind::UnlinkWallet(unlink)).unwrap();
    desk.chain.block.time_ms = PAYMENT_MS;
    for number in [1, 7] {
        assert_refused(desk.submit(number, claim(1)), "distributions", 32);
    }
    // Nor does an identity of its own change that.
    desk.admit(7);
    assert_refused(desk.submit(7, claim(1)), "distributions", 32);
    desk.submit(7, claim(2)).unwrap();
    assert_eq!(desk.chain.balance("usdx", 7), 100);
    // What was paid in for all others is theirs.
    desk.submit(ISSUER, claim(1)).unwrap();
}
