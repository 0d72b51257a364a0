//! What the three stores hold, as plain values. Judges nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use kube::api::{Api, DynamicObject, ListParams};
use kube::core::ApiResource;
use kube::{Client, CustomResourceExt as _};
use metawsm::adapters::redis::streams::StreamNames;
use metawsm::controller::kind::Kind;
use metawsm::doc_endpoint::crd::DocEndpoint;
use metawsm::forum_thread::ThreadKind;
use metawsm::forum_thread::crd::ForumThread;
use metawsm::kernel::envelope::Envelope;
use metawsm::kernel::journal::JournalEntry;
use metawsm::run::crd::Run;
use metawsm::ticket_topology::crd::TicketTopology;
use redis::AsyncCommands as _;
use redis::streams::StreamRangeReply;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, FromRow, SqliteConnection};

use super::federated::Federated;
use super::folded::folded_and_rebuilt;

/// How long Redis may take to answer, and a process that begins or ends may hold the database.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the stores of one controller are.
#[derive(Clone)]
pub struct Place {
    pub client: Client,
    pub namespace: String,
    pub database: PathBuf,
    pub redis_url: String,
    pub redis_prefix: String,
}

/// Everything that the invariants are about.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub objects: Vec<Object>,
    pub audit: Vec<Fact>,
    pub events: Vec<Event>,
    pub logs: Vec<Log>,
    pub mirrors: Vec<Mirror>,
    /// Threads that were kept when they left the cluster.
    pub archived: Vec<Archived>,
    /// What is kept of servers of documents.
    pub federated: Federated,
    /// Every row that was folded from events, as JSON; and the same after a rebuild in a copy of the database.
    pub folded: Vec<String>,
    pub rebuilt: Vec<String>,
    /// How many events are not folded yet.
    pub behind: i64,
    /// How many events wait to be sent.
    pub unsent: i64,
    /// The stream of all events.
    pub stream: Vec<Entry>,
    /// The streams of one type each, by the type's name.
    pub typed: BTreeMap<String, Vec<Entry>>,
}

/// An object of ours at the API server; spec and status as the program reads them.
#[derive(Clone, Debug)]
pub struct Object {
    pub kind: String,
    pub name: String,
    pub uid: String,
    pub resource_version: String,
    /// It is on its way out.
    pub deleting: bool,
    pub spec: Value,
    pub status: Value,
    pub journal: Vec<JournalEntry>,
}

/// A row of the audit log.
#[derive(Clone, Debug, FromRow)]
#[allow(clippy::struct_field_names, reason = "the names of the columns")]
pub struct Fact {
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

/// A row of the event log.
#[derive(Clone, Debug, FromRow)]
#[allow(clippy::struct_field_names, reason = "the names of the columns")]
pub struct Event {
    pub log_id: String,
    pub epoch_ms: i64,
    pub sequence: i64,
    pub event_id: String,
    pub event_type: String,
    pub occurred_at: String,
    pub subject: String,
    pub subject_uid: String,
    pub subject_seq: i64,
    pub data: String,
    pub source: String,
}

/// A log that sequences count in.
#[derive(Clone, Debug, FromRow)]
#[allow(clippy::struct_field_names, reason = "the names of the columns")]
pub struct Log {
    pub log_id: String,
    pub last_sequence: i64,
    pub origin: String,
}

/// What the mirror says about an object.
#[derive(Clone, Debug, FromRow)]
pub struct Mirror {
    pub uid: String,
    pub kind: String,
    pub name: String,
    pub resource_version: String,
    pub spec: String,
    pub status: String,
    pub deleted_at: Option<String>,
}

/// A thread that was kept when it left the cluster.
#[derive(Clone, Debug, FromRow)]
pub struct Archived {
    pub uid: String,
    pub name: String,
    pub object: String,
}

/// An entry of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub id: String,
    /// `_watermill_message_uuid`.
    pub uuid: String,
    /// `None` where the payload is no envelope.
    pub envelope: Option<Envelope>,
}

impl Evidence {
    /// Reads everything.
    pub async fn gather(place: &Place) -> Self {
        let options = SqliteConnectOptions::new().filename(&place.database).read_only(true);
        let options = options.busy_timeout(PATIENCE);
        let mut database = options.connect().await.expect("the database can be read");
        let events: Vec<Event> = all(
            &mut database,
            "SELECT l.epoch_ms, e.* FROM events e JOIN log l ON l.log_id = e.log_id ORDER BY l.epoch_ms, e.sequence",
        )
        .await;
        let audit: Vec<Fact> = all(&mut database, "SELECT * FROM audit_log ORDER BY uid, seq").await;
        // The types that facts have events of; one whose event is missing everywhere is found by the facts themselves.
        let mut wanted: Vec<_> = events.iter().map(|e| e.event_type.clone()).collect();
        wanted.sort();
        wanted.dedup();
        let (stream, typed) = streams(place, &wanted).await;
        let (folded, rebuilt) = folded_and_rebuilt(&mut database).await;
        Self {
            federated: Federated::read(&mut database, &place.namespace).await,
            folded,
            rebuilt,
            behind: sqlx::query_scalar(
                "SELECT count(*) FROM events WHERE position > (SELECT position FROM projection_cursors)",
            )
            .fetch_one(&mut database)
            .await
            .unwrap(),
            objects: objects(place).await,
            logs: all(&mut database, "SELECT * FROM log").await,
            mirrors: all(&mut database, "SELECT * FROM mirror").await,
            archived: all(&mut database, "SELECT * FROM forum_archive").await,
            unsent: sqlx::query_scalar("SELECT count(*) FROM outbox")
                .fetch_one(&mut database)
                .await
                .unwrap(),
            audit,
            events,
            stream,
            typed,
        }
    }
}

async fn all<T>(database: &mut SqliteConnection, query: &'static str) -> Vec<T>
where
    T: for<'r> FromRow<'r, sqlx::sqlite::SqliteRow> + Send + Unpin,
{
    sqlx::query_as(query)
        .fetch_all(database)
        .await
        .expect("the database answers")
}

async fn objects(place: &Place) -> Vec<Object> {
    let mut found = Vec::new();
    for resource in [
        Run::api_resource(),
        TicketTopology::api_resource(),
        DocEndpoint::api_resource(),
        ForumThread::api_resource(),
    ] {
        let kind = resource.kind.clone();
        for object in list(place, &resource).await {
            found.push(read(&kind, object));
        }
    }
    found
}

async fn list(place: &Place, resource: &ApiResource) -> Vec<DynamicObject> {
    let api: Api<DynamicObject> = Api::namespaced_with(place.client.clone(), &place.namespace, resource);
    api.list(&ListParams::default())
        .await
        .expect("the API server answers")
        .items
}

/// Through the program's own types, as the mirror is written; unknown fields are not its business.
fn read(kind: &str, object: DynamicObject) -> Object {
    let meta = object.metadata.clone();
    let value = serde_json::to_value(object).unwrap();
    let typed = match kind {
        "Run" => serde_json::from_value::<Run>(value).map(|r| json!({ "spec": r.spec, "status": r.status })),
        "DocEndpoint" => {
            serde_json::from_value::<DocEndpoint>(value).map(|e| json!({ "spec": e.spec, "status": e.status }))
        }
        "ForumThread" => serde_json::from_value::<ForumThread>(value).map(|t| {
            let spec: Value = serde_json::from_str(&ThreadKind::spec(&t)).expect("the mirror is JSON");
            json!({ "spec": spec, "status": t.status })
        }),
        _ => serde_json::from_value::<TicketTopology>(value).map(|t| json!({ "spec": t.spec, "status": t.status })),
    };
    let typed = typed.expect("the object can be read");
    Object {
        kind: kind.to_owned(),
        name: meta.name.unwrap_or_default(),
        uid: meta.uid.unwrap_or_default(),
        resource_version: meta.resource_version.unwrap_or_default(),
        deleting: meta.deletion_timestamp.is_some(),
        journal: serde_json::from_value(typed["status"]["journal"].clone()).unwrap_or_default(),
        spec: typed["spec"].clone(),
        status: typed["status"].clone(),
    }
}

/// A connection for a machine that may be busier than the client's own deadlines allow for.
pub async fn connected(url: &str) -> redis::aio::MultiplexedConnection {
    let patient = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let client = redis::Client::open(url).unwrap();
    let connecting = client.get_multiplexed_async_connection_with_config(&patient);
    connecting.await.expect("Redis answers")
}

async fn streams(place: &Place, wanted: &[String]) -> (Vec<Entry>, BTreeMap<String, Vec<Entry>>) {
    let names = StreamNames::new(&place.redis_prefix);
    let mut connection = connected(&place.redis_url).await;
    let mut typed = BTreeMap::new();
    for event_type in wanted {
        let stream = names.of_type(event_type);
        typed.insert(
            event_type.clone(),
            entries(&connection.xrange_all(&stream).await.unwrap()),
        );
    }
    let ordered = names.ordered();
    (entries(&connection.xrange_all(&ordered).await.unwrap()), typed)
}

fn entries(reply: &StreamRangeReply) -> Vec<Entry> {
    let entry = |e: &redis::streams::StreamId| Entry {
        id: e.id.clone(),
        uuid: e.get("_watermill_message_uuid").unwrap_or_default(),
        envelope: e
            .get::<String>("payload")
            .and_then(|text| serde_json::from_str(&text).ok()),
    };
    reply.ids.iter().map(entry).collect()
}
