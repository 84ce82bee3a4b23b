//! `tessera proof vote`.

use serde_json::{Value, json};
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::name::{choice_name, proposal_status_name};

use super::{Shown, Target, path_line, when, write};
use crate::cli::context::{Context, amount_json};
use crate::cli::failure::Failure;
use crate::cli::output::{Block, Report};
use crate::cli::send::grouped;
use crate::cli::share::owner_of;
use crate::verify::{CountedVote, NoBody, VerifiedVote, vote_keys};

pub(super) async fn prove(
    context: &Context,
    asset: &str,
    proposal: u64,
    voter: Option<String>,
    target: &Target,
) -> Result<Report, Failure> {
    let voter = owner_of(context, voter).await?;
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let keys = vote_keys(&asset.id, proposal, &voter);
    let certificate = client.certificate(&keys, context.height()).await?;
    write::<CountedVote>(context, &certificate, NoBody {}, target, |verified| {
        (verified.asset_id, verified.proposal.number, verified.voter) == (asset.id, proposal, voter)
    })
}

impl Shown for CountedVote {
    fn told(context: &Context, verified: &VerifiedVote) -> Vec<Block> {
        let (header, proposal) = (&verified.header, &verified.proposal);
        let who = context.label_on(&header.chain_id, &verified.voter);
        let of =
            format!("proposal {} of {} ({})", proposal.number, verified.asset.name, proposal.title);
        let sentence = match answer(verified) {
            Some(answer) => {
                format!("the vote of {who} is counted, {}: {answer} on {of}", when(header))
            }
            None => format!("{who} has not voted on {of} {}", when(header)),
        };
        let mut blocks = vec![Block::Success(sentence)];
        let by = verified.vote.as_ref().and_then(|vote| address(&vote.cast_by));
        if let Some(by) = by {
            let by = context.label_on(&header.chain_id, &by);
            blocks.push(Block::Line(format!("  cast by {by}, to whom the vote was delegated")));
        } else if let Some(to) = delegate(verified) {
            let to = context.label_on(&header.chain_id, &to);
            blocks.push(Block::Line(format!("  delegated to {to}, who has not voted for it")));
        }
        blocks.push(Block::Line(format!(
            "  counted in all: {}; {}",
            tally_text(verified),
            proposal_status_name(proposal.status())
        )));
        blocks.push(path_line("vote", verified.proof_depth, header));
        blocks
    }

    fn fields(context: &Context, verified: &VerifiedVote) -> Vec<(&'static str, String)> {
        let (chain_id, proposal) = (&verified.header.chain_id, &verified.proposal);
        let label = |address: Address| context.label_on(chain_id, &address);
        let cast_by = verified.vote.as_ref().and_then(|vote| address(&vote.cast_by));
        vec![
            ("asset", format!("{}  {}", verified.asset.name, verified.asset_id)),
            ("proposal", format!("{}  {}", proposal.number, proposal.title)),
            ("status", proposal_status_name(proposal.status())),
            ("record", format!("closing balances of block {}", grouped(proposal.record_height))),
            ("account", label(verified.voter)),
            ("answer", answer(verified).unwrap_or_else(|| "none".to_owned())),
            ("cast by delegate", cast_by.map(label).unwrap_or_default()),
            ("delegate", delegate(verified).map(label).unwrap_or_default()),
            ("counted in all", tally_text(verified)),
        ]
    }

    fn json(verified: &VerifiedVote) -> Value {
        let decimals = verified.asset.decimals.min(18);
        let tally = &verified.tally;
        let amount = |text: &str| amount_json(text.parse().unwrap_or_default(), decimals);
        let parts: Vec<Value> = verified
            .parts()
            .unwrap_or_default()
            .into_iter()
            .map(|(choice, weight)| {
                json!({ "choice": choice_name(choice), "weight": amount_json(weight, decimals) })
            })
            .collect();
        let cast_by = verified.vote.as_ref().and_then(|vote| address(&vote.cast_by));
        json!({
            "asset": verified.asset_id.to_string(),
            "asset_name": verified.asset.name,
            "proposal": verified.proposal.number,
            "proposal_title": verified.proposal.title,
            "proposal_status": proposal_status_name(verified.proposal.status()),
            "record_height": verified.proposal.record_height,
            "account": verified.voter.to_string(),
            "has_voted": verified.vote.is_some(),
            "answer": parts,
            "cast_by": cast_by.map(|by| by.to_string()),
            "delegate": delegate(verified).map(|to| to.to_string()),
            "tally": {
                "yes": amount(&tally.yes),
                "no": amount(&tally.no),
                "abstain": amount(&tally.abstain),
                "veto": amount(&tally.veto),
            },
            "proof_depth": verified.proof_depth,
        })
    }
}

/// The vote in words; none when there is none.
fn answer(verified: &VerifiedVote) -> Option<String> {
    verified.vote.as_ref()?;
    let decimals = verified.asset.decimals.min(18);
    let parts = verified.parts().unwrap_or_default();
    let parts: Vec<String> = parts
        .into_iter()
        .map(|(choice, weight)| format!("{} {}", weight.display(decimals), choice_name(choice)))
        .collect();
    Some(parts.join(" and "))
}

fn tally_text(verified: &VerifiedVote) -> String {
    let decimals = verified.asset.decimals.min(18);
    let show = |text: &str| text.parse::<Amount>().unwrap_or_default().display(decimals);
    let tally = &verified.tally;
    format!(
        "{} yes, {} no, {} abstain, {} veto",
        show(&tally.yes),
        show(&tally.no),
        show(&tally.abstain),
        show(&tally.veto)
    )
}

fn delegate(verified: &VerifiedVote) -> Option<Address> {
    address(&verified.delegation.as_ref()?.to)
}

fn address(bytes: &[u8]) -> Option<Address> {
    Address::try_from(bytes).ok()
}
