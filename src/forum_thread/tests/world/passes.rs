//! Passes over the thread: they look at it as the watch showed it, record, decide and write, and may be cut off anywhere.

use std::sync::Arc;

use super::{Cut, World, at};
use crate::controller::kind::Kind as _;
use crate::controller::kind_status::CommonStatus as _;
use crate::forum_thread::attestation::Attestation;
use crate::forum_thread::crd::ForumThread;
use crate::forum_thread::decide::decide;
use crate::forum_thread::observe::Observed;
use crate::forum_thread::state_since::owned_since;
use crate::forum_thread::{ThreadKind, prune};
use crate::kernel::journal::{Journal, RING, room};
use crate::kernel::plan::Next;
use crate::kernel::subject::Subject;

impl World {
    /// A pass over the newest view.
    pub fn pass(&mut self, cut: Cut) {
        let newest = self.seen.len() - 1;
        self.pass_over(newest, cut);
    }

    /// A pass over what the watch showed as its `place`th view. The process forgets everything where it is cut off.
    pub fn pass_over(&mut self, place: usize, cut: Cut) {
        let (mut version, seen) = self.seen[place.min(self.seen.len() - 1)].clone();
        let mut object = seen.clone();
        prune::prune(&mut object);
        let last = object
            .status
            .as_ref()
            .and_then(|s| s.journal.last())
            .map_or(0, |e| e.seq);
        if last > self.recorded && self.database.contains_key(&last) {
            self.recorded = last;
        }
        if last > self.recorded {
            (version, object) = (self.version, self.thread.clone());
        }
        for _ in 0..8 {
            self.record(&object);
            if prune::is_pruned(&object) {
                let asked = self.asks_for(&object);
                assert_eq!(asked, self.asks_for(&seen), "what the cache lacks decides nothing");
                self.next = asked;
                if asked.is_some() {
                    return;
                }
                (version, object) = (self.version, self.thread.clone());
                continue;
            }
            let Some(written) = self.turn(version, &object, cut) else {
                return;
            };
            (version, object) = written;
            if cut == Cut::AfterWrite {
                self.recorded = 0;
                return;
            }
            if cut == Cut::AfterRecord {
                self.record(&object);
                self.recorded = 0;
                return;
            }
        }
        self.record(&object);
    }

    fn record(&mut self, object: &ForumThread) {
        let journal = object.status.as_ref().map(|s| s.journal.clone()).unwrap_or_default();
        let last = journal.last().map_or(0, |e| e.seq);
        if self.database_fails || last <= self.recorded {
            return;
        }
        assert!(!prune::is_pruned(object), "an event without its body");
        let subject = Subject {
            kind: "ForumThread".into(),
            namespace: "n".into(),
            name: "q".into(),
            uid: "u".into(),
        };
        for entry in journal.iter().filter(|e| e.seq > self.recorded) {
            let event = ThreadKind::event_of(&subject, entry).expect("every entry of a thread is an event");
            let event = ThreadKind::complete(object, event);
            let kept = self.database.entry(entry.seq).or_insert_with(|| event.clone());
            assert_eq!(*kept, event, "the same fact is the same event, whenever it is told");
        }
        self.recorded = last;
    }

    fn observed(&self, object: &ForumThread, room: usize) -> Observed {
        Observed {
            thread: Arc::new(object.clone()),
            owned_since: object.metadata.managed_fields.as_deref().and_then(owned_since),
            policy: Arc::new(self.policy.clone()),
            revision: None,
            attestation: match self.attesting {
                true => Attestation::InForce { since: at(0) },
                false => Attestation::of(None, None),
            },
            hold: self.hold,
            looked_at: at(self.now),
            room,
        }
    }

    /// When to look again, where nothing is to be done.
    fn asks_for(&self, object: &ForumThread) -> Option<Next> {
        let journal = object.status.as_ref().map(|s| s.journal.clone()).unwrap_or_default();
        let plan = decide(&self.observed(object, RING), at(self.now));
        let mut status = plan.status;
        status.set_journal(journal);
        status.set_observed_generation(object.metadata.generation.unwrap());
        let nothing = plan.transitions.is_empty() && !plan.release && object.status.as_ref() == Some(&status);
        nothing.then_some(plan.next)
    }

    /// Decides and writes; what was written, `None` where nothing was to be, or it was refused, or the journal is full.
    fn turn(&mut self, version: u64, object: &ForumThread, cut: Cut) -> Option<(u64, ForumThread)> {
        let journal = object.status.as_ref().map(|s| s.journal.clone()).unwrap_or_default();
        let room = room(&journal, self.recorded);
        let plan = decide(&self.observed(object, room), at(self.now));
        self.next = Some(plan.next);
        if plan.transitions.len() > room {
            return None;
        }
        let mut ring = Journal::new("u", &journal);
        ring.append(at(self.now), plan.transitions);
        let mut status = plan.status;
        status.set_journal(ring.into_entries());
        status.set_observed_generation(object.metadata.generation.unwrap());
        if object.status.as_ref() == Some(&status) {
            return None;
        }
        if cut == Cut::BeforeWrite {
            self.recorded = 0;
            return None;
        }
        if version != self.version {
            return None;
        }
        self.version += 1;
        self.writes += 1;
        self.thread.status = Some(status);
        self.published();
        Some((self.version, self.thread.clone()))
    }

    /// Whether a look now would find nothing to tell.
    pub fn is_settled(&self) -> bool {
        decide(&self.observed(&self.thread, 16), at(self.now))
            .transitions
            .is_empty()
    }
}
