//! What the organisation does itself: an operation from its own account, the treasury, with the
//! roles that this account has been given.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::accounts::v1::{PublicKey, public_key};
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::pb::votes::v1::proposal_outcome::Outcome as Wire;
use tessera_proto::pb::{assets, compliance};

use super::error::VoteError;
use crate::modules::assets::{
    AccreditAppraiser, AppendAppraisal, AssetError, ChangeAssetStatus, RevokeAccreditation,
};
use crate::modules::compliance::{ComplianceError, SetRules, SetSanction};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// An operation of the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Moves the asset on in its life, e.g. suspends it.
    ChangeStatus(ChangeAssetStatus),
    /// Sets the rules of a regulated asset.
    SetRules(SetRules),
    /// Accredits an appraiser.
    AccreditAppraiser(AccreditAppraiser),
    /// Ends an accreditation.
    RevokeAccreditation(RevokeAccreditation),
    /// Denies an account the chain, or ends that.
    SetSanction(SetSanction),
    /// Adds an appraisal to the history of the asset.
    AppendAppraisal(Box<AppendAppraisal>),
}

impl Act {
    /// A step in the life of an asset.
    pub(super) fn change_status(
        asset: &AssetId,
        step: pb::ChangeStatus,
    ) -> Result<Self, VoteError> {
        let pb::ChangeStatus { status, reason_sha256 } = step;
        let asset = asset.to_bytes();
        let message = assets::v1::ChangeAssetStatus { asset, status, reason_sha256 };
        message.try_into().map(Self::ChangeStatus).map_err(of_assets)
    }

    /// The rules of a regulated asset.
    pub(super) fn set_rules(
        asset: &AssetId,
        rules: compliance::v1::RuleSet,
    ) -> Result<Self, VoteError> {
        let message = compliance::v1::SetRules { asset: asset.to_bytes(), rules: Some(rules) };
        message.try_into().map(Self::SetRules).map_err(of_compliance)
    }

    /// The accreditation of an appraiser.
    pub(super) fn accredit(message: assets::v1::AccreditAppraiser) -> Result<Self, VoteError> {
        message.try_into().map(Self::AccreditAppraiser).map_err(of_assets)
    }

    /// The end of an accreditation.
    pub(super) fn revoke(message: assets::v1::RevokeAccreditation) -> Result<Self, VoteError> {
        message.try_into().map(Self::RevokeAccreditation).map_err(of_assets)
    }

    /// A sanction.
    pub(super) fn sanction(message: compliance::v1::SetSanction) -> Result<Self, VoteError> {
        message.try_into().map(Self::SetSanction).map_err(of_compliance)
    }

    /// An appraisal of an asset.
    pub(super) fn appraise(asset: &AssetId, message: pb::Appraise) -> Result<Self, VoteError> {
        let pb::Appraise { appraisal, public_key, signature } = message;
        let asset = asset.to_bytes();
        let message = assets::v1::AppendAppraisal { asset, appraisal, public_key, signature };
        message.try_into().map(Box::new).map(Self::AppendAppraisal).map_err(of_assets)
    }

    fn message(&self) -> &dyn Message {
        match self {
            Self::ChangeStatus(message) => message,
            Self::SetRules(message) => message,
            Self::AccreditAppraiser(message) => message,
            Self::RevokeAccreditation(message) => message,
            Self::SetSanction(message) => message,
            Self::AppendAppraisal(message) => message.as_ref(),
        }
    }

    /// Declares what [`Act::execute`] touches.
    pub(super) fn declare(
        &self,
        asset: &AssetId,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        self.message().declare(&Address::treasury(asset), state, access)
    }

    /// Carries the operation out as the treasury; false when that is refused.
    ///
    /// Each of these messages checks everything before it writes anything, so a refusal has
    /// changed nothing. What is refused by the chain itself, not by the module, is passed on.
    pub(super) fn execute(
        &self,
        context: &mut Context<'_>,
        asset: &AssetId,
    ) -> Result<bool, ExecutionError> {
        let mut own = Context {
            block: context.block,
            sender: Address::treasury(asset),
            state: &mut *context.state,
            events: &mut *context.events,
        };
        match self.message().execute(&mut own) {
            Ok(()) => Ok(true),
            Err(ExecutionError::Rejected(refusal))
                if [AssetError::CODESPACE, ComplianceError::CODESPACE]
                    .contains(&refusal.codespace) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

fn of_assets(source: AssetError) -> VoteError {
    VoteError::AssetAct { source }
}

fn of_compliance(source: ComplianceError) -> VoteError {
    VoteError::ComplianceAct { source }
}

impl From<&AppendAppraisal> for pb::Appraise {
    fn from(message: &AppendAppraisal) -> Self {
        let AppendAppraisal { signed, public_key, signature, .. } = message;
        let key = public_key::Key::Ed25519(public_key.to_vec().into());
        Self {
            appraisal: signed.clone(),
            public_key: Some(PublicKey { key: Some(key) }),
            signature: signature.to_vec().into(),
        }
    }
}

impl From<&Act> for Wire {
    fn from(act: &Act) -> Self {
        match act {
            Act::ChangeStatus(ChangeAssetStatus { asset: _, status, reason_sha256 }) => {
                Self::ChangeStatus(pb::ChangeStatus {
                    status: (*status).into(),
                    reason_sha256: fields::optional_bytes(reason_sha256.as_ref()),
                })
            }
            Act::SetRules(SetRules { asset: _, rules }) => Self::SetRules(rules.as_ref().clone()),
            Act::AccreditAppraiser(AccreditAppraiser { appraiser, name, until_ms }) => {
                Self::AccreditAppraiser(assets::v1::AccreditAppraiser {
                    appraiser: appraiser.to_bytes(),
                    name: name.clone(),
                    until_ms: *until_ms,
                })
            }
            Act::RevokeAccreditation(RevokeAccreditation { appraiser, from_ms, reason_sha256 }) => {
                Self::RevokeAccreditation(assets::v1::RevokeAccreditation {
                    appraiser: appraiser.to_bytes(),
                    from_ms: *from_ms,
                    reason_sha256: fields::optional_bytes(reason_sha256.as_ref()),
                })
            }
            Act::SetSanction(SetSanction { account, sanctioned, document_sha256 }) => {
                Self::SetSanction(compliance::v1::SetSanction {
                    account: account.to_bytes(),
                    sanctioned: *sanctioned,
                    document_sha256: document_sha256.to_vec().into(),
                })
            }
            Act::AppendAppraisal(message) => Self::Appraise(message.as_ref().into()),
        }
    }
}
