//! Events of accounts and of accepting in JSON.

use tessera_proto::pb::chain::v1::event::Kind;

use super::{Fields, account, asset};

/// Name of an event and what it says; amounts in base units.
pub(super) fn describe(kind: &Kind) -> Option<(&'static str, Fields)> {
    Some(match kind {
        Kind::FeesSponsored(e) => (
            "fees_sponsored",
            vec![
                ("sponsor", account(&e.sponsor)),
                ("account", account(&e.account)),
                ("amount", e.amount.clone()),
                ("returned", e.returned.clone()),
                ("expires_ms", e.expires_ms.to_string()),
            ],
        ),
        Kind::MandateGiven(e) => {
            let mandate = e.mandate.clone().unwrap_or_default();
            let mut fields =
                vec![("principal", account(&e.principal)), ("account", account(&e.account))];
            if !mandate.asset.is_empty() {
                fields.push(("asset", asset(&mandate.asset)));
            }
            fields.push(("operations", mandate.operations.join(",")));
            fields.push(("amount", mandate.amount));
            fields.push(("uses", mandate.uses.to_string()));
            fields.push(("expires_ms", mandate.expires_ms.to_string()));
            ("mandate_given", fields)
        }
        Kind::MandateRevoked(e) => (
            "mandate_revoked",
            vec![("principal", account(&e.principal)), ("account", account(&e.account))],
        ),
        Kind::ActedFor(e) => (
            "acted_for",
            vec![
                ("principal", account(&e.principal)),
                ("account", account(&e.account)),
                ("operation", e.operation.clone()),
            ],
        ),
        Kind::OptInSet(e) => (
            "opt_in_set",
            vec![("account", account(&e.account)), ("required", e.required.to_string())],
        ),
        Kind::AssetAccepted(e) => (
            "asset_accepted",
            vec![
                ("asset", asset(&e.asset)),
                ("account", account(&e.account)),
                ("accepted", e.accepted.to_string()),
            ],
        ),
        Kind::TransferQuarantined(e) => (
            "transfer_quarantined",
            vec![
                ("asset", asset(&e.asset)),
                ("from", account(&e.from)),
                ("to", account(&e.to)),
                ("amount", e.amount.clone()),
                ("number", e.number.to_string()),
                ("expires_ms", e.expires_ms.to_string()),
            ],
        ),
        _ => return None,
    })
}
