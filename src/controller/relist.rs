//! Keeps a kind's cache as its watch tells it. A list that is read anew changes only what differs: kube would hold every
//! object twice until the list is complete. Decides nothing about objects.

use std::collections::HashSet;

use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt as _};

/// A cache, and how far a list has come.
pub struct Kept<R: Resource<DynamicType = ()> + Clone + 'static> {
    writer: Writer<R>,
    store: Store<R>,
    filled: bool,
    /// Uids of what the list under way has shown so far.
    listed: HashSet<String>,
}

impl<R: Resource<DynamicType = ()> + Clone + 'static> Kept<R> {
    /// An empty one.
    pub fn new(writer: Writer<R>) -> Self {
        let store = writer.as_reader();
        Self {
            writer,
            store,
            filled: false,
            listed: HashSet::new(),
        }
    }

    /// Brings the cache up to what the watch says.
    pub fn take(&mut self, event: &Event<R>) {
        match event {
            Event::Apply(_) | Event::Delete(_) => self.writer.apply_watcher_event(event),
            Event::Init | Event::InitApply(_) | Event::InitDone if !self.filled => {
                self.writer.apply_watcher_event(event);
                self.filled = matches!(event, Event::InitDone);
            }
            Event::Init => self.listed = HashSet::new(),
            Event::InitApply(object) => {
                self.listed.extend(object.uid());
                if !self.has(object) {
                    self.writer.apply_watcher_event(&Event::Apply(object.clone()));
                }
            }
            Event::InitDone => self.drop_all_but_listed(),
        }
    }

    /// Whether the cache holds the object in this version.
    fn has(&self, object: &R) -> bool {
        let held = self.store.get(&ObjectRef::from_obj(object));
        held.is_some_and(|held| held.uid() == object.uid() && held.resource_version() == object.resource_version())
    }

    fn drop_all_but_listed(&mut self) {
        let listed = std::mem::take(&mut self.listed);
        for object in self.store.state() {
            if !object.uid().is_some_and(|uid| listed.contains(&uid)) {
                self.writer.apply_watcher_event(&Event::Delete(object.as_ref().clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::runtime::reflector;
    use serde_json::json;
    use std::sync::Arc;

    fn object(name: &str, uid: &str, version: &str) -> ConfigMap {
        let meta = json!({"name": name, "namespace": "n", "uid": uid, "resourceVersion": version});
        serde_json::from_value(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})).unwrap()
    }

    fn listed(kept: &mut Kept<ConfigMap>, objects: &[(&str, &str, &str)]) {
        kept.take(&Event::Init);
        for (name, uid, version) in objects {
            kept.take(&Event::InitApply(object(name, uid, version)));
        }
        kept.take(&Event::InitDone);
    }

    fn versions(store: &Store<ConfigMap>) -> Vec<(String, String)> {
        let one = |o: &Arc<ConfigMap>| (o.uid().unwrap(), o.resource_version().unwrap());
        let mut all: Vec<_> = store.state().iter().map(one).collect();
        all.sort();
        all
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn the_first_list_is_seen_as_a_whole() {
        let (store, writer) = reflector::store();
        let mut kept = Kept::new(writer);
        kept.take(&Event::Init);
        kept.take(&Event::InitApply(object("a", "1", "10")));
        assert!(store.is_empty(), "nobody sees half a list");
        listed(&mut kept, &[("a", "1", "10"), ("b", "2", "11")]);
        assert_eq!(versions(&store), pairs(&[("1", "10"), ("2", "11")]));
    }

    #[test]
    fn a_list_read_anew_replaces_what_changed_drops_what_went_and_holds_nothing_twice() {
        let (store, writer) = reflector::store();
        let mut kept = Kept::new(writer);
        listed(
            &mut kept,
            &[
                ("same", "1", "10"),
                ("changed", "2", "11"),
                ("gone", "3", "12"),
                ("remade", "4", "13"),
            ],
        );
        let same = |store: &Store<ConfigMap>| store.find(|o| o.uid().as_deref() == Some("1")).unwrap();
        let before = same(&store);
        listed(
            &mut kept,
            &[
                ("same", "1", "10"),
                ("changed", "2", "20"),
                ("remade", "5", "21"),
                ("new", "6", "22"),
            ],
        );
        assert_eq!(
            versions(&store),
            pairs(&[("1", "10"), ("2", "20"), ("5", "21"), ("6", "22")])
        );
        assert!(
            Arc::ptr_eq(&before, &same(&store)),
            "what did not change stays as it is"
        );
    }

    #[test]
    fn a_list_that_broke_off_drops_nothing_and_counts_for_nothing() {
        let (store, writer) = reflector::store();
        let mut kept = Kept::new(writer);
        listed(&mut kept, &[("a", "1", "10"), ("b", "2", "11")]);
        kept.take(&Event::Init);
        kept.take(&Event::InitApply(object("a", "1", "10")));
        listed(&mut kept, &[("b", "2", "11")]);
        assert_eq!(versions(&store), pairs(&[("2", "11")]));
        kept.take(&Event::Apply(object("c", "3", "30")));
        kept.take(&Event::Delete(object("b", "2", "31")));
        assert_eq!(versions(&store), pairs(&[("3", "30")]));
    }
}
