//! `tessera pool`.

use clap::Subcommand;
use serde_json::json;
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::pb::pools::v1::{GetPoolResponse, PoolMember};

use super::context::{AssetView, Context, amount_json, amount_of};
use super::failure::Failure;
use super::output::{Block, Report};
use super::send::{Intent, send};
use crate::error::ClientError;
use crate::operations::pools as operations;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make your asset a pool: its units will stand for units of these assets
    Form {
        /// Name or id of the asset
        pool: String,
        /// Names or ids of the assets that it may keep
        #[arg(required = true, value_name = "ASSET")]
        members: Vec<String>,
    },
    /// Give units of an asset to your pool, for ever
    Contribute {
        /// Name or id of the pool
        pool: String,
        /// How many units
        amount: String,
        /// Of which asset
        #[arg(long, value_name = "ASSET")]
        of: String,
    },
    /// Give up units of a pool for their part of everything that it keeps
    Redeem {
        /// Name or id of the pool
        pool: String,
        /// How many units of the pool
        amount: String,
        /// Leave the part of this asset behind, for those who stay
        #[arg(long, value_name = "ASSET")]
        without: Vec<String>,
    },
    /// Pay what a pool has earned to its holders
    Collect {
        /// Name or id of the pool
        pool: String,
        /// Currency to pay
        #[arg(long, value_name = "ASSET")]
        currency: String,
    },
    /// Take units back out of your pool while nobody has units of it
    Withdraw {
        /// Name or id of the pool
        pool: String,
        /// How many units
        amount: String,
        /// Of which asset
        #[arg(long, value_name = "ASSET")]
        of: String,
    },
    /// Show what a pool keeps
    Show {
        /// Name or id of the pool
        pool: String,
    },
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Form { pool, members } => form(context, &pool, &members).await,
        Command::Contribute { pool, amount, of } => {
            let (pool, member) = (context.asset(&pool).await?, context.asset(&of).await?);
            let amount = member.parse(&amount)?;
            let preview = vec![
                ("Contribute", member.display(amount)),
                ("To", format!("the pool {}, for its holders", pool.name())),
            ];
            let operation = operations::contribute_units(&pool.id, &member.id, amount);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Redeem { pool, amount, without } => {
            redeem(context, &pool, &amount, &without).await
        }
        Command::Collect { pool, currency } => collect(context, &pool, &currency).await,
        Command::Withdraw { pool, amount, of } => {
            let (pool, asset) = (context.asset(&pool).await?, context.asset(&of).await?);
            let amount = asset.parse(&amount)?;
            let preview = vec![
                ("Withdraw", asset.display(amount)),
                ("From", format!("the pool {}", pool.name())),
            ];
            let operation = operations::withdraw_units(&pool.id, &asset.id, amount);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Show { pool } => show(context, &pool).await,
    }
}

async fn form(context: &Context, pool: &str, members: &[String]) -> Result<Report, Failure> {
    let pool = context.asset(pool).await?;
    let (mut ids, mut names) = (Vec::new(), Vec::new());
    for member in members {
        let member = context.asset(member).await?;
        names.push(member.name().to_owned());
        ids.push(member.id);
    }
    let preview = vec![("Pool", pool.name().to_owned()), ("Of", names.join(", "))];
    send(context, Intent::new(preview, operations::form_pool(&pool.id, &ids))).await
}

async fn composition(context: &Context, pool: &AssetView) -> Result<GetPoolResponse, Failure> {
    let client = context.client().await?;
    Ok(client.pool(&pool.id.to_string(), context.height()).await?)
}

fn member_id(member: &PoolMember) -> Result<AssetId, Failure> {
    let malformed = |_| ClientError::Node(format!("member `{}`", member.asset));
    Ok(member.asset.parse().map_err(malformed)?)
}

async fn redeem(
    context: &Context,
    pool: &str,
    amount: &str,
    without: &[String],
) -> Result<Report, Failure> {
    let pool = context.asset(pool).await?;
    let amount = pool.parse(amount)?;
    let composition = composition(context, &pool).await?;
    let supply = amount_of(&composition.supply)?;
    let mut left = Vec::new();
    for asset in without {
        left.push(context.asset(asset).await?.id);
    }
    let (mut ids, mut preview) = (Vec::new(), vec![("Give up", pool.display(amount))]);
    for member in &composition.members {
        let id = member_id(member)?;
        if left.contains(&id) {
            continue;
        }
        let part = part(amount_of(&member.balance)?, amount, supply);
        let shown = part.map(|part| part.display(member.decimals.min(18)));
        let shown = shown.unwrap_or_else(|| "your part".to_owned());
        preview.push(("You get", format!("{shown} {}", member.name)));
        ids.push(id);
    }
    let operation = operations::redeem_units(&pool.id, amount, &ids);
    send(context, Intent::new(preview, operation)).await
}

/// What some units of a pool stand for of a member; none where that is too large to show.
fn part(kept: Amount, units: Amount, supply: Amount) -> Option<Amount> {
    let product = kept.base_units().checked_mul(units.base_units())?;
    Amount::new(product.checked_div(supply.base_units())?)
}

async fn collect(context: &Context, pool: &str, currency: &str) -> Result<Report, Failure> {
    let pool = context.asset(pool).await?;
    let currency = context.asset(currency).await?;
    // So that its account is told of by name.
    context.address(&format!("pool:{}", pool.name())).await?;
    let members = composition(context, &pool).await?.members;
    let members = members.iter().map(member_id).collect::<Result<Vec<_>, _>>()?;
    let preview = vec![("Collect", format!("{} for {}", currency.name(), pool.name()))];
    let operation = operations::collect_pool_income(&pool.id, &currency.id, &members);
    send(context, Intent::new(preview, operation)).await
}

async fn show(context: &Context, pool: &str) -> Result<Report, Failure> {
    let pool = context.asset(pool).await?;
    let composition = composition(context, &pool).await?;
    let supply = amount_of(&composition.supply)?;
    let (mut rows, mut members) = (Vec::new(), Vec::new());
    for member in &composition.members {
        let (balance, decimals) = (amount_of(&member.balance)?, member.decimals.min(18));
        rows.push(vec![member.name.clone(), balance.display(decimals)]);
        members.push(json!({
            "asset": member.asset, "asset_name": member.name,
            "balance": amount_json(balance, decimals),
        }));
    }
    let record = json!({
        "asset": pool.id.to_string(), "asset_name": pool.name(), "account": composition.account,
        "supply": pool.json(supply), "members": members,
    });
    let fields = vec![
        ("pool", pool.name().to_owned()),
        ("account", composition.account),
        ("units", pool.display(supply)),
    ];
    let table = Block::Table(vec!["member", ">kept"], rows);
    Ok(Report::new(record, vec![Block::Fields(fields), table]))
}
