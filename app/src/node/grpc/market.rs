//! Queries about offers.

use tessera_proto::id::Address;
use tessera_proto::pb::market::v1::market_query_service_server::MarketQueryService;
use tessera_proto::pb::market::v1::{
    GetOfferRequest, GetOfferResponse, ListOffersRequest, ListOffersResponse, Offer,
};
use tessera_proto::split::{InUnits as _, SplitFactor};
use tessera_proto::state_key::{Namespace, StateKey};
use tonic::{Request, Response, Status, async_trait};

use super::pages::Page;
use super::services::Services;
use super::view;

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
            let (mut offers, page) = view.leaves(&page, Namespace::Offer, id.as_bytes())?;
            offers.iter_mut().for_each(|offer: &mut Offer| offer.bring_to(SplitFactor::of(&asset)));
            Ok(ListOffersResponse { offers, page: Some(page) })
        })
        .await
    }
}
