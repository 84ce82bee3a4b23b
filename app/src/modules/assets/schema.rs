//! What an asset of each class is described by, checked at registration.
//!
//! A schema is a short list of typed fields, published as JSON Schema. An asset may be registered
//! without attributes; one that has any must have all that its class requires, and no others.

use serde_json::{Value, json};
use tessera_proto::pb::assets::v1::{AssetClass, Attribute};

use super::error::AssetError;

/// Most attributes of an asset: more than any schema has.
const MAX_ATTRIBUTES: usize = 32;
/// Most characters of a number.
const MAX_DIGITS: usize = 40;

/// What the value of a field looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A text of at most so many bytes, without control characters.
    Text(usize),
    /// Digits, without leading zeros.
    Integer,
    /// Digits, perhaps with a point between them.
    Decimal,
    /// A day, like `2026-11-21`.
    Date,
    /// `true` or `false`.
    Bool,
    /// 32 bytes in lower-case hexadecimal digits.
    Hash,
    /// One of these.
    Choice(&'static [&'static str]),
}

/// One field of a schema.
struct Field {
    name: &'static str,
    form: Form,
    required: bool,
}

const fn required(name: &'static str, form: Form) -> Field {
    Field { name, form, required: true }
}

const fn optional(name: &'static str, form: Form) -> Field {
    Field { name, form, required: false }
}

const REAL_ESTATE: &[Field] = &[
    required("address", Form::Text(200)),
    required("area_m2", Form::Decimal),
    required("country", Form::Text(2)),
    optional("built", Form::Date),
    optional("cadastral_id", Form::Text(80)),
    required("use", Form::Choice(&["residential", "commercial", "industrial", "land", "mixed"])),
];
const COMMODITY: &[Field] = &[
    required("commodity", Form::Text(80)),
    required("weight_g", Form::Decimal),
    optional("assay_sha256", Form::Hash),
    optional("bar_number", Form::Text(80)),
    optional("fineness_permille", Form::Decimal),
    required("vault", Form::Text(200)),
];
const INTELLECTUAL_PROPERTY: &[Field] = &[
    required("kind", Form::Choice(&["patent", "copyright", "trademark", "design"])),
    required("office", Form::Text(80)),
    required("number", Form::Text(80)),
    optional("filed", Form::Date),
    optional("expires", Form::Date),
];
const DEVICE: &[Field] = &[
    required("maker", Form::Text(80)),
    required("model", Form::Text(80)),
    required("serial", Form::Text(80)),
    optional("commissioned", Form::Date),
    optional("power_w", Form::Integer),
    optional("site", Form::Text(200)),
];
const GOOD: &[Field] = &[
    required("description", Form::Text(200)),
    optional("batch", Form::Text(80)),
    optional("origin", Form::Text(2)),
    optional("serial", Form::Text(80)),
    optional("weight_g", Form::Decimal),
];
const COLLECTIBLE: &[Field] = &[
    required("creator", Form::Text(120)),
    required("content_sha256", Form::Hash),
    optional("created", Form::Date),
    optional("edition", Form::Integer),
    optional("physical", Form::Bool),
];
const CURRENCY: &[Field] = &[
    required("iso_4217", Form::Text(3)),
    required("redeemable", Form::Bool),
    optional("reserve_sha256", Form::Hash),
];
const FUND_SHARE: &[Field] = &[
    required("fund", Form::Text(120)),
    required("domicile", Form::Text(2)),
    optional("isin", Form::Text(12)),
    optional("inception", Form::Date),
    optional("distributing", Form::Bool),
];

fn fields(class: AssetClass) -> &'static [Field] {
    match class {
        AssetClass::RealEstate => REAL_ESTATE,
        AssetClass::Commodity => COMMODITY,
        AssetClass::IntellectualProperty => INTELLECTUAL_PROPERTY,
        AssetClass::Device => DEVICE,
        AssetClass::Good => GOOD,
        AssetClass::Collectible => COLLECTIBLE,
        AssetClass::Currency => CURRENCY,
        AssetClass::FundShare => FUND_SHARE,
        AssetClass::Unspecified => &[],
    }
}

/// Checks attributes against the schema of a class.
///
/// # Errors
/// In order of precedence: [`AssetError::Field`]; attribute by attribute
/// [`AssetError::AttributesNotSorted`], [`AssetError::AttributeUnknown`],
/// [`AssetError::AttributeInvalid`]; then [`AssetError::AttributeMissing`].
pub(super) fn check(class: AssetClass, attributes: &[Attribute]) -> Result<(), AssetError> {
    crate::modules::fields::count("attributes", attributes.len(), 0, MAX_ATTRIBUTES)?;
    let mut last: Option<&str> = None;
    for Attribute { name, value } in attributes {
        let path = || format!("attributes.{}", shown(name));
        if last.is_some_and(|last| last >= name.as_str()) {
            return Err(AssetError::AttributesNotSorted { path: path() });
        }
        last = Some(name);
        let Some(field) = fields(class).iter().find(|field| field.name == name) else {
            let known: Vec<&str> = fields(class).iter().map(|field| field.name).collect();
            return Err(AssetError::AttributeUnknown { path: path(), known: known.join(", ") });
        };
        if !field.form.allows(value) {
            let (value, expected) = (shown(value), field.form.to_words());
            return Err(AssetError::AttributeInvalid { path: path(), value, expected });
        }
    }
    let missing = fields(class)
        .iter()
        .find(|field| field.required && !attributes.iter().any(|one| one.name == field.name));
    match missing {
        Some(field) if !attributes.is_empty() => {
            let path = format!("attributes.{}", field.name);
            Err(AssetError::AttributeMissing { path, expected: field.form.to_words() })
        }
        _ => Ok(()),
    }
}

/// The schema of a class as a JSON Schema document, in the draft of 2020-12.
#[must_use]
pub fn json_schema(class: AssetClass) -> Value {
    let properties: serde_json::Map<String, Value> =
        fields(class).iter().map(|field| (field.name.to_owned(), field.form.to_json())).collect();
    let required: Vec<&str> =
        fields(class).iter().filter(|field| field.required).map(|field| field.name).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": tessera_proto::name::value_name(class.as_str_name(), "ASSET_CLASS_"),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

impl Form {
    fn allows(self, value: &str) -> bool {
        match self {
            Self::Text(max) => {
                (1..=max).contains(&value.len()) && !value.chars().any(char::is_control)
            }
            Self::Integer => is_integer(value),
            Self::Decimal => match value.split_once('.') {
                Some((whole, part)) => is_integer(whole) && is_digits(part),
                None => is_integer(value),
            },
            Self::Date => is_date(value),
            Self::Bool => ["true", "false"].contains(&value),
            Self::Hash => {
                value.len() == 64 && value.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
            }
            Self::Choice(choices) => choices.contains(&value),
        }
    }

    fn to_words(self) -> String {
        match self {
            Self::Text(max) => format!("a text of 1 to {max} bytes"),
            Self::Integer => "a whole number like 120".to_owned(),
            Self::Decimal => "a number like 120.5".to_owned(),
            Self::Date => "a date like 2026-11-21".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Hash => "64 hexadecimal digits in lower case".to_owned(),
            Self::Choice(choices) => format!("one of {}", choices.join(", ")),
        }
    }

    fn to_json(self) -> Value {
        match self {
            Self::Text(max) => json!({ "type": "string", "minLength": 1, "maxLength": max }),
            Self::Integer => json!({ "type": "string", "pattern": "^(0|[1-9][0-9]{0,39})$" }),
            Self::Decimal => {
                json!({ "type": "string", "pattern": "^(0|[1-9][0-9]{0,39})(\\.[0-9]{1,40})?$" })
            }
            Self::Date => json!({ "type": "string", "format": "date" }),
            Self::Bool => json!({ "type": "string", "enum": ["true", "false"] }),
            Self::Hash => json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
            Self::Choice(choices) => json!({ "type": "string", "enum": choices }),
        }
    }
}

fn is_digits(text: &str) -> bool {
    (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit())
}

fn is_integer(text: &str) -> bool {
    is_digits(text) && (text == "0" || !text.starts_with('0'))
}

/// Whether it is a day of the Gregorian calendar, written as in ISO 8601.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let number = |part: &str, length: usize| {
        let digits = part.len() == length && is_digits(part);
        digits.then(|| part.parse::<u32>().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2))
    else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// The beginning of a text that somebody sent, fit to be shown.
fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_allows_what_it_should() {
        for (form, good, bad) in [
            (Form::Text(3), &["a", "äb"][..], &["", "abcd", "a\n"][..]),
            (Form::Integer, &["0", "120"], &["", "01", "-1", "1.0", "1e3"]),
            (Form::Decimal, &["0", "0.5", "120.50"], &[".5", "5.", "1.2.3", "00.1"]),
            (Form::Date, &["2024-02-29", "2026-12-31"], &["2026-02-29", "2026-13-01", "26-1-1"]),
            (Form::Bool, &["true", "false"], &["yes", "True"]),
            (Form::Choice(&["a", "b"]), &["a"], &["c", ""]),
        ] {
            assert!(good.iter().all(|value| form.allows(value)), "{form:?}");
            assert!(!bad.iter().any(|value| form.allows(value)), "{form:?}");
        }
        assert!(Form::Hash.allows(&"0f".repeat(32)) && !Form::Hash.allows(&"0F".repeat(32)));
        assert!(!is_date("2100-02-29") && is_date("2000-02-29") && !is_date("2026-00-10"));
    }

    #[test]
    fn every_class_has_a_schema_with_something_required() {
        for number in 1..=8 {
            let class = AssetClass::try_from(number).unwrap();
            let schema = json_schema(class);
            assert!(!schema["required"].as_array().unwrap().is_empty(), "{class:?}");
            assert!(fields(class).len() <= MAX_ATTRIBUTES);
        }
    }
}
