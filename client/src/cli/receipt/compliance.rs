//! Events of compliance in JSON.

use tessera_proto::pb::chain::v1::event::Kind;

use super::{Fields, account, asset};
use crate::cli::hold::kind_name;
use crate::cli::terms::{claim_type_name, claim_type_names};

/// Name of an event and what it says; amounts in base units.
pub(super) fn describe(kind: &Kind) -> Option<(&'static str, Fields)> {
    Some(match kind {
        Kind::SpenderApproved(e) => (
            "spender_approved",
            vec![
                ("asset", asset(&e.asset)),
                ("owner", account(&e.owner)),
                ("spender", account(&e.spender)),
                ("amount", e.amount.clone()),
                ("expires_ms", e.expires_ms.to_string()),
            ],
        ),
        Kind::FrozenSet(e) => (
            "frozen_set",
            vec![
                ("asset", asset(&e.asset)),
                ("account", account(&e.account)),
                ("before", e.before.clone()),
                ("after", e.after.clone()),
                ("agent", account(&e.agent)),
            ],
        ),
        Kind::HolderFrozen(e) => ("holder_frozen", of_agent(&e.asset, &e.account, &e.agent)),
        Kind::HolderUnfrozen(e) => ("holder_unfrozen", of_agent(&e.asset, &e.account, &e.agent)),
        Kind::AssetPaused(e) => {
            ("asset_paused", vec![("asset", asset(&e.asset)), ("agent", account(&e.agent))])
        }
        Kind::AssetResumed(e) => {
            ("asset_resumed", vec![("asset", asset(&e.asset)), ("agent", account(&e.agent))])
        }
        Kind::SanctionSet(e) => (
            "sanction_set",
            vec![
                ("account", account(&e.account)),
                ("sanctioned", e.sanctioned.to_string()),
                ("document_sha256", hex::encode(&e.document_sha256)),
            ],
        ),
        other => return describe_identity(other).or_else(|| describe_movement(other)),
    })
}

fn of_agent(of: &[u8], holder: &[u8], agent: &[u8]) -> Fields {
    vec![("asset", asset(of)), ("account", account(holder)), ("agent", account(agent))]
}

fn describe_identity(kind: &Kind) -> Option<(&'static str, Fields)> {
    Some(match kind {
        Kind::IdentityRegistered(e) => {
            ("identity_registered", vec![("identity", account(&e.identity))])
        }
        Kind::WalletLinked(e) => (
            "wallet_linked",
            vec![("identity", account(&e.identity)), ("wallet", account(&e.wallet))],
        ),
        Kind::WalletUnlinked(e) => (
            "wallet_unlinked",
            vec![("identity", account(&e.identity)), ("wallet", account(&e.wallet))],
        ),
        Kind::ClaimIssued(e) => (
            "claim_issued",
            vec![
                ("identity", account(&e.identity)),
                ("issuer", account(&e.issuer)),
                ("claim", claim_type_name(e.claim_type)),
                ("expires_ms", e.expires_ms.to_string()),
            ],
        ),
        Kind::ClaimRevoked(e) => (
            "claim_revoked",
            vec![
                ("identity", account(&e.identity)),
                ("issuer", account(&e.issuer)),
                ("claim", claim_type_name(e.claim_type)),
                ("from_ms", e.from_ms.to_string()),
            ],
        ),
        Kind::IssuerRevoked(e) => (
            "issuer_revoked",
            vec![("issuer", account(&e.issuer)), ("from_ms", e.from_ms.to_string())],
        ),
        Kind::RulesSet(e) => {
            ("rules_set", vec![("asset", asset(&e.asset)), ("agent", account(&e.agent))])
        }
        Kind::ExemptionsSet(e) => ("exemptions_set", of_agent(&e.asset, &e.identity, &e.agent)),
        Kind::HolderRefreshed(e) => (
            "holder_refreshed",
            vec![
                ("asset", asset(&e.asset)),
                ("identity", account(&e.identity)),
                ("claims", claim_type_names(&e.claim_types)),
                ("country", e.country.clone()),
            ],
        ),
        _ => return None,
    })
}

fn describe_movement(kind: &Kind) -> Option<(&'static str, Fields)> {
    Some(match kind {
        Kind::TransferForced(e) => (
            "transfer_forced",
            vec![
                ("asset", asset(&e.asset)),
                ("from", account(&e.from)),
                ("to", account(&e.to)),
                ("amount", e.amount.clone()),
                ("reason", e.reason().as_str_name().replace("FORCED_REASON_", "").to_lowercase()),
                ("document_sha256", hex::encode(&e.document_sha256)),
                ("unfrozen", e.unfrozen.clone()),
                ("agent", account(&e.agent)),
            ],
        ),
        Kind::WalletRecovered(e) => (
            "wallet_recovered",
            vec![
                ("asset", asset(&e.asset)),
                ("from", account(&e.from)),
                ("to", account(&e.to)),
                ("amount", e.amount.clone()),
                ("document_sha256", hex::encode(&e.document_sha256)),
                ("agent", account(&e.agent)),
            ],
        ),
        Kind::HoldPlaced(e) => (
            "hold_placed",
            vec![
                ("asset", asset(&e.asset)),
                ("holder", account(&e.holder)),
                ("number", e.number.to_string()),
                ("amount", e.amount.clone()),
                ("escrow", account(&e.escrow)),
                ("payee", account(&e.payee)),
                ("expires_ms", e.expires_ms.to_string()),
            ],
        ),
        Kind::HoldExecuted(e) => (
            "hold_executed",
            vec![
                ("asset", asset(&e.asset)),
                ("holder", account(&e.holder)),
                ("number", e.number.to_string()),
                ("amount", e.amount.clone()),
                ("payee", account(&e.payee)),
            ],
        ),
        Kind::EncumbranceReleased(e) => (
            "encumbrance_released",
            vec![
                ("asset", asset(&e.asset)),
                ("holder", account(&e.holder)),
                ("number", e.number.to_string()),
                ("kind", kind_name(e.kind).to_owned()),
                ("amount", e.amount.clone()),
                ("releaser", account(&e.releaser)),
            ],
        ),
        _ => return None,
    })
}
