//! `tessera asset`.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use tessera_proto::hash::sha256;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::name::{check_asset_name, status_name, value_name};
use tessera_proto::pb::assets::v1::{
    AmendAsset, Appraisal, AssetClass, AssetStatus, Attribute, Document, RegisterAsset, Split,
};

use super::appraise::{self, Appraise};
use super::context::{AssetView, Context, address_of, amount_of, parse_amount};
use super::failure::Failure;
use super::history;
use super::output::{Block, Report};
use super::send::{Intent, grouped, send};
use crate::client::{PAGE_ENTRIES, all_pages};
use crate::error::ClientError;
use crate::operations;

pub(crate) const MS_PER_DAY: u64 = 86_400_000;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Enter an asset into the register
    Register(Register),
    /// Change the terms of an asset that is only proposed
    Amend(Amend),
    /// Add a signed appraisal to an asset
    Appraise(Appraise),
    /// Open an asset for issuance
    Activate {
        /// Name or id of the asset
        asset: String,
    },
    /// Issue new units
    Mint {
        /// Name or id of the asset
        asset: String,
        /// How much, in units like 12.50
        amount: String,
        /// Who gets them
        #[arg(long, value_name = "ACCOUNT")]
        to: String,
    },
    /// Take units of your own out of existence
    Burn {
        /// Name or id of the asset
        asset: String,
        /// How much, in units like 12.50
        amount: String,
    },
    /// Let so many units take the place of so many, for all holders at once
    Split {
        /// Name or id of the asset
        asset: String,
        /// Like 2:1, or 1:10 for a reverse split
        #[arg(value_name = "NEW:OLD", value_parser = parse_ratio)]
        ratio: (u32, u32),
    },
    /// Finalise, suspend, resume (active), cancel or retire an asset
    Status {
        /// Name or id of the asset
        asset: String,
        /// What it becomes
        status: Status,
        /// Document that says why; only its hash is registered
        #[arg(long, value_name = "FILE")]
        reason: Option<PathBuf>,
    },
    /// Add a document to an asset
    Document {
        /// Name or id of the asset
        asset: String,
        /// The document, known by its hash, and where others find it
        #[arg(value_name = "FILE[=URI]")]
        document: String,
    },
    /// Everything that was done with an asset
    History {
        /// Name or id of the asset
        asset: String,
    },
    /// What the attributes of an asset of a class must be, as JSON Schema
    Schema {
        /// The class
        class: Class,
    },
    /// Show an asset
    Show {
        /// Name or id of the asset
        asset: String,
    },
    /// List all assets
    List,
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    /// Unique name, like villa-ardeche
    name: String,
    /// Title for people
    #[arg(long)]
    title: String,
    /// What kind of thing it is
    #[arg(long)]
    class: Class,
    /// Decimals of a unit
    #[arg(long, default_value_t = 0)]
    decimals: u32,
    /// Most units that may ever exist
    #[arg(long, value_name = "AMOUNT")]
    max_supply: String,
    /// Document to register by its hash, and where others find it; may be repeated
    #[arg(long, value_name = "FILE[=URI]")]
    document: Vec<String>,
    /// What it is in detail, as `tessera asset schema CLASS` asks for it; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    attribute: Vec<String>,
    /// Units are held by identities only, under rules; never changes
    #[arg(long)]
    regulated: bool,
    /// Accounts that ask for it must accept the asset first, as with all regulated ones
    #[arg(long)]
    opt_in: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Amend {
    /// Name or id of the asset
    asset: String,
    /// Title for people; stays if left out
    #[arg(long)]
    title: Option<String>,
    /// Decimals of a unit; stay if left out
    #[arg(long)]
    decimals: Option<u32>,
    /// Most units that may ever exist; stays if left out
    #[arg(long, value_name = "AMOUNT")]
    max_supply: Option<String>,
    /// What it is in detail; replaces all that is known so far; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    attribute: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Class {
    RealEstate,
    Commodity,
    IntellectualProperty,
    Device,
    Good,
    Collectible,
    Currency,
    FundShare,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Status {
    Finalized,
    Active,
    Suspended,
    Cancelled,
    Retired,
}

impl From<Status> for AssetStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Finalized => Self::Finalized,
            Status::Active => Self::Active,
            Status::Suspended => Self::Suspended,
            Status::Cancelled => Self::Cancelled,
            Status::Retired => Self::Retired,
        }
    }
}

impl From<Class> for AssetClass {
    fn from(class: Class) -> Self {
        match class {
            Class::RealEstate => Self::RealEstate,
            Class::Commodity => Self::Commodity,
            Class::IntellectualProperty => Self::IntellectualProperty,
            Class::Device => Self::Device,
            Class::Good => Self::Good,
            Class::Collectible => Self::Collectible,
            Class::Currency => Self::Currency,
            Class::FundShare => Self::FundShare,
        }
    }
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Register(register) => register_asset(context, register).await,
        Command::Amend(amend) => amend_asset(context, amend).await,
        Command::Appraise(given) => appraise::append(context, given).await,
        Command::Activate { asset } => {
            let asset = context.asset(&asset).await?;
            let preview = vec![("Activate", asset.name().to_owned())];
            send(context, Intent::new(preview, operations::activate_asset(&asset.id))).await
        }
        Command::Mint { asset, amount, to } => {
            let asset = context.asset(&asset).await?;
            let amount = asset.parse(&amount)?;
            let to = context.address(&to).await?;
            let preview = vec![("Issue", asset.display(amount)), ("To", context.label(&to))];
            send(context, Intent::new(preview, operations::mint_units(&asset.id, &to, amount)))
                .await
        }
        Command::Burn { asset, amount } => {
            let asset = context.asset(&asset).await?;
            let amount = asset.parse(&amount)?;
            let preview = vec![("Burn", asset.display(amount))];
            send(context, Intent::new(preview, operations::burn_units(&asset.id, amount))).await
        }
        Command::Split { asset, ratio: (numerator, denominator) } => {
            let asset = context.asset(&asset).await?;
            let preview = split_preview(&asset, numerator, denominator);
            let operation = operations::split_units(&asset.id, numerator, denominator);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Status { asset, status, reason } => {
            let asset = context.asset(&asset).await?;
            let reason = reason.map(|path| file_hash(&path)).transpose()?;
            let status = AssetStatus::from(status);
            let preview =
                vec![("Asset", asset.name().to_owned()), ("Becomes", status_name(status))];
            let operation = operations::change_asset_status(&asset.id, status, reason);
            send(context, Intent::new(preview, operation)).await
        }
        Command::Document { asset, document: text } => {
            let asset = context.asset(&asset).await?;
            let document = document(&text)?;
            let preview =
                vec![("Asset", asset.name().to_owned()), ("Document", document.name.clone())];
            let operation = operations::add_document(&asset.id, document);
            send(context, Intent::new(preview, operation)).await
        }
        Command::History { asset } => history::list(context, &asset).await,
        Command::Schema { class } => schema(context, class).await,
        Command::Show { asset } => show(context, &asset).await,
        Command::List => list(context).await,
    }
}

async fn register_asset(context: &Context, register: Register) -> Result<Report, Failure> {
    check_asset_name(&register.name).map_err(|error| Failure::usage(error.to_string()))?;
    let max_supply = parse_amount(&register.max_supply, register.decimals)?;
    let sender = context.sender_address().await?;
    let salt = sha256(&register.name).to_vec();
    let id = AssetId::derive(&sender, &salt);
    let documents =
        register.document.iter().map(|text| document(text)).collect::<Result<_, _>>()?;
    let attributes = attributes(&register.attribute)?;
    let preview = vec![
        ("Register", format!("{}  ({})", register.name, register.title)),
        ("Id", id.to_string()),
        ("At most", format!("{} units", max_supply.display(register.decimals))),
    ];
    let operation = operations::register_asset(RegisterAsset {
        salt: salt.into(),
        name: register.name,
        title: register.title,
        class: AssetClass::from(register.class).into(),
        decimals: register.decimals,
        max_supply: max_supply.to_string(),
        documents,
        attributes,
        regulated: register.regulated,
        opt_in: register.opt_in,
    });
    send(context, Intent::new(preview, operation)).await
}

async fn show(context: &Context, name: &str) -> Result<Report, Failure> {
    let asset = context.asset(name).await?;
    let client = context.client().await?;
    let documents = client.documents(&asset.id.to_string()).await?;
    let attributes = client.attributes(&asset.id.to_string(), context.height()).await?;
    let appraisals = appraisals(context, &asset).await?;
    let supply = amount_of(&asset.totals.supply)?;
    let max_supply = amount_of(&asset.asset.max_supply)?;
    let issuer = address_of(&asset.asset.issuer)?;
    let mut fields = vec![
        ("name", asset.name().to_owned()),
        ("title", asset.asset.title.clone()),
        ("id", asset.id.to_string()),
        ("class", class_name(&asset)),
        ("status", status_of(&asset)),
        ("issuer", context.label(&issuer)),
        ("treasury", Address::treasury(&asset.id).to_string()),
        (
            "supply",
            format!(
                "{} of at most {}",
                supply.display(asset.decimals()),
                max_supply.display(asset.decimals())
            ),
        ),
        ("holders", grouped(asset.totals.holder_count)),
    ];
    for split in &asset.asset.splits {
        let Split { numerator, denominator, height, .. } = *split;
        fields.push(("split", format!("{numerator} for {denominator}  in block {height}")));
    }
    for attribute in &attributes {
        fields.push(("attribute", format!("{}  {}", attribute.name, attribute.value)));
    }
    for document in &documents {
        fields.push(("document", format!("{}  {}", document.name, place_of(document))));
    }
    let mut appraisals_json = Vec::new();
    for appraisal in &appraisals {
        let (text, json) = describe_appraisal(context, appraisal).await?;
        fields.push(("appraisal", text));
        appraisals_json.push(json);
    }
    let mut record = asset_json(&asset)?;
    record["documents"] = documents
        .iter()
        .map(|document| {
            json!({
                "name": document.name,
                "uri": document.uri,
                "sha256": hex::encode(&document.sha256),
            })
        })
        .collect();
    let attributes = attributes.into_iter().map(|one| (one.name, Value::from(one.value)));
    record["attributes"] = Value::Object(attributes.collect());
    record["appraisals"] = appraisals_json.into();
    Ok(Report::new(record, vec![Block::Fields(fields)]))
}

async fn appraisals(context: &Context, asset: &AssetView) -> Result<Vec<Appraisal>, Failure> {
    let client = context.client().await?;
    let id = asset.id.to_string();
    Ok(all_pages(async |token| client.appraisals(&id, PAGE_ENTRIES, token).await).await?)
}

async fn describe_appraisal(
    context: &Context,
    appraisal: &Appraisal,
) -> Result<(String, Value), Failure> {
    let id = AssetId::try_from(appraisal.currency.as_ref()).unwrap_or_default();
    let currency = context.asset(&id.to_string()).await?;
    let value = amount_of(&appraisal.value)?;
    let appraiser = address_of(&appraisal.appraiser)?;
    let text = format!(
        "{}  by {}  ({})",
        currency.display(value),
        context.label(&appraiser),
        appraisal.method
    );
    let json = json!({
        "appraiser": appraiser.to_string(),
        "value": currency.json(value),
        "currency": currency.id.to_string(),
        "method": appraisal.method,
        "valid_from_ms": appraisal.valid_from_ms,
        "valid_to_ms": appraisal.valid_to_ms,
        "report_sha256": hex::encode(&appraisal.report_sha256),
    });
    Ok((text, json))
}

async fn list(context: &Context) -> Result<Report, Failure> {
    context.info().await?;
    let client = context.client().await?;
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    let entries = all_pages(async |token| client.assets(PAGE_ENTRIES, token).await).await?;
    for summary in entries {
        let Some(asset) = summary.asset else { continue };
        let asset = AssetView::new(asset, summary.totals.unwrap_or_default())?;
        let supply = amount_of(&asset.totals.supply)?;
        rows.push(vec![
            asset.name().to_owned(),
            class_name(&asset),
            status_of(&asset),
            supply.display(asset.decimals()),
            grouped(asset.totals.holder_count),
            asset.asset.title.clone(),
        ]);
        records.push(asset_json(&asset)?);
    }
    let headings = vec!["name", "class", "status", ">supply", ">holders", "title"];
    Ok(Report { records, blocks: vec![Block::Table(headings, rows)] })
}

fn asset_json(asset: &AssetView) -> Result<Value, Failure> {
    Ok(json!({
        "id": asset.id.to_string(),
        "name": asset.name(),
        "title": asset.asset.title,
        "class": class_name(asset),
        "status": status_of(asset),
        "issuer": address_of(&asset.asset.issuer)?.to_string(),
        "treasury": Address::treasury(&asset.id).to_string(),
        "decimals": asset.asset.decimals,
        "supply": asset.json(amount_of(&asset.totals.supply)?),
        "max_supply": asset.json(amount_of(&asset.asset.max_supply)?),
        "holder_count": asset.totals.holder_count,
        "proposal_count": asset.asset.proposal_count,
        "has_royalty_schedule": asset.asset.has_royalty_schedule,
        "splits": asset.asset.splits.iter().map(split_json).collect::<Vec<_>>(),
    }))
}

fn split_json(split: &Split) -> Value {
    json!({
        "height": split.height,
        "numerator": split.numerator,
        "denominator": split.denominator,
    })
}

fn class_name(asset: &AssetView) -> String {
    let name = AssetClass::try_from(asset.asset.class).unwrap_or_default().as_str_name();
    value_name(name, "ASSET_CLASS_")
}

fn status_of(asset: &AssetView) -> String {
    status_name(AssetStatus::try_from(asset.asset.status).unwrap_or_default())
}

async fn amend_asset(context: &Context, amend: Amend) -> Result<Report, Failure> {
    let asset = context.asset(&amend.asset).await?;
    let decimals = amend.decimals.unwrap_or(asset.asset.decimals);
    let max_supply = match &amend.max_supply {
        Some(text) => parse_amount(text, decimals)?,
        None => amount_of(&asset.asset.max_supply)?,
    };
    let attributes = match amend.attribute.as_slice() {
        [] => context.client().await?.attributes(&asset.id.to_string(), 0).await?,
        given => attributes(given)?,
    };
    let title = amend.title.unwrap_or_else(|| asset.asset.title.clone());
    let preview = vec![
        ("Asset", asset.name().to_owned()),
        ("Title", title.clone()),
        ("At most", format!("{} units", max_supply.display(decimals.min(18)))),
    ];
    let operation = operations::amend_asset(AmendAsset {
        asset: asset.id.to_bytes(),
        title,
        decimals,
        max_supply: max_supply.to_string(),
        attributes,
    });
    send(context, Intent::new(preview, operation)).await
}

fn attributes(texts: &[String]) -> Result<Vec<Attribute>, Failure> {
    let mut attributes = texts.iter().map(|text| attribute(text)).collect::<Result<Vec<_>, _>>()?;
    attributes.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(attributes)
}

fn attribute(text: &str) -> Result<Attribute, Failure> {
    let (name, value) = text.split_once('=').ok_or_else(|| {
        Failure::usage(format!("`{text}` is not an attribute: expected one like area_m2=120.5"))
    })?;
    Ok(Attribute { name: name.to_owned(), value: value.to_owned() })
}

async fn schema(context: &Context, class: Class) -> Result<Report, Failure> {
    let client = context.client().await?;
    let text = client.class_schema(AssetClass::from(class)).await?;
    let record = serde_json::from_str(&text)
        .map_err(|_| ClientError::Node("a schema that is not JSON".to_owned()))?;
    Ok(Report::new(record, vec![Block::Line(text.trim_end().to_owned())]))
}

fn document(text: &str) -> Result<Document, Failure> {
    let (path, uri) = match text.split_once('=') {
        Some((path, uri)) => (Path::new(path), Some(uri.to_owned())),
        None => (Path::new(text), None),
    };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let sha256 = file_hash(path)?;
    let uri = uri.unwrap_or_default();
    Ok(Document { name: name.unwrap_or_default(), uri, sha256: sha256.to_vec().into() })
}

/// Its hash, and where it is found if that is public.
fn place_of(document: &Document) -> String {
    let place = Some(&document.uri).filter(|uri| !uri.is_empty());
    place.map(|uri| format!("{uri}  ")).unwrap_or_default()
        + "sha256 "
        + &hex::encode(&document.sha256)
}

/// What a split comes to, before it is sent.
pub(crate) fn split_preview(
    asset: &AssetView,
    numerator: u32,
    denominator: u32,
) -> Vec<(&'static str, String)> {
    let split = format!("{numerator} for {denominator}, for all holders at once");
    vec![("Asset", asset.name().to_owned()), ("Split", split)]
}

/// Reads a ratio like 2:1.
pub(crate) fn parse_ratio(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("`{text}` is not a ratio: expected one like 2:1");
    let (new, old) = text.split_once(':').ok_or_else(wrong)?;
    Ok((new.parse().map_err(|_| wrong())?, old.parse().map_err(|_| wrong())?))
}

/// SHA-256 of a file.
pub(crate) fn file_hash(path: &Path) -> Result<[u8; 32], Failure> {
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::other(format!("`{}`: {error}", path.display())))?;
    Ok(sha256(bytes))
}

/// Now, in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// So many days from now, in milliseconds since the Unix epoch.
pub(crate) fn days_from_now_ms(days: u64) -> u64 {
    now_ms().saturating_add(days.saturating_mul(MS_PER_DAY))
}
