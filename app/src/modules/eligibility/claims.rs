//! What issuers say of an identity, and which of it counts.

use std::collections::BTreeSet;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::compliance::v1::{Claim, ClaimIssuer, Wallet};
use tessera_proto::state_key::StateKey;

use super::error::EligibilityError;
use super::rules::{Country, Rules, Trusted, country_type};
use crate::modules::committed;
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateView};

/// What counts of all that is said of an identity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Types of valid claims, but that of a country.
    pub(crate) claim_types: BTreeSet<u32>,
    /// Country of the first valid claim that tells one.
    pub(crate) country: Option<Country>,
}

impl Standing {
    /// The country as it stands in messages.
    pub(crate) fn country_text(&self) -> String {
        let letters = self.country.iter().flatten();
        letters.map(|letter| char::from(*letter)).collect()
    }

    /// Whether there is a valid claim of a type.
    pub(super) fn has(&self, claim_type: u32) -> bool {
        match claim_type == country_type() {
            true => self.country.is_some(),
            false => self.claim_types.contains(&claim_type),
        }
    }
}

/// What is said of an account.
pub(crate) fn wallet(
    view: &mut dyn StateView,
    account: &Address,
) -> Result<Wallet, ExecutionError> {
    Ok(view.load(&StateKey::wallet(account))?.unwrap_or_default())
}

/// Whether an account is denied the chain.
pub(crate) fn is_denied(
    view: &mut dyn StateView,
    account: &Address,
) -> Result<bool, ExecutionError> {
    Ok(wallet(view, account)?.sanctioned)
}

/// Refuses an account that is denied the chain.
///
/// # Errors
/// [`EligibilityError::Sanctioned`].
pub(crate) fn require_allowed(
    view: &mut dyn StateView,
    account: &Address,
) -> Result<(), ExecutionError> {
    match is_denied(view, account)? {
        true => Err(EligibilityError::Sanctioned { account: *account }.into()),
        false => Ok(()),
    }
}

/// The identity that a wallet belongs to.
pub(crate) fn identity_of(wallet: &Wallet) -> Result<Option<Address>, Fault> {
    let identity = &wallet.identity;
    match identity.is_empty() {
        true => Ok(None),
        false => committed::address("identity", identity).map(Some),
    }
}

/// A claim counts for one asset, or for all.
pub(super) fn claim_keys(trusted: &Trusted, identity: &Address, asset: &AssetId) -> [StateKey; 2] {
    [Some(asset), None]
        .map(|scope| StateKey::claim(identity, trusted.claim_type, &trusted.issuer, scope))
}

/// Declares what [`standing`] reads.
pub(super) fn declare_standing(
    access: &mut AccessSet,
    rules: &Rules,
    identity: &Address,
    asset: &AssetId,
) {
    for trusted in &rules.trusted {
        access.read(StateKey::claim_issuer(&trusted.issuer));
        for key in claim_keys(trusted, identity, asset) {
            access.read(key);
        }
    }
}

/// What counts of an identity now.
pub(super) fn standing(
    view: &mut dyn StateView,
    rules: &Rules,
    identity: &Address,
    asset: &AssetId,
    now_ms: u64,
) -> Result<Standing, ExecutionError> {
    let mut standing = Standing::default();
    for trusted in &rules.trusted {
        let issuer: Option<ClaimIssuer> = view.load(&StateKey::claim_issuer(&trusted.issuer))?;
        let distrusted_from_ms = issuer.unwrap_or_default().distrusted_from_ms;
        for key in claim_keys(trusted, identity, asset) {
            let Some(claim) = view.load::<Claim>(&key)? else { continue };
            let trusted = precedes(claim.issued_ms, distrusted_from_ms)
                && precedes(claim.issued_ms, trusted.until_ms);
            if !trusted || !is_valid(&claim, now_ms) {
                continue;
            }
            if claim.claim_type == country_type() {
                let country = claim.country.as_bytes().try_into().ok();
                standing.country = standing.country.or(country);
            } else {
                standing.claim_types.insert(claim.claim_type);
            }
        }
    }
    Ok(standing)
}

/// Whether a time lies before a limit; 0 is none.
fn precedes(time_ms: u64, limit_ms: u64) -> bool {
    limit_ms == 0 || time_ms < limit_ms
}

/// Expired means that the time has reached the end; so does revoked.
fn is_valid(claim: &Claim, now_ms: u64) -> bool {
    now_ms < claim.expires_ms && precedes(now_ms, claim.revoked_from_ms)
}
