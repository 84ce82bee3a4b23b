//! The market: sales of units for a currency, delivery versus payment.
//!
//! # State
//! | leaf | key | written by |
//! |---|---|---|
//! | offer | asset, seller, number | `OfferUnits`; removed by `AcceptOffer`, `CancelOffer` |
//! | last sale | asset, currency | `AcceptOffer` of an offer to anybody |
//!
//! # Invariants
//! * What is offered is encumbered in the seller's holding, as long as the offer stands.
//! * Both legs of a sale happen or none; the price is the royalty and the proceeds, exactly.

mod accept_offer;
mod cancel_offer;
mod error;
mod last_sale;
mod offer_units;
mod offers;
#[cfg(test)]
mod tests;

pub use accept_offer::AcceptOffer;
pub use cancel_offer::CancelOffer;
pub use error::MarketError;
pub use last_sale::unit_price;
pub use offer_units::OfferUnits;
