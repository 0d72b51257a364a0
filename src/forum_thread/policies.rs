//! Reads the policy of authors and its binding from the cluster. May not judge them: `attestation.rs` does.

use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use kube::Client;
use kube::api::Api;

use super::attestation::{AUTHORS, Attestation};

/// Whether authors can be attested in this cluster now. Who may not read policies attests nothing: the controller needs
/// `get` on `validatingadmissionpolicies` and `validatingadmissionpolicybindings`.
///
/// # Errors
/// The API server does not answer: what held before goes on.
pub async fn read(client: &Client) -> Result<Attestation, kube::Error> {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(client.clone());
    let found = tokio::try_join!(policies.get_opt(AUTHORS), bindings.get_opt(AUTHORS));
    match found {
        Ok((policy, binding)) => Ok(Attestation::of(policy.as_ref(), binding.as_ref())),
        Err(kube::Error::Api(answer)) if answer.is_forbidden() => Ok(Attestation::Absent {
            why: format!(
                "may not read ValidatingAdmissionPolicy '{AUTHORS}' and its binding: give the controller's account the verb get on both"
            ),
        }),
        Err(error) => Err(error),
    }
}
