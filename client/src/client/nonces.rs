//! Which nonce comes next.

use std::collections::BTreeMap;
use std::sync::Arc;

use tessera_proto::id::Address;
use tokio::sync::Mutex;

use super::Client;
use crate::error::ClientError;

/// One stream of transactions.
type Lane = (Address, u32);

/// Hands out nonces, asking the node only for the first of a lane.
#[derive(Debug, Clone, Default)]
pub(super) struct NonceManager {
    next: Arc<Mutex<BTreeMap<Lane, u64>>>,
}

impl NonceManager {
    /// The next nonce of a lane; it counts as used.
    pub(super) async fn reserve(
        &self,
        client: &Client,
        account: &Address,
        lane: u32,
    ) -> Result<u64, ClientError> {
        // Held over the query, so that two tasks do not get the same answer.
        let mut next = self.next.lock().await;
        let nonce = match next.get(&(*account, lane)) {
            Some(nonce) => *nonce,
            None => committed_nonce(client, account, lane).await?,
        };
        next.insert((*account, lane), nonce.saturating_add(1));
        Ok(nonce)
    }

    /// Forgets a lane, so that the node is asked again: after a refusal or a lost transaction.
    pub(super) async fn forget(&self, account: &Address, lane: u32) {
        self.next.lock().await.remove(&(*account, lane));
    }
}

/// The nonce that the chain expects, not counting transactions that wait for a block.
pub(super) async fn committed_nonce(
    client: &Client,
    account: &Address,
    lane: u32,
) -> Result<u64, ClientError> {
    let account = client.account(account, 0).await?.unwrap_or_default();
    let position = account.nonce_lanes.iter().find(|position| position.lane == lane);
    Ok(position.map_or(0, |position| position.next_nonce))
}
