//! The only place that prints. Data goes to standard output, everything else to standard error.
#![expect(clippy::print_stderr, reason = "this is where printing is done")]

use std::io::{self, BufRead, IsTerminal, Write};

use serde_json::Value;

use super::failure::Failure;

const GREEN: &str = "32";
const RED: &str = "31";
const BOLD: &str = "1";

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    color: bool,
}

/// What a command has to say, for programs and for people.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// One object, or one for each line.
    pub(crate) records: Vec<Value>,
    /// The same for people.
    pub(crate) blocks: Vec<Block>,
}

/// A part of a report for people.
#[derive(Debug)]
pub(crate) enum Block {
    /// Something has been done or holds.
    Success(String),
    /// Something has been refused.
    Failure(String),
    /// Plain text.
    Line(String),
    /// Names and values, aligned.
    Fields(Vec<(&'static str, String)>),
    /// A table; columns whose heading begins with `>` are aligned to the right.
    Table(Vec<&'static str>, Vec<Vec<String>>),
}

impl Report {
    /// One object with its text.
    pub(crate) fn new(record: Value, blocks: Vec<Block>) -> Self {
        Self { records: vec![record], blocks }
    }
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool, no_color: bool) -> Self {
        let wanted = !no_color && std::env::var_os("NO_COLOR").is_none();
        Self { json, quiet, color: wanted && !json && io::stdout().is_terminal() }
    }

    /// Prints a report.
    pub(crate) fn report(self, report: &Report) {
        let text = if self.json {
            report.records.iter().map(|record| format!("{record}\n")).collect()
        } else {
            self.text(&report.blocks)
        };
        let mut stdout = io::stdout().lock();
        // A reader that has seen enough closes the pipe: no error of ours.
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }

    /// Prints an error.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            eprintln!("{}", failure.to_json());
            return;
        }
        let head = self.paint_stderr(RED, &format!("error[{}]", failure.error.code()));
        eprintln!("{head}: {}", failure.error);
        if let Some(text) = &failure.retold {
            eprintln!("  {text}");
        }
        for line in &failure.help {
            eprintln!("  help: {line}");
        }
    }

    /// Tells something beside the data.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            eprintln!("{text}");
        }
    }

    /// Whether somebody can be asked and told of progress.
    pub(crate) fn is_interactive(self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Shows what a question is about.
    pub(crate) fn preview(self, fields: &[(&'static str, String)]) {
        if !self.quiet && !self.json {
            eprint!("{}", aligned(fields, self));
        }
    }

    /// Asks; anything but yes is no.
    pub(crate) fn confirm(self, question: &str) -> bool {
        eprint!("{question} [y/N] ");
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
    }

    fn text(self, blocks: &[Block]) -> String {
        let block = |block: &Block| match block {
            Block::Success(text) => format!("{} {text}\n", self.paint(GREEN, "✔")),
            Block::Failure(text) => format!("{} {text}\n", self.paint(RED, "✘")),
            Block::Line(text) => format!("{text}\n"),
            Block::Fields(fields) => aligned(fields, self),
            Block::Table(headings, rows) => table(headings, rows, self),
        };
        blocks.iter().map(block).collect()
    }

    fn paint(self, color: &str, text: &str) -> String {
        if self.color { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn paint_stderr(self, color: &str, text: &str) -> String {
        Self { color: self.color && io::stderr().is_terminal(), ..self }.paint(color, text)
    }
}

fn aligned(fields: &[(&'static str, String)], output: Output) -> String {
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| {
        let padding = " ".repeat(width - name.chars().count());
        format!("  {}{padding}  {value}\n", output.paint(BOLD, name))
    };
    fields.iter().map(line).collect()
}

fn table(headings: &[&'static str], rows: &[Vec<String>], output: Output) -> String {
    let names: Vec<String> =
        headings.iter().map(|heading| heading.trim_start_matches('>').to_owned()).collect();
    let widths: Vec<usize> = (0..names.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).chain(names.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).zip(headings).map(|((cell, width), heading)| {
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            if heading.starts_with('>') {
                format!("{padding}{cell}")
            } else {
                format!("{cell}{padding}")
            }
        });
        format!("  {}", padded.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    let mut text = output.paint(BOLD, &line(&names)) + "\n";
    for row in rows {
        text += &(line(row) + "\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Output = Output { json: false, quiet: false, color: false };

    #[test]
    fn tables_and_fields_are_aligned() {
        let rows = vec![
            vec!["alice".to_owned(), "120".to_owned()],
            vec!["zoé".to_owned(), "8,880.00".to_owned()],
        ];
        assert_eq!(
            table(&["account", ">balance"], &rows, PLAIN),
            "  account   balance\n  alice         120\n  zoé      8,880.00\n"
        );
        let fields = [("to", "bob".to_owned()), ("amount", "20".to_owned())];
        assert_eq!(aligned(&fields, PLAIN), "  to      bob\n  amount  20\n");
    }

    #[test]
    fn success_is_marked() {
        assert_eq!(PLAIN.text(&[Block::Success("sent".into())]), "✔ sent\n");
    }
}
