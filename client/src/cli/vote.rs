//! `tessera vote`.

use bytes::Bytes;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::name::value_name;
use tessera_proto::pb::votes::v1::proposal_outcome::Outcome;
use tessera_proto::pb::votes::v1::{Proposal, ProposalStatus, SubmitProposal, Tally, VoteChoice};

use super::context::{AssetView, Context, address_of, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::royalty::percent;
use super::send::{Intent, grouped, send};
use crate::operations;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put a payment out of an asset's treasury to the vote of its holders
    Propose(Propose),
    /// Vote with all units held at the record
    Cast {
        /// Name or id of the asset
        asset: String,
        /// Number of the proposal
        proposal: u64,
        /// Your answer
        choice: Choice,
    },
    /// Close a vote after its end and carry out what was decided
    Close {
        /// Name or id of the asset
        asset: String,
        /// Number of the proposal
        proposal: u64,
    },
    /// Show a proposal and its tally
    Show {
        /// Name or id of the asset
        asset: String,
        /// Number of the proposal
        proposal: u64,
    },
    /// List the proposals of an asset
    List {
        /// Name or id of the asset
        asset: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Propose {
    /// Name or id of the asset
    asset: String,
    /// What it is about
    #[arg(long)]
    title: String,
    /// How much to pay, in units of the currency
    #[arg(long, value_name = "AMOUNT")]
    pay: String,
    /// Currency to pay in
    #[arg(long, value_name = "ASSET")]
    currency: String,
    /// Who is paid
    #[arg(long, value_name = "ACCOUNT")]
    to: String,
    /// How many blocks the vote is open
    #[arg(long, value_name = "BLOCKS")]
    period: u64,
    /// Part of all units that must vote, in basis points
    #[arg(long, value_name = "BPS", default_value_t = 2000)]
    quorum: u32,
    /// Part of yes that passes, in basis points
    #[arg(long, value_name = "BPS", default_value_t = 5000)]
    threshold: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Choice {
    Yes,
    No,
    Abstain,
}

impl From<Choice> for VoteChoice {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Yes => Self::Yes,
            Choice::No => Self::No,
            Choice::Abstain => Self::Abstain,
        }
    }
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Propose(propose) => submit(context, propose).await,
        Command::Cast { asset, proposal, choice } => {
            let asset = context.asset(&asset).await?;
            let choice = VoteChoice::from(choice);
            let preview = vec![
                ("Vote", choice_name(choice.into())),
                ("On", format!("proposal {proposal} of {}", asset.name())),
            ];
            let operation = operations::cast_vote(&asset.id, proposal, choice);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Close { asset, proposal } => {
            let asset = context.asset(&asset).await?;
            let preview = vec![("Close", format!("proposal {proposal} of {}", asset.name()))];
            send(context, Intent::new(preview, operations::close_proposal(&asset.id, proposal)))
                .await
        }
        Command::Show { asset, proposal } => {
            let asset = context.asset(&asset).await?;
            let client = context.client().await?;
            let (proposal, tally) =
                client.proposal(&asset.id.to_string(), proposal, context.height()).await?;
            show(context, &asset, &proposal, &tally).await
        }
        Command::List { asset } => list(context, &asset).await,
    }
}

async fn submit(context: &Context, propose: Propose) -> Result<Report, Failure> {
    let asset = context.asset(&propose.asset).await?;
    let currency = context.asset(&propose.currency).await?;
    let amount = currency.parse(&propose.pay)?;
    let to = context.address(&propose.to).await?;
    let preview = vec![
        ("Propose", propose.title.clone()),
        ("Asset", asset.name().to_owned()),
        ("Pay", format!("{} to {}", currency.display(amount), context.label(&to))),
        ("Quorum", percent(propose.quorum)),
        ("Passes above", percent(propose.threshold)),
    ];
    let operation = operations::submit_proposal(SubmitProposal {
        asset: asset.id.to_bytes(),
        title: propose.title,
        outcome: Some(operations::treasury_spend(&currency.id, &to, amount)),
        voting_period_blocks: propose.period,
        quorum_bps: propose.quorum,
        threshold_bps: propose.threshold,
    });
    send(context, Intent::new(preview, operation)).await
}

async fn show(
    context: &Context,
    asset: &AssetView,
    proposal: &Proposal,
    tally: &Tally,
) -> Result<Report, Failure> {
    let is_closed = !proposal.record_supply.is_empty();
    let supply = amount_of(if is_closed { &proposal.record_supply } else { &asset.totals.supply })?;
    let count = |text: &str| amount_of(text).map(|amount| counted(asset, amount, supply));
    let mut fields = vec![
        ("proposal", format!("{}  {}", proposal.number, proposal.title)),
        ("status", status_now(context, asset, proposal)),
        ("by", context.label(&address_of(&proposal.proposer)?)),
        ("record", format!("closing balances of block {}", grouped(proposal.record_height))),
        ("open until", format!("block {}", grouped(proposal.voting_end_height))),
        ("yes", count(&tally.yes)?),
        ("no", count(&tally.no)?),
        ("abstain", count(&tally.abstain)?),
        ("quorum", percent(proposal.quorum_bps)),
        ("passes above", percent(proposal.threshold_bps)),
    ];
    let mut record = proposal_json(asset, proposal)?;
    record["tally"] = json!({
        "yes": asset.json(amount_of(&tally.yes)?),
        "no": asset.json(amount_of(&tally.no)?),
        "abstain": asset.json(amount_of(&tally.abstain)?),
    });
    if let Some(Outcome::TreasurySpend(spend)) =
        proposal.outcome.as_ref().and_then(|outcome| outcome.outcome.as_ref())
    {
        let id = AssetId::try_from(spend.currency.as_ref()).unwrap_or_default();
        let currency = context.asset(&id.to_string()).await?;
        let (amount, to) = (amount_of(&spend.amount)?, address_of(&spend.to)?);
        fields.push(("pays", format!("{} to {}", currency.display(amount), context.label(&to))));
        record["treasury_spend"] = json!({
            "currency": id.to_string(), "to": to.to_string(), "amount": currency.json(amount),
        });
    }
    Ok(Report::new(record, vec![Block::Fields(fields)]))
}

/// The status, and what to do when the time for votes is over.
fn status_now(context: &Context, asset: &AssetView, proposal: &Proposal) -> String {
    let status = status_name(proposal.status);
    let height = context.known_height();
    if proposal.status != i32::from(ProposalStatus::Voting) || height < proposal.voting_end_height {
        return status;
    }
    format!("ended, to close with `tessera vote close {} {}`", asset.name(), proposal.number)
}

fn counted(asset: &AssetView, amount: Amount, supply: Amount) -> String {
    let text = amount.display(asset.decimals());
    if supply.is_zero() {
        return text;
    }
    format!("{text}  ({})", super::share::percentage(amount, supply))
}

async fn list(context: &Context, asset: &str) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let (mut records, mut rows, mut token) = (Vec::new(), Vec::new(), Bytes::new());
    loop {
        let page = client.proposals(&asset.id.to_string(), 1000, token).await?;
        for proposal in &page.entries {
            rows.push(vec![
                proposal.number.to_string(),
                status_name(proposal.status),
                grouped(proposal.voting_end_height),
                proposal.title.clone(),
            ]);
            records.push(proposal_json(&asset, proposal)?);
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let headings = vec![">number", "status", ">open until", "title"];
    Ok(Report { records, blocks: vec![Block::Table(headings, rows)] })
}

fn proposal_json(asset: &AssetView, proposal: &Proposal) -> Result<Value, Failure> {
    Ok(json!({
        "asset": asset.id.to_string(),
        "asset_name": asset.name(),
        "proposal": proposal.number,
        "title": proposal.title,
        "status": status_name(proposal.status),
        "proposer": address_of(&proposal.proposer)?.to_string(),
        "record_height": proposal.record_height,
        "voting_end_height": proposal.voting_end_height,
        "quorum_bps": proposal.quorum_bps,
        "threshold_bps": proposal.threshold_bps,
    }))
}

/// The name of a choice as people write it.
pub(crate) fn choice_name(choice: i32) -> String {
    value_name(VoteChoice::try_from(choice).unwrap_or_default().as_str_name(), "VOTE_CHOICE_")
}

/// The name of a status as people write it.
pub(crate) fn status_name(status: i32) -> String {
    let status = ProposalStatus::try_from(status).unwrap_or_default();
    value_name(status.as_str_name(), "PROPOSAL_STATUS_")
}
