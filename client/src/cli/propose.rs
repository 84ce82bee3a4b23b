//! `tessera vote propose` and `tessera vote rules`: what holders decide, and how.

mod acts;

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use serde_json::json;
use tessera_proto::id::AssetId;
use tessera_proto::pb::royalties::v1::{RoyaltySchedule, RoyaltyShare};

use self::acts::With;
use super::appraise::{self, Draft, Valuation};
use super::asset::file_hash;
use super::context::{AssetView, Context, amount_of};
use super::distribution::parse_span;
use super::failure::Failure;
use super::output::{Block, Report};
use super::royalty::percent;
use super::send::{Intent, grouped, send};
use crate::operations::proposal_outcome::Outcome;
use crate::operations::{
    self, CancelGrant, CancelUpgrade, ChangeParams, OpenGrant, ProposalOutcome, ReleaseMilestone,
    Resolution, ScheduleUpgrade, SubmitProposal, VotingRules,
};

#[derive(Debug, Args)]
pub(crate) struct Propose {
    /// Name or id of the asset
    asset: String,
    /// What it is about
    #[arg(long)]
    title: String,
    #[command(flatten)]
    what: What,
    /// Currency of a payment, a grant or an appraisal
    #[arg(long, value_name = "ASSET")]
    currency: Option<String>,
    /// Who is paid
    #[arg(long, value_name = "ACCOUNT")]
    to: Option<String>,
    /// How long a stream lasts, like 12h or 90d
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "30d")]
    over: u64,
    /// First block of the version of an upgrade
    #[arg(long, value_name = "HEIGHT", requires = "upgrade")]
    at: Option<u64>,
    /// Program of an upgrade, of which only the hash is sent
    #[arg(long, value_name = "FILE", requires = "upgrade")]
    program: Option<PathBuf>,
    #[command(flatten)]
    with: With,
    /// How many blocks the vote is open
    #[arg(long, value_name = "BLOCKS")]
    period: u64,
    /// Block whose closing balances decide, a record date declared ahead; this one if left out
    #[arg(long, value_name = "HEIGHT", default_value_t = 0)]
    record: u64,
    /// Part of all units that must vote, in basis points
    #[arg(long, value_name = "BPS", default_value_t = 2000)]
    quorum: u32,
    /// Part of yes that passes, in basis points
    #[arg(long, value_name = "BPS", default_value_t = 5000)]
    threshold: u32,
}

/// What happens when it passes.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Pay this much out of the treasury
    #[arg(long, value_name = "AMOUNT")]
    pay: Option<String>,
    /// Decide only
    #[arg(long)]
    resolve: bool,
    /// Set the royalty split, like bob=2500,carol=7500
    #[arg(long, value_name = "ACCOUNT=BPS", value_delimiter = ',')]
    royalty: Vec<String>,
    /// Set this much of the treasury aside, due evenly over the time that --over says
    #[arg(long, value_name = "AMOUNT")]
    stream: Option<String>,
    /// Set money of the treasury aside, due in these parts, each when it is released
    #[arg(long, value_name = "AMOUNT", value_delimiter = ',')]
    milestones: Vec<String>,
    /// Release the next milestone of a grant, like 3/1 for the first of grant 3
    #[arg(long, value_name = "GRANT/N", value_parser = parse_milestone)]
    release: Option<(u64, u32)>,
    /// End a grant: what is not due goes back to the treasury
    #[arg(long, value_name = "GRANT")]
    cancel_grant: Option<u64>,
    /// Change the fees of the chain: for a transaction, an operation, a byte, in base units
    #[arg(long, value_name = "TX,OPERATION,BYTE", value_delimiter = ',', num_args = 3)]
    chain_fees: Vec<u64>,
    /// Move the chain to this version of its state machine from the block that --at says
    #[arg(long, value_name = "VERSION", requires = "at")]
    upgrade: Option<u64>,
    /// Leave the chain at its version
    #[arg(long)]
    cancel_upgrade: bool,
    /// Suspend the asset; its treasury needs the role of an agent
    #[arg(long)]
    suspend: bool,
    /// Resume the asset; its treasury needs the role of an agent
    #[arg(long)]
    resume: bool,
    /// Add an appraisal of this value, in --currency, signed by the appraiser whose key is here
    #[arg(long, value_name = "AMOUNT", requires_all = ["currency", "method", "report"])]
    appraise: Option<String>,
    /// Set the rules of the asset to these, written as in `tessera rule set`, and --trust
    #[arg(long, value_name = "RULE")]
    rule: Vec<String>,
    /// Let an account sign appraisals; the treasury must be the registrar of the chain
    #[arg(long, value_name = "ACCOUNT", requires = "name")]
    accredit: Option<String>,
    /// End an accreditation from now on; the treasury must be the registrar of the chain
    #[arg(long, value_name = "ACCOUNT")]
    revoke_appraiser: Option<String>,
    /// Deny an account the chain; the treasury must be the authority of the chain
    #[arg(long, value_name = "ACCOUNT", requires = "document")]
    sanction: Option<String>,
    /// Let a denied account back; the treasury must be the authority of the chain
    #[arg(long, value_name = "ACCOUNT", requires = "document")]
    readmit: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Rules {
    /// Name or id of the asset
    asset: String,
    /// Least part of all units that must vote, in basis points
    #[arg(long, value_name = "BPS")]
    quorum: Option<u32>,
    /// Least part of yes that passes, in basis points
    #[arg(long, value_name = "BPS", default_value_t = 5000)]
    threshold: u32,
    /// Part of vetoes that vetoes, in basis points; 0 for none
    #[arg(long, value_name = "BPS", default_value_t = 0)]
    veto: u32,
    /// Least blocks that a vote is open
    #[arg(long, value_name = "BLOCKS", default_value_t = 1)]
    period: u64,
    /// Blocks that the outcome waits
    #[arg(long, value_name = "BLOCKS", default_value_t = 0)]
    timelock: u64,
    /// Blocks in which it may then be executed
    #[arg(long, value_name = "BLOCKS", default_value_t = 100_000)]
    window: u64,
    /// What a proposer deposits
    #[arg(long, value_name = "AMOUNT", requires = "currency")]
    deposit: Option<String>,
    /// Currency of the deposit
    #[arg(long, value_name = "ASSET")]
    currency: Option<String>,
}

pub(crate) async fn submit(context: &Context, propose: Propose) -> Result<Report, Failure> {
    let asset = context.asset(&propose.asset).await?;
    let (words, outcome) = outcome(context, &asset, &propose).await?;
    let preview = vec![
        ("Propose", propose.title.clone()),
        ("Asset", asset.name().to_owned()),
        ("Outcome", words),
        ("Quorum", percent(propose.quorum)),
        ("Passes above", percent(propose.threshold)),
    ];
    let operation = operations::submit_proposal(SubmitProposal {
        asset: asset.id.to_bytes(),
        title: propose.title,
        outcome: Some(ProposalOutcome { outcome: Some(outcome) }),
        voting_period_blocks: propose.period,
        quorum_bps: propose.quorum,
        threshold_bps: propose.threshold,
        record_height: propose.record,
    });
    send(context, Intent::new(preview, operation)).await
}

async fn outcome(
    context: &Context,
    asset: &AssetView,
    propose: &Propose,
) -> Result<(String, Outcome), Failure> {
    let what = &propose.what;
    if let Some(act) = acts::outcome(context, asset, what, &propose.with).await? {
        return Ok(act);
    }
    if let Some(value) = &what.appraise {
        return appraisal(context, asset, propose, value).await;
    }
    if what.pay.is_some() || what.stream.is_some() || !what.milestones.is_empty() {
        return payment(context, propose).await;
    }
    if let Some((grant, milestone)) = what.release {
        let outcome = Outcome::ReleaseMilestone(ReleaseMilestone { grant, milestone });
        return Ok((format!("release milestone {milestone} of grant {grant}"), outcome));
    }
    if let Some(grant) = what.cancel_grant {
        let outcome = Outcome::CancelGrant(CancelGrant { grant });
        return Ok((format!("cancel grant {grant}"), outcome));
    }
    if let Some(version) = what.upgrade {
        let (height, file) = (propose.at.unwrap_or_default(), &propose.program);
        let release_sha256 = file.as_deref().map(file_hash).transpose()?;
        let release_sha256 =
            release_sha256.map(|hash| Bytes::copy_from_slice(&hash)).unwrap_or_default();
        let words = format!("move the chain to version {version} at block {}", grouped(height));
        let upgrade = ScheduleUpgrade { version, height, release_sha256 };
        return Ok((words, Outcome::ScheduleUpgrade(upgrade)));
    }
    if what.cancel_upgrade {
        let outcome = Outcome::CancelUpgrade(CancelUpgrade {});
        return Ok(("leave the chain at its version".to_owned(), outcome));
    }
    if let [fee_per_transaction, fee_per_operation, fee_per_byte] = *what.chain_fees.as_slice() {
        let params = context.info().await?.params.clone().unwrap_or_default();
        let params = ChangeParams {
            fee_per_transaction,
            fee_per_operation,
            fee_per_byte,
            max_validity_blocks: params.max_validity_blocks,
        };
        return Ok(("change the fees of the chain".to_owned(), Outcome::ChangeParams(params)));
    }
    if what.royalty.is_empty() {
        let resolution = Resolution { text_sha256: Bytes::new() };
        return Ok(("nothing but the decision".to_owned(), Outcome::Resolution(resolution)));
    }
    let mut shares = Vec::new();
    for share in &what.royalty {
        let wrong =
            || Failure::usage(format!("`{share}` is not a share: expected one like bob=2500"));
        let (account, bps) = share.split_once('=').ok_or_else(wrong)?;
        let share_bps = bps.parse().map_err(|_| wrong())?;
        let account = context.address(account).await?.to_bytes();
        shares.push(RoyaltyShare { account, share_bps });
    }
    shares.sort_by(|one, other| one.account.cmp(&other.account));
    let schedule = RoyaltySchedule { shares, ..RoyaltySchedule::default() };
    Ok(("set the royalty split".to_owned(), Outcome::SetRoyaltySchedule(schedule)))
}

/// An appraisal, which its appraiser signs now.
async fn appraisal(
    context: &Context,
    asset: &AssetView,
    propose: &Propose,
    value: &str,
) -> Result<(String, Outcome), Failure> {
    let With { method, report, days, appraiser, .. } = &propose.with;
    let (Some(currency), Some(method), Some(report)) = (&propose.currency, method, report) else {
        return Err(Failure::usage("an appraisal needs --currency, --method and --report"));
    };
    let (days, appraiser) = (*days, appraiser.as_deref());
    let valuation = Valuation { value, currency, method, report, days, appraiser };
    let Draft { appraisal, appraiser, value } = appraise::draft(context, &valuation).await?;
    let words = format!("appraise at {value} by {}", context.label(&appraiser.address()));
    let chain_id = &context.info().await?.chain_id;
    let outcome = operations::appraise(chain_id, &asset.id, &appraisal, &appraiser).outcome;
    outcome.map(|outcome| (words, outcome)).ok_or_else(|| Failure::usage("nothing to appraise"))
}

/// A payment out of the treasury, now or later.
async fn payment(context: &Context, propose: &Propose) -> Result<(String, Outcome), Failure> {
    let (Some(currency), Some(to)) = (&propose.currency, &propose.to) else {
        return Err(Failure::usage("a payment needs --currency and --to"));
    };
    let currency = context.asset(currency).await?;
    let to = context.address(to).await?;
    let what = &propose.what;
    let whom = context.label(&to);
    if let Some(amount) = &what.pay {
        let amount = currency.parse(amount)?;
        let words = format!("pay {} to {whom}", currency.display(amount));
        let spend = operations::treasury_spend(&currency.id, &to, amount).outcome;
        return spend
            .map(|outcome| (words, outcome))
            .ok_or_else(|| Failure::usage("nothing to pay"));
    }
    let mut grant =
        OpenGrant { currency: currency.id.to_bytes(), to: to.to_bytes(), ..OpenGrant::default() };
    let words = match &what.stream {
        Some(amount) => {
            let amount = currency.parse(amount)?;
            grant.start_ms = context.info().await?.block_time_ms;
            grant.end_ms = grant.start_ms.saturating_add(propose.over);
            grant.amount = amount.to_string();
            format!("set {} aside for {whom}, due evenly", currency.display(amount))
        }
        None => {
            for part in &what.milestones {
                grant.milestones.push(currency.parse(part)?.to_string());
            }
            format!("set money aside for {whom}, in {} milestones", grant.milestones.len())
        }
    };
    Ok((words, Outcome::OpenGrant(grant)))
}

pub(crate) async fn rules(context: &Context, given: Rules) -> Result<Report, Failure> {
    let asset = context.asset(&given.asset).await?;
    let Some(quorum_bps) = given.quorum else { return show_rules(context, &asset).await };
    let (deposit_currency, deposit) = match (&given.currency, &given.deposit) {
        (Some(currency), Some(deposit)) => {
            let currency = context.asset(currency).await?;
            (currency.id.to_bytes(), currency.parse(deposit)?.to_string())
        }
        _ => (Bytes::new(), String::new()),
    };
    let rules = VotingRules {
        quorum_bps,
        threshold_bps: given.threshold,
        veto_bps: given.veto,
        voting_period_blocks: given.period,
        timelock_blocks: given.timelock,
        execution_window_blocks: given.window,
        deposit_currency,
        deposit,
    };
    let preview = vec![("Set the rules of votes of", asset.name().to_owned())];
    send(context, Intent::new(preview, operations::set_voting_rules(&asset.id, rules))).await
}

async fn show_rules(context: &Context, asset: &AssetView) -> Result<Report, Failure> {
    let client = context.client().await?;
    let rules = client.voting_rules(&asset.id.to_string(), context.height()).await?;
    let none = || Failure::not_found(format!("{} has no rules of votes", asset.name()));
    let rules = rules.ok_or_else(none)?;
    let deposit = match AssetId::try_from(rules.deposit_currency.as_ref()) {
        Ok(currency) => {
            let currency = context.asset(&currency.to_string()).await?;
            currency.display(amount_of(&rules.deposit)?)
        }
        Err(_) => "none".to_owned(),
    };
    let record = json!({
        "asset": asset.id.to_string(), "quorum_bps": rules.quorum_bps,
        "threshold_bps": rules.threshold_bps, "veto_bps": rules.veto_bps,
        "voting_period_blocks": rules.voting_period_blocks,
        "timelock_blocks": rules.timelock_blocks,
        "execution_window_blocks": rules.execution_window_blocks, "deposit": deposit.clone(),
    });
    let fields = vec![
        ("quorum", percent(rules.quorum_bps)),
        ("threshold", percent(rules.threshold_bps)),
        ("veto", percent(rules.veto_bps)),
        ("open for", format!("{} blocks at least", rules.voting_period_blocks)),
        ("waits", format!("{} blocks", rules.timelock_blocks)),
        ("may be executed", format!("in {} blocks", rules.execution_window_blocks)),
        ("deposit", deposit),
    ];
    Ok(Report::new(record, vec![Block::Fields(fields)]))
}

/// Reads a milestone like 3/1.
fn parse_milestone(text: &str) -> Result<(u64, u32), String> {
    let wrong = || format!("`{text}` is not a milestone: expected one like 3/1");
    let (grant, milestone) = text.split_once('/').ok_or_else(wrong)?;
    Ok((grant.parse().map_err(|_| wrong())?, milestone.parse().map_err(|_| wrong())?))
}
