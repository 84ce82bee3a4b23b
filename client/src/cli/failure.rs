//! An error with what to do next.

use serde_json::{Value, json};

use crate::error::ClientError;
use crate::keystore::KeystoreError;
use crate::trust::TrustError;
use crate::verify::ProofError;

/// Least likeness of a name that is worth suggesting.
const MIN_SIMILARITY: f64 = 0.7;
/// Most names suggested.
const MAX_SUGGESTIONS: usize = 3;

/// An error with what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: ClientError,
    /// The error in names and display units, where it is told otherwise.
    pub(crate) retold: Option<String>,
    pub(crate) help: Vec<String>,
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        ClientError::Usage(message.into()).into()
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        ClientError::NotFound(message.into()).into()
    }

    pub(crate) fn other(message: impl Into<String>) -> Self {
        ClientError::Other(message.into()).into()
    }

    pub(crate) fn help(mut self, line: impl Into<String>) -> Self {
        self.help.push(line.into());
        self
    }

    /// Suggests names that are near to the one given.
    pub(crate) fn suggest(self, given: &str, known: &[String]) -> Self {
        match near_names(given, known) {
            names if names.is_empty() => self,
            names => self.help(format!("did you mean {}?", names.join(" or "))),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let (id, height) = match &self.error {
            ClientError::Refused(refusal) => (refusal.id, refusal.height),
            ClientError::OutcomeUnknown { id } => (Some(*id), None),
            _ => (None, None),
        };
        json!({
            "error": {
                "code": self.error.code(),
                "message": self.error.to_string(),
                "display": self.retold,
                "help": self.help,
                "tx": id.map(|id| id.to_string()),
                "height": height,
            }
        })
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let help = default_help(&error);
        Self { error, retold: None, help: help.into_iter().collect() }
    }
}

impl From<ProofError> for Failure {
    fn from(error: ProofError) -> Self {
        let step = error.step().as_str();
        Self::from(ClientError::from(error)).help(format!("the proof fails at: {step}"))
    }
}

impl From<KeystoreError> for Failure {
    fn from(error: KeystoreError) -> Self {
        ClientError::from(error).into()
    }
}

impl From<TrustError> for Failure {
    fn from(error: TrustError) -> Self {
        Self::other(error.to_string())
    }
}

fn default_help(error: &ClientError) -> Option<String> {
    match error {
        ClientError::Unreachable { .. } => {
            Some("start a node with `tesserad dev`, or name another with --node URL".to_owned())
        }
        ClientError::OutcomeUnknown { id } => {
            Some(format!("ask again with `tessera tx wait {id}`; sending it anew may do it twice"))
        }
        ClientError::Refused(refusal) => refusal.height.map(|height| {
            let id = refusal.id.map(|id| format!("transaction {id} ")).unwrap_or_default();
            format!("{id}is in block {height} and changed nothing but fee and nonce")
        }),
        ClientError::Keystore(KeystoreError::Io { source, .. }) => Some(source.to_string()),
        _ => None,
    }
}

fn near_names(given: &str, known: &[String]) -> Vec<String> {
    let mut near: Vec<(f64, &String)> = known
        .iter()
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .collect();
    near.sort_by(|left, right| right.0.total_cmp(&left.0));
    near.into_iter().take(MAX_SUGGESTIONS).map(|(_, name)| format!("`{name}`")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["villa-ardeche".to_owned(), "gold-bar".to_owned(), "usdx".to_owned()];
        let failure = Failure::not_found("no").suggest("vila-ardeche", &known);
        assert_eq!(failure.help, ["did you mean `villa-ardeche`?"]);
        assert!(Failure::not_found("no").suggest("xyz", &known).help.is_empty());
    }

    #[test]
    fn errors_are_objects_too() {
        let json = Failure::usage("bad").help("do better").to_json();
        assert_eq!(json["error"]["code"], "usage");
        assert_eq!(json["error"]["help"][0], "do better");
    }
}
