//! Queries about identities, claims and rules, and the dry run of a transfer.

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::compliance::v1::compliance_query_service_server::ComplianceQueryService;
use tessera_proto::pb::compliance::v1::*;
use tessera_proto::pb::query::v1::QueryOptions;
use tessera_proto::split::{InUnits as _, SplitFactor};
use tessera_proto::state_key::{HolderBucket, Namespace, StateKey};
use tonic::{Request, Response, Status, async_trait};

use super::pages::Page;
use super::services::Services;
use super::status;
use super::view::{self, View};
use crate::modules::eligibility;
use crate::modules::transfers::{acceptance, movement};
use crate::node::application::Node;
use crate::state::delta::Delta;
use crate::state::error::ExecutionError;
use crate::state::table::Table;
use crate::state::view::{StateReader, StateView};

/// Bytes of the token of a claim: what follows the identity in its key.
const CLAIM_TOKEN_LENGTH: usize = 32;

#[async_trait]
impl ComplianceQueryService for Services {
    async fn check_transfer(
        &self,
        request: Request<CheckTransferRequest>,
    ) -> Result<Response<CheckTransferResponse>, Status> {
        let request = request.into_inner();
        let answer = self.blocking(move |node| checked(node, &request)).await?;
        Ok(Response::new(answer))
    }

    async fn get_wallet(
        &self,
        request: Request<GetWalletRequest>,
    ) -> Result<Response<GetWalletResponse>, Status> {
        let GetWalletRequest { account, options } = request.into_inner();
        let key = StateKey::wallet(&view::account(&account)?);
        self.query(options, move |view| {
            let wallet: Option<Wallet> = view.leaf(&key)?;
            let founder = wallet.as_ref().and_then(identity);
            let identity = match founder {
                Some(founder) => view.leaf(&StateKey::identity(&founder))?,
                None => None,
            };
            Ok(GetWalletResponse { wallet, identity, context: view.context(&key)? })
        })
        .await
    }

    async fn list_claims(
        &self,
        request: Request<ListClaimsRequest>,
    ) -> Result<Response<ListClaimsResponse>, Status> {
        let ListClaimsRequest { account, page } = request.into_inner();
        let account = view::account(&account)?;
        let page = Page::read(page, CLAIM_TOKEN_LENGTH)?;
        self.query(None, move |view| {
            let identity = identity_of(view, &account)?;
            let (claims, page) = view.leaves(&page, Namespace::Claim, identity.as_bytes())?;
            Ok(ListClaimsResponse { claims, page: Some(page) })
        })
        .await
    }

    async fn get_rule_set(
        &self,
        request: Request<GetRuleSetRequest>,
    ) -> Result<Response<GetRuleSetResponse>, Status> {
        let GetRuleSetRequest { asset, options } = request.into_inner();
        self.query(options, move |view| {
            let key = StateKey::rule_set(&view.asset(&asset)?.0);
            Ok(GetRuleSetResponse { rules: view.leaf(&key)?, context: view.context(&key)? })
        })
        .await
    }

    async fn get_holder_record(
        &self,
        request: Request<GetHolderRecordRequest>,
    ) -> Result<Response<GetHolderRecordResponse>, Status> {
        let GetHolderRecordRequest { asset, account, options } = request.into_inner();
        let account = view::account(&account)?;
        self.query(options, move |view| {
            let (id, asset) = view.asset(&asset)?;
            let key = StateKey::holder_record(&id, &identity_of(view, &account)?);
            let record = view.units(&asset, &key)?;
            Ok(GetHolderRecordResponse { record, context: view.context(&key)? })
        })
        .await
    }

    async fn list_holder_counters(
        &self,
        request: Request<ListHolderCountersRequest>,
    ) -> Result<Response<ListHolderCountersResponse>, Status> {
        let ListHolderCountersRequest { asset, page } = request.into_inner();
        let page = Page::read(page, HolderBucket::LENGTH)?;
        self.query(None, move |view| {
            let (asset, _) = view.asset(&asset)?;
            let prefix = Namespace::HolderCounter.prefix(asset.as_bytes());
            let (buckets, page) = page.scan(view.database(), Table::Keys, &prefix)?;
            let mut counters = Vec::with_capacity(buckets.len());
            for bucket in buckets.iter().filter_map(|key| HolderBucket::from_key_bytes(key)) {
                counters.push(counted(view, &asset, bucket)?);
            }
            Ok(ListHolderCountersResponse { counters, page: Some(page) })
        })
        .await
    }

    async fn get_encumbrances(
        &self,
        request: Request<GetEncumbrancesRequest>,
    ) -> Result<Response<GetEncumbrancesResponse>, Status> {
        let GetEncumbrancesRequest { asset, account, options } = request.into_inner();
        let account = view::account(&account)?;
        self.query(options, move |view| {
            let (id, asset) = view.asset(&asset)?;
            let key = StateKey::encumbrances(&id, &account);
            let encumbrances = view.units(&asset, &key)?;
            Ok(GetEncumbrancesResponse { encumbrances, context: view.context(&key)? })
        })
        .await
    }

    async fn list_waiting_units(
        &self,
        request: Request<ListWaitingUnitsRequest>,
    ) -> Result<Response<ListWaitingUnitsResponse>, Status> {
        let ListWaitingUnitsRequest { asset, receiver, page } = request.into_inner();
        let receiver = view::account(&receiver)?.to_bytes();
        let page = Page::read(page, Address::LENGTH)?;
        self.query(None, move |view| {
            let (id, asset) = view.asset(&asset)?;
            let (found, page) =
                view.list::<Encumbrances>(&page, Namespace::Encumbrances, id.as_bytes())?;
            let mut units = Vec::new();
            for (holder, mut encumbrances) in found {
                encumbrances.bring_to(SplitFactor::of(&asset));
                let holder = Address::try_from(holder.as_ref()).unwrap_or_default().to_string();
                let holds = encumbrances.entries.into_iter().filter(|entry| {
                    entry.kind() == EncumbranceKind::Hold && entry.payee == receiver
                });
                units.extend(
                    holds.map(|hold| WaitingUnits { holder: holder.clone(), hold: Some(hold) }),
                );
            }
            Ok(ListWaitingUnitsResponse { units, page: Some(page) })
        })
        .await
    }
}

fn identity(wallet: &Wallet) -> Option<Address> {
    Address::try_from(wallet.identity.as_ref()).ok()
}

/// The identity of an account; the account itself when it has none.
fn identity_of(view: &View<'_>, account: &Address) -> Result<Address, Status> {
    let wallet: Option<Wallet> = view.leaf(&StateKey::wallet(account))?;
    Ok(wallet.as_ref().and_then(identity).unwrap_or(*account))
}

fn counted(
    view: &View<'_>,
    asset: &AssetId,
    bucket: HolderBucket,
) -> Result<CountedHolders, Status> {
    let counter: Option<HolderCounter> = view.leaf(&StateKey::holder_counter(asset, bucket))?;
    let count = counter.unwrap_or_default().count;
    Ok(match bucket {
        HolderBucket::All => CountedHolders { count, ..CountedHolders::default() },
        HolderBucket::ClaimType(claim_type) => {
            CountedHolders { claim_type, count, ..CountedHolders::default() }
        }
        HolderBucket::Country(letters) => {
            let country = letters.map(char::from).iter().collect();
            CountedHolders { country, count, ..CountedHolders::default() }
        }
    })
}

/// What every check says of a transfer in the block after the one asked for.
fn checked(node: &Node, request: &CheckTransferRequest) -> Result<CheckTransferResponse, Status> {
    let CheckTransferRequest { asset, from, to, amount, options } = request;
    let (from, to) = (view::account(from)?, view::account(to)?);
    let amount: Amount = amount.parse().map_err(status::invalid)?;
    let options: QueryOptions = options.unwrap_or_default();
    View::read(node.store(), options, |view| {
        let (asset, facts) = view.asset(asset)?;
        let time_ms = view.time_ms()?.unwrap_or_default();
        let (info, _) = node
            .ledger()
            .block_info(view.state(), view.height() + 1, time_ms)
            .map_err(|fault| status::failed(&fault))?;
        let mut trial = Trial(view.state());
        let verdicts = movement::verdicts(&mut trial, &info, &asset, &from, (to, amount));
        let verdicts = verdicts.map_err(failed)?;
        let passed = verdicts.iter().all(|verdict| verdict.refusal.is_none());
        let verdicts = verdicts.into_iter().map(readable).collect();
        // A receiver who is denied the chain accepts nothing and gets nothing.
        let held =
            passed && acceptance::is_missing(&mut trial, (&asset, &facts), &to).map_err(failed)?;
        let context = view.context(&StateKey::asset(&asset))?;
        Ok(CheckTransferResponse { passed, verdicts, context, held })
    })
}

fn failed(error: ExecutionError) -> Status {
    match error {
        ExecutionError::Rejected(error) => status::refused(&error),
        ExecutionError::Fault(fault) => status::failed(&fault),
    }
}

fn readable(verdict: eligibility::Verdict) -> Verdict {
    let eligibility::Verdict { check, rule, account, exempt, missing, refusal } = verdict;
    let passed = refusal.is_none();
    let (code, codespace, message) = refusal.map_or_else(Default::default, |refusal| {
        (refusal.code, refusal.codespace.to_owned(), refusal.message)
    });
    Verdict {
        check: check.to_owned(),
        rule,
        account: account.map(|account| account.to_string()).unwrap_or_default(),
        passed,
        exempt,
        missing_claim_types: missing,
        code,
        codespace,
        message,
    }
}

/// A state that is only looked at.
struct Trial<'a>(&'a dyn StateReader);

impl StateView for Trial<'_> {
    fn read(&mut self, key: &StateKey) -> Result<Option<Bytes>, ExecutionError> {
        Ok(self.0.read(key)?)
    }

    fn write(&mut self, _key: StateKey, _value: Option<Bytes>) -> Result<(), ExecutionError> {
        Ok(())
    }

    fn add(&mut self, _delta: Delta) -> Result<(), ExecutionError> {
        Ok(())
    }
}
