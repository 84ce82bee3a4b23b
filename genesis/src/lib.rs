//! The genesis document: what a Tessera chain begins with.
//!
//! * [`Genesis`] and what it is made of: plain data that a program may build and change.
//! * [`Genesis::from_json`], [`Genesis::validate`]: every error at once, each with its place in
//!   the document, the value found and what to do.
//! * [`StateFile`]: the state of another chain that this one goes on with.
//! * [`Genesis::hash`]: what validators compare before they start.
//! * [`dev`]: well-known keys and a ready document for chains without value.
//!
//! ```
//! use tessera_genesis::Genesis;
//!
//! let errors = Genesis::from_json(r#"{ "chain_id": "My chain" }"#).unwrap_err();
//! let error = errors.errors().iter().find(|error| error.path == "$.chain_id").unwrap();
//! assert_eq!(
//!     error.to_string(),
//!     "line 1, $.chain_id: chain id `My chain` has the character `M`, \
//!      use only a-z, 0-9 and hyphens"
//! );
//! ```

pub mod dev;
mod document;
mod error;
mod read;
mod reader;
mod relations;
mod rules;

pub use document::{
    Account, Appraiser, Asset, Document, Genesis, Holding, MAX_DOCUMENTS, MAX_LABEL_LENGTH,
    MAX_SALT_LENGTH, MAX_TOTAL_POWER, MAX_URI_LENGTH, Params, StateFile, Validator,
};
pub use error::{GenesisError, GenesisErrors};
