//! Rules that relate several values of the document.

use std::collections::BTreeMap;
use std::fmt::Display;

use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::assets::v1::{AssetClass, AssetStatus};

use crate::document::{Asset, Genesis, MAX_DOCUMENTS, MAX_TOTAL_POWER};
use crate::reader::{Report, nearest, shown};
use crate::rules::{class_label, status_label};

/// Checks all of them.
pub(crate) fn check(genesis: &Genesis, report: &Report) {
    check_validators(genesis, report);
    if genesis.state.is_none() {
        check_first_state(genesis, report);
    }
}

fn check_first_state(genesis: &Genesis, report: &Report) {
    check_fee_currency(genesis, report);
    check_governance_asset(genesis, report);
    check_accounts(genesis, report);
    check_assets(genesis, report);
    check_protocol_accounts(genesis, report);
    let appraisers = genesis.appraisers.iter().enumerate();
    let addresses = appraisers.map(|(i, one)| (format!("$.appraisers[{i}].address"), one.address));
    check_unique(addresses, "address", report);
}

fn check_fee_currency(genesis: &Genesis, report: &Report) {
    let path = "$.params.fee_currency";
    let name = &genesis.params.fee_currency;
    let Some(index) = genesis.assets.iter().position(|asset| asset.name == *name) else {
        let unread = |i| !report.is_read(&format!("$.assets[{i}].name"));
        if !report.is_read("$.assets") || (0..genesis.assets.len()).any(unread) {
            return;
        }
        let hint = match nearest(name, genesis.assets.iter().map(|asset| asset.name.as_str())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add it to `assets` or name one of them".to_owned(),
        };
        report.add(path, format!("there is no asset `{name}`, {hint}"));
        return;
    };
    let Some(asset) = genesis.assets.get(index) else { return };
    let class_known = report.is_read(&format!("$.assets[{index}].class"));
    if class_known && asset.class != AssetClass::Currency {
        let class = class_label(asset.class);
        report.add(path, format!("`{name}` is of class {class}, fees need a `currency`"));
    }
    let status_known = report.is_read(&format!("$.assets[{index}].status"));
    if status_known && asset.status != AssetStatus::Active {
        let status = status_label(asset.status);
        report.add(path, format!("`{name}` is {status}, fees need an `active` currency"));
    }
}

fn check_governance_asset(genesis: &Genesis, report: &Report) {
    let unread = |i| !report.is_read(&format!("$.assets[{i}].name"));
    let unknown = !report.is_read("$.assets") || (0..genesis.assets.len()).any(unread);
    if let Some(name) = &genesis.params.governance_asset
        && genesis.governance_asset().is_none()
        && !unknown
    {
        let hint = match nearest(name, genesis.assets.iter().map(|asset| asset.name.as_str())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add it to `assets` or leave it out".to_owned(),
        };
        let path = "$.params.governance_asset";
        report.add(path, format!("there is no asset `{name}`, {hint}"));
    }
}

fn check_accounts(genesis: &Genesis, report: &Report) {
    let accounts = || genesis.accounts.iter().enumerate();
    let addresses = accounts().map(|(i, one)| (format!("$.accounts[{i}].address"), one.address));
    check_unique(addresses, "address", report);
    let names = accounts().filter_map(|(i, account)| {
        account.name.as_ref().map(|name| (format!("$.accounts[{i}].name"), name))
    });
    check_unique(names, "name", report);
    for (i, account) in accounts() {
        let Some(own) = account.public_key.as_ref().map(Address::from_ed25519) else { continue };
        if own != account.address && report.is_read(&format!("$.accounts[{i}].address")) {
            let address = account.address;
            let message = format!("this is the key of {own}, not of {address}: correct one");
            report.add(&format!("$.accounts[{i}].public_key"), message);
        }
    }
}

fn check_assets(genesis: &Genesis, report: &Report) {
    let assets = || genesis.assets.iter().enumerate();
    let names = assets().map(|(i, asset)| (format!("$.assets[{i}].name"), &asset.name));
    check_unique(names, "name", report);
    let ids = assets().filter(|(i, _)| report.is_read(&format!("$.assets[{i}].issuer")));
    let ids = ids.map(|(i, asset)| (format!("$.assets[{i}].salt"), asset.id()));
    check_unique(ids, "asset id (from issuer and salt)", report);
    for (i, asset) in assets() {
        let path = format!("$.assets[{i}]");
        if asset.documents.len() > MAX_DOCUMENTS {
            let message = format!(
                "{} documents are too many, list at most {MAX_DOCUMENTS}",
                asset.documents.len()
            );
            report.add(&format!("{path}.documents"), message);
        }
        let holdings = asset.holdings.iter().enumerate();
        let accounts =
            holdings.map(|(j, one)| (format!("{path}.holdings[{j}].account"), one.account));
        check_unique(accounts, "account", report);
        let held = matches!(asset.status, AssetStatus::Active | AssetStatus::Suspended);
        let status_known = report.is_read(&format!("{path}.status"));
        if status_known && !held && !asset.holdings.is_empty() {
            let message = format!(
                "`{}` is {} and cannot be held, make it `active` or remove its holdings",
                asset.name,
                status_label(asset.status)
            );
            report.add(&format!("{path}.holdings"), message);
        }
        check_supply(genesis, asset, &path, report);
    }
}

fn check_supply(genesis: &Genesis, asset: &Asset, path: &str, report: &Report) {
    let (mut total, mut what) = (asset.held_total(), "holdings");
    if asset.name == genesis.params.fee_currency && report.is_read(&format!("{path}.name")) {
        let held = total.zip(genesis.fee_credit_total());
        total = held.and_then(|(held, credit)| held.checked_add(credit));
        what = "holdings and fee credits";
    }
    let excess = match total {
        Some(total) if total <= asset.max_supply => return,
        Some(total) => format!("{total}, more than its max_supply of {}", asset.max_supply),
        None => format!("more than the largest amount, {}", Amount::MAX),
    };
    let message =
        format!("{what} of `{}` add up to {excess}: raise max_supply or lower them", asset.name);
    report.add(&format!("{path}.max_supply"), message);
}

/// Accounts that no key controls: the chain fills them itself, but a treasury may begin with
/// holdings.
fn check_protocol_accounts(genesis: &Genesis, report: &Report) {
    let mut pools = BTreeMap::from([(Address::fee_pool(), "the fee pool".to_owned())]);
    let mut treasuries = BTreeMap::new();
    for asset in &genesis.assets {
        let name = &asset.name;
        pools.insert(Address::income_pool(&asset.id()), format!("the income pool of `{name}`"));
        treasuries.insert(Address::treasury(&asset.id()), format!("the treasury of `{name}`"));
    }
    let check = |path: String, owner: Option<&String>| {
        if let Some(owner) = owner {
            report.add(&path, format!("this is {owner}, which no key controls: use another"));
        }
    };
    let any = |address| pools.get(address).or_else(|| treasuries.get(address));
    for (i, account) in genesis.accounts.iter().enumerate() {
        check(format!("$.accounts[{i}].address"), any(&account.address));
    }
    for (i, asset) in genesis.assets.iter().enumerate() {
        check(format!("$.assets[{i}].issuer"), any(&asset.issuer));
        for (j, holding) in asset.holdings.iter().enumerate() {
            let owner = pools.get(&holding.account);
            check(format!("$.assets[{i}].holdings[{j}].account"), owner);
        }
    }
    for (i, appraiser) in genesis.appraisers.iter().enumerate() {
        check(format!("$.appraisers[{i}].address"), any(&appraiser.address));
    }
}

/// A chain cannot begin without a validator.
pub(crate) fn check_has_validators(genesis: &Genesis, report: &Report) {
    if genesis.validators.is_empty() {
        let message = "there is no validator, add at least one with a power above zero";
        report.add("$.validators", message.to_owned());
    }
}

fn check_validators(genesis: &Genesis, report: &Report) {
    let validators = || genesis.validators.iter().enumerate();
    let names = validators().map(|(i, one)| (format!("$.validators[{i}].name"), &one.name));
    check_unique(names, "name", report);
    let keys = validators();
    let keys =
        keys.map(|(i, one)| (format!("$.validators[{i}].public_key"), hex::encode(one.public_key)));
    check_unique(keys, "public key", report);
    let total: u128 = genesis.validators.iter().map(|one| u128::from(one.power)).sum();
    if total > u128::from(MAX_TOTAL_POWER) {
        let message = format!(
            "the validators' powers add up to {total}, more than CometBFT's limit of \
             {MAX_TOTAL_POWER}: lower them in proportion"
        );
        report.add("$.validators", message);
    }
}

/// Reports each value that stands at an earlier path too.
fn check_unique<V: Ord + Display>(
    values: impl Iterator<Item = (String, V)>,
    what: &str,
    report: &Report,
) {
    let mut seen = BTreeMap::new();
    for (path, value) in values.filter(|(path, _)| report.is_read(path)) {
        match seen.get(&value) {
            Some(first) => {
                let value = shown(&value.to_string());
                let message = format!("{what} `{value}` stands at {first} too, each needs its own");
                report.add(&path, message);
            }
            None => {
                seen.insert(value, path);
            }
        }
    }
}
