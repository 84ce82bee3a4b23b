//! Lines and cells of a CSV file.

use csv::{ByteRecord, ReaderBuilder, Trim};

use super::error::{Flaw, FlawKind};

/// A file whose column names are right.
pub(super) struct Table {
    file: &'static str,
    columns: &'static [&'static str],
    /// Where each of `columns` stands in a line.
    positions: Vec<usize>,
    /// Lines below the column names, each with its number.
    records: Vec<(u64, ByteRecord)>,
}

/// A line with as many cells as there are columns.
pub(super) struct Line<'a> {
    table: &'a Table,
    record: &'a ByteRecord,
    number: u64,
}

impl Table {
    /// Reads a file. None when it cannot be understood at all; `flaws` then says why.
    pub(super) fn read(
        file: &'static str,
        columns: &'static [&'static str],
        bytes: &Result<Vec<u8>, String>,
        flaws: &mut Vec<Flaw>,
    ) -> Option<Self> {
        let whole = |kind| Flaw { file, line: None, column: None, kind };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(reason) => {
                flaws.push(whole(FlawKind::Unreadable(reason.clone())));
                return None;
            }
        };
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(Trim::None)
            .from_reader(bytes.as_slice());
        let mut line_numbers = LineNumbers { bytes, offset: 0, line: 1 };
        let mut records = reader
            .byte_records()
            .filter_map(Result::ok)
            .map(|record| (line_numbers.of(&record), record));
        let Some(header) = records.next() else {
            flaws.push(whole(FlawKind::EmptyFile(columns.join(","))));
            return None;
        };
        let positions = positions(file, columns, &header, flaws)?;
        let records = records.collect();
        Some(Self { file, columns, positions, records })
    }

    /// The lines below the column names; those with another number of cells become flaws.
    pub(super) fn lines<'a>(&'a self, flaws: &mut Vec<Flaw>) -> Vec<Line<'a>> {
        let expected = self.columns.len();
        let mut lines = Vec::with_capacity(self.records.len());
        for (number, record) in &self.records {
            let found = record.len();
            if found == expected {
                lines.push(Line { table: self, record, number: *number });
            } else {
                let kind = FlawKind::CellCount { found, expected };
                flaws.push(Flaw { file: self.file, line: Some(*number), column: None, kind });
            }
        }
        lines
    }
}

/// Finds the line that a record begins on. The reader's own count is off after `\r\n` and blank
/// lines.
struct LineNumbers<'a> {
    bytes: &'a [u8],
    offset: usize,
    line: u64,
}

impl LineNumbers<'_> {
    /// Records must be asked for in their order.
    fn of(&mut self, record: &ByteRecord) -> u64 {
        let start = record.position().map_or(0, csv::Position::byte);
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        while let Some(byte) = self.bytes.get(self.offset) {
            let ends_line = match byte {
                b'\n' => true,
                b'\r' => self.bytes.get(self.offset.saturating_add(1)) != Some(&b'\n'),
                _ => false,
            };
            let is_break = ends_line || *byte == b'\r';
            if self.offset >= start && !is_break {
                break;
            }
            self.line = self.line.saturating_add(u64::from(ends_line));
            self.offset = self.offset.saturating_add(1);
        }
        self.line
    }
}

/// Where each column stands, in any order; none when the column names are wrong.
fn positions(
    file: &'static str,
    columns: &'static [&'static str],
    (line, header): &(u64, ByteRecord),
    flaws: &mut Vec<Flaw>,
) -> Option<Vec<usize>> {
    let line = Some(*line);
    let before = flaws.len();
    let mut flaw = |column: Option<String>, kind| flaws.push(Flaw { file, line, column, kind });
    let names: Vec<String> =
        header.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
    for (index, name) in names.iter().enumerate() {
        if !columns.contains(&name.as_str()) {
            let expected = columns.join(", ");
            flaw(None, FlawKind::UnknownColumn { found: name.clone(), expected });
        } else if names.iter().take(index).any(|earlier| earlier == name) {
            flaw(Some(name.clone()), FlawKind::RepeatedColumn(name.clone()));
        }
    }
    let mut positions = Vec::with_capacity(columns.len());
    for column in columns {
        match names.iter().position(|name| name == column) {
            Some(position) => positions.push(position),
            None => flaw(None, FlawKind::MissingColumn(column)),
        }
    }
    (flaws.len() == before).then_some(positions)
}

impl Line<'_> {
    /// Line in the file, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Something that is wrong with a column of this line.
    pub(super) fn flaw(&self, column: &str, kind: impl Into<FlawKind>) -> Flaw {
        let (file, line) = (self.table.file, Some(self.number));
        Flaw { file, line, column: Some(column.to_owned()), kind: kind.into() }
    }

    /// The text of a cell, as `read` understands it.
    pub(super) fn cell<T>(
        &self,
        column: &'static str,
        flaws: &mut Vec<Flaw>,
        read: impl FnOnce(&str) -> Result<T, FlawKind>,
    ) -> Option<T> {
        let index = self.table.columns.iter().position(|name| *name == column);
        let position = index.and_then(|index| self.table.positions.get(index));
        let bytes = position.and_then(|position| self.record.get(*position)).unwrap_or_default();
        let text = std::str::from_utf8(bytes)
            .map_err(|error| FlawKind::NotUtf8(error.valid_up_to().saturating_add(1)));
        match text.and_then(read) {
            Ok(value) => Some(value),
            Err(kind) => {
                flaws.push(self.flaw(column, kind));
                None
            }
        }
    }
}
