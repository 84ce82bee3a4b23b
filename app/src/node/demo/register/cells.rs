//! What stands in a cell.

use tendermint::Time;
use tessera_proto::amount::Amount;
use tessera_proto::name::check_asset_name;
use tessera_proto::pb::assets::v1::AssetClass;

use super::RESERVED_LABELS;
use super::error::FlawKind;

/// Most bytes of the label of a person.
const MAX_LABEL_LENGTH: usize = 100;
/// Most recipients of a royalty.
const MAX_RECIPIENTS: usize = 64;
/// All of a royalty, in basis points.
const FULL_BPS: u64 = 10_000;
/// Most display decimals.
const MAX_DECIMALS: u32 = 18;

/// The classes as they stand in files. A currency is none of them: it needs no register.
const CLASSES: [(&str, AssetClass); 7] = [
    ("real_estate", AssetClass::RealEstate),
    ("commodity", AssetClass::Commodity),
    ("intellectual_property", AssetClass::IntellectualProperty),
    ("device", AssetClass::Device),
    ("good", AssetClass::Good),
    ("collectible", AssetClass::Collectible),
    ("fund_share", AssetClass::FundShare),
];

/// A class as it stands in files.
pub(crate) fn class_label(class: AssetClass) -> &'static str {
    CLASSES.iter().find(|(_, known)| *known == class).map_or("currency", |(label, _)| label)
}

/// A text of at most `max` bytes.
pub(super) fn text(max: usize) -> impl FnOnce(&str) -> Result<String, FlawKind> {
    move |text| {
        if text.is_empty() {
            return Err(FlawKind::Empty);
        }
        if text.len() > max {
            return Err(FlawKind::TooLong { length: text.len(), max });
        }
        if text.trim() != text || text.chars().any(char::is_control) {
            return Err(FlawKind::NotPlain(text.to_owned()));
        }
        Ok(text.to_owned())
    }
}

/// A text that may be empty.
pub(super) fn optional_text(max: usize) -> impl FnOnce(&str) -> Result<Option<String>, FlawKind> {
    move |given| if given.is_empty() { Ok(None) } else { text(max)(given).map(Some) }
}

/// What a person is called; the account follows from it.
pub(super) fn label(given: &str) -> Result<String, FlawKind> {
    let label = text(MAX_LABEL_LENGTH)(given)?;
    if RESERVED_LABELS.contains(&label.as_str()) {
        return Err(FlawKind::ReservedLabel(label));
    }
    Ok(label)
}

/// The unique name of an asset.
pub(super) fn asset_name(text: &str) -> Result<String, FlawKind> {
    check_asset_name(text)?;
    Ok(text.to_owned())
}

pub(super) fn class(text: &str) -> Result<AssetClass, FlawKind> {
    let class = CLASSES.iter().find(|(label, _)| *label == text).map(|(_, class)| *class);
    class.ok_or_else(|| {
        let labels = CLASSES.map(|(label, _)| label);
        FlawKind::UnknownClass { found: text.to_owned(), expected: labels.join(", ") }
    })
}

pub(super) fn decimals(text: &str) -> Result<u32, FlawKind> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && *number <= MAX_DECIMALS);
    number.ok_or_else(|| FlawKind::BadDecimals(text.to_owned()))
}

/// An amount above zero, in display units.
pub(super) fn amount(decimals: u32) -> impl FnOnce(&str) -> Result<Amount, FlawKind> {
    move |text| {
        if text.is_empty() {
            return Err(FlawKind::Empty);
        }
        let amount = Amount::parse_display(text, decimals)?;
        if amount.is_zero() { Err(FlawKind::Zero) } else { Ok(amount) }
    }
}

pub(super) fn hash(text: &str) -> Result<[u8; 32], FlawKind> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| FlawKind::BadHash(text.to_owned()))?;
    Ok(bytes)
}

/// The first millisecond of a day that has begun, in UTC.
pub(super) fn past_date(now: Time) -> impl FnOnce(&str) -> Result<u64, FlawKind> {
    move |text| {
        let time = (text.len() == 10)
            .then(|| Time::parse_from_rfc3339(&format!("{text}T00:00:00Z")).ok())
            .flatten();
        let time = time.ok_or_else(|| FlawKind::BadDate(text.to_owned()))?;
        if time > now {
            return Err(FlawKind::FutureDate(text.to_owned()));
        }
        let seconds = u64::try_from(time.unix_timestamp()).ok();
        let milliseconds = seconds.and_then(|seconds| seconds.checked_mul(1000));
        milliseconds.ok_or_else(|| FlawKind::BadDate(text.to_owned()))
    }
}

/// Who receives what part of a royalty, like `Ada Marsh=7000;Blue Lake Records=3000`; empty when
/// there are none.
pub(super) fn split(text: &str) -> Result<Vec<(String, u32)>, FlawKind> {
    let mut parts: Vec<(String, u32)> = Vec::new();
    let mut sum = 0_u64;
    for part in text.split(';').filter(|_| !text.is_empty()) {
        let bad = || FlawKind::BadSplit(part.to_owned());
        let (recipient, share) = part.rsplit_once('=').ok_or_else(bad)?;
        let recipient = label(recipient)?;
        let digits = share.bytes().all(|byte| byte.is_ascii_digit());
        let share: Option<u32> = share.parse().ok().filter(|share| digits && *share > 0);
        let share = share.ok_or_else(bad)?;
        if parts.iter().any(|(earlier, _)| *earlier == recipient) {
            return Err(FlawKind::RepeatedRecipient(recipient));
        }
        sum = sum.saturating_add(u64::from(share));
        parts.push((recipient, share));
    }
    if parts.len() > MAX_RECIPIENTS {
        return Err(FlawKind::TooManyRecipients(parts.len()));
    }
    if !parts.is_empty() && sum != FULL_BPS {
        return Err(FlawKind::SplitNotWhole(sum));
    }
    Ok(parts)
}
