//! Names that people know, instead of addresses and ids.

use std::collections::BTreeMap;

use tessera_proto::id::{Address, AssetId};

/// A word longer than this is a hash or a key.
const LONG_WORD: usize = 24;
/// Characters of it that are shown.
const SHOWN_CHARACTERS: usize = 12;

/// A sentence with its hashes and keys cut.
pub(super) fn short(text: &str) -> String {
    let cut = |word: &str| match word.len() > LONG_WORD {
        true => word.chars().take(SHOWN_CHARACTERS).chain(['…']).collect(),
        false => word.to_owned(),
    };
    text.split(' ').map(cut).collect::<Vec<String>>().join(" ")
}

/// Accounts and assets by name.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_text: BTreeMap<String, String>,
}

impl Names {
    pub(super) fn account(&mut self, address: &Address, name: impl Into<String>) {
        self.by_text.insert(address.to_string(), name.into());
    }

    pub(super) fn asset(&mut self, id: &AssetId, name: impl Into<String>) {
        self.by_text.insert(id.to_string(), name.into());
    }

    /// The name of an account, or its address.
    pub(super) fn of(&self, address: &Address) -> String {
        self.in_text(&address.to_string())
    }

    /// A sentence with names instead of addresses and ids.
    pub(super) fn in_text(&self, text: &str) -> String {
        let replace = |text: String, (known, name): (&String, &String)| text.replace(known, name);
        self.by_text.iter().fold(text.to_owned(), replace)
    }
}
