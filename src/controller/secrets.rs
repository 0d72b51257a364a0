//! Reads one Secret by its name; Secrets are never listed or watched. Understands nothing of what is in it.

use k8s_openapi::api::core::v1::Secret;
use kube::api::GetParams;
use kube::core::Request;
use kube::{Client, Resource as _};

/// One Secret; `None` where there is none. Parsed here, for the client logs an answer that it cannot parse.
///
/// # Errors
/// The API server refuses, cannot be asked, or its answer is no Secret.
pub async fn read(client: &Client, namespace: &str, name: &str) -> Result<Option<Secret>, kube::Error> {
    let request = Request::new(Secret::url_path(&(), Some(namespace))).get(name, &GetParams::default());
    let text = match client.request_text(request.map_err(kube::Error::BuildRequest)?).await {
        Err(kube::Error::Api(answer)) if answer.is_not_found() => return Ok(None),
        other => other?,
    };
    let unreadable = |_| kube::Error::SerdeError(serde::de::Error::custom("the answer is no Secret"));
    serde_json::from_str(&text).map(Some).map_err(unreadable)
}
