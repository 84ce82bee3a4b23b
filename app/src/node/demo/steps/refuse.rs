//! A transfer of what the sender does not have, and one that was meant for another chain.

use anyhow::{bail, ensure};
use tessera_client::operations::transfer;
use tessera_client::{ClientError, Signer, TransactionBuilder};
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;

use super::{ALICE, BOB, CAROL};
use crate::node::demo::names::short;
use crate::node::demo::scene::{Scene, account};

/// The key does not speak for the account.
const KEY_NOT_ALLOWED: &str = "accounts/13";
/// More than is free.
const INSUFFICIENT_BALANCE: &str = "transfers/13";

pub(super) async fn run(scene: &mut Scene, villa: &AssetId) -> anyhow::Result<()> {
    let five = Amount::from_u64(5);
    let operations = vec![transfer(villa, &account(BOB), five)];
    let refusal = scene.refuse(CAROL, operations, INSUFFICIENT_BALANCE).await?;
    scene.screen.refused("refused", "5 shares carol → bob (as intended)", refusal.height);
    scene.screen.detail(&format!("{INSUFFICIENT_BALANCE}: {}", refusal.message));
    stolen(scene, villa).await?;
    // Nobody's balance has changed.
    scene.check_books().await
}

/// Carol signs a transfer of alice's shares: it never gets into a block.
async fn stolen(scene: &Scene, villa: &AssetId) -> anyhow::Result<()> {
    let info = scene.client.info().await?;
    let thief = Signer::from_seed_phrase(CAROL);
    let transaction = TransactionBuilder::new(info.chain_id, account(ALICE))
        .nonce(63, 0)
        .valid_until_height(info.height.saturating_add(100))
        .operation(transfer(villa, &account(CAROL), Amount::from_u64(120)))
        .quoted_fee(&info.params.unwrap_or_default(), 1)
        .sign(&[&thief]);
    let refusal = match scene.client.submit(&transaction).await {
        Err(ClientError::Refused(refusal)) => refusal,
        Err(error) => return Err(error.into()),
        Ok(_) => bail!("a transfer of alice's shares with carol's signature was taken in"),
    };
    let code = format!("{}/{}", refusal.codespace, refusal.code);
    ensure!(code == KEY_NOT_ALLOWED, "refused for another reason: {}", refusal.message);
    let text = "120 of alice's shares, signed by carol (as intended)";
    scene.screen.refused("refused", text, None);
    let message = short(&scene.names.in_text(&refusal.message));
    scene.screen.detail(&format!("{code}: {message}"));
    Ok(())
}
