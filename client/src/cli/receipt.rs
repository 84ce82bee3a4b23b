//! Receipts in words and in JSON.

mod accounts;
mod compliance;
mod pools;

use std::time::Duration;

use serde_json::{Value, json};
use tessera_proto::id::{Address, AssetId};
use tessera_proto::name::{role_name, status_name};
use tessera_proto::pb::assets::v1::Attribute;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::chain::v1::{Event, Receipt};
use tessera_proto::pb::votes::v1::Upgrade;

use super::context::{Context, amount_json, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::send::grouped;
use super::story;
use crate::operations::operation_sha256;

/// Who asks, and how long that took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    /// The account that is told of as `you`.
    pub(crate) by: Option<Address>,
    /// Time from sending to the receipt.
    pub(crate) within: Option<Duration>,
}

/// Report of a transaction that is in a block.
pub(crate) async fn included(
    context: &Context,
    receipt: &Receipt,
    asked: Asked,
) -> Result<Report, Failure> {
    let outcome = receipt.outcome.clone().unwrap_or_default();
    let currency = context.fee_currency().await?;
    let fee = amount_of(&outcome.fee)?;
    let id = hex::encode_upper(&outcome.tx_id);
    let height = grouped(receipt.height);
    let took = asked.within.map(|time| match time.as_millis() {
        ms @ ..100 => format!(" ({ms} ms)"),
        _ => format!(" ({:.1} s)", time.as_secs_f32()),
    });
    let place = format!("block {height}{}", took.unwrap_or_default());
    let mut blocks = Vec::new();
    if outcome.code == 0 {
        let lines = story::lines(context, &outcome.events, (asked.by, receipt.height)).await;
        blocks.extend(lines.into_iter().map(Block::Line));
        blocks.push(Block::Success(format!("included in {place}")));
    } else {
        let (codespace, code) = (&outcome.codespace, outcome.code);
        let reason = format!("refused in {place}   {codespace}/{code}: {}", receipt.message);
        blocks.push(Block::Failure(reason));
    }
    blocks.push(Block::Fields(vec![("fee", currency.display(fee)), ("tx", id)]));
    Ok(Report::new(receipt_json(receipt, currency.decimals())?, blocks))
}

/// A receipt in JSON.
pub(crate) fn receipt_json(receipt: &Receipt, fee_decimals: u32) -> Result<Value, Failure> {
    let outcome = receipt.outcome.clone().unwrap_or_default();
    Ok(json!({
        "tx": hex::encode_upper(&outcome.tx_id),
        "height": receipt.height,
        "index": receipt.index,
        "code": outcome.code,
        "codespace": outcome.codespace,
        "message": receipt.message,
        "fee": amount_json(amount_of(&outcome.fee)?, fee_decimals),
        "events": events_json(&outcome.events),
    }))
}

/// Events in JSON.
pub(crate) fn events_json(events: &[Event]) -> Vec<Value> {
    events
        .iter()
        .map(|event| {
            let (kind, fields) = describe(event);
            let mut record = json!({ "kind": kind });
            for (name, value) in fields {
                record[name] = value.into();
            }
            record
        })
        .collect()
}

/// Name of an event.
pub(crate) fn event_name(event: &Event) -> &'static str {
    describe(event).0
}

type Fields = Vec<(&'static str, String)>;

/// Name of an event and what it says; amounts in base units.
fn describe(event: &Event) -> (&'static str, Fields) {
    match &event.kind {
        Some(Kind::KeysRotated(e)) => ("keys_rotated", vec![("account", account(&e.account))]),
        Some(Kind::FeesToppedUp(e)) => (
            "fees_topped_up",
            vec![
                ("payer", account(&e.payer)),
                ("account", account(&e.account)),
                ("amount", e.amount.clone()),
            ],
        ),
        Some(Kind::Transferred(e)) => (
            "transferred",
            vec![
                ("asset", asset(&e.asset)),
                ("from", account(&e.from)),
                ("to", account(&e.to)),
                ("amount", e.amount.clone()),
            ],
        ),
        Some(kind) => describe_asset_event(kind),
        None => ("unknown", Vec::new()),
    }
}

fn describe_asset_event(kind: &Kind) -> (&'static str, Fields) {
    match kind {
        Kind::AssetRegistered(e) => {
            ("asset_registered", vec![("asset", asset(&e.asset)), ("name", e.name.clone())])
        }
        Kind::AppraisalAppended(e) => (
            "appraisal_appended",
            vec![
                ("asset", asset(&e.asset)),
                ("number", e.number.to_string()),
                ("appraiser", account(&e.appraiser)),
                ("value", e.value.clone()),
                ("currency", asset(&e.currency)),
            ],
        ),
        Kind::AssetActivated(e) => ("asset_activated", vec![("asset", asset(&e.asset))]),
        Kind::UnitsMinted(e) => (
            "units_minted",
            vec![("asset", asset(&e.asset)), ("to", account(&e.to)), ("amount", e.amount.clone())],
        ),
        Kind::RoyaltyScheduleSet(e) => ("royalty_schedule_set", vec![("asset", asset(&e.asset))]),
        Kind::RoyaltyPaid(e) => {
            ("royalty_paid", payment(&e.asset, ("payer", &e.payer), &e.currency, &e.amount))
        }
        Kind::IncomePaid(e) => {
            ("income_paid", payment(&e.asset, ("payer", &e.payer), &e.currency, &e.amount))
        }
        Kind::IncomeClaimed(e) => {
            ("income_claimed", payment(&e.asset, ("holder", &e.holder), &e.currency, &e.amount))
        }
        other => describe_sale_event(other),
    }
}

fn describe_sale_event(kind: &Kind) -> (&'static str, Fields) {
    match kind {
        Kind::RoyaltyRecipientsAdded(e) => (
            "royalty_recipients_added",
            vec![
                ("asset", asset(&e.asset)),
                ("list", e.list.to_string()),
                ("recipient_count", e.recipient_count.to_string()),
            ],
        ),
        Kind::RoyaltyListPruned(e) => (
            "royalty_list_pruned",
            vec![
                ("asset", asset(&e.asset)),
                ("list", e.list.to_string()),
                ("removed", e.removed.to_string()),
                ("recipient_count", e.recipient_count.to_string()),
            ],
        ),
        Kind::RoyaltyClaimed(e) => {
            let recipient = ("recipient", e.recipient.as_ref());
            ("royalty_claimed", payment(&e.asset, recipient, &e.currency, &e.amount))
        }
        Kind::UnitsOffered(e) => {
            let offer = e.offer.clone().unwrap_or_default();
            let mut fields = sale(&offer.asset, &offer.seller, offer.number);
            fields.extend([
                ("amount", offer.amount),
                ("currency", asset(&offer.currency)),
                ("price", offer.price),
                ("expires_ms", offer.expires_ms.to_string()),
            ]);
            ("units_offered", fields)
        }
        Kind::UnitsSold(e) => {
            let mut fields = sale(&e.asset, &e.seller, e.number);
            fields.extend([
                ("buyer", account(&e.buyer)),
                ("amount", e.amount.clone()),
                ("currency", asset(&e.currency)),
                ("price", e.price.clone()),
                ("royalty", e.royalty.clone()),
                ("proceeds", e.proceeds.clone()),
            ]);
            ("units_sold", fields)
        }
        Kind::OfferCancelled(e) => ("offer_cancelled", sale(&e.asset, &e.seller, e.number)),
        other => describe_distribution_event(other),
    }
}

fn describe_distribution_event(kind: &Kind) -> (&'static str, Fields) {
    match kind {
        Kind::RecordTaken(e) => (
            "record_taken",
            vec![
                ("asset", asset(&e.asset)),
                ("record", e.record.to_string()),
                ("height", e.height.to_string()),
            ],
        ),
        Kind::DistributionDeclared(e) => {
            let mut fields = payment(&e.asset, ("payer", &e.payer), &e.currency, &e.funded);
            fields.extend([
                ("distribution", e.distribution.to_string()),
                ("promised", e.promised.clone()),
                ("record", e.record.to_string()),
                ("payment_ms", e.payment_ms.to_string()),
                ("expires_ms", e.expires_ms.to_string()),
                ("coupon_schedule", e.coupon_schedule.to_string()),
                ("coupon_period", e.coupon_period.to_string()),
            ]);
            ("distribution_declared", fields)
        }
        Kind::DistributionPaid(e) => {
            let mut fields = payment(&e.asset, ("holder", &e.holder), &e.currency, &e.net);
            let distribution = ("distribution", e.distribution.to_string());
            fields.extend([distribution, ("withheld", e.withheld.clone())]);
            ("distribution_paid", fields)
        }
        Kind::DistributionClosed(e) => {
            let mut fields = payment(&e.asset, ("to", &e.to), &e.currency, &e.remainder);
            let distribution = ("distribution", e.distribution.to_string());
            fields.extend([distribution, ("cancelled", e.cancelled.to_string())]);
            ("distribution_closed", fields)
        }
        Kind::CouponsDeclared(e) => (
            "coupons_declared",
            vec![
                ("asset", asset(&e.asset)),
                ("schedule", e.schedule.to_string()),
                ("periods", e.periods.to_string()),
            ],
        ),
        Kind::RecordsPruned(e) => {
            ("records_pruned", vec![("asset", asset(&e.asset)), ("copies", e.copies.to_string())])
        }
        other => describe_vote_event(other),
    }
}

fn sale(of: &[u8], seller: &[u8], number: u64) -> Fields {
    vec![("asset", asset(of)), ("seller", account(seller)), ("number", number.to_string())]
}

fn describe_vote_event(kind: &Kind) -> (&'static str, Fields) {
    match kind {
        Kind::ProposalSubmitted(e) => (
            "proposal_submitted",
            vec![
                ("asset", asset(&e.asset)),
                ("proposal", e.proposal.to_string()),
                ("title", e.title.clone()),
                ("voting_end_height", e.voting_end_height.to_string()),
            ],
        ),
        Kind::VoteCast(e) => (
            "vote_cast",
            vec![
                ("asset", asset(&e.asset)),
                ("proposal", e.proposal.to_string()),
                ("voter", account(&e.voter)),
                ("choice", super::vote::choice_name(e.choice)),
                ("weight", e.weight.clone()),
            ],
        ),
        Kind::ProposalClosed(e) => (
            "proposal_closed",
            vec![
                ("asset", asset(&e.asset)),
                ("proposal", e.proposal.to_string()),
                ("status", super::vote::status_name(e.status)),
            ],
        ),
        Kind::TreasurySpent(e) => {
            ("treasury_spent", payment(&e.asset, ("to", &e.to), &e.currency, &e.amount))
        }
        other => describe_register_event(other),
    }
}

fn describe_register_event(kind: &Kind) -> (&'static str, Fields) {
    match kind {
        Kind::UnitsBurned(e) => (
            "units_burned",
            vec![
                ("asset", asset(&e.asset)),
                ("holder", account(&e.holder)),
                ("amount", e.amount.clone()),
            ],
        ),
        Kind::AssetStatusChanged(e) => (
            "asset_status_changed",
            vec![
                ("asset", asset(&e.asset)),
                ("from", status_name(e.from())),
                ("to", status_name(e.to())),
                ("reason_sha256", hex::encode(&e.reason_sha256)),
            ],
        ),
        Kind::RoleGranted(e) => (
            "role_granted",
            vec![
                ("asset", asset(&e.asset)),
                ("account", account(&e.account)),
                ("role", role_name(e.role())),
                ("expires_ms", e.expires_ms.to_string()),
                ("granted_by", account(&e.granted_by)),
            ],
        ),
        Kind::RoleRevoked(e) => (
            "role_revoked",
            vec![
                ("asset", asset(&e.asset)),
                ("account", account(&e.account)),
                ("role", role_name(e.role())),
            ],
        ),
        Kind::DocumentAdded(e) => {
            let document = e.document.clone().unwrap_or_default();
            let fields = vec![
                ("asset", asset(&e.asset)),
                ("number", e.number.to_string()),
                ("name", document.name),
                ("uri", document.uri),
                ("sha256", hex::encode(&document.sha256)),
            ];
            ("document_added", fields)
        }
        other => describe_control_event(other),
    }
}

fn describe_control_event(kind: &Kind) -> (&'static str, Fields) {
    match kind {
        Kind::AppraiserAccredited(e) => (
            "appraiser_accredited",
            vec![
                ("appraiser", account(&e.appraiser)),
                ("name", e.name.clone()),
                ("until_ms", e.until_ms.to_string()),
            ],
        ),
        Kind::AccreditationRevoked(e) => (
            "accreditation_revoked",
            vec![
                ("appraiser", account(&e.appraiser)),
                ("from_ms", e.from_ms.to_string()),
                ("reason_sha256", hex::encode(&e.reason_sha256)),
            ],
        ),
        Kind::ActionProposed(e) => (
            "action_proposed",
            vec![
                ("asset", asset(&e.asset)),
                ("operation_sha256", hex::encode(operation_sha256(&e.operation))),
                ("proposer", account(&e.proposer)),
                ("expires_ms", e.expires_ms.to_string()),
            ],
        ),
        Kind::ActionWithdrawn(e) => (
            "action_withdrawn",
            vec![
                ("asset", asset(&e.asset)),
                ("operation_sha256", hex::encode(&e.operation_sha256)),
            ],
        ),
        Kind::TwoPersonRuleSet(e) => (
            "two_person_rule_set",
            vec![
                ("asset", asset(&e.asset)),
                ("mint", e.mint.to_string()),
                ("forced_transfer", e.forced_transfer.to_string()),
                ("split", e.split.to_string()),
            ],
        ),
        Kind::UnitsSplit(e) => (
            "units_split",
            vec![
                ("asset", asset(&e.asset)),
                ("numerator", e.numerator.to_string()),
                ("denominator", e.denominator.to_string()),
                ("multiplied_by", e.multiplied_by.to_string()),
                ("decimals", e.decimals.to_string()),
                ("supply", e.supply.clone()),
                ("max_supply", e.max_supply.clone()),
            ],
        ),
        other => describe_statement_event(other),
    }
}

fn describe_statement_event(kind: &Kind) -> (&'static str, Fields) {
    match kind {
        Kind::NavSet(e) => {
            let nav = e.nav.clone().unwrap_or_default();
            let mut fields =
                payment(&e.asset, ("stated_by", &nav.stated_by), &e.currency, &nav.price);
            fields.push(("source", nav.source));
            ("nav_set", fields)
        }
        Kind::AssetAmended(e) => {
            let mut fields = vec![
                ("asset", asset(&e.asset)),
                ("title", e.title.clone()),
                ("decimals", e.decimals.to_string()),
                ("max_supply", e.max_supply.clone()),
            ];
            let attribute = |one: &Attribute| format!("{}={}", one.name, one.value);
            let attributes: Vec<String> = e.attributes.iter().map(attribute).collect();
            fields.push(("attributes", attributes.join(", ")));
            ("asset_amended", fields)
        }
        Kind::StatementRecorded(e) => (
            "statement_recorded",
            vec![
                ("asset", asset(&e.asset)),
                ("account", account(&e.account)),
                ("role", role_name(e.role())),
                ("subject", e.subject.clone()),
                ("document_sha256", hex::encode(&e.document_sha256)),
            ],
        ),
        other => describe_decision(other),
    }
}

fn describe_decision(kind: &Kind) -> (&'static str, Fields) {
    let grant = |e: &[u8], number: u64| vec![("asset", asset(e)), ("grant", number.to_string())];
    match kind {
        Kind::ProposalExecuted(e) => (
            "proposal_executed",
            vec![
                ("asset", asset(&e.asset)),
                ("proposal", e.proposal.to_string()),
                ("status", super::vote::status_name(e.status)),
            ],
        ),
        Kind::VotesDelegated(e) => (
            "votes_delegated",
            vec![
                ("asset", asset(&e.asset)),
                ("holder", account(&e.holder)),
                ("to", account(&e.to)),
            ],
        ),
        Kind::VotingRulesSet(e) => ("voting_rules_set", vec![("asset", asset(&e.asset))]),
        Kind::ParamsChanged(e) => (
            "params_changed",
            vec![("asset", asset(&e.asset)), ("proposal", e.proposal.to_string())],
        ),
        Kind::UpgradeScheduled(e) => {
            ("upgrade_scheduled", upgrade(&e.asset, e.proposal, e.upgrade.as_ref()))
        }
        Kind::UpgradeCancelled(e) => {
            ("upgrade_cancelled", upgrade(&e.asset, e.proposal, e.upgrade.as_ref()))
        }
        Kind::GrantOpened(e) => {
            let mut fields = payment(&e.asset, ("to", &e.to), &e.currency, &e.amount);
            fields.push(("grant", e.grant.to_string()));
            ("grant_opened", fields)
        }
        Kind::GrantPaid(e) => {
            let mut fields = payment(&e.asset, ("to", &e.to), &e.currency, &e.amount);
            fields.push(("grant", e.grant.to_string()));
            ("grant_paid", fields)
        }
        Kind::MilestoneReleased(e) => {
            let mut fields = grant(&e.asset, e.grant);
            fields.push(("milestone", e.milestone.to_string()));
            ("milestone_released", fields)
        }
        Kind::GrantCancelled(e) => {
            let mut fields = grant(&e.asset, e.grant);
            fields.push(("returned", e.returned.clone()));
            ("grant_cancelled", fields)
        }
        other => accounts::describe(other)
            .or_else(|| compliance::describe(other))
            .or_else(|| pools::describe(other))
            .unwrap_or(("unknown", Vec::new())),
    }
}

fn payment(
    of: &[u8],
    (role, party): (&'static str, &[u8]),
    currency: &[u8],
    amount: &str,
) -> Fields {
    vec![
        ("asset", asset(of)),
        (role, account(party)),
        ("currency", asset(currency)),
        ("amount", amount.to_owned()),
    ]
}

fn upgrade(of: &[u8], proposal: u64, upgrade: Option<&Upgrade>) -> Fields {
    let upgrade = upgrade.cloned().unwrap_or_default();
    vec![
        ("asset", asset(of)),
        ("proposal", proposal.to_string()),
        ("version", upgrade.version.to_string()),
        ("height", upgrade.height.to_string()),
        ("release_sha256", hex::encode(upgrade.release_sha256)),
    ]
}

fn account(bytes: &[u8]) -> String {
    Address::try_from(bytes).map_or_else(|_| hex::encode(bytes), |address| address.to_string())
}

fn asset(bytes: &[u8]) -> String {
    AssetId::try_from(bytes).map_or_else(|_| hex::encode(bytes), |id| id.to_string())
}
