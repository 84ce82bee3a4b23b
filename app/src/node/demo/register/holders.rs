//! `holders.csv`.

use std::collections::BTreeMap;

use tessera_proto::amount::Amount;

use super::assets::{AssetRow, Assets};
use super::cells;
use super::error::{Flaw, FlawKind};
use super::table::{Line, Table};

pub(super) const FILE: &str = "holders.csv";
const COLUMNS: &[&str] = &["asset", "holder", "units"];

/// What one holder has of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderRow {
    /// Line in the file.
    pub line: u64,
    /// Name of the asset.
    pub asset: String,
    /// Who; the account follows from it.
    pub holder: String,
    /// Base units; above zero.
    pub units: Amount,
}

/// All lines, and what the payments need to know of them.
#[derive(Debug, Default)]
pub(super) struct Holders {
    pub(super) rows: Vec<HolderRow>,
    seen: BTreeMap<(String, String), u64>,
    totals: BTreeMap<String, Amount>,
    /// Some line could not be understood, so an asset may have holders that are not seen.
    incomplete: bool,
}

impl Holders {
    /// Whether the asset certainly has no holder.
    pub(super) fn lacks(&self, asset: &str) -> bool {
        !self.incomplete && !self.totals.contains_key(asset)
    }
}

pub(super) fn read(
    bytes: &Result<Vec<u8>, String>,
    assets: &Assets,
    flaws: &mut Vec<Flaw>,
) -> Holders {
    let before = flaws.len();
    let mut holders = Holders::default();
    if let Some(table) = Table::read(FILE, COLUMNS, bytes, flaws) {
        for line in table.lines(flaws) {
            row(&line, assets, &mut holders, flaws);
        }
    }
    holders.incomplete = flaws.len() > before;
    holders
}

fn row(line: &Line<'_>, assets: &Assets, holders: &mut Holders, flaws: &mut Vec<Flaw>) {
    let asset =
        line.cell("asset", flaws, |text| assets.find(text).map(|row| (text.to_owned(), row)));
    let holder = line.cell("holder", flaws, cells::label);
    let decimals = asset.as_ref().and_then(|(_, row)| *row).map_or(18, |row| row.decimals);
    let units = line.cell("units", flaws, cells::amount(decimals));
    let (Some((asset, facts)), Some(holder), Some(units)) = (asset, holder, units) else { return };
    let key = (asset.clone(), holder.clone());
    if let Some(first_line) = holders.seen.get(&key).copied() {
        let kind = FlawKind::RepeatedHolder { holder, asset, first_line };
        flaws.push(line.flaw("holder", kind));
        return;
    }
    holders.seen.insert(key, line.number());
    let held = holders.totals.entry(asset.clone()).or_default();
    let total = held.saturating_add(units);
    if let Some(kind) = facts.and_then(|facts| oversubscribed(facts, *held, total)) {
        flaws.push(line.flaw("units", kind));
    }
    *held = total;
    holders.rows.push(HolderRow { line: line.number(), asset, holder, units });
}

/// Only the first line that goes too far is told.
fn oversubscribed(facts: &AssetRow, before: Amount, total: Amount) -> Option<FlawKind> {
    (before <= facts.max_supply && total > facts.max_supply).then(|| FlawKind::Oversubscribed {
        asset: facts.name.clone(),
        total: total.display(facts.decimals),
        max_supply: facts.max_supply.display(facts.decimals),
    })
}
