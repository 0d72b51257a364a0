//! Reads audit lines and the mirror. May not write.

use std::collections::{HashMap, HashSet};

use futures::TryStreamExt as _;
use serde_json::Value;
use sqlx::{FromRow, SqlitePool};

use super::failure::words;
use crate::kernel::actor::{Actor, ActorType};
use crate::kernel::journal::{JournalEntry, RING, digest_of_links};
use crate::kernel::subject::Subject;
use crate::ports::journal::{Held, JournalError, Mirror, Vanished};
use crate::ports::read_model::{AuditFilter, AuditLine};

const AUDIT: &str = "
SELECT * FROM (
    SELECT * FROM audit_log
    WHERE (?1 IS NULL OR namespace = ?1) AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR name = ?3)
    ORDER BY position DESC LIMIT ?4)
ORDER BY position";

/// Hashes of the newest entries, oldest first, several of one seq together; `?2` is the length of a ring.
const HELD: &str = "
SELECT m.uid, m.resource_version, group_concat(a.hash, '' ORDER BY a.seq, a.hash)
FROM mirror m JOIN audit_log a ON a.uid = m.uid
    AND a.seq > (SELECT max(newest.seq) FROM audit_log newest WHERE newest.uid = m.uid) - ?2
WHERE m.kind = ?1 AND m.deleted_at IS NULL
GROUP BY m.uid";

const ALIVE_BUT_GONE: &str = "
SELECT * FROM mirror
WHERE kind = ?1 AND deleted_at IS NULL
  AND (?2 = '[]' OR namespace IN (SELECT value FROM json_each(?2)))
  AND uid NOT IN (SELECT value FROM json_each(?3))
ORDER BY namespace, name";

const LAST_ENTRY: &str = "SELECT * FROM audit_log WHERE uid = ?1 ORDER BY seq DESC, position DESC LIMIT 1";

/// One row of `audit_log`.
#[derive(FromRow)]
pub struct AuditRow {
    pub position: i64,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub seq: i64,
    pub at: String,
    #[sqlx(rename = "type")]
    pub entry_type: String,
    pub facts: String,
    pub actor_type: String,
    pub actor_name: String,
    pub cause: Option<String>,
    pub prev_hash: String,
    pub hash: String,
}

impl AuditRow {
    /// The entry as its object's journal had it; `None` where a field was changed into something else.
    pub fn entry(&self) -> Option<JournalEntry> {
        Some(JournalEntry {
            seq: self.seq,
            at: self.at.parse().ok()?,
            kind: self.entry_type.clone(),
            facts: serde_json::from_str(&self.facts).ok()?,
            actor: Actor {
                kind: actor_type(&self.actor_type)?,
                name: self.actor_name.clone(),
            },
            cause: self.cause.clone(),
            prev_hash: self.prev_hash.clone(),
        })
    }

    fn into_line(self) -> AuditLine {
        AuditLine {
            facts: serde_json::from_str(&self.facts).unwrap_or(Value::String(self.facts)),
            position: self.position,
            kind: self.kind,
            namespace: self.namespace,
            name: self.name,
            uid: self.uid,
            seq: self.seq,
            at: self.at,
            entry_type: self.entry_type,
            actor_type: self.actor_type,
            actor_name: self.actor_name,
            cause: self.cause,
            hash: self.hash,
            prev_hash: self.prev_hash,
        }
    }
}

fn actor_type(word: &str) -> Option<ActorType> {
    [
        ActorType::Agent,
        ActorType::Operator,
        ActorType::Human,
        ActorType::System,
    ]
    .into_iter()
    .find(|kind| kind.as_str() == word)
}

#[derive(FromRow)]
struct MirrorRow {
    uid: String,
    kind: String,
    namespace: String,
    name: String,
    resource_version: String,
    generation: i64,
    created_at: String,
    spec: String,
    status: String,
}

/// Audit lines, oldest first.
///
/// # Errors
/// The database cannot be read.
pub async fn audit(pool: &SqlitePool, filter: &AuditFilter) -> Result<Vec<AuditLine>, JournalError> {
    let rows: Vec<AuditRow> = sqlx::query_as(AUDIT)
        .bind(&filter.namespace)
        .bind(&filter.kind)
        .bind(&filter.name)
        .bind(filter.limit)
        .fetch_all(pool)
        .await
        .map_err(|error| words(&error))?;
    Ok(rows.into_iter().map(AuditRow::into_line).collect())
}

/// What is recorded of every object of a kind that is mirrored as alive.
///
/// # Errors
/// As the database says.
pub async fn held(pool: &SqlitePool, kind: &str) -> Result<HashMap<String, Held>, JournalError> {
    let mut rows = sqlx::query_as::<_, (String, String, String)>(HELD)
        .bind(kind)
        .bind(i64::try_from(RING).unwrap_or(i64::MAX))
        .fetch(pool);
    let mut held = HashMap::new();
    while let Some((uid, resource_version, hashes)) = rows.try_next().await.map_err(|error| words(&error))? {
        let links = digest_of_links([hashes.as_str()]);
        held.insert(
            uid,
            Held {
                resource_version,
                links,
            },
        );
    }
    Ok(held)
}

/// Objects mirrored as alive that are not among `alive`.
///
/// # Errors
/// The database cannot be read, or a row was changed by hand.
pub async fn vanished(
    pool: &SqlitePool,
    kind: &str,
    namespaces: &[String],
    alive: &HashSet<String>,
) -> Result<Vec<Vanished>, JournalError> {
    let rows: Vec<MirrorRow> = sqlx::query_as(ALIVE_BUT_GONE)
        .bind(kind)
        .bind(Value::from(namespaces.to_vec()).to_string())
        .bind(alive.iter().cloned().collect::<Value>().to_string())
        .fetch_all(pool)
        .await
        .map_err(|error| words(&error))?;
    let mut gone = Vec::with_capacity(rows.len());
    for row in rows {
        let last: Option<AuditRow> = sqlx::query_as(LAST_ENTRY)
            .bind(&row.uid)
            .fetch_optional(pool)
            .await
            .map_err(|error| words(&error))?;
        gone.push(row.into_vanished(last.and_then(|last| last.entry())));
    }
    Ok(gone)
}

impl MirrorRow {
    fn into_vanished(self, last: Option<JournalEntry>) -> Vanished {
        let mirror = Mirror {
            resource_version: self.resource_version,
            generation: self.generation,
            created_at: self.created_at,
            spec: self.spec,
            status: self.status,
            deleted: false,
        };
        let subject = Subject {
            kind: self.kind,
            namespace: self.namespace,
            name: self.name,
            uid: self.uid,
        };
        Vanished { subject, last, mirror }
    }
}
