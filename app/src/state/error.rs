//! The two ways in which a transaction can end other than well, and why a height is not there.

use tessera_proto::leaf::LeafError;
use tessera_proto::state_key::StateKey;

/// A refusal: the user's fault, the same on every node, told in the receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejected {
    /// Name of the module that refuses.
    pub codespace: &'static str,
    /// Stable number within the codespace.
    pub code: u32,
    /// A sentence with the user's own values; not part of consensus.
    pub message: String,
}

/// A failure of this node: storage or its content. The node stops; it is never told as the
/// result of a transaction.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database failed.
    #[error("database failed: {0}")]
    Database(String),
    /// A leaf of the committed state cannot be read.
    #[error("state is damaged at key {key:?}")]
    DamagedLeaf {
        /// Where.
        key: StateKey,
        /// What is wrong with it.
        #[source]
        source: LeafError,
    },
    /// The authenticated store contradicts itself.
    #[error("authenticated store is damaged: {0}")]
    DamagedTree(String),
    /// Something that no transaction can cause has happened.
    #[error("invariant broken: {0}")]
    Invariant(String),
    /// What the modules keep contradicts itself, or has outgrown its range. The same on every node:
    /// an operation that comes upon it is refused, and what it would have changed stays as it is.
    #[error("the state contradicts itself: {0}")]
    Contradiction(String),
}

/// Why a height cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HeightError {
    /// Not there yet.
    #[error("height {height} is not committed yet, the latest is {latest}")]
    Future {
        /// The height asked for.
        height: u64,
        /// The latest height.
        latest: u64,
    },
    /// Not there any more.
    #[error("height {height} is pruned, the oldest kept is {oldest}")]
    Pruned {
        /// The height asked for.
        height: u64,
        /// The oldest height.
        oldest: u64,
    },
    /// The storage failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why an operation did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// Refused.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// Not decided: this node has failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Gives a module's error type its codespace and its way into [`ExecutionError`].
///
/// The type must have `fn code(&self) -> u32` and `Display`.
#[macro_export]
macro_rules! rejection {
    ($error:ty, $codespace:literal) => {
        impl $error {
            /// Name of the module, as it stands in receipts.
            pub const CODESPACE: &'static str = $codespace;
        }

        impl From<$error> for $crate::state::error::Rejected {
            fn from(error: $error) -> Self {
                Self { codespace: $codespace, code: error.code(), message: error.to_string() }
            }
        }

        impl From<$error> for $crate::state::error::ExecutionError {
            fn from(error: $error) -> Self {
                Self::Rejected(error.into())
            }
        }
    };
}
