//! The life of a villa, step by step.

mod agree;
mod forge;
mod income;
mod issue;
mod prove;
mod refuse;
mod register;
mod royalty;
mod sell;
mod vote;

use anyhow::Context as _;
use tessera_genesis::dev;
use tessera_proto::id::AssetId;

use super::scene::{Scene, account};

/// Who issues the villa.
const ISSUER: &str = dev::ISSUER;
/// Who appraises it.
const APPRAISER: &str = dev::APPRAISER;
const ALICE: &str = "alice";
const BOB: &str = "bob";
/// Owns nothing of the villa, and never will.
const CAROL: &str = "carol";
/// Rents the villa.
const DAVE: &str = "dave";
/// Unique name of the villa.
const VILLA: &str = "villa-ardeche";
/// What people call it.
const TITLE: &str = "Villa in Ardèche";
/// Makes its id.
const SALT: &[u8] = b"villa-ardeche";
/// Shares that exist.
const SHARES: u64 = 1_000;

/// Shows all of it; the first thing that does not hold ends it.
pub(super) async fn play(scene: &mut Scene) -> anyhow::Result<()> {
    let villa = AssetId::derive(&account(ISSUER), SALT);
    scene.names.asset(&villa, VILLA);
    register::run(scene, &villa).await.context("the registration did not hold")?;
    issue::run(scene, &villa).await.context("the issuance did not hold")?;
    sell::run(scene, &villa).await.context("the sale did not hold")?;
    royalty::run(scene, &villa).await.context("the royalty did not hold")?;
    income::run(scene, &villa).await.context("the income did not hold")?;
    vote::run(scene, &villa).await.context("the vote did not hold")?;
    refuse::run(scene, &villa).await.context("the refusal did not hold")?;
    prove::run(scene, &villa).await.context("the proof did not hold")?;
    forge::run(scene).await.context("the refusal of forgeries did not hold")?;
    agree::run(scene).await.context("the agreement of the nodes did not hold")
}
