//! Identifiers: fixed-width bytes in the state, bech32m text for people.

use std::fmt;
use std::str::FromStr;

use bech32::{Bech32m, Hrp};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::hash::sha256_of;
use crate::pb::accounts::v1::{PublicKey, public_key};

/// Why an identifier could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not bech32m at all.
    #[error("`{text}` is not a valid {expected}… identifier: a character is wrong or missing")]
    NotBech32m {
        /// What was given.
        text: String,
        /// The prefix that was expected.
        expected: &'static str,
    },
    /// Bech32m of something else.
    #[error("`{text}` begins with `{found}`, expected an identifier that begins with `{expected}`")]
    WrongPrefix {
        /// What was given.
        text: String,
        /// The prefix that it has.
        found: String,
        /// The prefix that was expected.
        expected: &'static str,
    },
    /// The right kind with the wrong number of bytes.
    #[error("identifier has {found} bytes, expected {expected}")]
    WrongLength {
        /// Bytes given.
        found: usize,
        /// Bytes needed.
        expected: usize,
    },
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $length:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name([u8; $length]);

        impl $name {
            /// Number of bytes.
            pub const LENGTH: usize = $length;
            /// Human-readable prefix of the text form.
            pub const PREFIX: &'static str = $prefix;

            /// An identifier with these bytes.
            #[must_use]
            pub const fn new(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// The bytes as they stand in messages.
            #[must_use]
            pub fn to_bytes(self) -> bytes::Bytes {
                bytes::Bytes::copy_from_slice(&self.0)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = IdError;

            fn try_from(bytes: &[u8]) -> Result<Self, IdError> {
                let fixed = bytes.try_into().map_err(|_| IdError::WrongLength {
                    found: bytes.len(),
                    expected: $length,
                })?;
                Ok(Self(fixed))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                decode_bech32m(text, $prefix)?.as_slice().try_into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                bech32::encode_to_fmt::<Bech32m, _>(
                    formatter,
                    const { Hrp::parse_unchecked($prefix) },
                    &self.0,
                )
                .map_err(|_| fmt::Error)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

identifier! {
    /// Address of an account, shown as `tsr1…`.
    ///
    /// The first 20 bytes of SHA-256("tessera/address" || key type || first public key), so it
    /// stays when keys are rotated; or derived from an asset for the accounts that no key
    /// controls ([`Address::treasury`], [`Address::income_pool`],
    /// [`Address::pool_account`]).
    Address, 20, "tsr"
}

identifier! {
    /// Id of an asset, shown as `asset1…`.
    AssetId, 16, "asset"
}

/// Key type byte of Ed25519 in address derivation.
const KEY_TYPE_ED25519: u8 = 1;

impl Address {
    /// Address of the account whose first key is this Ed25519 key.
    #[must_use]
    pub fn from_ed25519(public_key: &[u8; 32]) -> Self {
        Self::derive(&[b"tessera/address", &[KEY_TYPE_ED25519], public_key])
    }

    /// Address of the account whose first key is this one; none for a malformed key.
    #[must_use]
    pub fn from_public_key(public_key: &PublicKey) -> Option<Self> {
        match public_key.key.as_ref()? {
            public_key::Key::Ed25519(bytes) => {
                bytes.as_ref().try_into().ok().map(Self::from_ed25519)
            }
        }
    }

    /// Treasury of an asset: spent only by the vote of its holders.
    #[must_use]
    pub fn treasury(asset: &AssetId) -> Self {
        Self::derive(&[b"tessera/treasury", asset.as_bytes()])
    }

    /// Where income of an asset lies until its holders claim it.
    #[must_use]
    pub fn income_pool(asset: &AssetId) -> Self {
        Self::derive(&[b"tessera/income", asset.as_bytes()])
    }

    /// Where royalties of an asset lie until the recipients of a list claim them.
    #[must_use]
    pub fn royalty_pool(asset: &AssetId) -> Self {
        Self::derive(&[b"tessera/royalty", asset.as_bytes()])
    }

    /// Where distribution `number` of an asset lies until its holders of record are paid.
    #[must_use]
    pub fn distribution_pool(asset: &AssetId, number: u64) -> Self {
        Self::derive(&[b"tessera/distribution", asset.as_bytes(), &number.to_be_bytes()])
    }

    /// Where deposits of proposals of an asset lie until these are closed.
    #[must_use]
    pub fn deposit_pool(asset: &AssetId) -> Self {
        Self::derive(&[b"tessera/deposits", asset.as_bytes()])
    }

    /// Where the grant of proposal `number` of an asset lies until it is paid.
    #[must_use]
    pub fn grant_pool(asset: &AssetId, number: u64) -> Self {
        Self::derive(&[b"tessera/grant", asset.as_bytes(), &number.to_be_bytes()])
    }

    /// What a pool keeps of its members; moved by the rules of pools only.
    #[must_use]
    pub fn pool_account(asset: &AssetId) -> Self {
        Self::derive(&[b"tessera/pool", asset.as_bytes()])
    }

    /// Backing of all prepaid and collected fees.
    #[must_use]
    pub fn fee_pool() -> Self {
        Self::derive(&[b"tessera/fees"])
    }

    fn derive(parts: &[&[u8]]) -> Self {
        Self(hash_prefix(parts))
    }
}

impl AssetId {
    /// Id of the asset that `creator` registers with `salt`.
    #[must_use]
    pub fn derive(creator: &Address, salt: &[u8]) -> Self {
        Self(hash_prefix(&[b"tessera/asset", creator.as_bytes(), salt]))
    }
}

fn hash_prefix<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut prefix = [0; N];
    for (to, from) in prefix.iter_mut().zip(sha256_of(parts)) {
        *to = from;
    }
    prefix
}

fn decode_bech32m(text: &str, expected: &'static str) -> Result<Vec<u8>, IdError> {
    let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(text)
        .map_err(|_| IdError::NotBech32m { text: text.to_owned(), expected })?;
    let found = checked.hrp();
    if found.as_str() != expected {
        return Err(IdError::WrongPrefix {
            text: text.to_owned(),
            found: found.to_string(),
            expected,
        });
    }
    Ok(checked.byte_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_detects_typos() {
        let address = Address::from_ed25519(&[7; 32]);
        let text = address.to_string();
        assert!(text.starts_with("tsr1"));
        assert_eq!(text.parse::<Address>(), Ok(address));
        let typo = text.replace(&text[10..11], if &text[10..11] == "q" { "p" } else { "q" });
        assert!(matches!(typo.parse::<Address>(), Err(IdError::NotBech32m { .. })));
        assert!(matches!(text.parse::<AssetId>(), Err(IdError::WrongPrefix { .. })));
    }
}
