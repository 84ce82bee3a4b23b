//! Queries about the register of assets.

use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::asset_query_service_server::AssetQueryService;
use tessera_proto::pb::assets::v1::{
    Asset, AssetSummary, AssetTotals, GetAssetRequest, GetAssetResponse, ListAppraisalsRequest,
    ListAppraisalsResponse, ListAssetsRequest, ListAssetsResponse, ListDocumentsRequest,
    ListDocumentsResponse,
};
use tessera_proto::state_key::{Namespace, StateKey};
use tonic::{Request, Response, Status, async_trait};

use super::pages::{MAX_LIMIT, Page};
use super::services::Services;
use super::view::View;
use crate::state::database::Table;

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
        let ListAppraisalsRequest { asset } = request.into_inner();
        self.query(None, move |view| {
            let (id, asset) = view.asset(&asset)?;
            let numbers = latest_numbers(asset.appraisal_count);
            let appraisals = numbers
                .filter_map(|number| view.leaf(&StateKey::appraisal(&id, number)).transpose());
            Ok(ListAppraisalsResponse { appraisals: appraisals.collect::<Result<_, _>>()? })
        })
        .await
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
