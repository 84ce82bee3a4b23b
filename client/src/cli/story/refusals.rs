//! Refusals in words: accounts and assets by name, amounts in display units.

use std::collections::BTreeMap;

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};

use crate::cli::context::{AssetView, Context};
use crate::cli::failure::Failure;
use crate::error::{ClientError, Refusal};

/// Refusals whose message counts base units of the asset that it names.
const COUNTED_IN_ASSET: [(&str, u32); 8] = [
    ("transfers", 13),
    ("assets", 18),
    ("assets", 28),
    ("assets", 57),
    ("compliance", 31),
    ("accounts", 33),
    ("pools", 14),
    ("pools", 18),
];
/// Refusals whose message counts base units of the fee currency.
const COUNTED_IN_FEES: [(&str, u32); 5] =
    [("pool", 5), ("tx", 8), ("tx", 9), ("accounts", 23), ("accounts", 26)];

/// Adds to a refusal what it says in names and display units, where that is something else.
pub(crate) async fn retell(context: &Context, failure: Failure) -> Failure {
    let ClientError::Refused(refusal) = &failure.error else { return failure };
    let currency = counted_in(context, refusal).await;
    let mut names = BTreeMap::new();
    for word in refusal.message.split(|c: char| !c.is_ascii_alphanumeric()) {
        if let Ok(address) = word.parse::<Address>() {
            names.extend(context.name_of(&address).map(|name| (word, name)));
        } else if word.parse::<AssetId>().is_ok()
            && let Ok(asset) = context.asset(word).await
        {
            names.insert(word, asset.name().to_owned());
        }
    }
    let name = |word: &str| names.get(word).cloned();
    let retold = in_words(&refusal.message, currency.as_ref(), name);
    if retold == refusal.message { failure } else { Failure { retold: Some(retold), ..failure } }
}

/// The asset whose base units the message of a refusal counts.
async fn counted_in(context: &Context, refusal: &Refusal) -> Option<AssetView> {
    let code = (refusal.codespace.as_str(), refusal.code);
    if COUNTED_IN_FEES.contains(&code) {
        return context.fee_currency().await.ok();
    }
    if !COUNTED_IN_ASSET.contains(&code) {
        return None;
    }
    let (_, rest) = refusal.message.split_once("base units of `")?;
    let (name, _) = rest.split_once('`')?;
    context.asset(name).await.ok()
}

/// A message with its accounts and assets by name, and its amounts in display units of `asset`.
fn in_words(
    message: &str,
    asset: Option<&AssetView>,
    name: impl Fn(&str) -> Option<String>,
) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric();
    let mut text = String::new();
    let mut rest = message;
    while let Some(first) = rest.chars().next() {
        let end = if is_part(first) {
            rest.find(|c| !is_part(c)).unwrap_or(rest.len())
        } else {
            rest.find(is_part).unwrap_or(rest.len())
        };
        let (word, after) = rest.split_at(end);
        let amount = || word.parse::<Amount>().ok();
        match (asset, name(word)) {
            (_, Some(name)) => text += &name,
            (Some(asset), None) => match amount() {
                Some(amount) => text += &amount.display(asset.decimals()),
                None => text += word,
            },
            (None, None) => text += word,
        }
        rest = after;
    }
    let Some(asset) = asset else { return text };
    let named = format!(" base units of `{}`", asset.name());
    text.replace(&named, &format!(" {}", asset.name()))
        .replace(" base units", &format!(" {}", asset.name()))
}

#[cfg(test)]
mod tests {
    use tessera_proto::pb::assets::v1::{Asset, AssetTotals};

    use super::*;

    #[test]
    fn refusals_are_told_in_display_units_and_names() {
        let id = AssetId::derive(&Address::from_ed25519(&[1; 32]), b"salt");
        let asset =
            Asset { id: id.to_bytes(), name: "usdx".into(), decimals: 6, ..Asset::default() };
        let usdx = AssetView::new(asset, AssetTotals::default()).unwrap();
        let name = |word: &str| (word == "tsr1abc").then(|| "alice".to_owned());
        let message = "tsr1abc needs 2500000 base units of `usdx` and has 1000000 free: 1000000 \
                       held, 0 encumbered, 0 frozen";
        assert_eq!(
            in_words(message, Some(&usdx), name),
            "alice needs 2.50 usdx and has 1.00 free: 1.00 held, 0.00 encumbered, 0.00 frozen"
        );
        let fees = "tsr1abc has 5 base units of prepaid fees and the transaction costs 20000; top \
                    up the account first";
        assert_eq!(
            in_words(fees, Some(&usdx), name),
            "alice has 0.000005 usdx of prepaid fees and the transaction costs 0.02; top up the \
             account first"
        );
        let votes = "voting on proposal 1 goes on until block 12, this is block 3";
        assert_eq!(in_words(votes, None, name), votes);
    }
}
