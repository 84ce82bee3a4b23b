//! Forged proofs, made from alice's true one.

use std::fs;

use anyhow::{Context as _, bail, ensure};
use tessera_client::verify::{OwnershipFile, ProofError, ProofStep, TrustRoot};
use tessera_proto::amount::Amount;
use tessera_proto::leaf::{Holding, Leaf as _};

use super::prove::PROOF;
use crate::node::demo::names::short;
use crate::node::demo::scene::Scene;

/// Where the proof with another balance goes, for whoever wants to try it.
const FORGED: &str = "forged.json";

pub(super) async fn run(scene: &mut Scene) -> anyhow::Result<()> {
    let honest = fs::read_to_string(scene.out.join(PROOF))?;
    let forged = with_more_shares(&honest)?;
    fs::write(scene.out.join(FORGED), &forged)?;
    let error = refusal(&forged, &scene.trust(), ProofStep::ShardProof)?;
    let text = format!("alice owns 920 of 1,000 → {FORGED} (as intended)");
    scene.screen.refused("forged", &text, None);
    scene.screen.detail(&format!(
        "The {} is wrong: {}",
        error.step().as_str(),
        short(&error.to_string())
    ));
    let error = refusal(&with_other_state(&honest)?, &scene.trust(), ProofStep::Header)?;
    scene.screen.refused("forged", "a header that commits to another state (as intended)", None);
    scene.screen.detail(&format!(
        "The {} is wrong: {}",
        error.step().as_str(),
        short(&error.to_string())
    ));
    let strangers = TrustRoot::ValidatorsHash([7; 32]);
    let error = refusal(&honest, &strangers, ProofStep::Trust)?;
    let text = "the true proof, shown to somebody who trusts other validators (as intended)";
    scene.screen.refused("untrusted", text, None);
    scene.screen.detail(&format!(
        "The {} is missing: {}",
        error.step().as_str(),
        short(&error.to_string())
    ));
    Ok(())
}

/// Alice with 800 shares more, in the proof and in what stands beside it.
fn with_more_shares(honest: &str) -> anyhow::Result<String> {
    let certificate = OwnershipFile::from_text(honest)?.certificate()?;
    let proof = certificate.proofs.last().context("a proof without a holding")?;
    let mut holding = Holding::from_leaf_bytes(&proof.value)?;
    holding.balance = Amount::from_u64(920);
    let (old, new) = (hex::encode(&proof.value), hex::encode(holding.to_leaf_bytes()));
    Ok(honest.replace(&old, &new).replace("\"120\"", "\"920\""))
}

/// The same header with another root of the state.
fn with_other_state(honest: &str) -> anyhow::Result<String> {
    let file = OwnershipFile::from_text(honest)?;
    let verified = file.verify(&TrustRoot::ValidatorsHash(file.claimed_validators_hash()?))?;
    let header = hex::encode(file.certificate()?.signed_header);
    let root = hex::encode(&verified.header.app_hash);
    ensure!(header.contains(&root), "the header does not contain the root of the state");
    Ok(honest.replace(&header, &header.replace(&root, &"ab".repeat(root.len() / 2))))
}

/// Why a proof is refused; it must be, at this step.
fn refusal(text: &str, trust: &TrustRoot, step: ProofStep) -> anyhow::Result<ProofError> {
    match OwnershipFile::from_text(text).and_then(|file| file.verify(trust)) {
        Ok(_) => bail!("a forged proof was accepted"),
        Err(error) => {
            ensure!(error.step() == step, "a forged proof was refused for another reason: {error}");
            Ok(error)
        }
    }
}
