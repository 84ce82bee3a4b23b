//! `tessera proof receipt`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::AssetTotals;

use super::{Shown, Target, when, write};
use crate::cli::context::{AssetView, Context};
use crate::cli::failure::Failure;
use crate::cli::output::{Block, Report};
use crate::cli::receipt::events_json;
use crate::cli::story;
use crate::tx_builder::TransactionId;
use crate::verify::{ReceiptBody, TransactionReceipt, VerifiedReceipt};

pub(super) async fn prove(
    context: &Context,
    id: TransactionId,
    target: &Target,
) -> Result<Report, Failure> {
    context.info().await?;
    let (certificate, receipt) = context.client().await?.receipt_certificate(id).await?;
    let body = ReceiptBody::new(&receipt);
    write::<TransactionReceipt>(context, &certificate, body, target, |verified| {
        verified.outcome.tx_id.as_ref() == id.as_bytes()
    })
}

impl Shown for TransactionReceipt {
    fn told(context: &Context, verified: &VerifiedReceipt) -> Vec<Block> {
        let (header, outcome) = (&verified.header, &verified.outcome);
        let id = hex::encode_upper(&outcome.tx_id);
        let sentence = if outcome.code == 0 {
            format!("transaction {id} succeeded {}", when(header))
        } else {
            let (codespace, code) = (&outcome.codespace, outcome.code);
            format!("transaction {id} was refused {}: {codespace}/{code}", when(header))
        };
        let told = story::proven_lines(context, header, &outcome.events, views(verified));
        let mut blocks = vec![Block::Success(sentence)];
        blocks.extend(told.into_iter().map(|line| Block::Line(format!("  {line}"))));
        blocks
    }

    fn fields(context: &Context, verified: &VerifiedReceipt) -> Vec<(&'static str, String)> {
        let (header, outcome) = (&verified.header, &verified.outcome);
        let result = match outcome.code {
            0 => "succeeded".to_owned(),
            code => format!("refused: {}/{code}", outcome.codespace),
        };
        let told = story::proven_lines(context, header, &outcome.events, views(verified));
        let mut fields = vec![
            ("tx", hex::encode_upper(&outcome.tx_id)),
            ("result", result),
            ("fee", format!("{} base units", outcome.fee)),
        ];
        fields.extend(told.into_iter().map(|line| ("event", line)));
        fields
    }

    fn json(verified: &VerifiedReceipt) -> Value {
        let outcome = &verified.outcome;
        json!({
            "tx": hex::encode_upper(&outcome.tx_id),
            "code": outcome.code,
            "codespace": outcome.codespace,
            "fee": outcome.fee,
            "events": events_json(&outcome.events),
        })
    }
}

/// The proven assets as stories are told with them.
fn views(verified: &VerifiedReceipt) -> BTreeMap<AssetId, AssetView> {
    let view = |(id, asset): (&AssetId, &_)| AssetView {
        id: *id,
        asset: Clone::clone(asset),
        totals: AssetTotals::default(),
    };
    verified.assets.iter().map(|(id, asset)| (*id, view((id, asset)))).collect()
}
