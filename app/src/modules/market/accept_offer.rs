//! `AcceptOffer`: a sale, delivery versus payment.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::market::v1 as pb;
use tessera_proto::pb::market::v1::Offer;
use tessera_proto::state_key::StateKey;

use super::error::MarketError;
use super::last_sale;
use super::offers::OfferId;
use crate::modules::assets::load_asset;
use crate::modules::transfers::{holdings, movement};
use crate::modules::{Context, Message, committed, fields, royalties};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Buys what is offered, on the terms that the buyer has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptOffer {
    /// Who sells.
    pub seller: Address,
    /// Number of the offer.
    pub number: u64,
    /// What is bought.
    pub asset: AssetId,
    /// How many base units.
    pub amount: Amount,
    /// What is paid.
    pub currency: AssetId,
    /// How many base units.
    pub price: Amount,
}

impl TryFrom<pb::AcceptOffer> for AcceptOffer {
    type Error = MarketError;

    /// Refuses malformed fields in the order of the message's fields, then
    /// [`MarketError::SoldForItself`].
    fn try_from(message: pb::AcceptOffer) -> Result<Self, MarketError> {
        let pb::AcceptOffer { seller, number, asset, amount, currency, price } = message;
        let seller = fields::address("seller", &seller)?;
        let asset = fields::asset_id("asset", &asset)?;
        let amount = fields::amount("amount", &amount)?;
        let currency = fields::asset_id("currency", &currency)?;
        let price = fields::amount("price", &price)?;
        if asset == currency {
            return Err(MarketError::SoldForItself { asset });
        }
        Ok(Self { seller, number, asset, amount, currency, price })
    }
}

impl AcceptOffer {
    fn id(&self) -> OfferId {
        OfferId { asset: self.asset, seller: self.seller, number: self.number }
    }

    /// Whether the sender may buy this now.
    fn check(&self, offer: &Offer, context: &Context<'_>) -> Result<(), ExecutionError> {
        let (number, account, now_ms) = (self.number, context.sender, context.block.time_ms);
        let Offer { amount, currency, price, buyer, expires_ms, .. } = offer;
        let found =
            (committed::amount("offered units", amount)?, committed::amount("price", price)?);
        let currency = committed::asset_id("currency of an offer", currency)?;
        if (found, currency) != ((self.amount, self.price), self.currency) {
            let (amount, price) = (amount.clone(), price.clone());
            return Err(MarketError::TermsDiffer { number, amount, price, currency }.into());
        }
        if now_ms >= *expires_ms {
            return Err(MarketError::Expired { number, expires_ms: *expires_ms, now_ms }.into());
        }
        if !buyer.is_empty() && *buyer != account.to_bytes() {
            let buyer = committed::address("buyer", buyer)?;
            return Err(MarketError::ForAnotherBuyer { number, buyer, account }.into());
        }
        Ok(())
    }
}

impl Message for AcceptOffer {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { seller, asset, currency, .. } = self;
        self.id().declare(access);
        movement::declare(state, access, asset, seller, &[*sender])?;
        let record = holdings::record_height(state, currency)?;
        access.debit(currency, sender, record);
        access.credit(currency, seller, record);
        access.write(StateKey::last_sale(asset, currency));
        royalties::declare_sale(state, access, asset, currency)
    }

    /// In order of precedence: [`MarketError::SoldToOneself`], [`MarketError::UnknownOffer`],
    /// [`MarketError::TermsDiffer`], [`MarketError::Expired`], [`MarketError::ForAnotherBuyer`],
    /// [`MarketError::UnitsReleased`]; then as transfers of the units and of the price are refused.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { seller, number, asset: id, amount, currency, price } = self;
        let (block, buyer) = (context.block, context.sender);
        if buyer == *seller {
            return Err(MarketError::SoldToOneself { account: buyer }.into());
        }
        let offer = self.id().load(context.state)?;
        self.check(&offer, context)?;
        let asset = load_asset(context.state, id)?;
        if !self.id().end(context.state, &offer)? {
            return Err(MarketError::UnitsReleased { seller: *seller, number: *number }.into());
        }
        movement::transfer(context.state, block, id, seller, &[(buyer, *amount)])?;
        holdings::debit(context.state, block, currency, &buyer, *price)?;
        let royalty = royalties::take_from_sale(context, &asset, seller, currency, *price)?;
        let proceeds = committed::difference("proceeds", *price, royalty)?;
        if !proceeds.is_zero() {
            holdings::credit(context.state, currency, seller, proceeds)?;
        }
        if offer.buyer.is_empty() {
            let sold = (*amount, *price);
            last_sale::record(context.state, block, (id, &asset), currency, sold)?;
        }
        context.emit(Kind::UnitsSold(pb::UnitsSold {
            asset: id.to_bytes(),
            seller: seller.to_bytes(),
            number: *number,
            buyer: buyer.to_bytes(),
            amount: amount.to_string(),
            currency: currency.to_bytes(),
            price: price.to_string(),
            royalty: royalty.to_string(),
            proceeds: proceeds.to_string(),
        }));
        Ok(())
    }
}
