//! `tessera proof register`.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{Shown, Target, Trust, checked, report, save, when, write};
use crate::cli::context::{Context, amount_json};
use crate::cli::failure::Failure;
use crate::cli::output::{Block, Report};
use crate::cli::send::grouped;
use crate::cli::share::percentage;
use crate::verify::{CompleteRegister, RegisterBody, VerifiedRegister};

/// Most holders that are listed on the screen.
const MAX_LISTED: usize = 50;

pub(super) async fn prove(
    context: &Context,
    asset: &str,
    target: &Target,
) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let (certificate, holdings) = client.register(&asset.id.to_string(), context.height()).await?;
    let body = RegisterBody::new(holdings)?;
    write::<CompleteRegister>(context, &certificate, body, target, |verified| {
        verified.asset_id == asset.id
    })
}

/// Checks a register and writes its holders as CSV, amounts in base units.
pub(super) fn verify_to_csv(
    context: &Context,
    text: &str,
    out: &Path,
    trust: &Trust,
) -> Result<Report, Failure> {
    let (verified, origin) = checked::<CompleteRegister>(context, text, trust)?;
    save(out, &csv(&verified))?;
    let mut report = report::<CompleteRegister>(context, &verified, origin);
    report.blocks.push(Block::Line(format!("  Written to {}", out.display())));
    Ok(report)
}

fn csv(verified: &VerifiedRegister) -> String {
    let mut text = "account,balance,free,encumbered,frozen,holder_frozen\n".to_owned();
    for (account, holding) in &verified.holders {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{account},{},{},{},{},{}",
            holding.balance,
            holding.free(),
            holding.encumbered,
            holding.frozen,
            holding.is_frozen()
        );
    }
    text
}

impl Shown for CompleteRegister {
    fn told(context: &Context, verified: &VerifiedRegister) -> Vec<Block> {
        let header = &verified.header;
        let decimals = verified.asset.decimals.min(18);
        let count = u64::try_from(verified.holders.len()).unwrap_or(u64::MAX);
        let sentence = format!(
            "{} holders have all {} units of {} {}, and nobody is left out",
            grouped(count),
            verified.supply.display(decimals),
            verified.asset.name,
            when(header)
        );
        let mut holders: Vec<_> = verified.holders.iter().collect();
        holders.sort_by_key(|(_, holding)| std::cmp::Reverse(holding.balance));
        let row = |(account, holding): &(&_, &tessera_proto::leaf::Holding)| {
            vec![
                context.label_on(&header.chain_id, account),
                holding.balance.display(decimals),
                percentage(holding.balance, verified.supply),
            ]
        };
        let rows = holders.iter().take(MAX_LISTED).map(row).collect();
        let mut blocks =
            vec![Block::Success(sentence), Block::Table(vec!["holder", ">units", ">part"], rows)];
        if holders.len() > MAX_LISTED {
            blocks.push(Block::Line(format!(
                "  The {MAX_LISTED} largest; all with `tessera proof verify FILE --csv FILE`"
            )));
        }
        blocks
    }

    fn fields(_: &Context, verified: &VerifiedRegister) -> Vec<(&'static str, String)> {
        let decimals = verified.asset.decimals.min(18);
        vec![
            ("asset", format!("{}  {}", verified.asset.name, verified.asset_id)),
            ("title", verified.asset.title.clone()),
            ("holders", verified.holders.len().to_string()),
            ("supply", verified.supply.display(decimals)),
        ]
    }

    fn json(verified: &VerifiedRegister) -> Value {
        let decimals = verified.asset.decimals.min(18);
        let holders: Vec<Value> = verified
            .holders
            .iter()
            .map(|(account, holding)| {
                json!({
                    "account": account.to_string(),
                    "balance": amount_json(holding.balance, decimals),
                    "free": amount_json(holding.free(), decimals),
                })
            })
            .collect();
        json!({
            "asset": verified.asset_id.to_string(),
            "asset_name": verified.asset.name,
            "supply": amount_json(verified.supply, decimals),
            "holder_count": verified.holders.len(),
            "holders": holders,
        })
    }
}
