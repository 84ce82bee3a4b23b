//! Many transactions at once: each account uses several lanes, and nothing waits for a receipt
//! before the next is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tessera_client::{Client, PreparedTransaction, Signer, TransactionBuilder};
use tessera_proto::pb::chain::v1::{GetInfoResponse, SubmitStreamRequest};
use tokio_stream::StreamExt as _;

use super::plan::Step;
use crate::node::demo::scene::Scene;

/// Lanes of one account. Lane 0 is left to whoever sends one after the other.
const LANES: u32 = 60;
/// Transactions sent before their receipts are waited for.
const WINDOW: usize = 512;
/// Transactions in one message.
const BATCH: usize = 64;
/// Blocks in which a transaction may be included.
const VALIDITY_BLOCKS: u64 = 1_000;
/// How long a receipt may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends transactions and hands out their nonces.
pub(super) struct Lanes {
    client: Client,
    info: GetInfoResponse,
    next_nonces: BTreeMap<(String, u32), u64>,
}

impl Lanes {
    /// For a chain on which the lanes have not been used.
    pub(super) async fn new(scene: &Scene) -> anyhow::Result<Self> {
        let client = scene.client.clone();
        let info = client.info().await?;
        Ok(Self { client, info, next_nonces: BTreeMap::new() })
    }

    /// Sends all steps and waits until each is in a block; the height of the last.
    pub(super) async fn send(&mut self, steps: &[Step]) -> anyhow::Result<u64> {
        let mut last = 0;
        for window in steps.chunks(WINDOW) {
            self.info = self.client.info().await?;
            let transactions: Vec<_> = window.iter().map(|step| self.sign(step)).collect();
            self.submit(window, &transactions).await?;
            for (step, transaction) in window.iter().zip(&transactions) {
                last = self.wait(step, transaction).await?.max(last);
            }
        }
        Ok(last)
    }

    fn sign(&mut self, step: &Step) -> PreparedTransaction {
        let lane = step.lane % LANES + 1;
        let nonce = self.next_nonces.entry((step.sender.clone(), lane)).or_default();
        let signer = Signer::from_seed_phrase(&step.sender);
        let transaction = TransactionBuilder::new(self.info.chain_id.clone(), signer.address())
            .nonce(lane, *nonce)
            .valid_until_height(self.info.height.saturating_add(VALIDITY_BLOCKS))
            .operations(step.operations.iter().cloned())
            .quoted_fee(&self.info.params.clone().unwrap_or_default(), 1)
            .sign(&[&signer]);
        *nonce += 1;
        transaction
    }

    async fn submit(
        &self,
        steps: &[Step],
        transactions: &[PreparedTransaction],
    ) -> anyhow::Result<()> {
        let requests: Vec<_> = transactions
            .chunks(BATCH)
            .map(|batch| SubmitStreamRequest {
                transactions: batch.iter().map(|transaction| transaction.bytes.clone()).collect(),
            })
            .collect();
        let mut answers = self.client.submit_stream(tokio_stream::iter(requests)).await?;
        let mut admitted = 0;
        while let Some(answer) = answers.next().await {
            for admission in answer?.admissions {
                let place = steps.get(admitted).map(|step| step.place.as_str());
                if admission.code != 0 {
                    let (space, code) = (&admission.codespace, admission.code);
                    let place = place.unwrap_or_default();
                    bail!("{place}: refused ({space}/{code}): {}", admission.message);
                }
                admitted += 1;
            }
        }
        ensure!(
            admitted == transactions.len(),
            "the node took in {admitted} of {} transactions",
            transactions.len()
        );
        Ok(())
    }

    async fn wait(&self, step: &Step, sent: &PreparedTransaction) -> anyhow::Result<u64> {
        let place = &step.place;
        let receipt = self.client.wait(sent.id, PATIENCE).await?;
        let receipt = receipt.with_context(|| format!("{place}: not in a block in time"))?;
        let outcome = receipt.outcome.context("a receipt without an outcome")?;
        if outcome.code != 0 {
            let (space, code) = (&outcome.codespace, outcome.code);
            bail!("{place}: refused ({space}/{code}): {}", receipt.message);
        }
        Ok(receipt.height)
    }
}
