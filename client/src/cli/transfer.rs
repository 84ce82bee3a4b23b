//! `tessera transfer`.

use std::time::Duration;

use clap::Subcommand;
use serde_json::json;
use tessera_proto::pb::compliance::v1::Verdict;

use super::context::{Context, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::send::{Intent, send};
use super::share::owner_of;
use super::terms::{claim_type_names, end_of, parse_period};
use crate::operations::{accounts, compliance};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Would a transfer pass? Every check and what is missing
    Check {
        /// Name or id of the asset
        asset: String,
        /// How much, in units like 12.50
        amount: String,
        /// Who would get them
        #[arg(long, value_name = "ACCOUNT")]
        to: String,
        /// Who would send them; that of --from if left out
        #[arg(long, value_name = "ACCOUNT")]
        owner: Option<String>,
    },
    /// Let another account send units of yours; 0 ends it
    Approve {
        /// Name or id of the asset
        asset: String,
        /// How much it may still send
        amount: String,
        /// Who may
        #[arg(long, value_name = "ACCOUNT")]
        spender: String,
        /// For how long, like 30d; for ever if left out
        #[arg(long, value_name = "PERIOD", value_parser = parse_period)]
        valid: Option<Duration>,
    },
    /// Send units of an account that has approved you
    Spend {
        /// Name or id of the asset
        asset: String,
        /// How much
        amount: String,
        /// Whose units
        #[arg(long, value_name = "ACCOUNT")]
        owner: String,
        /// Who gets them
        #[arg(long, value_name = "ACCOUNT")]
        to: String,
    },
    /// Hold units of assets that you have not accepted, instead of receiving them
    OptIn {
        /// Receive all units again
        #[arg(long)]
        off: bool,
    },
    /// Accept an asset, so that its units arrive
    Accept {
        /// Name or id of the asset
        asset: String,
        /// Accept it no more
        #[arg(long)]
        off: bool,
    },
    /// What an account may send of another's units
    Allowance {
        /// Name or id of the asset
        asset: String,
        /// Who may
        #[arg(long, value_name = "ACCOUNT")]
        spender: String,
        /// Whose units; that of --from if left out
        #[arg(long, value_name = "ACCOUNT")]
        owner: Option<String>,
    },
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Check { asset, amount, to, owner } => {
            check(context, (&asset, &amount), &to, owner).await
        }
        Command::Approve { asset, amount, spender, valid } => {
            let asset = context.asset(&asset).await?;
            let amount = asset.parse(&amount)?;
            let spender = context.address(&spender).await?;
            let preview =
                vec![("Approve", asset.display(amount)), ("For", context.label(&spender))];
            let end = valid.map_or(0, end_of);
            let operation = compliance::approve_spender(&asset.id, &spender, amount, end);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Spend { asset, amount, owner, to } => {
            let asset = context.asset(&asset).await?;
            let amount = asset.parse(&amount)?;
            let (owner, to) = (context.address(&owner).await?, context.address(&to).await?);
            let preview = vec![
                ("Send", asset.display(amount)),
                ("Of", context.label(&owner)),
                ("To", context.label(&to)),
            ];
            let operation = compliance::transfer_from(&asset.id, &owner, &to, amount);
            send(context, Intent::new(preview, operation)).await
        }
        Command::OptIn { off } => {
            let units = if off { "all arrive" } else { "arrive of accepted assets only" };
            let preview = vec![("Units", units.to_owned())];
            send(context, Intent::new(preview, accounts::set_opt_in(!off))).await
        }
        Command::Accept { asset, off } => {
            let asset = context.asset(&asset).await?;
            let preview =
                vec![(if off { "Accept no more" } else { "Accept" }, asset.name().to_owned())];
            send(context, Intent::new(preview, accounts::accept_asset(&asset.id, !off))).await
        }
        Command::Allowance { asset, spender, owner } => {
            let asset = context.asset(&asset).await?;
            let owner = owner_of(context, owner).await?;
            let spender = context.address(&spender).await?;
            let client = context.client().await?;
            let parties = (&owner, &spender);
            let found = client.allowance(&asset.id.to_string(), parties, context.height()).await?;
            let found = found.unwrap_or_default();
            let amount = amount_of(&found.amount)?;
            let fields = vec![
                ("owner", context.label(&owner)),
                ("spender", context.label(&spender)),
                ("may send", asset.display(amount)),
            ];
            let record = json!({
                "owner": owner.to_string(),
                "spender": spender.to_string(),
                "amount": asset.json(amount),
                "expires_ms": found.expires_ms,
            });
            Ok(Report::new(record, vec![Block::Fields(fields)]))
        }
    }
}

async fn check(
    context: &Context,
    (asset, amount): (&str, &str),
    to: &str,
    owner: Option<String>,
) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let amount = asset.parse(amount)?;
    let (owner, to) = (owner_of(context, owner).await?, context.address(to).await?);
    let client = context.client().await?;
    let parties = (&owner, &to);
    let id = asset.id.to_string();
    let answer = client.check_transfer(&id, parties, amount, context.height()).await?;
    let failed = answer.verdicts.iter().filter(|verdict| !verdict.passed).count();
    let mut blocks = Vec::new();
    let rows = answer.verdicts.iter().map(|verdict| row(context, verdict)).collect();
    blocks.push(Block::Table(vec!["check", "rule", "account", "verdict"], rows));
    blocks.push(if answer.passed {
        let held = "would pass: the units are held until the receiver takes them";
        Block::Success(if answer.held { held } else { "would pass" }.to_owned())
    } else {
        Block::Failure(format!("would be refused: {failed} of the checks fail"))
    });
    let verdicts: Vec<_> = answer
        .verdicts
        .iter()
        .map(|verdict| {
            json!({
                "check": verdict.check,
                "rule": verdict.rule,
                "account": verdict.account,
                "passed": verdict.passed,
                "exempt": verdict.exempt,
                "missing": claim_type_names(&verdict.missing_claim_types),
                "codespace": verdict.codespace,
                "code": verdict.code,
                "message": verdict.message,
            })
        })
        .collect();
    let record = json!({ "passed": answer.passed, "held": answer.held, "verdicts": verdicts });
    Ok(Report::new(record, blocks))
}

fn row(context: &Context, verdict: &Verdict) -> Vec<String> {
    let rule = if verdict.rule == 0 { String::new() } else { verdict.rule.to_string() };
    let account = verdict.account.parse().map_or_else(|_| String::new(), |a| context.label(&a));
    let told = match (verdict.passed, verdict.exempt) {
        (true, false) => "passes".to_owned(),
        (true, true) => "passes: exempt".to_owned(),
        (false, _) if verdict.missing_claim_types.is_empty() => {
            format!("{}/{}", verdict.codespace, verdict.code)
        }
        (false, _) => {
            let missing = claim_type_names(&verdict.missing_claim_types);
            format!("{}/{}: missing {missing}", verdict.codespace, verdict.code)
        }
    };
    vec![verdict.check.clone(), rule, account, told]
}
