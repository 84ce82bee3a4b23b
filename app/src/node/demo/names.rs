//! Names that people know, instead of addresses and ids.

use std::collections::BTreeMap;

use tessera_proto::id::{Address, AssetId};

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
