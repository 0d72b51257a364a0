//! Whether the API server vouches for an author. `attested: true` in a thread is true only while the policy of authors
//! refuses it to everybody else; without the policy anybody could write it. Pure: the policy and its binding come in as
//! they were read. May not believe a thread that is older than the policy.

use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use kube::ResourceExt as _;

use super::crd::Author;
use crate::kernel::moment::Moment;

/// Name of the policy of authors, and of its binding.
pub const AUTHORS: &str = "authors.forum.metawsm.dev";

/// The policy and its binding as this version ships them.
const SHIPPED: &str = include_str!("../../manifests/admission/authors.yaml");

/// Whether authors can be attested in this cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attestation {
    /// Nobody could forge an author in a thread that was opened at that time or later.
    InForce { since: Moment },
    /// Nothing is attested, for this reason.
    Absent { why: String },
}

impl Attestation {
    /// Judges the policy and its binding as they are in the cluster: both there, both as shipped, neither going away.
    pub fn of(policy: Option<&ValidatingAdmissionPolicy>, binding: Option<&ValidatingAdmissionPolicyBinding>) -> Self {
        let absent = |why: &str| Self::Absent {
            why: format!("{why}: apply manifests/admission of this version"),
        };
        let (Some(policy), Some(binding)) = (policy, binding) else {
            return absent(&format!(
                "ValidatingAdmissionPolicy '{AUTHORS}' or its binding is not installed"
            ));
        };
        if policy.metadata.deletion_timestamp.is_some() || binding.metadata.deletion_timestamp.is_some() {
            return absent(&format!(
                "ValidatingAdmissionPolicy '{AUTHORS}' or its binding is being deleted"
            ));
        }
        let Ok((our_policy, our_binding)) = shipped() else {
            return absent("the policy of authors in this program cannot be read");
        };
        if !same_policy(&our_policy, policy) || !same_binding(&our_binding, binding) {
            return absent(&format!(
                "ValidatingAdmissionPolicy '{AUTHORS}' or its binding is not as this version ships it"
            ));
        }
        let made = [policy.creation_timestamp(), binding.creation_timestamp()];
        let since = made.into_iter().flatten().map(|t| Moment::new(t.0)).max();
        since.map_or_else(
            || absent("the policy of authors has no creation time"),
            |since| Self::InForce { since },
        )
    }

    /// Whether the author is who they are said to be: admission says so, and could not have been asked otherwise.
    pub fn vouches_for(&self, opened: Moment, author: Option<&Author>) -> bool {
        match self {
            Self::InForce { since } => opened >= *since && author.is_some_and(|a| a.attested == Some(true)),
            Self::Absent { .. } => false,
        }
    }
}

fn shipped() -> Result<(ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding), serde_saphyr::Error> {
    let (policy, binding) = SHIPPED.split_once("\n---\n").unwrap_or((SHIPPED, ""));
    Ok((serde_saphyr::from_str(policy)?, serde_saphyr::from_str(binding)?))
}

/// The API server adds defaults, so what decides is compared and the whole is not.
fn same_policy(ours: &ValidatingAdmissionPolicy, theirs: &ValidatingAdmissionPolicy) -> bool {
    let (Some(ours), Some(theirs)) = (&ours.spec, &theirs.spec) else {
        return false;
    };
    let rules = |spec: &k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicySpec| {
        let constraints = spec.match_constraints.clone().unwrap_or_default();
        let rules = constraints.resource_rules.unwrap_or_default().into_iter();
        let excluded = constraints.exclude_resource_rules.unwrap_or_default().len();
        let empty = |s: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector>| {
            s.is_none_or(|s| s == k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector::default())
        };
        let whole = empty(constraints.namespace_selector) && empty(constraints.object_selector) && excluded == 0;
        let rules: Vec<_> = rules
            .map(|r| (r.api_groups, r.operations, r.resources, r.resource_names))
            .collect();
        (rules, whole)
    };
    rules(ours) == rules(theirs)
        && theirs.match_conditions.clone().unwrap_or_default().is_empty()
        && theirs.param_kind.is_none()
        && theirs.failure_policy.as_deref().unwrap_or("Fail") == "Fail"
        && ours.variables == theirs.variables
        && ours.validations == theirs.validations
}

fn same_binding(ours: &ValidatingAdmissionPolicyBinding, theirs: &ValidatingAdmissionPolicyBinding) -> bool {
    let (Some(ours), Some(theirs)) = (&ours.spec, &theirs.spec) else {
        return false;
    };
    ours.policy_name == theirs.policy_name
        && theirs.validation_actions.iter().flatten().any(|a| a == "Deny")
        && theirs.match_resources.is_none()
        && theirs.param_ref.is_none()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::forum_thread::crd::Party;

    fn at(second: i64) -> Moment {
        Moment::from_millis(second * 1000).unwrap()
    }

    fn installed(second: i64) -> (ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding) {
        let (mut policy, mut binding) = shipped().unwrap();
        policy.metadata.creation_timestamp = Some(Time(at(second - 5).whole_seconds()));
        binding.metadata.creation_timestamp = Some(Time(at(second).whole_seconds()));
        (policy, binding)
    }

    fn author(attested: Option<bool>) -> Author {
        Author {
            kind: Party::Human,
            name: "ada".to_owned(),
            attested,
            via: None,
        }
    }

    #[test]
    fn the_shipped_policy_is_in_force_from_the_later_of_its_two_parts_on() {
        let (policy, binding) = installed(100);
        assert_eq!(
            Attestation::of(Some(&policy), Some(&binding)),
            Attestation::InForce { since: at(100) }
        );
    }

    #[test]
    fn an_author_is_believed_only_where_admission_filled_it_in_and_the_policy_is_older() {
        let force = Attestation::InForce { since: at(100) };
        assert!(force.vouches_for(at(100), Some(&author(Some(true)))));
        assert!(
            !force.vouches_for(at(99), Some(&author(Some(true)))),
            "it may have been written before"
        );
        assert!(!force.vouches_for(at(100), Some(&author(Some(false)))));
        assert!(!force.vouches_for(at(100), Some(&author(None))));
        assert!(!force.vouches_for(at(100), None));
        let absent = Attestation::of(None, None);
        assert!(
            !absent.vouches_for(at(100), Some(&author(Some(true)))),
            "anybody could have written it"
        );
    }

    #[test]
    fn a_weakened_policy_or_binding_attests_nothing() {
        type Weaken = fn(&mut ValidatingAdmissionPolicy, &mut ValidatingAdmissionPolicyBinding);
        let ways: [(&str, Weaken); 9] = [
            ("audits only", |_, b| {
                b.spec.as_mut().unwrap().validation_actions = Some(vec!["Audit".to_owned()])
            }),
            ("fails open", |p, _| {
                p.spec.as_mut().unwrap().failure_policy = Some("Ignore".to_owned())
            }),
            ("a rule less", |p, _| {
                drop(p.spec.as_mut().unwrap().validations.as_mut().unwrap().pop())
            }),
            ("another variable", |p, _| {
                p.spec.as_mut().unwrap().variables.as_mut().unwrap()[0].expression = "'ada'".to_owned();
            }),
            ("creation only", |p, _| {
                let constraints = p.spec.as_mut().unwrap().match_constraints.as_mut().unwrap();
                constraints.resource_rules.as_mut().unwrap()[0].operations = Some(vec!["CREATE".to_owned()]);
            }),
            ("with exceptions", |p, _| {
                let constraints = p.spec.as_mut().unwrap().match_constraints.as_mut().unwrap();
                constraints.exclude_resource_rules = Some(vec![Default::default()]);
            }),
            ("bound elsewhere", |_, b| {
                b.spec.as_mut().unwrap().policy_name = Some("other".to_owned())
            }),
            ("bound in part", |_, b| {
                b.spec.as_mut().unwrap().match_resources = Some(Default::default())
            }),
            ("going away", |p, _| {
                p.metadata.deletion_timestamp = Some(Time(at(1).whole_seconds()))
            }),
        ];
        for (what, weaken) in ways {
            let (mut policy, mut binding) = installed(100);
            weaken(&mut policy, &mut binding);
            let judged = Attestation::of(Some(&policy), Some(&binding));
            assert!(matches!(judged, Attestation::Absent { .. }), "{what}: {judged:?}");
        }
    }
}
