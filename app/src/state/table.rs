//! The tables of the database.

/// What is kept, by table. Integers in keys are big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Inner tree nodes: shard (1 byte), length of the path (1), nibbles of the path (2 each).
    Nodes,
    /// Latest value by key hash: height of the last change, presence, key, value.
    Values,
    /// Height and index of receipts by transaction id.
    Transactions,
    /// Indexes of receipts (4 each) by subject (account or asset id) and height (8).
    ReceiptsBySubject,
    /// Trees in [`Table::Nodes`] by shard (1): height (8), hash of the root (32).
    Trees,
    /// What a block replaced: shard (1), height (8) to older values.
    History,
    /// Keys present in the latest state, for lists.
    Keys,
    /// Holdings by holder: account (20), asset (16).
    HoldingsByAccount,
    /// Shard roots by height (8): which of them changed, and all their hashes.
    Roots,
    /// Receipts by height (8) and index (4) of the first of those stored together.
    Receipts,
    /// Blocks by height: time, counts and transaction ids.
    Blocks,
    /// Entries of other tables that are not there yet, by number (8) of their log.
    Log,
    /// Single facts about the database.
    Meta,
}

/// The tables whose entries gather, first of [`Table::ALL`].
pub(super) const GATHERED: [Table; 4] =
    [Table::Nodes, Table::Values, Table::Transactions, Table::ReceiptsBySubject];

impl Table {
    /// All tables, by number.
    pub(super) const ALL: [Self; 13] = [
        Self::Nodes,
        Self::Values,
        Self::Transactions,
        Self::ReceiptsBySubject,
        Self::Trees,
        Self::History,
        Self::Keys,
        Self::HoldingsByAccount,
        Self::Roots,
        Self::Receipts,
        Self::Blocks,
        Self::Log,
        Self::Meta,
    ];

    /// Its number in entries of batches and logs, and its name in the database.
    const fn identity(self) -> (u8, &'static str) {
        match self {
            Self::Nodes => (0, "nodes"),
            Self::Values => (1, "values"),
            Self::Transactions => (2, "transactions"),
            Self::ReceiptsBySubject => (3, "receipts_by_subject"),
            Self::Trees => (4, "trees"),
            Self::History => (5, "history"),
            Self::Keys => (6, "keys"),
            Self::HoldingsByAccount => (7, "holdings_by_account"),
            Self::Roots => (8, "roots"),
            Self::Receipts => (9, "receipts"),
            Self::Blocks => (10, "blocks"),
            Self::Log => (11, "log"),
            Self::Meta => (12, "meta"),
        }
    }

    /// Its number in entries of batches and logs.
    pub(super) const fn number(self) -> u8 {
        self.identity().0
    }

    /// The table of a number.
    pub(super) fn numbered(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Its name in the database.
    pub(super) const fn name(self) -> &'static str {
        self.identity().1
    }

    /// Whether its entries gather before they go into it.
    pub(super) fn gathers(self) -> bool {
        usize::from(self.number()) < GATHERED.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_by_their_numbers() {
        for table in Table::ALL {
            assert_eq!(Table::numbered(table.number()), Some(table));
            assert_eq!(table.gathers(), GATHERED.contains(&table), "{table:?}");
        }
        assert_eq!(Table::numbered(13), None);
    }
}
