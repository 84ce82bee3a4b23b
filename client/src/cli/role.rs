//! `tessera role`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use serde_json::json;
use tendermint::Time;
use tessera_proto::name::role_name;
use tessera_proto::pb::assets::v1 as pb;

use super::asset::{days_from_now_ms, file_hash};
use super::context::Context;
use super::failure::Failure;
use super::output::{Block, Report};
use super::send::{Intent, send};
use crate::client::{PAGE_ENTRIES, all_pages};
use crate::operations;
use crate::verify::display_time;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Give an account a role for an asset for a time
    Grant {
        /// Name or id of the asset
        asset: String,
        /// What it may do
        role: Role,
        /// Who gets the role
        #[arg(long, value_name = "ACCOUNT")]
        to: String,
        /// How many days from now it lasts
        #[arg(long, default_value_t = 365)]
        days: u64,
    },
    /// End a role at once
    Revoke {
        /// Name or id of the asset
        asset: String,
        /// The role
        role: Role,
        /// Who has it; that of --from if left out
        #[arg(long = "of", value_name = "ACCOUNT")]
        holder: Option<String>,
    },
    /// Put a statement about an asset into its history, in a role that you have
    State {
        /// Name or id of the asset
        asset: String,
        /// The role in which you speak
        role: Role,
        /// What is stated, like `bar 17 counted`
        subject: String,
        /// Document that says it in full; only its hash is registered
        #[arg(long, value_name = "FILE")]
        document: PathBuf,
    },
    /// Who has which role for an asset
    List {
        /// Name or id of the asset
        asset: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Role {
    Issuer,
    Agent,
    Appraiser,
    Auditor,
    Custodian,
    Servicer,
    Minter,
}

impl From<Role> for pb::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Issuer => Self::Issuer,
            Role::Agent => Self::Agent,
            Role::Appraiser => Self::Appraiser,
            Role::Auditor => Self::Auditor,
            Role::Custodian => Self::Custodian,
            Role::Servicer => Self::Servicer,
            Role::Minter => Self::Minter,
        }
    }
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Grant { asset, role, to, days } => {
            let asset = context.asset(&asset).await?;
            let (to, role) = (context.address(&to).await?, pb::Role::from(role));
            let expires_ms = days_from_now_ms(days);
            let preview = vec![
                ("Asset", asset.name().to_owned()),
                ("Role", role_name(role)),
                ("To", context.label(&to)),
                ("Until", time_of(expires_ms)),
            ];
            let operation = operations::grant_role(&asset.id, &to, role, expires_ms);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Revoke { asset, role, holder } => {
            let asset = context.asset(&asset).await?;
            let holder = super::share::owner_of(context, holder).await?;
            let role = pb::Role::from(role);
            let preview = vec![
                ("Asset", asset.name().to_owned()),
                ("Role", role_name(role)),
                ("Of", context.label(&holder)),
            ];
            let operation = operations::revoke_role(&asset.id, &holder, role);
            send(context, Intent::new(preview, operation)).await
        }
        Command::State { asset, role, subject, document } => {
            let asset = context.asset(&asset).await?;
            let (role, hash) = (pb::Role::from(role), file_hash(&document)?);
            let preview = vec![
                ("Asset", asset.name().to_owned()),
                ("As", role_name(role)),
                ("You state", subject.clone()),
            ];
            let operation = operations::record_statement(&asset.id, role, &subject, hash);
            send(context, Intent::new(preview, operation)).await
        }
        Command::List { asset } => list(context, &asset).await,
    }
}

async fn list(context: &Context, asset: &str) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let entries =
        all_pages(async |token| client.roles(&asset.id.to_string(), PAGE_ENTRIES, token).await)
            .await?;
    for account in entries {
        let label = account.account.parse().map(|address| context.label(&address));
        let label = label.unwrap_or_else(|_| account.account.clone());
        for grant in account.grants {
            let role = role_name(grant.role());
            rows.push(vec![label.clone(), role.clone(), time_of(grant.expires_ms)]);
            records.push(json!({
                "account": account.account,
                "role": role,
                "expires_ms": grant.expires_ms,
            }));
        }
    }
    Ok(Report { records, blocks: vec![Block::Table(vec!["account", "role", "until"], rows)] })
}

/// A time as people write it; the number where it is too far off to be one.
pub(crate) fn time_of(time_ms: u64) -> String {
    let seconds = i64::try_from(time_ms / 1_000).unwrap_or(i64::MAX);
    Time::from_unix_timestamp(seconds, 0).map_or_else(|_| format!("{time_ms} ms"), display_time)
}
