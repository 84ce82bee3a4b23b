//! A node for tests: it orders transactions and knows the asset of the proof fixture.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prost::Message;
use tessera_proto::id::Address;
use tessera_proto::leaf::Leaf;
use tessera_proto::pb::accounts::v1 as accounts;
use tessera_proto::pb::accounts::v1::account_query_service_server::*;
use tessera_proto::pb::accounts::v1::*;
use tessera_proto::pb::assets::v1::asset_query_service_server::*;
use tessera_proto::pb::assets::v1::*;
use tessera_proto::pb::chain::v1::chain_service_server::*;
use tessera_proto::pb::chain::v1::proof_service_server::*;
use tessera_proto::pb::chain::v1::transaction_service_server::*;
use tessera_proto::pb::chain::v1::*;
use tessera_proto::signing::transaction_id;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_stream::{Stream, empty};
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status, Streaming, async_trait};

use crate::verify::fixture;

type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What the node does and has done.
#[derive(Default)]
pub(crate) struct Behaviour {
    /// How many submissions are taken in without an answer.
    pub(crate) lost_answers: usize,
    /// How every submission is refused.
    pub(crate) refusal: Option<(&'static str, u32)>,
    /// Whether transactions wait until [`MockNode::commit`].
    pub(crate) holds_blocks: bool,
    /// Answers given about accounts.
    pub(crate) account_queries: usize,
    /// Transactions in blocks, in order.
    pub(crate) included: Vec<[u8; 32]>,
    committed: BTreeMap<u32, u64>,
    waiting: Vec<([u8; 32], u32)>,
}

/// A node for tests, of one account.
#[derive(Clone, Default)]
pub(crate) struct MockNode(pub(crate) Arc<Mutex<Behaviour>>);

impl MockNode {
    /// Serves on a free port of this machine; the URL.
    pub(crate) async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder()
            .add_service(TransactionServiceServer::new(self.clone()))
            .add_service(ChainServiceServer::new(self.clone()))
            .add_service(AccountQueryServiceServer::new(self.clone()))
            .add_service(AssetQueryServiceServer::new(self.clone()))
            .add_service(ProofServiceServer::new(self.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        url
    }

    /// Puts what waits into a block.
    pub(crate) fn commit(&self) {
        let mut node = self.0.lock().unwrap();
        let waiting = std::mem::take(&mut node.waiting);
        for (id, lane) in waiting {
            *node.committed.entry(lane).or_default() += 1;
            node.included.push(id);
        }
    }
}

fn refused(codespace: &'static str, code: u32) -> Status {
    let mut metadata = MetadataMap::new();
    metadata.insert("tessera-codespace", codespace.parse().unwrap());
    metadata.insert("tessera-code", code.to_string().parse().unwrap());
    Status::with_metadata(Code::FailedPrecondition, "refused by the mock", metadata)
}

fn receipt(id: &[u8]) -> Receipt {
    let outcome =
        TransactionOutcome { tx_id: id.to_vec().into(), fee: "5".into(), ..Default::default() };
    Receipt { outcome: Some(outcome), height: 12, ..Receipt::default() }
}

#[async_trait]
impl TransactionService for MockNode {
    type SubmitStreamStream = BoxStream<SubmitStreamResponse>;
    type SubscribeReceiptsStream = BoxStream<SubscribeReceiptsResponse>;

    async fn submit(
        &self,
        request: Request<SubmitRequest>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let bytes = request.into_inner().transaction;
        let id = transaction_id(&bytes);
        let signed = SignedTransaction::decode(bytes).unwrap();
        let body = TransactionBody::decode(signed.body).unwrap();
        let lane = body.nonce_lane;
        {
            let mut node = self.0.lock().unwrap();
            if let Some((codespace, code)) = node.refusal {
                return Err(refused(codespace, code));
            }
            if node.included.contains(&id) || node.waiting.iter().any(|(other, _)| *other == id) {
                return Err(refused("pool", 1));
            }
            let waiting = node.waiting.iter().filter(|(_, other)| *other == lane).count() as u64;
            let next = node.committed.get(&lane).copied().unwrap_or(0) + waiting;
            if body.nonce != next {
                return Err(refused("pool", 4));
            }
            node.waiting.push((id, lane));
        }
        if !self.0.lock().unwrap().holds_blocks {
            self.commit();
        }
        let mut node = self.0.lock().unwrap();
        if node.lost_answers > 0 {
            node.lost_answers -= 1;
            return Err(Status::unavailable("the connection broke"));
        }
        Ok(Response::new(SubmitResponse { tx_id: id.to_vec().into() }))
    }

    async fn submit_stream(
        &self,
        _: Request<Streaming<SubmitStreamRequest>>,
    ) -> Result<Response<Self::SubmitStreamStream>, Status> {
        Ok(Response::new(Box::pin(empty())))
    }

    async fn simulate(
        &self,
        request: Request<SimulateRequest>,
    ) -> Result<Response<SimulateResponse>, Status> {
        let id = transaction_id(&request.into_inner().transaction);
        Ok(Response::new(SimulateResponse { receipt: Some(receipt(&id)) }))
    }

    async fn wait_for_receipt(
        &self,
        request: Request<WaitForReceiptRequest>,
    ) -> Result<Response<WaitForReceiptResponse>, Status> {
        let request = request.into_inner();
        let deadline = tokio::time::Instant::now() + Duration::from_millis(request.timeout_ms);
        loop {
            let is_included =
                self.0.lock().unwrap().included.iter().any(|id| id.as_slice() == request.tx_id);
            if is_included || tokio::time::Instant::now() >= deadline {
                let receipt = is_included.then(|| receipt(&request.tx_id));
                return Ok(Response::new(WaitForReceiptResponse { receipt }));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn subscribe_receipts(
        &self,
        _: Request<SubscribeReceiptsRequest>,
    ) -> Result<Response<Self::SubscribeReceiptsStream>, Status> {
        Ok(Response::new(Box::pin(empty())))
    }
}

#[async_trait]
impl ChainService for MockNode {
    type SubscribeBlocksStream = BoxStream<SubscribeBlocksResponse>;

    async fn get_info(
        &self,
        _: Request<GetInfoRequest>,
    ) -> Result<Response<GetInfoResponse>, Status> {
        let params = Params {
            fee_currency: fixture::ASSET.to_bytes(),
            fee_per_transaction: 5,
            max_validity_blocks: 100,
            ..Params::default()
        };
        Ok(Response::new(GetInfoResponse {
            chain_id: fixture::CHAIN_ID.into(),
            height: 11,
            params: Some(params),
            ..GetInfoResponse::default()
        }))
    }

    async fn list_receipts(
        &self,
        _: Request<ListReceiptsRequest>,
    ) -> Result<Response<ListReceiptsResponse>, Status> {
        Err(Status::unimplemented("not in the mock"))
    }

    async fn subscribe_blocks(
        &self,
        _: Request<SubscribeBlocksRequest>,
    ) -> Result<Response<Self::SubscribeBlocksStream>, Status> {
        let blocks =
            (1..=3).map(|height| Ok(SubscribeBlocksResponse { height, ..Default::default() }));
        Ok(Response::new(Box::pin(tokio_stream::iter(blocks))))
    }
}

#[async_trait]
impl AccountQueryService for MockNode {
    async fn get_account(
        &self,
        _: Request<GetAccountRequest>,
    ) -> Result<Response<GetAccountResponse>, Status> {
        let mut node = self.0.lock().unwrap();
        node.account_queries += 1;
        let lane =
            |(lane, next_nonce): (&u32, &u64)| NonceLane { lane: *lane, next_nonce: *next_nonce };
        let nonce_lanes = node.committed.iter().map(lane).collect();
        let account = Account { nonce_lanes, fee_credit: "1000".into(), ..Account::default() };
        Ok(Response::new(GetAccountResponse { account: Some(account), context: None }))
    }

    async fn get_sponsorship(
        &self,
        _request: Request<accounts::GetSponsorshipRequest>,
    ) -> Result<Response<accounts::GetSponsorshipResponse>, Status> {
        Err(Status::unimplemented("not of this node"))
    }

    async fn list_sponsorships(
        &self,
        _request: Request<accounts::ListSponsorshipsRequest>,
    ) -> Result<Response<accounts::ListSponsorshipsResponse>, Status> {
        Err(Status::unimplemented("not of this node"))
    }

    async fn get_mandate(
        &self,
        _request: Request<accounts::GetMandateRequest>,
    ) -> Result<Response<accounts::GetMandateResponse>, Status> {
        Err(Status::unimplemented("not of this node"))
    }

    async fn list_mandates(
        &self,
        _request: Request<accounts::ListMandatesRequest>,
    ) -> Result<Response<accounts::ListMandatesResponse>, Status> {
        Err(Status::unimplemented("not of this node"))
    }
}

#[async_trait]
impl AssetQueryService for MockNode {
    async fn get_asset(
        &self,
        request: Request<GetAssetRequest>,
    ) -> Result<Response<GetAssetResponse>, Status> {
        let wanted = request.into_inner().asset;
        let proofs = fixture::ownership_certificate(&fixture::HOLDER).proofs;
        let asset = Asset::from_leaf_bytes(&proofs[0].value).unwrap();
        let totals = AssetTotals::from_leaf_bytes(&proofs[1].value).unwrap();
        if wanted != asset.name && wanted != fixture::ASSET.to_string() {
            return Err(Status::not_found("no such asset"));
        }
        let (asset, totals) = (Some(asset), Some(totals));
        Ok(Response::new(GetAssetResponse { asset, totals, ..Default::default() }))
    }

    async fn list_assets(
        &self,
        _: Request<ListAssetsRequest>,
    ) -> Result<Response<ListAssetsResponse>, Status> {
        let proofs = fixture::ownership_certificate(&fixture::HOLDER).proofs;
        let asset = Some(Asset::from_leaf_bytes(&proofs[0].value).unwrap());
        let assets = vec![AssetSummary { asset, totals: None }];
        Ok(Response::new(ListAssetsResponse { assets, page: None }))
    }

    async fn list_documents(
        &self,
        _: Request<ListDocumentsRequest>,
    ) -> Result<Response<ListDocumentsResponse>, Status> {
        Ok(Response::new(ListDocumentsResponse::default()))
    }

    async fn list_appraisals(
        &self,
        _: Request<ListAppraisalsRequest>,
    ) -> Result<Response<ListAppraisalsResponse>, Status> {
        Ok(Response::new(ListAppraisalsResponse::default()))
    }

    async fn list_roles(
        &self,
        _: Request<ListRolesRequest>,
    ) -> Result<Response<ListRolesResponse>, Status> {
        Ok(Response::new(ListRolesResponse::default()))
    }

    async fn list_history(
        &self,
        _: Request<ListHistoryRequest>,
    ) -> Result<Response<ListHistoryResponse>, Status> {
        Ok(Response::new(ListHistoryResponse::default()))
    }

    async fn list_navs(
        &self,
        _: Request<ListNavsRequest>,
    ) -> Result<Response<ListNavsResponse>, Status> {
        Ok(Response::new(ListNavsResponse::default()))
    }

    async fn list_pending_actions(
        &self,
        _: Request<ListPendingActionsRequest>,
    ) -> Result<Response<ListPendingActionsResponse>, Status> {
        Ok(Response::new(ListPendingActionsResponse::default()))
    }

    async fn list_appraisers(
        &self,
        _: Request<ListAppraisersRequest>,
    ) -> Result<Response<ListAppraisersResponse>, Status> {
        Ok(Response::new(ListAppraisersResponse::default()))
    }

    async fn get_class_schema(
        &self,
        _: Request<GetClassSchemaRequest>,
    ) -> Result<Response<GetClassSchemaResponse>, Status> {
        Ok(Response::new(GetClassSchemaResponse::default()))
    }
}

#[async_trait]
impl ProofService for MockNode {
    async fn get_certificate(
        &self,
        _: Request<GetCertificateRequest>,
    ) -> Result<Response<GetCertificateResponse>, Status> {
        Err(Status::unimplemented("not in the mock"))
    }

    async fn get_ownership_certificate(
        &self,
        request: Request<GetOwnershipCertificateRequest>,
    ) -> Result<Response<GetOwnershipCertificateResponse>, Status> {
        let account: Address = request.into_inner().account.parse().unwrap();
        let certificate = Some(fixture::ownership_certificate(&account));
        Ok(Response::new(GetOwnershipCertificateResponse { certificate }))
    }

    async fn get_receipt_certificate(
        &self,
        _: Request<GetReceiptCertificateRequest>,
    ) -> Result<Response<GetReceiptCertificateResponse>, Status> {
        Err(Status::unimplemented("not in the mock"))
    }

    type StreamRegisterStream = tokio_stream::Empty<Result<StreamRegisterResponse, Status>>;

    async fn stream_register(
        &self,
        _: Request<StreamRegisterRequest>,
    ) -> Result<Response<Self::StreamRegisterStream>, Status> {
        Err(Status::unimplemented("not in the mock"))
    }
}
