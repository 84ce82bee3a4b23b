//! Events and refusals in words for people: names before ids, display units before base units.

mod accounts;
mod compliance;

use std::collections::BTreeMap;

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::name::{self, role_name};
use tessera_proto::pb::chain::v1::Event;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::royalties::v1::RoyaltyPayout;
use tessera_proto::split::SplitFactor;

use super::context::{AssetView, Context};
use super::failure::Failure;
use super::role::time_of;
use super::send::grouped;
use super::vote::{choice_name, status_name};
use crate::error::{ClientError, Refusal};
use crate::operations::operation_sha256;
use crate::verify::VerifiedHeader;

/// Refusals whose message counts base units of the asset that it names.
const COUNTED_IN_ASSET: [(&str, u32); 5] =
    [("transfers", 13), ("assets", 18), ("assets", 28), ("compliance", 31), ("accounts", 33)];
/// Refusals whose message counts base units of the fee currency.
const COUNTED_IN_FEES: [(&str, u32); 5] =
    [("pool", 5), ("tx", 8), ("tx", 9), ("accounts", 23), ("accounts", 26)];

/// What events of a block say, one line or more each; the account `you` is told of as such.
pub(crate) async fn lines(
    context: &Context,
    events: &[Event],
    (you, height): (Option<Address>, u64),
) -> Vec<String> {
    let chain_id = context.info().await.map(|info| info.chain_id.clone()).unwrap_or_default();
    let fees = context.fee_currency().await.ok();
    let assets = BTreeMap::new();
    let mut teller = Teller { context, chain_id: &chain_id, you, height, assets, fees };
    let kinds: Vec<&Kind> = events.iter().filter_map(|event| event.kind.as_ref()).collect();
    for id in kinds.iter().flat_map(|kind| assets_of(kind)) {
        // What cannot be looked up is told by its id and in base units.
        if let Ok(id) = AssetId::try_from(id)
            && !teller.assets.contains_key(&id)
            && let Ok(asset) = context.asset(&id.to_string()).await
        {
            teller.assets.insert(id, asset);
        }
    }
    kinds.into_iter().flat_map(|kind| teller.tell(kind)).collect()
}

/// What events that are proven under a header say, of assets that are known.
pub(crate) fn proven_lines(
    context: &Context,
    header: &VerifiedHeader,
    events: &[Event],
    assets: BTreeMap<AssetId, AssetView>,
) -> Vec<String> {
    let VerifiedHeader { chain_id, state_height: height, .. } = header;
    let teller = Teller { context, chain_id, you: None, height: *height, assets, fees: None };
    let kinds = events.iter().filter_map(|event| event.kind.as_ref());
    kinds.flat_map(|kind| teller.tell(kind)).collect()
}

/// The assets that an event is about.
fn assets_of(kind: &Kind) -> Vec<&[u8]> {
    match kind {
        Kind::Transferred(e) => vec![&e.asset],
        Kind::AppraisalAppended(e) => vec![&e.asset, &e.currency],
        Kind::AssetActivated(e) => vec![&e.asset],
        Kind::UnitsMinted(e) => vec![&e.asset],
        Kind::UnitsBurned(e) => vec![&e.asset],
        Kind::AssetStatusChanged(e) => vec![&e.asset],
        Kind::RoleGranted(e) => vec![&e.asset],
        Kind::RoleRevoked(e) => vec![&e.asset],
        Kind::DocumentAdded(e) => vec![&e.asset],
        Kind::NavSet(e) => vec![&e.asset, &e.currency],
        Kind::AssetAmended(e) => vec![&e.asset],
        Kind::StatementRecorded(e) => vec![&e.asset],
        Kind::ActionProposed(e) => vec![&e.asset],
        Kind::ActionWithdrawn(e) => vec![&e.asset],
        Kind::TwoPersonRuleSet(e) => vec![&e.asset],
        Kind::UnitsSplit(e) => vec![&e.asset],
        Kind::RoyaltyScheduleSet(e) => vec![&e.asset],
        Kind::RoyaltyPaid(e) => vec![&e.asset, &e.currency],
        Kind::RoyaltyRecipientsAdded(e) => vec![&e.asset],
        Kind::RoyaltyClaimed(e) => vec![&e.asset, &e.currency],
        Kind::UnitsOffered(e) => {
            e.offer.iter().flat_map(|offer| [offer.asset.as_ref(), &offer.currency]).collect()
        }
        Kind::UnitsSold(e) => vec![&e.asset, &e.currency],
        Kind::OfferCancelled(e) => vec![&e.asset],
        Kind::IncomePaid(e) => vec![&e.asset, &e.currency],
        Kind::IncomeClaimed(e) => vec![&e.asset, &e.currency],
        Kind::RecordTaken(e) => vec![&e.asset],
        Kind::DistributionDeclared(e) => vec![&e.asset, &e.currency],
        Kind::DistributionPaid(e) => vec![&e.asset, &e.currency],
        Kind::DistributionClosed(e) => vec![&e.asset, &e.currency],
        Kind::CouponsDeclared(e) => vec![&e.asset],
        Kind::RecordsPruned(e) => vec![&e.asset],
        Kind::ProposalSubmitted(e) => vec![&e.asset],
        Kind::VoteCast(e) => vec![&e.asset],
        Kind::ProposalClosed(e) => vec![&e.asset],
        Kind::TreasurySpent(e) => vec![&e.asset, &e.currency],
        Kind::ProposalExecuted(e) => vec![&e.asset],
        Kind::VotesDelegated(e) => vec![&e.asset],
        Kind::VotingRulesSet(e) => vec![&e.asset],
        Kind::GrantOpened(e) => vec![&e.asset, &e.currency],
        Kind::GrantPaid(e) => vec![&e.asset, &e.currency],
        Kind::MilestoneReleased(e) => vec![&e.asset],
        Kind::GrantCancelled(e) => vec![&e.asset, &e.currency],
        other => accounts::assets_of(other).unwrap_or_else(|| compliance::assets_of(other)),
    }
}

/// Finds the words.
struct Teller<'a> {
    context: &'a Context,
    chain_id: &'a str,
    you: Option<Address>,
    height: u64,
    assets: BTreeMap<AssetId, AssetView>,
    fees: Option<AssetView>,
}

impl Teller<'_> {
    fn tell(&self, kind: &Kind) -> Vec<String> {
        let line = match kind {
            Kind::KeysRotated(e) => format!("{} replaced the keys", self.actor(&e.account)),
            Kind::FeesToppedUp(e) if e.payer == e.account => {
                format!("{} prepaid {} of fees", self.actor(&e.payer), self.fees(&e.amount))
            }
            Kind::FeesToppedUp(e) => format!(
                "{} prepaid {} of fees for {}",
                self.actor(&e.payer),
                self.fees(&e.amount),
                self.party(&e.account)
            ),
            Kind::Transferred(e) => format!(
                "{} sent {} to {}",
                self.actor(&e.from),
                self.units(&e.asset, &e.amount),
                self.party(&e.to)
            ),
            Kind::RoyaltyPaid(e) => {
                let head = format!(
                    "{} paid {} of royalties of {}{}",
                    self.actor(&e.payer),
                    self.units(&e.currency, &e.amount),
                    self.name(&e.asset),
                    if e.resale { " out of the price" } else { "" }
                );
                let payout = |payout: &RoyaltyPayout| {
                    let amount = self.units(&e.currency, &payout.amount);
                    format!("  {amount} to {}", self.party(&payout.account))
                };
                return std::iter::once(head).chain(e.payouts.iter().map(payout)).collect();
            }
            Kind::IncomePaid(e) => format!(
                "{} paid {} to the holders of {}",
                self.actor(&e.payer),
                self.units(&e.currency, &e.amount),
                self.name(&e.asset)
            ),
            Kind::IncomeClaimed(e) => format!(
                "{} collected {} of income of {}",
                self.actor(&e.holder),
                self.units(&e.currency, &e.amount),
                self.name(&e.asset)
            ),
            other => {
                let told = self
                    .tell_of_asset(other)
                    .or_else(|| self.tell_of_accounts(other))
                    .or_else(|| self.tell_of_compliance(other));
                return told.into_iter().collect();
            }
        };
        vec![line]
    }

    fn tell_of_asset(&self, kind: &Kind) -> Option<String> {
        Some(match kind {
            Kind::AssetRegistered(e) => format!("Registered {}   {}", e.name, asset_id(&e.asset)),
            Kind::AppraisalAppended(e) => format!(
                "Appraisal of {}: {} by {}",
                self.name(&e.asset),
                self.units(&e.currency, &e.value),
                self.party(&e.appraiser)
            ),
            Kind::AssetActivated(e) => format!("Opened {} for issuance", self.name(&e.asset)),
            Kind::UnitsMinted(e) => {
                format!("Issued {} to {}", self.units(&e.asset, &e.amount), self.party(&e.to))
            }
            Kind::RoyaltyScheduleSet(e) => format!("Set the royalties of {}", self.name(&e.asset)),
            Kind::ProposalSubmitted(e) => format!(
                "Proposal {} of {}: {}, open until block {}",
                e.proposal,
                self.name(&e.asset),
                e.title,
                grouped(e.voting_end_height)
            ),
            Kind::VoteCast(e) => format!(
                "{} voted {} on proposal {} with {}",
                self.actor(&e.voter),
                choice_name(e.choice),
                e.proposal,
                self.units(&e.asset, &e.weight)
            ),
            Kind::ProposalClosed(e) => format!(
                "Proposal {} of {}: {}",
                e.proposal,
                self.name(&e.asset),
                status_name(e.status)
            ),
            Kind::TreasurySpent(e) => format!(
                "The treasury of {} paid {} to {}",
                self.name(&e.asset),
                self.units(&e.currency, &e.amount),
                self.party(&e.to)
            ),
            other => return self.tell_of_register(other),
        })
    }

    fn tell_of_register(&self, kind: &Kind) -> Option<String> {
        Some(match kind {
            Kind::UnitsBurned(e) => {
                format!("{} burned {}", self.actor(&e.holder), self.units(&e.asset, &e.amount))
            }
            Kind::AssetStatusChanged(e) => format!(
                "{} was {} and is {} now",
                self.name(&e.asset),
                name::status_name(e.from()),
                name::status_name(e.to())
            ),
            Kind::RoleGranted(e) => format!(
                "{} may act as {} of {} until {}",
                self.actor(&e.account),
                role_name(e.role()),
                self.name(&e.asset),
                time_of(e.expires_ms)
            ),
            Kind::RoleRevoked(e) => format!(
                "{} may no longer act as {} of {}",
                self.actor(&e.account),
                role_name(e.role()),
                self.name(&e.asset)
            ),
            Kind::DocumentAdded(e) => {
                let document = e.document.clone().unwrap_or_default();
                format!("Added {} to {}", document.name, self.name(&e.asset))
            }
            other => return self.tell_of_control(other),
        })
    }

    fn tell_of_control(&self, kind: &Kind) -> Option<String> {
        Some(match kind {
            Kind::NavSet(e) => {
                let nav = e.nav.clone().unwrap_or_default();
                let price = self.units(&e.currency, &nav.price);
                format!("One unit of {} is worth {price}  ({})", self.name(&e.asset), nav.source)
            }
            Kind::AssetAmended(e) => format!("Changed the terms of {}", self.name(&e.asset)),
            Kind::StatementRecorded(e) => format!(
                "{} stated as {} of {}: {}",
                self.actor(&e.account),
                role_name(e.role()),
                self.name(&e.asset),
                e.subject
            ),
            Kind::AppraiserAccredited(e) => {
                format!("{} may sign appraisals as {}", self.actor(&e.appraiser), e.name)
            }
            Kind::AccreditationRevoked(e) => format!(
                "Appraisals of {} do not count from {} on",
                self.party(&e.appraiser),
                time_of(e.from_ms)
            ),
            Kind::ActionProposed(e) => format!(
                "{} proposed operation {} on {}: a second account has until {} to send it",
                self.actor(&e.proposer),
                hex::encode(operation_sha256(&e.operation)),
                self.name(&e.asset),
                time_of(e.expires_ms)
            ),
            Kind::ActionWithdrawn(e) => format!(
                "Withdrew operation {} on {}",
                hex::encode(&e.operation_sha256),
                self.name(&e.asset)
            ),
            Kind::TwoPersonRuleSet(e) => format!(
                "Issuing {} takes {}, moving it by force {}, splitting it {}",
                self.name(&e.asset),
                persons(e.mint),
                persons(e.forced_transfer),
                persons(e.split)
            ),
            Kind::UnitsSplit(e) => format!(
                "Split {}: {} for {}, for all holders",
                self.name(&e.asset),
                grouped(e.numerator.into()),
                grouped(e.denominator.into())
            ),
            other => return self.tell_of_sale(other),
        })
    }

    fn tell_of_sale(&self, kind: &Kind) -> Option<String> {
        Some(match kind {
            Kind::UnitsOffered(e) => {
                let offer = e.offer.as_ref()?;
                format!(
                    "{} offered {} for {}, offer {}",
                    self.actor(&offer.seller),
                    self.units(&offer.asset, &offer.amount),
                    self.units(&offer.currency, &offer.price),
                    offer.number
                )
            }
            Kind::UnitsSold(e) => format!(
                "{} bought {} from {} for {}: {} of royalties, {} to the seller",
                self.actor(&e.buyer),
                self.units(&e.asset, &e.amount),
                self.party(&e.seller),
                self.units(&e.currency, &e.price),
                self.units(&e.currency, &e.royalty),
                self.units(&e.currency, &e.proceeds)
            ),
            Kind::OfferCancelled(e) => {
                format!("Cancelled offer {} of {}", e.number, self.name(&e.asset))
            }
            Kind::RoyaltyRecipientsAdded(e) => format!(
                "List {} of recipients of {}: {} so far",
                e.list,
                self.name(&e.asset),
                grouped(e.recipient_count.into())
            ),
            Kind::RoyaltyClaimed(e) => format!(
                "{} collected {} of royalties of {}",
                self.actor(&e.recipient),
                self.units(&e.currency, &e.amount),
                self.name(&e.asset)
            ),
            other => return self.tell_of_distribution(other),
        })
    }

    fn tell_of_distribution(&self, kind: &Kind) -> Option<String> {
        Some(match kind {
            Kind::RecordTaken(e) => format!(
                "Record date {} of {}: the end of block {}",
                e.record,
                self.name(&e.asset),
                grouped(e.height)
            ),
            Kind::DistributionDeclared(e) => format!(
                "Distribution {} of {}: {} promised to the holders of record {}, {} paid in",
                e.distribution,
                self.name(&e.asset),
                self.units(&e.currency, &e.promised),
                e.record,
                self.units(&e.currency, &e.funded)
            ),
            Kind::DistributionPaid(e) => format!(
                "{} got {} of distribution {} of {}, {} withheld",
                self.actor(&e.holder),
                self.units(&e.currency, &e.net),
                e.distribution,
                self.name(&e.asset),
                self.units(&e.currency, &e.withheld)
            ),
            Kind::DistributionClosed(e) => format!(
                "Distribution {} of {} is {}: {} left, to {}",
                e.distribution,
                self.name(&e.asset),
                if e.cancelled { "cancelled" } else { "closed" },
                self.units(&e.currency, &e.remainder),
                self.party(&e.to)
            ),
            Kind::CouponsDeclared(e) => format!(
                "Schedule {} of coupons of {}: {} periods",
                e.schedule,
                self.name(&e.asset),
                e.periods
            ),
            Kind::RecordsPruned(e) => format!(
                "Deleted {} old balances of {}, {} record dates given up",
                e.copies,
                self.name(&e.asset),
                e.pruned_record_count
            ),
            other => return self.tell_of_decision(other),
        })
    }

    fn tell_of_decision(&self, kind: &Kind) -> Option<String> {
        Some(match kind {
            Kind::ProposalExecuted(e) => format!(
                "Proposal {} of {}: {}",
                e.proposal,
                self.name(&e.asset),
                status_name(e.status)
            ),
            Kind::VotesDelegated(e) if e.to.is_empty() => {
                format!("Nobody votes for {} with {}", self.party(&e.holder), self.name(&e.asset))
            }
            Kind::VotesDelegated(e) => format!(
                "{} votes for {} with {} from the next record date on",
                self.actor(&e.to),
                self.party(&e.holder),
                self.name(&e.asset)
            ),
            Kind::VotingRulesSet(e) => format!("Set the rules of votes of {}", self.name(&e.asset)),
            Kind::ParamsChanged(e) => {
                format!("Proposal {} changed the parameters of the chain", e.proposal)
            }
            Kind::GrantOpened(e) => format!(
                "The treasury of {} set {} aside for {}, grant {}",
                self.name(&e.asset),
                self.units(&e.currency, &e.amount),
                self.party(&e.to),
                e.grant
            ),
            Kind::GrantPaid(e) => format!(
                "Grant {} of {} paid {} to {}",
                e.grant,
                self.name(&e.asset),
                self.units(&e.currency, &e.amount),
                self.party(&e.to)
            ),
            Kind::MilestoneReleased(e) => format!(
                "Released milestone {} of grant {} of {}",
                e.milestone,
                e.grant,
                self.name(&e.asset)
            ),
            Kind::GrantCancelled(e) => format!(
                "Cancelled grant {} of {}: {} back to its treasury",
                e.grant,
                self.name(&e.asset),
                self.units(&e.currency, &e.returned)
            ),
            _ => return None,
        })
    }

    fn actor(&self, account: &[u8]) -> String {
        self.known(account, "You")
    }

    fn party(&self, account: &[u8]) -> String {
        self.known(account, "you")
    }

    fn known(&self, account: &[u8], you: &str) -> String {
        match Address::try_from(account) {
            Ok(address) if self.you == Some(address) => you.to_owned(),
            Ok(address) => self.context.label_on(self.chain_id, &address),
            Err(_) => hex::encode(account),
        }
    }

    fn name(&self, asset: &[u8]) -> String {
        let view = AssetId::try_from(asset).ok().and_then(|id| self.assets.get(&id));
        view.map_or_else(|| asset_id(asset), |view| view.name().to_owned())
    }

    fn units(&self, asset: &[u8], base_units: &str) -> String {
        let view = AssetId::try_from(asset).ok().and_then(|id| self.assets.get(&id));
        let amount: Option<Amount> = base_units.parse().ok();
        // Splits since then count.
        let now = view.zip(amount).map(|(view, amount)| {
            let then = SplitFactor::at(&view.asset, self.height);
            view.display(then.carry(amount, SplitFactor::of(&view.asset)))
        });
        now.unwrap_or_else(|| format!("{base_units} base units of {}", asset_id(asset)))
    }

    fn fees(&self, base_units: &str) -> String {
        let amount: Option<Amount> = base_units.parse().ok();
        let text = self.fees.as_ref().zip(amount).map(|(fees, amount)| fees.display(amount));
        text.unwrap_or_else(|| format!("{base_units} base units"))
    }
}

fn persons(two: bool) -> &'static str {
    if two { "two persons" } else { "one person" }
}

fn asset_id(bytes: &[u8]) -> String {
    AssetId::try_from(bytes).map_or_else(|_| hex::encode(bytes), |id| id.to_string())
}

/// Adds to a refusal what it says in names and display units, where that is something else.
pub(crate) async fn retell(context: &Context, failure: Failure) -> Failure {
    let ClientError::Refused(refusal) = &failure.error else { return failure };
    let currency = counted_in(context, refusal).await;
    let mut names = BTreeMap::new();
    for word in refusal.message.split(|c: char| !c.is_ascii_alphanumeric()) {
        if let Ok(address) = word.parse::<Address>() {
            names.extend(context.name_of(&address).map(|name| (word, name)));
        } else if word.parse::<AssetId>().is_ok()
            && let Ok(asset) = context.asset(word).await
        {
            names.insert(word, asset.name().to_owned());
        }
    }
    let name = |word: &str| names.get(word).cloned();
    let retold = in_words(&refusal.message, currency.as_ref(), name);
    if retold == refusal.message { failure } else { Failure { retold: Some(retold), ..failure } }
}

/// The asset whose base units the message of a refusal counts.
async fn counted_in(context: &Context, refusal: &Refusal) -> Option<AssetView> {
    let code = (refusal.codespace.as_str(), refusal.code);
    if COUNTED_IN_FEES.contains(&code) {
        return context.fee_currency().await.ok();
    }
    if !COUNTED_IN_ASSET.contains(&code) {
        return None;
    }
    let (_, rest) = refusal.message.split_once("base units of `")?;
    let (name, _) = rest.split_once('`')?;
    context.asset(name).await.ok()
}

/// A message with its accounts and assets by name, and its amounts in display units of `asset`.
fn in_words(
    message: &str,
    asset: Option<&AssetView>,
    name: impl Fn(&str) -> Option<String>,
) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric();
    let mut text = String::new();
    let mut rest = message;
    while let Some(first) = rest.chars().next() {
        let end = if is_part(first) {
            rest.find(|c| !is_part(c)).unwrap_or(rest.len())
        } else {
            rest.find(is_part).unwrap_or(rest.len())
        };
        let (word, after) = rest.split_at(end);
        let amount = || word.parse::<Amount>().ok();
        match (asset, name(word)) {
            (_, Some(name)) => text += &name,
            (Some(asset), None) => match amount() {
                Some(amount) => text += &amount.display(asset.decimals()),
                None => text += word,
            },
            (None, None) => text += word,
        }
        rest = after;
    }
    let Some(asset) = asset else { return text };
    let named = format!(" base units of `{}`", asset.name());
    text.replace(&named, &format!(" {}", asset.name()))
        .replace(" base units", &format!(" {}", asset.name()))
}

#[cfg(test)]
mod tests {
    use tessera_proto::pb::assets::v1::{Asset, AssetTotals};

    use super::*;

    #[test]
    fn refusals_are_told_in_display_units_and_names() {
        let id = AssetId::derive(&Address::from_ed25519(&[1; 32]), b"salt");
        let asset =
            Asset { id: id.to_bytes(), name: "usdx".into(), decimals: 6, ..Asset::default() };
        let usdx = AssetView::new(asset, AssetTotals::default()).unwrap();
        let name = |word: &str| (word == "tsr1abc").then(|| "alice".to_owned());
        let message = "tsr1abc needs 2500000 base units of `usdx` and has 1000000 free: 1000000 \
                       held, 0 encumbered, 0 frozen";
        assert_eq!(
            in_words(message, Some(&usdx), name),
            "alice needs 2.50 usdx and has 1.00 free: 1.00 held, 0.00 encumbered, 0.00 frozen"
        );
        let fees = "tsr1abc has 5 base units of prepaid fees and the transaction costs 20000; top \
                    up the account first";
        assert_eq!(
            in_words(fees, Some(&usdx), name),
            "alice has 0.000005 usdx of prepaid fees and the transaction costs 0.02; top up the \
             account first"
        );
        let votes = "voting on proposal 1 goes on until block 12, this is block 3";
        assert_eq!(in_words(votes, None, name), votes);
    }
}
