//! Reads what opens a server, each time anew, so that a changed Secret counts at once. Keeps nothing.

use async_trait::async_trait;
use kube::Client;

use crate::controller::secrets;
use crate::federation::CredentialSource;
use crate::federation::target::Problem;
use crate::ports::http_secret::for_http;
use crate::ports::secrets::Credential;

/// Secrets as the API server has them.
pub struct ClusterSecrets {
    pub client: Client,
}

#[async_trait]
impl CredentialSource for ClusterSecrets {
    async fn credential(&self, namespace: &str, secret: &str) -> Result<Credential, Problem> {
        let found = match secrets::read(&self.client, namespace, secret).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                let why =
                    format!("Secret '{secret}', which spec.authSecretRef names, is not in this namespace: create it");
                return Err(Problem::lasting("SecretNotFound", why));
            }
            Err(kube::Error::Api(answer)) if answer.is_forbidden() => {
                let why = format!(
                    "the cluster does not let the controller read Secrets in namespace '{namespace}': grant its service \
                     account 'get' on secrets there"
                );
                return Err(Problem::lasting("SecretsNotPermitted", why));
            }
            Err(error) => {
                let why = format!("failed to read Secret '{secret}': {error}");
                return Err(Problem::passing("SecretNotRead", why));
            }
        };
        let keys = found.data.iter().flatten();
        let keys = keys.map(|(key, bytes)| (key.as_str(), bytes.0.as_slice())).collect();
        for_http(&keys).map_err(|why| {
            let why = format!("Secret '{secret}', which spec.authSecretRef names, does not open the server: {why}");
            Problem::lasting("SecretInvalid", why)
        })
    }
}
