//! The register as it stands on the chain.

use tessera_proto::amount::Amount;
use tessera_proto::pb::assets::v1::AssetClass;

use crate::node::demo::register::{CURRENCY_DECIMALS, class_label};
use crate::node::demo::scene::Scene;
use crate::node::demo::screen::{Align, table as aligned};

/// One asset, as the chain has it.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) name: String,
    pub(super) class: AssetClass,
    pub(super) holders: usize,
    pub(super) supply: Amount,
    pub(super) max_supply: Amount,
    pub(super) decimals: u32,
    /// Appraised value of all that may exist.
    pub(super) value: Amount,
    pub(super) income: Amount,
    pub(super) royalties: Amount,
}

/// Prints one line for each asset.
pub(super) fn table(scene: &Scene, summaries: &[Summary]) {
    let headings = [
        ("asset", Align::Left),
        ("class", Align::Left),
        ("holders", Align::Right),
        ("issued", Align::Right),
        ("of", Align::Right),
        ("appraised", Align::Right),
        ("income", Align::Right),
        ("royalties", Align::Right),
    ];
    let rows: Vec<Vec<String>> = summaries.iter().map(row).collect();
    for line in aligned(&headings, &rows) {
        scene.screen.plain(&line);
    }
}

fn row(summary: &Summary) -> Vec<String> {
    let money = |amount: Amount| {
        if amount.is_zero() { "–".to_owned() } else { amount.display(CURRENCY_DECIMALS) }
    };
    vec![
        summary.name.clone(),
        class_label(summary.class).to_owned(),
        super::count(summary.holders),
        summary.supply.display(summary.decimals),
        summary.max_supply.display(summary.decimals),
        money(summary.value),
        money(summary.income),
        money(summary.royalties),
    ]
}
