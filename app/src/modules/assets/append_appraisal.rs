//! `AppendAppraisal`: a value that an accredited appraiser certifies.

use std::sync::Arc;

use bytes::Bytes;
use ed25519_zebra::{Signature, VerificationKey};
use prost::Message as _;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::accounts::v1::{Account, PublicKey, public_key};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::{Appraiser, Asset};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::signing::appraisal_sign_bytes;
use tessera_proto::state_key::StateKey;

use super::error::AssetError;
use super::facts::{load_currency, load_open};
use super::{accreditation, appraisals, history};
use crate::modules::accounts::authorise;
use crate::modules::committed::broken;
use crate::modules::fields::{self, FieldError};
use crate::modules::{Context, Message};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Most bytes of the name of an appraisal method.
pub const MAX_METHOD_LENGTH: usize = 120;

/// Adds a signed appraisal to the history of an asset; anyone may bring it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendAppraisal {
    /// What was appraised.
    pub asset: AssetId,
    /// What the appraiser says.
    pub appraisal: Box<pb::Appraisal>,
    /// The same as signed.
    pub signed: Bytes,
    /// Who says so.
    pub appraiser: Address,
    /// Currency of the value.
    pub currency: AssetId,
    /// The value; above zero.
    pub value: Amount,
    /// Ed25519 key of the appraiser.
    pub public_key: [u8; 32],
    /// Ed25519 signature.
    pub signature: [u8; 64],
}

impl TryFrom<pb::AppendAppraisal> for AppendAppraisal {
    type Error = AssetError;

    /// Refuses malformed fields in the order of the message's fields; within the appraisal
    /// [`AssetError::MalformedAppraisal`], its fields in their order,
    /// [`AssetError::ValidityIsEmpty`].
    fn try_from(message: pb::AppendAppraisal) -> Result<Self, AssetError> {
        let pb::AppendAppraisal { asset, appraisal: signed, public_key: key, signature } = message;
        let asset = fields::asset_id("asset", &asset)?;
        let appraisal = Box::new(decode_strictly(&signed)?);
        let appraiser = fields::address("appraisal.appraiser", &appraisal.appraiser)?;
        let value = fields::amount("appraisal.value", &appraisal.value)?;
        let currency = fields::asset_id("appraisal.currency", &appraisal.currency)?;
        fields::text("appraisal.method", appraisal.method.clone(), MAX_METHOD_LENGTH)?;
        fields::bytes32("appraisal.report_sha256", &appraisal.report_sha256)?;
        let (from_ms, to_ms) = (appraisal.valid_from_ms, appraisal.valid_to_ms);
        if from_ms >= to_ms {
            return Err(AssetError::ValidityIsEmpty { from_ms, to_ms });
        }
        let public_key = match key.and_then(|key| key.key) {
            None => return Err(FieldError::Missing { field: "public_key" }.into()),
            Some(public_key::Key::Ed25519(bytes)) => fields::bytes32("public_key", &bytes)?,
        };
        let signature = fields::bytes64("signature", &signature)?;
        Ok(Self { asset, appraisal, signed, appraiser, currency, value, public_key, signature })
    }
}

/// Unknown fields or another encoding could hide what the signature covers from readers.
fn decode_strictly(signed: &Bytes) -> Result<pb::Appraisal, AssetError> {
    let appraisal = pb::Appraisal::decode(signed.clone()).ok();
    let canonical = appraisal.filter(|appraisal| appraisal.encode_to_vec() == *signed);
    canonical.ok_or(AssetError::MalformedAppraisal)
}

impl AppendAppraisal {
    fn require_newer(
        &self,
        context: &mut Context<'_>,
        asset: &Asset,
    ) -> Result<(), ExecutionError> {
        let Some(latest) = asset.appraisal_count.checked_sub(1) else { return Ok(()) };
        let latest = appraisals::load(context.state, &self.asset, latest)?;
        let (from_ms, latest_ms) = (self.appraisal.valid_from_ms, latest.valid_from_ms);
        if from_ms <= latest_ms {
            let name = asset.name.clone();
            return Err(AssetError::AppraisalNotNewer { name, from_ms, latest_ms }.into());
        }
        Ok(())
    }

    fn require_signed(&self, context: &mut Context<'_>, name: &str) -> Result<(), ExecutionError> {
        let appraiser = self.appraiser;
        let account: Option<Account> = context.state.load(&StateKey::account(&appraiser))?;
        let key = public_key::Key::Ed25519(Bytes::copy_from_slice(&self.public_key));
        let signer = PublicKey { key: Some(key) };
        if authorise(account.as_ref(), &appraiser, &[signer]).is_err() {
            let key = hex::encode(self.public_key);
            return Err(AssetError::KeyIsNotAppraisers { key, appraiser }.into());
        }
        let message = appraisal_sign_bytes(&context.block.chain_id_hash, &self.asset, &self.signed);
        let valid = VerificationKey::try_from(self.public_key)
            .and_then(|key| key.verify(&Signature::from(self.signature), &message));
        if valid.is_err() {
            let name = name.to_owned();
            return Err(AssetError::InvalidSignature { appraiser, name }.into());
        }
        Ok(())
    }
}

impl Message for AppendAppraisal {
    fn declare(
        &self,
        _sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        access.write(StateKey::asset(&self.asset));
        access.read(StateKey::asset(&self.currency));
        access.read(StateKey::appraiser(&self.appraiser));
        access.read(StateKey::account(&self.appraiser));
        let count = state.asset(&self.asset)?.map_or(0, |asset| asset.appraisal_count);
        if let Some(latest) = count.checked_sub(1) {
            access.read(StateKey::appraisal(&self.asset, latest));
        }
        access.write_next(count, |number| StateKey::appraisal(&self.asset, number));
        history::declare(state, access, &self.asset)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`] and [`AssetError::Closed`] of the
    /// asset, [`AssetError::UnknownAsset`] of the currency,
    /// [`AssetError::NotACurrency`], [`AssetError::AppraiserNotAccredited`],
    /// [`AssetError::AppraisalExpired`], [`AssetError::AppraisalNotNewer`],
    /// [`AssetError::KeyIsNotAppraisers`], [`AssetError::InvalidSignature`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let appraiser = self.appraiser;
        let mut asset = Arc::unwrap_or_clone(load_open(context.state, &self.asset)?);
        load_currency(context.state, &self.currency)?;
        let accredited: Option<Appraiser> = context.state.load(&StateKey::appraiser(&appraiser))?;
        let (from_ms, time_ms) = (self.appraisal.valid_from_ms, context.block.time_ms);
        let good = |one: &Appraiser| {
            accreditation::may_sign(one, time_ms) && accreditation::counts(one, from_ms)
        };
        if !accredited.as_ref().is_some_and(good) {
            return Err(AssetError::AppraiserNotAccredited { appraiser }.into());
        }
        let to_ms = self.appraisal.valid_to_ms;
        if to_ms <= time_ms {
            return Err(AssetError::AppraisalExpired { to_ms, time_ms }.into());
        }
        self.require_newer(context, &asset)?;
        self.require_signed(context, &asset.name)?;
        let number = asset.appraisal_count;
        asset.appraisal_count =
            number.checked_add(1).ok_or_else(|| broken("the appraisals are too many to count"))?;
        let key = StateKey::appraisal(&self.asset, number);
        context.state.store(key, self.appraisal.as_ref())?;
        context.state.store(StateKey::asset(&self.asset), &asset)?;
        let appended = Kind::AppraisalAppended(pb::AppraisalAppended {
            asset: self.asset.to_bytes(),
            number,
            appraiser: appraiser.to_bytes(),
            value: self.value.to_string(),
            currency: self.currency.to_bytes(),
        });
        history::record(context, &self.asset, appended)
    }
}
