//! Pools and tranches: every refusal in order, exact parts, and ways around the rules that fail.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod baskets;
mod model;
mod tranches;

use bytes::Bytes;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1 as assets;
use tessera_proto::pb::distributions::v1 as distributions;
use tessera_proto::pb::pools::v1 as pb;

use crate::modules::testing::{ISSUER, Kind, TestChain, account, asset, mint, register, transfer};

/// The pool of the tests: villas and towers.
const FUND: &str = "fund";

fn ids(names: &[&str]) -> Vec<Bytes> {
    let mut ids: Vec<AssetId> = names.iter().map(|name| asset(name)).collect();
    ids.sort();
    ids.into_iter().map(AssetId::to_bytes).collect()
}

fn form(pool: &str, members: &[&str]) -> Kind {
    let (pool, members) = (asset(pool).to_bytes(), ids(members));
    Kind::FormPool(pb::FormPool { pool, members })
}

fn contribute(pool: &str, member: &str, units: u64) -> Kind {
    Kind::ContributeUnits(pb::ContributeUnits {
        pool: asset(pool).to_bytes(),
        member: asset(member).to_bytes(),
        amount: units.to_string(),
    })
}

fn redeem(units: u64, members: &[&str]) -> Kind {
    Kind::RedeemUnits(pb::RedeemUnits {
        pool: asset(FUND).to_bytes(),
        amount: units.to_string(),
        members: ids(members),
    })
}

fn collect(currency: &str, members: &[&str]) -> Kind {
    Kind::CollectPoolIncome(pb::CollectPoolIncome {
        pool: asset(FUND).to_bytes(),
        currency: asset(currency).to_bytes(),
        members: ids(members),
    })
}

fn withdraw(name: &str, units: u64) -> Kind {
    Kind::WithdrawUnits(pb::WithdrawUnits {
        pool: asset(FUND).to_bytes(),
        asset: asset(name).to_bytes(),
        amount: units.to_string(),
    })
}

fn burn(name: &str, units: u64) -> Kind {
    let (asset, amount) = (asset(name).to_bytes(), units.to_string());
    Kind::BurnUnits(assets::BurnUnits { asset, amount })
}

fn pay_income(name: &str, currency: &str, units: u64) -> Kind {
    Kind::PayIncome(distributions::PayIncome {
        asset: asset(name).to_bytes(),
        currency: asset(currency).to_bytes(),
        amount: units.to_string(),
        memo_sha256: Bytes::new(),
    })
}

fn claim_income(name: &str, currency: &str, holder: &Address) -> Kind {
    let (asset, currency) = (asset(name).to_bytes(), asset(currency).to_bytes());
    Kind::ClaimIncome(distributions::ClaimIncome { asset, currency, holder: holder.to_bytes() })
}

/// Tranches in order of rank, each with what is due for every so many base units of it.
fn divide(parent: &str, period_ms: u64, tranches: &[(&str, u64, u64)]) -> pb::CreateTranches {
    let terms = |(name, per_unit, units): &(&str, u64, u64)| pb::TrancheTerms {
        asset: asset(name).to_bytes(),
        per_unit: if *per_unit == 0 { String::new() } else { per_unit.to_string() },
        units: if *units == 0 { String::new() } else { units.to_string() },
    };
    pb::CreateTranches {
        parent: asset(parent).to_bytes(),
        currency: asset("usdx").to_bytes(),
        begins_ms: 0,
        period_ms,
        tranches: tranches.iter().map(terms).collect(),
    }
}

fn waterfall(parent: &str, currency: &str, units: u64) -> Kind {
    Kind::PayWaterfall(pb::PayWaterfall {
        parent: asset(parent).to_bytes(),
        currency: asset(currency).to_bytes(),
        amount: units.to_string(),
        memo_sha256: Bytes::new(),
    })
}

/// An active asset without units.
fn open(chain: &mut TestChain, name: &str) {
    let appraisal_of = chain.signed_appraisal(name, chain.block.time_ms);
    chain.submit(ISSUER, register(name)).unwrap();
    chain.submit(ISSUER, Kind::AppendAppraisal(appraisal_of)).unwrap();
    let activate = assets::ActivateAsset { asset: asset(name).to_bytes() };
    chain.submit(ISSUER, Kind::ActivateAsset(activate)).unwrap();
}

/// A pool of 600 units of a villa and 300 of a tower, of which the issuer has 60 of 100 units
/// and account 1 has 40.
fn chain_with_fund() -> TestChain {
    let mut chain = chain_with_members();
    open(&mut chain, FUND);
    chain.submit(ISSUER, form(FUND, &["villa", "tower"])).unwrap();
    chain.submit(ISSUER, contribute(FUND, "villa", 600)).unwrap();
    chain.submit(ISSUER, contribute(FUND, "tower", 300)).unwrap();
    chain.submit(ISSUER, mint(FUND, ISSUER, 100)).unwrap();
    chain.submit(ISSUER, transfer(FUND, &account(1), 40)).unwrap();
    chain.next_block();
    chain
}

fn chain_with_members() -> TestChain {
    let mut chain = TestChain::new();
    chain.add_asset("villa");
    chain.add_asset("tower");
    chain.next_block();
    chain
}

/// What the pool keeps of an asset.
fn kept(chain: &TestChain, name: &str) -> u128 {
    chain.holding_of(name, &Address::pool_account(&asset(FUND))).balance.base_units()
}
