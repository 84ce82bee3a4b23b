//! Events of pools and tranches in JSON.

use bytes::Bytes;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::pools::v1::UnitsPart;

use super::{Fields, account, asset};

/// Name of an event and what it says; amounts in base units.
pub(super) fn describe(kind: &Kind) -> Option<(&'static str, Fields)> {
    Some(match kind {
        Kind::PoolFormed(e) => {
            ("pool_formed", vec![("pool", asset(&e.pool)), ("members", assets(&e.members))])
        }
        Kind::UnitsContributed(e) => (
            "units_contributed",
            vec![
                ("pool", asset(&e.pool)),
                ("contributor", account(&e.contributor)),
                ("member", asset(&e.member)),
                ("amount", e.amount.clone()),
            ],
        ),
        Kind::UnitsRedeemed(e) => (
            "units_redeemed",
            vec![
                ("pool", asset(&e.pool)),
                ("holder", account(&e.holder)),
                ("amount", e.amount.clone()),
                ("parts", parts(&e.parts)),
            ],
        ),
        Kind::UnitsWithdrawn(e) => (
            "units_withdrawn",
            vec![
                ("pool", asset(&e.pool)),
                ("asset", asset(&e.asset)),
                ("to", account(&e.to)),
                ("amount", e.amount.clone()),
            ],
        ),
        Kind::TranchesCreated(e) => (
            "tranches_created",
            vec![
                ("parent", asset(&e.parent)),
                ("currency", asset(&e.currency)),
                ("begins_ms", e.begins_ms.to_string()),
                ("period_ms", e.period_ms.to_string()),
                ("tranches", assets(&e.tranches)),
            ],
        ),
        Kind::WaterfallPaid(e) => (
            "waterfall_paid",
            vec![
                ("parent", asset(&e.parent)),
                ("payer", account(&e.payer)),
                ("currency", asset(&e.currency)),
                ("amount", e.amount.clone()),
                ("parts", parts(&e.parts)),
            ],
        ),
        _ => return None,
    })
}

fn assets(ids: &[Bytes]) -> String {
    ids.iter().map(|id| asset(id)).collect::<Vec<_>>().join(",")
}

/// Like `asset1…=20,asset1…=30`.
fn parts(parts: &[UnitsPart]) -> String {
    let part = |part: &UnitsPart| format!("{}={}", asset(&part.asset), part.amount);
    parts.iter().map(part).collect::<Vec<_>>().join(",")
}
