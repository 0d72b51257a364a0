//! Asks the API server who a token belongs to (TokenReview), and what its owner may (SubjectAccessReview). Decides nothing
//! by itself, keeps nothing.

use async_trait::async_trait;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::Client;
use kube::api::{Api, PostParams};

use crate::ports::access::{Access, AccessError, Verdict};

/// Asks with our own rights: `create` on `tokenreviews` and `subjectaccessreviews`.
pub struct KubeAccess {
    client: Client,
}

impl KubeAccess {
    /// Asks that cluster.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    async fn owner(&self, token: &str) -> Result<Option<UserInfo>, AccessError> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                token: Some(token.to_owned()),
                ..TokenReviewSpec::default()
            },
            ..TokenReview::default()
        };
        let api: Api<TokenReview> = Api::all(self.client.clone());
        let told = api.create(&PostParams::default(), &review).await.map_err(unasked)?;
        let status = told.status.unwrap_or_default();
        Ok(status.user.filter(|_| status.authenticated == Some(true)))
    }
}

#[async_trait]
impl Access for KubeAccess {
    async fn may_get_run(&self, token: &str, namespace: &str, run: &str) -> Result<Verdict, AccessError> {
        let Some(user) = self.owner(token).await? else {
            return Ok(Verdict::Unknown);
        };
        let name = user.username.clone().unwrap_or_default();
        let api: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let told = api
            .create(&PostParams::default(), &question(user, namespace, run))
            .await;
        Ok(match told.map_err(unasked)?.status {
            Some(status) if status.allowed => Verdict::Allowed,
            _ => Verdict::Forbidden { user: name },
        })
    }
}

fn question(user: UserInfo, namespace: &str, run: &str) -> SubjectAccessReview {
    let attributes = ResourceAttributes {
        group: Some("metawsm.dev".to_owned()),
        resource: Some("runs".to_owned()),
        verb: Some("get".to_owned()),
        namespace: Some(namespace.to_owned()),
        name: Some(run.to_owned()),
        ..ResourceAttributes::default()
    };
    SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            user: user.username,
            groups: user.groups,
            uid: user.uid,
            extra: user.extra,
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    }
}

/// The cause in few words; the request, and so the token, is no part of it.
fn unasked(why: kube::Error) -> AccessError {
    AccessError(match why {
        kube::Error::Api(status) => format!("it answered {} {}", status.code, status.reason),
        _ => "it does not answer".to_owned(),
    })
}
