//! Who holds an asset: every holding of it, none left out and none added, under one signed header.
//!
//! The totals of the asset commit to its supply and to the number of its holders. Distinct
//! holdings that are not empty and add up to both are therefore all there are.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ics23::commitment_proof::Proof;
use ics23::{
    BatchEntry, BatchProof, CommitmentProof, CompressedBatchProof, CompressedExistenceProof,
    ExistenceProof, InnerOp, batch_entry, compressed_batch_entry,
};
use prost_ics23::Message as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::{Holding, Leaf};
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::query::v1::{Certificate, StateProof};
use tessera_proto::split::{InUnits as _, SplitFactor};
use tessera_proto::state_key::StateKey;

use super::certificate::{TrustRoot, VerifiedHeader, verify_certificate};
use super::encode_commitment_proof;
use super::error::ProofError;
use super::ownership::{asset_summary, read_asset, read_totals};
use super::proof_file::{Kind, ProofFile, bytes_of};
use super::state_proof::{
    MAX_SHARD_DEPTH, decode_canonical, exist_proof, verify_presence, verify_root_proof,
};

/// Names of parts in errors.
const HOLDINGS: &str = "holdings of a shard";
const ROOT: &str = "root proof";

/// Files that prove who holds an asset, all together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompleteRegister;

/// A file that proves who holds an asset, all together.
pub type RegisterFile = ProofFile<CompleteRegister>;

/// What the certificate of a register proves, together with the holdings.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedRegister {
    /// The header that everything else is under.
    pub header: VerifiedHeader,
    /// Id of the asset.
    pub asset_id: AssetId,
    /// The asset.
    pub asset: Asset,
    /// How much of it exists: what all hold together.
    pub supply: Amount,
    /// Everybody who holds any of it.
    pub holders: BTreeMap<Address, Holding>,
}

/// All holdings of an asset with their proofs, by shard.
///
/// The proof of a shard's root stands once, and its holdings are one compressed ICS23 batch proof,
/// in which nodes that several ways have in common stand once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterBody {
    shards: Vec<Shard>,
}

/// Holdings of one shard; bytes in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Shard {
    root_proof: String,
    holdings: String,
}

impl RegisterBody {
    /// The body with these proofs of holdings, in any order; of each shard at least one has its
    /// root proof. A holding that is there twice is taken once.
    ///
    /// # Errors
    /// [`ProofError::Malformed`] for what is not a proof of a holding that exists.
    pub fn new(holdings: impl IntoIterator<Item = StateProof>) -> Result<Self, ProofError> {
        let mut shards: BTreeMap<u8, (Bytes, BTreeMap<StateKey, ExistenceProof>)> = BTreeMap::new();
        for proof in holdings {
            let part = HOLDINGS;
            let key = StateKey::from_bytes(&proof.key).ok_or(ProofError::Malformed { part })?;
            let decoded = decode_canonical(&proof.shard_proof, part)?;
            let exist = exist_proof(&decoded).ok_or(ProofError::Malformed { part })?;
            let (root_proof, entries) = shards.entry(key.shard()).or_default();
            if root_proof.is_empty() {
                *root_proof = proof.root_proof;
            }
            entries.insert(key, exist.clone());
        }
        let shard = |(root_proof, entries): (Bytes, BTreeMap<_, _>)| {
            let entry = |exist| BatchEntry { proof: Some(batch_entry::Proof::Exist(exist)) };
            let batch = BatchProof { entries: entries.into_values().map(entry).collect() };
            let batch = CommitmentProof { proof: Some(Proof::Batch(batch)) };
            let compressed =
                ics23::compress(&batch).map_err(|_| ProofError::Malformed { part: HOLDINGS })?;
            Ok(Shard {
                root_proof: hex::encode(root_proof),
                holdings: hex::encode(encode_commitment_proof(&compressed)),
            })
        };
        Ok(Self { shards: shards.into_values().map(shard).collect::<Result<_, _>>()? })
    }
}

/// Checks that a body is the whole register of an asset. The certificate proves the asset and
/// its totals, in this order.
///
/// # Errors
/// Those of [`verify_certificate`], then in order of precedence
/// [`ProofError::WrongProofCount`], [`ProofError::WrongKey`], [`ProofError::Absent`],
/// [`ProofError::UnreadableLeaf`] of asset or totals; shard by shard [`ProofError::Malformed`],
/// [`ProofError::NotCanonical`], [`ProofError::RootProofFailed`],
/// [`ProofError::ShardProofFailed`], [`ProofError::WrongKey`], [`ProofError::UnreadableLeaf`],
/// [`ProofError::NotAHolder`]; then [`ProofError::RegisterCount`], [`ProofError::RegisterSum`].
pub fn verify_register(
    certificate: &Certificate,
    body: &RegisterBody,
    trust: &TrustRoot,
) -> Result<VerifiedRegister, ProofError> {
    let verified = verify_certificate(certificate, trust)?;
    let [asset_entry, totals_entry] = verified.entries.as_slice() else {
        return Err(ProofError::WrongProofCount { found: verified.entries.len(), expected: 2 });
    };
    let (asset_id, asset) = read_asset(asset_entry)?;
    let (supply, holder_count) = read_totals(totals_entry, &asset_id)?;
    let mut holders = BTreeMap::new();
    let mut last_shard = None;
    for shard in &body.shards {
        let number = read_shard(shard, &asset_id, &verified.header.app_hash, &mut holders)?;
        if last_shard.is_some_and(|last| last >= number) {
            return Err(ProofError::NotCanonical { part: HOLDINGS });
        }
        last_shard = Some(number);
    }
    for holding in holders.values_mut() {
        holding.bring_to(SplitFactor::of(&asset));
    }
    let found = u64::try_from(holders.len()).unwrap_or(u64::MAX);
    if found != holder_count {
        return Err(ProofError::RegisterCount { found, expected: holder_count });
    }
    let balances = holders.values().map(|holding: &Holding| holding.balance);
    let sum = balances.into_iter().try_fold(Amount::ZERO, Amount::checked_add);
    if sum != Some(supply) {
        let found = sum.map_or_else(|| "too much".to_owned(), |sum| sum.to_string());
        return Err(ProofError::RegisterSum { found, expected: supply.to_string() });
    }
    Ok(VerifiedRegister { header: verified.header, asset_id, asset, supply, holders })
}

/// Adds the holdings of a shard, and returns its number.
fn read_shard(
    shard: &Shard,
    asset: &AssetId,
    app_hash: &[u8],
    holders: &mut BTreeMap<Address, Holding>,
) -> Result<u8, ProofError> {
    let root_proof = decode_canonical(&bytes_of(&shard.root_proof, ROOT)?, ROOT)?;
    let batch = decode_canonical(&bytes_of(&shard.holdings, HOLDINGS)?, HOLDINGS)?;
    let Some(Proof::Compressed(batch)) = batch.proof else {
        return Err(ProofError::Malformed { part: HOLDINGS });
    };
    let mut nodes = Nodes::new(&batch)?;
    let mut root: Option<(StateKey, Vec<u8>)> = None;
    for entry in &batch.entries {
        let Some(compressed_batch_entry::Proof::Exist(entry)) = &entry.proof else {
            return Err(ProofError::Malformed { part: HOLDINGS });
        };
        let exist = nodes.decompress(entry)?;
        let key =
            StateKey::from_bytes(&exist.key).ok_or(ProofError::Malformed { part: HOLDINGS })?;
        let shard_root = match root.take() {
            None => verify_root_proof(&root_proof, &key, app_hash)?.0,
            Some((last, root)) if last < key && last.shard() == key.shard() => root,
            Some(_) => return Err(ProofError::NotCanonical { part: HOLDINGS }),
        };
        let value = exist.value.clone();
        let proof = CommitmentProof { proof: Some(Proof::Exist(exist)) };
        verify_presence(&proof, &key, &value, &shard_root)
            .ok_or_else(|| ProofError::ShardProofFailed { key: hex::encode(key.as_bytes()) })?;
        add_holder(holders, asset, &key, &value)?;
        root = Some((key, shard_root));
    }
    nodes.all_used()?;
    root.map(|(key, _)| key.shard()).ok_or(ProofError::Malformed { part: HOLDINGS })
}

fn add_holder(
    holders: &mut BTreeMap<Address, Holding>,
    asset: &AssetId,
    key: &StateKey,
    value: &[u8],
) -> Result<(), ProofError> {
    let leaf = Holding::KIND;
    let account = key
        .as_bytes()
        .get(AssetId::LENGTH.saturating_add(1)..)
        .and_then(|account| Address::try_from(account).ok())
        .filter(|account| StateKey::holding(asset, account) == *key)
        .ok_or(ProofError::WrongKey { leaf })?;
    let holding =
        Holding::from_leaf_bytes(value).map_err(|_| ProofError::UnreadableLeaf { leaf })?;
    if holding.balance.is_zero() || holders.insert(account, holding).is_some() {
        return Err(ProofError::NotAHolder { account: account.to_string() });
    }
    Ok(())
}

/// The nodes that the ways of a batch have in common. One way is expanded at a time, so that a
/// forged batch cannot fill the memory.
struct Nodes<'a> {
    nodes: &'a [InnerOp],
    used: usize,
}

impl<'a> Nodes<'a> {
    fn new(batch: &'a CompressedBatchProof) -> Result<Self, ProofError> {
        let nodes = &batch.lookup_inners;
        let distinct: BTreeSet<Vec<u8>> = nodes.iter().map(InnerOp::encode_to_vec).collect();
        if distinct.len() != nodes.len() {
            return Err(ProofError::NotCanonical { part: HOLDINGS });
        }
        Ok(Self { nodes, used: 0 })
    }

    fn decompress(
        &mut self,
        entry: &CompressedExistenceProof,
    ) -> Result<ExistenceProof, ProofError> {
        if entry.path.len() > MAX_SHARD_DEPTH {
            return Err(ProofError::Malformed { part: HOLDINGS });
        }
        let path = entry.path.iter().map(|number| self.node(*number));
        Ok(ExistenceProof {
            key: entry.key.clone(),
            value: entry.value.clone(),
            leaf: entry.leaf.clone(),
            path: path.collect::<Result<_, _>>()?,
        })
    }

    /// A node by its number; numbers are given in the order of first use.
    fn node(&mut self, number: i32) -> Result<InnerOp, ProofError> {
        let number =
            usize::try_from(number).map_err(|_| ProofError::Malformed { part: HOLDINGS })?;
        let node = self.nodes.get(number).ok_or(ProofError::Malformed { part: HOLDINGS })?;
        if number > self.used {
            return Err(ProofError::NotCanonical { part: HOLDINGS });
        }
        if number == self.used {
            self.used = self.used.saturating_add(1);
        }
        Ok(node.clone())
    }

    fn all_used(&self) -> Result<(), ProofError> {
        let all = self.used == self.nodes.len();
        if all { Ok(()) } else { Err(ProofError::NotCanonical { part: HOLDINGS }) }
    }
}

impl Kind for CompleteRegister {
    const NAME: &'static str = "register";
    type Body = RegisterBody;
    type Verified = VerifiedRegister;

    fn verify(
        certificate: &Certificate,
        body: &RegisterBody,
        trust: &TrustRoot,
    ) -> Result<VerifiedRegister, ProofError> {
        verify_register(certificate, body, trust)
    }

    fn header(verified: &VerifiedRegister) -> &VerifiedHeader {
        &verified.header
    }

    fn summary(verified: &VerifiedRegister) -> Vec<(&'static str, Value)> {
        let mut fields = asset_summary(&verified.asset_id, &verified.asset);
        let decimals = verified.asset.decimals.min(18);
        fields.extend([
            ("holders", verified.holders.len().to_string().into()),
            ("supply", verified.supply.to_string().into()),
            ("supply_display", verified.supply.display(decimals).into()),
        ]);
        fields
    }
}

/// The keys whose proofs make the certificate of a register, in their order.
#[must_use]
pub fn register_keys(asset: &AssetId) -> [StateKey; 2] {
    [StateKey::asset(asset), StateKey::asset_totals(asset)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::fixture::{
        ASSET, Behaviour, EMPTY_HOLDER, HOLDER, REGISTER_SIZE, State, assert_changes_are_refused,
        asset, certificate_of, register_state, validators_hash,
    };
    use tessera_proto::pb::assets::v1::AssetTotals;

    fn trust() -> TrustRoot {
        TrustRoot::ValidatorsHash(validators_hash())
    }

    /// A certificate and the proofs of all holdings.
    fn honest(size: u32) -> (Certificate, Vec<StateProof>) {
        let (state, holders) = register_state(size);
        let certificate = certificate_of(&state, &register_keys(&ASSET), &[Behaviour::Signs; 4]);
        let prove = |account: &Address| state.prove(&StateKey::holding(&ASSET, account));
        (certificate, holders.iter().map(prove).collect())
    }

    fn verify(
        certificate: &Certificate,
        holdings: Vec<StateProof>,
    ) -> Result<VerifiedRegister, ProofError> {
        verify_register(certificate, &RegisterBody::new(holdings)?, &trust())
    }

    #[test]
    fn two_thousand_holders_are_proven_complete_in_a_file_of_reasonable_size() {
        let (certificate, holdings) = honest(2_000);
        let body = RegisterBody::new(holdings).unwrap();
        let verified = verify_register(&certificate, &body, &trust()).unwrap();
        assert_eq!((verified.holders.len(), verified.holders.contains_key(&HOLDER)), (2_000, true));
        let file = RegisterFile::new(&certificate, body, &verified);
        let text = file.to_text();
        assert!(text.len() < 4 << 20, "{} bytes", text.len());
        assert_eq!(RegisterFile::from_text(&text).unwrap().verify(&trust()), Ok(verified));
    }

    #[test]
    fn whoever_is_left_out_added_or_changed_is_noticed() {
        let (certificate, holdings) = honest(REGISTER_SIZE);
        verify(&certificate, holdings.clone()).unwrap();
        let count = u64::from(REGISTER_SIZE);
        for omitted in 0..holdings.len() {
            let mut fewer = holdings.clone();
            fewer.remove(omitted);
            let error = ProofError::RegisterCount { found: count - 1, expected: count };
            assert_eq!(verify(&certificate, fewer), Err(error));
        }
        // Twice the same is once.
        let twice = [holdings.clone(), holdings.clone()].concat();
        verify(&certificate, twice).unwrap();
        // A holding of another asset, or an empty one, is none.
        let (state, _) = register_state(REGISTER_SIZE);
        for (key, error) in [
            (StateKey::asset(&ASSET), ProofError::WrongKey { leaf: Holding::KIND }),
            (
                StateKey::holding(&ASSET, &EMPTY_HOLDER),
                ProofError::NotAHolder { account: EMPTY_HOLDER.to_string() },
            ),
        ] {
            let added = [holdings.clone(), vec![state.prove(&key)]].concat();
            assert_eq!(verify(&certificate, added), Err(error));
        }
        let absent = state.prove(&StateKey::holding(&ASSET, &Address::new([0xdd; 20])));
        assert_eq!(
            RegisterBody::new([absent]),
            Err(ProofError::Malformed { part: HOLDINGS }),
            "absence is no holding"
        );
        let (other, _) = register_state(REGISTER_SIZE + 1);
        let of_other_state = certificate_of(&other, &register_keys(&ASSET), &[Behaviour::Signs; 4]);
        assert!(verify(&of_other_state, holdings).is_err());
    }

    #[test]
    fn a_register_whose_sum_is_wrong_is_refused() {
        // The holders are there, but the supply is another: no honest state has this.
        let (_, holders) = register_state(REGISTER_SIZE);
        let totals = AssetTotals {
            supply: "1".into(),
            holder_count: REGISTER_SIZE.into(),
            ..AssetTotals::default()
        };
        let holding = Holding { balance: Amount::from_u64(2), ..Holding::default() };
        let mut facts = vec![
            (StateKey::asset(&ASSET), asset().to_leaf_bytes().to_vec()),
            (StateKey::asset_totals(&ASSET), totals.to_leaf_bytes().to_vec()),
        ];
        let leaf = |account| (StateKey::holding(&ASSET, account), holding.to_leaf_bytes().to_vec());
        facts.extend(holders.iter().map(leaf));
        let state = State::new(&facts);
        let certificate = certificate_of(&state, &register_keys(&ASSET), &[Behaviour::Signs; 4]);
        let prove = |account| state.prove(&StateKey::holding(&ASSET, account));
        let found = (2 * REGISTER_SIZE).to_string();
        assert_eq!(
            verify(&certificate, holders.iter().map(prove).collect()),
            Err(ProofError::RegisterSum { found, expected: "1".into() })
        );
    }

    #[test]
    fn other_orders_and_spellings_are_refused() {
        let (certificate, holdings) = honest(600);
        let honest = RegisterBody::new(holdings).unwrap();
        let verify = |body: &RegisterBody| verify_register(&certificate, body, &trust());
        verify(&honest).unwrap();
        let not_canonical = Err(ProofError::NotCanonical { part: HOLDINGS });
        let mut swapped = honest.clone();
        swapped.shards.swap(0, 1);
        assert_eq!(verify(&swapped), not_canonical);
        let mut twice = honest.clone();
        twice.shards.insert(0, honest.shards[0].clone());
        assert!(verify(&twice).is_err());
        let mut crossed = honest.clone();
        crossed.shards[0].root_proof = honest.shards[1].root_proof.clone();
        assert!(matches!(verify(&crossed), Err(ProofError::RootProofFailed { .. })));

        let shard = honest.shards.iter().position(|shard| entries(shard).len() > 1).unwrap();
        let change = |change: &dyn Fn(&mut CompressedBatchProof)| {
            let mut body = honest.clone();
            let bytes = hex::decode(&body.shards[shard].holdings).unwrap();
            let mut proof = CommitmentProof::decode(bytes.as_slice()).unwrap();
            let Some(Proof::Compressed(batch)) = &mut proof.proof else { unreachable!() };
            change(batch);
            body.shards[shard].holdings = hex::encode(proof.encode_to_vec());
            verify(&body)
        };
        assert_eq!(change(&|batch| batch.entries.reverse()), not_canonical);
        assert!(change(&|batch| batch.lookup_inners.swap(0, 1)).is_err());
        let unused = |batch: &mut CompressedBatchProof| {
            let node = InnerOp { suffix: vec![1; 32], ..batch.lookup_inners[0].clone() };
            batch.lookup_inners.push(node);
        };
        assert_eq!(change(&unused), not_canonical);
        let repeated = |batch: &mut CompressedBatchProof| {
            batch.lookup_inners.push(batch.lookup_inners[0].clone());
        };
        assert_eq!(change(&repeated), not_canonical);
        let malformed = Err(ProofError::Malformed { part: HOLDINGS });
        assert_eq!(change(&|batch| batch.entries.clear()), not_canonical);
        let path = |batch: &mut CompressedBatchProof, number: i32| {
            let Some(compressed_batch_entry::Proof::Exist(exist)) = &mut batch.entries[0].proof
            else {
                unreachable!()
            };
            exist.path[0] = number;
        };
        for number in [-1, i32::MAX] {
            assert_eq!(change(&|batch| path(batch, number)), malformed);
        }
    }

    fn entries(shard: &Shard) -> Vec<ics23::CompressedBatchEntry> {
        let bytes = hex::decode(&shard.holdings).unwrap();
        match CommitmentProof::decode(bytes.as_slice()).unwrap().proof {
            Some(Proof::Compressed(batch)) => batch.entries,
            _ => Vec::new(),
        }
    }

    #[test]
    fn single_byte_changes_of_the_file_are_refused() {
        let (certificate, holdings) = honest(REGISTER_SIZE);
        let body = RegisterBody::new(holdings).unwrap();
        let verified = verify_register(&certificate, &body, &trust()).unwrap();
        let text = RegisterFile::new(&certificate, body, &verified).to_text();
        assert_changes_are_refused::<CompleteRegister>(&text);
    }
}
