//! About the chain and its blocks.

use prost::Message as _;
use tessera_proto::pb::chain::v1::chain_service_server::ChainService;
use tessera_proto::pb::chain::v1::list_receipts_request::Subject;
use tessera_proto::pb::chain::v1::{
    GetInfoRequest, GetInfoResponse, ListReceiptsRequest, ListReceiptsResponse, Receipt,
    SubscribeBlocksRequest, SubscribeBlocksResponse,
};
use tessera_proto::pb::query::v1::PageResponse;
use tessera_proto::pb::votes::v1::Upgrade;
use tessera_proto::state_key::StateKey;
use tonic::{Request, Response, Status, async_trait};

use super::pages::Page;
use super::services::{Answers, ChainMode, Services};
use super::status;
use super::view::{self, View};
use crate::chain::receipts::{block_summary, receipts_about};
use crate::modules::votes::version_at;
use crate::node::application::Node;

/// Bytes of a position in the receipts of a subject: height and index.
const POSITION_LENGTH: usize = 12;
/// Bytes of receipts on a page, unless a single one has more.
const PAGE_BYTES: usize = 8 << 20;

#[async_trait]
impl ChainService for Services {
    type SubscribeBlocksStream = Answers<SubscribeBlocksResponse>;

    async fn get_info(
        &self,
        _request: Request<GetInfoRequest>,
    ) -> Result<Response<GetInfoResponse>, Status> {
        let mode = self.mode;
        let info = self.blocking(move |node| info(node, mode)).await?;
        Ok(Response::new(info))
    }

    async fn list_receipts(
        &self,
        request: Request<ListReceiptsRequest>,
    ) -> Result<Response<ListReceiptsResponse>, Status> {
        let ListReceiptsRequest { subject, page } = request.into_inner();
        let page = Page::read(page, POSITION_LENGTH)?;
        let subject = subject.ok_or_else(|| status::invalid("`account` or `asset` is missing"))?;
        self.query(None, move |view| {
            let subject = match subject {
                Subject::Account(account) => view::account(&account)?.to_bytes(),
                Subject::Asset(asset) => view.asset(&asset)?.0.to_bytes(),
            };
            receipts_page(view, &subject, &page)
        })
        .await
    }

    async fn subscribe_blocks(
        &self,
        _request: Request<SubscribeBlocksRequest>,
    ) -> Result<Response<Self::SubscribeBlocksStream>, Status> {
        Ok(self.follow(|block| vec![block.summary.to_message()]))
    }
}

fn info(node: &Node, mode: ChainMode) -> Result<GetInfoResponse, Status> {
    let store = node.store();
    view::latest_height(store)?;
    let committed = store.committed().ok_or_else(status::stopping)?;
    View::read(store, Default::default(), |view| {
        let summary = block_summary(view.database(), committed.height);
        let summary = summary.map_err(|fault| status::failed(&fault))?;
        let upgrade: Option<Upgrade> = view.leaf(&StateKey::upgrade())?;
        let next = committed.height.saturating_add(1);
        Ok(GetInfoResponse {
            app_version: version_at(upgrade.as_ref(), next),
            upgrade,
            chain_id: node.ledger().verifier().chain_id().to_owned(),
            height: committed.height,
            app_hash: committed.app_hash.to_vec().into(),
            block_time_ms: summary.map_or(0, |summary| summary.time_ms),
            oldest_height: store.oldest_settled_height(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            params: view.leaf(&StateKey::params())?,
            consensus: mode.name().to_owned(),
            pool_transactions: u64::try_from(node.pool().transactions()).unwrap_or(u64::MAX),
        })
    })
}

/// As many receipts as fit into an answer.
fn receipts_page(
    view: &View<'_>,
    subject: &[u8],
    page: &Page,
) -> Result<ListReceiptsResponse, Status> {
    let mut limit = page.limit;
    loop {
        let (receipts, next_page_token) =
            receipts_about(view.database(), subject, &page.token, limit)
                .map_err(|fault| status::failed(&fault))?;
        let bytes: usize = receipts.iter().map(Receipt::encoded_len).sum();
        if bytes <= PAGE_BYTES || limit == 1 {
            let page = Some(PageResponse { next_page_token });
            return Ok(ListReceiptsResponse { receipts, page });
        }
        limit = (limit / 2).max(1);
    }
}
