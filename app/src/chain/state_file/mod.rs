//! The state as a file: what a chain hands on to the chain that goes on with its state.
//!
//! One leaf on each line, in order of key, as JSON: its kind for people, then key and value in
//! hexadecimal digits. The sentinels are not among them: every chain has the same.
//!
//! * [`StateWriter`]: writes leaf by leaf. `read`: reads and checks line by line.
//! * `audit`: what must hold between the leaves.

mod audit;
mod read;

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tessera_proto::catalog::Fact;
use tessera_proto::state_key::{Namespace, StateKey};

pub use read::{StateErrors, StateFileError, read_state};

/// A leaf as it stands in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    kind: String,
    key: String,
    value: String,
}

/// Writes the leaves of a state in order of key.
pub struct StateWriter<W> {
    out: W,
    hasher: Sha256,
    leaves: u64,
}

impl<W: Write> StateWriter<W> {
    /// Writes to here, which should have a buffer.
    pub fn new(out: W) -> Self {
        Self { out, hasher: Sha256::new(), leaves: 0 }
    }

    /// Writes the next leaf, unless it is a sentinel.
    ///
    /// # Errors
    /// When the leaf is of no known kind, or cannot be written.
    pub fn write(&mut self, key: &StateKey, value: &[u8]) -> io::Result<()> {
        let fact = Fact::of(key).map_err(io::Error::other)?;
        if fact.namespace == Namespace::Sentinel {
            return Ok(());
        }
        let line = Line {
            kind: fact.kind.to_owned(),
            key: hex::encode(key.as_bytes()),
            value: hex::encode(value),
        };
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        self.hasher.update(&text);
        self.leaves = self.leaves.saturating_add(1);
        self.out.write_all(text.as_bytes())
    }

    /// What was written to, the number of leaves, and the SHA-256 of all bytes.
    pub fn finish(self) -> (W, u64, [u8; 32]) {
        (self.out, self.leaves, self.hasher.finalize().into())
    }
}
