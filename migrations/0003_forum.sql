-- The forum as people read it: folded from `events`, in the order of `position`. Everything here but `forum_reads` can be
-- built again (`metawsm db rebuild`). Released migrations are never edited.

-- How far each projection has folded. It moves in the transaction that writes what was folded.
CREATE TABLE projection_cursors (
    name     TEXT NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL CHECK (position >= 0),
    moved_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO projection_cursors (name, position, moved_at) VALUES ('forum', 0, '1970-01-01T00:00:00Z');

-- One row per thread that ever was. A field holds what the event of the greatest `…_seq` said, so that the order in
-- which events were read does not matter. `id` is the position of the event that was folded first: it never changes.
CREATE TABLE forum_threads (
    id               INTEGER PRIMARY KEY,
    uid              TEXT NOT NULL UNIQUE,
    namespace        TEXT NOT NULL,
    name             TEXT NOT NULL,
    ticket           TEXT COLLATE NOCASE,
    run_id           TEXT,
    agent_name       TEXT,
    title            TEXT,
    choices          TEXT CHECK (choices IS NULL OR json_valid(choices)),
    continued_from   TEXT,
    docs_sync        TEXT,
    first_seq        INTEGER NOT NULL,
    opened_at        TEXT NOT NULL,
    opened_ms        INTEGER NOT NULL,
    opened_by_type   TEXT,
    opened_by        TEXT,
    state            TEXT,
    state_since      TEXT,
    state_seq        INTEGER NOT NULL,
    waiting_on       TEXT,
    priority         TEXT,
    priority_seq     INTEGER NOT NULL,
    assignee_type    TEXT,
    assignee         TEXT,
    assigned_seq     INTEGER NOT NULL,
    post_count       INTEGER NOT NULL DEFAULT 0,
    last_post_seq    INTEGER NOT NULL,
    last_post_at     TEXT,
    last_post_kind   TEXT,
    last_post_by     TEXT,
    escalation_count INTEGER NOT NULL DEFAULT 0,
    escalated_seq    INTEGER NOT NULL,
    escalated_at     TEXT,
    escalated_level  INTEGER NOT NULL,
    closed_at        TEXT,
    closed_by        TEXT,
    deleted_at       TEXT,
    deleted_by       TEXT,
    deleted_inferred INTEGER NOT NULL CHECK (deleted_inferred IN (0, 1)),
    last_seq         INTEGER NOT NULL,
    changed_at       TEXT NOT NULL,
    -- Position of the last event that was folded in: what watchers wait for.
    changed          INTEGER NOT NULL
) STRICT;
CREATE INDEX forum_threads_by_name     ON forum_threads (namespace, name, id);
CREATE INDEX forum_threads_by_opening  ON forum_threads (opened_ms, id);
CREATE INDEX forum_threads_by_state    ON forum_threads (state, opened_ms, id);
CREATE INDEX forum_threads_by_ticket   ON forum_threads (ticket, opened_ms, id);
CREATE INDEX forum_threads_by_run      ON forum_threads (run_id, opened_ms, id);
CREATE INDEX forum_threads_by_assignee ON forum_threads (assignee, opened_ms, id);
CREATE INDEX forum_threads_by_turn     ON forum_threads (waiting_on, opened_ms, id);
CREATE INDEX forum_threads_by_change   ON forum_threads (changed);

-- `id` is the position of the post's event.
CREATE TABLE forum_posts (
    id          INTEGER PRIMARY KEY,
    thread_uid  TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    post_id     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    author_type TEXT NOT NULL,
    author      TEXT NOT NULL,
    attested    INTEGER NOT NULL CHECK (attested IN (0, 1)),
    via         TEXT,
    body        TEXT NOT NULL,
    in_reply_to TEXT,
    choice      TEXT,
    at          TEXT NOT NULL,
    UNIQUE (thread_uid, seq)
) STRICT;

-- What became of a thread, a row per fact: states, assignments, priorities, escalations.
CREATE TABLE forum_state_transitions (
    thread_uid TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    from_state TEXT,
    to_state   TEXT NOT NULL,
    since      TEXT NOT NULL,
    num        INTEGER,
    actor_type TEXT NOT NULL,
    actor      TEXT NOT NULL,
    attested   INTEGER NOT NULL CHECK (attested IN (0, 1)),
    cause      TEXT,
    at         TEXT NOT NULL,
    PRIMARY KEY (thread_uid, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE forum_assignments (
    thread_uid TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    from_type  TEXT,
    from_name  TEXT,
    to_type    TEXT,
    to_name    TEXT,
    num        INTEGER,
    actor_type TEXT NOT NULL,
    actor      TEXT NOT NULL,
    attested   INTEGER NOT NULL CHECK (attested IN (0, 1)),
    cause      TEXT,
    at         TEXT NOT NULL,
    PRIMARY KEY (thread_uid, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE forum_priorities (
    thread_uid    TEXT NOT NULL,
    seq           INTEGER NOT NULL,
    from_priority TEXT,
    to_priority   TEXT NOT NULL,
    num           INTEGER,
    actor_type    TEXT NOT NULL,
    actor         TEXT NOT NULL,
    attested      INTEGER NOT NULL CHECK (attested IN (0, 1)),
    cause         TEXT,
    at            TEXT NOT NULL,
    PRIMARY KEY (thread_uid, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE forum_escalations (
    thread_uid      TEXT NOT NULL,
    seq             INTEGER NOT NULL,
    event_id        TEXT NOT NULL,
    state           TEXT NOT NULL,
    state_since     TEXT NOT NULL,
    level           INTEGER NOT NULL,
    deadline        TEXT NOT NULL,
    late            INTEGER NOT NULL CHECK (late IN (0, 1)),
    late_by_seconds INTEGER NOT NULL,
    at              TEXT NOT NULL,
    PRIMARY KEY (thread_uid, seq)
) STRICT, WITHOUT ROWID;

-- Up to which of a thread's facts somebody has read. The only thing that no other store knows.
CREATE TABLE forum_reads (
    viewer     TEXT NOT NULL,
    thread_uid TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    at         TEXT NOT NULL,
    PRIMARY KEY (viewer, thread_uid)
) STRICT, WITHOUT ROWID;

-- A thread of which events were folded away: all its rows as they were then. A rebuild begins with these.
CREATE TABLE projection_snapshots (
    thread_uid TEXT NOT NULL PRIMARY KEY,
    position   INTEGER NOT NULL,
    rows       TEXT NOT NULL CHECK (json_valid(rows)),
    taken_at   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Events of these subjects up to `seq` were folded away: what is recorded again of them is nothing new.
CREATE TABLE folded_subjects (
    subject_uid TEXT NOT NULL PRIMARY KEY,
    seq         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Up to this sequence the events of a log were folded away.
ALTER TABLE log ADD COLUMN folded_sequence INTEGER NOT NULL DEFAULT 0;

-- A closed thread as it was when it left the cluster.
CREATE TABLE forum_archive (
    uid              TEXT NOT NULL PRIMARY KEY,
    namespace        TEXT NOT NULL,
    name             TEXT NOT NULL,
    resource_version TEXT NOT NULL,
    object           TEXT NOT NULL CHECK (json_valid(object)),
    archived_at      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Words of titles and bodies. The texts themselves stay where they are.
CREATE VIRTUAL TABLE forum_title_words USING fts5 (title, content = 'forum_threads', content_rowid = 'id');
CREATE VIRTUAL TABLE forum_body_words USING fts5 (body, content = 'forum_posts', content_rowid = 'id');

CREATE TRIGGER forum_threads_added AFTER INSERT ON forum_threads BEGIN
    INSERT INTO forum_title_words (rowid, title) VALUES (new.id, new.title);
END;
CREATE TRIGGER forum_threads_titled AFTER UPDATE OF title ON forum_threads WHEN old.title IS NOT new.title BEGIN
    INSERT INTO forum_title_words (forum_title_words, rowid, title) VALUES ('delete', old.id, old.title);
    INSERT INTO forum_title_words (rowid, title) VALUES (new.id, new.title);
END;
CREATE TRIGGER forum_threads_removed AFTER DELETE ON forum_threads BEGIN
    INSERT INTO forum_title_words (forum_title_words, rowid, title) VALUES ('delete', old.id, old.title);
END;
CREATE TRIGGER forum_posts_added AFTER INSERT ON forum_posts BEGIN
    INSERT INTO forum_body_words (rowid, body) VALUES (new.id, new.body);
END;
CREATE TRIGGER forum_posts_removed AFTER DELETE ON forum_posts BEGIN
    INSERT INTO forum_body_words (forum_body_words, rowid, body) VALUES ('delete', old.id, old.body);
END;

CREATE VIEW forum_events AS
SELECT position, log_id, sequence, event_id, event_type, occurred_at, thread_id, run_id, ticket, agent_name, actor_type,
       actor_name, actor_attested, correlation_id, causation_id, subject_uid AS thread_uid, subject_seq AS seq, data,
       recorded_at, source
FROM events
WHERE event_type GLOB 'forum.*';

-- A thread as lists show it. What only the object's status knows comes from the mirror; so does the title of a thread
-- whose opening was lost with an earlier database.
CREATE VIEW forum_thread_views AS
SELECT t.id, t.uid, t.namespace, t.name, t.ticket, t.run_id, t.agent_name,
       coalesce(t.title, m.spec ->> '$.title') AS title,
       t.choices, t.continued_from, t.docs_sync, t.opened_at, t.opened_ms, t.opened_by_type, t.opened_by,
       t.state, t.state_since, t.waiting_on, t.priority, t.assignee_type, t.assignee, t.post_count,
       t.last_post_seq, t.last_post_at, t.last_post_kind, t.last_post_by,
       t.escalation_count, t.escalated_at, iif(t.escalated_seq > t.state_seq, t.escalated_level, 0) AS level,
       iif(m.deleted_at IS NULL, m.status ->> '$.sla.deadline', NULL) AS deadline,
       t.closed_at, t.closed_by, t.deleted_at, t.deleted_by, t.deleted_inferred,
       t.last_seq, t.changed_at, t.changed
FROM forum_threads t LEFT JOIN mirror m ON m.uid = t.uid;

-- How many questions there are of each sort.
CREATE VIEW forum_thread_stats AS
SELECT namespace, state, priority, waiting_on, count(*) AS threads, sum(post_count) AS posts,
       sum(escalated_seq > state_seq) AS escalated, min(state_since) AS oldest_since
FROM forum_threads
WHERE deleted_at IS NULL
GROUP BY namespace, state, priority, waiting_on;

-- What an agent has to look at: its questions that were answered, and what was given to it.
CREATE VIEW forum_agent_inbox AS
SELECT run_id, agent_name, assignee, uid AS thread_uid, namespace, name, ticket, title, state, priority, waiting_on,
       last_post_kind, last_post_by, last_post_at, changed
FROM forum_threads
WHERE deleted_at IS NULL AND waiting_on = 'Agent';
