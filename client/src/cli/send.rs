//! How every command that changes something sends it.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tessera_proto::amount::Amount;
use tessera_proto::pb::chain::v1::Receipt;
use tessera_proto::pb::chain::v1::operation::Kind;

use super::context::{Context, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::receipt::{self, Asked};
use crate::client::SendOptions;
use crate::error::ClientError;
use crate::operations::accounts;
use crate::signer::Signer;
use crate::tx_file::TransactionFile;

/// Time after which somebody who waits is told so.
const PATIENCE: Duration = Duration::from_millis(200);

/// What there is to say when a trial is refused.
const NOTHING_SENT: &str = "nothing was sent";

/// What is about to be sent, in words.
pub(crate) struct Intent {
    /// Names and values for the question.
    pub(crate) preview: Vec<(&'static str, String)>,
    /// The operations.
    pub(crate) operations: Vec<Kind>,
}

impl Intent {
    pub(crate) fn new(preview: Vec<(&'static str, String)>, operation: Kind) -> Self {
        Self { preview, operations: vec![operation] }
    }
}

/// Tries, asks and sends; the report is of the receipt.
pub(crate) async fn send(context: &Context, intent: Intent) -> Result<Report, Failure> {
    if let Some(path) = &context.options.save {
        return save(context, intent, path).await;
    }
    let signer = context.signer().await?;
    match approve(context, &signer, intent).await? {
        Approval::Trial(report) => Ok(report),
        Approval::Granted(operations) => submit(context, &signer, &operations).await,
    }
}

/// Most signatures of a transaction: a saved one may cost as much as with all of them.
const MAX_SIGNATURES: usize = 16;

/// Tries the transaction and writes it to a file, unsigned.
async fn save(context: &Context, intent: Intent, path: &Path) -> Result<Report, Failure> {
    let client = context.client().await?;
    let sender = context.sender_address().await?;
    let operations = on_behalf(context, intent.operations).await?;
    let options = options(context).await?;
    let draft = client.prepare_unsigned(&sender, &operations, options, MAX_SIGNATURES).await?;
    refuse_predicted(&client.simulate(&draft.unsigned()).await?)?;
    let file = TransactionFile::new(&draft);
    std::fs::write(path, file.to_text())
        .map_err(|error| Failure::other(format!("`{}`: {error}", path.display())))?;
    let mut fields = vec![("From", context.label(&sender))];
    fields.extend(intent.preview);
    let place = path.display();
    let line = format!("would succeed; written to {place}, unsigned");
    let help = format!("  sign it with `tessera tx sign {place}`, then `tessera tx send {place}`");
    let record = json!({ "file": place.to_string(), "valid_until": file.body.valid_until_height });
    let blocks = vec![Block::Success(line), Block::Fields(fields), Block::Line(help)];
    Ok(Report::new(record, blocks))
}

/// The operations as those of the account that has given a mandate, where one is named.
async fn on_behalf(context: &Context, operations: Vec<Kind>) -> Result<Vec<Kind>, Failure> {
    let Some(principal) = &context.options.on_behalf_of else { return Ok(operations) };
    let principal = context.address(principal).await?;
    Ok(operations.iter().map(|kind| accounts::act_for(&principal, kind)).collect())
}

/// Whether to send.
pub(crate) enum Approval {
    /// It was only to be tried, and would succeed.
    Trial(Report),
    /// These operations are to be sent.
    Granted(Vec<Kind>),
}

/// Tries and asks; nothing has been sent afterwards.
pub(crate) async fn approve(
    context: &Context,
    signer: &Signer,
    intent: Intent,
) -> Result<Approval, Failure> {
    let client = context.client().await?;
    require_weight(context, signer).await?;
    let currency = context.fee_currency().await?;
    let operations = on_behalf(context, intent.operations).await?;
    let options = options(context).await?;
    let draft = client.prepare_unsigned(&signer.address(), &operations, options, 1).await?;
    let unsigned = draft.unsigned();
    let trial = client.simulate(&unsigned).await.map_err(|error| match error {
        ClientError::Refused(_) => Failure::from(error).help(NOTHING_SENT),
        error => error.into(),
    })?;
    refuse_predicted(&trial)?;

    let mut preview = vec![("From", context.label(&signer.address()))];
    if let Some(principal) = &context.options.on_behalf_of {
        preview.push(("For", context.label(&context.address(principal).await?)));
    }
    preview.extend(intent.preview);
    preview.push(("Fee", currency.display(draft.fee())));
    preview.push(("Valid until", format!("block {}", grouped(unsigned.valid_until_height))));
    if context.options.dry_run {
        let report = dry_run_report(context, &trial, preview, currency.json(draft.fee()))?;
        return Ok(Approval::Trial(report));
    }
    if context.output.is_interactive() && !context.options.yes && !context.options.no_input {
        context.output.preview(&preview);
        if !context.output.confirm("Send?") {
            return Err(ClientError::Interrupted.into());
        }
    }
    Ok(Approval::Granted(operations))
}

/// Refuses where the key alone does not suffice, and says how others sign too.
async fn require_weight(context: &Context, signer: &Signer) -> Result<(), Failure> {
    let address = signer.address();
    let account = context.client().await?.account(&address, 0).await?.unwrap_or_default();
    let Some(authority) = account.authority else { return Ok(()) };
    let own = Some(signer.public_key());
    let weight = authority.keys.iter().find(|key| key.public_key == own);
    // A key that may not sign at all is refused by the node.
    let Some(weight) = weight.map(|key| key.weight) else { return Ok(()) };
    let need = authority.threshold;
    if weight >= need {
        return Ok(());
    }
    let label = context.label(&address);
    let lacks = format!("{label} needs signatures of weight {need}, this key has {weight}");
    Err(Failure::usage(lacks).help("write the transaction to a file with --save FILE"))
}

/// Sends; the report is of the receipt.
pub(crate) async fn submit(
    context: &Context,
    signer: &Signer,
    operations: &[Kind],
) -> Result<Report, Failure> {
    let client = context.client().await?;
    let begun = Instant::now();
    let send = client.send_with(signer, operations, options(context).await?);
    let receipt = patiently(context, send).await?;
    let asked = Asked { by: Some(signer.address()), within: Some(begun.elapsed()) };
    receipt::included(context, &receipt, asked).await
}

async fn options(context: &Context) -> Result<SendOptions, Failure> {
    let payer = match &context.options.payer {
        Some(payer) => Some(context.address(payer).await?),
        None => None,
    };
    Ok(SendOptions { timeout: context.timeout(), payer, ..SendOptions::default() })
}

/// Waits, telling somebody who sits there after a moment.
pub(crate) async fn patiently<T>(
    context: &Context,
    work: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, Failure> {
    let mut work = std::pin::pin!(work);
    if let Ok(done) = tokio::time::timeout(PATIENCE, &mut work).await {
        return Ok(done?);
    }
    if context.output.is_interactive() {
        context.output.note("  waiting for the next block …");
    }
    Ok(work.await?)
}

/// A number with separators.
pub(crate) fn grouped(number: u64) -> String {
    Amount::from_u64(number).display(0)
}

/// What the simulation refuses need not be sent.
fn refuse_predicted(trial: &Receipt) -> Result<(), Failure> {
    let outcome = trial.outcome.clone().unwrap_or_default();
    if outcome.code == 0 {
        return Ok(());
    }
    let refusal = crate::error::Refusal {
        codespace: outcome.codespace,
        code: outcome.code,
        message: trial.message.clone(),
        id: None,
        height: None,
    };
    Err(Failure::from(ClientError::Refused(Box::new(refusal))).help(NOTHING_SENT))
}

fn dry_run_report(
    context: &Context,
    trial: &Receipt,
    preview: Vec<(&'static str, String)>,
    fee: Value,
) -> Result<Report, Failure> {
    let outcome = trial.outcome.clone().unwrap_or_default();
    let exact = amount_of(&outcome.fee)?;
    let events = receipt::events_json(&outcome.events);
    let record = json!({
        "dry_run": true, "would_succeed": true, "max_fee": fee,
        "fee_base": exact.to_string(), "events": events,
    });
    context.output.note("Nothing was sent (--dry-run).");
    Ok(Report::new(
        record,
        vec![Block::Success("would succeed".to_owned()), Block::Fields(preview)],
    ))
}
