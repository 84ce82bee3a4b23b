//! Why something that was asked of the client did not happen.

use std::error::Error as _;
use std::io;

use tonic::{Code, Status};

use crate::keystore::KeystoreError;
use crate::tx_builder::TransactionId;
use crate::verify::ProofError;

/// Metadata key of a refusal's codespace.
const CODESPACE_KEY: &str = "tessera-codespace";
/// Metadata key of a refusal's code.
const CODE_KEY: &str = "tessera-code";

/// The chain said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Name of the module that refused.
    pub codespace: String,
    /// Stable number within the codespace.
    pub code: u32,
    /// A sentence for people.
    pub message: String,
    /// The transaction, when there is one.
    pub id: Option<TransactionId>,
    /// Block that the transaction is in, when it got that far.
    pub height: Option<u64>,
}

/// Why something that was asked of the client did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No answer from the node.
    #[error("no node answers at `{url}`: {reason}")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The chain refused it.
    #[error("{}", .0.message)]
    Refused(Box<Refusal>),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The request makes no sense as given.
    #[error("{0}")]
    Usage(String),
    /// A proof does not prove what it should.
    #[error("{0}")]
    Proof(#[from] ProofError),
    /// The transaction was sent, and what became of it is not known.
    #[error("what became of transaction {id} is not known")]
    OutcomeUnknown {
        /// The transaction.
        id: TransactionId,
    },
    /// A key could not be used.
    #[error("{0}")]
    Keystore(#[from] KeystoreError),
    /// The node failed or answered what it should not.
    #[error("the node answered: {0}")]
    Node(String),
    /// The user interrupted it.
    #[error("interrupted")]
    Interrupted,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl ClientError {
    /// Exit status of the command line.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Keystore(KeystoreError::NotFound(_)) | Self::NotFound(_) => 4,
            Self::Keystore(_) | Self::Node(_) | Self::Other(_) => 1,
            Self::Usage(_) => 2,
            Self::Refused(_) => 3,
            Self::Proof(_) => 5,
            Self::Unreachable { .. } => 6,
            Self::OutcomeUnknown { .. } => 7,
            Self::Interrupted => 130,
        }
    }

    /// Stable code: `module/number` of a refusal by the chain, else a word.
    #[must_use]
    pub fn code(&self) -> String {
        match self {
            Self::Refused(refusal) => return format!("{}/{}", refusal.codespace, refusal.code),
            Self::Unreachable { .. } => "unreachable",
            Self::NotFound(_) => "not-found",
            Self::Usage(_) => "usage",
            Self::Proof(_) => "proof",
            Self::OutcomeUnknown { .. } => "outcome-unknown",
            Self::Keystore(_) => "keystore",
            Self::Node(_) => "node",
            Self::Interrupted => "interrupted",
            Self::Other(_) => "failed",
        }
        .to_owned()
    }

    /// What a gRPC status of the node at `url` means.
    #[must_use]
    pub fn from_status(url: &str, status: &Status) -> Self {
        let message = status.message().to_owned();
        if let Some((codespace, code)) = refusal_code(status) {
            return Self::Refused(Box::new(Refusal {
                codespace,
                code,
                message,
                id: None,
                height: None,
            }));
        }
        match status.code() {
            Code::NotFound => Self::NotFound(message),
            Code::InvalidArgument | Code::OutOfRange => Self::Usage(message),
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => {
                Self::Unreachable { url: url.to_owned(), reason: reason(status) }
            }
            Code::Unknown if status.source().is_some() => {
                Self::Unreachable { url: url.to_owned(), reason: reason(status) }
            }
            _ => Self::Node(message),
        }
    }
}

/// Whether a failed call cannot have reached the node: nobody listens there.
pub(crate) fn is_connection_refused(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::ConnectionRefused;
        }
        source = error.source();
    }
    false
}

fn refusal_code(status: &Status) -> Option<(String, u32)> {
    let text = |key| status.metadata().get(key).and_then(|value| value.to_str().ok());
    Some((text(CODESPACE_KEY)?.to_owned(), text(CODE_KEY)?.parse().ok()?))
}

/// The innermost cause, which is the one that means something to people.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn reason(status: &Status) -> String {
    if status.source().is_some() { root_cause(status) } else { status.message().to_owned() }
}

#[cfg(test)]
mod tests {
    use tonic::metadata::MetadataMap;

    use super::*;

    #[test]
    fn refusals_are_read_from_metadata() {
        let mut metadata = MetadataMap::new();
        metadata.insert(CODESPACE_KEY, "transfers".parse().unwrap());
        metadata.insert(CODE_KEY, "7".parse().unwrap());
        let status = Status::with_metadata(Code::FailedPrecondition, "too much", metadata);
        let error = ClientError::from_status("http://localhost", &status);
        assert_eq!((error.exit_code(), error.code().as_str()), (3, "transfers/7"));
        assert_eq!(error.to_string(), "too much");
    }

    #[test]
    fn statuses_have_their_exit_codes() {
        for (code, exit_code) in [
            (Code::NotFound, 4),
            (Code::InvalidArgument, 2),
            (Code::Unavailable, 6),
            (Code::DeadlineExceeded, 6),
            (Code::Internal, 1),
            (Code::FailedPrecondition, 1),
        ] {
            let error = ClientError::from_status("http://localhost", &Status::new(code, "why"));
            assert_eq!(error.exit_code(), exit_code, "{code:?}");
        }
    }
}
