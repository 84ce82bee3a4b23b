//! Fees that a sponsor has set aside for the transactions of an account.
//!
//! They are taken out of the sponsor's prepaid fees at once and stand in a leaf of their own. So a
//! transaction that names its payer touches nothing of the sponsor, those of different accounts
//! run side by side, and nobody can use up what was set aside for another.

use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1::Sponsorship;
use tessera_proto::state_key::StateKey;

use super::error::AccountError;
use crate::modules::committed;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateView};

/// A transaction that names a payer.
#[derive(Debug, Clone, Copy)]
pub struct Sponsored<'a> {
    /// Who pays.
    pub payer: &'a Address,
    /// Who sends.
    pub sender: &'a Address,
    /// Names of its operations.
    pub operations: &'a [&'static str],
}

impl Sponsored<'_> {
    /// What is set aside for a transaction, if the sponsorship covers it at this time.
    ///
    /// # Errors
    /// In order of precedence: [`AccountError::NotSponsored`], [`AccountError::SponsorshipOver`],
    /// [`AccountError::OperationNotSponsored`]; a [`Fault`] when the leaf is damaged.
    pub fn credit(
        &self,
        sponsorship: Option<&Sponsorship>,
        time_ms: u64,
    ) -> Result<Result<Amount, AccountError>, Fault> {
        let (payer, sender) = (*self.payer, *self.sender);
        let Some(sponsorship) = sponsorship else {
            return Ok(Err(AccountError::NotSponsored { payer, sender }));
        };
        let expires_ms = sponsorship.expires_ms;
        if time_ms >= expires_ms {
            return Ok(Err(AccountError::SponsorshipOver { payer, expires_ms, time_ms }));
        }
        let allowed = &sponsorship.operations;
        let covered =
            |name: &&&'static str| allowed.is_empty() || allowed.iter().any(|one| one == **name);
        if let Some(operation) = self.operations.iter().find(|name| !covered(name)) {
            return Ok(Err(AccountError::OperationNotSponsored { payer, operation }));
        }
        committed::amount("sponsored fees", &sponsorship.credit).map(Ok)
    }

    /// Takes a fee.
    ///
    /// # Errors
    /// Those of [`Sponsored::credit`], then [`AccountError::SponsorshipExhausted`].
    pub fn charge(
        &self,
        view: &mut dyn StateView,
        fee: Amount,
        time_ms: u64,
    ) -> Result<(), ExecutionError> {
        let key = StateKey::sponsorship(self.payer, self.sender);
        let sponsorship: Option<Sponsorship> = view.load(&key)?;
        let have = self.credit(sponsorship.as_ref(), time_ms)??;
        let payer = *self.payer;
        let left = have.checked_sub(fee).ok_or(AccountError::SponsorshipExhausted {
            payer,
            have,
            need: fee,
        })?;
        let sponsorship = sponsorship.unwrap_or_default();
        view.store(key, &Sponsorship { credit: left.to_string(), ..sponsorship })
    }
}
