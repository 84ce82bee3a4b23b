//! `OfferUnits`: units for sale.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::market::v1 as pb;
use tessera_proto::pb::market::v1::Offer;
use tessera_proto::split::SplitFactor;
use tessera_proto::state_key::StateKey;

use super::error::MarketError;
use super::offers::{self, OfferId};
use crate::modules::assets::{load_asset, load_currency};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Offers units of the sender for a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferUnits {
    /// Chosen by the seller.
    pub number: u64,
    /// What is sold.
    pub asset: AssetId,
    /// How many base units; above zero.
    pub amount: Amount,
    /// What is paid.
    pub currency: AssetId,
    /// How many base units for all of it; above zero.
    pub price: Amount,
    /// Who may buy, if not anybody.
    pub buyer: Option<Address>,
    /// Time from which on nobody may.
    pub expires_ms: u64,
}

impl TryFrom<pb::OfferUnits> for OfferUnits {
    type Error = MarketError;

    /// Refuses malformed fields in the order of the message's fields, then
    /// [`MarketError::SoldForItself`].
    fn try_from(message: pb::OfferUnits) -> Result<Self, MarketError> {
        let pb::OfferUnits { number, asset, amount, currency, price, buyer, expires_ms } = message;
        let asset = fields::asset_id("asset", &asset)?;
        let amount = fields::amount("amount", &amount)?;
        let currency = fields::asset_id("currency", &currency)?;
        let price = fields::amount("price", &price)?;
        let buyer = fields::optional_address("buyer", &buyer)?;
        if asset == currency {
            return Err(MarketError::SoldForItself { asset });
        }
        Ok(Self { number, asset, amount, currency, price, buyer, expires_ms })
    }
}

impl OfferUnits {
    fn id(&self, seller: &Address) -> OfferId {
        OfferId { asset: self.asset, seller: *seller, number: self.number }
    }

    fn offer(&self, seller: &Address, units: SplitFactor) -> Offer {
        Offer {
            seller: seller.to_bytes(),
            number: self.number,
            asset: self.asset.to_bytes(),
            amount: self.amount.to_string(),
            currency: self.currency.to_bytes(),
            price: self.price.to_string(),
            buyer: self.buyer.map(Address::to_bytes).unwrap_or_default(),
            expires_ms: self.expires_ms,
            encumbrance: 0,
            split_factor: units.to_field(),
        }
    }
}

impl Message for OfferUnits {
    fn declare(
        &self,
        sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        self.id(sender).declare(access);
        access.read(StateKey::asset(&self.currency));
        Ok(())
    }

    /// In order of precedence: [`MarketError::SoldToOneself`], [`MarketError::AlreadyExpired`],
    /// [`AssetError::UnknownAsset`] of the asset, then of the currency,
    /// [`AssetError::NotACurrency`], [`MarketError::NumberTaken`]; then as a transfer of the
    /// units is refused, then that too much binds the holding already.
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::NotACurrency`]: crate::modules::assets::AssetError::NotACurrency
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let (seller, now_ms) = (context.sender, context.block.time_ms);
        let (number, expires_ms) = (self.number, self.expires_ms);
        if self.buyer == Some(seller) {
            return Err(MarketError::SoldToOneself { account: seller }.into());
        }
        if now_ms >= expires_ms {
            return Err(MarketError::AlreadyExpired { expires_ms, now_ms }.into());
        }
        let facts = load_asset(context.state, &self.asset)?;
        load_currency(context.state, &self.currency)?;
        let key = self.id(&seller).key();
        if context.state.load::<Offer>(&key)?.is_some() {
            let name = facts.name.clone();
            return Err(MarketError::NumberTaken { seller, number, name }.into());
        }
        let mut offer = self.offer(&seller, SplitFactor::of(&facts));
        offer.encumbrance = offers::bind_units(context.state, &self.id(&seller), &offer)?;
        context.state.store(key, &offer)?;
        context.emit(Kind::UnitsOffered(pb::UnitsOffered { offer: Some(offer) }));
        Ok(())
    }
}
