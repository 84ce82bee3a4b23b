//! What waits for a block, and what it leaves its senders to pay from and to number.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use bytes::Bytes;
use prost::Message as _;
use quick_cache::DefaultHashBuilder;
use tessera_proto::amount::Amount;
use tessera_proto::hash::sha256;
use tessera_proto::id::Address;
use tessera_proto::pb::chain::v1::Frame;

use crate::chain::tx::{MAX_FRAME_TRANSACTIONS, Transaction};
use crate::modules::accounts::MAX_NONCE_LANES;

/// Bytes of transactions at which the open frame is sealed.
const FRAME_TARGET_BYTES: usize = 128 << 10;
/// Blocks whose frames are still known, so that one which gossip brings late is not proposed again.
const DECIDED_BLOCKS: usize = 32;

/// All that waits.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) frames: VecDeque<PooledFrame>,
    /// Of frames that wait or were decided.
    pub(super) frame_hashes: HashSet<[u8; 32], DefaultHashBuilder>,
    /// Of the members of all frames.
    pub(super) ids: HashSet<[u8; 32], DefaultHashBuilder>,
    pub(super) senders: HashMap<Address, SenderLoad, DefaultHashBuilder>,
    pub(super) bytes: usize,
    pub(super) height: u64,
    open: Vec<Bytes>,
    open_members: Vec<Member>,
    open_bytes: usize,
    /// Last block that may include anything of the open frame.
    open_until: u64,
    /// Hashes of the frames of the latest blocks, oldest first.
    decided: VecDeque<Vec<[u8; 32]>>,
}

/// A transaction that can be paid for, as far as the state tells.
#[derive(Clone, Copy)]
pub(super) struct Payable<'a> {
    pub(super) transaction: &'a Transaction,
    /// The exact fee.
    pub(super) fee: Amount,
    /// What there is to pay it and others from.
    pub(super) have: Amount,
    /// Nonce that the state expects next in the lane.
    pub(super) next_nonce: u64,
}

pub(super) struct PooledFrame {
    hash: [u8; 32],
    pub(super) bytes: Bytes,
    /// Its transactions that count for their senders.
    members: Vec<Member>,
    /// Last block that may include anything of it that can be paid for.
    valid_until_height: u64,
    /// Height at which it was last handed to gossip.
    pub(super) gossiped_height: Option<u64>,
}

#[derive(Clone, Copy)]
struct Member {
    id: [u8; 32],
    sender: Address,
    lane: u32,
    nonce: u64,
    payer: Option<Address>,
    fee: Amount,
}

/// What waits of one account.
#[derive(Default)]
pub(super) struct SenderLoad {
    pub(super) transactions: usize,
    /// By who pays; nobody else than the sender when there is none.
    fees: BTreeMap<Option<Address>, u128>,
    lanes: BTreeMap<u32, Lane>,
}

/// What waits of one lane.
#[derive(Default)]
struct Lane {
    transactions: usize,
    /// Nonce after those that the state has, and those that wait without a gap.
    next_nonce: u64,
    /// Nonces that wait beyond a gap, for gossip does not keep the order of frames.
    ahead: BTreeSet<u64>,
}

impl Waiting {
    /// Nothing, after the block of this height.
    pub(super) fn at(height: u64) -> Self {
        Self { height, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.open.is_empty()
    }

    /// Takes in a transaction.
    pub(super) fn take(&mut self, payable: &Payable<'_>, bytes: &Bytes) {
        let member = self.load(payable);
        self.open_members.extend(member);
        self.open_until = self.open_until.max(payable.transaction.valid_until_height);
        self.bytes += bytes.len();
        self.open_bytes += bytes.len();
        self.open.push(bytes.clone());
        if self.open_bytes >= FRAME_TARGET_BYTES || self.open.len() >= MAX_FRAME_TRANSACTIONS {
            self.seal();
        }
    }

    /// Closes the open frame, if there is anything in it.
    pub(super) fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let transactions = std::mem::take(&mut self.open);
        let bytes = Bytes::from(Frame { transactions }.encode_to_vec());
        let hash = sha256(&bytes);
        self.bytes = self.bytes - std::mem::take(&mut self.open_bytes) + bytes.len();
        self.frame_hashes.insert(hash);
        let members = std::mem::take(&mut self.open_members);
        let valid_until_height = std::mem::take(&mut self.open_until);
        let frame = PooledFrame { hash, bytes, members, valid_until_height, gossiped_height: None };
        self.frames.push_back(frame);
    }

    /// Those of a peer's transactions that can be paid for beside what waits and those before them.
    pub(super) fn affordable<'a>(&self, payable: Vec<Payable<'a>>) -> Vec<Payable<'a>> {
        let mut needs: HashMap<_, u128, DefaultHashBuilder> = HashMap::default();
        let is_affordable = |one: &Payable<'_>| {
            let Payable { transaction, fee, have, .. } = one;
            if self.ids.contains(&transaction.id) {
                return true;
            }
            let (sender, payer) = (transaction.sender, transaction.payer);
            let waiting = || self.senders.get(&sender).map_or(0, |load| load.fees_of(payer));
            let need = needs.entry((sender, payer)).or_insert_with(waiting);
            *need = need.saturating_add(fee.base_units());
            *need <= have.base_units()
        };
        payable.into_iter().filter(is_affordable).collect()
    }

    /// Takes in a frame of a peer, of whose transactions these can be paid for.
    pub(super) fn insert(&mut self, hash: [u8; 32], bytes: &Bytes, payable: &[Payable<'_>]) {
        let place = self.place_of(payable);
        let members = payable.iter().filter_map(|one| self.load(one)).collect();
        let limits = payable.iter().map(|one| one.transaction.valid_until_height);
        let valid_until_height = limits.max().unwrap_or(0);
        let bytes = bytes.clone();
        self.frame_hashes.insert(hash);
        self.bytes += bytes.len();
        let frame = PooledFrame { hash, bytes, members, valid_until_height, gossiped_height: None };
        self.frames.insert(place, frame);
    }

    /// Where a frame has to wait: before those that follow it in a lane, or else at the end.
    fn place_of(&self, payable: &[Payable<'_>]) -> usize {
        // The first nonces that come before others which wait.
        let mut early: HashMap<(Address, u32), u64, DefaultHashBuilder> = HashMap::default();
        for Payable { transaction, .. } in payable {
            let (sender, nonce) = (transaction.sender, transaction.nonce);
            let load = self.senders.get(&sender);
            let lane = load.and_then(|load| load.lanes.get(&transaction.nonce_lane));
            let is_followed = lane.is_some_and(|lane| lane.has_after(nonce));
            if is_followed && !self.ids.contains(&transaction.id) {
                let first = early.entry((sender, transaction.nonce_lane)).or_insert(nonce);
                *first = nonce.min(*first);
            }
        }
        if early.is_empty() {
            return self.frames.len();
        }
        let follows = |member: &Member| {
            early.get(&(member.sender, member.lane)).is_some_and(|nonce| *nonce < member.nonce)
        };
        let place = self.frames.iter().position(|frame| frame.members.iter().any(follows));
        place.unwrap_or(self.frames.len())
    }

    /// Forgets frames that the block of this height contained, and those that have expired.
    pub(super) fn committed(&mut self, height: u64, frames: &[[u8; 32]]) {
        let decided: HashSet<&[u8; 32]> = frames.iter().collect();
        self.height = height;
        let is_gone = |frame: &PooledFrame| {
            decided.contains(&frame.hash) || frame.valid_until_height <= height
        };
        let (gone, kept): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.frames).into_iter().partition(is_gone);
        self.frames = kept;
        for frame in gone {
            self.frame_hashes.remove(&frame.hash);
            self.bytes -= frame.bytes.len();
            for member in &frame.members {
                self.unload(member);
            }
        }
        self.remember(frames);
    }

    /// Knows the frames of a block for some time.
    fn remember(&mut self, frames: &[[u8; 32]]) {
        self.frame_hashes.extend(frames);
        self.decided.push_back(frames.to_vec());
        if self.decided.len() > DECIDED_BLOCKS {
            for hash in self.decided.pop_front().into_iter().flatten() {
                self.frame_hashes.remove(&hash);
            }
        }
    }

    /// Counts a transaction for its sender, unless it does already as a member of another frame:
    /// anybody can put it into many.
    fn load(&mut self, payable: &Payable<'_>) -> Option<Member> {
        let Payable { transaction, fee, next_nonce, .. } = *payable;
        if !self.ids.insert(transaction.id) {
            return None;
        }
        let member = Member {
            id: transaction.id,
            sender: transaction.sender,
            lane: transaction.nonce_lane,
            nonce: transaction.nonce,
            payer: transaction.payer,
            fee,
        };
        self.senders.entry(member.sender).or_default().add(&member, next_nonce);
        Some(member)
    }

    fn unload(&mut self, member: &Member) {
        self.ids.remove(&member.id);
        if let Some(load) = self.senders.get_mut(&member.sender) {
            load.remove(member);
            if load.transactions == 0 {
                self.senders.remove(&member.sender);
            }
        }
    }
}

impl SenderLoad {
    /// The nonce that a lane wants where the state expects `next_in_state`.
    pub(super) fn next_nonce(&mut self, lane: u32, next_in_state: u64) -> u64 {
        self.lanes.get_mut(&lane).map_or(next_in_state, |lane| lane.advance(next_in_state))
    }

    /// What those that wait cost whoever pays.
    pub(super) fn fees_of(&self, payer: Option<Address>) -> u128 {
        self.fees.get(&payer).copied().unwrap_or(0)
    }

    /// Whether an account that uses these lanes, in order, may use another one beside all those
    /// that wait.
    pub(super) fn has_room_for(&self, lane: u32, used: &[u32]) -> bool {
        let is_new = |lane: &&u32| used.binary_search(lane).is_err();
        self.lanes.contains_key(&lane)
            || used.len() + self.lanes.keys().filter(is_new).count() < MAX_NONCE_LANES
    }

    fn add(&mut self, member: &Member, next_in_state: u64) {
        self.transactions += 1;
        let fees = self.fees.entry(member.payer).or_default();
        *fees = fees.saturating_add(member.fee.base_units());
        self.lanes.entry(member.lane).or_default().add(member.nonce, next_in_state);
    }

    fn remove(&mut self, member: &Member) {
        self.transactions -= 1;
        if let Some(fees) = self.fees.get_mut(&member.payer) {
            *fees = fees.saturating_sub(member.fee.base_units());
            if *fees == 0 {
                self.fees.remove(&member.payer);
            }
        }
        if let Some(lane) = self.lanes.get_mut(&member.lane) {
            lane.transactions -= 1;
            lane.ahead.remove(&member.nonce);
            if lane.transactions == 0 {
                self.lanes.remove(&member.lane);
            }
        }
    }
}

impl Lane {
    /// The next nonce where the state expects `next_in_state`.
    fn advance(&mut self, next_in_state: u64) -> u64 {
        self.next_nonce = self.next_nonce.max(next_in_state);
        while let Some(nonce) = self.ahead.first().copied()
            && nonce <= self.next_nonce
        {
            self.ahead.pop_first();
            self.next_nonce = self.next_nonce.max(nonce.saturating_add(1));
        }
        self.next_nonce
    }

    fn add(&mut self, nonce: u64, next_in_state: u64) {
        self.transactions += 1;
        match nonce.cmp(&self.advance(next_in_state)) {
            Ordering::Less => {}
            Ordering::Equal => self.next_nonce = nonce.saturating_add(1),
            Ordering::Greater => {
                self.ahead.insert(nonce);
            }
        }
    }

    /// Whether a later nonce may wait.
    fn has_after(&self, nonce: u64) -> bool {
        nonce.saturating_add(1) < self.next_nonce
            || self.ahead.last().is_some_and(|last| *last > nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_goes_on_after_what_came_before_its_turn() {
        let mut lane = Lane::default();
        for nonce in [5, 4, 7] {
            lane.add(nonce, 3);
        }
        assert_eq!(lane.advance(3), 3);
        assert!(lane.has_after(6));
        assert!(!lane.has_after(7));
        lane.add(3, 3);
        assert_eq!(lane.advance(3), 6);
        assert_eq!(lane.advance(7), 8);
    }

    #[test]
    fn regress_lanes_and_payers_of_which_nothing_waits_are_forgotten() {
        let mut waiting = Waiting::at(0);
        let sender = Address::fee_pool();
        for (lane, valid_until_height) in [(0_u8, 1), (1, 9)] {
            let transaction = Transaction {
                id: [lane; 32],
                size: 1,
                sender,
                nonce_lane: lane.into(),
                nonce: 0,
                valid_until_height,
                max_fee: Amount::MAX,
                payer: (lane == 0).then_some(sender),
                operations: Vec::new(),
                signatures: Vec::new(),
                body: Bytes::new(),
            };
            let fee = Amount::from_u64(7);
            let payable = Payable { transaction: &transaction, fee, have: fee, next_nonce: 0 };
            waiting.take(&payable, &Bytes::from(vec![lane]));
            waiting.seal();
        }
        waiting.committed(1, &[]);
        let load = &waiting.senders[&sender];
        assert_eq!((load.transactions, load.lanes.len(), load.fees.len()), (1, 1, 1));
        waiting.committed(9, &[]);
        assert!(waiting.is_empty() && waiting.senders.is_empty() && waiting.ids.is_empty());
        assert_eq!(waiting.bytes, 0);
    }
}
