//! One thread with all that was said and happened, and the ports over the forum's read models. May not write by itself.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, FromRow, SqliteConnection, SqlitePool};

use super::change::Change;
use super::failure::words;
use super::questions::{self, COLUMNS, QuestionRow, UNREAD};
use super::{History, HistoryReader};
use crate::kernel::question::Participant;
use crate::ports::journal::JournalError;
use crate::ports::questions::{
    Archived, Changes, ForumKeeping, Happening, Page, PageRequest, Question, QuestionFilter, Questions, QueueCount,
    ReadMark, Thread, ThreadPost, Waiting, WatchCursor,
};

const MORE: &str = "
SELECT t.choices, t.continued_from, t.closed_by, t.deleted_by,
       (SELECT a.archived_at FROM forum_archive a WHERE a.uid = t.uid) AS archived_at
FROM forum_threads t WHERE t.uid = ?1";

const POSTS: &str = "SELECT * FROM forum_posts WHERE thread_uid = ?1 ORDER BY seq";

const HISTORY: &str = "
SELECT seq, at, 'State' AS what, from_state AS source, to_state AS target, actor_type, actor, attested, cause
FROM forum_state_transitions WHERE thread_uid = ?1
UNION ALL
SELECT seq, at, 'Assignee', from_type || '/' || from_name, to_type || '/' || to_name, actor_type, actor, attested, cause
FROM forum_assignments WHERE thread_uid = ?1
UNION ALL
SELECT seq, at, 'Priority', from_priority, to_priority, actor_type, actor, attested, cause
FROM forum_priorities WHERE thread_uid = ?1
UNION ALL
SELECT seq, at, 'Escalation', state, 'level ' || level || iif(late, ', ' || late_by_seconds || ' s late', ''),
       'System', 'metawsm', 1, 'due ' || deadline
FROM forum_escalations WHERE thread_uid = ?1
ORDER BY seq, what DESC";

#[derive(FromRow)]
struct MoreRow {
    choices: Option<String>,
    continued_from: Option<String>,
    closed_by: Option<String>,
    deleted_by: Option<String>,
    archived_at: Option<String>,
}

#[derive(FromRow)]
struct PostRow {
    seq: i64,
    post_id: String,
    kind: String,
    author_type: String,
    author: String,
    attested: bool,
    via: Option<String>,
    body: String,
    in_reply_to: Option<String>,
    choice: Option<String>,
    at: String,
}

impl PostRow {
    fn into_post(self) -> ThreadPost {
        ThreadPost {
            seq: self.seq,
            id: self.post_id,
            kind: self.kind,
            author_type: self.author_type,
            author: self.author,
            attested: self.attested,
            via: self.via,
            body: self.body,
            in_reply_to: self.in_reply_to,
            choice: self.choice,
            at: self.at,
        }
    }
}

#[derive(FromRow)]
struct HappeningRow {
    seq: i64,
    at: String,
    what: String,
    source: Option<String>,
    target: Option<String>,
    actor_type: String,
    actor: String,
    attested: bool,
    cause: Option<String>,
}

impl HappeningRow {
    fn into_happening(self) -> Happening {
        Happening {
            seq: self.seq,
            at: self.at,
            what: self.what,
            from: self.source,
            to: self.target,
            actor_type: self.actor_type,
            actor: self.actor,
            attested: self.attested,
            cause: self.cause,
        }
    }
}

async fn thread(
    pool: &SqlitePool,
    namespace: &str,
    name: &str,
    viewer: Option<&str>,
) -> Result<Option<Thread>, sqlx::Error> {
    let mut snapshot = pool.begin().await?;
    let Some(question) = youngest(&mut snapshot, namespace, name, viewer).await? else {
        return Ok(None);
    };
    let more: MoreRow = sqlx::query_as(MORE)
        .bind(&question.uid)
        .fetch_one(&mut *snapshot)
        .await?;
    let history: Vec<HappeningRow> = sqlx::query_as(HISTORY)
        .bind(&question.uid)
        .fetch_all(&mut *snapshot)
        .await?;
    let posts: Vec<PostRow> = sqlx::query_as(POSTS)
        .bind(&question.uid)
        .fetch_all(&mut *snapshot)
        .await?;
    Ok(Some(Thread {
        question,
        choices: more.choices.and_then(|choices| serde_json::from_str(&choices).ok()),
        continued_from: more.continued_from,
        closed_by: more.closed_by,
        deleted_by: more.deleted_by,
        archived_at: more.archived_at,
        history: history.into_iter().map(HappeningRow::into_happening).collect(),
        conversation: posts.into_iter().map(PostRow::into_post).collect(),
    }))
}

async fn youngest(
    connection: &mut SqliteConnection,
    namespace: &str,
    name: &str,
    viewer: Option<&str>,
) -> Result<Option<Question>, sqlx::Error> {
    let unread = viewer.map_or("NULL", |_| UNREAD);
    let statement = format!(
        "SELECT {COLUMNS}, {unread}, true FROM forum_thread_views t WHERE t.namespace = ? AND t.name = ?
         ORDER BY t.id DESC LIMIT 1"
    );
    let mut query = sqlx::query_as(AssertSqlSafe(statement));
    if let Some(viewer) = viewer {
        query = query.bind(viewer.to_owned()).bind(viewer.to_owned());
    }
    let row: Option<QuestionRow> = query
        .bind(namespace.to_owned())
        .bind(name.to_owned())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| row.question))
}

#[async_trait]
impl Questions for HistoryReader {
    async fn list_questions(&self, request: &PageRequest) -> Result<Page, JournalError> {
        questions::list(&self.pool, request).await
    }

    async fn get_thread(
        &self,
        namespace: &str,
        name: &str,
        viewer: Option<&str>,
    ) -> Result<Option<Thread>, JournalError> {
        let found = thread(&self.pool, namespace, name, viewer).await;
        found.map_err(|error| words(&error))
    }

    async fn watch_questions(
        &self,
        after: Option<&WatchCursor>,
        filter: &QuestionFilter,
        limit: u32,
    ) -> Result<Changes, JournalError> {
        questions::watch(&self.pool, after, filter, limit).await
    }

    async fn queue_counts(&self, namespace: Option<&str>) -> Result<Vec<QueueCount>, JournalError> {
        let counted = questions::counts(&self.pool, namespace).await;
        counted.map_err(|error| words(&error))
    }

    async fn sla_board(&self, namespace: Option<&str>, limit: u32) -> Result<Vec<Question>, JournalError> {
        let board = questions::board(&self.pool, namespace, limit).await;
        board.map_err(|error| words(&error))
    }

    async fn waiting_for(&self, party: Participant, name: Option<&str>) -> Result<Waiting, JournalError> {
        let waiting = questions::waiting(&self.pool, party, name).await;
        waiting.map_err(|error| words(&error))
    }
}

#[async_trait]
impl ForumKeeping for History {
    async fn mark_read(&self, mark: ReadMark) -> Result<bool, JournalError> {
        self.change(|answer| Change::MarkRead(mark, answer)).await
    }

    async fn archive(&self, archived: Archived) -> Result<(), JournalError> {
        self.change(|answer| Change::Archive(Box::new(archived), answer)).await
    }
}

impl History {
    /// The same file, read-only.
    pub fn reader(&self) -> &HistoryReader {
        &self.readers
    }
}
