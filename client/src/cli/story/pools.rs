//! Events of pools and tranches in words.

use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::pools::v1::UnitsPart;

use super::Teller;

/// The assets that an event is about, if it is one of these.
pub(super) fn assets_of(kind: &Kind) -> Option<Vec<&[u8]>> {
    let parts = |parts| <[UnitsPart]>::iter(parts).map(|part| part.asset.as_ref());
    Some(match kind {
        Kind::PoolFormed(e) => e.members.iter().chain([&e.pool]).map(AsRef::as_ref).collect(),
        Kind::UnitsContributed(e) => vec![&e.pool, &e.member],
        Kind::UnitsRedeemed(e) => parts(&e.parts).chain([e.pool.as_ref()]).collect(),
        Kind::UnitsWithdrawn(e) => vec![&e.pool, &e.asset],
        Kind::TranchesCreated(e) => {
            e.tranches.iter().chain([&e.parent, &e.currency]).map(AsRef::as_ref).collect()
        }
        Kind::WaterfallPaid(e) => {
            parts(&e.parts).chain([e.parent.as_ref(), e.currency.as_ref()]).collect()
        }
        _ => return None,
    })
}

impl Teller<'_> {
    pub(super) fn tell_of_pools(&self, kind: &Kind) -> Option<String> {
        let names = |ids: &[bytes::Bytes]| {
            ids.iter().map(|id| self.name(id)).collect::<Vec<_>>().join(", ")
        };
        Some(match kind {
            Kind::PoolFormed(e) => {
                format!("{} is a pool of {}", self.name(&e.pool), names(&e.members))
            }
            Kind::UnitsContributed(e) => format!(
                "{} contributed {} to the pool {}",
                self.actor(&e.contributor),
                self.units(&e.member, &e.amount),
                self.name(&e.pool)
            ),
            Kind::UnitsRedeemed(e) => {
                let part = |part: &UnitsPart| self.units(&part.asset, &part.amount);
                format!(
                    "{} gave up {} for {}",
                    self.actor(&e.holder),
                    self.units(&e.pool, &e.amount),
                    e.parts.iter().map(part).collect::<Vec<_>>().join(", ")
                )
            }
            Kind::UnitsWithdrawn(e) => format!(
                "{} took {} out of the pool {}",
                self.actor(&e.to),
                self.units(&e.asset, &e.amount),
                self.name(&e.pool)
            ),
            Kind::TranchesCreated(e) => {
                format!("Divided {}: {}", self.name(&e.parent), names(&e.tranches))
            }
            Kind::WaterfallPaid(e) => {
                let part = |part: &UnitsPart| {
                    let amount = self.units(&e.currency, &part.amount);
                    format!("{amount} to {}", self.name(&part.asset))
                };
                format!(
                    "{} of income of {} divided: {}",
                    self.units(&e.currency, &e.amount),
                    self.name(&e.parent),
                    e.parts.iter().map(part).collect::<Vec<_>>().join(", ")
                )
            }
            _ => return None,
        })
    }
}
