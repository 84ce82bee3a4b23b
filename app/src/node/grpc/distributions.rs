//! Queries about income.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Holding;
use tessera_proto::pb::distributions::v1::distribution_query_service_server::DistributionQueryService;
use tessera_proto::pb::distributions::v1::{
    ClaimableIncome, CouponAmount, CouponSchedule, Distribution, DistributionPayout,
    GetClaimableIncomeRequest, GetClaimableIncomeResponse, GetCouponScheduleRequest,
    GetCouponScheduleResponse, GetDistributionPayoutRequest, GetDistributionPayoutResponse,
    GetDistributionRequest, GetDistributionResponse, ListDistributionsRequest,
    ListDistributionsResponse,
};
use tessera_proto::state_key::{Namespace, StateKey};
use tonic::{Request, Response, Status, async_trait};

use super::pages::Page;
use super::services::Services;
use super::view::View;
use super::{status, view};
use crate::modules::distributions::{claimable, coupon, due_to};

/// Bytes of the number of a distribution.
const NUMBER_LENGTH: usize = 8;

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

    async fn get_distribution(
        &self,
        request: Request<GetDistributionRequest>,
    ) -> Result<Response<GetDistributionResponse>, Status> {
        let GetDistributionRequest { asset, distribution: number, options } = request.into_inner();
        self.query(options, move |view| {
            let (id, distribution) = distribution(view, &asset, number)?;
            let currency = AssetId::try_from(distribution.currency.as_ref()).unwrap_or_default();
            let pool = StateKey::holding(&currency, &Address::distribution_pool(&id, number));
            let pool: Holding = view.leaf(&pool)?.unwrap_or_default();
            Ok(GetDistributionResponse {
                distribution: Some(distribution),
                remaining: pool.balance.to_string(),
                context: view.context(&StateKey::distribution(&id, number))?,
            })
        })
        .await
    }

    async fn list_distributions(
        &self,
        request: Request<ListDistributionsRequest>,
    ) -> Result<Response<ListDistributionsResponse>, Status> {
        let ListDistributionsRequest { asset, page } = request.into_inner();
        let page = Page::read(page, NUMBER_LENGTH)?;
        self.query(None, move |view| {
            let (id, _) = view.asset(&asset)?;
            let id = id.as_bytes();
            let (distributions, page) = view.leaves(&page, Namespace::Distribution, id)?;
            Ok(ListDistributionsResponse { distributions, page: Some(page) })
        })
        .await
    }

    async fn get_distribution_payout(
        &self,
        request: Request<GetDistributionPayoutRequest>,
    ) -> Result<Response<GetDistributionPayoutResponse>, Status> {
        let GetDistributionPayoutRequest { asset, distribution: number, account, options } =
            request.into_inner();
        let account = view::account(&account)?;
        self.query(options, move |view| {
            let (id, distribution) = distribution(view, &asset, number)?;
            let key = StateKey::distribution_payout(&id, number, &account);
            let paid = view.leaf::<DistributionPayout>(&key)?.is_some();
            let found = due_to(view.state(), &id, &distribution, &account)
                .map_err(|fault| status::failed(&fault))?;
            let too_far =
                || Status::out_of_range(format!("too much has changed since record date {number}"));
            let (balance, due) = found.ok_or_else(too_far)?;
            Ok(GetDistributionPayoutResponse {
                balance: balance.to_string(),
                gross: due.gross.to_string(),
                withheld: due.withheld.to_string(),
                paid,
                context: view.context(&key)?,
            })
        })
        .await
    }

    async fn get_coupon_schedule(
        &self,
        request: Request<GetCouponScheduleRequest>,
    ) -> Result<Response<GetCouponScheduleResponse>, Status> {
        let GetCouponScheduleRequest { asset, schedule: number, options } = request.into_inner();
        self.query(options, move |view| {
            let (id, facts) = view.asset(&asset)?;
            let key = StateKey::coupon_schedule(&id, number);
            let schedule: Option<CouponSchedule> = view.leaf(&key)?;
            let none = || {
                status::not_found(format!("`{}` has no schedule of coupons {number}", facts.name))
            };
            let schedule = schedule.ok_or_else(none)?;
            let mut amounts = Vec::with_capacity(schedule.periods.len());
            for (period, _) in (1..).zip(&schedule.periods) {
                let rate = coupon(&schedule, period).map_err(|fault| status::failed(&fault))?;
                let amount = rate.map(|rate| CouponAmount {
                    per_unit: rate.per_unit.to_string(),
                    units: rate.units.to_string(),
                });
                amounts.push(amount.unwrap_or_default());
            }
            let context = view.context(&key)?;
            Ok(GetCouponScheduleResponse { schedule: Some(schedule), amounts, context })
        })
        .await
    }
}

fn distribution(
    view: &View<'_>,
    asset: &str,
    number: u64,
) -> Result<(AssetId, Distribution), Status> {
    let (id, facts) = view.asset(asset)?;
    let distribution = view.leaf(&StateKey::distribution(&id, number))?;
    let none = || {
        let count = facts.distribution_count;
        status::not_found(format!("`{}` has no distribution {number}, it has {count}", facts.name))
    };
    Ok((id, distribution.ok_or_else(none)?))
}
