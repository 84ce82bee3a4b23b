//! `tessera claim`.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use tessera_proto::id::{Address, AssetId};

use super::context::{Context, address_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::send::{Intent, send};
use super::terms::{claim_type_name, end_of, parse_claim_type, parse_period};
use crate::client::{PAGE_ENTRIES, all_pages};
use crate::operations::compliance::{self, ClaimTerms};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say something of an identity
    Issue(Issue),
    /// Take back what you said of an identity
    Revoke {
        /// Of whom: any wallet
        account: String,
        /// What kind of claim, like kyc
        #[arg(value_parser = parse_claim_type)]
        claim: u32,
        /// Asset that it was for; all if left out
        #[arg(long = "for", value_name = "ASSET")]
        asset: Option<String>,
    },
    /// Make claims that an issuer issued from a date on worthless
    Distrust {
        /// The issuer
        issuer: String,
        /// From when on, in milliseconds since the Unix epoch
        #[arg(long, value_name = "MS")]
        since_ms: u64,
    },
    /// Claims about an identity
    List {
        /// Any wallet of it
        account: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// Of whom: any wallet
    account: String,
    /// What kind of claim: kyc, accredited, affiliate, country, blocked, professional or a number
    #[arg(value_parser = parse_claim_type)]
    claim: u32,
    /// Two letters; for claims of kind country
    #[arg(long, value_name = "CC", default_value = "")]
    country: String,
    /// Asset that it is for; all if left out
    #[arg(long = "for", value_name = "ASSET")]
    asset: Option<String>,
    /// How long it counts, like 365d
    #[arg(long, value_name = "PERIOD", default_value = "365d", value_parser = parse_period)]
    valid: Duration,
    /// SHA-256 of what you keep about it
    #[arg(long, value_name = "HEX", value_parser = super::parse_hash)]
    data_sha256: Option<[u8; 32]>,
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Issue(issue) => issue_claim(context, issue).await,
        Command::Revoke { account, claim, asset } => {
            let identity = identity_of(context, &account).await?;
            let asset = scope(context, asset).await?;
            let preview =
                vec![("Revoke", claim_type_name(claim)), ("Of", context.label(&identity))];
            let operation = compliance::revoke_claim(&identity, claim, asset.as_ref());
            send(context, Intent::new(preview, operation)).await
        }
        Command::Distrust { issuer, since_ms } => {
            let issuer = context.address(&issuer).await?;
            let preview = vec![("Distrust", context.label(&issuer))];
            let operation = compliance::revoke_issuer(&issuer, since_ms);
            send(context, Intent::new(preview, operation)).await
        }
        Command::List { account } => list(context, &account).await,
    }
}

/// The identity that an account belongs to; the account itself when it has none.
pub(crate) async fn identity_of(context: &Context, account: &str) -> Result<Address, Failure> {
    let account = context.address(account).await?;
    let known = context.client().await?.wallet(&account, 0).await?.wallet.unwrap_or_default();
    Ok(Address::try_from(known.identity.as_ref()).unwrap_or(account))
}

async fn scope(context: &Context, asset: Option<String>) -> Result<Option<AssetId>, Failure> {
    match asset {
        Some(asset) => Ok(Some(context.asset(&asset).await?.id)),
        None => Ok(None),
    }
}

async fn issue_claim(context: &Context, issue: Issue) -> Result<Report, Failure> {
    let identity = identity_of(context, &issue.account).await?;
    let terms = ClaimTerms {
        identity,
        claim_type: issue.claim,
        asset: scope(context, issue.asset).await?,
        country: issue.country,
        expires_ms: end_of(issue.valid),
        data_sha256: issue.data_sha256,
    };
    let preview = vec![("Claim", claim_type_name(issue.claim)), ("Of", context.label(&identity))];
    send(context, Intent::new(preview, compliance::issue_claim(terms))).await
}

async fn list(context: &Context, account: &str) -> Result<Report, Failure> {
    let account = context.address(account).await?;
    context.info().await?;
    let client = context.client().await?;
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let entries =
        all_pages(async |token| client.claims(&account, PAGE_ENTRIES, token).await).await?;
    for claim in &entries {
        let issuer = address_of(&claim.issuer)?;
        let asset = AssetId::try_from(claim.asset.as_ref()).ok();
        let kind = claim_type_name(claim.claim_type);
        rows.push(vec![
            format!("{kind} {}", claim.country),
            context.label(&issuer),
            asset.map_or_else(|| "all".to_owned(), |asset| asset.to_string()),
            claim.expires_ms.to_string(),
        ]);
        records.push(json!({
            "claim": kind,
            "country": claim.country,
            "issuer": issuer.to_string(),
            "asset": asset.map(|asset| asset.to_string()),
            "issued_ms": claim.issued_ms,
            "expires_ms": claim.expires_ms,
            "revoked_from_ms": claim.revoked_from_ms,
            "data_sha256": hex::encode(&claim.data_sha256),
        }));
    }
    let table = Block::Table(vec!["claim", "issuer", "for", ">ends (ms)"], rows);
    Ok(Report { records, blocks: vec![table] })
}
