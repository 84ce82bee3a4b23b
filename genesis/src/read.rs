//! The structure of the document: which fields there are and which rule each follows.

use crate::document::{
    Account, Appraiser, Asset, Document, Genesis, Holding, Params, StateFile, Validator,
};
use crate::error::GenesisErrors;
use crate::reader::{Node, Object, Report};
use crate::{relations, rules};

/// Reads and checks a document.
///
/// Values that cannot be read become defaults so that all others are checked too; the report
/// knows them, and keeps them out of the rules that relate several values.
pub(crate) fn genesis(text: &str) -> Result<Genesis, GenesisErrors> {
    let report = Report::new(text);
    let genesis = whole(text, &report)?;
    relations::check(&genesis, &report);
    relations::check_has_validators(&genesis, &report);
    report.finish(genesis)
}

/// Like [`genesis`], of a document that may still lack validators.
pub(crate) fn draft(text: &str) -> Result<Genesis, GenesisErrors> {
    let report = Report::new(text);
    let genesis = whole(text, &report)?;
    relations::check(&genesis, &report);
    report.finish(genesis)
}

fn whole(text: &str, report: &Report) -> Result<Genesis, GenesisErrors> {
    let root = Node::root(text, report)?;
    Ok(root.object(|fields| {
        let mut genesis = Genesis {
            chain_id: fields.required("chain_id", rules::chain_id),
            genesis_time: fields.required("genesis_time", rules::genesis_time),
            state: fields.optional_object("state", state_file),
            ..Genesis::default()
        };
        if genesis.state.is_some() {
            for name in ["params", "accounts", "assets", "appraisers"] {
                fields.refuse(name, "`state` says that already: remove one of them");
            }
        } else {
            genesis.params = fields.object("params", params);
            genesis.accounts = fields.list("accounts", account);
            genesis.assets = fields.list("assets", asset);
            genesis.appraisers = fields.list("appraisers", appraiser);
        }
        genesis.validators = fields.list("validators", validator);
        genesis
    }))
}

fn state_file(fields: &mut Object<'_, '_>) -> StateFile {
    StateFile {
        file: fields.required("file", rules::file_name),
        sha256: fields.required("sha256", rules::sha256),
        leaves: fields.required("leaves", rules::number_above_zero),
        height: fields.required("height", rules::height),
        app_hash: fields.required("app_hash", rules::sha256),
    }
}

fn params(fields: &mut Object<'_, '_>) -> Params {
    Params {
        fee_currency: fields.required("fee_currency", rules::asset_name),
        fee_per_transaction: fields.required("fee_per_transaction", rules::number),
        fee_per_operation: fields.required("fee_per_operation", rules::number),
        fee_per_byte: fields.required("fee_per_byte", rules::number),
        max_validity_blocks: fields.required("max_validity_blocks", rules::number_above_zero),
        registrar: fields.optional("registrar", rules::address),
        authority: fields.optional("authority", rules::address),
        governance_asset: fields.optional("governance_asset", rules::asset_name),
    }
}

fn account(fields: &mut Object<'_, '_>) -> Account {
    Account {
        address: fields.required("address", rules::address),
        public_key: fields.optional("public_key", rules::public_key),
        fee_credit: fields.required("fee_credit", rules::amount),
        name: fields.optional("name", rules::label),
    }
}

fn asset(fields: &mut Object<'_, '_>) -> Asset {
    Asset {
        name: fields.required("name", rules::asset_name),
        title: fields.required("title", rules::label),
        class: fields.required("class", rules::class),
        issuer: fields.required("issuer", rules::address),
        salt: fields.required("salt", rules::salt),
        decimals: fields.required("decimals", rules::decimals),
        max_supply: fields.required("max_supply", rules::amount_above_zero),
        status: fields.required("status", rules::status),
        documents: fields.list("documents", document),
        holdings: fields.list("holdings", holding),
    }
}

fn document(fields: &mut Object<'_, '_>) -> Document {
    Document {
        name: fields.required("name", rules::label),
        uri: fields.required("uri", rules::uri),
        sha256: fields.required("sha256", rules::sha256),
    }
}

fn holding(fields: &mut Object<'_, '_>) -> Holding {
    Holding {
        account: fields.required("account", rules::address),
        balance: fields.required("balance", rules::amount_above_zero),
    }
}

fn appraiser(fields: &mut Object<'_, '_>) -> Appraiser {
    Appraiser {
        address: fields.required("address", rules::address),
        name: fields.required("name", rules::label),
    }
}

fn validator(fields: &mut Object<'_, '_>) -> Validator {
    Validator {
        name: fields.required("name", rules::label),
        public_key: fields.required("public_key", rules::public_key),
        power: fields.required("power", rules::power),
    }
}
