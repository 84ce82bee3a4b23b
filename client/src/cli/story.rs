//! Events and refusals in words for people: names before ids, display units before base units.

mod accounts;
mod compliance;
mod pools;
mod refusals;

use std::collections::BTreeMap;

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::name::{self, role_name};
use tessera_proto::pb::chain::v1::Event;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::royalties::v1::RoyaltyPayout;
use tessera_proto::split::SplitFactor;

use super::context::{AssetView, Context};
use super::role::time_of;
use super::send::grouped;
use super::vote::{choice_name, status_name};
use crate::operations::operation_sha256;
use crate::verify::VerifiedHeader;

pub(crate) use refusals::retell;

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
        Kind::RoyaltyListPruned(e) => vec![&e.asset],
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
        other => accounts::assets_of(other)
            .or_else(|| pools::assets_of(other))
            .unwrap_or_else(|| compliance::assets_of(other)),
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
                    .or_else(|| self.tell_of_compliance(other))
                    .or_else(|| self.tell_of_pools(other));
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
            Kind::RoyaltyListPruned(e) => format!(
                "List {} of recipients of {}: {} removed, {} left",
                e.list,
                self.name(&e.asset),
                grouped(e.removed.into()),
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
            Kind::UpgradeScheduled(e) => {
                let upgrade = e.upgrade.as_ref()?;
                let (version, height) = (upgrade.version, grouped(upgrade.height));
                format!("The chain moves to version {version} at block {height}")
            }
            Kind::UpgradeCancelled(e) => {
                let upgrade = e.upgrade.as_ref()?;
                let (version, height) = (upgrade.version, grouped(upgrade.height));
                format!("The chain does not move to version {version} at block {height}")
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
