//! What opens repositories, on its way from the API server to one step. Nothing here can be printed: `Debug` says that
//! something is there and no more. It is never part of a plan, an outcome, an argument or a message.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What stands in a message where a secret stood.
const CONCEALED: &str = "…";

/// What opens one repository.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Credential {
    Https {
        /// The value of the `Authorization` header; `None`: only the certificate authority is needed.
        authorization: Option<String>,
        /// Certificates (PEM) that are trusted instead of the system's.
        authority: Option<String>,
        /// What must not be shown, in every spelling that may come back.
        words: Vec<String>,
    },
    Ssh {
        /// The private key.
        identity: String,
        known_hosts: String,
    },
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

impl Credential {
    /// Whether it says who asks; a certificate authority alone does not.
    pub fn opens(&self) -> bool {
        match self {
            Self::Https { authorization, .. } => authorization.is_some(),
            Self::Ssh { .. } => true,
        }
    }

    /// The text without the secret: a server can send back what it was given.
    pub fn conceal(&self, text: &str) -> String {
        let words: Vec<&str> = match self {
            Self::Https { words, .. } => words.iter().map(String::as_str).collect(),
            Self::Ssh { identity, .. } => identity.lines().filter(|line| line.len() > 8).collect(),
        };
        let filled = words.into_iter().filter(|word| !word.is_empty());
        filled.fold(text.to_owned(), |text, word| text.replace(word, CONCEALED))
    }
}

/// What one step may use, by name of the repository.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepSecrets(BTreeMap<String, Credential>);

impl fmt::Debug for StepSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StepSecrets(…)")
    }
}

impl StepSecrets {
    /// Whether there is nothing to hand over.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What opens that repository.
    pub fn of(&self, repo: &str) -> Option<&Credential> {
        self.0.get(repo)
    }
}

impl FromIterator<(String, Credential)> for StepSecrets {
    fn from_iter<I: IntoIterator<Item = (String, Credential)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_secret_is_printed() {
        let credential = Credential::Https {
            authorization: Some("Basic c2VjcmV0".into()),
            authority: None,
            words: vec!["s3cret".into(), "c2VjcmV0".into()],
        };
        let secrets: StepSecrets = [("home".to_owned(), credential.clone())].into_iter().collect();
        let printed = format!("{credential:?} {secrets:?} {:#?}", secrets.of("home"));
        assert!(
            !printed.contains("c2VjcmV0") && !printed.contains("s3cret"),
            "{printed}"
        );
        assert_eq!(credential.conceal("you sent s3cret, c2VjcmV0"), "you sent …, …");
    }
}
