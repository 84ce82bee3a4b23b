//! `RevokeClaim`: the sender takes back what it said of an identity.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::compliance::v1 as pb;
use tessera_proto::state_key::StateKey;

use super::error::ComplianceError;
use super::issue_claim::{scope, scope_bytes};
use crate::modules::eligibility;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Takes a claim of the sender back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeClaim {
    /// Of whom.
    pub identity: Address,
    /// What kind of thing.
    pub claim_type: u32,
    /// For which asset; none for all.
    pub asset: Option<AssetId>,
    /// From when on; what has passed means now.
    pub from_ms: u64,
}

impl TryFrom<pb::RevokeClaim> for RevokeClaim {
    type Error = ComplianceError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::RevokeClaim) -> Result<Self, ComplianceError> {
        let pb::RevokeClaim { identity, claim_type, asset, from_ms } = message;
        let identity = fields::address("identity", &identity)?;
        let claim_type = eligibility::claim_type("claim_type", claim_type)?;
        Ok(Self { identity, claim_type, asset: scope(&asset)?, from_ms })
    }
}

impl Message for RevokeClaim {
    fn declare(
        &self,
        sender: &Address,
        _state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { identity, claim_type, asset, .. } = self;
        access.write(StateKey::claim(identity, *claim_type, sender, asset.as_ref()));
        Ok(())
    }

    /// In order of precedence: [`ComplianceError::UnknownClaim`],
    /// [`ComplianceError::AlreadyRevoked`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { identity, claim_type, asset, from_ms } = self;
        let (issuer, claim_type) = (context.sender, *claim_type);
        let key = StateKey::claim(identity, claim_type, &issuer, asset.as_ref());
        let unknown = ComplianceError::UnknownClaim { issuer, claim_type, identity: *identity };
        let mut claim: pb::Claim = context.state.load(&key)?.ok_or(unknown)?;
        let from_ms = (*from_ms).max(context.block.time_ms);
        if claim.revoked_from_ms != 0 && claim.revoked_from_ms <= from_ms {
            let from_ms = claim.revoked_from_ms;
            return Err(ComplianceError::AlreadyRevoked { from_ms }.into());
        }
        claim.revoked_from_ms = from_ms;
        context.state.store(key, &claim)?;
        context.emit(Kind::ClaimRevoked(pb::ClaimRevoked {
            identity: identity.to_bytes(),
            issuer: issuer.to_bytes(),
            claim_type,
            asset: scope_bytes(asset.as_ref()),
            from_ms,
        }));
        Ok(())
    }
}
