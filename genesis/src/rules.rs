//! Rules of single values: each reads one value, or says in a sentence what is wrong with it.

use ed25519_dalek::VerifyingKey;
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::name::check_asset_name;
use tessera_proto::pb::assets::v1::{AssetClass, AssetStatus};

use crate::document::{MAX_LABEL_LENGTH, MAX_SALT_LENGTH, MAX_TOTAL_POWER, MAX_URI_LENGTH};
use crate::reader::{Node, nearest, shown};

/// Shortest and longest chain id; CometBFT allows no longer one.
const CHAIN_ID_LENGTH: std::ops::RangeInclusive<usize> = 3..=50;
/// Most display decimals.
const MAX_DECIMALS: u64 = 18;

pub(crate) fn chain_id(node: &Node<'_>) -> Result<String, String> {
    let text = node.text()?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if let Some(found) = text.chars().find(|c| !allowed(*c)) {
        return Err(format!(
            "chain id `{}` has the character `{}`, use only a-z, 0-9 and hyphens",
            shown(&text),
            found.escape_debug()
        ));
    }
    if !CHAIN_ID_LENGTH.contains(&text.len()) {
        let length = text.len();
        return Err(format!(
            "chain id `{}` has {length} characters, choose {} to {}",
            shown(&text),
            CHAIN_ID_LENGTH.start(),
            CHAIN_ID_LENGTH.end()
        ));
    }
    Ok(text)
}

pub(crate) fn genesis_time(node: &Node<'_>) -> Result<String, String> {
    let text = node.text()?;
    if is_utc_time(&text) {
        return Ok(text);
    }
    let shown = shown(&text);
    Err(format!("`{shown}` is not a UTC time since 1970, write it like `2026-11-21T12:00:00Z`"))
}

/// Whether it is an RFC 3339 time in UTC, with at most nanoseconds, not before 1970.
fn is_utc_time(text: &str) -> bool {
    let (Some(date_time), Some(rest)) = (text.get(..19), text.get(19..)) else {
        return false;
    };
    let fits = |(found, pattern): (u8, u8)| match pattern {
        b'0' => found.is_ascii_digit(),
        _ => found == pattern,
    };
    let part = |range| date_time.get(range).and_then(|part: &str| part.parse::<u32>().ok());
    let (Some(year), Some(month), Some(day)) = (part(0..4), part(5..7), part(8..10)) else {
        return false;
    };
    let below = |range, limit| part(range).is_some_and(|part| part < limit);
    let fraction = rest.strip_suffix('Z').is_some_and(|fraction| {
        fraction.is_empty()
            || fraction.strip_prefix('.').is_some_and(|digits| {
                (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
            })
    });
    date_time.bytes().zip(*b"0000-00-00T00:00:00").all(fits)
        && year >= 1970
        && (1..=days_of_month(year, month)).contains(&day)
        && below(11..13, 24)
        && below(14..16, 60)
        && below(17..19, 60)
        && fraction
}

fn days_of_month(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 0,
    }
}

pub(crate) fn asset_name(node: &Node<'_>) -> Result<String, String> {
    let text = node.text()?;
    check_asset_name(&shown(&text)).map_err(|error| error.to_string())?;
    Ok(text)
}

/// A name or title for people.
pub(crate) fn label(node: &Node<'_>) -> Result<String, String> {
    let text = node.text()?;
    let length = text.chars().count();
    if length == 0 || length > MAX_LABEL_LENGTH {
        return Err(format!(
            "`{}` has {length} characters, choose 1 to {MAX_LABEL_LENGTH}",
            shown(&text)
        ));
    }
    if text.trim() != text || text.contains(char::is_control) {
        return Err(format!(
            "`{}` has control characters or begins or ends with a space, remove them",
            shown(&text)
        ));
    }
    Ok(text)
}

pub(crate) fn uri(node: &Node<'_>) -> Result<String, String> {
    let text = node.text()?;
    let length = text.chars().count();
    if length == 0 || length > MAX_URI_LENGTH {
        return Err(format!(
            "the address `{}` has {length} characters, choose 1 to {MAX_URI_LENGTH}",
            shown(&text)
        ));
    }
    if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(format!("the address `{}` has spaces, write them as %20", shown(&text)));
    }
    Ok(text)
}

pub(crate) fn address(node: &Node<'_>) -> Result<Address, String> {
    shown(&node.text()?).parse().map_err(|error| format!("{error}; copy the address again"))
}

/// An amount of base units, written as text because other tools round large JSON numbers.
pub(crate) fn amount(node: &Node<'_>) -> Result<Amount, String> {
    let text = node.text()?;
    shown(&text).parse().map_err(|error: tessera_proto::amount::AmountError| error.to_string())
}

pub(crate) fn amount_above_zero(node: &Node<'_>) -> Result<Amount, String> {
    match amount(node)? {
        Amount::ZERO => Err("`0` is too little here, at least 1 base unit is needed".to_owned()),
        amount => Ok(amount),
    }
}

pub(crate) fn number(node: &Node<'_>) -> Result<u64, String> {
    node.number()
}

pub(crate) fn number_above_zero(node: &Node<'_>) -> Result<u64, String> {
    match node.number()? {
        0 => Err("`0` is too little here, at least 1 is needed".to_owned()),
        number => Ok(number),
    }
}

/// The height of a block that others can follow, for consensus counts to 2^63.
pub(crate) fn height(node: &Node<'_>) -> Result<u64, String> {
    match node.number()? {
        height if height >= i64::MAX.unsigned_abs() => {
            Err(format!("no block can follow height {height}"))
        }
        height => Ok(height),
    }
}

/// A file beside the document.
pub(crate) fn file_name(node: &Node<'_>) -> Result<String, String> {
    let text = label(node)?;
    if text.contains(['/', '\\']) || text.starts_with('.') {
        return Err(format!(
            "`{}` is not the name of a file beside the document: put it there, and name it \
             without its folder",
            shown(&text)
        ));
    }
    Ok(text)
}

pub(crate) fn power(node: &Node<'_>) -> Result<u64, String> {
    match number_above_zero(node)? {
        power if power > MAX_TOTAL_POWER => {
            Err(format!("power {power} is more than CometBFT's limit of {MAX_TOTAL_POWER}"))
        }
        power => Ok(power),
    }
}

pub(crate) fn decimals(node: &Node<'_>) -> Result<u32, String> {
    let number = node.number()?;
    u32::try_from(number)
        .ok()
        .filter(|_| number <= MAX_DECIMALS)
        .ok_or_else(|| format!("{number} decimals are too many, choose 0 to {MAX_DECIMALS}"))
}

pub(crate) fn salt(node: &Node<'_>) -> Result<Vec<u8>, String> {
    let salt = hex(node)?;
    if salt.len() > MAX_SALT_LENGTH {
        let length = salt.len();
        return Err(format!("the salt has {length} bytes, use at most {MAX_SALT_LENGTH}"));
    }
    Ok(salt)
}

pub(crate) fn sha256(node: &Node<'_>) -> Result<[u8; 32], String> {
    let bytes = hex(node)?;
    bytes.as_slice().try_into().map_err(|_| {
        format!("a SHA-256 has 32 bytes (64 hexadecimal digits), found {} bytes", bytes.len())
    })
}

/// An Ed25519 public key under which nobody can sign by a trick.
pub(crate) fn public_key(node: &Node<'_>) -> Result<[u8; 32], String> {
    let bytes = hex(node)?;
    let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| {
        format!(
            "an Ed25519 public key has 32 bytes (64 hexadecimal digits), found {} bytes",
            bytes.len()
        )
    })?;
    match VerifyingKey::from_bytes(&key) {
        Ok(point) if !point.is_weak() => Ok(key),
        _ => Err(format!(
            "`{}` is not the public key of any Ed25519 key pair, copy it again",
            hex::encode(key)
        )),
    }
}

fn hex(node: &Node<'_>) -> Result<Vec<u8>, String> {
    let text = node.text()?;
    hex::decode(&text).map_err(|error| match error {
        hex::FromHexError::InvalidHexCharacter { c, .. } => format!(
            "`{}` has the character `{}`, use hexadecimal digits only",
            shown(&text),
            c.escape_debug()
        ),
        _ => format!("`{}` has an odd number of digits, two make a byte", shown(&text)),
    })
}

pub(crate) fn class(node: &Node<'_>) -> Result<AssetClass, String> {
    choice(node, class_label)
}

pub(crate) fn status(node: &Node<'_>) -> Result<AssetStatus, String> {
    choice(node, status_label)
}

pub(crate) fn class_label(class: AssetClass) -> String {
    class.as_str_name().trim_start_matches("ASSET_CLASS_").to_lowercase()
}

pub(crate) fn status_label(status: AssetStatus) -> String {
    status.as_str_name().trim_start_matches("ASSET_STATUS_").to_lowercase()
}

/// One value of an enum of the wire contract, all but its `UNSPECIFIED`.
fn choice<E: TryFrom<i32> + Copy>(node: &Node<'_>, label: fn(E) -> String) -> Result<E, String> {
    let text = node.text()?;
    let choices: Vec<E> = (1..).map_while(|number| E::try_from(number).ok()).collect();
    let labels: Vec<String> = choices.iter().copied().map(label).collect();
    if let Some((choice, _)) = choices.iter().zip(&labels).find(|(_, label)| **label == text) {
        return Ok(*choice);
    }
    let hint = match nearest(&text, labels.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("choose one of {}", labels.join(", ")),
    };
    Err(format!("`{}` is not known here, {hint}", shown(&text)))
}
