//! Queries about offers.

use tessera_proto::id::Address;
use tessera_proto::pb::market::v1::market_query_service_server::MarketQueryService;
use tessera_proto::pb::market::v1::{
    GetOfferRequest, GetOfferResponse, ListOffersRequest, ListOffersResponse,
};
use tessera_proto::state_key::{Namespace, StateKey};
use tonic::{Request, Response, Status, async_trait};

use super::pages::Page;
use super::services::Services;
use super::view;
use crate::state::database::Table;

/// Bytes of the seller and the number of an offer.
const POSITION_LENGTH: usize = Address::LENGTH + 8;

#[async_trait]
impl MarketQueryService for Services {
    async fn get_offer(
        &self,
        request: Request<GetOfferRequest>,
    ) -> Result<Response<GetOfferResponse>, Status> {
        let GetOfferRequest { asset, seller, number, options } = request.into_inner();
        let seller = view::account(&seller)?;
        self.query(options, move |view| {
            let (id, asset) = view.asset(&asset)?;
            let key = StateKey::offer(&id, &seller, number);
            let offer = view.units(&asset, &key)?;
            Ok(GetOfferResponse { offer, context: view.context(&key)? })
        })
        .await
    }

    async fn list_offers(
        &self,
        request: Request<ListOffersRequest>,
    ) -> Result<Response<ListOffersResponse>, Status> {
        let ListOffersRequest { asset, page } = request.into_inner();
        let page = Page::read(page, POSITION_LENGTH)?;
        self.query(None, move |view| {
            let (id, asset) = view.asset(&asset)?;
            let prefix = [&[Namespace::Offer.byte()], id.as_bytes().as_slice()].concat();
            let (rest, page) = page.scan(view.database(), Table::Keys, &prefix)?;
            let keys = rest.iter().map(|rest| [prefix.as_slice(), rest].concat());
            let offers = keys
                .filter_map(|key| StateKey::from_bytes(&key))
                .filter_map(|key| view.units(&asset, &key).transpose());
            Ok(ListOffersResponse { offers: offers.collect::<Result<_, _>>()?, page: Some(page) })
        })
        .await
    }
}
