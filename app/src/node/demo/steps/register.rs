//! The villa enters the register, and an accredited appraiser certifies its value.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::ensure;
use bytes::Bytes;
use tessera_client::Signer;
use tessera_client::operations::{
    AssetClass, Document, RegisterAsset, activate_asset, append_appraisal, register_asset,
};
use tessera_proto::amount::Amount;
use tessera_proto::hash::sha256;
use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::{Appraisal, AssetStatus};

use super::{APPRAISER, ISSUER, SHARES, TITLE, VILLA};
use crate::node::demo::scene::{Scene, account, parse_usdx, usdx};

/// The document behind the villa. Its hash is registered, its text is not.
const DEED: &str = "Deed of sale\n\nVilla with garden and spring, Chemin des Châtaigniers 4, \
                    Ardèche, France.\nOwner: Ardèche Homes SAS, \
                    for the holders of its 1,000 shares.\n";
/// The report behind the appraisal.
const REPORT: &str = "Three comparable sales of 2026 give 100,000 for the villa.\n";
const VALUE: &str = "100000";
/// How long the appraisal is valid: a year.
const VALIDITY: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// No valid appraisal.
const NO_VALID_APPRAISAL: &str = "assets/17";

pub(super) async fn run(scene: &mut Scene, villa: &AssetId) -> anyhow::Result<()> {
    let deed = sha256(DEED);
    std::fs::write(scene.out.join("deed.txt"), DEED)?;
    let registration = register_asset(RegisterAsset {
        salt: super::SALT.into(),
        name: VILLA.to_owned(),
        title: TITLE.to_owned(),
        class: AssetClass::RealEstate.into(),
        decimals: 0,
        max_supply: Amount::from_u64(SHARES).to_string(),
        documents: vec![Document {
            name: "Deed".to_owned(),
            uri: "https://notary.example/deeds/villa-ardeche".to_owned(),
            sha256: deed.to_vec().into(),
        }],
        attributes: Vec::new(),
        ..RegisterAsset::default()
    });
    let receipt = scene.send(ISSUER, vec![registration]).await?;
    check_registration(scene, villa, &deed).await?;
    let hash = hex::encode(deed);
    let text = format!(
        "{VILLA} “{TITLE}”, 1,000 shares, deed sha256 {}…",
        hash.get(..12).unwrap_or_default()
    );
    scene.screen.done("registered", &text, Some(receipt.height));
    let refusal = scene.refuse(ISSUER, vec![activate_asset(villa)], NO_VALID_APPRAISAL).await?;
    let text = "to open it for issuance without a certified appraisal (as intended)";
    scene.screen.refused("refused", text, refusal.height);
    appraise(scene, villa).await
}

async fn check_registration(scene: &Scene, villa: &AssetId, deed: &[u8; 32]) -> anyhow::Result<()> {
    // By its name, which must lead to the id that issuer and salt give.
    let (asset, totals) = scene.client.asset(VILLA, 0).await?;
    ensure!(asset.id == villa.to_bytes(), "`{VILLA}` is registered under another id");
    ensure!(
        asset.status() == AssetStatus::Proposed && totals.supply == "0",
        "`{VILLA}` has units before it was activated"
    );
    let documents = scene.client.documents(VILLA).await?;
    let [document] = documents.as_slice() else { anyhow::bail!("`{VILLA}` lost its deed") };
    ensure!(document.sha256 == deed.as_slice(), "the register has another hash of the deed");
    Ok(())
}

async fn appraise(scene: &mut Scene, villa: &AssetId) -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    // The clocks of validators may be a little behind ours.
    let from = now.saturating_sub(Duration::from_secs(60));
    let value = parse_usdx(VALUE)?;
    let appraisal = Appraisal {
        appraiser: account(APPRAISER).to_bytes(),
        value: value.to_string(),
        currency: scene.currency.to_bytes(),
        method: "comparable sales".to_owned(),
        valid_from_ms: u64::try_from(from.as_millis())?,
        valid_to_ms: u64::try_from((from + VALIDITY).as_millis())?,
        report_sha256: sha256(REPORT).to_vec().into(),
    };
    // The appraiser signs; who brings it does not matter.
    let signer = Signer::from_seed_phrase(APPRAISER);
    let operation = append_appraisal(&scene.chain_id, villa, &appraisal, &signer);
    let receipt = scene.send(ISSUER, vec![operation]).await?;
    let history = scene.client.appraisals(VILLA, 10, Bytes::new()).await?.entries;
    ensure!(history == [appraisal], "the history of appraisals is not what was signed");
    let text = format!("{} by comparable sales, signed by the accredited appraiser", usdx(value));
    scene.screen.done("appraised", &text, Some(receipt.height));
    Ok(())
}
