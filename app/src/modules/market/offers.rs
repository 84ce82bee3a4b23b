//! Offers as they stand in the state.

use bytes::Bytes;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::compliance::v1::{Encumbrance, EncumbranceKind};
use tessera_proto::pb::market::v1::Offer;
use tessera_proto::split::{InUnits, SplitFactor};
use tessera_proto::state_key::StateKey;

use super::error::MarketError;
use crate::modules::assets::load_asset;
use crate::modules::committed;
use crate::modules::compliance::encumbrances;
use crate::modules::transfers::holdings;
use crate::state::access::AccessSet;
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
        let offer: Option<Offer> = view.load(&self.key())?;
        let mut offer = offer.ok_or(MarketError::UnknownOffer { seller, number, asset })?;
        offer.bring_to(SplitFactor::of(load_asset(view, &asset)?.as_ref()));
        Ok(offer)
    }

    /// Ends the offer, and frees its units; says whether they were still bound by it.
    pub(super) fn end(
        &self,
        view: &mut dyn StateView,
        offer: &Offer,
    ) -> Result<bool, ExecutionError> {
        let Self { asset, seller, .. } = self;
        view.write(self.key(), None)?;
        let facts = load_asset(view, asset)?;
        let mut holding = holdings::load_holding(view, (asset, &facts), seller)?;
        let mut list = encumbrances::load(view, (asset, &facts), seller)?;
        let order = encumbrances::unbind(&mut list, &mut holding, ORDER, offer.encumbrance)?;
        if order.is_some() {
            encumbrances::store(view, asset, seller, &list)?;
            holdings::store_holding(view, asset, seller, &holding)?;
        }
        Ok(order.is_some())
    }

    /// Declares what making and ending the offer touches.
    pub(super) fn declare(&self, access: &mut AccessSet) {
        let Self { asset, seller, .. } = self;
        access.write(self.key());
        access.read(StateKey::asset(asset));
        access.write(StateKey::holding(asset, seller));
        access.write(StateKey::encumbrances(asset, seller));
    }
}

const ORDER: EncumbranceKind = EncumbranceKind::Order;

/// Binds units that the seller has free; gives the number of the encumbrance.
///
/// # Errors
/// As a transfer of as much would be refused, then if too much binds the holding already.
pub(super) fn bind_units(
    view: &mut dyn StateView,
    id: &OfferId,
    offer: &Offer,
) -> Result<u64, ExecutionError> {
    let OfferId { asset, seller, .. } = id;
    let amount = committed::amount("offered units", &offer.amount)?;
    let facts = holdings::load_transferable(view, asset)?;
    let mut holding = holdings::load_holding(view, (asset, &facts), seller)?;
    holdings::require_free(&facts, seller, &holding, amount)?;
    let mut list = encumbrances::load(view, (asset, &facts), seller)?;
    let entry = Encumbrance {
        number: 0,
        kind: ORDER.into(),
        amount: offer.amount.clone(),
        escrow: Bytes::new(),
        payee: offer.buyer.clone(),
        expires_ms: offer.expires_ms,
    };
    let number = encumbrances::bind(&mut list, seller, &mut holding, entry)?;
    encumbrances::store(view, asset, seller, &list)?;
    holdings::store_holding(view, asset, seller, &holding)?;
    Ok(number)
}
