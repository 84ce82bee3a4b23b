//! What a transaction did: its receipt, under the signed header after its block.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Leaf;
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::chain::v1::TransactionOutcome;
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::pb::market::v1::UnitsSold;
use tessera_proto::pb::query::v1::{Certificate, PathStep, ReceiptProof};

use super::certificate::{TrustRoot, VerifiedHeader, verify_certificate};
use super::error::ProofError;
use super::merkle_path::root_of;
use super::ownership::read_asset;
use super::proof_file::{Kind, ProofFile, bytes_of};

/// Names of parts in errors.
const OUTCOME: &str = "outcome";
const PATH: &str = "path of the receipt";

/// Files that prove what a transaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionReceipt;

/// A file that proves what a transaction did.
pub type ReceiptFile = ProofFile<TransactionReceipt>;

/// What a receipt certificate proves.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedReceipt {
    /// The header that everything else is under; its state height is that of the block.
    pub header: VerifiedHeader,
    /// What became of the transaction.
    pub outcome: TransactionOutcome,
    /// Assets as of that block, for names and decimals; what they are is proven, too.
    pub assets: BTreeMap<AssetId, Asset>,
}

/// A receipt and the way to the results of its block; bytes in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptBody {
    outcome: String,
    outcome_path: Vec<Step>,
    result_path: Vec<Step>,
}

/// A step up a tree: the hash that stands beside the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Step {
    Left(String),
    Right(String),
}

impl ReceiptBody {
    /// The receipt as it stands in a file.
    #[must_use]
    pub fn new(receipt: &ReceiptProof) -> Self {
        let steps = |path: &[PathStep]| path.iter().map(Step::of).collect();
        Self {
            outcome: hex::encode(&receipt.outcome),
            outcome_path: steps(&receipt.outcome_path),
            result_path: steps(&receipt.result_path),
        }
    }

    fn receipt(&self) -> Result<ReceiptProof, ProofError> {
        let steps = |path: &[Step]| path.iter().map(Step::step).collect::<Result<Vec<_>, _>>();
        Ok(ReceiptProof {
            outcome: bytes_of(&self.outcome, OUTCOME)?.into(),
            outcome_path: steps(&self.outcome_path)?,
            result_path: steps(&self.result_path)?,
        })
    }
}

impl Step {
    fn of(step: &PathStep) -> Self {
        let sibling = hex::encode(&step.sibling);
        if step.is_left { Self::Left(sibling) } else { Self::Right(sibling) }
    }

    fn step(&self) -> Result<PathStep, ProofError> {
        let (sibling, is_left) = match self {
            Self::Left(sibling) => (sibling, true),
            Self::Right(sibling) => (sibling, false),
        };
        Ok(PathStep { sibling: bytes_of(sibling, PATH)?.into(), is_left })
    }
}

/// The leaf of a frame in the tree of its block's results: a serialised `ExecTxResult` (CometBFT)
/// with the root of the frame's outcomes as `data` and nothing else.
#[must_use]
pub fn result_leaf(outcomes_root: &[u8; 32]) -> Vec<u8> {
    // Field 2, 32 bytes.
    [&[0x12, 0x20], outcomes_root.as_slice()].concat()
}

/// Checks a receipt certificate: the way from the outcome to the results of the block, and proofs
/// of assets in ascending order of id, if any.
///
/// # Errors
/// Those of [`verify_certificate`], then in order of precedence [`ProofError::Malformed`] of the
/// path, [`ProofError::ResultsMismatch`], [`ProofError::UnreadableLeaf`] of the outcome, and for
/// each asset [`ProofError::WrongKey`], [`ProofError::Absent`], [`ProofError::UnreadableLeaf`].
pub fn verify_receipt(
    certificate: &Certificate,
    receipt: &ReceiptProof,
    trust: &TrustRoot,
) -> Result<VerifiedReceipt, ProofError> {
    let verified = verify_certificate(certificate, trust)?;
    let outcomes_root = root_of(&receipt.outcome, &receipt.outcome_path)
        .ok_or(ProofError::Malformed { part: PATH })?;
    let results_root = root_of(&result_leaf(&outcomes_root), &receipt.result_path)
        .ok_or(ProofError::Malformed { part: PATH })?;
    if verified.header.results_hash != Some(results_root) {
        return Err(ProofError::ResultsMismatch);
    }
    let outcome = TransactionOutcome::decode(receipt.outcome.clone())
        .map_err(|_| ProofError::UnreadableLeaf { leaf: OUTCOME })?;
    let mut assets = BTreeMap::new();
    for entry in &verified.entries {
        let (id, asset) = read_asset(entry)?;
        if assets.last_key_value().is_some_and(|(last, _)| *last >= id) {
            return Err(ProofError::WrongKey { leaf: Asset::KIND });
        }
        assets.insert(id, asset);
    }
    Ok(VerifiedReceipt { header: verified.header, outcome, assets })
}

impl VerifiedReceipt {
    /// The sales in it: both legs of each.
    pub fn sales(&self) -> impl Iterator<Item = &UnitsSold> {
        self.outcome.events.iter().filter_map(|event| match &event.kind {
            Some(EventKind::UnitsSold(sale)) => Some(sale),
            _ => None,
        })
    }

    /// An amount with the name of its asset, if that is proven; else base units.
    fn units(&self, asset: &Bytes, base_units: &str) -> String {
        let id = AssetId::try_from(asset.as_ref()).unwrap_or_default();
        let amount: Amount = base_units.parse().unwrap_or_default();
        match self.assets.get(&id) {
            Some(asset) => format!("{} {}", amount.display(asset.decimals.min(18)), asset.name),
            None => format!("{base_units} base units of {id}"),
        }
    }

    fn sale_summary(&self, sale: &UnitsSold) -> String {
        let account = |bytes: &[u8]| {
            Address::try_from(bytes).map(|address| address.to_string()).unwrap_or_default()
        };
        format!(
            "{} from {} to {}; {} the other way: {} of royalties, {} to the seller",
            self.units(&sale.asset, &sale.amount),
            account(&sale.seller),
            account(&sale.buyer),
            self.units(&sale.currency, &sale.price),
            self.units(&sale.currency, &sale.royalty),
            self.units(&sale.currency, &sale.proceeds)
        )
    }
}

impl Kind for TransactionReceipt {
    const NAME: &'static str = "receipt";
    type Body = ReceiptBody;
    type Verified = VerifiedReceipt;

    fn verify(
        certificate: &Certificate,
        body: &ReceiptBody,
        trust: &TrustRoot,
    ) -> Result<VerifiedReceipt, ProofError> {
        verify_receipt(certificate, &body.receipt()?, trust)
    }

    fn header(verified: &VerifiedReceipt) -> &VerifiedHeader {
        &verified.header
    }

    fn summary(verified: &VerifiedReceipt) -> Vec<(&'static str, Value)> {
        let outcome = &verified.outcome;
        let refusal = format!("{}/{}", outcome.codespace, outcome.code);
        let sales: Vec<Value> =
            verified.sales().map(|sale| verified.sale_summary(sale).into()).collect();
        vec![
            ("tx", hex::encode_upper(&outcome.tx_id).into()),
            ("succeeded", (outcome.code == 0).into()),
            ("refusal", if outcome.code == 0 { String::new() } else { refusal }.into()),
            ("fee", outcome.fee.clone().into()),
            ("events", outcome.events.len().to_string().into()),
            ("sales", sales.into()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::ProofStep;
    use crate::verify::fixture::{receipt_certificate, validators_hash};

    fn trust() -> TrustRoot {
        TrustRoot::ValidatorsHash(validators_hash())
    }

    #[test]
    fn both_legs_of_a_sale_stand_in_the_file() {
        let (certificate, receipt) = receipt_certificate();
        let verified = verify_receipt(&certificate, &receipt, &trust()).unwrap();
        assert_eq!(verified.sales().count(), 1);
        let file = ReceiptFile::new(&certificate, ReceiptBody::new(&receipt), &verified);
        let text = file.to_text();
        assert!(text.contains("300 villa-ardeche from tsr1"), "{text}");
        let read = ReceiptFile::from_text(&text).unwrap();
        assert_eq!(read.verify(&trust()), Ok(verified.clone()));
        // Without the state of the asset there are base units.
        let bare = Certificate { proofs: Vec::new(), ..certificate };
        let verified = verify_receipt(&bare, &receipt, &trust()).unwrap();
        let text = ReceiptFile::new(&bare, ReceiptBody::new(&receipt), &verified).to_text();
        assert!(text.contains("300 base units of asset1"), "{text}");
    }

    #[test]
    fn another_receipt_another_block_and_other_ways_are_refused() {
        let (certificate, receipt) = receipt_certificate();
        let verify = |receipt: &ReceiptProof| verify_receipt(&certificate, receipt, &trust());
        let mut other = receipt.clone();
        let mut bytes = other.outcome.to_vec();
        bytes[3] ^= 1;
        other.outcome = bytes.into();
        assert_eq!(verify(&other), Err(ProofError::ResultsMismatch));
        let mut swapped = receipt.clone();
        std::mem::swap(&mut swapped.outcome_path, &mut swapped.result_path);
        assert_eq!(verify(&swapped), Err(ProofError::ResultsMismatch));
        // The root of the frame itself is no outcome of the block's tree.
        let mut lifted = receipt.clone();
        lifted.outcome_path.clear();
        assert_eq!(verify(&lifted), Err(ProofError::ResultsMismatch));
        let mut turned = receipt.clone();
        turned.result_path[0].is_left ^= true;
        assert_eq!(verify(&turned), Err(ProofError::ResultsMismatch));
        let mut short = receipt.clone();
        short.outcome_path[0].sibling = Bytes::from_static(&[1; 31]);
        assert_eq!(verify(&short), Err(ProofError::Malformed { part: PATH }));
        let twice = [certificate.proofs.clone(), certificate.proofs.clone()].concat();
        let twice = Certificate { proofs: twice, ..certificate.clone() };
        let error = verify_receipt(&twice, &receipt, &trust()).unwrap_err();
        assert_eq!(
            (error.step(), error),
            (ProofStep::Contents, ProofError::WrongKey { leaf: Asset::KIND })
        );
    }

    #[test]
    fn single_byte_changes_of_the_file_are_refused() {
        let (certificate, receipt) = receipt_certificate();
        let verified = verify_receipt(&certificate, &receipt, &trust()).unwrap();
        let file = ReceiptFile::new(&certificate, ReceiptBody::new(&receipt), &verified);
        crate::verify::fixture::assert_changes_are_refused::<TransactionReceipt>(&file.to_text());
    }
}
