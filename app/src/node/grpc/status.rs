//! How refusals and failures are told.

use std::time::Duration;

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::state::error::{Fault, Rejected};
use crate::state::store::HeightError;

/// Metadata key of a refusal's codespace.
const CODESPACE_KEY: &str = "tessera-codespace";
/// Metadata key of a refusal's code.
const CODE_KEY: &str = "tessera-code";
/// Longest message: it travels in a header, and may quote what the caller sent.
const MAX_MESSAGE_CHARS: usize = 1_000;
/// In the codespace of every module, codes up to this one are about the form of a field.
const LAST_FIELD_CODE: u32 = 9;

/// A refusal by the chain, with its stable code.
pub(crate) fn refused(error: &Rejected) -> Status {
    let mut metadata = MetadataMap::new();
    metadata.insert(CODESPACE_KEY, MetadataValue::from_static(error.codespace));
    metadata.insert(CODE_KEY, error.code.into());
    Status::with_metadata(refusal_kind(error), shortened(&error.message), metadata)
}

fn refusal_kind(error: &Rejected) -> Code {
    match (error.codespace, error.code) {
        // Already waiting.
        ("pool", 1) => Code::AlreadyExists,
        // No room, too many of one sender.
        ("pool", 2 | 3) => Code::ResourceExhausted,
        // Expired, valid for too long, fee above limit, fee credit, changed in the block.
        ("tx", 4 | 5 | 8..=10) | ("pool", _) => Code::FailedPrecondition,
        ("tx", _) => Code::InvalidArgument,
        (_, code) if code <= LAST_FIELD_CODE => Code::InvalidArgument,
        _ => Code::FailedPrecondition,
    }
}

/// This node has failed.
pub(crate) fn failed(fault: &Fault) -> Status {
    tracing::error!(%fault, "a call failed because this node has failed");
    Status::internal(shortened(&format!("the node has failed: {fault}")))
}

/// The state of that height cannot be read.
pub(crate) fn no_such_height(error: &HeightError) -> Status {
    match error {
        HeightError::Fault(fault) => failed(fault),
        HeightError::Future { .. } | HeightError::Pruned { .. } => {
            Status::out_of_range(error.to_string())
        }
    }
}

/// The request makes no sense as given.
pub(crate) fn invalid(message: impl std::fmt::Display) -> Status {
    Status::invalid_argument(shortened(&message.to_string()))
}

/// There is no such thing.
pub(crate) fn not_found(message: impl std::fmt::Display) -> Status {
    Status::not_found(shortened(&message.to_string()))
}

/// The node goes down on purpose.
pub(crate) fn stopping() -> Status {
    Status::unavailable("the node is stopping")
}

/// A stream whose reader did not keep up.
pub(crate) fn missed(blocks: u64) -> Status {
    Status::data_loss(format!(
        "{blocks} blocks were missed because they were read too slowly; subscribe again, and \
         list receipts for what was missed"
    ))
}

/// A stream whose reader does not read.
pub(crate) fn not_read(patience: Duration) -> Status {
    let seconds = patience.as_secs();
    Status::data_loss(format!(
        "a message was not read for {seconds} s; subscribe again, and list receipts for what was \
         missed"
    ))
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(MAX_MESSAGE_CHARS) {
        None => message.to_owned(),
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::tx::TxError;
    use crate::node::pool::PoolError;

    #[test]
    fn refusals_keep_their_code_and_get_a_fitting_kind() {
        for (error, kind) in [
            (PoolError::Duplicate.into(), Code::AlreadyExists),
            (PoolError::Full { bytes: 1 }.into(), Code::ResourceExhausted),
            (TxError::Oversized { bytes: 1 }.into(), Code::InvalidArgument),
            (
                TxError::Expired { valid_until_height: 1, height: 2 }.into(),
                Code::FailedPrecondition,
            ),
        ] {
            let error: Rejected = error;
            let status = refused(&error);
            assert_eq!(status.code(), kind);
            assert_eq!(status.message(), error.message);
            assert_eq!(status.metadata().get(CODESPACE_KEY).unwrap(), error.codespace);
            assert_eq!(status.metadata().get(CODE_KEY).unwrap(), &error.code.to_string());
        }
    }

    #[test]
    fn messages_stay_short_whatever_they_quote() {
        let status = invalid("ä".repeat(100_000));
        assert_eq!(status.message().chars().count(), MAX_MESSAGE_CHARS + 1);
    }
}
