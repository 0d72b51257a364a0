//! One round of questions to one server, and what its answer is worth. Nothing is kept here.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::catalogue::{Row, Rows};
use super::known::Facts;
use super::prober::Hands;
use super::target::{Place, Problem, Target};
use crate::ports::doc_source::{DocServer, DocSourceError, LiveDocs, Reach, ServerStatus, TicketList};

/// How many of the oddities of a list are named.
const NAMED: usize = 4;

/// What a round brought.
pub struct Answer {
    pub url: String,
    pub facts: Facts,
    /// How long its status took to come: a list is read seldom, and would look like a slow server.
    pub took: Duration,
    /// `None`: the index is the one that is known.
    pub rows: Option<Arc<Rows>>,
}

/// A server that can be asked: where it is now, opened with what its Secret says.
pub struct Found {
    pub server: DocServer,
    /// Which process it is, where the executor runs it.
    live: Option<LiveDocs>,
}

/// Finds an endpoint's server.
pub async fn find(hands: &Hands, target: &Target) -> Result<Found, Problem> {
    match &target.place {
        Place::Paused => Err(Problem::passing("Suspended", "spec.suspend is set: it is not asked")),
        Place::Nowhere(problem) => Err(problem.clone()),
        Place::Written { url, secret } => {
            let bad = |error| Problem::lasting("AddressRefused", format!("spec.url '{url}' is no address: {error}"));
            let credential = match secret {
                Some(name) => Some(hands.credentials.credential(&target.namespace, name).await?),
                None => None,
            };
            let server = DocServer {
                url: Url::parse(url).map_err(bad)?,
                credential,
                reach: Reach::Listed,
            };
            Ok(Found { server, live: None })
        }
        Place::Served { run, ticket } => {
            let live = live(hands, target, run, ticket).await.ok_or_else(|| {
                let why = format!(
                    "no docs server of Run '{run}' for ticket '{ticket}' is up right now; it is started by itself"
                );
                Problem::passing("NotServed", why)
            })?;
            let address = live.address;
            let url = Url::parse(&format!("http://{address}/"));
            let server = DocServer {
                url: url.map_err(|error| Problem::passing("NotServed", error.to_string()))?,
                credential: None,
                reach: Reach::Live { address },
            };
            Ok(Found {
                server,
                live: Some(live),
            })
        }
    }
}

/// The service of this very Run: one of another of its name is none.
async fn live(hands: &Hands, target: &Target, run: &str, ticket: &str) -> Option<LiveDocs> {
    let found = hands.door.live(&target.namespace, run, ticket).await?;
    (target.run_uid.as_ref() == Some(&found.run_uid)).then_some(found)
}

/// Asks, and believes what it hears only if it was the same process all the while: the port of one that ended may be
/// anybody's by then.
pub async fn ask(hands: &Hands, target: &Target, known: Option<&Facts>) -> Result<Answer, Problem> {
    let found = find(hands, target).await?;
    let answer = questions(hands, target, &found.server, known).await;
    let still = match (&target.place, &found.live) {
        (Place::Served { run, ticket }, Some(before)) => {
            live(hands, target, run, ticket).await.as_ref() == Some(before)
        }
        (Place::Served { .. } | Place::Written { .. } | Place::Paused | Place::Nowhere(_), _) => true,
    };
    if !still {
        let why = "the docs server ended while it was asked; what came from its port is not used".to_owned();
        return Err(Problem::passing("NotServed", why));
    }
    answer
}

/// Asks what the server says of itself, and for its tickets only where its index is another than the known one.
async fn questions(
    hands: &Hands,
    target: &Target,
    server: &DocServer,
    known: Option<&Facts>,
) -> Result<Answer, Problem> {
    let began = Instant::now();
    let url = server.url.to_string();
    let left = |began: Instant| {
        target
            .timeout
            .saturating_sub(began.elapsed())
            .max(Duration::from_millis(1))
    };
    let status = hands.source.status(server, left(began)).await.map_err(problem)?;
    let took = began.elapsed();
    let facts = judged(target, &status)?;
    if let Some(known) = known.filter(|known| status.indexed_at.is_some() && same_index(known, &facts)) {
        let facts = known.clone();
        return Ok(Answer {
            url,
            facts,
            took,
            rows: None,
        });
    }
    let list = hands.source.tickets(server, left(began)).await.map_err(problem)?;
    let facts = judged(target, &list.status)?;
    let (facts, rows) = read(facts, list);
    Ok(Answer {
        url,
        facts,
        took,
        rows: Some(Arc::new(rows)),
    })
}

fn same_index(known: &Facts, now: &Facts) -> bool {
    (known.indexed_at, known.docs_indexed, &known.root) == (now.indexed_at, now.docs_indexed, &now.root)
}

/// What the server says of itself, unless it is not the one that was meant.
fn judged(target: &Target, status: &ServerStatus) -> Result<Facts, Problem> {
    if let Some(expected) = target
        .expected_root
        .as_deref()
        .filter(|e| trimmed(e) != trimmed(&status.root))
    {
        let why = format!(
            "the server serves '{}' and not '{expected}', the documents of this workspace: its answers are not used",
            status.root
        );
        return Err(Problem::lasting("RootMismatch", why));
    }
    if status.docs_indexed == 0 {
        let why = format!(
            "the server found no documents below '{}': give it the real folder of the documents (no symbolic link) as \
             its root, then refresh it",
            status.root
        );
        return Err(Problem::lasting("NoDocuments", why));
    }
    Ok(Facts {
        indexed_at: status.indexed_at,
        docs_indexed: i64::try_from(status.docs_indexed).unwrap_or(i64::MAX),
        root: status.root.clone(),
        tickets: 0,
        twice: Vec::new(),
        refused: 0,
        first_refused: None,
    })
}

fn trimmed(path: &str) -> &str {
    path.trim_end_matches('/')
}

fn read(facts: Facts, list: TicketList) -> (Facts, Rows) {
    let mut rows = Rows::new();
    for row in list.rows {
        let key = row.ticket.to_ascii_lowercase();
        let read = |twice| Row {
            ticket: row.ticket.clone(),
            title: row.title.clone(),
            status: row.status.clone(),
            topics: row.topics.clone(),
            updated_at: row.updated_at,
            twice,
        };
        rows.entry(key)
            .and_modify(|first| first.twice = true)
            .or_insert_with(|| read(false));
    }
    let facts = Facts {
        tickets: i64::try_from(rows.len()).unwrap_or(i64::MAX),
        twice: list.duplicates.into_iter().take(NAMED).collect(),
        refused: i64::try_from(list.refused_count).unwrap_or(i64::MAX),
        first_refused: list.refused.first().map(|r| format!("'{}': {}", r.shown, r.why)),
        ..facts
    };
    (facts, rows)
}

/// A failure of the client, as endpoints tell it.
pub fn problem(error: DocSourceError) -> Problem {
    Problem {
        code: error.code.as_str(),
        message: error.message,
        needs_somebody: error.code.needs_somebody(),
    }
}
