//! Questions about identities, claims and rules.

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::compliance::v1::compliance_query_service_client as service_client;
use tessera_proto::pb::compliance::v1::{
    CheckTransferRequest, CheckTransferResponse, Claim, CountedHolders, Encumbrances,
    GetEncumbrancesRequest, GetHolderRecordRequest, GetRuleSetRequest, GetWalletRequest,
    GetWalletResponse, HolderRecord, ListClaimsRequest, ListHolderCountersRequest,
    ListWaitingUnitsRequest, RuleSet, WaitingUnits,
};
use tessera_proto::pb::transfers::v1::holding_query_service_client::HoldingQueryServiceClient;
use tessera_proto::pb::transfers::v1::{Allowance, GetAllowanceRequest};

use super::queries::{Page, at, page_request};
use super::{Client, service};
use crate::error::ClientError;
use service_client::ComplianceQueryServiceClient;

/// Every query fails with [`ClientError::NotFound`], [`ClientError::Usage`],
/// [`ClientError::Unreachable`] or [`ClientError::Node`].
#[allow(clippy::missing_errors_doc, reason = "said once for all, above")]
impl Client {
    /// What every check says of a transfer that may never happen.
    pub async fn check_transfer(
        &self,
        asset: &str,
        parties: (&Address, &Address),
        amount: Amount,
        height: u64,
    ) -> Result<CheckTransferResponse, ClientError> {
        let (from, to) = (parties.0.to_string(), parties.1.to_string());
        let (asset, amount, options) = (asset.to_owned(), amount.to_string(), at(height));
        let request = CheckTransferRequest { asset, from, to, amount, options };
        let mut service = service!(self, ComplianceQueryServiceClient);
        let answer = service.check_transfer(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner())
    }

    /// What is known of an account, and of its identity.
    pub async fn wallet(
        &self,
        account: &Address,
        height: u64,
    ) -> Result<GetWalletResponse, ClientError> {
        let request = GetWalletRequest { account: account.to_string(), options: at(height) };
        let mut service = service!(self, ComplianceQueryServiceClient);
        let answer = service.get_wallet(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner())
    }

    /// A page of the claims about an identity, by any of its wallets.
    pub async fn claims(
        &self,
        account: &Address,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<Claim>, ClientError> {
        let page = page_request(limit, page_token);
        let request = ListClaimsRequest { account: account.to_string(), page };
        let mut service = service!(self, ComplianceQueryServiceClient);
        let answer = service.list_claims(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.claims, answer.page))
    }

    /// The rules of an asset; none when it has none.
    pub async fn rule_set(&self, asset: &str, height: u64) -> Result<Option<RuleSet>, ClientError> {
        let request = GetRuleSetRequest { asset: asset.to_owned(), options: at(height) };
        let mut service = service!(self, ComplianceQueryServiceClient);
        let answer = service.get_rule_set(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner().rules)
    }

    /// What an identity holds of a regulated asset; none when it never held any.
    pub async fn holder_record(
        &self,
        asset: &str,
        account: &Address,
        height: u64,
    ) -> Result<Option<HolderRecord>, ClientError> {
        let (asset, account) = (asset.to_owned(), account.to_string());
        let request = GetHolderRecordRequest { asset, account, options: at(height) };
        let mut service = service!(self, ComplianceQueryServiceClient);
        let answer = service.get_holder_record(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner().record)
    }

    /// A page of the counters of holders of a regulated asset.
    pub async fn holder_counters(
        &self,
        asset: &str,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<CountedHolders>, ClientError> {
        let page = page_request(limit, page_token);
        let request = ListHolderCountersRequest { asset: asset.to_owned(), page };
        let mut service = service!(self, ComplianceQueryServiceClient);
        let answer = service.list_holder_counters(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.counters, answer.page))
    }

    /// What binds units of a holding.
    pub async fn encumbrances(
        &self,
        asset: &str,
        account: &Address,
        height: u64,
    ) -> Result<Encumbrances, ClientError> {
        let (asset, account) = (asset.to_owned(), account.to_string());
        let request = GetEncumbrancesRequest { asset, account, options: at(height) };
        let mut service = service!(self, ComplianceQueryServiceClient);
        let answer = service.get_encumbrances(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner().encumbrances.unwrap_or_default())
    }

    /// A page of the units of an asset that others hold for a receiver; an empty one need not be
    /// the last.
    pub async fn waiting_units(
        &self,
        asset: &str,
        receiver: &Address,
        limit: u32,
        page_token: Bytes,
    ) -> Result<Page<WaitingUnits>, ClientError> {
        let (asset, receiver) = (asset.to_owned(), receiver.to_string());
        let page = page_request(limit, page_token);
        let request = ListWaitingUnitsRequest { asset, receiver, page };
        let mut service = service!(self, ComplianceQueryServiceClient);
        let answer = service.list_waiting_units(self.request(request)).await;
        let answer = self.answer(answer)?.into_inner();
        Ok(Page::new(answer.units, answer.page))
    }

    /// What an account may send of another's units; none when nothing.
    pub async fn allowance(
        &self,
        asset: &str,
        parties: (&Address, &Address),
        height: u64,
    ) -> Result<Option<Allowance>, ClientError> {
        let (owner, spender) = (parties.0.to_string(), parties.1.to_string());
        let (asset, options) = (asset.to_owned(), at(height));
        let request = GetAllowanceRequest { asset, owner, spender, options };
        let mut service = service!(self, HoldingQueryServiceClient);
        let answer = service.get_allowance(self.request(request)).await;
        Ok(self.answer(answer)?.into_inner().allowance)
    }
}
