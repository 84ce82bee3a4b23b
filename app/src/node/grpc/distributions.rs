//! Queries about income.

use tessera_proto::pb::distributions::v1::distribution_query_service_server::DistributionQueryService;
use tessera_proto::pb::distributions::v1::{
    ClaimableIncome, GetClaimableIncomeRequest, GetClaimableIncomeResponse,
};
use tessera_proto::state_key::StateKey;
use tonic::{Request, Response, Status, async_trait};

use super::services::Services;
use super::{status, view};
use crate::modules::distributions::claimable;

#[async_trait]
impl DistributionQueryService for Services {
    async fn get_claimable_income(
        &self,
        request: Request<GetClaimableIncomeRequest>,
    ) -> Result<Response<GetClaimableIncomeResponse>, Status> {
        let GetClaimableIncomeRequest { asset, account, options } = request.into_inner();
        let account = view::account(&account)?;
        self.query(options, move |view| {
            let (id, asset) = view.asset(&asset)?;
            let key = StateKey::holding(&id, &account);
            let claimable = match view.leaf(&key)? {
                Some(holding) => {
                    claimable(&holding, &asset).map_err(|fault| status::failed(&fault))?
                }
                None => Vec::new(),
            };
            let mut income = Vec::with_capacity(claimable.len());
            for (currency, amount) in claimable {
                income.push(ClaimableIncome {
                    currency: currency.to_string(),
                    currency_name: view.asset_name(&currency)?,
                    amount: amount.to_string(),
                });
            }
            Ok(GetClaimableIncomeResponse { income, context: view.context(&key)? })
        })
        .await
    }
}
