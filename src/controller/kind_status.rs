//! What the status of every kind has, declared once: the fields, what they mean to users, and how the driver reaches
//! them. Knows no kind, and nothing of what a kind adds.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::Serialize;

use crate::kernel::journal::JournalEntry;

/// The parts that every status has.
pub trait CommonStatus: Clone + PartialEq + Default + Serialize + Send + Sync {
    fn conditions(&self) -> &[Condition];
    fn conditions_mut(&mut self) -> &mut Vec<Condition>;
    fn journal(&self) -> &[JournalEntry];
    fn set_journal(&mut self, journal: Vec<JournalEntry>);
    fn set_observed_generation(&mut self, generation: i64);
}

/// Declares the status of a kind: a struct that begins with `last_handled_request`, described in the kind's own words,
/// and goes on with the kind's own fields. The fields that every status has are added, and [`CommonStatus`] with them.
macro_rules! kind_status {
    (
        $(#[$about:meta])*
        pub struct $name:ident {
            $(#[$handled:meta])*
            last_handled_request,
            $($own:tt)*
        }
    ) => {
        $(#[$about])*
        #[derive(serde::Serialize, serde::Deserialize, kube::KubeSchema, Clone, Debug, Default, PartialEq)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// The generation of the spec that this status speaks of.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub observed_generation: Option<i64>,

            $(#[$handled])*
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(length(max = 253))]
            pub last_handled_request: Option<String>,

            $($own)*

            /// Whether all is well: see each condition's reason and message.
            #[serde(default)]
            #[schemars(length(max = 16))]
            #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
            pub conditions: Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition>,

            /// The transitions decided last, oldest first; history is a function of it.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            #[schemars(length(max = 16))]
            #[x_kube(merge_strategy = ListMerge::Atomic)]
            pub journal: Vec<$crate::kernel::journal::JournalEntry>,
        }

        impl $crate::controller::kind_status::CommonStatus for $name {
            fn conditions(&self) -> &[k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition] {
                &self.conditions
            }
            fn conditions_mut(&mut self) -> &mut Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition> {
                &mut self.conditions
            }
            fn journal(&self) -> &[$crate::kernel::journal::JournalEntry] {
                &self.journal
            }
            fn set_journal(&mut self, journal: Vec<$crate::kernel::journal::JournalEntry>) {
                self.journal = journal;
            }
            fn set_observed_generation(&mut self, generation: i64) {
                self.observed_generation = Some(generation);
            }
        }
    };
}
pub(crate) use kind_status;
