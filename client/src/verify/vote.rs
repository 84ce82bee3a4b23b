//! That a vote was counted: the vote, the proposal and its tally, under one signed header.

use serde_json::Value;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Leaf;
use tessera_proto::name::{choice_name, proposal_status_name};
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::query::v1::Certificate;
use tessera_proto::pb::votes::v1::{Delegation, Proposal, Tally, Vote, VoteChoice};
use tessera_proto::state_key::StateKey;

use super::certificate::{TrustRoot, VerifiedHeader, verify_certificate};
use super::error::ProofError;
use super::ownership::{asset_summary, read_asset, read_if_any, read_present};
use super::proof_file::{Kind, NoBody, ProofFile};
use super::state_proof::VerifiedEntry;

/// Files that prove how an account has voted, and that it was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedVote;

/// A file that proves how an account has voted, and that it was counted.
pub type VoteFile = ProofFile<CountedVote>;

/// What a vote certificate proves.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedVote {
    /// The header that everything else is under.
    pub header: VerifiedHeader,
    /// Id of the asset.
    pub asset_id: AssetId,
    /// The asset.
    pub asset: Asset,
    /// What is voted on, and how it stands.
    pub proposal: Proposal,
    /// Everything counted so far.
    pub tally: Tally,
    /// Whose vote is proven.
    pub voter: Address,
    /// The vote, or none when the account is proven not to have voted.
    pub vote: Option<Vote>,
    /// Who may vote for the account, if it ever said so.
    pub delegation: Option<Delegation>,
    /// Hashes on the way from the vote to the app hash.
    pub proof_depth: usize,
}

impl VerifiedVote {
    /// What the vote says: weight by answer; nothing when there is none.
    ///
    /// # Errors
    /// [`ProofError::UnreadableLeaf`].
    pub fn parts(&self) -> Result<Vec<(VoteChoice, Amount)>, ProofError> {
        self.vote.as_ref().map_or(Ok(Vec::new()), parts_of)
    }
}

/// The keys whose proofs make a vote certificate, in their order.
#[must_use]
pub fn vote_keys(asset: &AssetId, proposal: u64, voter: &Address) -> [StateKey; 5] {
    [
        StateKey::asset(asset),
        StateKey::proposal(asset, proposal),
        StateKey::tally(asset, proposal),
        StateKey::vote(asset, proposal, voter),
        StateKey::delegation(asset, voter),
    ]
}

/// Checks a vote certificate: proofs of [`vote_keys`].
///
/// # Errors
/// Those of [`verify_certificate`], then in order of precedence
/// [`ProofError::WrongProofCount`], [`ProofError::WrongKey`], [`ProofError::Absent`] (of asset
/// and proposal), [`ProofError::UnreadableLeaf`], [`ProofError::VoteNotCounted`].
pub fn verify_vote(
    certificate: &Certificate,
    trust: &TrustRoot,
) -> Result<VerifiedVote, ProofError> {
    let verified = verify_certificate(certificate, trust)?;
    let [asset_entry, proposal_entry, tally_entry, vote_entry, delegation_entry] =
        verified.entries.as_slice()
    else {
        return Err(ProofError::WrongProofCount { found: verified.entries.len(), expected: 5 });
    };
    let (asset_id, asset) = read_asset(asset_entry)?;
    let (number, voter) = read_vote_key(vote_entry, &asset_id)?;
    let keys = vote_keys(&asset_id, number, &voter);
    let leaves = [Asset::KIND, Proposal::KIND, Tally::KIND, Vote::KIND, Delegation::KIND];
    for ((entry, key), leaf) in verified.entries.iter().zip(keys).zip(leaves) {
        if entry.key != key {
            return Err(ProofError::WrongKey { leaf });
        }
    }
    let proposal: Proposal = read_present(proposal_entry)?;
    // Nothing is counted before the first vote.
    let tally = read_if_any::<Tally>(tally_entry)?.unwrap_or_default();
    let proven = VerifiedVote {
        header: verified.header,
        asset_id,
        asset,
        proposal,
        tally,
        voter,
        vote: read_if_any(vote_entry)?,
        delegation: read_if_any(delegation_entry)?,
        proof_depth: vote_entry.depth,
    };
    for (choice, weight) in proven.parts()? {
        let counted = counted(&proven.tally, choice)?;
        if weight > counted {
            let (weight, counted) = (weight.to_string(), counted.to_string());
            return Err(ProofError::VoteNotCounted { choice, weight, counted });
        }
    }
    Ok(proven)
}

/// Number of the proposal and the voter that the key of a vote names.
fn read_vote_key(entry: &VerifiedEntry, asset: &AssetId) -> Result<(u64, Address), ProofError> {
    let named = || {
        let rest = entry.key.as_bytes().get(AssetId::LENGTH.saturating_add(1)..)?;
        let (number, voter) = rest.split_first_chunk()?;
        Some((u64::from_be_bytes(*number), Address::try_from(voter).ok()?))
    };
    named()
        .filter(|(number, voter)| StateKey::vote(asset, *number, voter) == entry.key)
        .ok_or(ProofError::WrongKey { leaf: Vote::KIND })
}

/// Weight by answer, all together the weight of the vote.
fn parts_of(vote: &Vote) -> Result<Vec<(VoteChoice, Amount)>, ProofError> {
    let weight = amount(&vote.weight, Vote::KIND)?;
    if vote.parts.is_empty() {
        return Ok(vec![(vote.choice(), weight)]);
    }
    let mut parts = Vec::new();
    let mut sum = Amount::ZERO;
    for part in &vote.parts {
        let weight = amount(&part.weight, Vote::KIND)?;
        sum = sum.checked_add(weight).ok_or(ProofError::UnreadableLeaf { leaf: Vote::KIND })?;
        parts.push((part.choice(), weight));
    }
    if sum == weight { Ok(parts) } else { Err(ProofError::UnreadableLeaf { leaf: Vote::KIND }) }
}

/// What a tally counts for one answer.
fn counted(tally: &Tally, choice: VoteChoice) -> Result<Amount, ProofError> {
    let text = match choice {
        VoteChoice::Yes => &tally.yes,
        VoteChoice::No => &tally.no,
        VoteChoice::Abstain => &tally.abstain,
        VoteChoice::Veto => &tally.veto,
        VoteChoice::Unspecified => return Err(ProofError::UnreadableLeaf { leaf: Vote::KIND }),
    };
    amount(text, Tally::KIND)
}

/// An amount of a leaf; an empty one is nothing.
fn amount(text: &str, leaf: &'static str) -> Result<Amount, ProofError> {
    if text.is_empty() {
        return Ok(Amount::ZERO);
    }
    text.parse().map_err(|_| ProofError::UnreadableLeaf { leaf })
}

impl Kind for CountedVote {
    const NAME: &'static str = "vote";
    type Body = NoBody;
    type Verified = VerifiedVote;

    fn verify(
        certificate: &Certificate,
        _body: &NoBody,
        trust: &TrustRoot,
    ) -> Result<VerifiedVote, ProofError> {
        verify_vote(certificate, trust)
    }

    fn header(verified: &VerifiedVote) -> &VerifiedHeader {
        &verified.header
    }

    fn summary(verified: &VerifiedVote) -> Vec<(&'static str, Value)> {
        let VerifiedVote { proposal, tally, vote, .. } = verified;
        let parts = verified.parts().unwrap_or_default();
        let part =
            |(choice, weight): &(VoteChoice, Amount)| format!("{} {weight}", choice_name(*choice));
        let answer: Vec<String> = parts.iter().map(part).collect();
        let address = |bytes: &[u8]| {
            Address::try_from(bytes).map(|address| address.to_string()).unwrap_or_default()
        };
        let cast_by = vote.as_ref().map(|vote| address(&vote.cast_by));
        let delegate = verified.delegation.as_ref().map(|delegation| address(&delegation.to));
        let mut fields = asset_summary(&verified.asset_id, &verified.asset);
        fields.extend([
            ("proposal", proposal.number.to_string().into()),
            ("proposal_title", proposal.title.clone().into()),
            ("proposal_status", proposal_status_name(proposal.status()).into()),
            ("record_height", proposal.record_height.to_string().into()),
            ("account", verified.voter.to_string().into()),
            ("has_voted", vote.is_some().into()),
            ("answer", answer.join(", ").into()),
            ("cast_by_delegate", cast_by.unwrap_or_default().into()),
            ("delegate", delegate.unwrap_or_default().into()),
        ]);
        for (name, text) in [
            ("tally_yes", &tally.yes),
            ("tally_no", &tally.no),
            ("tally_abstain", &tally.abstain),
            ("tally_veto", &tally.veto),
        ] {
            fields.push((name, if text.is_empty() { "0" } else { text.as_str() }.into()));
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::fixture::{
        ASSET, HOLDER, STRANGER, assert_changes_are_refused, history_certificate, validators_hash,
        vote_certificate,
    };

    fn trust() -> TrustRoot {
        TrustRoot::ValidatorsHash(validators_hash())
    }

    #[test]
    fn a_divided_vote_by_a_delegate_is_proven_with_the_tally() {
        let certificate = vote_certificate(&HOLDER, "170");
        let verified = verify_vote(&certificate, &trust()).unwrap();
        assert_eq!((verified.asset_id, verified.voter), (ASSET, HOLDER));
        let parts =
            [(VoteChoice::Yes, Amount::from_u64(70)), (VoteChoice::No, Amount::from_u64(50))];
        assert_eq!(verified.parts().unwrap(), parts);
        assert_eq!(verified.delegation.as_ref().unwrap().to, STRANGER.to_bytes());
        let text = VoteFile::new(&certificate, NoBody {}, &verified).to_text();
        for part in [
            "\"answer\": \"yes 70, no 50\"",
            &format!("\"cast_by_delegate\": \"{STRANGER}\""),
            "\"tally_yes\": \"170\"",
            "\"tally_veto\": \"0\"",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(VoteFile::from_text(&text).unwrap().verify(&trust()), Ok(verified));
    }

    #[test]
    fn that_somebody_has_not_voted_is_proven() {
        let certificate = vote_certificate(&STRANGER, "170");
        let verified = verify_vote(&certificate, &trust()).unwrap();
        assert_eq!((verified.vote.clone(), verified.delegation.clone()), (None, None));
        assert!(verified.parts().unwrap().is_empty());
        let text = VoteFile::new(&certificate, NoBody {}, &verified).to_text();
        assert!(text.contains("\"has_voted\": false"), "{text}");
    }

    #[test]
    fn partial_reordered_and_uncounted_votes_are_refused() {
        let honest = vote_certificate(&HOLDER, "170");
        let verify = |certificate: &Certificate| verify_vote(certificate, &trust()).map(|_| ());
        for omitted in 0..honest.proofs.len() {
            let mut partial = honest.clone();
            partial.proofs.remove(omitted);
            let error = ProofError::WrongProofCount { found: 4, expected: 5 };
            assert_eq!(verify(&partial), Err(error));
        }
        for (one, other) in [(1, 2), (1, 4), (2, 4), (0, 1), (3, 4)] {
            let mut swapped = honest.clone();
            swapped.proofs.swap(one, other);
            assert!(matches!(verify(&swapped), Err(ProofError::WrongKey { .. })));
        }
        // The delegation of another account does not belong here.
        let mut mixed = honest.clone();
        mixed.proofs[4] = vote_certificate(&STRANGER, "170").proofs[4].clone();
        assert_eq!(verify(&mixed), Err(ProofError::WrongKey { leaf: Delegation::KIND }));
        let error = ProofError::VoteNotCounted {
            choice: VoteChoice::Yes,
            weight: "70".into(),
            counted: "69".into(),
        };
        assert_eq!(verify(&vote_certificate(&HOLDER, "69")), Err(error));
        let error = ProofError::WrongProofCount { found: 2, expected: 5 };
        assert_eq!(verify(&history_certificate(3)), Err(error));
    }

    #[test]
    fn single_byte_changes_of_the_file_are_refused() {
        let certificate = vote_certificate(&HOLDER, "170");
        let verified = verify_vote(&certificate, &trust()).unwrap();
        let text = VoteFile::new(&certificate, NoBody {}, &verified).to_text();
        assert_changes_are_refused::<CountedVote>(&text);
    }
}
