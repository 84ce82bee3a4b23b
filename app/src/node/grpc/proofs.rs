//! Certificates: proofs of the state with the signed header that they lead to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tendermint::validator;
use tessera_client::verify::{encode_signed_header, encode_validator_set, register_keys};
use tessera_proto::id::AssetId;
use tessera_proto::pb::chain::v1::proof_service_server::ProofService;
use tessera_proto::pb::chain::v1::{
    GetCertificateRequest, GetCertificateResponse, GetOwnershipCertificateRequest,
    GetOwnershipCertificateResponse, GetReceiptCertificateRequest, GetReceiptCertificateResponse,
    Receipt, StreamRegisterRequest, StreamRegisterResponse,
};
use tessera_proto::pb::query::v1::{Certificate, QueryOptions, StateProof};
use tessera_proto::state_key::{MAX_KEY_LENGTH, StateKey};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Request, Response, Status, async_trait};

use super::services::{Answers, Services};
use super::status;
use super::view::{self, View, latest_height};
use crate::chain::receipts::receipt_proof;
use crate::chain::subjects::subjects;
use crate::node::application::Node;
use crate::node::comet::headers::HeaderError;

/// Most keys of a certificate.
const MAX_KEYS: usize = 64;
/// How long to wait for the header that commits to a state: about three blocks.
const HEADER_WAIT: Duration = Duration::from_secs(3);
/// How often to look for it, if no block makes itself heard.
const HEADER_POLL: Duration = Duration::from_millis(100);
/// Headers that are kept as they are sent.
const CACHED_HEADERS: usize = 16;

/// A signed header and its validators, as they stand in certificates.
pub(crate) struct Signed {
    chain_id: String,
    app_hash: Vec<u8>,
    header: Bytes,
    validators: Bytes,
}

/// The headers asked for lately, by height.
#[derive(Default)]
pub(crate) struct HeaderCache {
    by_height: Mutex<BTreeMap<u64, Arc<Signed>>>,
}

#[async_trait]
impl ProofService for Services {
    async fn get_certificate(
        &self,
        request: Request<GetCertificateRequest>,
    ) -> Result<Response<GetCertificateResponse>, Status> {
        let GetCertificateRequest { keys, height } = request.into_inner();
        let count = keys.len();
        if count == 0 || count > MAX_KEYS {
            return Err(status::invalid(format!("{count} `keys`, expected 1 to {MAX_KEYS}")));
        }
        let keys = keys.iter().map(|key| state_key(key)).collect::<Result<Vec<_>, _>>()?;
        let certificate = self.certificate(height, move |_| Ok(keys)).await?;
        Ok(Response::new(GetCertificateResponse { certificate: Some(certificate) }))
    }

    async fn get_ownership_certificate(
        &self,
        request: Request<GetOwnershipCertificateRequest>,
    ) -> Result<Response<GetOwnershipCertificateResponse>, Status> {
        let GetOwnershipCertificateRequest { asset, account, height } = request.into_inner();
        let account = view::account(&account)?;
        let keys = move |view: &View<'_>| {
            let (asset, _) = view.asset(&asset)?;
            Ok(vec![
                StateKey::asset(&asset),
                StateKey::asset_totals(&asset),
                StateKey::holding(&asset, &account),
            ])
        };
        let certificate = self.certificate(height, keys).await?;
        Ok(Response::new(GetOwnershipCertificateResponse { certificate: Some(certificate) }))
    }

    async fn get_receipt_certificate(
        &self,
        request: Request<GetReceiptCertificateRequest>,
    ) -> Result<Response<GetReceiptCertificateResponse>, Status> {
        let id = request.into_inner().tx_id;
        if id.len() != 32 {
            let length = id.len();
            return Err(status::invalid(format!("`tx_id` has {length} bytes, expected 32")));
        }
        let find = move |node: &Node| {
            let database = node.store().database();
            receipt_proof(database, &id).map_err(|fault| status::failed(&fault))?.ok_or_else(|| {
                status::not_found(format!("no block has transaction {}", hex::encode_upper(&id)))
            })
        };
        let (receipt, proof) = self.blocking(find).await?;
        let certificate = Some(self.receipt_certificate(&receipt).await?);
        let receipt = Some(proof);
        Ok(Response::new(GetReceiptCertificateResponse { certificate, receipt }))
    }

    type StreamRegisterStream = Answers<StreamRegisterResponse>;

    async fn stream_register(
        &self,
        request: Request<StreamRegisterRequest>,
    ) -> Result<Response<Self::StreamRegisterStream>, Status> {
        let StreamRegisterRequest { asset, height } = request.into_inner();
        let find = move |view: &View<'_>| Ok(view.asset(&asset)?.0);
        let options = QueryOptions { height, prove: false };
        let asset = self.query(Some(options), find).await?.into_inner();
        let keys = register_keys(&asset).to_vec();
        let certificate = self.certificate(height, move |_| Ok(keys)).await?;
        Ok(self.stream_holdings(asset, certificate))
    }
}

fn state_key(bytes: &[u8]) -> Result<StateKey, Status> {
    StateKey::from_bytes(bytes).ok_or_else(|| {
        let length = bytes.len();
        status::invalid(format!("a key has {length} bytes, expected 1 to {MAX_KEY_LENGTH}"))
    })
}

impl Services {
    async fn certificate(
        &self,
        height: u64,
        keys: impl FnOnce(&View<'_>) -> Result<Vec<StateKey>, Status> + Send + 'static,
    ) -> Result<Certificate, Status> {
        let height = self.certified_height(height).await?;
        let signed = self.signed(height).await?;
        self.blocking(move |node| {
            let prove = |view: &View<'_>| {
                let app_hash = view.app_hash()?;
                if signed.app_hash != app_hash {
                    tracing::error!(height, "the signed header has another app hash");
                    return Err(Status::internal(format!(
                        "the signed header of block {} does not commit to the state of block \
                         {height} of this node",
                        height + 1
                    )));
                }
                let keys = keys(view)?;
                let proofs = keys.iter().map(|key| view.proof(key)).collect::<Result<_, _>>()?;
                Ok(signed.certificate(height, proofs))
            };
            View::read_at(node.store(), height, prove)
        })
        .await
    }

    /// The header after the block of a receipt, and proofs of the assets that the receipt names as
    /// long as their state is kept.
    async fn receipt_certificate(&self, receipt: &Receipt) -> Result<Certificate, Status> {
        let height = receipt.height;
        let signed = self.signed(height).await?;
        let assets: Vec<AssetId> =
            subjects(receipt).into_iter().filter_map(|id| AssetId::try_from(id).ok()).collect();
        let proofs = self.blocking(move |node| {
            let prove = |view: &View<'_>| {
                let mut proofs = Vec::new();
                for id in assets.iter().take(MAX_KEYS) {
                    let proof = view.proof(&StateKey::asset(id))?;
                    proofs.extend(Some(proof).filter(|proof| !proof.value.is_empty()));
                }
                Ok(proofs)
            };
            // Names and decimals are an extra: the receipt is proven without them.
            Ok(View::read_at(node.store(), height, prove).unwrap_or_default())
        });
        Ok(signed.certificate(height, proofs.await?))
    }

    /// The height asked for, if its state is there; for 0 the latest that a signed header
    /// commits to.
    async fn certified_height(&self, height: u64) -> Result<u64, Status> {
        if height > 0 {
            // Says so at once if the state is not there, rather than wait for its header.
            let options = QueryOptions { height, prove: false };
            self.query(Some(options), |_| Ok(())).await?;
            return Ok(height);
        }
        let latest = latest_height(self.node.store())?;
        let signed = self.headers.latest().await.map_err(|error| no_header(&error))?;
        Ok(signed.saturating_sub(1).min(latest))
    }

    /// The signed header that commits to the state of a block; waits a little for it.
    async fn signed(&self, state_height: u64) -> Result<Arc<Signed>, Status> {
        let height = state_height.saturating_add(1);
        if let Some(known) = self.header_cache.get(height) {
            return Ok(known);
        }
        let deadline = Instant::now() + HEADER_WAIT;
        let mut blocks = self.node.subscribe();
        let signed = loop {
            match timeout_at(deadline, self.read_signed(height)).await {
                Ok(Ok(signed)) => break signed,
                Ok(Err(HeaderError::NotYet { .. })) if Instant::now() < deadline => {
                    tokio::select! {
                        _ = blocks.recv() => {}
                        () = sleep(HEADER_POLL) => {}
                        () = self.stopped() => return Err(status::stopping()),
                    }
                }
                Ok(Err(error)) => return Err(no_header(&error)),
                Err(_) => {
                    return Err(Status::unavailable(format!(
                        "the signed header of block {height} did not come in time; try again"
                    )));
                }
            }
        };
        let signed = Arc::new(signed);
        self.header_cache.put(height, Arc::clone(&signed));
        Ok(signed)
    }

    async fn read_signed(&self, height: u64) -> Result<Signed, HeaderError> {
        let signed = self.headers.signed_header(height).await?;
        let validators = validator::Set::without_proposer(self.headers.validators(height).await?);
        Ok(Signed {
            chain_id: signed.header.chain_id.to_string(),
            app_hash: signed.header.app_hash.as_bytes().to_vec(),
            header: encode_signed_header(&signed).into(),
            validators: encode_validator_set(&validators).into(),
        })
    }
}

impl Signed {
    fn certificate(&self, state_height: u64, proofs: Vec<StateProof>) -> Certificate {
        Certificate {
            chain_id: self.chain_id.clone(),
            state_height,
            proofs,
            signed_header: self.header.clone(),
            validator_set: self.validators.clone(),
        }
    }
}

/// Says why there is no header.
fn no_header(error: &HeaderError) -> Status {
    match error {
        HeaderError::NotYet { .. } => {
            Status::unavailable(format!("{error}; it commits to the state asked for, try again"))
        }
        HeaderError::NotKept { .. } => Status::out_of_range(error.to_string()),
        HeaderError::Source(source) => {
            tracing::warn!(%source, "signed headers cannot be read");
            Status::unavailable("signed headers cannot be read just now; try again")
        }
    }
}

impl HeaderCache {
    fn get(&self, height: u64) -> Option<Arc<Signed>> {
        let by_height = self.by_height.lock().unwrap_or_else(PoisonError::into_inner);
        by_height.get(&height).cloned()
    }

    fn put(&self, height: u64, signed: Arc<Signed>) {
        let mut by_height = self.by_height.lock().unwrap_or_else(PoisonError::into_inner);
        by_height.insert(height, signed);
        while by_height.len() > CACHED_HEADERS {
            by_height.pop_first();
        }
    }
}
