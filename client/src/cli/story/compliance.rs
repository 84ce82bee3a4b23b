//! Events of compliance in words.

use tessera_proto::pb::chain::v1::event::Kind;

use super::Teller;
use crate::cli::hold::kind_name;
use crate::cli::terms::claim_type_name;

/// The asset that an event is about.
pub(super) fn assets_of(kind: &Kind) -> Vec<&[u8]> {
    match kind {
        Kind::SpenderApproved(e) => vec![&e.asset],
        Kind::FrozenSet(e) => vec![&e.asset],
        Kind::HolderFrozen(e) => vec![&e.asset],
        Kind::HolderUnfrozen(e) => vec![&e.asset],
        Kind::AssetPaused(e) => vec![&e.asset],
        Kind::AssetResumed(e) => vec![&e.asset],
        Kind::RulesSet(e) => vec![&e.asset],
        Kind::ExemptionsSet(e) => vec![&e.asset],
        Kind::HolderRefreshed(e) => vec![&e.asset],
        Kind::TransferForced(e) => vec![&e.asset],
        Kind::WalletRecovered(e) => vec![&e.asset],
        Kind::HoldPlaced(e) => vec![&e.asset],
        Kind::HoldExecuted(e) => vec![&e.asset],
        Kind::EncumbranceReleased(e) => vec![&e.asset],
        _ => Vec::new(),
    }
}

impl Teller<'_> {
    pub(super) fn tell_of_compliance(&self, kind: &Kind) -> Option<String> {
        Some(match kind {
            Kind::SpenderApproved(e) => format!(
                "{} lets {} send {}",
                self.actor(&e.owner),
                self.party(&e.spender),
                self.units(&e.asset, &e.amount)
            ),
            Kind::FrozenSet(e) => format!(
                "Froze {} of {}, before it was {}",
                self.units(&e.asset, &e.after),
                self.party(&e.account),
                self.units(&e.asset, &e.before)
            ),
            Kind::HolderFrozen(e) => {
                format!("Froze {} for {}", self.party(&e.account), self.name(&e.asset))
            }
            Kind::HolderUnfrozen(e) => {
                format!("Unfroze {} for {}", self.party(&e.account), self.name(&e.asset))
            }
            Kind::AssetPaused(e) => format!("Paused {}", self.name(&e.asset)),
            Kind::AssetResumed(e) => format!("Resumed {}", self.name(&e.asset)),
            Kind::SanctionSet(e) if e.sanctioned => {
                format!("Denied {} the chain", self.party(&e.account))
            }
            Kind::SanctionSet(e) => format!("Denied {} nothing more", self.party(&e.account)),
            other => return self.tell_of_identity(other).or_else(|| self.tell_of_force(other)),
        })
    }

    fn tell_of_identity(&self, kind: &Kind) -> Option<String> {
        Some(match kind {
            Kind::IdentityRegistered(e) => {
                format!("Registered the identity of {}", self.party(&e.identity))
            }
            Kind::WalletLinked(e) => {
                format!("Linked {} to {}", self.party(&e.wallet), self.party(&e.identity))
            }
            Kind::WalletUnlinked(e) => {
                format!("Unlinked {} from {}", self.party(&e.wallet), self.party(&e.identity))
            }
            Kind::ClaimIssued(e) => format!(
                "{} issued claim {} about {}",
                self.actor(&e.issuer),
                claim_type_name(e.claim_type),
                self.party(&e.identity)
            ),
            Kind::ClaimRevoked(e) => format!(
                "{} revoked claim {} about {}",
                self.actor(&e.issuer),
                claim_type_name(e.claim_type),
                self.party(&e.identity)
            ),
            Kind::IssuerRevoked(e) => {
                format!("Claims of {} from {} ms on do not count", self.party(&e.issuer), e.from_ms)
            }
            Kind::RulesSet(e) => format!("Set the rules of {}", self.name(&e.asset)),
            Kind::ExemptionsSet(e) => {
                let (who, what) = (self.party(&e.identity), self.name(&e.asset));
                format!("Set the exemptions of {who} from rules of {what}")
            }
            Kind::HolderRefreshed(e) => {
                format!("Counted {} anew for {}", self.party(&e.identity), self.name(&e.asset))
            }
            _ => return None,
        })
    }

    fn tell_of_force(&self, kind: &Kind) -> Option<String> {
        Some(match kind {
            Kind::TransferForced(e) => format!(
                "{} moved {} of {} to {} by force, {} of them frozen",
                self.actor(&e.agent),
                self.units(&e.asset, &e.amount),
                self.party(&e.from),
                self.party(&e.to),
                self.units(&e.asset, &e.unfrozen)
            ),
            Kind::WalletRecovered(e) => format!(
                "{} recovered {} of {} to {}",
                self.actor(&e.agent),
                self.units(&e.asset, &e.amount),
                self.party(&e.from),
                self.party(&e.to)
            ),
            Kind::HoldPlaced(e) => format!(
                "Hold {} of {}: {} for {}, decided by {}",
                e.number,
                self.party(&e.holder),
                self.units(&e.asset, &e.amount),
                self.party(&e.payee),
                self.party(&e.escrow)
            ),
            Kind::HoldExecuted(e) => format!(
                "Hold {} of {}: {} went to {}",
                e.number,
                self.party(&e.holder),
                self.units(&e.asset, &e.amount),
                self.party(&e.payee)
            ),
            Kind::EncumbranceReleased(e) => format!(
                "Released {} {} of {}: {}",
                kind_name(e.kind),
                e.number,
                self.party(&e.holder),
                self.units(&e.asset, &e.amount)
            ),
            _ => return None,
        })
    }
}
