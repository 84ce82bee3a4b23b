//! Queries about accounts, what they pay for others and who acts for them.

use bytes::Bytes;
use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1::account_query_service_server::AccountQueryService;
use tessera_proto::pb::accounts::v1::{
    GetAccountRequest, GetAccountResponse, GetMandateRequest, GetMandateResponse,
    GetSponsorshipRequest, GetSponsorshipResponse, GivenMandate, ListMandatesRequest,
    ListMandatesResponse, ListSponsorshipsRequest, ListSponsorshipsResponse, Mandate,
    SponsoredAccount,
};
use tessera_proto::split::{InUnits, SplitFactor};
use tessera_proto::state_key::{Namespace, StateKey};
use tonic::{Request, Response, Status, async_trait};

use super::pages::Page;
use super::services::Services;
use super::view::{self, View};

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

    async fn get_sponsorship(
        &self,
        request: Request<GetSponsorshipRequest>,
    ) -> Result<Response<GetSponsorshipResponse>, Status> {
        let GetSponsorshipRequest { sponsor, account, options } = request.into_inner();
        let key = StateKey::sponsorship(&view::account(&sponsor)?, &view::account(&account)?);
        self.query(options, move |view| {
            let sponsorship = view.leaf(&key)?;
            Ok(GetSponsorshipResponse { sponsorship, context: view.context(&key)? })
        })
        .await
    }

    async fn list_sponsorships(
        &self,
        request: Request<ListSponsorshipsRequest>,
    ) -> Result<Response<ListSponsorshipsResponse>, Status> {
        let ListSponsorshipsRequest { sponsor, page } = request.into_inner();
        let sponsor = view::account(&sponsor)?;
        let page = Page::read(page, Address::LENGTH)?;
        self.query(None, move |view| {
            let (found, page) = view.list(&page, Namespace::Sponsorship, sponsor.as_bytes())?;
            let entry = |(account, sponsorship): (Bytes, _)| {
                let account = Address::try_from(account.as_ref()).ok()?.to_string();
                Some(SponsoredAccount { account, sponsorship: Some(sponsorship) })
            };
            let sponsorships = found.into_iter().filter_map(entry).collect();
            Ok(ListSponsorshipsResponse { sponsorships, page: Some(page) })
        })
        .await
    }

    async fn get_mandate(
        &self,
        request: Request<GetMandateRequest>,
    ) -> Result<Response<GetMandateResponse>, Status> {
        let GetMandateRequest { principal, account, options } = request.into_inner();
        let key = StateKey::mandate(&view::account(&principal)?, &view::account(&account)?);
        self.query(options, move |view| {
            let mandate = view.leaf(&key)?.map(|mandate| in_units(view, mandate)).transpose()?;
            Ok(GetMandateResponse { mandate, context: view.context(&key)? })
        })
        .await
    }

    async fn list_mandates(
        &self,
        request: Request<ListMandatesRequest>,
    ) -> Result<Response<ListMandatesResponse>, Status> {
        let ListMandatesRequest { principal, page } = request.into_inner();
        let principal = view::account(&principal)?;
        let page = Page::read(page, Address::LENGTH)?;
        self.query(None, move |view| {
            let (found, page) = view.list(&page, Namespace::Mandate, principal.as_bytes())?;
            let mut mandates = Vec::with_capacity(found.len());
            for (account, mandate) in found {
                let Ok(account) = Address::try_from(account.as_ref()) else { continue };
                let (account, mandate) = (account.to_string(), Some(in_units(view, mandate)?));
                mandates.push(GivenMandate { account, mandate });
            }
            Ok(ListMandatesResponse { mandates, page: Some(page) })
        })
        .await
    }
}

/// A mandate with all splits of its asset counted.
fn in_units(view: &View<'_>, mut mandate: Mandate) -> Result<Mandate, Status> {
    if let Ok(asset) = mandate.asset.as_ref().try_into() {
        mandate.bring_to(SplitFactor::of(&view.referred(&asset)?));
    }
    Ok(mandate)
}
