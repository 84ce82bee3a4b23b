//! Transactions, right and wrong ones, from a few random numbers.
//!
//! A [`TransactionIntent`] says roughly what somebody wants; [`World::submission`] makes bytes
//! of it, given what the model knows. Random numbers choose among few people and assets, so that
//! transactions meet.

mod rights;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use prost::Message as _;
use tessera_client::operations::{self, AssetClass, Document, RegisterAsset, SubmitProposal};
use tessera_client::signer::Signer;
use tessera_client::tx_builder::TransactionBuilder;
use tessera_genesis::Genesis;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::accounts::v1::{Authority, WeightedKey};
use tessera_proto::pb::assets::v1::Appraisal;
use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::pb::chain::v1::{Operation, Params, SignedTransaction, TransactionBody};
use tessera_proto::pb::votes::v1::VoteChoice;

use crate::fixture::{CHAIN_ID, GENESIS_ASSETS, frame, genesis, genesis_asset, people, time_ms};
use crate::model::{Model, Submission};

/// Assets that may be registered while the chain runs.
const NEW_ASSETS: usize = 6;
/// Which kinds of operation are wanted how often: an index is drawn evenly.
const KINDS: [u8; 90] = [
    0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10,
    11, 11, 12, 12, 13, 13, 13, 14, 14, 15, 15, 16, 16, 16, 17, 17, 17, 18, 18, 19, 19, 20, 20, 21,
    21, 21, 22, 22, 22, 23, 23, 23, 24, 25, 25, 25, 26, 26, 26, 27, 27, 27, 28, 28, 29, 29, 29, 30,
    30, 31, 31, 29, 29, 29, 29, 6, 6, 6, 6,
];
/// Operations of the issuer of an asset, and of the issuer of a new asset.
const OF_ISSUER: [u8; 5] = [4, 5, 8, 15, 16];
const OF_NEW_ISSUER: [u8; 5] = [2, 25, 26, 28, 30];

/// What somebody wants an operation to be.
#[derive(Debug, Clone, Copy)]
pub struct OperationIntent {
    kind: u8,
    asset: u8,
    other: u8,
    person: u8,
    amount: u16,
    /// Now and then something is wrong with it.
    flaw: u8,
}

/// What somebody wants a transaction to be.
#[derive(Debug, Clone)]
pub struct TransactionIntent {
    sender: u8,
    lane: u8,
    flaw: u8,
    operations: Vec<OperationIntent>,
}

/// What a block is to be.
#[derive(Debug, Clone)]
pub struct BlockIntent {
    /// Its transactions.
    pub transactions: Vec<TransactionIntent>,
    /// Most transactions of a frame.
    pub frame_size: u8,
    /// Whether a frame that is none is among them.
    pub broken_frame: bool,
}

fn operation_intent() -> impl Strategy<Value = OperationIntent> {
    let kind = (0..KINDS.len()).prop_map(|index| KINDS[index]);
    (kind, any::<u8>(), any::<u8>(), any::<u8>(), any::<u16>(), any::<u8>()).prop_map(
        |(kind, asset, other, person, amount, flaw)| OperationIntent {
            kind,
            asset,
            other,
            person,
            amount,
            flaw,
        },
    )
}

fn transaction_intent() -> impl Strategy<Value = TransactionIntent> {
    let operations = prop_oneof![
        7 => vec(operation_intent(), 1..2),
        1 => vec(operation_intent(), 2..5),
    ];
    (any::<u8>(), any::<u8>(), any::<u8>(), operations).prop_map(
        |(sender, lane, flaw, operations)| TransactionIntent { sender, lane, flaw, operations },
    )
}

/// Random blocks.
pub fn block_intent(transactions: std::ops::Range<usize>) -> impl Strategy<Value = BlockIntent> {
    (vec(transaction_intent(), transactions), 1..40_u8, prop::bool::weighted(0.05)).prop_map(
        |(transactions, frame_size, broken_frame)| BlockIntent {
            transactions,
            frame_size,
            broken_frame,
        },
    )
}

/// Blocks that are random but always the same, with the genesis document that they follow.
///
/// # Panics
/// Never.
#[must_use]
pub fn sample_blocks(count: usize, transactions: usize) -> (Genesis, Vec<Vec<Bytes>>) {
    let mut runner = TestRunner::deterministic();
    let mut world = World::new(12);
    let mut model = Model::new(&world.genesis());
    let mut blocks = Vec::new();
    for _ in 0..count {
        let intent = block_intent(transactions..transactions + 1).new_tree(&mut runner).unwrap();
        let intent = intent.current();
        let submissions = world.submissions(&intent, &mut model);
        blocks.push(frames(&submissions, &intent));
    }
    (world.genesis(), blocks)
}

/// The frames of a block.
#[must_use]
pub fn frames(submissions: &[Submission], intent: &BlockIntent) -> Vec<Bytes> {
    let mut frames: Vec<Bytes> = submissions
        .chunks(usize::from(intent.frame_size))
        .map(|chunk| frame(chunk.iter().map(|one| one.bytes.clone()).collect()))
        .collect();
    if intent.broken_frame {
        frames.insert(frames.len() / 2, Bytes::from_static(b"not a frame"));
    }
    frames
}

/// Who and what there is.
pub struct World {
    people: Vec<Signer>,
    assets: Vec<AssetId>,
    params: Params,
    history: Vec<Submission>,
}

impl World {
    /// A world of so many people, at least four.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let people = people(count);
        let known = GENESIS_ASSETS.iter().map(|(name, ..)| genesis_asset(name));
        let issuer = |n| issuer_of_new(&people, n).address();
        let new = (0..NEW_ASSETS).map(|n| AssetId::derive(&issuer(n), &[n as u8]));
        let assets = known.chain(new).collect();
        Self { people, assets, params: params(), history: Vec::new() }
    }

    /// Its genesis document.
    #[must_use]
    pub fn genesis(&self) -> Genesis {
        genesis(&self.people)
    }

    /// Makes the transactions of the model's next block, and applies them.
    pub fn submissions(&mut self, intent: &BlockIntent, model: &mut Model) -> Vec<Submission> {
        let time_ms = time_ms(model.height() + 1);
        model.begin_block(time_ms);
        let mut submissions = Vec::new();
        for wanted in &intent.transactions {
            let submission = self.submission(wanted, model, time_ms);
            model.apply(&submission, false);
            submissions.push(submission);
        }
        model.end_block();
        submissions
    }

    /// Makes the transaction that an intent asks for, valid in the model's block if nothing was
    /// to be wrong with it.
    pub fn submission(
        &mut self,
        intent: &TransactionIntent,
        model: &Model,
        time_ms: u64,
    ) -> Submission {
        if intent.flaw == 0 && !self.history.is_empty() {
            let index = usize::from(intent.lane) % self.history.len();
            return self.history[index].clone();
        }
        let sender = self.sender(intent, model).clone();
        let mut kinds: Vec<Kind> = intent
            .operations
            .iter()
            .map(|op| self.operation(op, &sender, model, time_ms))
            .collect();
        kinds.extend(self.opening(&intent.operations[0], time_ms));
        let (address, lane) = (sender.address(), u32::from(intent.lane % 3));
        let nonce = model.next_nonce(&address, lane);
        let height = model.height();
        let mut signers = self.signers(&sender, model);
        let builder = TransactionBuilder::new(CHAIN_ID, address)
            .nonce(lane, nonce)
            .valid_until_height(height + u64::from(intent.lane) % 50)
            .operations(kinds)
            .quoted_fee(&self.params, signers.len());
        let mut body = TransactionBody::decode(builder.body_bytes()).unwrap();
        match intent.flaw {
            1 => body.nonce += 1,
            2 => body.nonce = body.nonce.wrapping_sub(1),
            3 => body.chain_id = "other-chain".into(),
            4 => body.valid_until_height = height.saturating_sub(1),
            5 => body.valid_until_height = height + 51,
            6 => body.max_fee = (builder.fee().base_units() - 1).to_string(),
            7 => signers = vec![self.people[usize::from(intent.lane) % self.people.len()].clone()],
            8 => body.operations.clear(),
            9 => body.operations = vec![body.operations[0].clone(); 65],
            10 => body.operations.push(Operation { kind: None }),
            11 => body.nonce = u64::MAX,
            _ => {}
        }
        let submission = sign(body, &signers, intent.flaw == 12);
        if self.history.len() < 200 {
            self.history.push(submission.clone());
        }
        submission
    }

    fn sender(&self, intent: &TransactionIntent, model: &Model) -> &Signer {
        let first = &intent.operations[0];
        let of_new = OF_NEW_ISSUER.contains(&first.kind);
        let likely = !first.flaw.is_multiple_of(8);
        if (of_new || OF_ISSUER.contains(&first.kind)) && likely {
            return self.issuer(self.issued(first), of_new);
        }
        let (before, from) = self.people.split_at(usize::from(intent.sender) % self.people.len());
        let has_reason = |person: &&Signer| match first.kind {
            17 => !model.due_to(&person.address()).is_empty(),
            27 => !model.pools_of(&person.address()).is_empty(),
            _ => true,
        };
        from.iter().chain(before).find(|person| !likely || has_reason(person)).unwrap_or(&from[0])
    }

    /// Number of the asset that an operation of its issuer is about: record dates and distributions
    /// mostly of those that have holders from the beginning.
    fn issued(&self, intent: &OperationIntent) -> usize {
        let count = if matches!(intent.kind, 15 | 16) { 5 } else { self.assets.len() };
        usize::from(intent.asset) % count
    }

    fn issuer(&self, asset: usize, of_new: bool) -> &Signer {
        let known = GENESIS_ASSETS.len();
        if asset < known && !of_new {
            return &self.people[GENESIS_ASSETS[asset].2];
        }
        let number = if of_new { asset } else { asset - known };
        issuer_of_new(&self.people, number % NEW_ASSETS)
    }

    /// Whoever can sign for an account now; the last key given comes first to be left out.
    fn signers(&self, sender: &Signer, model: &Model) -> Vec<Signer> {
        let Some(authority) = model.authority(&sender.address()) else {
            return vec![sender.clone()];
        };
        let may = |signer: &&Signer| {
            let key = signer.public_key();
            authority.keys.iter().any(|known| known.public_key.as_ref() == Some(&key))
        };
        self.people.iter().filter(may).take(authority.threshold as usize).cloned().collect()
    }

    fn asset(&self, number: u8) -> AssetId {
        // Most wishes are about assets that exist from the beginning.
        let assets = if number.is_multiple_of(4) { &self.assets[..] } else { &self.assets[..4] };
        assets[usize::from(number / 4) % assets.len()]
    }

    fn recipient(&self, number: u8) -> Address {
        match number {
            0..60 => self.people[0].address(),
            60..75 => Address::treasury(&self.asset(number)),
            75..80 => Address::new([number; 20]),
            80 => Address::fee_pool(),
            81..84 => Address::income_pool(&self.asset(number)),
            84..86 => Address::pool_account(&self.assets[4 + usize::from(number) % NEW_ASSETS]),
            _ => self.people[usize::from(number) % self.people.len()].address(),
        }
    }

    fn operation(
        &self,
        intent: &OperationIntent,
        sender: &Signer,
        model: &Model,
        time_ms: u64,
    ) -> Kind {
        let asset = self.asset(intent.asset);
        let number = usize::from(intent.asset) % self.assets.len();
        let currency =
            if intent.other > 15 { self.assets[usize::from(intent.other % 2)] } else { asset };
        let to = self.recipient(intent.person);
        let amount = Amount::from_u64(u64::from(intent.amount % 150));
        let proposal = 1 + u64::from(intent.other) % model.proposals(&asset).max(1);
        let kind = match intent.kind {
            0 => operations::rotate_keys(self.authority(intent, sender)),
            1 => operations::top_up_fees(&to, amount),
            2 => operations::register_asset(self.registration(intent, number)),
            3 => {
                // Of an asset that waits for one, most of the time.
                let asset =
                    if intent.other > 100 { self.assets[4 + number % NEW_ASSETS] } else { asset };
                self.appraisal(intent, &asset, time_ms)
            }
            4 => operations::activate_asset(&self.assets[number]),
            5 if intent.person.is_multiple_of(4) => operations::burn_units(&asset, amount),
            5 => operations::mint_units(&self.assets[number], &to, amount),
            6 => operations::transfer(&asset, &to, amount),
            7 => {
                let legs = if intent.flaw == 9 { 0 } else { 1 + u64::from(intent.other % 4) };
                let leg = |step: u64| {
                    let person = intent.person.wrapping_add(step as u8 * 7);
                    (self.recipient(person), Amount::from_u64(1 + step * 3))
                };
                operations::batch_transfer(&asset, &(0..legs).map(leg).collect::<Vec<_>>())
            }
            8 => {
                let resale_bps = u32::from(intent.other) * u32::from(intent.amount % 3) * 20;
                let shares = self.shares(intent);
                operations::set_royalty_schedule(&self.assets[number], &shares, resale_bps)
            }
            9 => operations::pay_royalty(&asset, &currency, amount),
            10 => rights::income(intent, &asset, &currency, model),
            11 => operations::claim_income(&asset, &currency),
            12 => operations::submit_proposal(SubmitProposal {
                asset: asset.to_bytes(),
                title: if intent.flaw == 3 { String::new() } else { "Paint the roof".into() },
                outcome: Some(operations::treasury_spend(&currency, &to, amount)),
                voting_period_blocks: u64::from(intent.flaw != 4) * u64::from(1 + intent.other % 4),
                quorum_bps: u32::from(intent.person) * 10,
                threshold_bps: 1 + u32::from(intent.flaw) * 30,
                record_height: match intent.flaw % 4 {
                    0 => model.height() + u64::from(intent.other % 4),
                    _ => 0,
                },
            }),
            13 => {
                let choice = if intent.flaw == 9 { 0 } else { 1 + i32::from(intent.flaw % 3) };
                let choice = VoteChoice::try_from(choice).unwrap();
                operations::cast_vote(&asset, proposal, choice)
            }
            14 => operations::close_proposal(&asset, proposal),
            _ => self.right(intent, &sender.address(), model, time_ms),
        };
        spoil(kind, intent.flaw)
    }

    /// Some assets are appraised and activated with their registration.
    fn opening(&self, first: &OperationIntent, time_ms: u64) -> Vec<Kind> {
        if first.kind != 2 || first.flaw.is_multiple_of(2) {
            return Vec::new();
        }
        let asset = self.assets[4 + usize::from(first.asset) % self.assets.len() % NEW_ASSETS];
        let valid = OperationIntent { other: 0, person: u8::MAX, flaw: 1, ..*first };
        vec![self.appraisal(&valid, &asset, time_ms), operations::activate_asset(&asset)]
    }

    fn authority(&self, intent: &OperationIntent, sender: &Signer) -> Authority {
        let other = &self.people[usize::from(intent.person) % self.people.len()];
        let mut keys =
            [sender, other].map(|key| (key.public_key_bytes(), key.public_key())).to_vec();
        keys.sort_by_key(|(bytes, _)| *bytes);
        if intent.other > 20 {
            keys.dedup_by_key(|(bytes, _)| *bytes);
        }
        let keys: Vec<WeightedKey> = keys
            .into_iter()
            .map(|(_, key)| WeightedKey { public_key: Some(key), weight: 1 })
            .collect();
        let threshold = (u32::from(intent.other) % 3).min(keys.len() as u32);
        Authority { keys, threshold }
    }

    fn registration(&self, intent: &OperationIntent, number: usize) -> RegisterAsset {
        let number = number % NEW_ASSETS;
        // Now and then two want the same name.
        let name = if intent.flaw.is_multiple_of(11) { 0 } else { number };
        let class = if intent.other.is_multiple_of(4) { 7 } else { 1 + intent.other % 8 };
        let document = Document {
            name: "Deed".into(),
            uri: "https://example.org/deed".into(),
            sha256: vec![intent.person; 32].into(),
        };
        RegisterAsset {
            salt: vec![number as u8].into(),
            name: if intent.flaw == 4 { "Bad Name".into() } else { format!("asset-{name}") },
            title: "A thing".into(),
            class: AssetClass::try_from(i32::from(class)).unwrap().into(),
            decimals: u32::from(intent.person % 20),
            max_supply: (1 + u64::from(intent.amount)).to_string(),
            documents: vec![document; usize::from(intent.other % 3)],
            attributes: Vec::new(),
            ..RegisterAsset::default()
        }
    }

    fn appraisal(&self, intent: &OperationIntent, asset: &AssetId, time_ms: u64) -> Kind {
        let from = time_ms - 1_000 + u64::from(intent.other) * 10;
        let appraiser = &self.people[if intent.flaw.is_multiple_of(16) { 0 } else { 1 }];
        let appraisal = Appraisal {
            appraiser: self.people[if intent.flaw.is_multiple_of(17) { 2 } else { 1 }]
                .address()
                .to_bytes(),
            value: "1000000".into(),
            currency: self.assets[usize::from(intent.flaw.is_multiple_of(13)) * 2].to_bytes(),
            method: "comparison".into(),
            valid_from_ms: from,
            valid_to_ms: from + u64::from(intent.person) * 1_000,
            report_sha256: vec![7; 32].into(),
        };
        let chain = if intent.flaw.is_multiple_of(19) { "other-chain" } else { CHAIN_ID };
        operations::append_appraisal(chain, asset, &appraisal, appraiser)
    }

    fn shares(&self, intent: &OperationIntent) -> Vec<(Address, u32)> {
        let count = 1 + usize::from(intent.other % 4);
        let mut shares = std::collections::BTreeMap::new();
        for step in 0..count {
            shares.insert(self.recipient(intent.person.wrapping_add(step as u8 * 31)), 0);
        }
        let (count, mut left) = (shares.len() as u32, 10_000);
        for share in shares.values_mut() {
            *share = 10_000 / count;
            left -= *share;
        }
        if let Some(mut last) = shares.last_entry() {
            *last.get_mut() += left + u32::from(intent.flaw == 5);
        }
        shares.into_iter().collect()
    }
}

/// Rules of the chain as a client knows them.
#[must_use]
pub fn params() -> Params {
    Params {
        fee_currency: genesis_asset("usdx").to_bytes(),
        fee_per_transaction: 100,
        fee_per_operation: 10,
        fee_per_byte: 1,
        max_validity_blocks: crate::fixture::MAX_VALIDITY_BLOCKS,
        ..Params::default()
    }
}

/// Signs a body with several keys and tells what is known about the result; `wrongly` changes
/// the body after signing.
#[must_use]
pub fn sign(body: TransactionBody, signers: &[Signer], wrongly: bool) -> Submission {
    use tessera_proto::pb::chain::v1::TransactionSignature;
    let mut signed_body = body.clone();
    if wrongly {
        signed_body.nonce_lane ^= 1;
    }
    let signed_bytes = signed_body.encode_to_vec();
    let mut by_key: Vec<_> = signers.iter().map(|one| (one.public_key_bytes(), one)).collect();
    by_key.sort_by_key(|(key, _)| *key);
    by_key.dedup_by_key(|(key, _)| *key);
    let signature = |(_, signer): &([u8; 32], &Signer)| TransactionSignature {
        public_key: Some(signer.public_key()),
        signature: signer.sign_transaction(&body.chain_id, &signed_bytes).to_vec().into(),
    };
    let transaction = SignedTransaction {
        body: body.encode_to_vec().into(),
        signatures: by_key.iter().map(signature).collect(),
    };
    Submission {
        bytes: transaction.encode_to_vec().into(),
        content: Ok(body),
        signers: by_key.into_iter().map(|(key, _)| key).collect(),
        signatures_match: !wrongly,
    }
}

/// Two people register all, so that some can be tranches of others.
fn issuer_of_new(people: &[Signer], number: usize) -> &Signer {
    &people[2 + number % 2]
}

/// Makes a field wrong when the flaw says so.
fn spoil(mut kind: Kind, flaw: u8) -> Kind {
    const AMOUNTS: [&str; 7] = [
        "",
        "0",
        "01",
        "-5",
        "1e3",
        "170141183460469231731687303715884105728",
        "170141183460469231731687303715884105727",
    ];
    let amount = match &mut kind {
        Kind::TopUpFees(op) => &mut op.amount,
        Kind::RegisterAsset(op) => &mut op.max_supply,
        Kind::MintUnits(op) => &mut op.amount,
        Kind::BurnUnits(op) => &mut op.amount,
        Kind::Transfer(op) => &mut op.amount,
        Kind::PayRoyalty(op) => &mut op.amount,
        Kind::PayIncome(op) => &mut op.amount,
        Kind::OfferUnits(op) => &mut op.price,
        Kind::DeclareDistribution(op) => &mut op.per_unit,
        Kind::ContributeUnits(op) => &mut op.amount,
        Kind::RedeemUnits(op) => &mut op.amount,
        Kind::PayWaterfall(op) => &mut op.amount,
        _ => return kind,
    };
    if let Some(wrong) = flaw.checked_sub(20).and_then(|index| AMOUNTS.get(usize::from(index))) {
        *amount = (*wrong).to_owned();
    }
    if let (Kind::Transfer(op), 30) = (&mut kind, flaw) {
        op.asset = vec![1; 15].into();
    }
    if let (Kind::Transfer(op), 31) = (&mut kind, flaw) {
        op.asset = vec![1; 16].into();
    }
    kind
}
