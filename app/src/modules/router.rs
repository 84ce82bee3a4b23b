//! From wire to module and back: every operation and every commutative change, once.

use tessera_proto::id::Address;
use tessera_proto::pb::chain::v1 as pb;
use tessera_proto::pb::chain::v1::operation::Kind;

use super::accounts::{self, RotateKeys, TopUpFees};
use super::assets::{
    self, AccreditAppraiser, ActivateAsset, AddDocument, AmendAsset, AppendAppraisal, BurnUnits,
    ChangeAssetStatus, GrantRole, MintUnits, ProposeAction, RecordStatement, RegisterAsset,
    RevokeAccreditation, RevokeRole, SetNav, SetTwoPersonRule, SplitUnits, WithdrawAction,
};
use super::compliance::{
    ExecuteHold, ForcedTransfer, FreezeHolder, IssueClaim, LinkWallet, PauseAsset, PlaceHold,
    RecoverWallet, RefreshHolder, RegisterIdentity, ReleaseHold, ResumeAsset, RevokeClaim,
    RevokeIssuer, SetExemptions, SetFrozen, SetRules, SetSanction, UnfreezeHolder, UnlinkWallet,
};
use super::delegation::{ActFor, GiveMandate, RevokeMandate, SponsorFees};
use super::distributions::{
    ClaimDistribution, ClaimIncome, CloseDistribution, DeclareCoupons, DeclareDistribution,
    PayCoupon, PayIncome, PruneRecords, PushDistribution, TakeRecord,
};
use super::eligibility;
use super::market::{AcceptOffer, CancelOffer, OfferUnits};
use super::pools::{
    CollectPoolIncome, ContributeUnits, CreateTranches, FormPool, PayWaterfall, RedeemUnits,
    WithdrawUnits,
};
use super::royalties::{
    self, AddRoyaltyRecipients, ClaimRoyalty, PayRoyalty, PruneRoyaltyList, SetRoyaltySchedule,
};
use super::transfers::{
    AcceptAsset, ApproveSpender, BatchTransfer, SetOptIn, Transfer, TransferFrom, holdings,
};
use super::votes::{
    self, CastVote, ClaimGrant, CloseProposal, DelegateVotes, ExecuteProposal, SetVotingRules,
    SubmitProposal,
};
use super::{BlockInfo, Context, Message};
use crate::state::access::AccessSet;
use crate::state::delta::Delta;
use crate::state::error::{ExecutionError, Fault, Rejected};
use crate::state::view::{StateReader, StateView};

/// An operation that no module of this build knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an operation is empty or of a kind that this version of the chain does not know")]
pub struct UnknownOperation;

impl UnknownOperation {
    /// Stable number within the codespace.
    #[must_use]
    pub fn code(&self) -> u32 {
        11
    }
}

crate::rejection!(UnknownOperation, "tx");

macro_rules! operations {
    ($($message:ident),+ $(,)?) => {
        /// One checked step of a transaction.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each variant is the message of its name")]
        pub enum Operation {
            $($message($message)),+
        }

        impl TryFrom<pb::Operation> for Operation {
            type Error = Rejected;

            /// Checks the message as far as that is possible without the state.
            fn try_from(operation: pb::Operation) -> Result<Self, Rejected> {
                match operation.kind.ok_or(UnknownOperation)? {
                    $(Kind::$message(message) => Ok(Self::$message(message.try_into()?))),+
                }
            }
        }

        impl Message for Operation {
            fn declare(
                &self,
                sender: &Address,
                state: &dyn StateReader,
                access: &mut AccessSet,
            ) -> Result<(), Fault> {
                match self {
                    $(Self::$message(message) => message.declare(sender, state, access)),+
                }
            }

            fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
                match self {
                    $(Self::$message(message) => message.execute(context)),+
                }
            }
        }

        impl Operation {
            /// Names of all messages.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($message)),+];

            /// Name of the message, e.g. `Transfer`.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$message(_) => stringify!($message)),+
                }
            }
        }
    };
}

operations! {
    RotateKeys,
    TopUpFees,
    SponsorFees,
    GiveMandate,
    RevokeMandate,
    ActFor,
    RegisterAsset,
    AppendAppraisal,
    ActivateAsset,
    MintUnits,
    BurnUnits,
    ChangeAssetStatus,
    GrantRole,
    RevokeRole,
    AddDocument,
    SetNav,
    AccreditAppraiser,
    RevokeAccreditation,
    ProposeAction,
    WithdrawAction,
    SetTwoPersonRule,
    SplitUnits,
    AmendAsset,
    RecordStatement,
    Transfer,
    BatchTransfer,
    ApproveSpender,
    TransferFrom,
    SetOptIn,
    AcceptAsset,
    SetFrozen,
    FreezeHolder,
    UnfreezeHolder,
    PauseAsset,
    ResumeAsset,
    RegisterIdentity,
    LinkWallet,
    UnlinkWallet,
    IssueClaim,
    RevokeClaim,
    RevokeIssuer,
    SetRules,
    SetExemptions,
    RefreshHolder,
    ForcedTransfer,
    RecoverWallet,
    PlaceHold,
    ExecuteHold,
    ReleaseHold,
    SetSanction,
    SetRoyaltySchedule,
    PayRoyalty,
    AddRoyaltyRecipients,
    ClaimRoyalty,
    PruneRoyaltyList,
    OfferUnits,
    AcceptOffer,
    CancelOffer,
    PayIncome,
    ClaimIncome,
    TakeRecord,
    DeclareDistribution,
    ClaimDistribution,
    PushDistribution,
    CloseDistribution,
    DeclareCoupons,
    PayCoupon,
    PruneRecords,
    FormPool,
    ContributeUnits,
    RedeemUnits,
    CollectPoolIncome,
    WithdrawUnits,
    CreateTranches,
    PayWaterfall,
    SubmitProposal,
    CastVote,
    CloseProposal,
    DelegateVotes,
    ExecuteProposal,
    SetVotingRules,
    ClaimGrant,
}

/// Applies a commutative change: the only implementation of each, whoever executes.
///
/// A credit settles the holder's income, keeps the old balance for the record date and counts a
/// new holder, so it reads the asset, writes the holding and perhaps its copy, and adds to the
/// totals. The others read and write the one leaf that they change.
///
/// Changes that conflicting transactions of a block have issued must be applied in their order
/// (who changes a vote takes back what an earlier one has given); all others in any order.
///
/// # Errors
/// [`Fault`] when the state is damaged, and whatever the view refuses. Whoever issued the change
/// has made sure that nothing else can go wrong.
pub fn apply_delta(
    view: &mut dyn StateView,
    block: &BlockInfo,
    delta: &Delta,
) -> Result<(), ExecutionError> {
    match delta {
        Delta::Credit { asset, account, amount } => {
            holdings::apply_credit(view, block, asset, account, *amount)
        }
        Delta::HolderCount { asset, joined } => assets::apply_holder_count(view, asset, *joined),
        Delta::HolderBucket { asset, bucket, joined } => {
            eligibility::apply_holder_bucket(view, asset, *bucket, *joined)
        }
        Delta::WalletUse { account, joined } => {
            eligibility::apply_wallet_use(view, account, *joined)
        }
        Delta::Fee { amount } => accounts::apply_fee(view, *amount),
        Delta::Tally { .. } => votes::apply_tally(view, delta),
        Delta::RoyaltyReceipts { .. } => royalties::apply_receipts(view, delta),
    }
}
