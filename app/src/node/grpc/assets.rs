//! Queries about the register of assets.

use tessera_proto::history;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Leaf;
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
use tessera_proto::pb::query::v1::{PageResponse, QueryOptions};
use tessera_proto::state_key::{Namespace, StateKey};
use tonic::{Request, Response, Status, async_trait};

use super::pages::{MAX_LIMIT, Page};
use super::services::Services;
use super::status;
use super::view::View;
use crate::chain::receipts::block_summary;
use crate::modules::assets::nav::{is_of_other_units, is_stale};
use crate::modules::assets::schema::json_schema;
use crate::state::database::Table;

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
            let (appraisals, page) = listed(view, &page, (Namespace::Appraisal, &id))?;
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
            let prefix = [&[Namespace::RoleGrants.byte()], id.as_bytes().as_slice()].concat();
            let (accounts, page) = page.scan(view.database(), Table::Keys, &prefix)?;
            let mut roles = Vec::with_capacity(accounts.len());
            for account in accounts {
                let Ok(account) = Address::try_from(account.as_ref()) else { continue };
                let leaf: Option<RoleGrants> = view.leaf(&StateKey::role_grants(&id, &account))?;
                roles.extend(leaf.map(|leaf| AccountRoles {
                    account: account.to_string(),
                    grants: leaf.grants,
                }));
            }
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
            let (pages, page) = listed(view, &page, (Namespace::HistoryPage, &id))?;
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
            let summary = block_summary(view.database(), view.height());
            let summary = summary.map_err(|fault| status::failed(&fault))?;
            let now_ms = summary.map_or(0, |summary| summary.time_ms);
            let prefix = [&[Namespace::Nav.byte()], id.as_bytes().as_slice()].concat();
            let (places, page) = page.scan(view.database(), Table::Keys, &prefix)?;
            let mut navs = Vec::with_capacity(places.len());
            for place in places {
                let Some((currency, account)) = nav_place(&place) else { continue };
                let nav: Option<Nav> = view.leaf(&StateKey::nav(&id, &currency, &account))?;
                navs.extend(nav.map(|nav| StatedNav {
                    currency: currency.to_string(),
                    stale: is_stale(&nav, now_ms) || is_of_other_units(&nav, &asset),
                    nav: Some(nav),
                }));
            }
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
            let (actions, page) = listed(view, &page, (Namespace::PendingAction, &id))?;
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
            let prefix = [Namespace::Appraiser.byte()];
            let (accounts, page) = page.scan(view.database(), Table::Keys, &prefix)?;
            let mut appraisers = Vec::with_capacity(accounts.len());
            for account in accounts {
                let Ok(account) = Address::try_from(account.as_ref()) else { continue };
                let appraiser: Option<Appraiser> = view.leaf(&StateKey::appraiser(&account))?;
                appraisers.extend(appraiser.map(|appraiser| AppraiserEntry {
                    account: account.to_string(),
                    appraiser: Some(appraiser),
                }));
            }
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

/// Currency and account of a price, from the rest of its key.
fn nav_place(place: &[u8]) -> Option<(AssetId, Address)> {
    let (currency, account) = place.split_at_checked(AssetId::LENGTH)?;
    Some((AssetId::try_from(currency).ok()?, Address::try_from(account).ok()?))
}

/// A page of the numbered leaves of an asset, without those that are newer than the view.
fn listed<L: Leaf>(
    view: &View<'_>,
    page: &Page,
    (namespace, id): (Namespace, &AssetId),
) -> Result<(Vec<L>, PageResponse), Status> {
    let prefix = [&[namespace.byte()], id.as_bytes().as_slice()].concat();
    let (numbers, page) = page.scan(view.database(), Table::Keys, &prefix)?;
    let keys = numbers
        .iter()
        .filter_map(|number| StateKey::from_bytes(&[prefix.as_slice(), number.as_ref()].concat()));
    let leaves = keys.filter_map(|key| view.leaf(&key).transpose());
    Ok((leaves.collect::<Result<_, _>>()?, page))
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
