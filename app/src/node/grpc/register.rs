//! All holdings of an asset with their proofs, as of one block, in parts.

use std::collections::BTreeSet;

use bytes::Bytes;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Holding;
use tessera_proto::pb::chain::v1::StreamRegisterResponse;
use tessera_proto::pb::query::v1::{Certificate, PageRequest, StateProof};
use tessera_proto::state_key::{Namespace, StateKey};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use super::pages::Page;
use super::services::{Answers, Services};
use super::status;
use super::view::{View, latest_height};
use crate::node::application::Node;
use crate::state::history::History;
use crate::state::table::Table;

/// Holdings of one part: some hundred kilobytes.
const PART_HOLDINGS: u32 = 256;
/// Parts that wait for their reader.
const PARTS_AHEAD: usize = 1;

type Sender = mpsc::Sender<Result<StreamRegisterResponse, Status>>;

/// A register that is being read.
struct Reading {
    services: Services,
    sender: Sender,
    asset: AssetId,
    height: u64,
    /// Shards whose root proof was given.
    shards: BTreeSet<u8>,
}

impl Services {
    /// All holdings of an asset as of the block of a certificate, which comes first.
    ///
    /// Only a few parts are in memory at a time, however slow the reader is. The holdings that
    /// exist now come first, read as of that block; then those that were removed since.
    pub(super) fn stream_holdings(
        &self,
        asset: AssetId,
        certificate: Certificate,
    ) -> Response<Answers<StreamRegisterResponse>> {
        let (sender, receiver) = mpsc::channel(PARTS_AHEAD);
        let services = self.clone();
        tokio::spawn(async move {
            let height = certificate.state_height;
            let first =
                StreamRegisterResponse { certificate: Some(certificate), holdings: Vec::new() };
            if sender.send(Ok(first)).await.is_err() {
                return;
            }
            let stopping = services.clone();
            let shards = BTreeSet::new();
            let mut reading = Reading { services, sender: sender.clone(), asset, height, shards };
            let ended = tokio::select! {
                ended = reading.send_all() => ended,
                () = stopping.stopped() => Err(status::stopping()),
                () = sender.closed() => return,
            };
            if let Err(error) = ended {
                // A reader that has gone does not care.
                let _ = sender.send(Err(error)).await;
            }
        });
        Response::new(ReceiverStream::new(receiver))
    }
}

impl Reading {
    async fn send_all(&mut self) -> Result<(), Status> {
        let (asset, height) = (self.asset, self.height);
        let mut token = Bytes::new();
        loop {
            let part = self.services.blocking(move |node| listed(node, &asset, height, token));
            let (holdings, next) = part.await?;
            self.send(holdings).await;
            if next.is_empty() {
                break;
            }
            token = next;
        }
        let latest = latest_height(self.services.node.store())?;
        for shard in 0..=u8::MAX {
            let part =
                self.services.blocking(move |node| removed(node, &asset, shard, height, latest));
            self.send(part.await?).await;
        }
        Ok(())
    }

    async fn send(&mut self, mut holdings: Vec<StateProof>) {
        for proof in &mut holdings {
            let shard = StateKey::from_bytes(&proof.key).map(|key| key.shard());
            if shard.is_some_and(|shard| !self.shards.insert(shard)) {
                proof.root_proof = Bytes::new();
            }
        }
        if !holdings.is_empty() {
            let part = StreamRegisterResponse { certificate: None, holdings };
            // When the reader has gone, reading ends, too.
            let _ = self.sender.send(Ok(part)).await;
        }
    }
}

/// Holdings as of a block, among those that exist now, and where the list goes on.
fn listed(
    node: &Node,
    asset: &AssetId,
    height: u64,
    page_token: Bytes,
) -> Result<(Vec<StateProof>, Bytes), Status> {
    View::read_at(node.store(), height, |view| {
        let request = PageRequest { limit: PART_HOLDINGS, page_token };
        let page = Page::read(Some(request), Address::LENGTH)?;
        let (accounts, page) =
            page.scan(view.database(), Table::Keys, &Namespace::Holding.prefix(asset.as_bytes()))?;
        let accounts = accounts.iter().filter_map(|id| Address::try_from(id.as_ref()).ok());
        let keys = accounts.map(|account| StateKey::holding(asset, &account));
        Ok((proofs(view, keys)?, page.next_page_token))
    })
}

/// Holdings of a shard as of a block, among those that later blocks have removed.
fn removed(
    node: &Node,
    asset: &AssetId,
    shard: u8,
    height: u64,
    latest: u64,
) -> Result<Vec<StateProof>, Status> {
    View::read_at(node.store(), height, |view| {
        let later = History::new(view.database()).blocks(shard, height.saturating_add(1), latest);
        let later = later.map_err(|fault| status::failed(&fault))?;
        let prefix = Namespace::Holding.prefix(asset.as_bytes());
        let keys: BTreeSet<StateKey> = later
            .into_iter()
            .filter(|replaced| replaced.removed)
            .filter_map(|replaced| replaced.record)
            .map(|record| record.key)
            .filter(|key| key.as_bytes().starts_with(&prefix))
            .collect();
        proofs(view, keys)
    })
}

/// Proofs of the holdings that are not empty as of the block.
fn proofs(
    view: &View<'_>,
    keys: impl IntoIterator<Item = StateKey>,
) -> Result<Vec<StateProof>, Status> {
    let mut proofs = Vec::new();
    for key in keys {
        let holding: Option<Holding> = view.leaf(&key)?;
        if holding.is_some_and(|holding| !holding.balance.is_zero()) {
            proofs.push(view.proof(&key)?);
        }
    }
    Ok(proofs)
}
