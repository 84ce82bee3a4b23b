//! Queries about royalties.

use tessera_proto::id::Address;
use tessera_proto::pb::royalties::v1::royalty_query_service_server::RoyaltyQueryService;
use tessera_proto::pb::royalties::v1::{
    GetClaimableRoyaltyRequest, GetClaimableRoyaltyResponse, GetRoyaltyScheduleRequest,
    GetRoyaltyScheduleResponse, ListRoyaltyListsRequest, ListRoyaltyListsResponse,
    ListRoyaltyRecipientsRequest, ListRoyaltyRecipientsResponse, RoyaltyList, RoyaltyListEntry,
    RoyaltyListFacts, RoyaltyRecipient, RoyaltySchedule, RoyaltyShare,
};
use tessera_proto::state_key::{Namespace, StateKey};
use tonic::{Request, Response, Status, async_trait};

use super::pages::Page;
use super::services::Services;
use super::view::View;
use super::{status, view};
use crate::modules::royalties::{claimable_royalty, is_abandoned};
use crate::state::table::Table;

#[async_trait]
impl RoyaltyQueryService for Services {
    async fn get_royalty_schedule(
        &self,
        request: Request<GetRoyaltyScheduleRequest>,
    ) -> Result<Response<GetRoyaltyScheduleResponse>, Status> {
        let GetRoyaltyScheduleRequest { asset, options } = request.into_inner();
        self.query(options, move |view| {
            let key = StateKey::royalty_schedule(&view.asset(&asset)?.0);
            let schedule = view.leaf(&key)?;
            Ok(GetRoyaltyScheduleResponse { schedule, context: view.context(&key)? })
        })
        .await
    }

    async fn list_royalty_recipients(
        &self,
        request: Request<ListRoyaltyRecipientsRequest>,
    ) -> Result<Response<ListRoyaltyRecipientsResponse>, Status> {
        let ListRoyaltyRecipientsRequest { asset, list, page } = request.into_inner();
        let page = Page::read(page, Address::LENGTH)?;
        self.query(None, move |view| {
            let (id, _) = view.asset(&asset)?;
            let list = list_or_current(view, &asset, list)?.to_be_bytes();
            let namespace = [Namespace::RoyaltyRecipient.byte()];
            let prefix = [namespace.as_slice(), id.as_bytes(), &list].concat();
            let (accounts, page) = page.scan(view.database(), Table::Keys, &prefix)?;
            let mut shares = Vec::with_capacity(accounts.len());
            for account in accounts {
                let key = StateKey::from_bytes(&[prefix.as_slice(), &account].concat());
                let leaf = key.map(|key| view.leaf::<RoyaltyRecipient>(&key)).transpose()?;
                let share = |leaf: RoyaltyRecipient| leaf.share_bps;
                shares.extend(
                    leaf.flatten().map(share).map(|share_bps| RoyaltyShare { account, share_bps }),
                );
            }
            Ok(ListRoyaltyRecipientsResponse { shares, page: Some(page) })
        })
        .await
    }

    async fn list_royalty_lists(
        &self,
        request: Request<ListRoyaltyListsRequest>,
    ) -> Result<Response<ListRoyaltyListsResponse>, Status> {
        let ListRoyaltyListsRequest { asset, page } = request.into_inner();
        let page = Page::read(page, size_of::<u64>())?;
        self.query(None, move |view| {
            let (id, _) = view.asset(&asset)?;
            let latest: Option<RoyaltyList> = view.leaf(&StateKey::royalty_list(&id))?;
            let schedule = view.leaf(&StateKey::royalty_schedule(&id))?;
            let prefix = Namespace::RoyaltyListFacts.prefix(id.as_bytes());
            let (numbers, page) = page.scan(view.database(), Table::Keys, &prefix)?;
            let mut entries = Vec::with_capacity(numbers.len());
            for list in numbers.iter().filter_map(|bytes| bytes.as_ref().try_into().ok()) {
                let list = u64::from_be_bytes(list);
                let key = StateKey::royalty_list_facts(&id, list);
                let Some(facts) = view.leaf::<RoyaltyListFacts>(&key)? else { continue };
                let abandoned = is_abandoned(list, latest.as_ref(), schedule.as_ref());
                let recipient_count = facts.recipient_count;
                entries.push(RoyaltyListEntry { list, recipient_count, abandoned });
            }
            Ok(ListRoyaltyListsResponse { entries, page: Some(page) })
        })
        .await
    }

    async fn get_claimable_royalty(
        &self,
        request: Request<GetClaimableRoyaltyRequest>,
    ) -> Result<Response<GetClaimableRoyaltyResponse>, Status> {
        let GetClaimableRoyaltyRequest { asset, list, account, currency, options } =
            request.into_inner();
        let account = view::account(&account)?;
        self.query(options, move |view| {
            let (id, facts) = view.asset(&asset)?;
            let (currency, _) = view.asset(&currency)?;
            let list = list_or_current(view, &asset, list)?;
            let key = StateKey::royalty_recipient(&id, list, &account);
            let leaf: Option<RoyaltyRecipient> = view.leaf(&key)?;
            let none = || {
                let name = &facts.name;
                status::not_found(format!("{account} is not on list {list} of `{name}`"))
            };
            let leaf = leaf.ok_or_else(none)?;
            let receipts = view.leaf(&StateKey::royalty_receipts(&id, list, &currency))?;
            let amount = claimable_royalty(&leaf, receipts.as_ref(), &currency)
                .map_err(|fault| status::failed(&fault))?;
            let (share_bps, amount) = (leaf.share_bps, amount.to_string());
            let context = view.context(&key)?;
            Ok(GetClaimableRoyaltyResponse { list, share_bps, amount, context })
        })
        .await
    }
}

/// The list that is asked for: that of the schedule in force for 0.
fn list_or_current(view: &View<'_>, asset: &str, list: u64) -> Result<u64, Status> {
    if list > 0 {
        return Ok(list);
    }
    let (id, facts) = view.asset(asset)?;
    let schedule: Option<RoyaltySchedule> = view.leaf(&StateKey::royalty_schedule(&id))?;
    let none = || {
        let name = &facts.name;
        status::not_found(format!("the royalties of `{name}` are not paid to a list"))
    };
    schedule.map(|schedule| schedule.list).filter(|list| *list > 0).ok_or_else(none)
}
