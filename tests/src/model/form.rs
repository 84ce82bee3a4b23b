//! What is wrong with an operation as such, whatever the state.

mod rights;

use bytes::Bytes;
use prost::Message as _;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::accounts::v1::{Authority, PublicKey, public_key};
use tessera_proto::pb::assets::v1::{Appraisal, Document};
use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::pb::votes::v1::{ProposalOutcome, TreasurySpend, proposal_outcome};

use super::{MAX_AMOUNT, Refusal};

type Form = Result<(), u32>;

/// Refuses an operation whose fields no state could make right.
pub(super) fn check(kind: &Kind) -> Result<(), Refusal> {
    let in_module = |module, form: Form| form.map_err(|code| (module, code));
    match kind {
        Kind::RotateKeys(op) => in_module("accounts", authority(op.authority.as_ref())),
        Kind::TopUpFees(op) => {
            in_module("accounts", recipient(&op.account).and_then(|()| amount(&op.amount)))
        }
        Kind::RegisterAsset(op) => in_module("assets", {
            length(op.salt.len(), 0, 32)
                .and_then(|()| name(&op.name))
                .and_then(|()| text(&op.title, 120))
                .and_then(|()| range(u128::try_from(op.class).unwrap_or(99), 1, 8))
                .and_then(|()| range(op.decimals.into(), 0, 18))
                .and_then(|()| amount(&op.max_supply))
                .and_then(|()| count(op.documents.len(), 0, 32))
                .and_then(|()| op.documents.iter().try_for_each(document))
        }),
        Kind::AppendAppraisal(op) => in_module("assets", {
            id(&op.asset, AssetId::LENGTH)
                .and_then(|()| appraisal(&op.appraisal))
                .and_then(|()| key(op.public_key.as_ref()))
                .and_then(|()| id(&op.signature, 64))
        }),
        Kind::ActivateAsset(op) => in_module("assets", asset(&op.asset)),
        Kind::MintUnits(op) => in_module("assets", {
            asset(&op.asset).and_then(|()| recipient(&op.to)).and_then(|()| amount(&op.amount))
        }),
        Kind::BurnUnits(op) => {
            in_module("assets", asset(&op.asset).and_then(|()| amount(&op.amount)))
        }
        Kind::Transfer(op) => in_module("transfers", {
            asset(&op.asset)
                .and_then(|()| recipient(&op.to))
                .and_then(|()| amount(&op.amount))
                .and_then(|()| optional_hash(&op.memo_sha256))
        }),
        Kind::BatchTransfer(op) => in_module("transfers", {
            asset(&op.asset)
                .and_then(|()| count(op.legs.len(), 1, 256))
                .and_then(|()| optional_hash(&op.memo_sha256))
                .and_then(|()| {
                    let (mut seen, mut total) = (Vec::new(), 0_u128);
                    for leg in &op.legs {
                        recipient(&leg.to)?;
                        amount(&leg.amount)?;
                        if seen.contains(&&leg.to) {
                            return Err(14);
                        }
                        seen.push(&leg.to);
                        total += leg.amount.parse::<u128>().unwrap();
                        if total > MAX_AMOUNT {
                            return Err(15);
                        }
                    }
                    Ok(())
                })
        }),
        other => rights::check(other),
    }
}

/// The payment that an outcome is about.
pub(super) fn treasury_spend(outcome: Option<&ProposalOutcome>) -> Option<&TreasurySpend> {
    match outcome?.outcome.as_ref()? {
        proposal_outcome::Outcome::TreasurySpend(spend) => Some(spend),
        other => panic!("the model does not know {other:?}"),
    }
}

/// The 32 bytes of a key.
pub(super) fn key_bytes(key: &PublicKey) -> [u8; 32] {
    let Some(public_key::Key::Ed25519(bytes)) = &key.key else { panic!("a key of form") };
    bytes.as_ref().try_into().unwrap()
}

fn id(bytes: &Bytes, expected: usize) -> Form {
    match bytes.len() {
        0 => Err(1),
        found if found == expected => Ok(()),
        _ => Err(2),
    }
}

fn asset(bytes: &Bytes) -> Form {
    id(bytes, AssetId::LENGTH)
}

fn recipient(bytes: &Bytes) -> Form {
    id(bytes, Address::LENGTH)?;
    if *bytes == Address::fee_pool().to_bytes() { Err(9) } else { Ok(()) }
}

fn optional_hash(bytes: &Bytes) -> Form {
    if bytes.is_empty() { Ok(()) } else { id(bytes, 32) }
}

fn amount(text: &str) -> Form {
    match text {
        "" => return Err(1),
        "0" => return Err(4),
        long if long.len() > 39 => return Err(5),
        _ => {}
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let fits = text.parse::<u128>().is_ok_and(|value| value <= MAX_AMOUNT);
    if digits && fits { Ok(()) } else { Err(3) }
}

fn length(length: usize, min: usize, max: usize) -> Form {
    if (min..=max).contains(&length) { Ok(()) } else { Err(5) }
}

fn count(count: usize, min: usize, max: usize) -> Form {
    if (min..=max).contains(&count) { Ok(()) } else { Err(8) }
}

fn range(value: u128, min: u128, max: u128) -> Form {
    if (min..=max).contains(&value) { Ok(()) } else { Err(7) }
}

fn text(text: &str, max: usize) -> Form {
    match text {
        "" => Err(1),
        long if long.len() > max => Err(5),
        _ if text.chars().any(char::is_control) => Err(6),
        _ => Ok(()),
    }
}

/// Only names that tests use: letters, digits and inner hyphens, or a capital too many.
fn name(name: &str) -> Form {
    let plain = name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
    if plain && (3..=40).contains(&name.len()) { Ok(()) } else { Err(10) }
}

fn document(document: &Document) -> Form {
    text(&document.name, 120)?;
    if !document.uri.is_empty() {
        text(&document.uri, 512)?;
    }
    id(&document.sha256, 32)
}

fn key(key: Option<&PublicKey>) -> Form {
    match key.and_then(|key| key.key.as_ref()) {
        None => Err(1),
        Some(public_key::Key::Ed25519(bytes)) => id(bytes, 32),
    }
}

/// Only keys that are points: tests make no others here.
fn authority(authority: Option<&Authority>) -> Form {
    let authority = authority.ok_or(1_u32)?;
    count(authority.keys.len(), 1, 16)?;
    let (mut last, mut total) = (None, 0);
    for weighted in &authority.keys {
        key(weighted.public_key.as_ref())?;
        range(weighted.weight.into(), 1, 65_535)?;
        let bytes = key_bytes(weighted.public_key.as_ref().unwrap());
        if last >= Some(bytes) {
            return Err(10);
        }
        last = Some(bytes);
        total += weighted.weight;
    }
    if (1..=total).contains(&authority.threshold) { Ok(()) } else { Err(12) }
}

fn appraisal(bytes: &Bytes) -> Form {
    let Ok(appraisal) = Appraisal::decode(bytes.clone()) else { return Err(20) };
    id(&appraisal.appraiser, Address::LENGTH)?;
    amount(&appraisal.value)?;
    asset(&appraisal.currency)?;
    text(&appraisal.method, 120)?;
    id(&appraisal.report_sha256, 32)?;
    if appraisal.valid_from_ms < appraisal.valid_to_ms { Ok(()) } else { Err(21) }
}
