//! What became of each transaction, and the hash that commits to it.

use prost::Message as _;
use tessera_proto::amount::Amount;
use tessera_proto::pb::chain::v1::{Event, Receipt, TransactionOutcome};

use crate::state::error::Rejected;

/// What became of one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Id of the transaction.
    pub id: [u8; 32],
    /// Fee charged; none when not even the nonce was taken.
    pub fee: Option<Amount>,
    /// What happened, or why nothing did.
    pub result: Result<Vec<Event>, Rejected>,
}

impl Outcome {
    /// The receipt, of a transaction at this place of a block.
    #[must_use]
    pub fn into_receipt(self, height: u64, index: u32) -> Receipt {
        let (code, codespace, message, events) = match self.result {
            Ok(events) => (0, "", String::new(), events),
            Err(error) => (error.code, error.codespace, error.message, Vec::new()),
        };
        let outcome = TransactionOutcome {
            tx_id: self.id.to_vec().into(),
            code,
            codespace: codespace.to_owned(),
            fee: self.fee.unwrap_or_default().to_string(),
            events,
        };
        Receipt { outcome: Some(outcome), height, index, message }
    }
}

/// Code of a frame that is malformed, in its result.
pub const MALFORMED_FRAME_CODE: u8 = 6;

/// Leaf of a receipt in the tree of its frame's outcomes: its outcome, encoded.
#[must_use]
pub(crate) fn outcome_leaf(receipt: &Receipt) -> Vec<u8> {
    receipt.outcome.as_ref().map(|outcome| outcome.encode_to_vec()).unwrap_or_default()
}
