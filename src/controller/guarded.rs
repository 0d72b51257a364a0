//! An object of a cache, which may be unreadable: then it stands in nobody's way. Reads it once as JSON, without what no
//! cache keeps, then as what it is. May not touch what it read.
//!
//! kube's own `DeserializeGuard` does the same by way of a copy of the whole object, twice, managed fields included; of a
//! settled object these are more than half.

use std::borrow::Cow;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::error_boundary::InvalidObject;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};

use super::lean::Lean;
use crate::failpoint::sabotaged;

/// The object, or what is known of it and why it cannot be read. Copies share the object: cache, index and passes hold it
/// once.
#[derive(Clone, Debug)]
pub struct Guarded<R>(pub Result<Arc<R>, InvalidObject>);

impl<'de, R: DeserializeOwned> Deserialize<'de> for Guarded<R> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let object = Lean::object(from)?;
        let metadata = object.field("metadata");
        let error = match R::deserialize(object) {
            Ok(read) => return Ok(Self(Ok(Arc::new(read)))),
            Err(error) if sabotaged("sabotage.guarded.refuses_the_whole_list") => return Err(D::Error::custom(error)),
            Err(error) => error.to_string(),
        };
        let metadata = ObjectMeta::deserialize(metadata).map_err(D::Error::custom)?;
        Ok(Self(Err(InvalidObject { error, metadata })))
    }
}

impl<R: Resource + Clone> Resource for Guarded<R> {
    type DynamicType = R::DynamicType;
    type Scope = R::Scope;

    fn kind(of: &R::DynamicType) -> Cow<'_, str> {
        R::kind(of)
    }

    fn group(of: &R::DynamicType) -> Cow<'_, str> {
        R::group(of)
    }

    fn version(of: &R::DynamicType) -> Cow<'_, str> {
        R::version(of)
    }

    fn plural(of: &R::DynamicType) -> Cow<'_, str> {
        R::plural(of)
    }

    fn meta(&self) -> &ObjectMeta {
        match &self.0 {
            Ok(object) => object.meta(),
            Err(broken) => &broken.metadata,
        }
    }

    /// Of an object that others hold already, a copy is changed.
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match &mut self.0 {
            Ok(object) => Arc::make_mut(object).meta_mut(),
            Err(broken) => &mut broken.metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Pod;
    use kube::ResourceExt as _;
    use kube::core::WatchEvent;
    use serde_json::{Value, json};

    fn pod(containers: &Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "one", "managedFields": [{"manager": "x", "fieldsV1": {"f:a": {}}}], "uid": "u"},
            "spec": {"containers": containers},
        })
    }

    #[test]
    fn an_object_is_read_without_its_managed_fields() {
        let text = pod(&json!([{"name": "a"}])).to_string();
        let read: Guarded<Pod> = serde_json::from_str(&text).unwrap();
        let pod = read.0.unwrap();
        assert_eq!(
            (pod.name_any().as_str(), pod.spec.as_ref().unwrap().containers.len()),
            ("one", 1)
        );
        assert_eq!(
            (pod.metadata.uid.as_deref(), pod.metadata.managed_fields.as_ref()),
            (Some("u"), None)
        );
    }

    #[test]
    fn an_unreadable_object_says_why_and_whose_it_is() {
        let read: Guarded<Pod> = serde_json::from_value(pod(&json!("none"))).unwrap();
        assert_eq!(read.name_any(), "one");
        let broken = read.0.unwrap_err();
        assert!(broken.error.contains("invalid type"), "{}", broken.error);
    }

    #[test]
    fn a_watch_event_is_read_in_either_order_of_its_fields() {
        let object = pod(&json!([{"name": "a"}]));
        for text in [
            format!(r#"{{"type":"ADDED","object":{object}}}"#),
            format!(r#"{{"object":{object},"type":"ADDED"}}"#),
        ] {
            let event: WatchEvent<Guarded<Pod>> = serde_json::from_str(&text).unwrap();
            assert!(matches!(event, WatchEvent::Added(Guarded(Ok(_)))), "{text}");
        }
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        for text in ["[]", "1", r#"{"metadata": "none"}"#, r#"{"spec": {"containers": 1}}"#] {
            assert!(serde_json::from_str::<Guarded<Pod>>(text).is_err(), "{text}");
        }
    }
}
