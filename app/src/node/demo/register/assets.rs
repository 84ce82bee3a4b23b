//! `assets.csv`.

use std::collections::BTreeMap;

use tendermint::Time;
use tessera_proto::amount::Amount;
use tessera_proto::pb::assets::v1::AssetClass;

use super::CURRENCY_DECIMALS;
use super::cells;
use super::error::{Flaw, FlawKind};
use super::table::{Line, Table};
use crate::modules::assets::{MAX_METHOD_LENGTH, MAX_TITLE_LENGTH, MAX_URI_LENGTH};

pub(super) const FILE: &str = "assets.csv";
const COLUMNS: &[&str] = &[
    "name",
    "title",
    "class",
    "decimals",
    "max_supply",
    "document_name",
    "document_uri",
    "document_sha256",
    "appraisal_value",
    "appraisal_method",
    "appraisal_date",
    "report_sha256",
    "royalty_split",
];

/// One asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetRow {
    /// Line in the file.
    pub line: u64,
    /// Unique name.
    pub name: String,
    /// For people.
    pub title: String,
    /// What kind of thing it is.
    pub class: AssetClass,
    /// Display decimals.
    pub decimals: u32,
    /// Most base units that may exist.
    pub max_supply: Amount,
    /// What its document is called.
    pub document_name: String,
    /// Where its document is.
    pub document_uri: String,
    /// Hash of its document.
    pub document_sha256: [u8; 32],
    /// What it is worth.
    pub appraisal: Appraisal,
    /// Who receives its royalties, in basis points; empty when it has none.
    pub royalty_split: Vec<(String, u32)>,
}

/// What an asset is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appraisal {
    /// Base units of the currency.
    pub value: Amount,
    /// How the value was found.
    pub method: String,
    /// First millisecond of its day since the Unix epoch.
    pub valid_from_ms: u64,
    /// Hash of the report.
    pub report_sha256: [u8; 32],
}

/// What the other files may refer to: also assets whose line is bad, so that one bad cell does
/// not become a hundred flaws.
#[derive(Debug, Default)]
pub(super) struct Assets {
    by_name: BTreeMap<String, Known>,
    rows: Vec<AssetRow>,
    /// The file could not be understood, so nothing can be said about names.
    unknowable: bool,
}

#[derive(Debug)]
struct Known {
    line: u64,
    /// Position among the rows; none when the line is bad.
    row: Option<usize>,
}

impl Assets {
    /// The asset of this name; none when its own line is bad.
    pub(super) fn find(&self, name: &str) -> Result<Option<&AssetRow>, FlawKind> {
        match self.by_name.get(name) {
            Some(known) => Ok(known.row.and_then(|row| self.rows.get(row))),
            None if self.unknowable => Ok(None),
            None => Err(FlawKind::UnknownAsset(name.to_owned())),
        }
    }

    pub(super) fn into_values(self) -> Vec<AssetRow> {
        self.rows
    }
}

pub(super) fn read(bytes: &Result<Vec<u8>, String>, now: Time, flaws: &mut Vec<Flaw>) -> Assets {
    let Some(table) = Table::read(FILE, COLUMNS, bytes, flaws) else {
        return Assets { unknowable: true, ..Assets::default() };
    };
    let before = flaws.len();
    let lines = table.lines(flaws);
    if lines.is_empty() && flaws.len() == before {
        flaws.push(Flaw { file: FILE, line: None, column: None, kind: FlawKind::NoLines });
    }
    // A line with too few cells may be the one that names an asset.
    let mut assets = Assets { unknowable: flaws.len() > before, ..Assets::default() };
    for line in &lines {
        let Some(name) = line.cell("name", flaws, cells::asset_name) else {
            assets.unknowable = true;
            row(line, String::new(), now, flaws);
            continue;
        };
        if let Some(known) = assets.by_name.get(&name) {
            let first_line = known.line;
            let name = name.clone();
            flaws.push(line.flaw("name", FlawKind::RepeatedAsset { name, first_line }));
        }
        let row = row(line, name.clone(), now, flaws);
        let position = row.is_some().then_some(assets.rows.len());
        let known = Known { line: line.number(), row: position };
        assets.by_name.entry(name).or_insert(known);
        assets.rows.extend(row);
    }
    assets
}

fn row(line: &Line<'_>, name: String, now: Time, flaws: &mut Vec<Flaw>) -> Option<AssetRow> {
    let title = line.cell("title", flaws, cells::text(MAX_TITLE_LENGTH));
    let class = line.cell("class", flaws, cells::class);
    let decimals = line.cell("decimals", flaws, cells::decimals);
    // With unknown decimals at least what is no number at all can be told.
    let max_supply = line.cell("max_supply", flaws, cells::amount(decimals.unwrap_or(18)));
    let document_name = line.cell("document_name", flaws, cells::text(MAX_TITLE_LENGTH));
    let document_uri = line.cell("document_uri", flaws, cells::text(MAX_URI_LENGTH));
    let document_sha256 = line.cell("document_sha256", flaws, cells::hash);
    let value = line.cell("appraisal_value", flaws, cells::amount(CURRENCY_DECIMALS));
    let method = line.cell("appraisal_method", flaws, cells::text(MAX_METHOD_LENGTH));
    let valid_from_ms = line.cell("appraisal_date", flaws, cells::past_date(now));
    let report_sha256 = line.cell("report_sha256", flaws, cells::hash);
    let royalty_split = line.cell("royalty_split", flaws, cells::split);
    Some(AssetRow {
        line: line.number(),
        name,
        title: title?,
        class: class?,
        decimals: decimals?,
        max_supply: max_supply?,
        document_name: document_name?,
        document_uri: document_uri?,
        document_sha256: document_sha256?,
        appraisal: Appraisal {
            value: value?,
            method: method?,
            valid_from_ms: valid_from_ms?,
            report_sha256: report_sha256?,
        },
        royalty_split: royalty_split?,
    })
}
