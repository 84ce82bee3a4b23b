//! Fields that messages of all modules have, checked alike.

use std::sync::LazyLock;

use tessera_proto::amount::{Amount, AmountError};
use tessera_proto::id::{Address, AssetId};

/// Most digits of an amount.
const MAX_AMOUNT_DIGITS: usize = 39;

/// Backing of all fees: grows by topping up only, so that it always equals what it backs.
static FEE_POOL: LazyLock<Address> = LazyLock::new(Address::fee_pool);

/// What is wrong with a field, whatever the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// Nothing was given.
    #[error("`{field}` is missing")]
    Missing {
        /// Name of the field.
        field: &'static str,
    },
    /// Bytes of fixed length have another one.
    #[error("`{field}` has {found} bytes, expected {expected}")]
    WrongLength {
        /// Name of the field.
        field: &'static str,
        /// Bytes given.
        found: usize,
        /// Bytes needed.
        expected: usize,
    },
    /// Not a decimal number of base units.
    #[error(transparent)]
    NotAnAmount(#[from] AmountError),
    /// An amount that must be something is nothing.
    #[error("`{field}` is 0, give at least 1 base unit")]
    AmountMustNotBeZero {
        /// Name of the field.
        field: &'static str,
    },
    /// A text or bytes of variable length are too short or too long.
    #[error("`{field}` has {length} bytes, expected {min} to {max}")]
    Length {
        /// Name of the field.
        field: &'static str,
        /// Bytes given.
        length: usize,
        /// Fewest allowed.
        min: usize,
        /// Most allowed.
        max: usize,
    },
    /// A line break, an escape or another character that no text needs.
    #[error("`{field}` has the control character U+{found:04X}, remove it")]
    ControlCharacter {
        /// Name of the field.
        field: &'static str,
        /// Code point of the first one.
        found: u32,
    },
    /// A number outside its range.
    #[error("`{field}` is {value}, expected {min} to {max}")]
    OutOfRange {
        /// Name of the field.
        field: &'static str,
        /// The number given.
        value: i128,
        /// Least allowed.
        min: i128,
        /// Most allowed.
        max: i128,
    },
    /// A list with too few or too many entries.
    #[error("`{field}` has {count} entries, expected {min} to {max}")]
    Count {
        /// Name of the field.
        field: &'static str,
        /// Entries given.
        count: usize,
        /// Fewest allowed.
        min: usize,
        /// Most allowed.
        max: usize,
    },
    /// The fee pool was named as recipient.
    #[error("`{field}` is the fee pool, which takes no payments: top up fees instead")]
    RecipientIsFeePool {
        /// Name of the field.
        field: &'static str,
    },
}

impl FieldError {
    /// Stable number, the same in every codespace.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Missing { .. } => 1,
            Self::WrongLength { .. } => 2,
            Self::NotAnAmount(_) => 3,
            Self::AmountMustNotBeZero { .. } => 4,
            Self::Length { .. } => 5,
            Self::ControlCharacter { .. } => 6,
            Self::OutOfRange { .. } => 7,
            Self::Count { .. } => 8,
            Self::RecipientIsFeePool { .. } => 9,
        }
    }
}

type Checked<T> = Result<T, FieldError>;

/// Bytes of fixed length.
fn fixed<const N: usize>(field: &'static str, bytes: &[u8]) -> Checked<[u8; N]> {
    if bytes.is_empty() {
        return Err(FieldError::Missing { field });
    }
    let wrong_length = |_| FieldError::WrongLength { field, found: bytes.len(), expected: N };
    bytes.try_into().map_err(wrong_length)
}

/// Id of an asset.
pub(crate) fn asset_id(field: &'static str, bytes: &[u8]) -> Checked<AssetId> {
    fixed(field, bytes).map(AssetId::new)
}

/// Address of an account.
pub(crate) fn address(field: &'static str, bytes: &[u8]) -> Checked<Address> {
    fixed(field, bytes).map(Address::new)
}

/// Address of an account that may be given units: any but the fee pool.
pub(crate) fn recipient(field: &'static str, bytes: &[u8]) -> Checked<Address> {
    let address = address(field, bytes)?;
    if address == *FEE_POOL {
        return Err(FieldError::RecipientIsFeePool { field });
    }
    Ok(address)
}

/// Address of an account that may be left out.
pub(crate) fn optional_address(field: &'static str, bytes: &[u8]) -> Checked<Option<Address>> {
    if bytes.is_empty() { Ok(None) } else { address(field, bytes).map(Some) }
}

/// A SHA-256 hash, a public key or anything else of 32 bytes.
pub(crate) fn bytes32(field: &'static str, bytes: &[u8]) -> Checked<[u8; 32]> {
    fixed(field, bytes)
}

/// A signature.
pub(crate) fn bytes64(field: &'static str, bytes: &[u8]) -> Checked<[u8; 64]> {
    fixed(field, bytes)
}

/// A SHA-256 hash that may be left out.
pub(crate) fn optional_sha256(field: &'static str, bytes: &[u8]) -> Checked<Option<[u8; 32]>> {
    if bytes.is_empty() { Ok(None) } else { fixed(field, bytes).map(Some) }
}

/// An optional hash as it stands in messages: empty when left out.
pub(crate) fn optional_bytes(hash: Option<&[u8; 32]>) -> bytes::Bytes {
    hash.map(|hash| bytes::Bytes::copy_from_slice(hash)).unwrap_or_default()
}

/// An amount above zero.
pub(crate) fn amount(field: &'static str, text: &str) -> Checked<Amount> {
    if text.is_empty() {
        return Err(FieldError::Missing { field });
    }
    length(field, text.as_bytes(), 1, MAX_AMOUNT_DIGITS)?;
    let amount: Amount = text.parse()?;
    if amount.is_zero() {
        return Err(FieldError::AmountMustNotBeZero { field });
    }
    Ok(amount)
}

/// An amount that may be zero.
pub(crate) fn amount_or_zero(field: &'static str, text: &str) -> Checked<Amount> {
    if text == "0" { Ok(Amount::ZERO) } else { amount(field, text) }
}

/// Checks the number of bytes.
pub(crate) fn length(field: &'static str, bytes: &[u8], min: usize, max: usize) -> Checked<()> {
    let length = bytes.len();
    if !(min..=max).contains(&length) {
        return Err(FieldError::Length { field, length, min, max });
    }
    Ok(())
}

/// A text for people: not empty, at most `max` bytes, without control characters.
pub(crate) fn text(field: &'static str, text: String, max: usize) -> Checked<String> {
    if text.is_empty() {
        return Err(FieldError::Missing { field });
    }
    length(field, text.as_bytes(), 1, max)?;
    if let Some(found) = text.chars().find(|c| c.is_control()) {
        return Err(FieldError::ControlCharacter { field, found: u32::from(found) });
    }
    Ok(text)
}

/// A text for people that may be left out.
pub(crate) fn optional_text(field: &'static str, text: String, max: usize) -> Checked<String> {
    if text.is_empty() { Ok(text) } else { self::text(field, text, max) }
}

/// Checks that a number is within `min..=max`.
pub(crate) fn range<T>(field: &'static str, value: T, min: T, max: T) -> Checked<T>
where
    T: Copy + PartialOrd + Into<i128>,
{
    if value < min || value > max {
        let (value, min, max) = (value.into(), min.into(), max.into());
        return Err(FieldError::OutOfRange { field, value, min, max });
    }
    Ok(value)
}

/// Checks the number of entries of a list.
pub(crate) fn count(field: &'static str, count: usize, min: usize, max: usize) -> Checked<()> {
    if !(min..=max).contains(&count) {
        return Err(FieldError::Count { field, count, min, max });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_refuses_with_its_code() {
        let too_large = u128::MAX.to_string();
        let refused: [(FieldError, u32); 14] = [
            (asset_id("asset", &[]).unwrap_err(), 1),
            (amount("amount", "").unwrap_err(), 1),
            (text("title", String::new(), 5).unwrap_err(), 1),
            (asset_id("asset", &[0; 15]).unwrap_err(), 2),
            (address("to", &[0; 21]).unwrap_err(), 2),
            (optional_sha256("memo", &[0; 31]).unwrap_err(), 2),
            (amount("amount", "1.5").unwrap_err(), 3),
            (amount("amount", &too_large).unwrap_err(), 3),
            (amount("amount", "0").unwrap_err(), 4),
            (amount("amount", &"1".repeat(40)).unwrap_err(), 5),
            (text("title", "a\u{1b}[0m".to_owned(), 5).unwrap_err(), 6),
            (range("decimals", 19, 0, 18).unwrap_err(), 7),
            (count("legs", 0, 1, 256).unwrap_err(), 8),
            (recipient("to", Address::fee_pool().as_bytes()).unwrap_err(), 9),
        ];
        for (error, code) in refused {
            assert_eq!(error.code(), code, "{error}");
        }
    }

    #[test]
    fn what_is_well_formed_passes() {
        assert_eq!(optional_sha256("memo", &[]), Ok(None));
        assert_eq!(optional_sha256("memo", &[7; 32]), Ok(Some([7; 32])));
        assert_eq!(amount("amount", &Amount::MAX.to_string()), Ok(Amount::MAX));
        assert_eq!(text("title", "Villa Ardèche".to_owned(), 20).as_deref(), Ok("Villa Ardèche"));
    }
}
