//! Queries about the register of assets.

use tessera_proto::history;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Leaf;
use tessera_proto::pb::assets::v1::asset_query_service_server::AssetQueryService;
use tessera_proto::pb::assets::v1::{
    AccountRoles, Asset, AssetSummary, AssetTotals, GetAssetRequest, GetAssetResponse, HistoryPage,
    ListAppraisalsRequest, ListAppraisalsResponse, ListAssetsRequest, ListAssetsResponse,
    ListDocumentsRequest, ListDocumentsResponse, ListHistoryRequest, ListHistoryResponse,
    ListRolesRequest, ListRolesResponse, RoleGrants,
};
use tessera_proto::pb::query::v1::{PageResponse, QueryOptions};
use tessera_proto::state_key::{Namespace, StateKey};
use tonic::{Request, Response, Status, async_trait};

use super::pages::{MAX_LIMIT, Page};
use super::services::Services;
use super::view::View;
use crate::state::database::Table;

/// Bytes of the number of a document or appraisal.
const NUMBER_LENGTH: usize = 4;
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
            Ok(GetAssetResponse { asset: Some(asset), totals: totals(view, &id)?, context })
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
