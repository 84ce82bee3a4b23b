//! Queries about the register of assets.

use bytes::Bytes;
use tessera_proto::history;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::asset_query_service_server::AssetQueryService;
use tessera_proto::pb::assets::v1::{
    AccountRoles, Appraiser, AppraiserEntry, Asset, AssetClass, AssetSummary, AssetTotals,
    Attributes, GetAssetRequest, GetAssetResponse, GetClassSchemaRequest, GetClassSchemaResponse,
    HistoryPage, ListAppraisalsRequest, ListAppraisalsResponse, ListAppraisersRequest,
    ListAppraisersResponse, ListAssetsRequest, ListAssetsResponse, ListDocumentsRequest,
    ListDocumentsResponse, ListHistoryRequest, ListHistoryResponse, ListNavsRequest,
    ListNavsResponse, ListPendingActionsRequest, ListPendingActionsResponse, ListRolesRequest,
    ListRolesResponse, Nav, RoleGrants, StatedNav,
};
use tessera_proto::pb::query::v1::QueryOptions;
use tessera_proto::state_key::{Namespace, StateKey};
use tonic::{Request, Response, Status, async_trait};

use super::pages::{MAX_LIMIT, Page};
use super::services::Services;
use super::status;
use super::view::View;
use crate::modules::assets::nav::{is_of_other_units, is_stale};
use crate::modules::assets::schema::json_schema;
use crate::state::table::Table;

/// Bytes of the number of a document or appraisal.
const NUMBER_LENGTH: usize = 4;
/// Bytes of a SHA-256.
const HASH_LENGTH: usize = 32;
/// Bytes of the number of a page of a history.
const HISTORY_NUMBER_LENGTH: usize = 8;

#[async_trait]
impl AssetQueryService for Services {
    async fn get_asset(
        &self,
        request: Request<GetAssetRequest>,
    ) -> Result<Response<GetAssetResponse>, Status> {
        let GetAssetRequest { asset, options } = request.into_inner();
        self.query(options, move |view| {
            let (id, asset) = view.asset(&asset)?;
            let context = view.context(&StateKey::asset(&id))?;
            let attributes: Option<Attributes> = view.leaf(&StateKey::attributes(&id))?;
            Ok(GetAssetResponse {
                asset: Some(asset),
                totals: totals(view, &id)?,
                context,
                attributes: attributes.unwrap_or_default().attributes,
            })
        })
        .await
    }

    async fn list_assets(
        &self,
        request: Request<ListAssetsRequest>,
    ) -> Result<Response<ListAssetsResponse>, Status> {
        let page = Page::read(request.into_inner().page, AssetId::LENGTH)?;
        self.query(None, move |view| {
            let prefix = [Namespace::Asset.byte()];
            let (ids, page) = page.scan(view.database(), Table::Keys, &prefix)?;
            let ids = ids.iter().filter_map(|id| AssetId::try_from(id.as_ref()).ok());
            let assets = ids.filter_map(|id| summary(view, &id).transpose());
            Ok(ListAssetsResponse { assets: assets.collect::<Result<_, _>>()?, page: Some(page) })
        })
        .await
    }

    async fn list_documents(
        &self,
        request: Request<ListDocumentsRequest>,
    ) -> Result<Response<ListDocumentsResponse>, Status> {
        let ListDocumentsRequest { asset } = request.into_inner();
        self.query(None, move |view| {
            let (id, asset) = view.asset(&asset)?;
            let numbers = latest_numbers(asset.document_count);
            let documents = numbers
                .filter_map(|number| view.leaf(&StateKey::document(&id, number)).transpose());
            Ok(ListDocumentsResponse { documents: documents.collect::<Result<_, _>>()? })
        })
        .await
    }

    async fn list_appraisals(
        &self,
        request: Request<ListAppraisalsRequest>,
    ) -> Result<Response<ListAppraisalsResponse>, Status> {
        let ListAppraisalsRequest { asset, page } = request.into_inner();
        let page = Page::read(page, NUMBER_LENGTH)?;
        self.query(None, move |view| {
            let (id, _) = view.asset(&asset)?;
            let (appraisals, page) = view.leaves(&page, Namespace::Appraisal, id.as_bytes())?;
            Ok(ListAppraisalsResponse { appraisals, page: Some(page) })
        })
        .await
    }

    async fn list_roles(
        &self,
        request: Request<ListRolesRequest>,
    ) -> Result<Response<ListRolesResponse>, Status> {
        let ListRolesRequest { asset, page } = request.into_inner();
        let page = Page::read(page, Address::LENGTH)?;
        self.query(None, move |view| {
            let (id, _) = view.asset(&asset)?;
            let (found, page) = view.list(&page, Namespace::RoleGrants, id.as_bytes())?;
            let entry = |(account, RoleGrants { grants }): (Bytes, _)| {
                let account = Address::try_from(account.as_ref()).ok()?.to_string();
                Some(AccountRoles { account, grants })
            };
            let roles = found.into_iter().filter_map(entry).collect();
            Ok(ListRolesResponse { roles, page: Some(page) })
        })
        .await
    }

    async fn list_history(
        &self,
        request: Request<ListHistoryRequest>,
    ) -> Result<Response<ListHistoryResponse>, Status> {
        let ListHistoryRequest { asset, page, height } = request.into_inner();
        let mut page = Page::read(page, HISTORY_NUMBER_LENGTH)?;
        let length = usize::try_from(history::PAGE_LENGTH).unwrap_or(usize::MAX);
        page.limit = (page.limit / length).max(1);
        self.query(Some(QueryOptions { height, prove: false }), move |view| {
            let (id, _) = view.asset(&asset)?;
            let (pages, page) = view.leaves(&page, Namespace::HistoryPage, id.as_bytes())?;
            let entries = pages.into_iter().flat_map(|page: HistoryPage| page.entries).collect();
            Ok(ListHistoryResponse { entries, page: Some(page) })
        })
        .await
    }

    async fn list_navs(
        &self,
        request: Request<ListNavsRequest>,
    ) -> Result<Response<ListNavsResponse>, Status> {
        let ListNavsRequest { asset, page } = request.into_inner();
        let page = Page::read(page, AssetId::LENGTH + Address::LENGTH)?;
        self.query(None, move |view| {
            let (id, asset) = view.asset(&asset)?;
            let now_ms = view.time_ms()?.unwrap_or_default();
            let (found, page) = view.list(&page, Namespace::Nav, id.as_bytes())?;
            let entry = |(place, nav): (Bytes, Nav)| {
                // The currency, then who stated it.
                let (currency, _) = place.split_first_chunk()?;
                let currency = AssetId::new(*currency).to_string();
                let stale = is_stale(&nav, now_ms) || is_of_other_units(&nav, &asset);
                Some(StatedNav { currency, stale, nav: Some(nav) })
            };
            let navs = found.into_iter().filter_map(entry).collect();
            Ok(ListNavsResponse { navs, page: Some(page) })
        })
        .await
    }

    async fn list_pending_actions(
        &self,
        request: Request<ListPendingActionsRequest>,
    ) -> Result<Response<ListPendingActionsResponse>, Status> {
        let ListPendingActionsRequest { asset, page } = request.into_inner();
        let page = Page::read(page, HASH_LENGTH)?;
        self.query(None, move |view| {
            let (id, _) = view.asset(&asset)?;
            let (actions, page) = view.leaves(&page, Namespace::PendingAction, id.as_bytes())?;
            Ok(ListPendingActionsResponse { actions, page: Some(page) })
        })
        .await
    }

    async fn list_appraisers(
        &self,
        request: Request<ListAppraisersRequest>,
    ) -> Result<Response<ListAppraisersResponse>, Status> {
        let page = Page::read(request.into_inner().page, Address::LENGTH)?;
        self.query(None, move |view| {
            let (found, page) = view.list(&page, Namespace::Appraiser, &[])?;
            let entry = |(account, appraiser): (Bytes, Appraiser)| {
                let account = Address::try_from(account.as_ref()).ok()?.to_string();
                Some(AppraiserEntry { account, appraiser: Some(appraiser) })
            };
            let appraisers = found.into_iter().filter_map(entry).collect();
            Ok(ListAppraisersResponse { appraisers, page: Some(page) })
        })
        .await
    }

    async fn get_class_schema(
        &self,
        request: Request<GetClassSchemaRequest>,
    ) -> Result<Response<GetClassSchemaResponse>, Status> {
        let class = request.into_inner().class();
        if class == AssetClass::Unspecified {
            return Err(status::invalid("`class` is missing or unknown"));
        }
        let json_schema = format!("{:#}\n", json_schema(class));
        Ok(Response::new(GetClassSchemaResponse { json_schema }))
    }
}

/// None when the asset is newer than the state that is read.
fn summary(view: &View<'_>, id: &AssetId) -> Result<Option<AssetSummary>, Status> {
    let Some(asset) = view.leaf::<Asset>(&StateKey::asset(id))? else { return Ok(None) };
    Ok(Some(AssetSummary { asset: Some(asset), totals: totals(view, id)? }))
}

fn totals(view: &View<'_>, id: &AssetId) -> Result<Option<AssetTotals>, Status> {
    view.leaf(&StateKey::asset_totals(id))
}

/// Numbers of the latest entries of a list without pages, at most as many as a page may have.
fn latest_numbers(count: u32) -> std::ops::Range<u32> {
    let most = u32::try_from(MAX_LIMIT).unwrap_or(u32::MAX);
    count.saturating_sub(most)..count
}
