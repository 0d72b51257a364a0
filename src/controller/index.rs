//! Which objects of a kind are about one thing, kept along with the kind's cache, so that a change of that thing need not
//! look through all of them. Holds names only, and decides nothing: what a name stands for now is in the cache.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use kube::Resource;
use kube::runtime::watcher::Event;

use super::guarded::Guarded;

/// A namespace, and a name or key in it.
type Place = (String, String);

/// The index of a kind. Copies share what they hold.
pub struct Index<R> {
    keys: fn(&R) -> Vec<String>,
    filed: Arc<Mutex<Filed>>,
}

impl<R> Clone for Index<R> {
    fn clone(&self) -> Self {
        Self {
            keys: self.keys,
            filed: self.filed.clone(),
        }
    }
}

#[derive(Default)]
struct Filed {
    names: HashMap<Place, BTreeSet<String>>,
    /// By object: the keys that it is filed under.
    keys: HashMap<Place, Vec<String>>,
    /// What a list that is under way has shown so far: what it does not show is gone.
    listed: HashSet<Place>,
}

impl Filed {
    fn put(&mut self, (namespace, name): Place, keys: Vec<String>) {
        self.take(&(namespace.clone(), name.clone()));
        for key in &keys {
            let names = self.names.entry((namespace.clone(), key.clone())).or_default();
            names.insert(name.clone());
        }
        if !keys.is_empty() {
            self.keys.insert((namespace, name), keys);
        }
    }

    fn take(&mut self, object: &Place) {
        for key in self.keys.remove(object).into_iter().flatten() {
            let place = (object.0.clone(), key);
            if let Some(names) = self.names.get_mut(&place) {
                names.remove(&object.1);
                if names.is_empty() {
                    self.names.remove(&place);
                }
            }
        }
    }
}

impl<R: Resource<DynamicType = ()> + Clone> Index<R> {
    /// An empty index; `keys` says what an object is about. One that cannot be read is about nothing.
    pub fn by(keys: fn(&R) -> Vec<String>) -> Self {
        Self {
            keys,
            filed: Arc::default(),
        }
    }

    /// Follows the cache: to be shown every event right after the cache has taken it.
    pub fn see(&self, event: &Event<Guarded<R>>) {
        let mut filed = self.filed.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Init => filed.listed.clear(),
            Event::InitApply(object) => {
                let _ = filed.listed.insert(place_of(object));
                filed.put(place_of(object), self.keys_of(object));
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut filed.listed);
                let gone: Vec<_> = filed.keys.keys().filter(|o| !listed.contains(*o)).cloned().collect();
                for object in &gone {
                    filed.take(object);
                }
            }
            Event::Apply(object) => filed.put(place_of(object), self.keys_of(object)),
            Event::Delete(object) => filed.take(&place_of(object)),
        }
    }

    fn keys_of(&self, object: &Guarded<R>) -> Vec<String> {
        object.0.as_deref().map(self.keys).unwrap_or_default()
    }

    /// The names of those that are about it, sorted.
    pub fn named(&self, namespace: &str, key: &str) -> Vec<String> {
        let filed = self.filed.lock().unwrap_or_else(PoisonError::into_inner);
        let names = filed.names.get(&(namespace.to_owned(), key.to_owned()));
        names.into_iter().flatten().cloned().collect()
    }
}

fn place_of<R: Resource<DynamicType = ()> + Clone>(object: &Guarded<R>) -> Place {
    let meta = object.meta();
    let word = |word: &Option<String>| word.clone().unwrap_or_default();
    (word(&meta.namespace), word(&meta.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::crd::Run;
    use kube::core::error_boundary::InvalidObject;
    use serde_json::json;

    fn index() -> Index<Run> {
        Index::by(|run: &Run| run.spec.tickets.clone())
    }

    fn run(name: &str, tickets: &[&str]) -> Guarded<Run> {
        let value = json!({
            "apiVersion": "metawsm.dev/v1alpha1", "kind": "Run", "metadata": {"name": name, "namespace": "team"},
            "spec": {"tickets": tickets, "repos": []},
        });
        Guarded(Ok(Arc::new(serde_json::from_value(value).unwrap())))
    }

    #[test]
    fn an_object_is_found_by_what_it_is_about_until_it_changes_or_goes() {
        let index = index();
        index.see(&Event::Apply(run("one", &["A", "B"])));
        index.see(&Event::Apply(run("two", &["A"])));
        assert_eq!(index.named("team", "A"), ["one", "two"]);
        assert_eq!(index.named("other", "A"), Vec::<String>::new());
        index.see(&Event::Apply(run("one", &["B"])));
        assert_eq!(
            (index.named("team", "A"), index.named("team", "B")),
            (vec!["two".into()], vec!["one".into()])
        );
        index.see(&Event::Delete(run("two", &["A"])));
        assert_eq!(index.named("team", "A"), Vec::<String>::new());
        let filed = index.filed.lock().unwrap();
        assert_eq!(
            (filed.names.len(), filed.keys.len()),
            (1, 1),
            "nothing is left of the others"
        );
    }

    #[test]
    fn what_a_new_list_does_not_show_is_gone_once_it_is_complete() {
        let index = index();
        index.see(&Event::Apply(run("one", &["A"])));
        index.see(&Event::Apply(run("two", &["A"])));
        index.see(&Event::Init);
        index.see(&Event::InitApply(run("two", &["A"])));
        index.see(&Event::InitApply(run("three", &["A"])));
        assert_eq!(
            index.named("team", "A"),
            ["one", "three", "two"],
            "the list is not complete"
        );
        index.see(&Event::InitDone);
        assert_eq!(index.named("team", "A"), ["three", "two"]);
    }

    #[test]
    fn an_object_that_cannot_be_read_any_more_is_about_nothing() {
        let index = index();
        index.see(&Event::Apply(run("one", &["A"])));
        let metadata = run("one", &[]).meta().clone();
        let error = "bad".to_owned();
        index.see(&Event::Apply(Guarded(Err(InvalidObject { error, metadata }))));
        assert_eq!(index.named("team", "A"), Vec::<String>::new());
    }
}
