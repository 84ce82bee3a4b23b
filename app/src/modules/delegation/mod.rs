//! Who pays for an account, and who else acts for it: sponsors and mandates.
//!
//! It knows the operations of all modules, for a mandate names some of them and runs them. Its
//! refusals are those of [`AccountError`](crate::modules::accounts::AccountError).
//!
//! # State
//! | leaf | key | written by |
//! |---|---|---|
//! | sponsorship | sponsor, account | `SponsorFees`, transactions that name the sponsor as payer |
//! | mandate | principal, account | `GiveMandate`, `RevokeMandate`, `ActFor` |
//!
//! # Invariants
//! * Nobody acts for an account that is denied the chain, or beyond its mandate.
//! * What is set aside was taken from the prepaid fees of its sponsor.

mod act_for;
mod delegable;
mod give_mandate;
mod sponsor_fees;
#[cfg(test)]
mod tests;

pub use act_for::ActFor;
pub use give_mandate::{GiveMandate, RevokeMandate};
pub use sponsor_fees::SponsorFees;
