//! What a Secret's keys mean for one repository, and what is missing. The formats are those of Flux's git secrets. Pure;
//! no message here repeats anything but names of keys.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;

use super::crd::Repo;
use crate::ports::executor::StepError;
use crate::ports::http_secret::for_http;
use crate::ports::secrets::{Credential, StepSecrets};

/// How a Secret for ssh is made.
const SSH_HELP: &str = "make it with 'kubectl create secret generic NAME --from-file=identity=KEYFILE \
--from-file=known_hosts=FILE', where 'ssh-keyscan HOST' gives the lines of known_hosts to compare with what the host publishes";

/// What opens a repository, and which caches it may share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The Secret's name and uid.
    pub id: String,
    pub credential: Credential,
}

/// By name of the repository; those that name no Secret are missing.
pub type Credentials = BTreeMap<String, Result<Granted, StepError>>;

/// Whether Secrets may be read in the namespace.
///
/// # Errors
/// `SecretsNotPermitted`, with the way out.
pub fn permitted(namespaces: &[String], namespace: &str) -> Result<(), StepError> {
    if namespaces.iter().any(|n| n == namespace || n == "*") {
        return Ok(());
    }
    let why = format!(
        "the controller may not read Secrets in namespace '{namespace}': whoever runs it lists the namespace in \
         --secret-namespaces (METAWSM_SECRET_NAMESPACES) and grants it 'get' on secrets there"
    );
    Err(StepError::lasting("SecretsNotPermitted", why))
}

/// The API server does not let us, whatever the settings say.
pub fn forbidden(namespace: &str) -> StepError {
    let why = format!(
        "the cluster does not let the controller read Secrets in namespace '{namespace}': grant its service account 'get' \
         on secrets there"
    );
    StepError::lasting("SecretsNotPermitted", why)
}

/// The API server said that there is no such Secret.
pub fn not_found(repo: &Repo, name: &str) -> StepError {
    let why = format!(
        "Secret '{name}', which spec.repos '{}' names in credentialsSecretRef, is not in this namespace; create it and \
         the Run goes on by itself",
        repo.name
    );
    StepError::passing("SecretNotFound", why)
}

/// Reads the Secret for a repository.
///
/// # Errors
/// `SecretInvalid`, naming the key that is missing or unusable.
pub fn granted(repo: &Repo, secret: &Secret) -> Result<Granted, StepError> {
    let name = secret.metadata.name.clone().unwrap_or_default();
    let keys = Keys {
        repo,
        secret,
        name: &name,
    };
    let credential = if repo.url.to_ascii_lowercase().starts_with("https://") {
        https(&keys)?
    } else {
        ssh(&keys)?
    };
    let uid = secret.metadata.uid.clone().unwrap_or_default();
    Ok(Granted {
        id: format!("{name}/{uid}"),
        credential,
    })
}

/// What a step on these repositories is given.
///
/// # Errors
/// Why the first of them cannot be opened.
pub fn secrets_of<'a>(
    credentials: &Credentials,
    repos: impl IntoIterator<Item = &'a Repo>,
) -> Result<StepSecrets, StepError> {
    let wanted = repos
        .into_iter()
        .filter_map(|repo| Some((repo, credentials.get(&repo.name)?)));
    wanted
        .map(|(repo, read)| match read {
            Ok(granted) => Ok((repo.name.clone(), granted.credential.clone())),
            Err(error) => Err(error.clone()),
        })
        .collect()
}

fn https(keys: &Keys<'_>) -> Result<Credential, StepError> {
    let data = keys.secret.data.iter().flatten();
    let data = data.map(|(key, bytes)| (key.as_str(), bytes.0.as_slice()));
    for_http(&data.collect()).map_err(|why| keys.invalid(&why))
}

fn ssh(keys: &Keys<'_>) -> Result<Credential, StepError> {
    if keys.text("password")?.is_some() {
        return Err(keys.invalid(
            "key 'password' says that the identity is protected by a passphrase, which is not supported: give a deploy \
             key without one ('ssh-keygen -p' removes it) and remove 'password'",
        ));
    }
    let missing = |key: &str| keys.invalid(&format!("key '{key}' is missing: {SSH_HELP}"));
    let mut identity = keys.text("identity")?.ok_or_else(|| missing("identity"))?;
    let known_hosts = keys.text("known_hosts")?.ok_or_else(|| missing("known_hosts"))?;
    if !identity.contains("PRIVATE KEY-----") {
        return Err(keys.invalid("key 'identity' holds no private key"));
    }
    // ssh refuses a key whose last line has no end.
    if !identity.ends_with('\n') {
        identity.push('\n');
    }
    Ok(Credential::Ssh { identity, known_hosts })
}

/// A Secret's keys, for one repository.
struct Keys<'a> {
    repo: &'a Repo,
    secret: &'a Secret,
    name: &'a str,
}

impl Keys<'_> {
    /// The text of a key; one that is empty counts as missing.
    fn text(&self, key: &str) -> Result<Option<String>, StepError> {
        let Some(bytes) = self.secret.data.as_ref().and_then(|data| data.get(key)) else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes.0.clone());
        let text = text.map_err(|_| self.invalid(&format!("key '{key}' is not valid text")))?;
        Ok(Some(text).filter(|text| !text.trim().is_empty()))
    }

    fn invalid(&self, why: &str) -> StepError {
        let message = format!(
            "Secret '{}' does not open spec.repos '{}': {why}",
            self.name, self.repo.name
        );
        StepError::lasting("SecretInvalid", message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::ByteString;
    use kube::api::ObjectMeta;

    const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----";
    const CA: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    fn read(url: &str, keys: &[(&str, &str)]) -> Result<Granted, StepError> {
        let repo = serde_json::json!({ "name": "api", "url": url, "credentialsSecretRef": { "name": "git" } });
        let data = keys
            .iter()
            .map(|(k, v)| ((*k).to_owned(), ByteString(v.as_bytes().to_vec())));
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some("git".into()),
                uid: Some("u-1".into()),
                ..ObjectMeta::default()
            },
            data: Some(data.collect()),
            ..Secret::default()
        };
        granted(&serde_json::from_value(repo).unwrap(), &secret)
    }

    #[test]
    fn each_format_gives_its_credential() {
        let https = |authorization: Option<&str>, authority: Option<&str>, words: &[&str]| Credential::Https {
            authorization: authorization.map(str::to_owned),
            authority: authority.map(str::to_owned),
            words: words.iter().map(|w| (*w).to_owned()).collect(),
        };
        let basic = https(Some("Basic a2ltOnMzY3JldA=="), None, &["a2ltOnMzY3JldA==", "s3cret"]);
        let url = "https://git.example.com/a";
        let table = [
            (vec![("username", "kim"), ("password", "s3cret\n")], basic),
            (
                vec![("bearerToken", "t0ken")],
                https(Some("Bearer t0ken"), None, &["t0ken"]),
            ),
            (
                vec![("bearerToken", "t"), ("caFile", CA)],
                https(Some("Bearer t"), Some(CA), &["t"]),
            ),
            (vec![("ca.crt", CA)], https(None, Some(CA), &[])),
        ];
        for (keys, expected) in table {
            let granted = read(url, &keys).unwrap();
            assert!(granted.credential == expected, "{:?}", keys[0].0);
            assert_eq!(granted.id, "git/u-1");
        }
        let Credential::Ssh { identity, .. } = read("git@h:a", &[("identity", KEY), ("known_hosts", "h k v")])
            .unwrap()
            .credential
        else {
            panic!("no ssh")
        };
        assert!(identity.ends_with("-----\n"));
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_of_the_secret_is_told() {
        let (https, ssh) = ("https://git.example.com/a", "ssh://git@git.example.com/a");
        let table = [
            (https, vec![("username", "s3cret")], "'password' is missing"),
            (https, vec![("password", "s3cret")], "'username' is missing"),
            (https, vec![], "'bearerToken'"),
            (
                https,
                vec![("username", "s3cret:x"), ("password", "s3cret")],
                "'username' holds a ':'",
            ),
            (
                https,
                vec![("bearerToken", "s3cret\r\nX-Evil: 1")],
                "'bearerToken' holds control",
            ),
            (
                https,
                vec![("bearerToken", "s3cret"), ("username", "s3cret")],
                "keep one",
            ),
            (https, vec![("ca.crt", "s3cret")], "'ca.crt'"),
            (ssh, vec![("identity", KEY)], "'known_hosts' is missing"),
            (ssh, vec![("known_hosts", "s3cret")], "'identity' is missing"),
            (
                ssh,
                vec![("identity", "s3cret"), ("known_hosts", "h")],
                "no private key",
            ),
            (
                ssh,
                vec![("identity", KEY), ("known_hosts", "h"), ("password", "s3cret")],
                "passphrase",
            ),
        ];
        for (url, keys, expected) in table {
            let error = read(url, &keys).unwrap_err();
            assert_eq!((error.reason.as_str(), error.retriable), ("SecretInvalid", false));
            assert!(error.message.contains(expected), "{expected}: {}", error.message);
            assert!(!error.message.contains("s3cret"), "{}", error.message);
        }
    }

    #[test]
    fn secrets_are_read_only_where_the_settings_say() {
        let all = ["*".to_owned()];
        let some = ["team-a".to_owned()];
        assert!(permitted(&all, "x").is_ok() && permitted(&some, "team-a").is_ok());
        for (list, namespace) in [(&some[..], "team-b"), (&[], "team-a")] {
            let error = permitted(list, namespace).unwrap_err();
            assert_eq!((error.reason.as_str(), error.retriable), ("SecretsNotPermitted", false));
            assert!(error.message.contains("--secret-namespaces"), "{}", error.message);
        }
    }
}
