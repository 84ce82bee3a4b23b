//! The holders decide on a new roof. Who acquires shares after the record has no vote with them.

use anyhow::ensure;
use tessera_client::operations::{
    SubmitProposal, VoteChoice, cast_vote, close_proposal, submit_proposal, top_up_fees, transfer,
    treasury_spend,
};
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::votes::v1::{Proposal, ProposalStatus, Tally};

use super::{ALICE, BOB, DAVE, ISSUER, VILLA};
use crate::node::demo::scene::{Scene, account, parse_usdx, usdx};

const ROOFER: &str = "roofer";
const TREASURY: &str = "5000";
const ROOF: &str = "4000";
/// Blocks that the vote stays open.
const OPEN_BLOCKS: u64 = 8;
/// Shares that bob sells while the vote is open.
const SOLD_LATER: u64 = 30;
/// Number of the proposal.
const NUMBER: u64 = 1;
/// No units at the record.
const NO_WEIGHT: &str = "votes/16";
/// Not over yet.
const VOTING_GOES_ON: &str = "votes/18";

pub(super) async fn run(scene: &mut Scene, villa: &AssetId) -> anyhow::Result<()> {
    propose(scene, villa).await?;
    let (proposal, _) = scene.client.proposal(VILLA, NUMBER, 0).await?;
    cast(scene, villa, &proposal).await?;
    // Blocks come when there is something to put into them.
    while scene.height().await? < proposal.voting_end_height {
        let one = Amount::from_u64(1);
        scene.send(ISSUER, vec![top_up_fees(&account(ISSUER), one)]).await?;
        let (currency, pool) = (scene.currency, Address::fee_pool());
        scene.books.transfer(&currency, (&account(ISSUER), &pool), one)?;
    }
    close(scene, villa).await
}

/// Money into the treasury, then the question what to do with it.
async fn propose(scene: &mut Scene, villa: &AssetId) -> anyhow::Result<()> {
    let (currency, treasury) = (scene.currency, Address::treasury(villa));
    scene.names.account(&treasury, "the treasury");
    scene.names.account(&account(ROOFER), ROOFER);
    let (reserve, cost) = (parse_usdx(TREASURY)?, parse_usdx(ROOF)?);
    scene.send(ISSUER, vec![transfer(&currency, &treasury, reserve)]).await?;
    scene.books.transfer(&currency, (&account(ISSUER), &treasury), reserve)?;
    let proposal = submit_proposal(SubmitProposal {
        asset: villa.to_bytes(),
        title: "New roof".to_owned(),
        outcome: Some(treasury_spend(&currency, &account(ROOFER), cost)),
        voting_period_blocks: OPEN_BLOCKS,
        quorum_bps: 5_000,
        threshold_bps: 5_000,
        record_height: 0,
    });
    let receipt = scene.send(ALICE, vec![proposal]).await?;
    let text = format!(
        "proposal {NUMBER} “New roof” by alice: {} from the treasury to the roofer",
        usdx(cost)
    );
    scene.screen.done("proposed", &text, Some(receipt.height));
    let text = format!(
        "Record date: the end of block {}. Open for {OPEN_BLOCKS} blocks, quorum 50 %, \
         majority of yes.",
        receipt.height
    );
    scene.screen.detail(&text);
    scene.check_books().await
}

async fn cast(scene: &mut Scene, villa: &AssetId, proposal: &Proposal) -> anyhow::Result<()> {
    let vote = |choice| vec![cast_vote(villa, NUMBER, choice)];
    let sold = Amount::from_u64(SOLD_LATER);
    let receipts = scene
        .send_all(vec![
            (ISSUER, vote(VoteChoice::Yes)),
            (ALICE, vote(VoteChoice::Yes)),
            // Bob sells while he votes: his vote weighs what he held at the record.
            (BOB, vote(VoteChoice::No)),
            (BOB, vec![transfer(villa, &account(DAVE), sold)]),
        ])
        .await?;
    scene.books.transfer(villa, (&account(BOB), &account(DAVE)), sold)?;
    scene.check_books().await?;
    let last = receipts.iter().map(|receipt| receipt.height).max();
    scene.screen.done("voted", "issuer yes with 800 · alice yes with 120 · bob no with 80", last);
    let text = format!("Bob sold {SOLD_LATER} shares to dave meanwhile, and still votes with 80.");
    scene.screen.detail(&text);
    for (who, expected) in [(ISSUER, "800"), (ALICE, "120"), (BOB, "80")] {
        let vote = scene.client.vote(VILLA, NUMBER, &account(who)).await?.unwrap_or_default();
        ensure!(vote.weight == expected, "{who} voted with `{}` instead", vote.weight);
    }
    let refusal = scene.refuse(DAVE, vote(VoteChoice::Yes), NO_WEIGHT).await?;
    let text = "dave's vote: he held nothing at the record date (as intended)";
    scene.screen.refused("refused", text, refusal.height);
    if scene.height().await? + 1 < proposal.voting_end_height {
        let early = vec![close_proposal(villa, NUMBER)];
        let refusal = scene.refuse(ISSUER, early, VOTING_GOES_ON).await?;
        let text = format!(
            "to close before the end of block {} (as intended)",
            proposal.voting_end_height
        );
        scene.screen.refused("refused", &text, refusal.height);
    }
    Ok(())
}

async fn close(scene: &mut Scene, villa: &AssetId) -> anyhow::Result<()> {
    let currency = scene.currency;
    let receipt = scene.send(ISSUER, vec![close_proposal(villa, NUMBER)]).await?;
    let (proposal, tally) = scene.client.proposal(VILLA, NUMBER, 0).await?;
    ensure!(
        proposal.status() == ProposalStatus::Executed,
        "the proposal should be carried out, but is {:?}",
        proposal.status()
    );
    let expected =
        Tally { yes: "920".into(), no: "80".into(), abstain: "0".into(), veto: "0".into() };
    ensure!(tally == expected, "the tally should be 920 to 80, but is {tally:?}");
    let (treasury, roof) = (Address::treasury(villa), parse_usdx(ROOF)?);
    scene.books.transfer(&currency, (&treasury, &account(ROOFER)), roof)?;
    scene.check_books().await?;
    let left = scene.books.balance(&currency, &treasury);
    let text = format!(
        "92.0 % yes, 100 % took part: {} paid to the roofer, {} left",
        usdx(roof),
        left.display(6)
    );
    scene.screen.done("carried out", &text, Some(receipt.height));
    Ok(())
}
