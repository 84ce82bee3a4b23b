//! The chain against the files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, ensure};
use tessera_client::client::{PAGE_ENTRIES, all_pages};
use tessera_client::verify::{NoBody, OwnershipFile};
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::AssetStatus;

use super::plan::asset_id;
use super::report::Summary;
use crate::node::demo::register::{AssetRow, PaymentKind, Register};
use crate::node::demo::scene::{Scene, account};

/// Most holdings that are proven.
const MAX_PROOFS: usize = 40;

/// Compares assets, every holding, and every balance of money.
pub(super) async fn everything(scene: &Scene, register: &Register) -> anyhow::Result<Vec<Summary>> {
    let words = "comparing the chain with the files";
    let summaries = scene.screen.waiting(words, compare(scene, register)).await?;
    let holdings: usize = summaries.iter().map(|summary| summary.holders).sum();
    let text = format!(
        "{} assets, {} holdings, all supplies and all money agree with the files",
        summaries.len(),
        super::count(holdings)
    );
    scene.screen.done("compared", &text, Some(scene.last_height));
    Ok(summaries)
}

async fn compare(scene: &Scene, register: &Register) -> anyhow::Result<Vec<Summary>> {
    let mut summaries = Vec::with_capacity(register.assets.len());
    for asset in &register.assets {
        summaries.push(
            compare_asset(scene, register, asset)
                .await
                .with_context(|| format!("`{}` is not as in the files", asset.name))?,
        );
    }
    compare_money(scene).await?;
    Ok(summaries)
}

async fn compare_asset(
    scene: &Scene,
    register: &Register,
    asset: &AssetRow,
) -> anyhow::Result<Summary> {
    let id = asset_id(&asset.name);
    let (facts, totals) = scene.client.asset(&asset.name, 0).await?;
    ensure!(facts.id == id.to_bytes() && facts.title == asset.title, "another asset has its name");
    ensure!(facts.status() == AssetStatus::Active, "it is not active");
    ensure!(facts.class() == asset.class, "its class is {:?}", facts.class());
    let documents = scene.client.documents(&asset.name).await?;
    let hash = documents.first().map(|document| document.sha256.to_vec());
    ensure!(hash.as_deref() == Some(&asset.document_sha256), "its document has another hash");
    let expected: BTreeMap<Address, Amount> = scene.books.of(&id).collect();
    let found = holders(scene, &asset.name).await?;
    ensure!(found == expected, "{}", difference(scene, &expected, &found));
    let supply = scene.books.supply(&id)?;
    ensure!(totals.supply == supply.to_string(), "its supply is {}", totals.supply);
    ensure!(
        u64::try_from(expected.len()).ok() == Some(totals.holder_count),
        "it has {} holders",
        totals.holder_count
    );
    compare_income(scene, asset, &id, supply).await?;
    Ok(Summary {
        name: asset.name.clone(),
        class: asset.class,
        holders: expected.len(),
        supply,
        max_supply: asset.max_supply,
        decimals: asset.decimals,
        value: asset.appraisal.value,
        income: paid(register, asset, PaymentKind::Income)?,
        royalties: paid(register, asset, PaymentKind::Royalty)?,
    })
}

/// All holdings of an asset, page by page.
async fn holders(scene: &Scene, asset: &str) -> anyhow::Result<BTreeMap<Address, Amount>> {
    let page = async |token| scene.client.holders(asset, PAGE_ENTRIES, token).await;
    let mut found = BTreeMap::new();
    for holding in all_pages(page).await? {
        let balance: Amount = holding.balance.parse()?;
        if !balance.is_zero() {
            found.insert(holding.account.parse()?, balance);
        }
    }
    Ok(found)
}

/// The first holding that is not as it should be.
fn difference(
    scene: &Scene,
    expected: &BTreeMap<Address, Amount>,
    found: &BTreeMap<Address, Amount>,
) -> String {
    let people: BTreeSet<&Address> = expected.keys().chain(found.keys()).collect();
    let amount = |list: &BTreeMap<Address, Amount>, who: &Address| {
        list.get(who).copied().unwrap_or_default()
    };
    for who in people {
        let (should, does) = (amount(expected, who), amount(found, who));
        if should != does {
            let who = scene.names.of(who);
            return format!("{who} should hold {should} base units, but holds {does}");
        }
    }
    "its holders differ".to_owned()
}

/// What one holder may claim: never more than its part, and less by no more than rounding.
async fn compare_income(
    scene: &Scene,
    asset: &AssetRow,
    id: &AssetId,
    supply: Amount,
) -> anyhow::Result<()> {
    let pool = scene.books.balance(&scene.currency, &Address::income_pool(id)).base_units();
    let Some((holder, units)) = sample(scene, id) else { return Ok(()) };
    if pool == 0 {
        return Ok(());
    }
    let income = scene.client.claimable_income(&asset.name, &holder, 0).await?;
    let found: u128 = match income.first() {
        Some(income) => income.amount.parse::<Amount>()?.base_units(),
        None => 0,
    };
    let Some(exact) = pool.checked_mul(units.base_units()).map(|all| all / supply.base_units())
    else {
        return Ok(());
    };
    ensure!(
        found <= exact && found + 1 >= exact,
        "{} should be able to claim {exact} base units, but the chain says {found}",
        scene.names.of(&holder)
    );
    Ok(())
}

/// A holder from the middle of the list, which is in order of address and thus as good as drawn.
fn sample(scene: &Scene, id: &AssetId) -> Option<(Address, Amount)> {
    let count = scene.books.of(id).count();
    scene.books.of(id).nth(count / 2)
}

fn paid(register: &Register, asset: &AssetRow, kind: PaymentKind) -> anyhow::Result<Amount> {
    let of_asset = register.payments.iter().filter(|row| row.asset == asset.name);
    let amounts = of_asset.filter(|row| row.kind == kind).map(|row| row.amount);
    amounts.into_iter().try_fold(Amount::ZERO, Amount::checked_add).context("the sum overflows")
}

/// Everybody's money, and that no unit of it came from nowhere.
async fn compare_money(scene: &Scene) -> anyhow::Result<()> {
    let name = scene.names.in_text(&scene.currency.to_string());
    let expected: BTreeMap<Address, Amount> = scene.books.of(&scene.currency).collect();
    let found = holders(scene, &name).await?;
    ensure!(found == expected, "{name}: {}", difference(scene, &expected, &found));
    let (_, totals) = scene.client.asset(&name, 0).await?;
    let supply = scene.books.supply(&scene.currency)?;
    ensure!(totals.supply == supply.to_string(), "{name}: its supply is {}", totals.supply);
    Ok(())
}

/// Proves one holding of each asset, and that one holder of it holds nothing of another.
pub(super) async fn proofs(scene: &Scene, register: &Register) -> anyhow::Result<()> {
    let folder = scene.out.join("proofs");
    fs::create_dir_all(&folder)?;
    let height = scene.last_height;
    let assets: Vec<&AssetRow> = register.assets.iter().take(MAX_PROOFS).collect();
    let words = format!("proving holdings of {} assets", assets.len());
    let prove = async {
        let mut proven = 0;
        for asset in &assets {
            let id = asset_id(&asset.name);
            let Some((holder, units)) = sample(scene, &id) else { continue };
            let path = folder.join(format!("{}.json", asset.name));
            fs::write(&path, proof(scene, &id, &holder, units, height).await?)?;
            proven += 1;
        }
        anyhow::Ok(proven)
    };
    let proven = scene.screen.waiting(&words, prove).await?;
    let text = format!("{proven} holdings → proofs/NAME.json, each verified offline");
    scene.screen.done("proved", &text, Some(height));
    let stranger = account("somebody who holds nothing");
    if let Some(asset) = assets.first() {
        let id = asset_id(&asset.name);
        let text = proof(scene, &id, &stranger, Amount::ZERO, height).await?;
        fs::write(folder.join("absence.json"), text)?;
        let text = format!("a stranger holds nothing of {} → proofs/absence.json", asset.name);
        scene.screen.done("proved", &text, Some(height));
    }
    Ok(())
}

/// A proof file, read back and checked with nothing but the validators of the genesis document.
async fn proof(
    scene: &Scene,
    id: &AssetId,
    holder: &Address,
    units: Amount,
    height: u64,
) -> anyhow::Result<String> {
    let certificate = scene.certificate(id, holder, height).await?;
    let verified = scene.verify(&certificate)?;
    let text = OwnershipFile::new(&certificate, NoBody {}, &verified).to_text();
    let verified = OwnershipFile::from_text(&text)?.verify(&scene.trust())?;
    ensure!(
        (verified.asset_id, verified.account, verified.balance()) == (*id, *holder, units)
            && verified.supply == scene.books.supply(id)?
            && verified.header.state_height == height,
        "the proof says that {} holds {} base units",
        scene.names.of(&verified.account),
        verified.balance()
    );
    Ok(text)
}
