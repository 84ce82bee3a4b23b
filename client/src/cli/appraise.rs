//! `tessera asset appraise`, and the appraisal that holders decide on.

use std::path::{Path, PathBuf};

use clap::Args;
use tessera_proto::pb::assets::v1::Appraisal;

use super::asset::{MS_PER_DAY, days_from_now_ms, file_hash, now_ms};
use super::context::{AssetView, Context};
use super::failure::Failure;
use super::output::Report;
use super::send::{Intent, send};
use crate::operations;
use crate::signer::Signer;

#[derive(Debug, Args)]
pub(crate) struct Appraise {
    /// Name or id of the asset
    asset: String,
    /// Value of the whole asset, in units of the currency
    #[arg(long, value_name = "AMOUNT")]
    value: String,
    /// Currency of the value
    #[arg(long, value_name = "ASSET")]
    currency: String,
    /// How it was valued, like `comparable sales`
    #[arg(long)]
    method: String,
    /// The full report; only its hash is registered
    #[arg(long, value_name = "FILE")]
    report: PathBuf,
    /// How many days from now it is valid
    #[arg(long, default_value_t = 365)]
    days: u64,
    /// Key of the appraiser who signs it; that of --from if left out
    #[arg(long, value_name = "KEY")]
    appraiser: Option<String>,
}

/// What an appraisal says.
pub(super) struct Valuation<'a> {
    pub(super) value: &'a str,
    pub(super) currency: &'a str,
    pub(super) method: &'a str,
    pub(super) report: &'a Path,
    pub(super) days: u64,
    pub(super) appraiser: Option<&'a str>,
}

/// An appraisal before it is signed.
pub(super) struct Draft {
    pub(super) appraisal: Appraisal,
    /// Who is to sign it.
    pub(super) appraiser: Signer,
    /// The value, for people.
    pub(super) value: String,
}

pub(super) async fn draft(context: &Context, valuation: &Valuation<'_>) -> Result<Draft, Failure> {
    let currency = context.asset(valuation.currency).await?;
    let value = currency.parse(valuation.value)?;
    let appraiser = match valuation.appraiser {
        Some(name) => context.signer_named(name).await?,
        None => context.signer().await?,
    };
    // The clock of the chain may be behind ours by some blocks.
    let valid_from_ms = now_ms().saturating_sub(MS_PER_DAY);
    let appraisal = Appraisal {
        appraiser: appraiser.address().to_bytes(),
        value: value.to_string(),
        currency: currency.id.to_bytes(),
        method: valuation.method.to_owned(),
        valid_from_ms,
        valid_to_ms: days_from_now_ms(valuation.days),
        report_sha256: file_hash(valuation.report)?.to_vec().into(),
    };
    Ok(Draft { appraisal, appraiser, value: currency.display(value) })
}

pub(super) async fn append(context: &Context, given: Appraise) -> Result<Report, Failure> {
    let asset: AssetView = context.asset(&given.asset).await?;
    let Draft { appraisal, appraiser, value } = draft(
        context,
        &Valuation {
            value: &given.value,
            currency: &given.currency,
            method: &given.method,
            report: &given.report,
            days: given.days,
            appraiser: given.appraiser.as_deref(),
        },
    )
    .await?;
    let chain_id = &context.info().await?.chain_id;
    let preview = vec![
        ("Appraise", asset.name().to_owned()),
        ("Value", value),
        ("Appraiser", context.label(&appraiser.address())),
    ];
    let operation = operations::append_appraisal(chain_id, &asset.id, &appraisal, &appraiser);
    send(context, Intent::new(preview, operation)).await
}
