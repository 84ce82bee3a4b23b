//! The only place of the node that prints: what a command answers goes to standard output,
//! everything else to standard error.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the place")]

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

/// Prints an answer.
pub fn answer(text: impl Display) {
    println!("{text}");
}

/// Tells what is going on.
pub fn tell(text: impl Display) {
    eprintln!("{text}");
}

/// Shows a line on the terminal that the next one replaces; an empty text removes it.
pub fn transient(text: impl Display) {
    eprint!("\r\x1b[2K{text}");
    // Nobody is harmed when a sign of life is not seen.
    let _ = std::io::stderr().flush();
}

/// Prints why a command failed, with all causes.
pub fn error(error: &anyhow::Error) {
    eprintln!("{} {error}", paint("error:", "1;31", std::io::stderr().is_terminal()));
    for cause in error.chain().skip(1) {
        eprintln!("  because {cause}");
    }
}

/// Whether standard output shows colours.
#[must_use]
pub fn shows_colours() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// A text in an ANSI style, if colours are shown.
#[must_use]
pub fn paint(text: &str, style: &str, colours: bool) -> String {
    if colours { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
}
