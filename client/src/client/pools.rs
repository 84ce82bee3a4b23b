//! Questions about pools and tranches.

use tessera_proto::pb::pools::v1::pool_query_service_client::PoolQueryServiceClient;
use tessera_proto::pb::pools::v1::{
    GetPoolRequest, GetPoolResponse, GetWaterfallRequest, GetWaterfallResponse,
};

use super::queries::at;
use super::{Client, service};
use crate::error::ClientError;

/// Every query fails with [`ClientError::NotFound`], [`ClientError::Usage`],
/// [`ClientError::Unreachable`] or [`ClientError::Node`].
#[allow(clippy::missing_errors_doc, reason = "said once for all, above")]
impl Client {
    /// What a pool keeps.
    pub async fn pool(&self, asset: &str, height: u64) -> Result<GetPoolResponse, ClientError> {
        let request = GetPoolRequest { asset: asset.to_owned(), options: at(height) };
        let mut service = service!(self, PoolQueryServiceClient);
        let answer = service.get_pool(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner())
    }

    /// What is due to the tranches of an asset, and what they were paid.
    pub async fn waterfall(
        &self,
        asset: &str,
        height: u64,
    ) -> Result<GetWaterfallResponse, ClientError> {
        let request = GetWaterfallRequest { asset: asset.to_owned(), options: at(height) };
        let mut service = service!(self, PoolQueryServiceClient);
        let answer = service.get_waterfall(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner())
    }
}
