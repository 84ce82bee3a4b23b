//! `payments.csv`.

use tessera_proto::amount::Amount;

use super::CURRENCY_DECIMALS;
use super::assets::{AssetRow, Assets};
use super::cells;
use super::error::{Flaw, FlawKind};
use super::holders::Holders;
use super::table::{Line, Table};

pub(super) const FILE: &str = "payments.csv";
const COLUMNS: &[&str] = &["asset", "kind", "amount", "payer", "memo"];
/// Most bytes of what a payment is for.
const MAX_MEMO_LENGTH: usize = 200;
/// Most that all payments may add up to; leaves room for what the chain begins with.
const MAX_TOTAL: u128 = Amount::MAX.base_units() >> 1;

/// For whom a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PaymentKind {
    /// For all holders, pro rata.
    Income,
    /// For the recipients of the royalty split.
    Royalty,
}

/// One payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRow {
    /// Line in the file.
    pub line: u64,
    /// Name of the asset.
    pub asset: String,
    /// For whom it is.
    pub kind: PaymentKind,
    /// Base units of the currency; above zero.
    pub amount: Amount,
    /// Who pays; the account follows from it.
    pub payer: String,
    /// What it is for.
    pub memo: Option<String>,
}

pub(super) fn read(
    bytes: &Result<Vec<u8>, String>,
    assets: &Assets,
    holders: &Holders,
    flaws: &mut Vec<Flaw>,
) -> Vec<PaymentRow> {
    let Some(table) = Table::read(FILE, COLUMNS, bytes, flaws) else { return Vec::new() };
    let mut rows = Vec::new();
    let mut total = Some(0_u128);
    for line in table.lines(flaws) {
        let Some(row) = row(&line, assets, holders, flaws) else { continue };
        if let Some(sum) = total {
            total = sum.checked_add(row.amount.base_units()).filter(|sum| *sum <= MAX_TOTAL);
            if total.is_none() {
                flaws.push(line.flaw("amount", FlawKind::PaymentsTooLarge));
            }
        }
        rows.push(row);
    }
    rows
}

fn row(
    line: &Line<'_>,
    assets: &Assets,
    holders: &Holders,
    flaws: &mut Vec<Flaw>,
) -> Option<PaymentRow> {
    let asset =
        line.cell("asset", flaws, |text| assets.find(text).map(|row| (text.to_owned(), row)));
    let kind = line.cell("kind", flaws, |text| match text {
        "income" => Ok(PaymentKind::Income),
        "royalty" => Ok(PaymentKind::Royalty),
        other => Err(FlawKind::UnknownKind(other.to_owned())),
    });
    let amount = line.cell("amount", flaws, cells::amount(CURRENCY_DECIMALS));
    let payer = line.cell("payer", flaws, cells::label);
    let memo = line.cell("memo", flaws, cells::optional_text(MAX_MEMO_LENGTH));
    let ((asset, facts), kind) = (asset?, kind?);
    if let Some(flaw) = facts.and_then(|facts| nobody_to_pay(facts, kind, holders)) {
        flaws.push(line.flaw("kind", flaw));
        return None;
    }
    Some(PaymentRow {
        line: line.number(),
        asset,
        kind,
        amount: amount?,
        payer: payer?,
        memo: memo?,
    })
}

fn nobody_to_pay(facts: &AssetRow, kind: PaymentKind, holders: &Holders) -> Option<FlawKind> {
    let name = || facts.name.clone();
    match kind {
        PaymentKind::Income => holders.lacks(&facts.name).then(|| FlawKind::NoHolders(name())),
        PaymentKind::Royalty => facts.royalty_split.is_empty().then(|| FlawKind::NoSplit(name())),
    }
}
