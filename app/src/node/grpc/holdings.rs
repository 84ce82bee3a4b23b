//! Queries about who holds what.

use bytes::Bytes;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf;
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::transfers::v1::holding_query_service_server::HoldingQueryService;
use tessera_proto::pb::transfers::v1::{
    GetAllowanceRequest, GetAllowanceResponse, GetHoldingRequest, GetHoldingResponse, Holding,
    ListHoldersRequest, ListHoldersResponse, ListHoldingsRequest, ListHoldingsResponse,
};
use tessera_proto::split::{InUnits, SplitFactor};
use tessera_proto::state_key::{Namespace, StateKey};
use tonic::{Request, Response, Status, async_trait};

use super::pages::Page;
use super::services::Services;
use super::view;
use crate::state::table::Table;

#[async_trait]
impl HoldingQueryService for Services {
    async fn get_holding(
        &self,
        request: Request<GetHoldingRequest>,
    ) -> Result<Response<GetHoldingResponse>, Status> {
        let GetHoldingRequest { asset, account, options } = request.into_inner();
        let account = view::account(&account)?;
        self.query(options, move |view| {
            let (id, asset) = view.asset(&asset)?;
            let key = StateKey::holding(&id, &account);
            let leaf = view.leaf(&key)?.unwrap_or_default();
            let holding = Some(readable(&id, &asset, &account, &leaf));
            Ok(GetHoldingResponse { holding, context: view.context(&key)? })
        })
        .await
    }

    async fn list_holders(
        &self,
        request: Request<ListHoldersRequest>,
    ) -> Result<Response<ListHoldersResponse>, Status> {
        let ListHoldersRequest { asset, page } = request.into_inner();
        let page = Page::read(page, Address::LENGTH)?;
        self.query(None, move |view| {
            let (id, asset) = view.asset(&asset)?;
            let (found, page) = view.list(&page, Namespace::Holding, id.as_bytes())?;
            let entry = |(account, leaf): (Bytes, _)| {
                let account = Address::try_from(account.as_ref()).ok()?;
                Some(readable(&id, &asset, &account, &leaf))
            };
            let holdings = found.into_iter().filter_map(entry).collect();
            Ok(ListHoldersResponse { holdings, page: Some(page) })
        })
        .await
    }

    async fn list_holdings(
        &self,
        request: Request<ListHoldingsRequest>,
    ) -> Result<Response<ListHoldingsResponse>, Status> {
        let ListHoldingsRequest { account, page } = request.into_inner();
        let page = Page::read(page, AssetId::LENGTH)?;
        let account = view::account(&account)?;
        self.query(None, move |view| {
            let (ids, page) =
                page.scan(view.database(), Table::HoldingsByAccount, account.as_bytes())?;
            let mut holdings = Vec::with_capacity(ids.len());
            for id in ids {
                let Ok(id) = AssetId::try_from(id.as_ref()) else { continue };
                let asset = view.referred(&id)?;
                let leaf = view.leaf(&StateKey::holding(&id, &account))?;
                holdings.extend(leaf.map(|leaf| readable(&id, &asset, &account, &leaf)));
            }
            Ok(ListHoldingsResponse { holdings, page: Some(page) })
        })
        .await
    }

    async fn get_allowance(
        &self,
        request: Request<GetAllowanceRequest>,
    ) -> Result<Response<GetAllowanceResponse>, Status> {
        let GetAllowanceRequest { asset, owner, spender, options } = request.into_inner();
        let (owner, spender) = (view::account(&owner)?, view::account(&spender)?);
        self.query(options, move |view| {
            let (id, asset) = view.asset(&asset)?;
            let key = StateKey::allowance(&id, &owner, &spender);
            let allowance = view.units(&asset, &key)?;
            Ok(GetAllowanceResponse { allowance, context: view.context(&key)? })
        })
        .await
    }
}

fn readable(id: &AssetId, asset: &Asset, account: &Address, leaf: &leaf::Holding) -> Holding {
    let mut leaf = leaf.clone();
    leaf.bring_to(SplitFactor::of(asset));
    Holding {
        asset: id.to_string(),
        asset_name: asset.name.clone(),
        account: account.to_string(),
        balance: leaf.balance.to_string(),
        frozen: leaf.frozen.to_string(),
        encumbered: leaf.encumbered.to_string(),
        free: leaf.free().to_string(),
        decimals: asset.decimals,
        holder_frozen: leaf.is_frozen(),
        accepted: leaf.is_accepted(),
    }
}
