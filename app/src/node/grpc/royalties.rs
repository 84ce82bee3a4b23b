//! Queries about royalties.

use tessera_proto::pb::royalties::v1::royalty_query_service_server::RoyaltyQueryService;
use tessera_proto::pb::royalties::v1::{GetRoyaltyScheduleRequest, GetRoyaltyScheduleResponse};
use tessera_proto::state_key::StateKey;
use tonic::{Request, Response, Status, async_trait};

use super::services::Services;

#[async_trait]
impl RoyaltyQueryService for Services {
    async fn get_royalty_schedule(
        &self,
        request: Request<GetRoyaltyScheduleRequest>,
    ) -> Result<Response<GetRoyaltyScheduleResponse>, Status> {
        let GetRoyaltyScheduleRequest { asset, options } = request.into_inner();
        self.query(options, move |view| {
            let key = StateKey::royalty_schedule(&view.asset(&asset)?.0);
            let schedule = view.leaf(&key)?;
            Ok(GetRoyaltyScheduleResponse { schedule, context: view.context(&key)? })
        })
        .await
    }
}
