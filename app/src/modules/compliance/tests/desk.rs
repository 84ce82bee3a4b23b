//! A regulated asset with holders, and short names for what is done to them.

use bytes::Bytes;
use tessera_proto::pb::assets::v1 as assets;
use tessera_proto::pb::chain::v1::Params;
use tessera_proto::pb::chain::v1::event::Kind as EventKind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::pb::compliance::v1::{ClaimCondition, RuleKind, Side, rule};
use tessera_proto::signing::link_sign_bytes;
use tessera_proto::state_key::{HolderBucket, StateKey};

use crate::modules::testing::{
    ISSUER, Kind, TestChain, account, asset, mint, public_key, register, signing_key, transfer,
};
use crate::state::error::Rejected;

/// Who knows identities.
pub(super) const KYC_PROVIDER: u8 = 20;
pub(super) const KYC: u32 = 1;
pub(super) const ACCREDITED: u32 = 2;
pub(super) const COUNTRY: u32 = 4;
/// The asset.
pub(super) const VILLA: &str = "villa";
/// How long claims count.
pub(super) const VALIDITY_MS: u64 = 1_000_000;

pub(super) type Outcome = Result<Vec<EventKind>, Rejected>;

/// A chain with the regulated asset.
pub(super) struct Desk {
    pub(super) chain: TestChain,
}

impl Desk {
    /// The issuer and accounts 1 to 3 are identities from Germany with KYC; the issuer has all
    /// 1,000 units. Rules ask both sides for KYC, then for `rules`.
    pub(super) fn new(rules: Vec<rule::Rule>) -> Self {
        let mut chain = TestChain::new();
        let params = StateKey::params();
        let authority = account(ISSUER).to_bytes();
        chain.set(params, &Params { authority, ..chain.get(&params).unwrap() });
        let Kind::RegisterAsset(registration) = register(VILLA) else { unreachable!() };
        let registration = assets::RegisterAsset { regulated: true, ..registration };
        chain.submit(ISSUER, Kind::RegisterAsset(registration)).unwrap();
        let appraisal = chain.signed_appraisal(VILLA, chain.block.time_ms);
        chain.submit(ISSUER, Kind::AppendAppraisal(appraisal)).unwrap();
        let id = asset(VILLA).to_bytes();
        chain.submit(ISSUER, Kind::ActivateAsset(assets::ActivateAsset { asset: id })).unwrap();
        let mut desk = Self { chain };
        desk.set_rules(vec![]).unwrap();
        for number in [ISSUER, 1, 2, 3] {
            desk.admit(number);
        }
        desk.chain.submit(ISSUER, mint(VILLA, ISSUER, 1_000)).unwrap();
        desk.set_rules(rules).unwrap();
        desk
    }

    pub(super) fn submit(&mut self, sender: u8, kind: Kind) -> Outcome {
        self.chain.submit(sender, kind)
    }

    /// Makes an account an identity from Germany with KYC.
    pub(super) fn admit(&mut self, number: u8) {
        self.submit(number, Kind::RegisterIdentity(pb::RegisterIdentity {})).unwrap();
        self.claim(number, KYC, "").unwrap();
        self.claim(number, COUNTRY, "DE").unwrap();
    }

    pub(super) fn claim(&mut self, number: u8, claim_type: u32, country: &str) -> Outcome {
        let expires_ms = self.chain.block.time_ms + VALIDITY_MS;
        let claim = claim(number, claim_type, country, expires_ms);
        self.submit(KYC_PROVIDER, Kind::IssueClaim(claim))
    }

    pub(super) fn revoke(&mut self, number: u8, claim_type: u32) -> Outcome {
        let (identity, asset) = (account(number).to_bytes(), Bytes::new());
        let message = pb::RevokeClaim { identity, claim_type, asset, from_ms: 0 };
        self.submit(KYC_PROVIDER, Kind::RevokeClaim(message))
    }

    pub(super) fn set_rules(&mut self, rules: Vec<rule::Rule>) -> Outcome {
        let kyc = claims(Side::Both, ClaimCondition::AllOf, &[KYC]);
        let rules: Vec<rule::Rule> = std::iter::once(kyc).chain(rules).collect();
        self.submit(ISSUER, set_rules(rules))
    }

    pub(super) fn exempt(&mut self, number: u8, kinds: &[RuleKind]) -> Outcome {
        self.submit(
            ISSUER,
            Kind::SetExemptions(pb::SetExemptions {
                asset: asset(VILLA).to_bytes(),
                identity: account(number).to_bytes(),
                exemptions: kinds.iter().map(|kind| i32::from(*kind)).collect(),
            }),
        )
    }

    /// Links a wallet to the identity of an account.
    pub(super) fn link(&mut self, owner: u8, wallet: u8) -> Outcome {
        let height = self.chain.block.height + 10;
        let message = link(&self.chain, owner, wallet, height, wallet);
        self.submit(owner, Kind::LinkWallet(message))
    }

    pub(super) fn send(&mut self, from: u8, to: u8, units: u64) -> Outcome {
        self.submit(from, transfer(VILLA, &account(to), units))
    }

    pub(super) fn balance(&self, number: u8) -> u128 {
        self.chain.balance(VILLA, number)
    }

    pub(super) fn count(&self, bucket: HolderBucket) -> u64 {
        let key = StateKey::holder_counter(&asset(VILLA), bucket);
        self.chain.get::<pb::HolderCounter>(&key).unwrap_or_default().count
    }

    pub(super) fn record(&self, number: u8) -> pb::HolderRecord {
        let key = StateKey::holder_record(&asset(VILLA), &account(number));
        self.chain.units(&asset(VILLA), &key)
    }

    pub(super) fn encumbrances(&self, number: u8) -> Vec<pb::Encumbrance> {
        let key = StateKey::encumbrances(&asset(VILLA), &account(number));
        self.chain.units::<pb::Encumbrances>(&asset(VILLA), &key).entries
    }

    pub(super) fn set_frozen(&mut self, number: u8, units: u64) -> Outcome {
        let (asset, account) = (asset(VILLA).to_bytes(), account(number).to_bytes());
        let amount = units.to_string();
        self.submit(ISSUER, Kind::SetFrozen(pb::SetFrozen { asset, account, amount }))
    }

    pub(super) fn freeze(&mut self, number: u8) -> Outcome {
        let (asset, account) = (asset(VILLA).to_bytes(), account(number).to_bytes());
        self.submit(ISSUER, Kind::FreezeHolder(pb::FreezeHolder { asset, account }))
    }

    pub(super) fn grant_agent(&mut self, number: u8, expires_ms: u64) {
        let grant = assets::GrantRole {
            asset: asset(VILLA).to_bytes(),
            account: account(number).to_bytes(),
            role: assets::Role::Agent.into(),
            expires_ms,
        };
        self.submit(ISSUER, Kind::GrantRole(grant)).unwrap();
    }

    pub(super) fn pause(&mut self) -> Outcome {
        let asset = asset(VILLA).to_bytes();
        self.submit(ISSUER, Kind::PauseAsset(pb::PauseAsset { asset }))
    }

    pub(super) fn force(&mut self, from: u8, to: u8, units: u64) -> Outcome {
        self.submit(ISSUER, Kind::ForcedTransfer(force(from, to, units)))
    }

    pub(super) fn recover(&mut self, from: u8, to: u8) -> Outcome {
        self.submit(ISSUER, Kind::RecoverWallet(recover(from, to)))
    }

    /// A hold of account `from` for a payee, with account 5 as escrow agent.
    pub(super) fn hold(&mut self, from: u8, payee: u8, units: u64) -> Outcome {
        let hold = self.hold_of(payee, units);
        self.submit(from, Kind::PlaceHold(hold))
    }

    pub(super) fn hold_of(&self, payee: u8, units: u64) -> pb::PlaceHold {
        pb::PlaceHold {
            asset: asset(VILLA).to_bytes(),
            amount: units.to_string(),
            escrow: account(ESCROW).to_bytes(),
            payee: account(payee).to_bytes(),
            expires_ms: self.chain.block.time_ms + HOLD_MS,
        }
    }

    pub(super) fn execute(&mut self, sender: u8, holder: u8, number: u64) -> Outcome {
        let (asset, holder) = (asset(VILLA).to_bytes(), account(holder).to_bytes());
        self.submit(sender, Kind::ExecuteHold(pb::ExecuteHold { asset, holder, number }))
    }

    pub(super) fn release(&mut self, sender: u8, holder: u8, number: u64) -> Outcome {
        let (asset, holder) = (asset(VILLA).to_bytes(), account(holder).to_bytes());
        self.submit(sender, Kind::ReleaseHold(pb::ReleaseHold { asset, holder, number }))
    }
}

/// Who decides holds.
pub(super) const ESCROW: u8 = 5;
/// How long holds last.
pub(super) const HOLD_MS: u64 = 5_000;

pub(super) fn claim(number: u8, claim_type: u32, country: &str, expires_ms: u64) -> pb::IssueClaim {
    pb::IssueClaim {
        identity: account(number).to_bytes(),
        claim_type,
        asset: Bytes::new(),
        country: country.to_owned(),
        expires_ms,
        data_sha256: Bytes::new(),
    }
}

pub(super) fn set_rules(rules: Vec<rule::Rule>) -> Kind {
    let trusted = pb::TrustedIssuer {
        issuer: account(KYC_PROVIDER).to_bytes(),
        claim_types: vec![KYC, ACCREDITED, COUNTRY],
        until_ms: 0,
    };
    let rules = rules.into_iter().map(|rule| pb::Rule { rule: Some(rule) }).collect();
    let rules = Some(pb::RuleSet { trusted_issuers: vec![trusted], rules });
    Kind::SetRules(pb::SetRules { asset: asset(VILLA).to_bytes(), rules })
}

pub(super) fn claims(side: Side, condition: ClaimCondition, types: &[u32]) -> rule::Rule {
    rule::Rule::Claims(pb::ClaimRule {
        side: side.into(),
        condition: condition.into(),
        claim_types: types.to_vec(),
    })
}

pub(super) fn holders(max_holders: u64, claim_type: u32, country: &str) -> rule::Rule {
    rule::Rule::Holders(pb::HolderLimit { max_holders, claim_type, country: country.to_owned() })
}

pub(super) fn max_balance(units: u64) -> rule::Rule {
    let limit = Some(pb::balance_limit::Limit::MaxBalance(units.to_string()));
    rule::Rule::Balance(pb::BalanceLimit { limit })
}

/// A link that `signer` has signed for the wallet.
pub(super) fn link(
    chain: &TestChain,
    owner: u8,
    wallet: u8,
    height: u64,
    signer: u8,
) -> pb::LinkWallet {
    let (identity, address) = (account(owner), account(wallet));
    let message = link_sign_bytes(&chain.block.chain_id_hash, &identity, &address, height);
    pb::LinkWallet {
        wallet: address.to_bytes(),
        valid_until_height: height,
        signatures: vec![pb::WalletSignature {
            public_key: Some(public_key(signer)),
            signature: signing_key(signer).sign(&message).to_bytes().to_vec().into(),
        }],
    }
}

pub(super) fn force(from: u8, to: u8, units: u64) -> pb::ForcedTransfer {
    pb::ForcedTransfer {
        asset: asset(VILLA).to_bytes(),
        from: account(from).to_bytes(),
        to: account(to).to_bytes(),
        amount: units.to_string(),
        reason: pb::ForcedReason::CourtOrder.into(),
        document_sha256: Bytes::from_static(&[3; 32]),
    }
}

pub(super) fn recover(from: u8, to: u8) -> pb::RecoverWallet {
    pb::RecoverWallet {
        asset: asset(VILLA).to_bytes(),
        from: account(from).to_bytes(),
        to: account(to).to_bytes(),
        document_sha256: Bytes::from_static(&[4; 32]),
    }
}
