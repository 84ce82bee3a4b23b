//! Declaring what an assessment reads and changes.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::compliance::v1::{Claim, HolderRecord, RuleSet, Wallet};
use tessera_proto::state_key::{HolderBucket, StateKey};

use super::claims::{claim_keys, declare_standing, identity_of};
use super::record::Record;
use super::rules::{Rules, committed_rules, country_type};
use crate::state::access::AccessSet;
use crate::state::error::Fault;
use crate::state::view::{LeafReader, StateReader};

/// Who takes part in a movement.
pub(crate) struct Parties<'a> {
    /// Who gives; nobody when units are issued.
    pub(crate) from: Option<&'a Address>,
    /// Who gets.
    pub(crate) to: &'a [Address],
}

/// Declares what [`assess`](super::assess) reads and what carrying it out changes.
pub(crate) fn declare(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    parties: &Parties<'_>,
) -> Result<(), Fault> {
    access.read(StateKey::rule_set(asset));
    let Some(rules) = committed(state, asset)? else { return Ok(()) };
    if rules.needs_supply() {
        access.read(StateKey::asset_totals(asset));
    }
    for account in parties.from.into_iter().chain(parties.to) {
        let key = StateKey::wallet(account);
        access.read(key);
        access.read(StateKey::holding(asset, account));
        access.add(StateKey::wallet_use(account));
        let wallet: Wallet = state.leaf(&key)?.unwrap_or_default();
        let identity = identity_of(&wallet)?.unwrap_or(*account);
        declare_counted(state, access, &rules, asset, &identity)?;
    }
    Ok(())
}

/// Declares what [`refresh`](super::refresh) touches.
pub(crate) fn declare_person(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    identity: &Address,
) -> Result<(), Fault> {
    access.read(StateKey::rule_set(asset));
    match committed(state, asset)? {
        Some(rules) => declare_counted(state, access, &rules, asset, identity),
        None => Ok(()),
    }
}

fn committed(state: &dyn StateReader, asset: &AssetId) -> Result<Option<Rules>, Fault> {
    let rules: Option<RuleSet> = state.leaf(&StateKey::rule_set(asset))?;
    rules.as_ref().map(committed_rules).transpose()
}

/// The record of an identity, its claims, and every counter that may come to count it.
fn declare_counted(
    state: &dyn StateReader,
    access: &mut AccessSet,
    rules: &Rules,
    asset: &AssetId,
    identity: &Address,
) -> Result<(), Fault> {
    declare_standing(access, rules, identity, asset);
    let key = StateKey::holder_record(asset, identity);
    access.write(key);
    let record: Option<HolderRecord> = state.leaf(&key)?;
    let record = record.as_ref().map(Record::try_from).transpose()?.unwrap_or_default();
    let mut buckets = record.buckets();
    buckets.insert(HolderBucket::All);
    buckets.extend(rules.counted_types().map(HolderBucket::ClaimType));
    for trusted in rules.trusted.iter().filter(|trusted| trusted.claim_type == country_type()) {
        for key in claim_keys(trusted, identity, asset) {
            let claim: Claim = state.leaf(&key)?.unwrap_or_default();
            let country = claim.country.as_bytes().try_into().ok();
            buckets.extend(country.map(HolderBucket::Country));
        }
    }
    for bucket in buckets {
        access.add(StateKey::holder_counter(asset, bucket));
    }
    for bucket in rules.limited() {
        access.write(StateKey::holder_counter(asset, bucket));
    }
    Ok(())
}
