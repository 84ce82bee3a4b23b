//! Sales: units against money.

use std::collections::BTreeMap;

use bytes::Bytes;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::market::v1 as pb;
use tessera_proto::pb::market::v1::{AcceptOffer, CancelOffer, OfferUnits};

use super::{Model, Step, address, asset_id, number, refuse};

/// Units for sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) amount: u128,
    pub(super) currency: AssetId,
    pub(super) price: u128,
    pub(super) buyer: Option<Address>,
    pub(super) expires_ms: u64,
}

/// What was paid last by whoever came first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LastSale {
    amount: u128,
    price: u128,
    height: u64,
    time_ms: u64,
}

fn optional_address(bytes: &Bytes) -> Option<Address> {
    (!bytes.is_empty()).then(|| address(bytes))
}

impl Model {
    /// Open offers as their sellers have made them.
    #[must_use]
    pub fn offers(&self) -> Vec<pb::Offer> {
        let leaf =
            |((asset, seller, number), offer): (&(AssetId, Address, u64), &Offer)| pb::Offer {
                seller: seller.to_bytes(),
                number: *number,
                asset: asset.to_bytes(),
                amount: offer.amount.to_string(),
                currency: offer.currency.to_bytes(),
                price: offer.price.to_string(),
                buyer: offer.buyer.map(Address::to_bytes).unwrap_or_default(),
                expires_ms: offer.expires_ms,
                ..pb::Offer::default()
            };
        self.offers.iter().map(leaf).collect()
    }

    /// The last sales as leaves, by the bytes of their keys after the namespace.
    pub(super) fn last_sales(&self) -> BTreeMap<Vec<u8>, pb::LastSale> {
        let leaf = |((asset, currency), sale): (&(AssetId, AssetId), &LastSale)| {
            let LastSale { amount, price, height, time_ms } = *sale;
            let (amount, price) = (amount.to_string(), price.to_string());
            let sale = pb::LastSale { amount, price, height, time_ms, split_factor: 0 };
            ([*asset.as_bytes(), *currency.as_bytes()].concat(), sale)
        };
        self.last_sales.iter().map(leaf).collect()
    }

    /// What open offers bind of a holding.
    pub(super) fn bound(&self, asset: &AssetId, account: &Address) -> u128 {
        let own = self.offers.iter().filter(|((of, who, _), _)| of == asset && who == account);
        own.map(|(_, offer)| offer.amount).sum()
    }

    pub(super) fn offer_units(&mut self, seller: &Address, op: &OfferUnits) -> Step {
        let (id, currency) = (asset_id(&op.asset), asset_id(&op.currency));
        let buyer = optional_address(&op.buyer);
        if buyer == Some(*seller) {
            return refuse("market", 11);
        }
        if self.time_ms >= op.expires_ms {
            return refuse("market", 12);
        }
        self.known(&id)?;
        self.currency(&currency)?;
        let key = (id, *seller, op.number);
        if self.offers.contains_key(&key) {
            return refuse("market", 13);
        }
        self.movable(&id)?;
        let (amount, price) = (number(&op.amount), number(&op.price));
        if amount > self.free(&id, seller) {
            return refuse("transfers", 13);
        }
        let expires_ms = op.expires_ms;
        self.offers.insert(key, Offer { amount, currency, price, buyer, expires_ms });
        Ok(())
    }

    pub(super) fn accept_offer(&mut self, buyer: &Address, op: &AcceptOffer) -> Step {
        let (id, seller) = (asset_id(&op.asset), address(&op.seller));
        if seller == *buyer {
            return refuse("market", 11);
        }
        let key = (id, seller, op.number);
        let Some(offer) = self.offers.get(&key).cloned() else { return refuse("market", 14) };
        let Offer { amount, currency, price, .. } = offer;
        let signed = (number(&op.amount), asset_id(&op.currency), number(&op.price));
        if signed != (amount, currency, price) {
            return refuse("market", 15);
        }
        if self.time_ms >= offer.expires_ms {
            return refuse("market", 16);
        }
        if offer.buyer.is_some_and(|only| only != *buyer) {
            return refuse("market", 17);
        }
        self.offers.remove(&key);
        self.send(&id, &seller, &[(*buyer, amount)])?;
        self.debit(&currency, buyer, price)?;
        if offer.buyer.is_none() {
            let (height, time_ms) = (self.height, self.time_ms);
            self.last_sales.insert((id, currency), LastSale { amount, price, height, time_ms });
        }
        let proceeds = self.take_royalty(&id, &seller, &currency, price);
        self.credit(&currency, &seller, proceeds);
        Ok(())
    }

    pub(super) fn cancel_offer(&mut self, sender: &Address, op: &CancelOffer) -> Step {
        let seller = address(&op.seller);
        let key = (asset_id(&op.asset), seller, op.number);
        let Some(offer) = self.offers.get(&key) else { return refuse("market", 14) };
        if *sender != seller && self.time_ms < offer.expires_ms {
            return refuse("market", 18);
        }
        self.offers.remove(&key);
        Ok(())
    }
}
