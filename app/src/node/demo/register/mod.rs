//! A register as three CSV files: assets, holders and payments.
//!
//! The files are read as a whole before anything is done with them, and everything that is wrong
//! is reported at once, each with its file, line and column.

mod assets;
mod cells;
mod error;
mod holders;
mod payments;
mod table;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use tendermint::Time;

pub use assets::{Appraisal, AssetRow};
pub(crate) use cells::class_label;
pub use error::{Flaw, FlawKind, Flaws};
pub use holders::HolderRow;
pub use payments::{PaymentKind, PaymentRow};

/// Decimals of the currency that appraisals and payments are in.
pub const CURRENCY_DECIMALS: u32 = 6;
/// Labels that the import keeps for its own accounts.
pub const RESERVED_LABELS: [&str; 2] =
    [tessera_genesis::dev::ISSUER, tessera_genesis::dev::APPRAISER];

/// A register without flaws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// The assets, in the order of the file.
    pub assets: Vec<AssetRow>,
    /// Who holds what, in the order of the file.
    pub holders: Vec<HolderRow>,
    /// What is paid, in the order of the file.
    pub payments: Vec<PaymentRow>,
}

/// The bytes of the three files, or why they could not be read.
pub(crate) struct Files {
    pub(crate) assets: Result<Vec<u8>, String>,
    pub(crate) holders: Result<Vec<u8>, String>,
    pub(crate) payments: Result<Vec<u8>, String>,
}

impl Register {
    /// Reads the files `assets.csv`, `holders.csv` and `payments.csv` of a folder.
    ///
    /// # Errors
    /// Everything that is wrong with them, file by file and in the order of their lines.
    pub fn read(folder: &Path, now: Time) -> Result<Self, Flaws> {
        let read = |name: &str| fs::read(folder.join(name)).map_err(|error| error.to_string());
        let files = Files {
            assets: read(assets::FILE),
            holders: read(holders::FILE),
            payments: read(payments::FILE),
        };
        Self::parse(&files, now)
    }

    pub(crate) fn parse(files: &Files, now: Time) -> Result<Self, Flaws> {
        let mut flaws = Vec::new();
        let assets = assets::read(&files.assets, now, &mut flaws);
        let holders = holders::read(&files.holders, &assets, &mut flaws);
        let payments = payments::read(&files.payments, &assets, &holders, &mut flaws);
        if !flaws.is_empty() {
            return Err(Flaws::new(flaws));
        }
        Ok(Self { assets: assets.into_values(), holders: holders.rows, payments })
    }
}
