//! Signed transactions by the thousand, each kind of work with its name.

use bytes::Bytes;
use clap::ValueEnum;
use prost::Message as _;
use rayon::prelude::*;
use tessera_client::operations::{self, Kind, SubmitProposal, VoteChoice};
use tessera_client::{Signer, TransactionBuilder};
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::Frame;
use tessera_proto::pb::votes::v1::ProposalOutcome;

use super::world::World;
use crate::chain::tx::{MAX_FRAME_BYTES, MAX_FRAME_TRANSACTIONS};

/// Most that a transaction pays: far more than it costs.
const MAX_FEE: u64 = 10_000_000;
/// Last block that may include a transaction.
pub(super) const VALID_UNTIL_HEIGHT: u64 = 10_000;
/// Proposals open at once in votes.
const OPEN_PROPOSALS: usize = 1_000;
/// Blocks that they stay open.
const VOTING_PERIOD_BLOCKS: u64 = 1_000_000;
/// Recipients of each royalty.
const ROYALTY_RECIPIENTS: usize = 5;
/// Nonce lanes of an account that sends many transactions.
const LANES: u64 = 16;

/// A kind of transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Workload {
    /// Transfers of many assets between random holders.
    TransferUniform,
    /// Transfers of assets that are wanted unequally (Zipf's law, exponent 0.8).
    #[value(name = "transfer-zipf-0.8")]
    TransferZipf080,
    /// Transfers of assets that are wanted unequally (Zipf's law, exponent 0.99).
    #[value(name = "transfer-zipf-0.99")]
    TransferZipf099,
    /// Transfers of assets that are wanted unequally (Zipf's law, exponent 1.2).
    #[value(name = "transfer-zipf-1.2")]
    TransferZipf120,
    /// Transfers of one asset between random holders.
    OneHotAsset,
    /// Every other transaction is sent by one account, all others pay it.
    OneHotAccount,
    /// Each pays in the one currency.
    CashLeg,
    /// Transfers, of which 1 % pay in the one currency, too.
    #[value(name = "cross-1")]
    Cross1,
    /// Transfers, of which 10 % pay in the one currency, too.
    #[value(name = "cross-10")]
    Cross10,
    /// Transfers, of which 50 % pay in the one currency, too.
    #[value(name = "cross-50")]
    Cross50,
    /// Each delivers units of an asset and pays in the one currency.
    #[value(name = "cross-100")]
    Cross100,
    /// Each is a sale whose royalty goes to five recipients.
    Royalty,
    /// Votes on 1,000 open proposals.
    Vote,
    /// 70 % transfers, 15 % sales with royalty, 10 % votes, 5 % fee top-ups.
    Mixed,
}

impl Workload {
    /// The name, as in reports.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Whether all holdings are of one asset.
    #[must_use]
    pub fn has_one_asset(self) -> bool {
        matches!(self, Self::OneHotAsset | Self::OneHotAccount)
    }

    /// Whether any holder may send, however few transactions there are.
    #[must_use]
    pub fn draws_senders(self) -> bool {
        self.zipf_exponent().is_some()
    }

    /// Whether senders need the currency.
    #[must_use]
    pub fn needs_cash(self) -> bool {
        self.cross_percent() > 0 || matches!(self, Self::CashLeg | Self::Royalty | Self::Mixed)
    }

    /// How many of a hundred transactions touch an asset and the currency.
    fn cross_percent(self) -> usize {
        match self {
            Self::Cross1 => 1,
            Self::Cross10 => 10,
            Self::Cross50 => 50,
            Self::Cross100 => 100,
            _ => 0,
        }
    }

    /// How unequally assets are wanted.
    fn zipf_exponent(self) -> Option<f64> {
        match self {
            Self::TransferZipf080 => Some(0.8),
            Self::TransferZipf099 => Some(0.99),
            Self::TransferZipf120 => Some(1.2),
            _ => None,
        }
    }
}

/// Makes the transactions of a workload, always the same.
pub struct Generator<'a> {
    world: &'a World,
    workload: Workload,
    random: Random,
    next_sender: usize,
    nonces: Vec<u64>,
    hot_nonce: u64,
    wanted: Option<Wanted>,
}

/// How often each asset is wanted.
struct Wanted {
    /// Sums of the weights of the assets up to each.
    sums: Vec<f64>,
    /// How often each was chosen.
    chosen: Vec<usize>,
}

impl Wanted {
    fn new(assets: usize, exponent: f64) -> Self {
        let weights = (1..=assets).map(|rank| (rank as f64).powf(-exponent));
        let sums = weights.scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self { sums: sums.collect(), chosen: vec![0; assets] }
    }

    /// An asset, and how often it was chosen before.
    fn choose(&mut self, random: &mut Random) -> (usize, usize) {
        const STEPS: usize = 1 << 40;
        let total = self.sums.last().copied().unwrap_or_default();
        let point = random.below(STEPS) as f64 / STEPS as f64 * total;
        let asset = self.sums.partition_point(|sum| *sum <= point);
        let asset = asset.min(self.sums.len().saturating_sub(1));
        let Some(chosen) = self.chosen.get_mut(asset) else { return (0, 0) };
        *chosen += 1;
        (asset, *chosen - 1)
    }
}

struct Draft {
    sender: usize,
    lane: u32,
    nonce: u64,
    operations: Vec<Kind>,
}

impl<'a> Generator<'a> {
    /// From the first transaction on.
    #[must_use]
    pub fn new(world: &'a World, workload: Workload) -> Self {
        let nonces = vec![0; world.senders.len()];
        let wanted = workload.zipf_exponent();
        let wanted = wanted.map(|exponent| Wanted::new(world.assets.len(), exponent));
        let random = Random::new(1);
        Self { world, workload, random, next_sender: 1, nonces, hot_nonce: 0, wanted }
    }

    /// What must happen before the workload: royalty schedules and proposals.
    #[must_use]
    pub fn setup(&mut self) -> Vec<Bytes> {
        let mut transactions = Vec::new();
        if matches!(self.workload, Workload::Royalty | Workload::Mixed) {
            transactions.extend(self.royalty_schedules());
        }
        if matches!(self.workload, Workload::Vote | Workload::Mixed) {
            transactions.extend(self.proposals());
        }
        transactions
    }

    /// The next transactions, signed.
    #[must_use]
    pub fn transactions(&mut self, count: usize) -> Vec<Bytes> {
        self.senders_and_transactions(count)
            .into_iter()
            .map(|(_, transaction)| transaction)
            .collect()
    }

    /// The next transactions, signed, each with the number of its sender.
    #[must_use]
    pub fn senders_and_transactions(&mut self, count: usize) -> Vec<(usize, Bytes)> {
        let drafts: Vec<Draft> = (0..count).map(|_| self.draft()).collect();
        let world = self.world;
        drafts.into_par_iter().map(|draft| (draft.sender, sign_draft(world, draft))).collect()
    }

    fn royalty_schedules(&self) -> Vec<Bytes> {
        let world = self.world;
        let share = 10_000 / ROYALTY_RECIPIENTS as u32;
        let schedule = |(number, asset): (usize, &AssetId)| {
            let holders = world.holders.iter().cycle().skip(number);
            let shares: Vec<(Address, u32)> =
                holders.take(ROYALTY_RECIPIENTS).map(|holder| (*holder, share)).collect();
            let kind = operations::set_royalty_schedule(asset, &shares, 0);
            sign(world, &world.issuer, (0, number as u64), vec![kind])
        };
        world.assets.iter().enumerate().map(schedule).collect()
    }

    fn proposals(&mut self) -> Vec<Bytes> {
        // The first holders hold one of each asset.
        let count = self.world.assets.len().min(OPEN_PROPOSALS).min(self.world.senders.len());
        let drafts = (0..count).map(|sender| (sender, self.take_nonce(sender)));
        let drafts: Vec<(usize, u64)> = drafts.collect();
        let draft = |(sender, nonce): (usize, u64)| Draft {
            sender,
            lane: 0,
            nonce,
            operations: vec![operations::submit_proposal(SubmitProposal {
                asset: self.world.asset_of(sender).to_bytes(),
                title: "Repair the roof".to_owned(),
                outcome: Some(self.spend()),
                voting_period_blocks: VOTING_PERIOD_BLOCKS,
                quorum_bps: 1_000,
                threshold_bps: 5_000,
                record_height: 0,
            })],
        };
        drafts.into_iter().map(|one| sign_draft(self.world, draft(one))).collect()
    }

    fn spend(&self) -> ProposalOutcome {
        let to = self.world.issuer.address();
        operations::treasury_spend(&self.world.currency, &to, Amount::from_u64(1))
    }

    fn draft(&mut self) -> Draft {
        if self.workload == Workload::OneHotAccount && self.next_sender.is_multiple_of(2) {
            return self.hot_draft();
        }
        let sender = self.take_sender();
        let nonce = self.take_nonce(sender);
        let operations = match self.workload {
            Workload::OneHotAccount => self.transfer_to(sender, 0),
            Workload::CashLeg => vec![self.payment(sender)],
            Workload::Royalty => self.sale_with_royalty(sender),
            Workload::Vote => self.vote(sender),
            Workload::Mixed => match self.random.below(100) {
                0..70 => self.transfer(sender),
                70..85 => self.sale_with_royalty(sender),
                85..95 => self.vote(sender),
                _ => self.top_up(sender),
            },
            other if self.random.below(100) < other.cross_percent() => self.sale(sender),
            _ => self.transfer(sender),
        };
        Draft { sender, lane: 0, nonce, operations }
    }

    /// All in turn; of assets that are wanted unequally, the holders of each in turn.
    fn take_sender(&mut self) -> usize {
        let count = self.world.senders.len();
        if let Some(wanted) = &mut self.wanted {
            let (asset, turn) = wanted.choose(&mut self.random);
            let assets = self.world.assets.len();
            let holders = count.saturating_sub(asset).div_ceil(assets).max(1);
            return (asset + turn % holders * assets) % count;
        }
        let sender = self.next_sender % count;
        self.next_sender += 1;
        sender
    }

    fn hot_draft(&mut self) -> Draft {
        self.next_sender += 1;
        let (lane, nonce) = (self.hot_nonce % LANES, self.hot_nonce / LANES);
        self.hot_nonce += 1;
        Draft { sender: 0, lane: lane as u32, nonce, operations: self.transfer(0) }
    }

    fn take_nonce(&mut self, sender: usize) -> u64 {
        let Some(next) = self.nonces.get_mut(sender) else { return 0 };
        let nonce = *next;
        *next += 1;
        nonce
    }

    fn transfer(&mut self, sender: usize) -> Vec<Kind> {
        let receiver = self.fellow_holder(sender);
        self.transfer_to(sender, receiver)
    }

    fn transfer_to(&self, sender: usize, receiver: usize) -> Vec<Kind> {
        let asset = self.world.asset_of(sender);
        let to = self.world.holders.get(receiver).copied().unwrap_or_default();
        vec![operations::transfer(&asset, &to, Amount::from_u64(1))]
    }

    fn sale(&mut self, sender: usize) -> Vec<Kind> {
        let mut operations = self.transfer(sender);
        operations.push(self.payment(sender));
        operations
    }

    /// A payment in the one currency to anybody else.
    fn payment(&mut self, sender: usize) -> Kind {
        let payee = self.random.below(self.world.senders.len());
        let payee = if payee == sender { 0 } else { payee };
        let to = self.world.senders.get(payee).map(Signer::address).unwrap_or_default();
        operations::transfer(&self.world.currency, &to, Amount::from_u64(7))
    }

    fn sale_with_royalty(&mut self, sender: usize) -> Vec<Kind> {
        let mut operations = self.transfer(sender);
        let (asset, amount) = (self.world.asset_of(sender), Amount::from_u64(1_003));
        operations.push(operations::pay_royalty(&asset, &self.world.currency, amount));
        operations
    }

    fn vote(&mut self, sender: usize) -> Vec<Kind> {
        let choice = if self.random.below(3) == 0 { VoteChoice::No } else { VoteChoice::Yes };
        vec![operations::cast_vote(&self.world.asset_of(sender), 1, choice)]
    }

    fn top_up(&self, sender: usize) -> Vec<Kind> {
        let account = self.world.senders.get(sender).map(Signer::address).unwrap_or_default();
        vec![operations::top_up_fees(&account, Amount::from_u64(100))]
    }

    /// Another holder of the same asset.
    fn fellow_holder(&mut self, holder: usize) -> usize {
        let assets = self.world.assets.len();
        let first = holder % assets;
        let holders = (self.world.holders.len() - first).div_ceil(assets);
        let place = self.random.below(holders);
        let other = first + place * assets;
        if other == holder { first + (place + 1) % holders * assets } else { other }
    }
}

fn sign_draft(world: &World, draft: Draft) -> Bytes {
    match world.senders.get(draft.sender) {
        Some(signer) => sign(world, signer, (draft.lane, draft.nonce), draft.operations),
        None => Bytes::new(),
    }
}

fn sign(world: &World, signer: &Signer, (lane, nonce): (u32, u64), operations: Vec<Kind>) -> Bytes {
    TransactionBuilder::new(world.genesis.chain_id.clone(), signer.address())
        .nonce(lane, nonce)
        .valid_until_height(VALID_UNTIL_HEIGHT)
        .max_fee(Amount::from_u64(MAX_FEE))
        .operations(operations)
        .sign(&[signer])
        .bytes
}

/// Packs transactions into as few frames as the limits of frames allow.
#[must_use]
pub fn frames(transactions: &[Bytes]) -> Vec<Bytes> {
    // Field number and length of each take at most four bytes.
    let size = |transaction: &Bytes| transaction.len() + 4;
    let (mut frames, mut frame, mut bytes) = (Vec::new(), Frame::default(), 0);
    for transaction in transactions {
        let full = bytes + size(transaction) > MAX_FRAME_BYTES
            || frame.transactions.len() == MAX_FRAME_TRANSACTIONS;
        if full {
            frames.push(std::mem::take(&mut frame).encode_to_vec().into());
            bytes = 0;
        }
        bytes += size(transaction);
        frame.transactions.push(transaction.clone());
    }
    if !frame.transactions.is_empty() {
        frames.push(frame.encode_to_vec().into());
    }
    frames
}

/// A small generator of numbers that look random (splitmix64).
pub(super) struct Random(u64);

impl Random {
    /// Always the same numbers from the same seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, below a limit.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % (limit.max(1) as u64)) as usize
    }
}
