//! Lists, changes and counts of questions, and the marks of what was read. Writes only where it is given a transaction.

use sqlx::query::{Query, QueryAs};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, FromRow, Row, Sqlite, SqliteConnection, SqlitePool};

use super::failure::words;
use super::question_filter::{Bound, Conditions};
use crate::kernel::moment::Moment;
use crate::kernel::question::Participant;
use crate::ports::journal::JournalError;
use crate::ports::questions::{
    Changes, ListCursor, Order, Page, PageRequest, Question, QuestionFilter, QueueCount, ReadMark, Waiting, WatchCursor,
};

/// The columns of a question, in the order of [`QuestionRow`]; unread posts and whether a filter takes it come after.
pub const COLUMNS: &str = "t.id, t.opened_ms, t.changed, t.uid, t.namespace, t.name, t.ticket, t.run_id, t.agent_name, \
t.title, t.state, t.state_since, t.waiting_on, t.priority, t.assignee_type, t.assignee, t.opened_at, t.opened_by_type, \
t.opened_by, t.post_count, t.last_post_kind, t.last_post_by, t.last_post_at, t.deadline, t.level, t.escalation_count, \
t.closed_at, t.deleted_at, t.changed_at";

/// Posts of others that stand after what the viewer has read.
pub const UNREAD: &str = "(SELECT count(*) FROM forum_posts p WHERE p.thread_uid = t.uid AND p.author <> ? AND p.seq > \
coalesce((SELECT r.seq FROM forum_reads r WHERE r.viewer = ? AND r.thread_uid = t.uid), 0))";

const DATABASE: &str = "SELECT log_id FROM log WHERE origin = 'live' ORDER BY epoch_ms LIMIT 1";

const FOLDED: &str = "SELECT position FROM projection_cursors WHERE name = 'forum'";

/// The column of a page's rows at which the watch cursor begins.
const SEEN_AT: usize = 31;

const MARK_READ: &str = "
INSERT INTO forum_reads (viewer, thread_uid, seq, at)
SELECT ?1, uid, last_seq, ?4 FROM forum_threads WHERE namespace = ?2 AND name = ?3 ORDER BY id DESC LIMIT 1
ON CONFLICT (viewer, thread_uid) DO UPDATE SET seq = max(seq, excluded.seq), at = excluded.at";

/// A question with whether a filter takes it.
pub struct QuestionRow {
    pub question: Question,
    pub taken: bool,
}

impl FromRow<'_, SqliteRow> for QuestionRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let question = Question {
            id: row.try_get(0)?,
            opened_ms: row.try_get(1)?,
            changed: row.try_get(2)?,
            uid: row.try_get(3)?,
            namespace: row.try_get(4)?,
            name: row.try_get(5)?,
            ticket: row.try_get(6)?,
            run: row.try_get(7)?,
            agent_name: row.try_get(8)?,
            title: row.try_get(9)?,
            state: row.try_get(10)?,
            state_since: row.try_get(11)?,
            waiting_on: row.try_get(12)?,
            priority: row.try_get(13)?,
            assignee_type: row.try_get(14)?,
            assignee: row.try_get(15)?,
            opened_at: row.try_get(16)?,
            opened_by_type: row.try_get(17)?,
            opened_by: row.try_get(18)?,
            posts: row.try_get(19)?,
            last_post_kind: row.try_get(20)?,
            last_post_by: row.try_get(21)?,
            last_post_at: row.try_get(22)?,
            deadline: row.try_get(23)?,
            level: row.try_get(24)?,
            escalations: row.try_get(25)?,
            closed_at: row.try_get(26)?,
            deleted_at: row.try_get(27)?,
            changed_at: row.try_get(28)?,
            unread: row.try_get(29)?,
        };
        let taken = row.try_get(30)?;
        Ok(Self { question, taken })
    }
}

type Asked<'q, T> = QueryAs<'q, Sqlite, T, SqliteArguments>;

fn bound<T>(query: Asked<'_, T>, values: Vec<Bound>) -> Asked<'_, T> {
    values.into_iter().fold(query, |query, value| match value {
        Bound::Text(text) => query.bind(text),
        Bound::Number(number) => query.bind(number),
    })
}

fn fill(query: Query<'_, Sqlite, SqliteArguments>, values: Vec<Bound>) -> Query<'_, Sqlite, SqliteArguments> {
    values.into_iter().fold(query, |query, value| match value {
        Bound::Text(text) => query.bind(text),
        Bound::Number(number) => query.bind(number),
    })
}

fn text(value: &str) -> Bound {
    Bound::Text(value.to_owned())
}

/// One page.
///
/// # Errors
/// The search cannot be read, or the database.
pub async fn list(pool: &SqlitePool, request: &PageRequest) -> Result<Page, JournalError> {
    let mut conditions = Conditions::of(&request.filter)?;
    let (than, direction) = match request.order {
        Order::NewestFirst => ("<", "DESC"),
        Order::OldestFirst => (">", "ASC"),
    };
    if let Some(after) = request.after {
        let after = [Bound::Number(after.opened_ms), Bound::Number(after.id)];
        conditions.add(&format!("(t.opened_ms, t.id) {than} (?, ?)"), after);
    }
    let unread = request.viewer.as_ref().map_or("NULL", |_| UNREAD);
    let limit = request.limit.max(1);
    let statement = format!(
        "SELECT {COLUMNS}, {unread}, true, ({FOLDED}), ({DATABASE}) FROM forum_thread_views t WHERE {} \
         ORDER BY t.opened_ms {direction}, t.id {direction} LIMIT {}",
        conditions.text(),
        // One more than asked for tells whether another page follows. Not bound: SQLite plans a statement anew each time a
        // limit is bound, which takes longer than a page.
        i64::from(limit) + 1
    );
    let viewer = request.viewer.iter().flat_map(|viewer| [text(viewer), text(viewer)]);
    let values: Vec<_> = viewer.chain(conditions.values).collect();
    page(pool, statement, values, limit)
        .await
        .map_err(|error| words(&error))
}

/// Rows and where a watcher stands come from one statement, and so from one moment: at the size of a page, a statement
/// more costs as much as the page. Only where there is no row, both are read again in one transaction.
async fn page(pool: &SqlitePool, statement: String, values: Vec<Bound>, limit: u32) -> Result<Page, sqlx::Error> {
    let mut rows = fill(sqlx::query(AssertSqlSafe(statement.clone())), values.clone())
        .fetch_all(pool)
        .await?;
    let seen = if let Some(row) = rows.first() {
        WatchCursor {
            position: row.try_get(SEEN_AT)?,
            database: row.try_get(SEEN_AT + 1)?,
        }
    } else {
        let mut snapshot = pool.begin().await?;
        let seen = seen(&mut snapshot).await?;
        let again = fill(sqlx::query(AssertSqlSafe(statement)), values);
        rows = again.fetch_all(&mut *snapshot).await?;
        seen
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    let questions: Vec<_> = rows
        .iter()
        .take(limit)
        .map(|row| QuestionRow::from_row(row).map(|row| row.question))
        .collect::<Result<_, _>>()?;
    let last = questions.last().filter(|_| more);
    let next = last.map(|last| ListCursor {
        opened_ms: last.opened_ms,
        id: last.id,
    });
    Ok(Page { questions, next, seen })
}

/// Where a watcher stands that has seen everything that is folded.
async fn seen(connection: &mut SqliteConnection) -> Result<WatchCursor, sqlx::Error> {
    let database = sqlx::query_scalar(DATABASE).fetch_one(&mut *connection).await?;
    let position = sqlx::query_scalar(FOLDED).fetch_one(connection).await?;
    Ok(WatchCursor { database, position })
}

/// What changed after a cursor.
///
/// # Errors
/// The search cannot be read, or the database.
pub async fn watch(
    pool: &SqlitePool,
    after: Option<&WatchCursor>,
    filter: &QuestionFilter,
    limit: u32,
) -> Result<Changes, JournalError> {
    let conditions = Conditions::of(filter)?;
    let changed = async {
        let mut snapshot = pool.begin().await?;
        let mut seen = seen(&mut snapshot).await?;
        let known = after.filter(|after| after.database == seen.database && after.position <= seen.position);
        let statement = format!(
            "SELECT {COLUMNS}, NULL, ({}) FROM forum_thread_views t WHERE t.changed > ? ORDER BY t.changed LIMIT {limit}",
            conditions.text()
        );
        let mut values = conditions.values.clone();
        values.push(Bound::Number(known.map_or(0, |known| known.position)));
        let rows: Vec<QuestionRow> = bound(sqlx::query_as(AssertSqlSafe(statement)), values)
            .fetch_all(&mut *snapshot)
            .await?;
        if rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
            seen.position = rows.last().map_or(seen.position, |row| row.question.changed);
        }
        let questions = rows.into_iter().map(|row| (row.question, row.taken)).collect();
        let restarted = after.is_some() && known.is_none();
        Ok(Changes {
            questions,
            seen,
            restarted,
        })
    };
    changed.await.map_err(|error: sqlx::Error| words(&error))
}

/// How many there are of each sort.
///
/// # Errors
/// Whatever the database says.
pub async fn counts(pool: &SqlitePool, namespace: Option<&str>) -> Result<Vec<QueueCount>, sqlx::Error> {
    type Row = (
        String,
        Option<String>,
        Option<String>,
        Option<String>,
        i64,
        i64,
        Option<String>,
    );
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT namespace, state, priority, waiting_on, threads, escalated, oldest_since FROM forum_thread_stats
         WHERE ?1 IS NULL OR namespace = ?1 ORDER BY namespace, state, priority, waiting_on",
    )
    .bind(namespace)
    .fetch_all(pool)
    .await?;
    let count = |(namespace, state, priority, waiting_on, threads, escalated, oldest_since): Row| QueueCount {
        namespace,
        state,
        priority,
        waiting_on,
        threads,
        escalated,
        oldest_since,
    };
    Ok(rows.into_iter().map(count).collect())
}

/// Questions with a running clock, the next to fall due first.
///
/// # Errors
/// Whatever the database says.
pub async fn board(pool: &SqlitePool, namespace: Option<&str>, limit: u32) -> Result<Vec<Question>, sqlx::Error> {
    let statement = format!(
        "SELECT {COLUMNS}, NULL, true FROM forum_thread_views t
         WHERE t.state IN ('New', 'WaitingHuman') AND t.deleted_at IS NULL AND (?1 IS NULL OR t.namespace = ?1)
           AND (t.deadline IS NOT NULL OR t.level > 0)
         ORDER BY unixepoch(t.deadline, 'subsec') NULLS LAST, t.opened_ms, t.id LIMIT {limit}"
    );
    let rows: Vec<QuestionRow> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(namespace)
        .fetch_all(pool)
        .await?;
    Ok(rows.into_iter().map(|row| row.question).collect())
}

/// What waits for a party.
///
/// # Errors
/// Whatever the database says.
pub async fn waiting(pool: &SqlitePool, party: Participant, name: Option<&str>) -> Result<Waiting, sqlx::Error> {
    let (runs, questions) = sqlx::query_as(
        "SELECT count(DISTINCT run_id), count(*) FROM forum_threads
         WHERE waiting_on = ?1 AND deleted_at IS NULL
           AND (?2 IS NULL OR assignee IS NULL OR assignee_type <> ?1 OR assignee = ?2)",
    )
    .bind(party.as_str())
    .bind(name)
    .fetch_one(pool)
    .await?;
    Ok(Waiting { runs, questions })
}

/// Everything that the thread says now counts as read.
///
/// # Errors
/// Whatever the database says.
pub async fn mark_read(connection: &mut SqliteConnection, mark: &ReadMark, now: Moment) -> Result<bool, sqlx::Error> {
    let marked = sqlx::query(MARK_READ)
        .bind(&mark.viewer)
        .bind(&mark.namespace)
        .bind(&mark.name)
        .bind(now.to_string())
        .execute(connection)
        .await?;
    Ok(marked.rows_affected() > 0)
}
