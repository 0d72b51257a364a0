//! The last good answer of every server, in memory, and what changed with the last one. Holds and compares; asks nobody
//! and decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::known::{Facts, Known};
use super::target::{Flight, Target};
use crate::kernel::moment::Moment;

/// One ticket of a server's list, as far as the merge rule and people want it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    pub ticket: String,
    pub title: String,
    pub status: String,
    pub topics: Vec<String>,
    pub updated_at: Option<Moment>,
    /// The server lists it more than once.
    pub twice: bool,
}

/// The tickets of one server by their name in small letters.
pub type Rows = BTreeMap<String, Row>;

/// One endpoint with what it says of one ticket.
#[derive(Clone, Debug)]
pub struct Listed {
    pub target: Target,
    pub known: Known,
    pub row: Option<Row>,
}

/// Somebody should look again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    pub namespace: String,
    /// The endpoint's name.
    pub endpoint: String,
    /// The tickets, in small letters, of which it says something else now.
    pub tickets: BTreeSet<String>,
    /// Whoever might have to do with it should look, whatever the ticket: it came, went, moved, or was heard for the
    /// first time.
    pub for_all: bool,
}

struct Entry {
    target: Target,
    known: Known,
    rows: Arc<Rows>,
}

/// All endpoints that are known.
#[derive(Default)]
pub struct Catalogue {
    entries: Mutex<BTreeMap<String, Entry>>,
}

impl Catalogue {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom it is told to ask, and what is known, of one endpoint.
    pub fn of(&self, uid: &str) -> Option<(Target, Known)> {
        let entries = self.entries();
        entries.get(uid).map(|e| (e.target.clone(), e.known.clone()))
    }

    /// Every endpoint of a namespace, with what it says of a ticket (any case).
    pub fn listed(&self, namespace: &str, ticket: &str) -> Vec<Listed> {
        let key = ticket.to_ascii_lowercase();
        let entries = self.entries();
        let here = entries.values().filter(|e| e.target.namespace == namespace);
        here.map(|e| Listed {
            target: e.target.clone(),
            known: e.known.clone(),
            row: e.rows.get(&key).cloned(),
        })
        .collect()
    }

    /// The uid of the endpoint of that name.
    pub fn named(&self, namespace: &str, name: &str) -> Option<String> {
        let entries = self.entries();
        let mut found = entries.values().map(|e| &e.target);
        found
            .find(|t| t.namespace == namespace && t.name == name)
            .map(|t| t.uid.clone())
    }

    /// Every endpoint with all its tickets: for the mirror.
    pub fn all(&self) -> Vec<(Target, Known, Arc<Rows>)> {
        let entries = self.entries();
        let whole = |e: &Entry| (e.target.clone(), e.known.clone(), e.rows.clone());
        entries.values().map(whole).collect()
    }

    /// The target is another now. What is known stays where it is still about the same documents. `told`: the latency
    /// that an earlier process told of it.
    pub fn retarget(&self, target: Target, told: Option<Duration>) -> News {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(&target.uid) else {
            let news = news(&target, BTreeSet::new());
            let known = Known {
                latency: told,
                ..Known::default()
            };
            let made = Entry {
                target,
                known,
                rows: Arc::default(),
            };
            entries.insert(made.target.uid.clone(), made);
            return news;
        };
        let moved = entry.target.place != target.place || entry.target.home != target.home;
        entry.target = target;
        let tickets = if moved { keys(&entry.rows) } else { BTreeSet::new() };
        News {
            for_all: moved,
            ..news(&entry.target, tickets)
        }
    }

    /// The endpoint is gone.
    pub fn forget(&self, uid: &str) -> Option<News> {
        let gone = self.entries().remove(uid)?;
        Some(News {
            for_all: true,
            ..news(&gone.target, keys(&gone.rows))
        })
    }

    /// A round ended: changes what is known, and tells what is new. `None`: the endpoint is gone, or all is as before.
    pub fn told(&self, uid: &str, rows: Option<Arc<Rows>>, change: impl FnOnce(&mut Known)) -> Option<News> {
        let mut entries = self.entries();
        let entry = entries.get_mut(uid)?;
        let before = entry.known.clone();
        change(&mut entry.known);
        let mut tickets = BTreeSet::new();
        if let Some(rows) = rows {
            tickets = differing(&entry.rows, &rows);
            entry.rows = rows;
        }
        let freshness = |known: &Known| (known.reachable(), known.facts.as_ref().and_then(|f| f.indexed_at));
        if freshness(&before) != freshness(&entry.known) {
            tickets.extend(entry.rows.keys().cloned());
            tickets.extend(entry.target.ticket.as_ref().map(|t| t.to_ascii_lowercase()));
        }
        let same = before == entry.known && tickets.is_empty();
        let for_all = before.asked != entry.known.asked;
        (!same).then(|| News {
            for_all,
            ..news(&entry.target, tickets)
        })
    }

    /// Announces a refresh; `false` where that very one is known already.
    pub fn take_off(&self, uid: &str, announced: Moment) -> bool {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(uid) else {
            return false;
        };
        if entry.known.flight.as_ref().is_some_and(|f| f.announced == announced) {
            return false;
        }
        entry.known.flight = Some(Flight {
            announced,
            outcome: None,
        });
        true
    }

    /// The last good answer of an endpoint.
    pub fn facts(&self, uid: &str) -> Option<Facts> {
        self.entries().get(uid).and_then(|e| e.known.facts.clone())
    }
}

fn news(target: &Target, tickets: BTreeSet<String>) -> News {
    News {
        namespace: target.namespace.clone(),
        endpoint: target.name.clone(),
        tickets,
        for_all: false,
    }
}

fn keys(rows: &Rows) -> BTreeSet<String> {
    rows.keys().cloned().collect()
}

/// The tickets that are in one and not, or otherwise, in the other.
fn differing(old: &Rows, new: &Rows) -> BTreeSet<String> {
    let changed = new.iter().filter(|(key, row)| old.get(*key) != Some(row));
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    changed.map(|(key, _)| key).chain(gone).cloned().collect()
}
