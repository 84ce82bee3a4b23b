//! Queries about accounts.

use tessera_proto::pb::accounts::v1::account_query_service_server::AccountQueryService;
use tessera_proto::pb::accounts::v1::{GetAccountRequest, GetAccountResponse};
use tessera_proto::state_key::StateKey;
use tonic::{Request, Response, Status, async_trait};

use super::services::Services;
use super::view;

#[async_trait]
impl AccountQueryService for Services {
    async fn get_account(
        &self,
        request: Request<GetAccountRequest>,
    ) -> Result<Response<GetAccountResponse>, Status> {
        let GetAccountRequest { account, options } = request.into_inner();
        let key = StateKey::account(&view::account(&account)?);
        self.query(options, move |view| {
            Ok(GetAccountResponse { account: view.leaf(&key)?, context: view.context(&key)? })
        })
        .await
    }
}
