//! What must hold between the three stores. Pure: evidence in, flaws out.

use std::collections::{BTreeMap, BTreeSet};

use metawsm::controller::kind::Kind;
use metawsm::doc_endpoint::DocEndpointKind;
use metawsm::forum_thread::ThreadKind;
use metawsm::kernel::event::{DomainEvent, event_id};
use metawsm::kernel::journal::JournalEntry;
use metawsm::kernel::subject::Subject;
use metawsm::run::RunKind;
use metawsm::ticket_topology::TopologyKind;
use serde_json::{Value, json};

use super::evidence::{Evidence, Fact};
use super::{authority, federation, folding, streams, threads};

/// What may be broken; each has a sabotage test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// An event stands on a committed fact.
    EventHasFact,
    /// A fact that means something to the world has its event, with its content.
    FactHasEvent,
    /// The events of one subject come in the order of its journal.
    SubjectOrder,
    /// The sequences of one log have no gaps.
    GaplessSequence,
    /// No event stands twice on a stream, and every id is the one of its fact.
    UniqueEvent,
    /// The stream of all events is the event log: same events, same numbers, same order.
    StreamIsLog,
    /// The streams by type hold what the stream of all events holds.
    TypedStreams,
    /// The chain of each object is whole.
    WholeChain,
    /// A fact has one content.
    NoFork,
    /// What an object's journal holds is recorded, and nothing later is.
    JournalRecorded,
    /// The mirror shows each object as it is.
    MirrorIsObject,
    /// Nothing waits to be sent.
    NothingUnsent,
    /// Every event is folded, and what was folded is what a rebuild folds.
    FoldedIsRebuilt,
    /// The read model shows each thread as it is.
    FoldedIsThread,
    /// What a thread's spec says is in its history once and in order.
    ThreadIsRecorded,
    /// Each level of each state is escalated at most once, and none before its deadline.
    EscalatedOnce,
    /// What is archived is whole, and has left the cluster.
    ArchiveIsWhole,
    /// What is kept of servers of documents is of living endpoints and what they said last, and the view shows it.
    FederatedIsAnswered,
    /// Topologies say what follows by the merge rule from what Runs and endpoints say.
    AuthorityIsRule,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub broken: Invariant,
    pub what: String,
}

type Check = fn(&Evidence) -> Vec<String>;

/// Everything that is wrong.
pub fn judge(evidence: &Evidence) -> Vec<Flaw> {
    let checks: [(Invariant, Check); 19] = [
        (Invariant::EventHasFact, event_has_fact),
        (Invariant::FactHasEvent, fact_has_event),
        (Invariant::SubjectOrder, subject_order),
        (Invariant::GaplessSequence, gapless_sequence),
        (Invariant::UniqueEvent, streams::unique_event),
        (Invariant::StreamIsLog, streams::stream_is_log),
        (Invariant::TypedStreams, streams::typed_streams),
        (Invariant::WholeChain, whole_chain),
        (Invariant::NoFork, no_fork),
        (Invariant::JournalRecorded, journal_recorded),
        (Invariant::MirrorIsObject, mirror_is_object),
        (Invariant::NothingUnsent, nothing_unsent),
        (Invariant::FoldedIsRebuilt, folding::folded_is_rebuilt),
        (Invariant::FoldedIsThread, folding::folded_is_thread),
        (Invariant::ThreadIsRecorded, threads::thread_is_recorded),
        (Invariant::EscalatedOnce, threads::escalated_once),
        (Invariant::ArchiveIsWhole, threads::archive_is_whole),
        (Invariant::FederatedIsAnswered, federation::federated_is_answered),
        (Invariant::AuthorityIsRule, authority::authority_is_rule),
    ];
    let flaws = |(broken, check): (Invariant, Check)| {
        let found = check(evidence).into_iter();
        found.map(move |what| Flaw { broken, what }).collect::<Vec<_>>()
    };
    checks.into_iter().flat_map(flaws).collect()
}

fn event_has_fact(evidence: &Evidence) -> Vec<String> {
    let facts: BTreeSet<_> = evidence.audit.iter().map(|f| (&f.uid, f.seq, &f.at)).collect();
    let live = evidence.events.iter().filter(|e| e.source == "live");
    let bare = live.filter(|e| !facts.contains(&(&e.subject_uid, e.subject_seq, &e.occurred_at)));
    bare.map(|e| format!("{} {} of {} stands on no fact", e.event_type, e.subject_seq, e.subject))
        .collect()
}

fn fact_has_event(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    for fact in &evidence.audit {
        let place = place(fact);
        let found = evidence
            .events
            .iter()
            .find(|e| e.subject_uid == fact.uid && e.subject_seq == fact.seq);
        match (expected(fact), found) {
            (None, None) => {}
            (None, Some(event)) => wrong.push(format!(
                "{place} means nothing to the world and has {}",
                event.event_type
            )),
            (Some(event), None) => wrong.push(format!("{place} has no {}", event.event_type)),
            (Some(event), Some(found)) => {
                let data: Value = serde_json::from_str(&found.data).unwrap_or_default();
                if event.event_type != found.event_type || !says(&data, &event.data) {
                    wrong.push(format!(
                        "{place} has an event that says something else: {} {data}",
                        found.event_type
                    ));
                }
            }
        }
    }
    wrong
}

/// Whether an event says what its fact does. A thread's event says more: what its spec says for ever.
fn says(data: &Value, fact: &Value) -> bool {
    match (data.as_object(), fact.as_object()) {
        (Some(data), Some(fact)) => fact.iter().all(|(key, value)| data.get(key) == Some(value)),
        _ => data == fact,
    }
}

fn expected(fact: &Fact) -> Option<DomainEvent> {
    let (subject, entry) = (subject(fact), entry(fact)?);
    match fact.kind.as_str() {
        "Run" => RunKind::event_of(&subject, &entry),
        "DocEndpoint" => DocEndpointKind::event_of(&subject, &entry),
        "ForumThread" => ThreadKind::event_of(&subject, &entry),
        _ => TopologyKind::event_of(&subject, &entry),
    }
}

fn subject(fact: &Fact) -> Subject {
    Subject {
        kind: fact.kind.clone(),
        namespace: fact.namespace.clone(),
        name: fact.name.clone(),
        uid: fact.uid.clone(),
    }
}

/// The journal entry that the row was; `None` where it cannot be one any more.
fn entry(fact: &Fact) -> Option<JournalEntry> {
    let facts: Value = serde_json::from_str(&fact.facts).ok()?;
    let value = json!({
        "seq": fact.seq, "at": fact.at, "type": fact.entry_type, "facts": facts, "cause": fact.cause,
        "actor": { "type": fact.actor_type, "name": fact.actor_name }, "prevHash": fact.prev_hash,
    });
    serde_json::from_value(value).ok()
}

fn place(fact: &Fact) -> String {
    format!("{} {} {} of {}", fact.seq, fact.entry_type, fact.kind, fact.name)
}

fn subject_order(evidence: &Evidence) -> Vec<String> {
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    let mut wrong = Vec::new();
    // Already in the order of the logs.
    for event in &evidence.events {
        let before = last.insert(&event.subject_uid, event.subject_seq);
        if before.is_some_and(|before| before >= event.subject_seq) {
            wrong.push(format!(
                "{} of {} comes after {before:?}",
                event.subject_seq, event.subject
            ));
        }
    }
    wrong
}

fn gapless_sequence(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    for log in &evidence.logs {
        let of_log = evidence.events.iter().filter(|e| e.log_id == log.log_id);
        let sequences: Vec<_> = of_log.clone().map(|e| e.sequence).collect();
        // What was read back from a trimmed stream begins later.
        let adopted = of_log.filter(|e| e.source == "redis").map(|e| e.sequence).min();
        let first = adopted.filter(|_| log.origin == "redis").unwrap_or(1);
        let expected: Vec<_> = (first..=log.last_sequence).collect();
        if sequences != expected {
            wrong.push(format!(
                "log {} has {sequences:?}, not 1 to {}",
                log.log_id, log.last_sequence
            ));
        }
    }
    wrong
}

fn whole_chain(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut before: Option<&Fact> = None;
    for fact in &evidence.audit {
        let last = before.filter(|b| b.uid == fact.uid);
        let (seq, prev) = last.map_or((1, ""), |b| (b.seq + 1, b.hash.as_str()));
        if fact.seq != seq || fact.prev_hash != prev {
            wrong.push(format!("{} does not follow from the one before", place(fact)));
        }
        if entry(fact).is_none_or(|e| e.hash(&fact.uid) != fact.hash) {
            wrong.push(format!(
                "{} was changed: its content does not give its hash",
                place(fact)
            ));
        }
        before = Some(fact);
    }
    wrong
}

fn no_fork(evidence: &Evidence) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let twice = evidence.audit.iter().filter(|f| !seen.insert((&f.uid, f.seq)));
    twice.map(|f| format!("{} has two contents", place(f))).collect()
}

fn journal_recorded(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    for object in &evidence.objects {
        let of_object = || evidence.audit.iter().filter(|f| f.uid == object.uid);
        for e in &object.journal {
            let hash = e.hash(&object.uid);
            if !of_object().any(|f| f.seq == e.seq && f.hash == hash) {
                wrong.push(format!(
                    "{} {}: {} {} is not recorded",
                    object.kind, object.name, e.seq, e.kind
                ));
            }
        }
        let (head, last) = (object.journal.last().map(|e| e.seq), of_object().map(|f| f.seq).max());
        if head != last {
            wrong.push(format!(
                "{} {}: the journal ends at {head:?}, the log at {last:?}",
                object.kind, object.name
            ));
        }
    }
    wrong
}

fn mirror_is_object(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    for object in &evidence.objects {
        let what = format!("{} {}", object.kind, object.name);
        let Some(mirror) = evidence.mirrors.iter().find(|m| m.uid == object.uid) else {
            wrong.push(format!("{what} has no mirror"));
            continue;
        };
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        if mirror.deleted_at.is_some() {
            wrong.push(format!("{what} is mirrored as deleted"));
        }
        if mirror.resource_version != object.resource_version {
            let (old, new) = (&mirror.resource_version, &object.resource_version);
            wrong.push(format!("{what} is mirrored at {old}, not at {new}"));
        } else if read(&mirror.spec) != object.spec || read(&mirror.status) != object.status {
            wrong.push(format!("{what} is mirrored with other content"));
        }
    }
    let alive: BTreeSet<_> = evidence.objects.iter().map(|o| &o.uid).collect();
    for mirror in evidence
        .mirrors
        .iter()
        .filter(|m| m.deleted_at.is_none() && !alive.contains(&m.uid))
    {
        wrong.push(format!("{} {} is gone and mirrored as alive", mirror.kind, mirror.name));
    }
    for uid in evidence
        .mirrors
        .iter()
        .filter(|m| m.deleted_at.is_some())
        .map(|m| &m.uid)
    {
        let ended = |f: &&Fact| &f.uid == uid && f.entry_type == "Deleted";
        let ends = evidence.audit.iter().filter(ended).count();
        if ends != 1 {
            wrong.push(format!(
                "object {uid} is mirrored as deleted and has {ends} recorded ends"
            ));
        }
    }
    wrong
}

fn nothing_unsent(evidence: &Evidence) -> Vec<String> {
    Some(evidence.unsent)
        .filter(|n| *n != 0)
        .map(|n| format!("{n} events were not sent"))
        .into_iter()
        .collect()
}

/// The id that the event of a fact has for ever.
pub fn id_of(uid: &str, seq: i64) -> String {
    event_id(uid, seq).to_string()
}
