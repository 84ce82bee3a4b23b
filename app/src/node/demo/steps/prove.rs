//! Proofs that anybody can check with nothing but the validators of the genesis document.

use std::fs;
use std::time::Instant;

use anyhow::ensure;
use tessera_client::verify::{NoBody, OwnershipFile, VerifiedOwnership};
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;

use super::{ALICE, CAROL, SHARES, VILLA};
use crate::node::demo::scene::{Scene, account};
use crate::node::demo::screen::grouped;

/// The file of alice's proof.
pub(super) const PROOF: &str = "proof.json";
/// The file of the proof that carol holds nothing.
const ABSENCE: &str = "absence.json";

pub(super) async fn run(scene: &mut Scene, villa: &AssetId) -> anyhow::Result<()> {
    let height = scene.last_height;
    let (verified, time) = prove(scene, villa, ALICE, PROOF, height).await?;
    ensure!(
        verified.balance() == scene.books.balance(villa, &account(ALICE))
            && verified.supply == Amount::from_u64(SHARES),
        "the proof says that alice holds {} of {}",
        verified.balance(),
        verified.supply
    );
    let header = &verified.header;
    let text =
        format!("alice owns 120 of 1,000 shares (12 %) → {PROOF}, verified offline in {time}");
    scene.screen.done("proved", &text, Some(height));
    scene.screen.detail(&format!(
        "{} hashes from her holding to header {}, signed by {} of {} validators ({} of {} power)",
        verified.proof_depth,
        grouped(height.saturating_add(1)),
        header.signer_count,
        header.validator_count,
        header.signed_power,
        header.total_power
    ));
    let (verified, time) = prove(scene, villa, CAROL, ABSENCE, height).await?;
    ensure!(verified.holding.is_none(), "carol is proven to hold something");
    let text = format!("carol holds nothing of {VILLA} → {ABSENCE}, verified offline in {time}");
    scene.screen.done("proved", &text, Some(height));
    Ok(())
}

/// Fetches a certificate, writes it to a file, and checks the file as a stranger would: without
/// the chain, knowing the validators only.
async fn prove(
    scene: &Scene,
    villa: &AssetId,
    who: &str,
    file: &str,
    height: u64,
) -> anyhow::Result<(VerifiedOwnership, String)> {
    let certificate = scene.certificate(villa, &account(who), height).await?;
    let verified = scene.verify(&certificate)?;
    let path = scene.out.join(file);
    fs::write(&path, OwnershipFile::new(&certificate, NoBody {}, &verified).to_text())?;
    let text = fs::read_to_string(&path)?;
    let begun = Instant::now();
    let verified = OwnershipFile::from_text(&text)?.verify(&scene.trust())?;
    let time = format!("{:.1} ms", begun.elapsed().as_secs_f64() * 1000.0);
    ensure!(
        verified.account == account(who)
            && verified.asset_id == *villa
            && verified.header.chain_id == scene.chain_id
            && verified.header.state_height == height,
        "the proof is of something else than was asked"
    );
    Ok((verified, time))
}
