//! Queries about proposals and votes.

use tessera_proto::pb::votes::v1::vote_query_service_server::VoteQueryService;
use tessera_proto::pb::votes::v1::{
    GetDelegationRequest, GetDelegationResponse, GetGrantRequest, GetGrantResponse,
    GetProposalRequest, GetProposalResponse, GetVoteRequest, GetVoteResponse,
    GetVotingRulesRequest, GetVotingRulesResponse, ListProposalsRequest, ListProposalsResponse,
    Proposal,
};
use tessera_proto::state_key::{Namespace, StateKey};
use tonic::{Request, Response, Status, async_trait};

use super::pages::Page;
use super::services::Services;
use super::{status, view};

/// Bytes of the number of a proposal.
const NUMBER_LENGTH: usize = 8;

#[async_trait]
impl VoteQueryService for Services {
    async fn get_proposal(
        &self,
        request: Request<GetProposalRequest>,
    ) -> Result<Response<GetProposalResponse>, Status> {
        let GetProposalRequest { asset: reference, proposal: number, options } =
            request.into_inner();
        self.query(options, move |view| {
            let (id, asset) = view.asset(&reference)?;
            let key = StateKey::proposal(&id, number);
            let proposal: Option<Proposal> = view.leaf(&key)?;
            if proposal.is_none() {
                let count = asset.proposal_count;
                return Err(status::not_found(format!(
                    "`{}` has no proposal {number}, it has {count}",
                    asset.name
                )));
            }
            let tally = view.leaf(&StateKey::tally(&id, number))?;
            Ok(GetProposalResponse { proposal, tally, context: view.context(&key)? })
        })
        .await
    }

    async fn list_proposals(
        &self,
        request: Request<ListProposalsRequest>,
    ) -> Result<Response<ListProposalsResponse>, Status> {
        let ListProposalsRequest { asset, page } = request.into_inner();
        let page = Page::read(page, NUMBER_LENGTH)?;
        self.query(None, move |view| {
            let (id, _) = view.asset(&asset)?;
            let (proposals, page) = view.leaves(&page, Namespace::Proposal, id.as_bytes())?;
            Ok(ListProposalsResponse { proposals, page: Some(page) })
        })
        .await
    }

    async fn get_vote(
        &self,
        request: Request<GetVoteRequest>,
    ) -> Result<Response<GetVoteResponse>, Status> {
        let GetVoteRequest { asset, proposal, account, options } = request.into_inner();
        let account = view::account(&account)?;
        self.query(options, move |view| {
            let (id, _) = view.asset(&asset)?;
            let key = StateKey::vote(&id, proposal, &account);
            Ok(GetVoteResponse { vote: view.leaf(&key)?, context: view.context(&key)? })
        })
        .await
    }

    async fn get_voting_rules(
        &self,
        request: Request<GetVotingRulesRequest>,
    ) -> Result<Response<GetVotingRulesResponse>, Status> {
        let GetVotingRulesRequest { asset, options } = request.into_inner();
        self.query(options, move |view| {
            let key = StateKey::voting_rules(&view.asset(&asset)?.0);
            Ok(GetVotingRulesResponse { rules: view.leaf(&key)?, context: view.context(&key)? })
        })
        .await
    }

    async fn get_delegation(
        &self,
        request: Request<GetDelegationRequest>,
    ) -> Result<Response<GetDelegationResponse>, Status> {
        let GetDelegationRequest { asset, account, options } = request.into_inner();
        let account = view::account(&account)?;
        self.query(options, move |view| {
            let key = StateKey::delegation(&view.asset(&asset)?.0, &account);
            let delegation = view.leaf(&key)?;
            Ok(GetDelegationResponse { delegation, context: view.context(&key)? })
        })
        .await
    }

    async fn get_grant(
        &self,
        request: Request<GetGrantRequest>,
    ) -> Result<Response<GetGrantResponse>, Status> {
        let GetGrantRequest { asset, grant, options } = request.into_inner();
        self.query(options, move |view| {
            let key = StateKey::grant(&view.asset(&asset)?.0, grant);
            Ok(GetGrantResponse { grant: view.leaf(&key)?, context: view.context(&key)? })
        })
        .await
    }
}
