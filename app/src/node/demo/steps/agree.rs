//! All validators have the same state.

use std::time::Duration;

use anyhow::ensure;
use tokio::time::{Instant, sleep};

use crate::node::demo::scene::Scene;

/// How long the nodes may need to stand at the same block.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two looks at the nodes.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

pub(super) async fn run(scene: &mut Scene) -> anyhow::Result<()> {
    let words = "waiting for all nodes to stand at the same block";
    let (height, app_hash) = scene.screen.waiting(words, common_state(scene)).await?;
    let (count, hash) = (scene.nodes.len(), hex::encode_upper(&app_hash));
    let text = if count == 1 {
        format!("the state of the only node is {}…", hash.get(..16).unwrap_or_default())
    } else {
        format!("all {count} nodes have state {}…", hash.get(..16).unwrap_or_default())
    };
    scene.screen.done("agreed", &text, Some(height));
    Ok(())
}

/// Height and root of the state at a moment when all nodes stand at the same block.
async fn common_state(scene: &Scene) -> anyhow::Result<(u64, Vec<u8>)> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut states = Vec::with_capacity(scene.nodes.len());
        for node in &scene.nodes {
            let info = node.info().await?;
            states.push((info.height, info.app_hash.to_vec()));
        }
        states.sort();
        if let (Some(first), Some(last)) = (states.first(), states.last())
            && first.0 == last.0
        {
            ensure!(first == last, "the nodes have different states at block {}", first.0);
            return Ok(first.clone());
        }
        ensure!(Instant::now() < deadline, "the nodes do not stand at the same block");
        sleep(POLL_INTERVAL).await;
    }
}
