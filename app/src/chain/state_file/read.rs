//! Reading of a state file, line by line.

use std::fmt;
use std::io::BufRead;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tessera_genesis::StateFile;
use tessera_proto::catalog::Fact;
use tessera_proto::state_key::{Namespace, StateKey};

use super::Line;
use super::audit::{Audit, LineError};

/// Errors that are told of one file.
const MAX_ERRORS: usize = 100;

/// One thing that is wrong with a state file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct StateFileError {
    /// Line of the file, from 1; none if the file as a whole is wrong.
    pub line: Option<u64>,
    /// What is wrong, with the values found.
    pub message: String,
}

impl fmt::Display for StateFileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(formatter, "line {line}: ")?;
        }
        formatter.write_str(&self.message)
    }
}

/// What is wrong with a state file: the first errors, in order of line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct StateErrors(Vec<StateFileError>);

impl StateErrors {
    /// The errors; at least one.
    #[must_use]
    pub fn errors(&self) -> &[StateFileError] {
        &self.0
    }
}

impl fmt::Display for StateErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("errors in the file of the state")?;
        self.0.iter().try_for_each(|error| write!(formatter, "\n  {error}"))?;
        if self.0.len() == MAX_ERRORS {
            write!(formatter, "\n  more may follow, this stops at {MAX_ERRORS}")?;
        }
        Ok(())
    }
}

/// Reads a state file in one pass, hands on its leaves and checks that the file is the one that
/// the genesis document means, that every line is a leaf in its place, and what must hold
/// between the leaves. On an error, what was handed on is of no use.
///
/// # Errors
/// Everything that is wrong, up to a hundred errors.
pub fn read_state(
    file: impl BufRead,
    expected: &StateFile,
    mut leaf: impl FnMut(StateKey, Bytes),
) -> Result<(), StateErrors> {
    let mut check = Check { hasher: Sha256::new(), lines: 0, last: None, audit: Audit::default() };
    let mut errors = Vec::new();
    for line in file.split(b'\n') {
        let line = line.map_err(|error| {
            let message = format!("cannot be read: {error}");
            StateErrors(vec![StateFileError { line: None, message }])
        })?;
        match check.line(&line) {
            Ok((key, value)) => leaf(key, value),
            Err(message) => errors.push((check.lines, message)),
        }
        errors.append(&mut check.audit.errors);
        if errors.len() >= MAX_ERRORS {
            break;
        }
    }
    let mut whole = Vec::new();
    if errors.len() < MAX_ERRORS {
        whole = check.finish(expected, &mut errors);
    }
    errors.sort_by_key(|(line, _)| *line);
    let of_lines = errors.into_iter().map(|(line, message)| (Some(line), message));
    let of_whole = whole.into_iter().map(|message| (None, message));
    let all = of_whole.chain(of_lines).take(MAX_ERRORS);
    let all: Vec<_> = all.map(|(line, message)| StateFileError { line, message }).collect();
    if all.is_empty() { Ok(()) } else { Err(StateErrors(all)) }
}

struct Check {
    hasher: Sha256,
    lines: u64,
    last: Option<StateKey>,
    audit: Audit,
}

impl Check {
    fn line(&mut self, line: &[u8]) -> Result<(StateKey, Bytes), String> {
        self.lines = self.lines.saturating_add(1);
        self.hasher.update(line);
        self.hasher.update(b"\n");
        let Line { kind, key, value } =
            serde_json::from_slice(line).map_err(|error| format!("no leaf: {error}"))?;
        let bytes = hex::decode(&key).map_err(|error| format!("key `{key}`: {error}"))?;
        let state_key = StateKey::from_bytes(&bytes)
            .ok_or_else(|| format!("key `{key}` is empty or too long"))?;
        let value = hex::decode(&value).map_err(|error| format!("value of {key}: {error}"))?;
        let fact = Fact::of(&state_key).map_err(|error| format!("key `{key}`: {error}"))?;
        if fact.namespace == Namespace::Sentinel {
            return Err("sentinels come with every chain, remove the line".to_owned());
        }
        if kind != fact.kind {
            return Err(format!("key `{key}` is of kind {}, not `{kind}`", fact.kind));
        }
        fact.check(&value).map_err(|error| format!("value of {key}: {error}"))?;
        if let Some(last) = self.last
            && last >= state_key
        {
            let how = if last == state_key { "twice" } else { "out of order" };
            return Err(format!("key `{key}` stands {how}"));
        }
        self.last = Some(state_key);
        self.audit.leaf(self.lines, fact.namespace, &state_key, &value);
        Ok((state_key, value.into()))
    }

    /// Adds what is wrong with all leaves together, and tells what is with the file as a whole.
    fn finish(self, expected: &StateFile, of_lines: &mut Vec<LineError>) -> Vec<String> {
        of_lines.append(&mut self.audit.finish());
        let mut errors = Vec::new();
        let found: [u8; 32] = self.hasher.finalize().into();
        if found != expected.sha256 {
            errors.push(format!(
                "its SHA-256 is {}, the genesis document says {}",
                hex::encode(found),
                hex::encode(expected.sha256)
            ));
        }
        if self.lines != expected.leaves {
            errors.push(format!(
                "it has {} leaves, the genesis document says {}",
                self.lines, expected.leaves
            ));
        }
        errors
    }
}
