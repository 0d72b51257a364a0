//! The journal of an object: the transitions decided last, kept in its status, each linked to the one before by hash.
//! Pure: whoever appends no more than [`room`] says loses no entry that was not recorded elsewhere. Never reads a clock.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::actor::{Actor, ActorType};
use super::canonical::{SortedMap, canonical_json, sha256};
use super::moment::Moment;

/// How many entries a status carries (design, section 1): enough for a burst, little beside the object's size.
pub const RING: usize = 16;

/// The most bytes that the facts of one entry may take as JSON (design, section 1).
pub const FACTS_LIMIT: usize = 1024;

/// Something that was decided about an object, before it is numbered and dated.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// A CamelCase word; each kind has its own closed list.
    pub kind: &'static str,
    /// Flat facts, at most [`FACTS_LIMIT`] bytes as JSON; longer strings are cut by [`Journal::append`].
    pub facts: Map<String, Value>,
    pub actor: Actor,
    /// What brought it about: a reason word, a request, a command id.
    pub cause: Option<String>,
}

impl Transition {
    /// What the controller itself decided, for this reason. Facts that are null are left out.
    pub fn of_controller(kind: &'static str, cause: &str, facts: Value) -> Self {
        let mut facts = match facts {
            Value::Object(facts) => facts,
            other => Map::from_iter([("value".to_owned(), other)]),
        };
        facts.retain(|_, v| !v.is_null());
        let cause = Some(cause.to_owned());
        Self {
            kind,
            facts,
            actor: Actor::system(),
            cause,
        }
    }
}

/// One recorded transition. Audit, event and outbox rows are a pure function of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JournalEntry {
    /// Counts from 1 for each object, without gaps.
    #[schemars(range(min = 1))]
    pub seq: i64,
    /// When it was decided; never earlier than the entry before.
    pub at: Moment,
    /// What happened.
    #[serde(rename = "type")]
    #[schemars(length(max = 63))]
    pub kind: String,
    /// What belongs to it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "any_object")]
    pub facts: Map<String, Value>,
    /// Who brought it about.
    pub actor: Actor,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub cause: Option<String>,
    /// Hash of the entry before (empty for the first): a rewritten history shows.
    #[schemars(length(max = 71))]
    pub prev_hash: String,
}

fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

impl JournalEntry {
    /// The entry's link in its object's chain: a hash over the object's uid and all fields, the previous hash included.
    pub fn hash(&self, uid: &str) -> String {
        let JournalEntry {
            seq,
            at,
            kind,
            facts,
            actor,
            cause,
            prev_hash,
        } = self;
        let entry = HashedEntry {
            actor: HashedActor {
                name: &actor.name,
                kind: actor.kind,
            },
            at: *at,
            cause: cause.as_deref(),
            facts: (!facts.is_empty()).then_some(SortedMap(facts)),
            prev_hash,
            seq: *seq,
            kind,
        };
        sha256(canonical_json(&Hashed { entry, uid }))
    }
}

/// What the hash of an entry is over: its JSON beside the uid, all keys sorted.
#[derive(Serialize)]
struct Hashed<'a> {
    entry: HashedEntry<'a>,
    uid: &'a str,
}

#[derive(Serialize)]
struct HashedEntry<'a> {
    actor: HashedActor<'a>,
    at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<SortedMap<'a>>,
    #[serde(rename = "prevHash")]
    prev_hash: &'a str,
    seq: i64,
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Serialize)]
struct HashedActor<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: ActorType,
}

/// How many transitions a ring of entries takes without dropping one that was not recorded. `recorded`: the
/// highest `seq` known to be in the database; 0 while nothing is known.
pub fn room(entries: &[JournalEntry], recorded: i64) -> usize {
    let unrecorded = entries.iter().filter(|e| e.seq > recorded).count();
    RING.saturating_sub(unrecorded)
}

/// Adds transitions to a ring of entries.
pub struct Journal<'a> {
    uid: &'a str,
    entries: Vec<JournalEntry>,
}

impl<'a> Journal<'a> {
    /// The ring of the object with this uid.
    pub fn new(uid: &'a str, entries: &[JournalEntry]) -> Self {
        Self {
            uid,
            entries: entries.to_vec(),
        }
    }

    /// Numbers and dates the transitions. `at` is moved up to the last entry's time if the clock went back.
    /// Facts above the limit lose their longest strings first, so that an entry always fits.
    pub fn append(&mut self, now: Moment, transitions: Vec<Transition>) {
        for transition in transitions {
            let (seq, at, prev_hash) = match self.entries.last() {
                Some(last) => (last.seq + 1, now.max(last.at), last.hash(self.uid)),
                None => (1, now, String::new()),
            };
            let Transition {
                kind,
                facts,
                actor,
                cause,
            } = transition;
            let facts = bounded(facts);
            let cause = cause.map(|c| cut(&c, 253));
            self.entries.push(JournalEntry {
                seq,
                at,
                kind: kind.to_owned(),
                facts,
                actor,
                cause,
                prev_hash,
            });
        }
        let surplus = self.entries.len().saturating_sub(RING);
        self.entries.drain(..surplus);
    }

    /// The ring as it belongs into the status.
    pub fn into_entries(self) -> Vec<JournalEntry> {
        self.entries
    }
}

fn bounded(mut facts: Map<String, Value>) -> Map<String, Value> {
    while Value::Object(facts.clone()).to_string().len() > FACTS_LIMIT {
        let longest = facts
            .iter()
            .max_by_key(|(_, v)| v.to_string().len())
            .map(|(k, v)| (k.clone(), v.as_str().map(str::to_owned)));
        match longest {
            Some((key, Some(text))) if text.chars().count() > 40 => {
                let half = text.chars().count() / 2;
                facts.insert(key, Value::from(cut(&text, half)));
            }
            Some((key, _)) => drop(facts.remove(&key)),
            None => break,
        }
    }
    facts
}

/// At most `most` characters, an ellipsis in place of what is gone.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Whether `entries` are an unbroken chain; the first link's past is taken on trust.
pub fn chain_holds(uid: &str, entries: &[JournalEntry]) -> bool {
    entries
        .windows(2)
        .all(|w| w[1].seq == w[0].seq + 1 && w[1].prev_hash == w[0].hash(uid))
}

/// A hash over the hashes of entries in their order.
pub fn digest_of_links<'a>(hashes: impl IntoIterator<Item = &'a str>) -> [u8; 32] {
    let mut digest = Sha256::new();
    for hash in hashes {
        digest.update(hash);
    }
    digest.finalize().into()
}

/// The same of a ring, whose entries say the hash of the one before: only the last one's is computed. It is equal to
/// that of recorded entries only where each of the ring is recorded and none of another history.
pub fn links(uid: &str, entries: &[JournalEntry]) -> [u8; 32] {
    let last = entries.last().map(|last| last.hash(uid));
    let before = entries.iter().skip(1).map(|entry| entry.prev_hash.as_str());
    digest_of_links(before.chain(last.as_deref()))
}

#[cfg(test)]
mod tests {
    use super::super::canonical::Sorted;
    use super::*;
    use serde_json::json;

    fn transition(facts: Value) -> Transition {
        let Value::Object(facts) = facts else {
            panic!("facts are an object")
        };
        Transition {
            kind: "PhaseChanged",
            facts,
            actor: Actor::system(),
            cause: None,
        }
    }

    fn moment(ms: i64) -> Moment {
        Moment::from_millis(ms).unwrap()
    }

    #[test]
    fn the_ring_keeps_the_last_sixteen_and_stays_a_chain() {
        let mut journal = Journal::new("u", &[]);
        for i in 0..40 {
            journal.append(moment(1000 - i), vec![transition(json!({ "i": i }))]);
        }
        let entries = journal.into_entries();
        assert_eq!((entries.len(), entries[0].seq, entries[15].seq), (16, 25, 40));
        assert!(chain_holds("u", &entries));
        assert!(entries.windows(2).all(|w| w[0].at <= w[1].at), "time never goes back");
    }

    #[test]
    fn what_was_not_recorded_takes_room_away() {
        let mut journal = Journal::new("u", &[]);
        journal.append(moment(1), (0..10).map(|i| transition(json!({ "i": i }))).collect());
        let entries = journal.into_entries();
        assert_eq!(room(&entries, 0), 6);
        assert_eq!(room(&entries, 10), 16);
        assert_eq!(room(&entries, 9), 15);
    }

    #[test]
    fn a_changed_entry_breaks_the_chain() {
        let mut journal = Journal::new("u", &[]);
        journal.append(moment(1), (0..3).map(|i| transition(json!({ "i": i }))).collect());
        let mut entries = journal.into_entries();
        entries[1].facts.insert("i".into(), json!(7));
        assert!(!chain_holds("u", &entries));
    }

    #[test]
    fn an_entry_is_hashed_as_its_json_with_sorted_keys() {
        let nested = json!({"z": [1, {"b": "\"", "a": null}], "a": {"y": 1.5, "x": "é\u{1}"}});
        for (facts, cause) in [(nested, Some("Seeded".to_owned())), (json!({}), None)] {
            let mut journal = Journal::new("u", &[]);
            journal.append(
                moment(1500),
                vec![Transition {
                    cause,
                    ..transition(facts)
                }],
            );
            for entry in journal.into_entries() {
                let whole = json!({"uid": "u", "entry": entry});
                assert_eq!(entry.hash("u"), sha256(canonical_json(&Sorted(&whole))));
            }
        }
    }

    #[test]
    fn the_links_of_a_ring_are_those_of_its_entries_and_of_no_others() {
        let mut journal = Journal::new("u", &[]);
        journal.append(moment(1), (0..3).map(|i| transition(json!({ "i": i }))).collect());
        let entries = journal.into_entries();
        let hashes: Vec<_> = entries.iter().map(|entry| entry.hash("u")).collect();
        let of = |hashes: &[String]| digest_of_links(hashes.iter().map(String::as_str));
        assert_eq!(links("u", &entries), of(&hashes));
        assert_ne!(links("u", &entries), of(&hashes[1..]), "one is missing");
        assert_ne!(links("u", &entries), of(&hashes[..2]), "the last is missing");
        assert_ne!(links("other", &entries), of(&hashes), "another object's");
        let doubled = [
            hashes[0].clone(),
            hashes[0].clone(),
            hashes[1].clone(),
            hashes[2].clone(),
        ];
        assert_ne!(links("u", &entries), of(&doubled), "one more");
    }

    #[test]
    fn facts_are_cut_to_their_limit() {
        let mut journal = Journal::new("u", &[]);
        journal.append(
            moment(1),
            vec![transition(json!({ "message": "x".repeat(5000), "ticket": "A-1" }))],
        );
        let facts = &journal.into_entries()[0].facts;
        assert!(Value::Object(facts.clone()).to_string().len() <= FACTS_LIMIT);
        assert_eq!(facts["ticket"], "A-1");
        assert!(facts["message"].as_str().unwrap().ends_with('…'));
    }
}
