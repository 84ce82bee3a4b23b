//! `tessera proof ownership`.

use serde_json::{Value, json};

use super::{Shown, Target, path_line, when, write};
use crate::cli::context::{Context, amount_json};
use crate::cli::failure::Failure;
use crate::cli::output::{Block, Report};
use crate::cli::send::grouped;
use crate::cli::share::{owner_of, percentage};
use crate::verify::{NoBody, Ownership, VerifiedOwnership};

pub(super) async fn prove(
    context: &Context,
    asset: &str,
    owner: Option<String>,
    target: &Target,
) -> Result<Report, Failure> {
    let owner = owner_of(context, owner).await?;
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let certificate =
        client.ownership_certificate(&asset.id.to_string(), &owner, context.height()).await?;
    write::<Ownership>(context, &certificate, NoBody {}, target, |verified| {
        (verified.asset_id, verified.account) == (asset.id, owner)
    })
}

impl Shown for Ownership {
    fn told(context: &Context, verified: &VerifiedOwnership) -> Vec<Block> {
        let header = &verified.header;
        let decimals = verified.asset.decimals.min(18);
        let name = &verified.asset.name;
        let (who, when) = (context.label_on(&header.chain_id, &verified.account), when(header));
        let sentence = if verified.balance().is_zero() {
            format!("{who} holds nothing of {name} {when}")
        } else {
            format!(
                "{who} holds {} of {} units of {name} ({}) {when}",
                verified.balance().display(decimals),
                verified.supply.display(decimals),
                percentage(verified.balance(), verified.supply)
            )
        };
        let mut blocks = vec![Block::Success(sentence)];
        blocks.extend(verified.holding.as_ref().map(|holding| {
            Block::Line(format!(
                "  free of it: {}; bound by holds and offers {}, frozen {}{}",
                holding.free().display(decimals),
                holding.encumbered.display(decimals),
                holding.frozen.display(decimals),
                if holding.is_frozen() { ", the holder is frozen" } else { "" }
            ))
        }));
        let key = format!("state key {:?}", verified.holding_key);
        blocks.push(path_line(&key, verified.proof_depth, header));
        blocks
    }

    fn fields(context: &Context, verified: &VerifiedOwnership) -> Vec<(&'static str, String)> {
        let decimals = verified.asset.decimals.min(18);
        let holding = verified.holding.clone().unwrap_or_default();
        vec![
            ("asset", format!("{}  {}", verified.asset.name, verified.asset_id)),
            ("title", verified.asset.title.clone()),
            ("account", context.label_on(&verified.header.chain_id, &verified.account)),
            ("holds", verified.balance().display(decimals)),
            ("free", verified.free().display(decimals)),
            ("bound by holds and offers", holding.encumbered.display(decimals)),
            ("frozen", holding.frozen.display(decimals)),
            ("supply", verified.supply.display(decimals)),
            ("holders", grouped(verified.holder_count)),
            ("state key", format!("{:?}", verified.holding_key)),
        ]
    }

    fn json(verified: &VerifiedOwnership) -> Value {
        let holding = verified.holding.clone().unwrap_or_default();
        let decimals = verified.asset.decimals.min(18);
        json!({
            "asset": verified.asset_id.to_string(),
            "asset_name": verified.asset.name,
            "account": verified.account.to_string(),
            "balance": amount_json(verified.balance(), decimals),
            "free": amount_json(verified.free(), decimals),
            "encumbered": amount_json(holding.encumbered, decimals),
            "frozen": amount_json(holding.frozen, decimals),
            "holder_frozen": holding.is_frozen(),
            "supply": amount_json(verified.supply, decimals),
            "holder_count": verified.holder_count,
            "proof_depth": verified.proof_depth,
        })
    }
}
