//! What `forum list` costs beside the raw prepared statement for the same rows, at a million events, in one run and in
//! turn; and how fast events are folded. Goal: at most 1.5 times the raw statement.
//!
//! `BENCH_EVENTS` sets how many events (1000000), `BENCH_ROUNDS` the rounds (200), `BENCH_DIR` the folder.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metawsm::adapters::sqlite::History;
use metawsm::adapters::system_clock::SystemClock;
use metawsm::kernel::question::{QuestionState, Turn, Urgency};
use metawsm::ports::questions::{PageRequest, QuestionFilter, Questions};
use metawsm::projections::Projector;
use metawsm::projections::metrics::ProjectionMetrics;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};

/// Events of one thread: opened, three posts, two changes of state, an escalation, an assignment.
const EACH: i64 = 8;
const LIMIT: u32 = 50;

const COLUMNS: &str = "t.id, t.opened_ms, t.changed, t.uid, t.namespace, t.name, t.ticket, t.run_id, t.agent_name, t.title, \
t.state, t.state_since, t.waiting_on, t.priority, t.assignee_type, t.assignee, t.opened_at, t.opened_by_type, t.opened_by, \
t.post_count, t.last_post_kind, t.last_post_by, t.last_post_at, t.deadline, t.level, t.escalation_count, t.closed_at, \
t.deleted_at, t.changed_at";

fn number(name: &str, otherwise: i64) -> i64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

#[tokio::main]
async fn main() {
    let events = number("BENCH_EVENTS", 1_000_000);
    let rounds = usize::try_from(number("BENCH_ROUNDS", 200)).unwrap_or(200);
    let place = std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let place = tempfile::tempdir_in(place).unwrap();
    let path = place.path().join("history.db");
    let history = Arc::new(History::open(&path, Arc::new(SystemClock)).await.unwrap());
    let mut raw = SqliteConnectOptions::new()
        .filename(&path)
        .foreign_keys(false)
        .connect()
        .await
        .unwrap();
    fill(&mut raw, events / EACH).await;
    let projector = Projector::new(history.clone(), Arc::new(SystemClock), ProjectionMetrics::default());
    let began = Instant::now();
    let folded = projector.catch_up().await.unwrap();
    let took = began.elapsed();
    #[allow(clippy::cast_precision_loss, reason = "for people to read")]
    let rate = folded as f64 / took.as_secs_f64();
    println!("folded {folded} events in {took:.1?}: {rate:.0} events/s\n");
    println!(
        "{:>34}  {:>5} {:>10} {:>10} {:>7}",
        "filter", "rows", "raw", "list", "ratio"
    );
    for case in cases() {
        measure(&history, &mut raw, rounds, case).await;
    }
}

/// A filter, and the same as text with what it binds.
struct Case {
    name: &'static str,
    filter: QuestionFilter,
    condition: &'static str,
    values: &'static [&'static str],
}

impl Case {
    fn of(
        name: &'static str,
        filter: QuestionFilter,
        condition: &'static str,
        values: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            filter,
            condition,
            values,
        }
    }
}

/// Threads of which the title or a post has the word.
const WORDS: &str = "
AND t.uid IN (SELECT h.uid FROM forum_title_words w JOIN forum_threads h ON h.id = w.rowid
              WHERE forum_title_words MATCH ?
              UNION ALL
              SELECT p.thread_uid FROM forum_body_words w JOIN forum_posts p ON p.id = w.rowid
              WHERE forum_body_words MATCH ?)";

fn cases() -> Vec<Case> {
    let base = QuestionFilter::default;
    let of_state = QuestionFilter {
        states: vec![QuestionState::WaitingHuman],
        ..base()
    };
    let of_ticket = QuestionFilter {
        ticket: Some("T-77".into()),
        ..base()
    };
    vec![
        Case::of("none", base(), "", &[]),
        Case::of("state", of_state.clone(), "AND t.state = ?", &["WaitingHuman"]),
        Case::of("ticket", of_ticket.clone(), "AND t.ticket = ?", &["T-77"]),
        Case::of(
            "ticket, state, priority",
            QuestionFilter {
                states: of_state.states,
                priorities: vec![Urgency::High],
                ..of_ticket
            },
            "AND t.ticket = ? AND t.state = ? AND t.priority = ?",
            &["T-77", "WaitingHuman", "High"],
        ),
        Case::of(
            "assignee, turn",
            QuestionFilter {
                assignee: Some("person-5".into()),
                waiting_on: Some(Turn::Human),
                ..base()
            },
            "AND t.assignee = ? AND t.waiting_on = ?",
            &["person-5", "Human"],
        ),
        Case::of(
            "run",
            QuestionFilter {
                run: Some("demo/run-12".into()),
                ..base()
            },
            "AND t.run_id = ?",
            &["demo/run-12"],
        ),
        Case::of(
            "text (rare word)",
            QuestionFilter {
                text: Some("rare77".into()),
                ..base()
            },
            WORDS,
            &["\"rare77\"*", "\"rare77\"*"],
        ),
    ]
}

async fn measure(history: &History, raw: &mut SqliteConnection, rounds: usize, case: Case) {
    let request = PageRequest {
        filter: case.filter,
        limit: LIMIT,
        ..PageRequest::default()
    };
    let statement = format!(
        "SELECT {COLUMNS}, NULL, true FROM forum_thread_views t WHERE t.deleted_at IS NULL {} \
         ORDER BY t.opened_ms DESC, t.id DESC LIMIT {}",
        case.condition,
        LIMIT + 1
    );
    let (mut bare, mut lists, mut rows) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        let began = Instant::now();
        let prepared = sqlx::query(AssertSqlSafe(statement.as_str()));
        let bound = case.values.iter().fold(prepared, |query, value| query.bind(*value));
        let found = bound.fetch_all(&mut *raw).await.unwrap();
        bare.push(began.elapsed());
        let began = Instant::now();
        let page = history.reader().list_questions(&request).await.unwrap();
        lists.push(began.elapsed());
        rows = page.questions.len();
        assert_eq!(rows, found.len().min(usize::try_from(LIMIT).unwrap()));
        assert!(rows > 0, "{} finds something", case.name);
        assert_eq!(page.questions[0].uid, found[0].get::<String, _>(3));
    }
    let (raw, list) = (median(&mut bare), median(&mut lists));
    let ratio = list.as_secs_f64() / raw.as_secs_f64();
    println!("{:>34}  {rows:>5} {raw:>10.1?} {list:>10.1?} {ratio:>7.2}", case.name);
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Writes the events as the recording would, without what folding does not look at.
async fn fill(raw: &mut SqliteConnection, threads: i64) {
    let log: String = sqlx::query_scalar("SELECT log_id FROM log")
        .fetch_one(&mut *raw)
        .await
        .unwrap();
    let began = Instant::now();
    sqlx::query("PRAGMA synchronous = OFF")
        .execute(&mut *raw)
        .await
        .unwrap();
    for first in (0..threads).step_by(20_000) {
        let mut statement = String::new();
        write!(
            statement,
            "WITH RECURSIVE threads(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM threads WHERE n + 1 < {last}),
             steps(seq, type, data) AS (VALUES
               (1, 'forum.thread.opened', '{{\"title\":\"How is %n meant, rare%n?\",\"state\":\"New\",\"priority\":\"%p\"}}'),
               (2, 'forum.post.added', '{{\"id\":\"q\",\"kind\":\"Question\",\"body\":\"%b\"}}'),
               (3, 'forum.state.changed', '{{\"from\":\"New\",\"to\":\"WaitingHuman\",\"since\":\"2026-01-01T00:00:00Z\"}}'),
               (4, 'forum.assigned', '{{\"to\":{{\"type\":\"Human\",\"name\":\"person-%a\"}}}}'),
               (5, 'forum.sla.escalation_requested', '{{\"state\":\"WaitingHuman\",\"stateSince\":\"2026-01-01T00:00:00Z\",\"level\":1,\"deadline\":\"2026-01-01T00:30:00Z\"}}'),
               (6, 'forum.post.added', '{{\"id\":\"c\",\"kind\":\"Comment\",\"body\":\"%b\"}}'),
               (7, 'forum.post.added', '{{\"id\":\"a\",\"kind\":\"Answer\",\"body\":\"%b\"}}'),
               (8, 'forum.state.changed', '{{\"from\":\"WaitingHuman\",\"to\":\"%s\",\"since\":\"2026-01-01T01:00:00Z\"}}'))
             INSERT INTO events (log_id, sequence, event_id, event_type, event_version, occurred_at, thread_id, run_id, ticket,
               agent_name, actor_type, actor_name, actor_attested, correlation_id, subject, subject_uid, subject_seq, data,
               content_hash, recorded_at, source)
             SELECT '{log}', n * 8 + seq,
               substr(h, 1, 8) || '-0000-4000-8000-' || substr(h, 9, 12), type, 1,
               strftime('%Y-%m-%dT%H:%M:%SZ', 1700000000 + n, 'unixepoch'), 'demo/q-' || n, 'demo/run-' || (n % 1000),
               'T-' || (n % 5000), 'coder', 'Agent', 'coder', 1, 'uid-' || n, 'ForumThread/demo/q-' || n, 'uid-' || n, seq,
               replace(replace(replace(replace(replace(data, '%n', n), '%p', iif(n / 5000 % 3 = 0, 'High', 'Normal')),
                 '%a', n % 50), '%s', iif(n / 5000 % 2 = 0, 'WaitingHuman', iif(n % 4 = 1, 'Answered', 'Closed'))),
                 '%b', 'Some words about the relay and its retries, thread ' || n),
               '', '2026-01-01T00:00:00Z', 'live'
             FROM (SELECT n, seq, type, data, printf('%08x%012x', n, seq) AS h FROM threads CROSS JOIN steps ORDER BY n, seq)",
            last = (first + 20_000).min(threads),
        )
        .unwrap();
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *raw).await.unwrap();
    }
    println!("wrote {} events in {:.1?}", threads * EACH, began.elapsed());
}
