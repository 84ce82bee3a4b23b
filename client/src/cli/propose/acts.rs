//! What an organisation does itself, from its treasury, with the roles that this has.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use tessera_proto::pb::assets::v1::{AccreditAppraiser, AssetStatus, RevokeAccreditation};
use tessera_proto::pb::compliance::v1::SetSanction;

use super::What;
use crate::cli::asset::{file_hash, now_ms};
use crate::cli::context::{AssetView, Context};
use crate::cli::failure::Failure;
use crate::cli::rule::rule_set;
use crate::operations::ChangeStatus;
use crate::operations::proposal_outcome::Outcome;

/// What some outcomes take.
#[derive(Debug, Args)]
pub(super) struct With {
    /// Whose claims count for the rules, like notary=kyc,country; may be repeated
    #[arg(long, value_name = "ISSUER=CLAIMS", requires = "rule")]
    trust: Vec<String>,
    /// Name of an appraiser
    #[arg(long)]
    name: Option<String>,
    /// Document that says why; only its hash is registered
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// How an asset was valued, like `comparable sales`
    #[arg(long)]
    pub(super) method: Option<String>,
    /// The full report of an appraisal; only its hash is registered
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
    /// How many days from now an appraisal is valid
    #[arg(long, default_value_t = 365)]
    pub(super) days: u64,
    /// Key of the appraiser who signs an appraisal; that of --from if left out
    #[arg(long, value_name = "KEY")]
    pub(super) appraiser: Option<String>,
}

/// What would be done, in words and as it is proposed; none when it is something else.
pub(super) async fn outcome(
    context: &Context,
    asset: &AssetView,
    act: &What,
    with: &With,
) -> Result<Option<(String, Outcome)>, Failure> {
    let hash = with.document.as_deref().map(file_hash).transpose()?;
    let reason = || hash.map(|hash| Bytes::copy_from_slice(&hash)).unwrap_or_default();
    if act.suspend || act.resume {
        let (words, status) = match act.suspend {
            true => ("suspend", AssetStatus::Suspended),
            false => ("resume", AssetStatus::Active),
        };
        let step = ChangeStatus { status: status.into(), reason_sha256: reason() };
        return Ok(Some((format!("{words} {}", asset.name()), Outcome::ChangeStatus(step))));
    }
    if !act.rule.is_empty() {
        let rules = rule_set(context, asset, (&with.trust, &act.rule), &mut Vec::new()).await?;
        let words = format!("set the rules of {}: {}", asset.name(), act.rule.join(" "));
        return Ok(Some((words, Outcome::SetRules(rules))));
    }
    if let Some(account) = &act.accredit {
        let account = context.address(account).await?;
        let name = with.name.clone().unwrap_or_default();
        let words = format!("accredit {} as {name}", context.label(&account));
        let appraiser = account.to_bytes();
        let message = AccreditAppraiser { appraiser, name, until_ms: 0 };
        return Ok(Some((words, Outcome::AccreditAppraiser(message))));
    }
    if let Some(account) = &act.revoke_appraiser {
        let account = context.address(account).await?;
        let words = format!("end the accreditation of {}", context.label(&account));
        let (appraiser, from_ms) = (account.to_bytes(), now_ms());
        let message = RevokeAccreditation { appraiser, from_ms, reason_sha256: reason() };
        return Ok(Some((words, Outcome::RevokeAccreditation(message))));
    }
    if let Some(account) = act.sanction.as_ref().or(act.readmit.as_ref()) {
        let sanctioned = act.sanction.is_some();
        let account = context.address(account).await?;
        let verb = if sanctioned { "deny the chain to" } else { "readmit" };
        let words = format!("{verb} {}", context.label(&account));
        let (account, document_sha256) = (account.to_bytes(), reason());
        let message = SetSanction { account, sanctioned, document_sha256 };
        return Ok(Some((words, Outcome::SetSanction(message))));
    }
    Ok(None)
}
