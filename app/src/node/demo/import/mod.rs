//! A user's own register, brought onto the chain by signed transactions and compared with it.
//!
//! Accounts follow from what people are called in the files, so that the demonstration can sign
//! for them. On a real chain everybody has a key of their own.

mod check;
mod lanes;
mod plan;
mod report;

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::Context as _;
use tessera_genesis::{Genesis, Holding, dev};
use tessera_proto::amount::Amount;

use super::register::Register;
use super::scene::{Scene, account, usdx};
use super::screen::grouped;
use crate::node::comet::clock;
use lanes::Lanes;
use plan::Step;

/// Prepaid fees of a payer for each payment: far more than one costs.
const FEES_PER_PAYMENT: u64 = 1_000_000;
/// Prepaid fees of whoever imports.
const ISSUER_FEES: u64 = 1_000_000_000_000;

/// What the chain begins with: whoever imports, with the money that all payments need, and an
/// accredited appraiser.
///
/// # Errors
/// When the payments add up to more than an amount can be.
pub fn genesis(chain_id: &str, time: &str, register: &Register) -> anyhow::Result<Genesis> {
    let mut genesis = Genesis::dev(chain_id, time, Vec::new());
    let issuer = dev::address(dev::ISSUER);
    genesis.accounts.retain(|account| account.name.as_deref().is_some_and(is_ours));
    for account in &mut genesis.accounts {
        account.fee_credit = Amount::from_u64(ISSUER_FEES);
    }
    let fees = FEES_PER_PAYMENT.checked_mul(u64::try_from(register.payments.len())?);
    let fees = Amount::from_u64(fees.context("too many payments")?);
    let amounts = register.payments.iter().map(|payment| payment.amount);
    let needed = amounts.chain([fees]).try_fold(Amount::ZERO, Amount::checked_add);
    let needed = needed.context("the payments overflow")?;
    for asset in &mut genesis.assets {
        asset.holdings = vec![Holding { account: issuer, balance: needed.max(asset.max_supply) }];
        let supply = needed.max(asset.max_supply).checked_add(Amount::from_u64(2 * ISSUER_FEES));
        asset.max_supply = supply.context("the payments overflow")?;
    }
    Ok(genesis)
}

fn is_ours(name: &str) -> bool {
    super::register::RESERVED_LABELS.contains(&name)
}

/// Imports the register, pays the payments, and checks everything.
pub(super) async fn play(scene: &mut Scene, register: &Register) -> anyhow::Result<()> {
    for holder in register.holders.iter().map(|row| &row.holder) {
        scene.names.account(&account(holder), holder.clone());
    }
    for payer in register.payments.iter().map(|row| &row.payer) {
        scene.names.account(&account(payer), payer.clone());
    }
    let mut lanes = Lanes::new(scene).await?;
    let now = clock::now();
    let steps = plan::assets(scene, register, now)?;
    carry_out(scene, &mut lanes, "registered", &steps).await?;
    scene.screen.detail(&assets_in_words(register));
    if !register.payments.is_empty() {
        let steps = plan::funding(scene, register)?;
        carry_out(scene, &mut lanes, "funded", &steps).await?;
        let steps = plan::payments(scene, register)?;
        carry_out(scene, &mut lanes, "paid", &steps).await?;
        scene.screen.detail(&payments_in_words(register)?);
    }
    let summaries = check::everything(scene, register).await?;
    report::table(scene, &summaries);
    check::proofs(scene, register).await
}

/// Sends what belongs together, and says how fast it went.
async fn carry_out(
    scene: &mut Scene,
    lanes: &mut Lanes,
    verb: &str,
    steps: &[Step],
) -> anyhow::Result<()> {
    let begun = Instant::now();
    let words = format!("waiting for {} transactions", steps.len());
    let done = scene.screen.waiting(&words, lanes.send(steps)).await?;
    scene.transactions += steps.len();
    scene.last_height = scene.last_height.max(done);
    let text = format!(
        "{} with {} operations in {:.1} s",
        if steps.len() == 1 {
            "1 transaction".to_owned()
        } else {
            format!("{} transactions", count(steps.len()))
        },
        grouped(u64::try_from(steps.iter().map(|step| step.operations.len()).sum::<usize>())?),
        begun.elapsed().as_secs_f32()
    );
    scene.screen.done(verb, &text, Some(done));
    Ok(())
}

fn assets_in_words(register: &Register) -> String {
    let people: BTreeSet<_> = register.holders.iter().map(|row| &row.holder).collect();
    format!(
        "{} assets with documents and appraisals, {} holders with {} holdings",
        register.assets.len(),
        count(people.len()),
        count(register.holders.len())
    )
}

fn payments_in_words(register: &Register) -> anyhow::Result<String> {
    let amounts = register.payments.iter().map(|row| row.amount);
    let total = amounts.into_iter().try_fold(Amount::ZERO, Amount::checked_add);
    let payers: BTreeSet<_> = register.payments.iter().map(|row| &row.payer).collect();
    Ok(format!(
        "{} payments by {} payers, {} together",
        register.payments.len(),
        payers.len(),
        usdx(total.context("the payments overflow")?)
    ))
}

fn count(number: usize) -> String {
    u64::try_from(number).map_or_else(|_| number.to_string(), grouped)
}
