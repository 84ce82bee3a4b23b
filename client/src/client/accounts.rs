//! Questions about who pays for an account and who acts for it.

use bytes::Bytes;
use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1::account_query_service_client::AccountQueryServiceClient;
use tessera_proto::pb::accounts::v1::{
    GivenMandate, ListMandatesRequest, ListSponsorshipsRequest, SponsoredAccount,
};

use super::queries::{Page, page_request};
use super::{Client, service};
use crate::error::ClientError;

/// Every query fails with [`ClientError::NotFound`], [`ClientError::Usage`],
/// [`ClientError::Unreachable`] or [`ClientError::Node`].
#[allow(clippy::missing_errors_doc, reason = "said once for all, above")]
impl Client {
    /// A page of what a sponsor has set aside for others.
    pub async fn sponsorships(
        &self,
        sponsor: &Address,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<SponsoredAccount>, ClientError> {
        let page = page_request(limit, page_token);
        let request = ListSponsorshipsRequest { sponsor: sponsor.to_string(), page };
        let mut service = service!(self, AccountQueryServiceClient);
        let answer = service.list_sponsorships(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.sponsorships, answer.page))
    }

    /// A page of the mandates that an account has given.
    pub async fn mandates(
        &self,
        principal: &Address,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<GivenMandate>, ClientError> {
        let page = page_request(limit, page_token);
        let request = ListMandatesRequest { principal: principal.to_string(), page };
        let mut service = service!(self, AccountQueryServiceClient);
        let answer = service.list_mandates(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.mandates, answer.page))
    }
}
