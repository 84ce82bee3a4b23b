//! What can be wrong with the files of a register.

use std::fmt;

use tessera_proto::amount::AmountError;
use tessera_proto::name::NameError;

/// Why a line, or a file, is bad.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlawKind {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// Nothing is in the file.
    #[error("is empty, expected a line of column names: {0}")]
    EmptyFile(String),
    /// Column names, but no line below them.
    #[error("has no lines below its column names, expected at least one asset")]
    NoLines,
    /// A column that must be there is not.
    #[error("has no column `{0}`")]
    MissingColumn(&'static str),
    /// A column that no register has.
    #[error("`{found}` is not a column of this file, expected {expected}")]
    UnknownColumn {
        /// What was found.
        found: String,
        /// The columns that the file has.
        expected: String,
    },
    /// A column twice.
    #[error("column `{0}` appears more than once")]
    RepeatedColumn(String),
    /// A line that is longer or shorter than the line of column names.
    #[error("the line has {found} cells, expected {expected}")]
    CellCount {
        /// Cells of the line.
        found: usize,
        /// Columns of the file.
        expected: usize,
    },
    /// Bytes that are not text.
    #[error("is not UTF-8 text (byte {0} of the cell)")]
    NotUtf8(usize),
    /// A cell that must say something.
    #[error("is empty")]
    Empty,
    /// A text that is too long.
    #[error("has {length} bytes, at most {max} are allowed")]
    TooLong {
        /// Bytes given.
        length: usize,
        /// Most allowed.
        max: usize,
    },
    /// Spaces around, or a control character in a text.
    #[error("`{0}` begins or ends with a space or has a control character")]
    NotPlain(String),
    /// Not a name that an asset may have.
    #[error(transparent)]
    BadName(#[from] NameError),
    /// The name of an earlier line.
    #[error("asset `{name}` is on line {first_line} already")]
    RepeatedAsset {
        /// Name of the asset.
        name: String,
        /// Where it was first.
        first_line: u64,
    },
    /// Not a class.
    #[error("`{found}` is not a class, expected one of {expected}")]
    UnknownClass {
        /// What was found.
        found: String,
        /// All classes.
        expected: String,
    },
    /// Not a number of decimals.
    #[error("`{0}` is not a number of decimals from 0 to 18")]
    BadDecimals(String),
    /// Not an amount, or one with too many decimals.
    #[error("{}", amount_in_words(.0))]
    BadAmount(#[from] AmountError),
    /// An amount that must be something is nothing.
    #[error("is 0, expected more")]
    Zero,
    /// Not a SHA-256 hash.
    #[error("`{0}` is not a SHA-256 hash: expected 64 hexadecimal digits")]
    BadHash(String),
    /// Not a date.
    #[error("`{0}` is not a date like 2026-03-31")]
    BadDate(String),
    /// A date that is still to come.
    #[error("{0} is in the future")]
    FutureDate(String),
    /// Not a royalty split.
    #[error("`{0}` is not a part of a split: expected `recipient=basis points`, with `;` between")]
    BadSplit(String),
    /// A recipient twice in a split.
    #[error("`{0}` appears more than once in the split")]
    RepeatedRecipient(String),
    /// A split that is not the whole.
    #[error("the parts add up to {0} basis points, expected 10000")]
    SplitNotWhole(u64),
    /// A split with too many recipients.
    #[error("the split has {0} recipients, at most 64 are allowed")]
    TooManyRecipients(usize),
    /// An asset that `assets.csv` does not have.
    #[error("no asset is named `{0}` in assets.csv")]
    UnknownAsset(String),
    /// A label that the import itself uses.
    #[error("`{0}` is an account of the import itself, use another label")]
    ReservedLabel(String),
    /// The same holder of the same asset again.
    #[error("`{holder}` holds `{asset}` on line {first_line} already, add the units up")]
    RepeatedHolder {
        /// The holder.
        holder: String,
        /// Name of the asset.
        asset: String,
        /// Where it was first.
        first_line: u64,
    },
    /// Together with the lines before more than may exist.
    #[error("with this line {total} of `{asset}` are held, its maximum supply is {max_supply}")]
    Oversubscribed {
        /// Name of the asset.
        asset: String,
        /// Units held up to this line.
        total: String,
        /// Most units that may exist.
        max_supply: String,
    },
    /// Not a kind of payment.
    #[error("`{0}` is not a kind of payment, expected income or royalty")]
    UnknownKind(String),
    /// Income for nobody.
    #[error("`{0}` has no holders in holders.csv, so nobody could receive its income")]
    NoHolders(String),
    /// A royalty without a split.
    #[error("`{0}` has no royalty_split in assets.csv, so nobody could receive its royalties")]
    NoSplit(String),
    /// More money than there can be.
    #[error("with this line more is paid than can exist of the currency")]
    PaymentsTooLarge,
}

fn amount_in_words(error: &AmountError) -> String {
    match error {
        AmountError::NotANumber(text) => {
            format!("`{text}` is not a number like 1500 or 12.50")
        }
        AmountError::TooLarge(_) | AmountError::TooPrecise { .. } => error.to_string(),
    }
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Name of the file.
    pub file: &'static str,
    /// Line, from 1; none for the file as a whole.
    pub line: Option<u64>,
    /// Name of the column; none for the line as a whole.
    pub column: Option<String>,
    /// What is wrong.
    pub kind: FlawKind,
}

impl fmt::Display for Flaw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, kind } = self;
        write!(formatter, "{file}")?;
        if let Some(line) = line {
            write!(formatter, ":{line}")?;
        }
        if let Some(column) = column {
            write!(formatter, " {column}")?;
        }
        write!(formatter, ": {kind}")
    }
}

/// Everything that is wrong with a register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaws {
    /// File by file, in the order of lines; never empty.
    pub list: Vec<Flaw>,
}

impl Flaws {
    pub(super) fn new(mut list: Vec<Flaw>) -> Self {
        list.sort_by_key(|flaw| (flaw.file, flaw.line));
        Self { list }
    }
}

impl fmt::Display for Flaws {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.list.iter().map(|flaw| format!("  {flaw}")).collect();
        write!(formatter, "{}", lines.join("\n"))
    }
}

impl std::error::Error for Flaws {}
