//! Names of assets, as people choose and type them.

use crate::pb::assets::v1::{AssetStatus, Role};
use crate::pb::votes::v1::{ProposalStatus, VoteChoice};

/// Fewest characters of an asset name.
pub const MIN_ASSET_NAME_LENGTH: usize = 3;
/// Most characters of an asset name.
pub const MAX_ASSET_NAME_LENGTH: usize = 40;
/// Beginning of every written asset id; a name with it could pass for the id of another asset.
const RESERVED_PREFIX: &str = "asset1";

/// Why a name cannot be the name of an asset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Too few or too many characters.
    #[error(
        "name `{name}` has {length} characters, choose {MIN_ASSET_NAME_LENGTH} to \
         {MAX_ASSET_NAME_LENGTH}"
    )]
    Length {
        /// The name, cut after [`MAX_ASSET_NAME_LENGTH`] characters.
        name: String,
        /// How many characters it has.
        length: usize,
    },
    /// Something else than lower case letters, digits and hyphens.
    #[error("name `{name}` has the character `{found}`, use only a-z, 0-9 and hyphens")]
    Character {
        /// The name.
        name: String,
        /// The first character that may not stand in it.
        found: char,
    },
    /// A hyphen at the beginning, at the end or beside another.
    #[error("name `{name}` has a misplaced hyphen, use single hyphens between letters or digits")]
    Hyphen {
        /// The name.
        name: String,
    },
    /// Begins as asset ids do.
    #[error("name `{name}` begins with `{RESERVED_PREFIX}` as asset ids do, choose another")]
    LooksLikeId {
        /// The name.
        name: String,
    },
}

/// A status as people read it, e.g. `suspended`.
#[must_use]
pub fn status_name(status: AssetStatus) -> String {
    value_name(status.as_str_name(), "ASSET_STATUS_")
}

/// A role as people read it, e.g. `minter`.
#[must_use]
pub fn role_name(role: Role) -> String {
    value_name(role.as_str_name(), "ROLE_")
}

/// An answer in a vote as people read it, e.g. `abstain`.
#[must_use]
pub fn choice_name(choice: VoteChoice) -> String {
    value_name(choice.as_str_name(), "VOTE_CHOICE_")
}

/// Where a proposal stands as people read it, e.g. `voting`.
#[must_use]
pub fn proposal_status_name(status: ProposalStatus) -> String {
    value_name(status.as_str_name(), "PROPOSAL_STATUS_")
}

/// The name of an enum value without what all values have in common, e.g. `real-estate`.
#[must_use]
pub fn value_name(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase().replace('_', "-")
}

/// Checks that a name may be given to an asset: 3 to 40 characters of a-z, 0-9 and single inner
/// hyphens, not beginning with `asset1`.
///
/// ```
/// use tessera_proto::name::check_asset_name;
///
/// assert!(check_asset_name("villa-ardeche").is_ok());
/// assert!(check_asset_name("Villa Ardèche").is_err());
/// ```
///
/// # Errors
/// In order of precedence: [`NameError::Length`], [`NameError::Character`],
/// [`NameError::Hyphen`], [`NameError::LooksLikeId`].
pub fn check_asset_name(name: &str) -> Result<(), NameError> {
    let length = name.chars().count();
    if !(MIN_ASSET_NAME_LENGTH..=MAX_ASSET_NAME_LENGTH).contains(&length) {
        let name = name.chars().take(MAX_ASSET_NAME_LENGTH).collect();
        return Err(NameError::Length { name, length });
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if let Some(found) = name.chars().find(|c| !allowed(*c)) {
        return Err(NameError::Character { name: name.to_owned(), found });
    }
    if name.split('-').any(str::is_empty) {
        return Err(NameError::Hyphen { name: name.to_owned() });
    }
    if name.starts_with(RESERVED_PREFIX) {
        return Err(NameError::LooksLikeId { name: name.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::AssetId;

    #[test]
    fn names_that_people_would_choose_are_accepted() {
        for name in ["abc", "usdx", "villa-ardeche", "gold-1-oz", "007", &"a".repeat(40)] {
            assert_eq!(check_asset_name(name), Ok(()));
        }
    }

    #[test]
    fn each_rule_refuses_in_order_of_precedence() {
        let id = AssetId::new([7; 16]).to_string();
        let long = "Ä".repeat(41);
        let name = |name: &str| name.to_owned();
        for (given, expected) in [
            ("", NameError::Length { name: name(""), length: 0 }),
            ("a-", NameError::Length { name: name("a-"), length: 2 }),
            (&long, NameError::Length { name: "Ä".repeat(40), length: 41 }),
            ("-Gold", NameError::Character { name: name("-Gold"), found: 'G' }),
            ("gold bar", NameError::Character { name: name("gold bar"), found: ' ' }),
            ("göld", NameError::Character { name: name("göld"), found: 'ö' }),
            ("-gold", NameError::Hyphen { name: name("-gold") }),
            ("gold-", NameError::Hyphen { name: name("gold-") }),
            ("gold--bar", NameError::Hyphen { name: name("gold--bar") }),
            (&id, NameError::LooksLikeId { name: id.clone() }),
        ] {
            assert_eq!(check_asset_name(given), Err(expected));
        }
    }
}
