//! Offers as they stand in the state.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::market::v1::Offer;
use tessera_proto::state_key::StateKey;

use super::error::MarketError;
use crate::modules::committed;
use crate::modules::transfers::encumbrance;
use crate::state::error::ExecutionError;
use crate::state::view::{Leaves, StateView};

/// Which offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OfferId {
    pub(super) asset: AssetId,
    pub(super) seller: Address,
    pub(super) number: u64,
}

impl OfferId {
    pub(super) fn key(&self) -> StateKey {
        StateKey::offer(&self.asset, &self.seller, self.number)
    }

    /// The offer.
    ///
    /// # Errors
    /// [`MarketError::UnknownOffer`].
    pub(super) fn load(&self, view: &mut dyn StateView) -> Result<Offer, ExecutionError> {
        let Self { asset, seller, number } = *self;
        let offer = view.load(&self.key())?;
        Ok(offer.ok_or(MarketError::UnknownOffer { seller, number, asset })?)
    }

    /// Ends the offer: its units are free again.
    pub(super) fn end(
        &self,
        view: &mut dyn StateView,
        offer: &Offer,
    ) -> Result<(), ExecutionError> {
        let amount = committed::amount("offered units", &offer.amount)?;
        view.write(self.key(), None)?;
        encumbrance::release(view, &self.asset, &self.seller, amount)
    }
}
