//! Questions about the state.
//!
//! Assets are named by `asset1…` or their unique name. A height of 0 means the latest block.

use bytes::Bytes;
use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1::account_query_service_client::AccountQueryServiceClient;
use tessera_proto::pb::accounts::v1::{Account, GetAccountRequest};
use tessera_proto::pb::assets::v1::asset_query_service_client::AssetQueryServiceClient;
use tessera_proto::pb::assets::v1::{Asset, AssetTotals, GetAssetRequest};
use tessera_proto::pb::chain::v1::chain_service_client::ChainServiceClient;
use tessera_proto::pb::chain::v1::list_receipts_request::Subject;
use tessera_proto::pb::chain::v1::{ListReceiptsRequest, Receipt};
use tessera_proto::pb::distributions;
use tessera_proto::pb::distributions::v1::{
    ClaimableIncome, CouponAmount, CouponSchedule, Distribution, GetClaimableIncomeRequest,
    GetCouponScheduleRequest, GetDistributionPayoutRequest, GetDistributionPayoutResponse,
    GetDistributionRequest, ListDistributionsRequest,
};
use tessera_proto::pb::market::v1::market_query_service_client::MarketQueryServiceClient;
use tessera_proto::pb::market::v1::{
    GetLastSaleRequest, GetOfferRequest, ListLastSalesRequest, ListOffersRequest, Offer, PricedSale,
};
use tessera_proto::pb::query::v1::{PageRequest, PageResponse, QueryOptions};
use tessera_proto::pb::royalties::v1::royalty_query_service_client::RoyaltyQueryServiceClient;
use tessera_proto::pb::royalties::v1::{
    GetClaimableRoyaltyRequest, GetClaimableRoyaltyResponse, GetRoyaltyScheduleRequest,
    ListRoyaltyListsRequest, ListRoyaltyRecipientsRequest, RoyaltyListEntry, RoyaltySchedule,
    RoyaltyShare,
};
use tessera_proto::pb::transfers::v1::holding_query_service_client::HoldingQueryServiceClient;
use tessera_proto::pb::transfers::v1::{
    GetHoldingRequest, Holding, ListHoldersRequest, ListHoldingsRequest,
};
use tessera_proto::pb::votes::v1::vote_query_service_client::VoteQueryServiceClient;
use tessera_proto::pb::votes::v1::{
    Delegation, GetDelegationRequest, GetGrantRequest, GetProposalRequest, GetVoteRequest,
    GetVotingRulesRequest, Grant, ListProposalsRequest, Proposal, Tally, Vote, VotingRules,
};

use super::{Client, malformed, service};
use crate::error::ClientError;
use distributions::v1::distribution_query_service_client::DistributionQueryServiceClient;

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// Its entries.
    pub entries: Vec<T>,
    /// Where the list goes on; empty at its end.
    pub next_page_token: Bytes,
}

impl<T> Page<T> {
    pub(super) fn new(entries: Vec<T>, page: Option<PageResponse>) -> Self {
        Self { entries, next_page_token: page.unwrap_or_default().next_page_token }
    }
}

/// Most entries that a node puts on a page.
pub const PAGE_ENTRIES: u32 = 1000;

/// All entries of a list. `page` gets a token and asks for the page that begins there.
///
/// # Errors
/// The first [`ClientError`] of a page.
pub async fn all_pages<T>(
    mut page: impl AsyncFnMut(Bytes) -> Result<Page<T>, ClientError>,
) -> Result<Vec<T>, ClientError> {
    let (mut entries, mut token) = (Vec::new(), Bytes::new());
    loop {
        let Page { entries: of_page, next_page_token } = page(token).await?;
        entries.extend(of_page);
        token = next_page_token;
        if token.is_empty() {
            return Ok(entries);
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the field of every request is optional")]
pub(super) fn at(height: u64) -> Option<QueryOptions> {
    Some(QueryOptions { height, prove: false })
}

#[expect(clippy::unnecessary_wraps, reason = "the field of every request is optional")]
pub(super) fn page_request(limit: u32, page_token: Bytes) -> Option<PageRequest> {
    Some(PageRequest { limit, page_token })
}

/// Every query fails with [`ClientError::NotFound`], [`ClientError::Usage`],
/// [`ClientError::Unreachable`] or [`ClientError::Node`].
#[allow(clippy::missing_errors_doc, reason = "said once for all, above")]
impl Client {
    /// An account; none when it has never been used.
    pub async fn account(
        &self,
        account: &Address,
        height: u64,
    ) -> Result<Option<Account>, ClientError> {
        let request = GetAccountRequest { account: account.to_string(), options: at(height) };
        let mut service = service!(self, AccountQueryServiceClient);
        let answer = service.get_account(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner().account)
    }

    /// An asset with its totals.
    pub async fn asset(
        &self,
        asset: &str,
        height: u64,
    ) -> Result<(Asset, AssetTotals), ClientError> {
        let request = GetAssetRequest { asset: asset.to_owned(), options: at(height) };
        let mut service = service!(self, AssetQueryServiceClient);
        let answer = service.get_asset(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        let asset = answer.asset.ok_or_else(|| malformed("asset"))?;
        Ok((asset, answer.totals.unwrap_or_default()))
    }

    /// What an account holds of an asset.
    pub async fn holding(
        &self,
        asset: &str,
        account: &Address,
        height: u64,
    ) -> Result<Holding, ClientError> {
        let (asset, account) = (asset.to_owned(), account.to_string());
        let request = GetHoldingRequest { asset, account, options: at(height) };
        let mut service = service!(self, HoldingQueryServiceClient);
        let answer = service.get_holding(self.request(request)).await;
        self.answer(answer)?.into_inner().holding.ok_or_else(|| malformed("holding"))
    }

    /// A page of the holders of an asset.
    pub async fn holders(
        &self,
        asset: &str,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<Holding>, ClientError> {
        let page = page_request(limit, page_token);
        let request = ListHoldersRequest { asset: asset.to_owned(), page };
        let mut service = service!(self, HoldingQueryServiceClient);
        let answer = service.list_holders(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.holdings, answer.page))
    }

    /// A page of what an account holds.
    pub async fn holdings(
        &self,
        account: &Address,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<Holding>, ClientError> {
        let page = page_request(limit, page_token);
        let request = ListHoldingsRequest { account: account.to_string(), page };
        let mut service = service!(self, HoldingQueryServiceClient);
        let answer = service.list_holdings(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.holdings, answer.page))
    }

    /// The royalty schedule of an asset; none when it has none.
    pub async fn royalty_schedule(
        &self,
        asset: &str,
        height: u64,
    ) -> Result<Option<RoyaltySchedule>, ClientError> {
        let request = GetRoyaltyScheduleRequest { asset: asset.to_owned(), options: at(height) };
        let mut service = service!(self, RoyaltyQueryServiceClient);
        let answer = service.get_royalty_schedule(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner().schedule)
    }

    /// A page of the recipients of a list of royalties; of the one in force for 0.
    pub async fn royalty_recipients(
        &self,
        asset: &str,
        list: u64,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<RoyaltyShare>, ClientError> {
        let page = page_request(limit, page_token);
        let request = ListRoyaltyRecipientsRequest { asset: asset.to_owned(), list, page };
        let mut service = service!(self, RoyaltyQueryServiceClient);
        let answer = service.list_royalty_recipients(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.shares, answer.page))
    }

    /// A page of the lists of recipients of royalties of which anything is kept.
    pub async fn royalty_lists(
        &self,
        asset: &str,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<RoyaltyListEntry>, ClientError> {
        let page = page_request(limit, page_token);
        let request = ListRoyaltyListsRequest { asset: asset.to_owned(), page };
        let mut service = service!(self, RoyaltyQueryServiceClient);
        let answer = service.list_royalty_lists(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.entries, answer.page))
    }

    /// What a recipient of a list of royalties could claim; of the one in force for 0.
    pub async fn claimable_royalty(
        &self,
        (asset, list): (&str, u64),
        account: &Address,
        currency: &str,
        height: u64,
    ) -> Result<GetClaimableRoyaltyResponse, ClientError> {
        let (asset, account) = (asset.to_owned(), account.to_string());
        let (currency, options) = (currency.to_owned(), at(height));
        let request = GetClaimableRoyaltyRequest { asset, list, account, currency, options };
        let mut service = service!(self, RoyaltyQueryServiceClient);
        let answer = service.get_claimable_royalty(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner())
    }

    /// An offer; none when it was never made, accepted or cancelled.
    pub async fn offer(
        &self,
        asset: &str,
        seller: &Address,
        number: u64,
        height: u64,
    ) -> Result<Option<Offer>, ClientError> {
        let (asset, seller) = (asset.to_owned(), seller.to_string());
        let request = GetOfferRequest { asset, seller, number, options: at(height) };
        let mut service = service!(self, MarketQueryServiceClient);
        let answer = service.get_offer(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner().offer)
    }

    /// A page of the offers of an asset.
    pub async fn offers(
        &self,
        asset: &str,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<Offer>, ClientError> {
        let request =
            ListOffersRequest { asset: asset.to_owned(), page: page_request(limit, page_token) };
        let mut service = service!(self, MarketQueryServiceClient);
        let answer = service.list_offers(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.offers, answer.page))
    }

    /// The last sale of an asset for a currency from an offer to anybody; none when there was none.
    pub async fn last_sale(
        &self,
        asset: &str,
        currency: &str,
        height: u64,
    ) -> Result<Option<PricedSale>, ClientError> {
        let (asset, currency, options) = (asset.to_owned(), currency.to_owned(), at(height));
        let request = GetLastSaleRequest { asset, currency, options };
        let mut service = service!(self, MarketQueryServiceClient);
        let answer = service.get_last_sale(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner().sale)
    }

    /// A page of the last sales of an asset, one for each currency.
    pub async fn last_sales(
        &self,
        asset: &str,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<PricedSale>, ClientError> {
        let page = page_request(limit, page_token);
        let request = ListLastSalesRequest { asset: asset.to_owned(), page };
        let mut service = service!(self, MarketQueryServiceClient);
        let answer = service.list_last_sales(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.sales, answer.page))
    }

    /// What a holder could claim, one entry for each currency.
    pub async fn claimable_income(
        &self,
        asset: &str,
        account: &Address,
        height: u64,
    ) -> Result<Vec<ClaimableIncome>, ClientError> {
        let (asset, account) = (asset.to_owned(), account.to_string());
        let request = GetClaimableIncomeRequest { asset, account, options: at(height) };
        let mut service = service!(self, DistributionQueryServiceClient);
        let answer = service.get_claimable_income(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner().income)
    }

    /// A distribution, with what of it has not been paid out.
    pub async fn distribution(
        &self,
        asset: &str,
        distribution: u64,
        height: u64,
    ) -> Result<(Distribution, String), ClientError> {
        let (asset, options) = (asset.to_owned(), at(height));
        let request = GetDistributionRequest { asset, distribution, options };
        let mut service = service!(self, DistributionQueryServiceClient);
        let answer = service.get_distribution(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        let distribution = answer.distribution.ok_or_else(|| malformed("distribution"))?;
        Ok((distribution, answer.remaining))
    }

    /// A page of the distributions of an asset, oldest first.
    pub async fn distributions(
        &self,
        asset: &str,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<Distribution>, ClientError> {
        let page = page_request(limit, page_token);
        let request = ListDistributionsRequest { asset: asset.to_owned(), page };
        let mut service = service!(self, DistributionQueryServiceClient);
        let answer = service.list_distributions(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.distributions, answer.page))
    }

    /// What a holder of record is due of a distribution, and whether it was paid.
    pub async fn distribution_payout(
        &self,
        asset: &str,
        distribution: u64,
        account: &Address,
        height: u64,
    ) -> Result<GetDistributionPayoutResponse, ClientError> {
        let (asset, account, options) = (asset.to_owned(), account.to_string(), at(height));
        let request = GetDistributionPayoutRequest { asset, distribution, account, options };
        let mut service = service!(self, DistributionQueryServiceClient);
        let answer = service.get_distribution_payout(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner())
    }

    /// A schedule of coupons, with what each period pays.
    pub async fn coupon_schedule(
        &self,
        asset: &str,
        schedule: u64,
        height: u64,
    ) -> Result<(CouponSchedule, Vec<CouponAmount>), ClientError> {
        let (asset, options) = (asset.to_owned(), at(height));
        let request = GetCouponScheduleRequest { asset, schedule, options };
        let mut service = service!(self, DistributionQueryServiceClient);
        let answer = service.get_coupon_schedule(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        let schedule = answer.schedule.ok_or_else(|| malformed("schedule of coupons"))?;
        Ok((schedule, answer.amounts))
    }

    /// A proposal with its tally.
    pub async fn proposal(
        &self,
        asset: &str,
        proposal: u64,
        height: u64,
    ) -> Result<(Proposal, Tally), ClientError> {
        let request = GetProposalRequest { asset: asset.to_owned(), proposal, options: at(height) };
        let mut service = service!(self, VoteQueryServiceClient);
        let answer = service.get_proposal(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        let proposal = answer.proposal.ok_or_else(|| malformed("proposal"))?;
        Ok((proposal, answer.tally.unwrap_or_default()))
    }

    /// A page of the proposals of an asset, oldest first.
    pub async fn proposals(
        &self,
        asset: &str,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<Proposal>, ClientError> {
        let page = page_request(limit, page_token);
        let request = ListProposalsRequest { asset: asset.to_owned(), page };
        let mut service = service!(self, VoteQueryServiceClient);
        let answer = service.list_proposals(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.proposals, answer.page))
    }

    /// One holder's vote; none when it has not voted.
    pub async fn vote(
        &self,
        asset: &str,
        proposal: u64,
        account: &Address,
    ) -> Result<Option<Vote>, ClientError> {
        let (asset, account) = (asset.to_owned(), account.to_string());
        let request = GetVoteRequest { asset, proposal, account, options: at(0) };
        let mut service = service!(self, VoteQueryServiceClient);
        let answer = service.get_vote(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner().vote)
    }

    /// The rules of votes of an asset; none when it has none.
    pub async fn voting_rules(
        &self,
        asset: &str,
        height: u64,
    ) -> Result<Option<VotingRules>, ClientError> {
        let request = GetVotingRulesRequest { asset: asset.to_owned(), options: at(height) };
        let mut service = service!(self, VoteQueryServiceClient);
        let answer = service.get_voting_rules(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner().rules)
    }

    /// Who votes for a holder; none when it has never delegated.
    pub async fn delegation(
        &self,
        asset: &str,
        account: &Address,
        height: u64,
    ) -> Result<Option<Delegation>, ClientError> {
        let (asset, account) = (asset.to_owned(), account.to_string());
        let request = GetDelegationRequest { asset, account, options: at(height) };
        let mut service = service!(self, VoteQueryServiceClient);
        let answer = service.get_delegation(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner().delegation)
    }

    /// The grant that a proposal has opened; none when it has opened none.
    pub async fn grant(
        &self,
        asset: &str,
        grant: u64,
        height: u64,
    ) -> Result<Option<Grant>, ClientError> {
        let request = GetGrantRequest { asset: asset.to_owned(), grant, options: at(height) };
        let mut service = service!(self, VoteQueryServiceClient);
        let answer = service.get_grant(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner().grant)
    }

    /// A page of the receipts of an account, newest first.
    pub async fn account_receipts(
        &self,
        account: &Address,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<Receipt>, ClientError> {
        self.receipts(Subject::Account(account.to_string()), limit, page_token).await
    }

    /// A page of the receipts of an asset, newest first.
    pub async fn asset_receipts(
        &self,
        asset: &str,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<Receipt>, ClientError> {
        self.receipts(Subject::Asset(asset.to_owned()), limit, page_token).await
    }

    async fn receipts(
        &self,
        subject: Subject,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<Receipt>, ClientError> {
        let page = page_request(limit, page_token);
        let request = ListReceiptsRequest { subject: Some(subject), page };
        let mut service = service!(self, ChainServiceClient);
        let answer = service.list_receipts(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.receipts, answer.page))
    }
}
