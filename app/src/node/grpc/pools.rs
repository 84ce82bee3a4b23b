//! Queries about pools and tranches.

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Holding;
use tessera_proto::pb::assets::v1::{Asset, AssetTotals};
use tessera_proto::pb::pools::v1::pool_query_service_server::PoolQueryService;
use tessera_proto::pb::pools::v1::{
    GetPoolRequest, GetPoolResponse, GetWaterfallRequest, GetWaterfallResponse, Pool, PoolMember,
    Tranche, TrancheStanding, Waterfall,
};
use tessera_proto::split::SplitFactor;
use tessera_proto::state_key::StateKey;
use tonic::{Request, Response, Status, async_trait};

use super::services::Services;
use super::status;
use super::view::View;
use crate::modules::pools::{outstanding, periods_begun, standing_due};
use crate::num::Share;

#[async_trait]
impl PoolQueryService for Services {
    async fn get_pool(
        &self,
        request: Request<GetPoolRequest>,
    ) -> Result<Response<GetPoolResponse>, Status> {
        let GetPoolRequest { asset, options } = request.into_inner();
        self.query(options, move |view| {
            let (id, asset) = view.asset(&asset)?;
            let (key, account) = (StateKey::pool(&id), Address::pool_account(&id));
            let pool: Option<Pool> = view.leaf(&key)?;
            let none = || status::not_found(format!("`{}` is not a pool", asset.name));
            let mut members = Vec::new();
            for member in pool.ok_or_else(none)?.members {
                let (id, facts) = referred(view, &member)?;
                let holding = view.units(&facts, &StateKey::holding(&id, &account))?;
                let Holding { balance, .. } = holding.unwrap_or_default();
                members.push(PoolMember {
                    asset: id.to_string(),
                    name: facts.name,
                    decimals: facts.decimals,
                    balance: balance.to_string(),
                });
            }
            let (account, supply) = (account.to_string(), supply(view, &id)?.to_string());
            Ok(GetPoolResponse { account, supply, members, context: view.context(&key)? })
        })
        .await
    }

    async fn get_waterfall(
        &self,
        request: Request<GetWaterfallRequest>,
    ) -> Result<Response<GetWaterfallResponse>, Status> {
        let GetWaterfallRequest { asset, options } = request.into_inner();
        self.query(options, move |view| {
            let (id, asset) = view.asset(&asset)?;
            let key = StateKey::waterfall(&id);
            let waterfall: Option<Waterfall> = view.leaf(&key)?;
            let none = || status::not_found(format!("`{}` has no tranches", asset.name));
            let waterfall = waterfall.ok_or_else(none)?;
            let periods = periods_begun(&waterfall, view.time_ms()?.unwrap_or_default());
            let standing = |tranche: &Tranche| standing(view, tranche, periods);
            let tranches = waterfall.tranches.iter().map(standing).collect::<Result<_, _>>()?;
            let (currency, _) = referred(view, &waterfall.currency)?;
            let Waterfall { begins_ms, period_ms, .. } = waterfall;
            let (currency, context) = (currency.to_string(), view.context(&key)?);
            let answer =
                GetWaterfallResponse { currency, begins_ms, period_ms, periods, tranches, context };
            Ok(answer)
        })
        .await
    }
}

/// Where a tranche stands when so many periods have begun.
fn standing(view: &View<'_>, tranche: &Tranche, periods: u64) -> Result<TrancheStanding, Status> {
    let (id, facts) = referred(view, &tranche.asset)?;
    let supply = supply(view, &id)?;
    let units = Share { units: supply, factor: SplitFactor::of(&facts).get() };
    let text = |amount: Option<Amount>| amount.map(|amount| amount.to_string());
    let due_per_period = standing_due(tranche, units).map_err(|fault| status::failed(&fault))?;
    let due = outstanding(tranche, units, periods).map_err(|fault| status::failed(&fault))?;
    Ok(TrancheStanding {
        asset: id.to_string(),
        name: facts.name,
        decimals: facts.decimals,
        supply: supply.to_string(),
        due_per_period: text(due_per_period).unwrap_or_default(),
        due: text(due).unwrap_or_default(),
        received: tranche.received.clone(),
    })
}

/// An asset that a leaf names.
fn referred(view: &View<'_>, id: &Bytes) -> Result<(AssetId, Asset), Status> {
    let id = AssetId::try_from(id.as_ref()).unwrap_or_default();
    Ok((id, view.referred(&id)?))
}

fn supply(view: &View<'_>, id: &AssetId) -> Result<Amount, Status> {
    let totals: Option<AssetTotals> = view.leaf(&StateKey::asset_totals(id))?;
    Ok(totals.unwrap_or_default().supply.parse().unwrap_or_default())
}
