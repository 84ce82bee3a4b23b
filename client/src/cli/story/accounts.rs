//! Events of accounts and of accepting in words.

use tessera_proto::pb::chain::v1::event::Kind;

use super::Teller;
use crate::cli::role::time_of;

/// The assets that an event is about, if it is one of these.
pub(super) fn assets_of(kind: &Kind) -> Option<Vec<&[u8]>> {
    Some(match kind {
        Kind::AssetAccepted(e) => vec![&e.asset],
        Kind::TransferQuarantined(e) => vec![&e.asset],
        Kind::FeesSponsored(_)
        | Kind::MandateGiven(_)
        | Kind::MandateRevoked(_)
        | Kind::ActedFor(_)
        | Kind::OptInSet(_) => Vec::new(),
        _ => return None,
    })
}

impl Teller<'_> {
    pub(super) fn tell_of_accounts(&self, kind: &Kind) -> Option<String> {
        Some(match kind {
            Kind::FeesSponsored(e) if e.amount == "0" => format!(
                "Fees of {} are paid by {} no more, {} came back",
                self.party(&e.account),
                self.party(&e.sponsor),
                self.fees(&e.returned)
            ),
            Kind::FeesSponsored(e) => format!(
                "{} set {} of fees aside for {} until {}",
                self.actor(&e.sponsor),
                self.fees(&e.amount),
                self.party(&e.account),
                time_of(e.expires_ms)
            ),
            Kind::MandateGiven(e) => format!(
                "{} may act for {} until {}: {}",
                self.party(&e.account),
                self.party(&e.principal),
                time_of(e.mandate.as_ref().map_or(0, |mandate| mandate.expires_ms)),
                e.mandate
                    .iter()
                    .flat_map(|mandate| &mandate.operations)
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            Kind::MandateRevoked(e) => format!(
                "{} may not act for {} any more",
                self.party(&e.account),
                self.party(&e.principal)
            ),
            Kind::ActedFor(e) => format!(
                "{} acted for {}: {}",
                self.actor(&e.account),
                self.party(&e.principal),
                e.operation
            ),
            Kind::OptInSet(e) if e.required => {
                format!("Units of accepted assets only arrive at {}", self.party(&e.account))
            }
            Kind::OptInSet(e) => format!("All units arrive at {}", self.party(&e.account)),
            Kind::AssetAccepted(e) => {
                let verb = if e.accepted { "accepted" } else { "withdrew the acceptance of" };
                format!("{} {verb} {}", self.actor(&e.account), self.name(&e.asset))
            }
            Kind::TransferQuarantined(e) => format!(
                "{} sent {} to {}, who must accept it until {}: hold {}",
                self.actor(&e.from),
                self.units(&e.asset, &e.amount),
                self.party(&e.to),
                time_of(e.expires_ms),
                e.number
            ),
            _ => return None,
        })
    }
}
