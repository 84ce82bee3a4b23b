//! Proofs. Verify them before use: nothing here trusts the node, and nothing is checked here.

use tessera_proto::id::Address;
use tessera_proto::pb::chain::v1::proof_service_client::ProofServiceClient;
use tessera_proto::pb::chain::v1::{
    GetCertificateRequest, GetOwnershipCertificateRequest, GetReceiptCertificateRequest,
    StreamRegisterRequest,
};
use tessera_proto::pb::query::v1::{Certificate, ReceiptProof, StateProof};
use tessera_proto::state_key::StateKey;
use tokio_stream::StreamExt as _;

use super::{Client, malformed, service};
use crate::error::ClientError;
use crate::tx_builder::TransactionId;

impl Client {
    /// Proofs of any keys under one signed header.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Usage`], [`ClientError::Node`].
    pub async fn certificate(
        &self,
        keys: &[StateKey],
        height: u64,
    ) -> Result<Certificate, ClientError> {
        let keys = keys.iter().map(|key| key.as_bytes().to_vec().into()).collect();
        let mut service = service!(self, ProofServiceClient);
        let request = self.request(GetCertificateRequest { keys, height });
        let answer = service.get_certificate(request).await;
        self.answer(answer)?.into_inner().certificate.ok_or_else(|| malformed("certificate"))
    }

    /// Certificate of what an account holds of an asset.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Usage`], [`ClientError::Node`].
    pub async fn ownership_certificate(
        &self,
        asset: &str,
        account: &Address,
        height: u64,
    ) -> Result<Certificate, ClientError> {
        let (asset, account) = (asset.to_owned(), account.to_string());
        let request = GetOwnershipCertificateRequest { asset, account, height };
        let mut service = service!(self, ProofServiceClient);
        let answer = service.get_ownership_certificate(self.request(request)).await;
        self.answer(answer)?.into_inner().certificate.ok_or_else(|| malformed("certificate"))
    }

    /// Certificate of the receipt of a transaction, and the way from there to the receipt.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Usage`], [`ClientError::Node`].
    pub async fn receipt_certificate(
        &self,
        id: TransactionId,
    ) -> Result<(Certificate, ReceiptProof), ClientError> {
        let request = GetReceiptCertificateRequest { tx_id: id.as_bytes().to_vec().into() };
        let mut service = service!(self, ProofServiceClient);
        let answer = service.get_receipt_certificate(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        let certificate = answer.certificate.ok_or_else(|| malformed("certificate"))?;
        Ok((certificate, answer.receipt.ok_or_else(|| malformed("receipt"))?))
    }

    /// Certificate of an asset and its totals, and the proofs of all its holdings.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Usage`], [`ClientError::Node`].
    pub async fn register(
        &self,
        asset: &str,
        height: u64,
    ) -> Result<(Certificate, Vec<StateProof>), ClientError> {
        let request = StreamRegisterRequest { asset: asset.to_owned(), height };
        let mut service = service!(self, ProofServiceClient);
        let answer = service.stream_register(request).await;
        let mut parts = Box::pin(self.stream(self.answer(answer)?.into_inner()));
        let (mut certificate, mut holdings) = (None, Vec::new());
        while let Some(part) = parts.next().await {
            let mut part = part?;
            certificate = certificate.or(part.certificate);
            holdings.append(&mut part.holdings);
        }
        Ok((certificate.ok_or_else(|| malformed("certificate"))?, holdings))
    }
}
