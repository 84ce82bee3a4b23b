//! Queries about offers and prices of sales.

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::market::v1::market_query_service_server::MarketQueryService;
use tessera_proto::pb::market::v1::{
    GetLastSaleRequest, GetLastSaleResponse, GetOfferRequest, GetOfferResponse, LastSale,
    ListLastSalesRequest, ListLastSalesResponse, ListOffersRequest, ListOffersResponse, Offer,
    PricedSale,
};
use tessera_proto::split::{InUnits as _, SplitFactor};
use tessera_proto::state_key::{Namespace, StateKey};
use tonic::{Request, Response, Status, async_trait};

use super::pages::Page;
use super::services::Services;
use super::view;
use crate::modules::market::unit_price;

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

    async fn get_last_sale(
        &self,
        request: Request<GetLastSaleRequest>,
    ) -> Result<Response<GetLastSaleResponse>, Status> {
        let GetLastSaleRequest { asset, currency, options } = request.into_inner();
        self.query(options, move |view| {
            let ((id, asset), (currency, _)) = (view.asset(&asset)?, view.asset(&currency)?);
            let key = StateKey::last_sale(&id, &currency);
            let sale: Option<LastSale> = view.leaf(&key)?;
            let sale = sale.map(|sale| priced(&asset, &currency, sale));
            Ok(GetLastSaleResponse { sale, context: view.context(&key)? })
        })
        .await
    }

    async fn list_last_sales(
        &self,
        request: Request<ListLastSalesRequest>,
    ) -> Result<Response<ListLastSalesResponse>, Status> {
        let ListLastSalesRequest { asset, page } = request.into_inner();
        let page = Page::read(page, AssetId::LENGTH)?;
        self.query(None, move |view| {
            let (id, asset) = view.asset(&asset)?;
            let (found, page) = view.list(&page, Namespace::LastSale, id.as_bytes())?;
            let entry = |(currency, sale): (Bytes, LastSale)| {
                Some(priced(&asset, &AssetId::try_from(currency.as_ref()).ok()?, sale))
            };
            let sales = found.into_iter().filter_map(entry).collect();
            Ok(ListLastSalesResponse { sales, page: Some(page) })
        })
        .await
    }
}

/// A sale in the units of the asset now.
fn priced(asset: &Asset, currency: &AssetId, mut sale: LastSale) -> PricedSale {
    sale.bring_to(SplitFactor::of(asset));
    let unit_price = unit_price(&sale, asset.decimals).as_ref().map(Amount::to_string);
    let (currency, unit_price) = (currency.to_string(), unit_price.unwrap_or_default());
    PricedSale { currency, sale: Some(sale), unit_price }
}
