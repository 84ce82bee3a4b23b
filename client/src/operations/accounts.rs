//! Operations on accounts: who pays for them, who acts for them, what they accept.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
pub use tessera_proto::pb::accounts::v1::GiveMandate;
use tessera_proto::pb::accounts::v1::{ActFor, RevokeMandate, SponsorFees};
use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::pb::transfers::v1::{AcceptAsset, SetOptIn};

use super::encode_operation;

/// Sets prepaid fees of the sender aside for transactions of another account until a time;
/// with these operations only, if there are any. Zero ends it.
#[must_use]
pub fn sponsor_fees(
    account: &Address,
    amount: Amount,
    expires_ms: u64,
    operations: Vec<String>,
) -> Kind {
    let (account, amount) = (account.to_bytes(), amount.to_string());
    Kind::SponsorFees(SponsorFees { account, amount, expires_ms, operations })
}

/// Lets another account act for the sender, within limits.
#[must_use]
pub fn give_mandate(mandate: GiveMandate) -> Kind {
    Kind::GiveMandate(mandate)
}

/// Ends what another account may do for the sender.
#[must_use]
pub fn revoke_mandate(account: &Address) -> Kind {
    Kind::RevokeMandate(RevokeMandate { account: account.to_bytes() })
}

/// Does an operation for an account that has given the sender a mandate.
#[must_use]
pub fn act_for(principal: &Address, operation: &Kind) -> Kind {
    let (principal, operation) = (principal.to_bytes(), encode_operation(operation));
    Kind::ActFor(ActFor { principal, operation })
}

/// Says whether units of assets that the sender has not accepted are held for it instead.
#[must_use]
pub fn set_opt_in(required: bool) -> Kind {
    Kind::SetOptIn(SetOptIn { required })
}

/// Accepts an asset, or does so no more.
#[must_use]
pub fn accept_asset(asset: &AssetId, accepted: bool) -> Kind {
    Kind::AcceptAsset(AcceptAsset { asset: asset.to_bytes(), accepted })
}
