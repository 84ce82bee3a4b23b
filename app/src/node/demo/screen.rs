//! How the demonstration looks.

use std::future::Future;
use std::io::IsTerminal as _;
use std::pin::pin;
use std::time::{Duration, Instant};

use crate::node::output::{answer, paint, shows_colours, transient};

/// Width of a line before the number of its block.
const TEXT_WIDTH: usize = 88;
/// Width of the word that says what was done.
const VERB_WIDTH: usize = 13;
/// How long something may take before it is said what is waited for.
const PATIENCE: Duration = Duration::from_millis(200);

const GREEN: &str = "32";
const YELLOW: &str = "33";
const BOLD: &str = "1";
const DIM: &str = "2";

/// Prints steps, aligned; in colours and with signs of life where somebody watches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen {
    colours: bool,
    live: bool,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { colours: shows_colours(), live: std::io::stderr().is_terminal() }
    }

    /// A heading.
    pub(super) fn head(self, text: &str) {
        answer(paint(text, BOLD, self.colours));
    }

    /// Something that was done and holds.
    pub(super) fn done(self, verb: &str, text: &str, height: Option<u64>) {
        self.line(&paint("✔", GREEN, self.colours), verb, text, height);
    }

    /// Something that was refused, as it should be.
    pub(super) fn refused(self, verb: &str, text: &str, height: Option<u64>) {
        self.line(&paint("✘", YELLOW, self.colours), verb, text, height);
    }

    /// More about the line above.
    pub(super) fn detail(self, text: &str) {
        let indent = " ".repeat(VERB_WIDTH + 4);
        answer(format_args!("{indent}{}", paint(text, DIM, self.colours)));
    }

    /// Plain text.
    pub(super) fn plain(self, text: &str) {
        answer(text);
    }

    fn line(self, mark: &str, verb: &str, text: &str, height: Option<u64>) {
        let verb = paint(&format!("{verb:<VERB_WIDTH$}"), BOLD, self.colours);
        let Some(height) = height else {
            answer(format_args!("  {mark} {verb}{text}"));
            return;
        };
        let gap = " ".repeat(TEXT_WIDTH.saturating_sub(text.chars().count()));
        let block = paint(&format!("block {}", grouped(height)), DIM, self.colours);
        answer(format_args!("  {mark} {verb}{text}{gap} {block}"));
    }

    /// Waits, and after a while says for what, if somebody watches.
    pub(super) async fn waiting<T>(self, words: &str, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        if !self.live {
            return future.await;
        }
        let begun = Instant::now();
        let mut shown = false;
        loop {
            tokio::select! {
                result = &mut future => {
                    if shown {
                        transient("");
                    }
                    return result;
                }
                () = tokio::time::sleep(PATIENCE) => {
                    shown = true;
                    let seconds = begun.elapsed().as_secs_f32();
                    transient(format_args!("  … {words} ({seconds:.1} s)"));
                }
            }
        }
    }
}

/// A number with separators, like `1,391`.
pub(super) fn grouped(number: u64) -> String {
    tessera_proto::amount::Amount::from_u64(number).display(0)
}

/// Columns side by side: those of numbers to the right.
pub(super) fn table(headings: &[(&str, Align)], rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize, heading: &str| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heading.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> =
        headings.iter().enumerate().map(|(column, (heading, _))| width(column, heading)).collect();
    let line = |cells: &[&str]| {
        let mut line = String::from(" ");
        for ((cell, (_, align)), width) in cells.iter().zip(headings).zip(&widths) {
            let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
            let padded = match align {
                Align::Left => format!("{cell}{gap}"),
                Align::Right => format!("{gap}{cell}"),
            };
            line.push_str("  ");
            line.push_str(&padded);
        }
        line.trim_end().to_owned()
    };
    let names: Vec<&str> = headings.iter().map(|(heading, _)| *heading).collect();
    let mut lines = vec![line(&names)];
    lines.extend(rows.iter().map(|row| line(&row.iter().map(String::as_str).collect::<Vec<_>>())));
    lines
}

/// Where the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters() {
        let rows = vec![
            vec!["Ardèche".to_owned(), "1,000".to_owned()],
            vec!["Oslo".to_owned(), "5".to_owned()],
        ];
        let lines = table(&[("asset", Align::Left), ("units", Align::Right)], &rows);
        assert_eq!(lines, ["   asset    units", "   Ardèche  1,000", "   Oslo         5"]);
    }
}
