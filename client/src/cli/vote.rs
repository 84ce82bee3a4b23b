//! `tessera vote`.

use clap::Subcommand;
use serde_json::{Value, json};
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::name;
use tessera_proto::pb::votes::v1::proposal_outcome::Outcome;
use tessera_proto::pb::votes::v1::{Proposal, ProposalStatus, Tally, VoteChoice};

use super::context::{AssetView, Context, address_of, amount_of};
use super::distribution::time;
use super::failure::Failure;
use super::output::{Block, Report};
use super::propose;
use super::royalty::percent;
use super::send::{Intent, grouped, send};
use crate::client::{PAGE_ENTRIES, all_pages};
use crate::operations;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put something to the vote of the holders of an asset
    Propose(Box<propose::Propose>),
    /// Vote with all units held at the record
    Cast {
        /// Name or id of the asset
        asset: String,
        /// Number of the proposal
        proposal: u64,
        /// Your answer, or parts of it in basis points like yes=6000 no=4000
        #[arg(required = true, value_name = "CHOICE[=BPS]", value_parser = parse_part)]
        answer: Vec<(VoteChoice, u32)>,
        /// Vote for these holders, who have delegated to you
        #[arg(long = "for", value_name = "ACCOUNT")]
        holders: Vec<String>,
    },
    /// Let somebody vote for you from the next record date on
    Delegate {
        /// Name or id of the asset
        asset: String,
        /// Who votes; nobody any more if left out
        #[arg(long, value_name = "ACCOUNT")]
        to: Option<String>,
    },
    /// Execute what was decided, once it has waited
    Execute {
        /// Name or id of the asset
        asset: String,
        /// Number of the proposal
        proposal: u64,
    },
    /// Set how the holders of your asset decide, or show it if nothing is given to set
    Rules(propose::Rules),
    /// Show money that was set aside by vote
    Grant {
        /// Name or id of the asset
        asset: String,
        /// Number of the proposal that opened it
        grant: u64,
    },
    /// Pay out what of a grant is due, to its recipient
    Claim {
        /// Name or id of the asset
        asset: String,
        /// Number of the proposal that opened the grant
        grant: u64,
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

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Propose(given) => propose::submit(context, *given).await,
        Command::Cast { asset, proposal, answer, holders } => {
            cast(context, &asset, proposal, &answer, &holders).await
        }
        Command::Delegate { asset, to } => {
            let asset = context.asset(&asset).await?;
            let to = match to {
                Some(to) => Some(context.address(&to).await?),
                None => None,
            };
            let whom = to.map_or_else(|| "nobody".to_owned(), |to| context.label(&to));
            let preview = vec![("Delegate", asset.name().to_owned()), ("To", whom)];
            let operation = operations::delegate_votes(&asset.id, to.as_ref());
            send(context, Intent::new(preview, operation)).await
        }
        Command::Execute { asset, proposal } => {
            let asset = context.asset(&asset).await?;
            let preview = vec![("Execute", format!("proposal {proposal} of {}", asset.name()))];
            let operation = operations::execute_proposal(&asset.id, proposal);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Rules(rules) => propose::rules(context, rules).await,
        Command::Grant { asset, grant } => show_grant(context, &asset, grant).await,
        Command::Claim { asset, grant } => {
            let asset = context.asset(&asset).await?;
            let preview = vec![("Pay out", format!("grant {grant} of {}", asset.name()))];
            send(context, Intent::new(preview, operations::claim_grant(&asset.id, grant))).await
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

async fn cast(
    context: &Context,
    asset: &str,
    proposal: u64,
    answer: &[(VoteChoice, u32)],
    holders: &[String],
) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let mut on_behalf_of = Vec::with_capacity(holders.len());
    for holder in holders {
        on_behalf_of.push(context.address(holder).await?);
    }
    let part = |(choice, bps): &(VoteChoice, u32)| match bps {
        10_000 => choice_name((*choice).into()),
        bps => format!("{} {}", percent(*bps), choice_name((*choice).into())),
    };
    let words: Vec<String> = answer.iter().map(part).collect();
    let preview = vec![
        ("Vote", words.join(", ")),
        ("On", format!("proposal {proposal} of {}", asset.name())),
    ];
    let operation = operations::cast_votes(&asset.id, proposal, answer, &on_behalf_of);
    send(context, Intent::new(preview, operation)).await
}

async fn show_grant(context: &Context, asset: &str, number: u64) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let grant = client.grant(&asset.id.to_string(), number, context.height()).await?;
    let none = || Failure::not_found(format!("{} has no grant {number}", asset.name()));
    let grant = grant.ok_or_else(none)?;
    let terms = grant.terms.unwrap_or_default();
    let id = AssetId::try_from(terms.currency.as_ref()).unwrap_or_default();
    let currency = context.asset(&id.to_string()).await?;
    let (total, paid) = (amount_of(&grant.total)?, amount_of(&grant.paid)?);
    let to = address_of(&terms.to)?;
    let plan = match terms.milestones.len() {
        0 => format!("evenly from {} to {}", time(terms.start_ms), time(terms.end_ms)),
        count => format!("{} of {count} milestones released", grant.milestones_released),
    };
    let record = json!({
        "asset": asset.id.to_string(), "grant": number, "to": to.to_string(),
        "total": currency.json(total), "paid": currency.json(paid),
        "milestones_released": grant.milestones_released, "cancelled": grant.cancelled,
    });
    let fields = vec![
        ("grant", format!("{number} of {}", asset.name())),
        ("for", context.label(&to)),
        ("in all", currency.display(total)),
        ("paid", currency.display(paid)),
        ("due", if grant.cancelled { "cancelled".to_owned() } else { plan }),
    ];
    Ok(Report::new(record, vec![Block::Fields(fields)]))
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
        ("veto", count(&tally.veto)?),
        ("quorum", percent(proposal.quorum_bps)),
        ("passes above", percent(proposal.threshold_bps)),
    ];
    let mut record = proposal_json(asset, proposal)?;
    record["tally"] = json!({
        "yes": asset.json(amount_of(&tally.yes)?),
        "no": asset.json(amount_of(&tally.no)?),
        "abstain": asset.json(amount_of(&tally.abstain)?),
        "veto": asset.json(amount_of(&tally.veto)?),
    });
    if proposal.execute_from_height > 0 {
        let (from, until) = (proposal.execute_from_height, proposal.execute_until_height);
        let blocks = format!("in blocks {} to {}", grouped(from), grouped(until));
        fields.push(("may be executed", blocks));
        record["execute_from_height"] = from.into();
        record["execute_until_height"] = until.into();
    }
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
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let entries =
        all_pages(async |token| client.proposals(&asset.id.to_string(), PAGE_ENTRIES, token).await)
            .await?;
    for proposal in &entries {
        rows.push(vec![
            proposal.number.to_string(),
            status_name(proposal.status),
            grouped(proposal.voting_end_height),
            proposal.title.clone(),
        ]);
        records.push(proposal_json(&asset, proposal)?);
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

/// Reads an answer like yes, or a part of one like yes=6000.
fn parse_part(text: &str) -> Result<(VoteChoice, u32), String> {
    let (choice, bps) = text.split_once('=').unwrap_or((text, "10000"));
    let known = [VoteChoice::Yes, VoteChoice::No, VoteChoice::Abstain, VoteChoice::Veto];
    let found = known.into_iter().find(|one| choice_name((*one).into()) == choice);
    let wrong = || format!("`{text}` is not an answer: expected yes, no, abstain or veto");
    let choice = found.ok_or_else(wrong)?;
    Ok((choice, bps.parse().map_err(|_| wrong())?))
}

/// The name of a choice as people write it.
pub(crate) fn choice_name(choice: i32) -> String {
    name::choice_name(VoteChoice::try_from(choice).unwrap_or_default())
}

/// The name of a status as people write it.
pub(crate) fn status_name(status: i32) -> String {
    name::proposal_status_name(ProposalStatus::try_from(status).unwrap_or_default())
}
