//! The first state, from the genesis document.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use bytes::Bytes;
use tessera_genesis::{Asset, Genesis, StateFile};
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::{Holding, Leaf};
use tessera_proto::pb::accounts::v1::Account;
use tessera_proto::pb::assets::v1::{self as pb, Appraiser, AssetTotals};
use tessera_proto::pb::chain::v1::{FeePot, Params};
use tessera_proto::state_key::StateKey;

use super::state_file::read_state;
use crate::state::changes::{Change, Changes};

/// The leaves of the first state: those that the document says, or all of the file beside it,
/// in this folder, whose state the chain goes on with.
///
/// # Errors
/// A sentence, when the document or the file is not valid.
pub fn first_leaves(genesis: &Genesis, folder: &Path) -> Result<Changes, String> {
    let Some(state) = &genesis.state else { return genesis_changes(genesis) };
    let mut changes = Vec::new();
    check_state_file(state, folder, |key, value| changes.push((key, Some(value))))?;
    Ok(changes.into_iter().collect())
}

/// Reads the file that a document means, in the document's folder, and hands on its leaves.
///
/// # Errors
/// A sentence, when the file cannot be opened, or all that is wrong with it.
pub fn check_state_file(
    state: &StateFile,
    folder: &Path,
    leaf: impl FnMut(StateKey, Bytes),
) -> Result<(), String> {
    let path = folder.join(&state.file);
    let shown = path.display();
    let file = File::open(&path).map_err(|error| {
        format!("cannot open `{shown}`, which belongs to the genesis document: {error}")
    })?;
    let file = BufReader::with_capacity(1 << 20, file);
    read_state(file, state, leaf).map_err(|errors| format!("`{shown}`: {errors}"))
}

/// The leaves that a document says.
///
/// Prepaid fees are backed: the fee pool holds as much of the fee currency as all accounts have
/// prepaid.
///
/// # Errors
/// A sentence, when the document is not valid.
pub fn genesis_changes(genesis: &Genesis) -> Result<Changes, String> {
    genesis.validate().map_err(|errors| errors.to_string())?;
    let fee_currency = genesis.fee_currency().ok_or("no fee currency")?.id();
    let fee_credit = genesis.fee_credit_total().ok_or("fee credits overflow")?;
    let mut changes = Vec::new();
    let params = &genesis.params;
    put(
        &mut changes,
        StateKey::params(),
        &Params {
            fee_currency: fee_currency.to_bytes(),
            fee_per_transaction: params.fee_per_transaction,
            fee_per_operation: params.fee_per_operation,
            fee_per_byte: params.fee_per_byte,
            max_validity_blocks: params.max_validity_blocks,
            registrar: params.registrar.map(Address::to_bytes).unwrap_or_default(),
            authority: params.authority.map(Address::to_bytes).unwrap_or_default(),
            governance_asset: genesis
                .governance_asset()
                .map(Asset::id)
                .map(AssetId::to_bytes)
                .unwrap_or_default(),
        },
    );
    let empty_pot = FeePot { amount: Amount::ZERO.to_string() };
    put(&mut changes, StateKey::fee_pot(), &empty_pot);
    for account in &genesis.accounts {
        let fee_credit = account.fee_credit.to_string();
        let leaf = Account { fee_credit, ..Account::default() };
        put(&mut changes, StateKey::account(&account.address), &leaf);
    }
    for appraiser in &genesis.appraisers {
        let leaf = Appraiser { name: appraiser.name.clone(), ..Appraiser::default() };
        put(&mut changes, StateKey::appraiser(&appraiser.address), &leaf);
    }
    for asset in &genesis.assets {
        let pooled = if asset.id() == fee_currency { fee_credit } else { Amount::ZERO };
        put_asset(&mut changes, asset, pooled)?;
    }
    Ok(changes.into_iter().collect())
}

fn put_asset(changes: &mut Vec<Change>, asset: &Asset, pooled: Amount) -> Result<(), String> {
    let id = asset.id();
    let count = |length: usize| u32::try_from(length).map_err(|_| "too many documents");
    put(
        changes,
        StateKey::asset(&id),
        &pb::Asset {
            id: id.to_bytes(),
            name: asset.name.clone(),
            class: asset.class.into(),
            status: asset.status.into(),
            issuer: asset.issuer.to_bytes(),
            decimals: asset.decimals,
            max_supply: asset.max_supply.to_string(),
            title: asset.title.clone(),
            document_count: count(asset.documents.len())?,
            ..pb::Asset::default()
        },
    );
    put(changes, StateKey::asset_name(&asset.name), &id);
    for (number, document) in (0u32..).zip(&asset.documents) {
        put(
            changes,
            StateKey::document(&id, number),
            &pb::Document {
                name: document.name.clone(),
                uri: document.uri.clone(),
                sha256: document.sha256.to_vec().into(),
            },
        );
    }
    let pool = (Address::fee_pool(), pooled);
    let holdings = asset.holdings.iter().map(|holding| (holding.account, holding.balance));
    let (mut supply, mut holder_count) = (Amount::ZERO, 0u64);
    for (account, balance) in holdings.chain([pool]).filter(|(_, balance)| !balance.is_zero()) {
        supply = supply.checked_add(balance).ok_or("supply overflows")?;
        holder_count = holder_count.saturating_add(1);
        put_holding(changes, &id, &account, balance);
    }
    put(
        changes,
        StateKey::asset_totals(&id),
        &AssetTotals {
            supply: supply.to_string(),
            holder_count,
            changed_height: 0,
            copy_height: 0,
        },
    );
    Ok(())
}

fn put_holding(changes: &mut Vec<Change>, asset: &AssetId, account: &Address, balance: Amount) {
    let leaf = Holding { balance, ..Holding::default() };
    put(changes, StateKey::holding(asset, account), &leaf);
}

fn put<L: Leaf>(changes: &mut Vec<Change>, key: StateKey, leaf: &L) {
    changes.push((key, Some(leaf.to_leaf_bytes())));
}
