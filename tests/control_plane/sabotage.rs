//! That the validator can fail: each invariant is broken on purpose in the stores themselves, and must be found.
//! `sabotage_product` does the same by a product that misbehaves.

use std::path::PathBuf;

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::harness::cluster::variable;
use super::harness::controller::Controller;
use super::harness::forum::{policy, question};
use super::harness::manifests::{run, topology};
use super::harness::stage::Stage;
use super::sabotage_federation::{LOOPBACK, copies_of_a_ticket};
use super::validator::evidence::connected;
use super::validator::{self, Evidence, Invariant, Place, judge};

/// A small history at rest: two topologies, one of them deleted, a ticket's copies on two servers, a suspended Run, a
/// question that was escalated, and one that was closed and archived. The controller is gone.
pub struct Rest {
    pub stage: Stage,
    pub place: Place,
    folder: tempfile::TempDir,
    _controller: Option<Controller>,
}

impl Rest {
    pub async fn new() -> Self {
        let stage = Stage::new().await;
        let settings = stage.controller("one").with("METAWSM_HOUSEKEEPING_INTERVAL", "1s");
        let rules = "sla: {levels: [1s]}\nretention: {closedThreads: 1s}\n";
        let file = policy(&settings.data, rules);
        let settings = settings.with(LOOPBACK.0, LOOPBACK.1);
        let mut controller = settings.with("METAWSM_POLICY", file).lead().await;
        let home = stage.repository("home");
        let _servers = copies_of_a_ticket(&stage, &home.url(), &controller.database()).await;
        for (name, ticket) in [("a-1", "A-1"), ("b-2", "B-2")] {
            stage.create(&topology(name, ticket, ("home", &home.url()))).await;
        }
        stage
            .create(&run("waits", &["C-3"], &[("home", &home)], json!({"suspend": true})))
            .await;
        stage
            .until("Run", "waits", "it is seen", |o| o["status"]["phase"] == "Pending")
            .await;
        stage
            .until("TicketTopology", "b-2", "it is seen", |o| {
                o["status"]["authority"] != Value::Null
            })
            .await;
        // Each endpoint is asked at its own time.
        let rules = |t: &Value| {
            let (authority, beside) = (&t["status"]["authority"], &t["status"]["alternates"][0]);
            authority["endpoint"] == "docs" && beside["endpoint"] == "other"
        };
        stage
            .until("TicketTopology", "a-1", "the home's copy rules beside another", rules)
            .await;
        let asked = json!({"assignee": {"type": "Human", "name": "ada"}});
        stage.create(&question("asks", asked)).await;
        let escalated = |o: &Value| o["status"]["sla"]["level"] == 1;
        stage.until("ForumThread", "asks", "it is escalated", escalated).await;
        stage.create(&question("done", json!({}))).await;
        stage
            .patch("ForumThread", "done", json!({"spec": {"state": "Closed"}}))
            .await;
        stage.until_gone("ForumThread", "done").await;
        stage.delete("TicketTopology", "b-2").await;
        stage.until_gone("TicketTopology", "b-2").await;
        let place = place(&stage, controller.database());
        assert_eq!(validator::flaws(&place).await, vec![], "it is whole before");
        controller.terminate().await;
        assert_eq!(judge(&Evidence::gather(&place).await), vec![], "it is whole at rest");
        let folder = tempfile::tempdir().unwrap();
        Self {
            stage,
            place,
            folder,
            _controller: None,
        }
    }

    /// What is found in a copy of the database that was changed so.
    async fn after_statements(&self, statements: &str) -> Vec<Invariant> {
        let copy = self.folder.path().join(format!("{}.db", uuid::Uuid::new_v4()));
        std::fs::copy(&self.place.database, &copy).unwrap();
        let mut database = SqliteConnectOptions::new()
            .filename(&copy)
            .foreign_keys(false)
            .connect()
            .await
            .unwrap();
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
            .execute(&mut database)
            .await
            .unwrap();
        database.close().await.unwrap();
        found(&Place {
            database: copy,
            ..self.place.clone()
        })
        .await
    }

    /// Each of these is found, and a copy alone is nothing.
    pub async fn finds(&self, cases: impl IntoIterator<Item = (Invariant, String)>) {
        for (broken, statements) in cases {
            let found = self.after_statements(&statements).await;
            assert!(
                found.contains(&broken),
                "{broken:?} was not found after {statements}; found {found:?}"
            );
        }
        assert_eq!(
            self.after_statements("SELECT 1").await,
            [],
            "a copy alone is no sabotage"
        );
    }

    /// What is found in a copy of the streams that was changed so; `{}` in a key stands for the prefix.
    async fn after_redis(&self, command: &[&str]) -> Vec<Invariant> {
        let mut connection = connected(&self.place.redis_url).await;
        let (from, to) = (self.place.redis_prefix.clone(), format!("{}:", uuid::Uuid::new_v4()));
        let pattern = format!("{from}*");
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(pattern)
            .query_async(&mut connection)
            .await
            .unwrap();
        for key in keys {
            let copy = key.replacen(&from, &to, 1);
            redis::cmd("COPY")
                .arg(&key)
                .arg(copy)
                .query_async::<i64>(&mut connection)
                .await
                .unwrap();
        }
        let mut changing = redis::cmd(command[0]);
        for word in &command[1..] {
            changing.arg(word.replace("{}", &to));
        }
        let _: redis::Value = changing.query_async(&mut connection).await.unwrap();
        found(&Place {
            redis_prefix: to,
            ..self.place.clone()
        })
        .await
    }

    /// The id of an event on the stream, by its place.
    async fn id(&self, place: usize) -> String {
        Evidence::gather(&self.place).await.stream[place].id.clone()
    }
}

pub fn place(stage: &Stage, database: PathBuf) -> Place {
    Place {
        client: stage.cluster.client.clone(),
        namespace: stage.namespace().to_owned(),
        database,
        redis_url: variable("METAWSM_TEST_REDIS_URL"),
        redis_prefix: format!("{}:", stage.namespace()),
    }
}

pub async fn found(place: &Place) -> Vec<Invariant> {
    let mut found: Vec<_> = judge(&Evidence::gather(place).await)
        .into_iter()
        .map(|f| f.broken)
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The end of topology `b-2`: a fact with an event.
const END: &str = "type = 'Deleted' AND name = 'b-2'";

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table")]
async fn sabotage_of_the_database_is_found() {
    use Invariant as I;
    let rest = Rest::new().await;
    let one_subject = format!("subject_uid = (SELECT uid FROM audit_log WHERE {END})");
    let cases = [
        (I::EventHasFact, format!("DELETE FROM audit_log WHERE {END}")),
        (
            I::EventHasFact,
            "UPDATE events SET occurred_at = '2001-01-01T00:00:00Z'".into(),
        ),
        (
            I::FactHasEvent,
            "DELETE FROM events WHERE event_type = 'topology.deleted'".into(),
        ),
        (
            I::FactHasEvent,
            "UPDATE events SET data = '{\"ticket\":\"X-9\"}'".into(),
        ),
        (
            I::FactHasEvent,
            "UPDATE events SET event_type = 'topology.conflict'".into(),
        ),
        (
            I::SubjectOrder,
            format!(
                "UPDATE events SET sequence = sequence + 1000 WHERE {one_subject} AND event_type <> 'topology.deleted'"
            ),
        ),
        (
            I::GaplessSequence,
            "UPDATE log SET last_sequence = last_sequence + 1".into(),
        ),
        (
            I::GaplessSequence,
            "UPDATE events SET sequence = 1000 WHERE sequence = 2".into(),
        ),
        (
            I::UniqueEvent,
            format!(
                "UPDATE events SET event_id = '{}' WHERE sequence = 1",
                uuid::Uuid::nil()
            ),
        ),
        (I::StreamIsLog, "UPDATE log SET epoch_ms = epoch_ms + 1".into()),
        (
            I::WholeChain,
            "UPDATE audit_log SET facts = '{}' WHERE type = 'PhaseChanged'".into(),
        ),
        (
            I::WholeChain,
            format!("UPDATE audit_log SET prev_hash = 'sha256:0' WHERE {END}"),
        ),
        (
            I::NoFork,
            format!(
                "INSERT INTO audit_log (kind, namespace, name, uid, seq, at, type, facts, actor_type, actor_name, \
                 prev_hash, hash, recorded_at) SELECT kind, namespace, name, uid, seq, at, type, facts, actor_type, \
                 actor_name, prev_hash, 'other', recorded_at FROM audit_log WHERE {END}"
            ),
        ),
        (I::JournalRecorded, "DELETE FROM audit_log WHERE kind = 'Run'".into()),
        (I::MirrorIsObject, "UPDATE mirror SET status = '{}'".into()),
        (I::MirrorIsObject, "UPDATE mirror SET resource_version = '1'".into()),
        (I::MirrorIsObject, "DELETE FROM mirror WHERE kind = 'Run'".into()),
        (I::MirrorIsObject, "UPDATE mirror SET deleted_at = NULL".into()),
        (
            I::MirrorIsObject,
            "UPDATE mirror SET deleted_at = '2001-01-01T00:00:00Z' WHERE kind = 'Run'".into(),
        ),
        (I::FoldedIsRebuilt, "UPDATE forum_threads SET opened_by = 'eve'".into()),
        (I::FoldedIsRebuilt, "DELETE FROM forum_posts".into()),
        (I::FoldedIsRebuilt, "UPDATE projection_cursors SET position = 1".into()),
        (I::FoldedIsThread, "UPDATE forum_threads SET state = 'Closed'".into()),
        (I::FoldedIsThread, "UPDATE forum_threads SET assignee = NULL".into()),
        (I::FoldedIsThread, "DELETE FROM forum_threads".into()),
        (
            I::NothingUnsent,
            "INSERT INTO outbox SELECT l.epoch_ms, e.sequence, e.position FROM events e JOIN log l USING (log_id)"
                .into(),
        ),
    ];
    rest.finds(cases).await;
}

#[tokio::test]
async fn sabotage_of_the_streams_is_found() {
    use Invariant as I;
    let rest = Rest::new().await;
    let (first, last) = (rest.id(0).await, rest.id(2).await);
    let ordered = "{}metawsm.events";
    let entry = Evidence::gather(&rest.place).await.stream[0].clone();
    let payload = serde_json::to_string(&entry.envelope).unwrap();
    let cases: [(Invariant, Vec<&str>); 6] = [
        (I::StreamIsLog, vec!["XDEL", ordered, &first]),
        (I::StreamIsLog, vec!["XDEL", ordered, &last]),
        (I::StreamIsLog, vec!["DEL", ordered]),
        (
            I::UniqueEvent,
            vec![
                "XADD",
                ordered,
                "*",
                "_watermill_message_uuid",
                &entry.uuid,
                "payload",
                &payload,
            ],
        ),
        (I::TypedStreams, vec!["DEL", "{}topology.events.authority.changed"]),
        (
            I::TypedStreams,
            vec!["XADD", "{}topology.events.deleted", "*", "_watermill_message_uuid", "x"],
        ),
    ];
    for (broken, command) in cases {
        let found = rest.after_redis(&command).await;
        assert!(
            found.contains(&broken),
            "{broken:?} was not found after {command:?}; found {found:?}"
        );
    }
    assert_eq!(rest.after_redis(&["PING"]).await, vec![], "a copy alone is no sabotage");
}

#[tokio::test]
async fn sabotage_of_an_object_is_found() {
    let rest = Rest::new().await;
    let journal = rest.stage.run("waits").await["status"]["journal"].clone();
    let mut longer = journal.as_array().unwrap().clone();
    let mut more = longer.last().unwrap().clone();
    more["seq"] = json!(longer.len() + 1);
    longer.push(more);
    rest.stage
        .patch_status("Run", "waits", json!({ "journal": longer }))
        .await;
    let found = found(&rest.place).await;
    assert!(found.contains(&Invariant::JournalRecorded), "{found:?}");
    assert!(found.contains(&Invariant::MirrorIsObject), "{found:?}");
}
