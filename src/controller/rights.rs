//! Whether the API server lets us do what we need: asked with reviews, which every account may ask for. A watch that is
//! refused would only be tried again for ever. Asks; changes nothing.

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::Client;
use kube::api::{Api, PostParams};

/// One thing that we do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    pub group: &'static str,
    /// `runs`, or `runs/status`.
    pub resource: &'static str,
    pub verb: &'static str,
    /// `None`: in all namespaces.
    pub namespace: Option<String>,
    /// `None`: whatever its name.
    pub name: Option<String>,
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "may not {} {}.{}", self.verb, self.resource, self.group)?;
        match &self.namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => Ok(()),
        }
    }
}

/// The rights that are missing, in words.
///
/// # Errors
/// The API server does not answer such questions now.
pub async fn missing(client: &Client, rights: &[Right]) -> Result<Vec<String>, kube::Error> {
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let mut missing = Vec::new();
    for right in rights {
        let answer = api.create(&PostParams::default(), &question(right)).await?;
        if !answer.status.is_some_and(|s| s.allowed) {
            missing.push(right.to_string());
        }
    }
    Ok(missing)
}

fn question(right: &Right) -> SelfSubjectAccessReview {
    let (resource, subresource) = match right.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (right.resource, None),
    };
    let attributes = ResourceAttributes {
        group: Some(right.group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource,
        verb: Some(right.verb.to_owned()),
        namespace: right.namespace.clone(),
        name: right.name.clone(),
        ..ResourceAttributes::default()
    };
    SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    }
}
