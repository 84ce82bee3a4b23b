//! Questions about the register of assets.

use bytes::Bytes;
use tessera_proto::pb::assets::v1::asset_query_service_client::AssetQueryServiceClient;
use tessera_proto::pb::assets::v1::{
    AccountRoles, Appraisal, AppraiserEntry, AssetClass, AssetSummary, Attribute, Document,
    GetAssetRequest, GetClassSchemaRequest, HistoryEntry, ListAppraisalsRequest,
    ListAppraisersRequest, ListAssetsRequest, ListDocumentsRequest, ListHistoryRequest,
    ListNavsRequest, ListPendingActionsRequest, ListRolesRequest, PendingAction, StatedNav,
};

use super::queries::{PAGE_ENTRIES, Page, all_pages, at, page_request};
use super::{Client, service};
use crate::error::ClientError;

/// Every query fails with [`ClientError::NotFound`], [`ClientError::Usage`],
/// [`ClientError::Unreachable`] or [`ClientError::Node`].
#[allow(clippy::missing_errors_doc, reason = "said once for all, above")]
impl Client {
    /// What an asset is in detail; nothing where it was registered without.
    pub async fn attributes(
        &self,
        asset: &str,
        height: u64,
    ) -> Result<Vec<Attribute>, ClientError> {
        let request = GetAssetRequest { asset: asset.to_owned(), options: at(height) };
        let mut service = service!(self, AssetQueryServiceClient);
        let answer = service.get_asset(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner().attributes)
    }

    /// A page of what an asset is worth, by each account that has stated it.
    pub async fn navs(
        &self,
        asset: &str,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<StatedNav>, ClientError> {
        let page = page_request(limit, page_token);
        let request = ListNavsRequest { asset: asset.to_owned(), page };
        let mut service = service!(self, AssetQueryServiceClient);
        let answer = service.list_navs(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.navs, answer.page))
    }

    /// A page of the operations on an asset that wait for a second person.
    pub async fn pending_actions(
        &self,
        asset: &str,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<PendingAction>, ClientError> {
        let page = page_request(limit, page_token);
        let request = ListPendingActionsRequest { asset: asset.to_owned(), page };
        let mut service = service!(self, AssetQueryServiceClient);
        let answer = service.list_pending_actions(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.actions, answer.page))
    }

    /// A page of all appraisers that were ever accredited.
    pub async fn appraisers(
        &self,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<AppraiserEntry>, ClientError> {
        let request = ListAppraisersRequest { page: page_request(limit, page_token) };
        let mut service = service!(self, AssetQueryServiceClient);
        let answer = service.list_appraisers(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.appraisers, answer.page))
    }

    /// What the attributes of an asset of a class must be, as a JSON Schema document.
    pub async fn class_schema(&self, class: AssetClass) -> Result<String, ClientError> {
        let request = GetClassSchemaRequest { class: class.into() };
        let mut service = service!(self, AssetQueryServiceClient);
        let answer = service.get_class_schema(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner().json_schema)
    }

    /// A page of the register of assets.
    pub async fn assets(
        &self,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<AssetSummary>, ClientError> {
        let request = ListAssetsRequest { page: page_request(limit, page_token) };
        let mut service = service!(self, AssetQueryServiceClient);
        let answer = service.list_assets(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.assets, answer.page))
    }

    /// Documents of an asset.
    pub async fn documents(&self, asset: &str) -> Result<Vec<Document>, ClientError> {
        let request = ListDocumentsRequest { asset: asset.to_owned() };
        let mut service = service!(self, AssetQueryServiceClient);
        let answer = service.list_documents(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner().documents)
    }

    /// A page of the appraisals of an asset, oldest first.
    pub async fn appraisals(
        &self,
        asset: &str,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<Appraisal>, ClientError> {
        let page = page_request(limit, page_token);
        let request = ListAppraisalsRequest { asset: asset.to_owned(), page };
        let mut service = service!(self, AssetQueryServiceClient);
        let answer = service.list_appraisals(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.appraisals, answer.page))
    }

    /// A page of who has which role for an asset.
    pub async fn roles(
        &self,
        asset: &str,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<AccountRoles>, ClientError> {
        let page = page_request(limit, page_token);
        let request = ListRolesRequest { asset: asset.to_owned(), page };
        let mut service = service!(self, AssetQueryServiceClient);
        let answer = service.list_roles(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.roles, answer.page))
    }

    /// The whole history of an asset, oldest first.
    pub async fn history(
        &self,
        asset: &str,
        height: u64,
    ) -> Result<Vec<HistoryEntry>, ClientError> {
        all_pages(async |token| {
            let page = page_request(PAGE_ENTRIES, token);
            let request = ListHistoryRequest { asset: asset.to_owned(), page, height };
            let mut service = service!(self, AssetQueryServiceClient);
            let answer = service.list_history(self.request(request)).await;
            let answer = self.answer(answer)?.into_inner();
            Ok(Page::new(answer.entries, answer.page))
        })
        .await
    }
}
