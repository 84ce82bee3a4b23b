//! `CancelOffer`: an offer ends without a sale.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::market::v1 as pb;

use super::error::MarketError;
use super::offers::OfferId;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Ends an offer and frees its units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelOffer {
    /// Who sells.
    pub seller: Address,
    /// Number of the offer.
    pub number: u64,
    /// What was for sale.
    pub asset: AssetId,
}

impl TryFrom<pb::CancelOffer> for CancelOffer {
    type Error = MarketError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::CancelOffer) -> Result<Self, MarketError> {
        let pb::CancelOffer { seller, number, asset } = message;
        let seller = fields::address("seller", &seller)?;
        Ok(Self { seller, number, asset: fields::asset_id("asset", &asset)? })
    }
}

impl CancelOffer {
    fn id(&self) -> OfferId {
        OfferId { asset: self.asset, seller: self.seller, number: self.number }
    }
}

impl Message for CancelOffer {
    fn declare(
        &self,
        _sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        self.id().declare(access);
        Ok(())
    }

    /// In order of precedence: [`MarketError::UnknownOffer`], [`MarketError::NotYours`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { seller, number, asset } = *self;
        let offer = self.id().load(context.state)?;
        let (expires_ms, expired) = (offer.expires_ms, context.block.time_ms >= offer.expires_ms);
        if context.sender != seller && !expired {
            return Err(MarketError::NotYours { seller, number, expires_ms }.into());
        }
        self.id().end(context.state, &offer)?;
        context.emit(Kind::OfferCancelled(pb::OfferCancelled {
            asset: asset.to_bytes(),
            seller: seller.to_bytes(),
            number,
            expired,
        }));
        Ok(())
    }
}
