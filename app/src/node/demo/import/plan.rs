//! From the lines of a register to transactions; the books are kept on the way.

use std::collections::BTreeMap;

use anyhow::Context as _;
use tendermint::Time;
use tessera_client::Signer;
use tessera_client::operations::{
    Document, Kind, RegisterAsset, activate_asset, append_appraisal, batch_transfer, mint_units,
    pay_income, pay_royalty, register_asset, set_royalty_schedule, top_up_fees,
};
use tessera_genesis::dev;
use tessera_proto::amount::Amount;
use tessera_proto::hash::sha256;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::Appraisal;

use super::FEES_PER_PAYMENT;
use crate::modules::transfers::MAX_LEGS;
use crate::node::demo::register::{AssetRow, PaymentKind, PaymentRow, Register};
use crate::node::demo::scene::{Scene, account};

/// Batches in one transaction, which keep it below its largest size.
const BATCHES_PER_TRANSACTION: usize = 3;
/// Payers funded in one transaction.
const PAYERS_PER_TRANSACTION: usize = 60;
/// How long the appraisals stay valid after the import: a year.
const VALIDITY_MS: u64 = 365 * 24 * 60 * 60 * 1000;

/// One transaction.
#[derive(Debug)]
pub(super) struct Step {
    /// Where it comes from, for people.
    pub(super) place: String,
    pub(super) sender: String,
    /// Transactions of one lane are carried out in order.
    pub(super) lane: u32,
    pub(super) operations: Vec<Kind>,
}

/// Id of an asset of the register.
pub(super) fn asset_id(name: &str) -> AssetId {
    let salt = sha256(name);
    AssetId::derive(&dev::address(dev::ISSUER), &salt)
}

/// Registers, appraises, opens and issues every asset, and gives all holders their units.
pub(super) fn assets(
    scene: &mut Scene,
    register: &Register,
    now: Time,
) -> anyhow::Result<Vec<Step>> {
    let mut holders: BTreeMap<&str, Vec<(Address, Amount)>> = BTreeMap::new();
    for row in &register.holders {
        holders.entry(&row.asset).or_default().push((account(&row.holder), row.units));
    }
    let now_ms = u64::try_from(now.unix_timestamp())?.saturating_mul(1000);
    let mut steps = Vec::new();
    for (lane, asset) in (0..).zip(&register.assets) {
        let id = asset_id(&asset.name);
        scene.names.asset(&id, &asset.name);
        let legs = holders.remove(asset.name.as_str()).unwrap_or_default();
        for (holder, units) in &legs {
            scene.books.issue(&id, holder, *units)?;
        }
        let supply = scene.books.supply(&id)?;
        let mut operations = creation(scene, asset, &id, now_ms + VALIDITY_MS);
        if !supply.is_zero() {
            operations.push(mint_units(&id, &dev::address(dev::ISSUER), supply));
        }
        for legs in legs.chunks(MAX_LEGS * BATCHES_PER_TRANSACTION) {
            operations.extend(legs.chunks(MAX_LEGS).map(|legs| batch_transfer(&id, legs)));
            steps.push(step(asset, lane, std::mem::take(&mut operations)));
        }
        if !operations.is_empty() {
            steps.push(step(asset, lane, operations));
        }
    }
    Ok(steps)
}

fn step(asset: &AssetRow, lane: u32, operations: Vec<Kind>) -> Step {
    let place = format!("assets.csv:{} `{}`", asset.line, asset.name);
    Step { place, sender: dev::ISSUER.to_owned(), lane, operations }
}

fn creation(scene: &Scene, asset: &AssetRow, id: &AssetId, valid_to_ms: u64) -> Vec<Kind> {
    let appraisal = Appraisal {
        appraiser: dev::address(dev::APPRAISER).to_bytes(),
        value: asset.appraisal.value.to_string(),
        currency: scene.currency.to_bytes(),
        method: asset.appraisal.method.clone(),
        valid_from_ms: asset.appraisal.valid_from_ms,
        valid_to_ms,
        report_sha256: asset.appraisal.report_sha256.to_vec().into(),
    };
    let appraiser = Signer::from_seed_phrase(dev::APPRAISER);
    let mut operations = vec![
        register_asset(RegisterAsset {
            salt: sha256(&asset.name).to_vec().into(),
            name: asset.name.clone(),
            title: asset.title.clone(),
            class: asset.class.into(),
            decimals: asset.decimals,
            max_supply: asset.max_supply.to_string(),
            documents: vec![Document {
                name: asset.document_name.clone(),
                uri: asset.document_uri.clone(),
                sha256: asset.document_sha256.to_vec().into(),
            }],
            attributes: Vec::new(),
            ..RegisterAsset::default()
        }),
        append_appraisal(&scene.chain_id, id, &appraisal, &appraiser),
        activate_asset(id),
    ];
    if !asset.royalty_split.is_empty() {
        let share = |(recipient, bps): &(String, u32)| (account(recipient), *bps);
        let shares: Vec<_> = asset.royalty_split.iter().map(share).collect();
        operations.push(set_royalty_schedule(id, &shares, 0));
    }
    operations
}

/// Gives every payer what it is going to pay, and prepaid fees.
pub(super) fn funding(scene: &mut Scene, register: &Register) -> anyhow::Result<Vec<Step>> {
    let (issuer, currency) = (dev::address(dev::ISSUER), scene.currency);
    let mut needs: BTreeMap<Address, (Amount, Amount)> = BTreeMap::new();
    for payment in &register.payments {
        let (money, fees) = needs.entry(account(&payment.payer)).or_default();
        *money = money.checked_add(payment.amount).context("the payments overflow")?;
        let fee = Amount::from_u64(FEES_PER_PAYMENT);
        *fees = fees.checked_add(fee).context("the fees overflow")?;
    }
    let needs: Vec<_> = needs.into_iter().collect();
    let mut steps = Vec::new();
    for (lane, needs) in (0..).zip(needs.chunks(PAYERS_PER_TRANSACTION)) {
        let legs: Vec<_> = needs.iter().map(|(payer, (money, _))| (*payer, *money)).collect();
        let mut operations = vec![batch_transfer(&currency, &legs)];
        for (payer, (money, fees)) in needs {
            scene.books.transfer(&currency, (&issuer, payer), *money)?;
            scene.books.transfer(&currency, (&issuer, &Address::fee_pool()), *fees)?;
            operations.push(top_up_fees(payer, *fees));
        }
        let sender = dev::ISSUER.to_owned();
        steps.push(Step { place: "funding the payers".to_owned(), sender, lane, operations });
    }
    Ok(steps)
}

/// Every payment, signed by its payer.
pub(super) fn payments(scene: &mut Scene, register: &Register) -> anyhow::Result<Vec<Step>> {
    let assets: BTreeMap<&str, &AssetRow> =
        register.assets.iter().map(|asset| (asset.name.as_str(), asset)).collect();
    let mut steps = Vec::with_capacity(register.payments.len());
    for (lane, payment) in (0..).zip(&register.payments) {
        let asset = assets.get(payment.asset.as_str()).context("an asset has vanished")?;
        let operation = enter(scene, asset, payment)?;
        steps.push(Step {
            place: format!("payments.csv:{} `{}`", payment.line, payment.payer),
            sender: payment.payer.clone(),
            lane,
            operations: vec![operation],
        });
    }
    Ok(steps)
}

/// The operation of a payment, entered in the books.
fn enter(scene: &mut Scene, asset: &AssetRow, payment: &PaymentRow) -> anyhow::Result<Kind> {
    let (id, currency, payer) = (asset_id(&asset.name), scene.currency, account(&payment.payer));
    match payment.kind {
        PaymentKind::Income => {
            let pool = Address::income_pool(&id);
            scene.books.transfer(&currency, (&payer, &pool), payment.amount)?;
            let memo = payment.memo.as_ref().map(sha256);
            Ok(pay_income(&id, &currency, payment.amount, memo))
        }
        PaymentKind::Royalty => {
            for (recipient, part) in split(&asset.royalty_split, payment.amount)? {
                scene.books.transfer(&currency, (&payer, &recipient), part)?;
            }
            Ok(pay_royalty(&id, &currency, payment.amount))
        }
    }
}

/// Floors, and what they leave over to the first recipient by address.
fn split(shares: &[(String, u32)], amount: Amount) -> anyhow::Result<BTreeMap<Address, Amount>> {
    let mut parts = BTreeMap::new();
    let mut left = amount;
    for (recipient, bps) in shares {
        // In two halves, so that no amount is too large for it.
        let (whole, rest) = (amount.base_units() / 10_000, amount.base_units() % 10_000);
        let part = whole * u128::from(*bps) + rest * u128::from(*bps) / 10_000;
        let part = Amount::new(part).context("a part overflows")?;
        left = left.saturating_sub(part);
        parts.insert(account(recipient), part);
    }
    if let Some(mut first) = parts.first_entry() {
        let sum = first.get().checked_add(left).context("a part overflows")?;
        first.insert(sum);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole() {
        let shares =
            [("Ada".to_owned(), 3_334), ("Ben".to_owned(), 3_333), ("Cy".to_owned(), 3_333)];
        for amount in [1, 7, 9_999, 10_000, 1_000_000_001] {
            let parts = split(&shares, Amount::from_u64(amount)).unwrap();
            let sum: u128 = parts.values().map(|part| part.base_units()).sum();
            assert_eq!(sum, u128::from(amount));
        }
    }
}
