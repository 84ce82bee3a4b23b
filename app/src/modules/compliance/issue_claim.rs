//! `IssueClaim`: what the sender says of an identity.

use bytes::Bytes;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::error::ComplianceError;
use crate::modules::eligibility;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Says something of an identity, in place of what the sender said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueClaim {
    /// Of whom.
    pub identity: Address,
    /// What kind of thing.
    pub claim_type: u32,
    /// For which asset; none for all.
    pub asset: Option<AssetId>,
    /// Only of type COUNTRY.
    pub country: String,
    /// Counts while the time is below this.
    pub expires_ms: u64,
    /// Hash of what the issuer keeps.
    pub data_sha256: Option<[u8; 32]>,
}

/// The asset that a claim is for; none for all.
pub(super) fn scope(bytes: &Bytes) -> Result<Option<AssetId>, ComplianceError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    Ok(Some(fields::asset_id("asset", bytes)?))
}

/// The asset of a claim as it stands in messages.
pub(super) fn scope_bytes(asset: Option<&AssetId>) -> Bytes {
    asset.map(|asset| asset.to_bytes()).unwrap_or_default()
}

impl TryFrom<pb::IssueClaim> for IssueClaim {
    type Error = ComplianceError;

    /// Refuses malformed fields in the order of the message's fields;
    /// [`ComplianceError::CountryMisplaced`] stands in the place of the country.
    fn try_from(message: pb::IssueClaim) -> Result<Self, ComplianceError> {
        let pb::IssueClaim { identity, claim_type, asset, country, expires_ms, data_sha256 } =
            message;
        let identity = fields::address("identity", &identity)?;
        let claim_type = eligibility::claim_type("claim_type", claim_type)?;
        let asset = scope(&asset)?;
        let of_country = claim_type == i32::from(pb::ClaimType::Country).unsigned_abs();
        if of_country == country.is_empty() {
            return Err(ComplianceError::CountryMisplaced { claim_type });
        }
        if of_country {
            eligibility::country("country", &country)?;
        }
        let data_sha256 = fields::optional_sha256("data_sha256", &data_sha256)?;
        Ok(Self { identity, claim_type, asset, country, expires_ms, data_sha256 })
    }
}

impl Message for IssueClaim {
    fn declare(
        &self,
        sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { identity, claim_type, asset, .. } = self;
        access.read(StateKey::identity(identity));
        access.write(StateKey::claim(identity, *claim_type, sender, asset.as_ref()));
        Ok(())
    }

    /// In order of precedence: [`ComplianceError::UnknownIdentity`],
    /// [`ComplianceError::ClaimOver`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { identity, claim_type, asset, country, expires_ms, data_sha256 } = self;
        if context.state.load::<pb::Identity>(&StateKey::identity(identity))?.is_none() {
            return Err(ComplianceError::UnknownIdentity { identity: *identity }.into());
        }
        let (issuer, time_ms, expires_ms) = (context.sender, context.block.time_ms, *expires_ms);
        if expires_ms <= time_ms {
            return Err(ComplianceError::ClaimOver { expires_ms, time_ms }.into());
        }
        let key = StateKey::claim(identity, *claim_type, &issuer, asset.as_ref());
        let claim = pb::Claim {
            identity: identity.to_bytes(),
            claim_type: *claim_type,
            issuer: issuer.to_bytes(),
            asset: scope_bytes(asset.as_ref()),
            country: country.clone(),
            issued_ms: time_ms,
            expires_ms,
            data_sha256: fields::optional_bytes(data_sha256.as_ref()),
            revoked_from_ms: 0,
        };
        context.state.store(key, &claim)?;
        context.emit(Kind::ClaimIssued(pb::ClaimIssued {
            identity: claim.identity,
            issuer: claim.issuer,
            claim_type: *claim_type,
            asset: claim.asset,
            expires_ms,
        }));
        Ok(())
    }
}
