//! What is wrong with a genesis document.

use std::fmt;

/// One thing that is wrong with a genesis document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct GenesisError {
    /// Where: a JSON path like `$.assets[2].holdings[0].balance`.
    pub path: String,
    /// Line in the text that was read, from 1; none if the document was not read from text.
    pub line: Option<usize>,
    /// What is wrong with which value, and what to do about it.
    pub message: String,
}

impl fmt::Display for GenesisError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(formatter, "line {line}, ")?;
        }
        write!(formatter, "{}: {}", self.path, self.message)
    }
}

/// Everything that is wrong with a genesis document, in the order of the document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct GenesisErrors(Vec<GenesisError>);

impl GenesisErrors {
    pub(crate) fn new(errors: Vec<GenesisError>) -> Self {
        Self(errors)
    }

    /// The errors; at least one.
    #[must_use]
    pub fn errors(&self) -> &[GenesisError] {
        &self.0
    }

    pub(crate) fn without_lines(mut self) -> Self {
        for error in &mut self.0 {
            error.line = None;
        }
        self
    }
}

impl fmt::Display for GenesisErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "error" } else { "errors" };
        write!(formatter, "{} {plural} in the genesis document", self.0.len())?;
        self.0.iter().try_for_each(|error| write!(formatter, "\n  {error}"))
    }
}
