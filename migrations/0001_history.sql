-- The history: audit log, event log, outbox, and one mirror of what the API server last showed.
-- Released migrations are never edited.

-- Logs that sequence numbers count in. The current one is the 'live' one with the greatest epoch;
-- 'redis' ones were read back from the stream after a database was lost.
CREATE TABLE log (
    log_id        TEXT NOT NULL PRIMARY KEY,
    epoch_ms      INTEGER NOT NULL UNIQUE,
    begun_at      TEXT NOT NULL,
    origin        TEXT NOT NULL CHECK (origin IN ('live', 'redis')),
    last_sequence INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One row per transition. Two rows of one (uid, seq) mean that the cluster was restored to an earlier state.
-- Positions have no gaps: a removed row shows.
CREATE TABLE audit_log (
    position    INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL,
    namespace   TEXT NOT NULL,
    name        TEXT NOT NULL,
    uid         TEXT NOT NULL,
    seq         INTEGER NOT NULL CHECK (seq >= 1),
    at          TEXT NOT NULL,
    type        TEXT NOT NULL,
    facts       TEXT NOT NULL CHECK (json_valid(facts)),
    actor_type  TEXT NOT NULL CHECK (actor_type IN ('Agent', 'Operator', 'Human', 'System')),
    actor_name  TEXT NOT NULL,
    cause       TEXT,
    prev_hash   TEXT NOT NULL,
    hash        TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    UNIQUE (uid, seq, hash)
) STRICT;
CREATE INDEX audit_log_by_object ON audit_log (namespace, kind, name, position);

CREATE TABLE events (
    position       INTEGER PRIMARY KEY,
    log_id         TEXT NOT NULL REFERENCES log (log_id),
    sequence       INTEGER NOT NULL CHECK (sequence >= 1),
    event_id       TEXT NOT NULL UNIQUE,
    event_type     TEXT NOT NULL,
    event_version  INTEGER NOT NULL,
    occurred_at    TEXT NOT NULL,
    thread_id      TEXT,
    run_id         TEXT,
    ticket         TEXT,
    agent_name     TEXT,
    actor_type     TEXT NOT NULL,
    actor_name     TEXT NOT NULL,
    actor_attested INTEGER NOT NULL CHECK (actor_attested IN (0, 1)),
    correlation_id TEXT NOT NULL,
    causation_id   TEXT,
    subject        TEXT NOT NULL,
    subject_uid    TEXT NOT NULL,
    subject_seq    INTEGER NOT NULL,
    data           TEXT NOT NULL CHECK (json_valid(data)),
    -- Checksum over what the event says, without log_id, sequence and recorded_at.
    content_hash   TEXT NOT NULL,
    recorded_at    TEXT NOT NULL,
    source         TEXT NOT NULL CHECK (source IN ('live', 'redis')),
    UNIQUE (log_id, sequence),
    UNIQUE (subject_uid, subject_seq)
) STRICT;

-- Events that are still to be sent, in the order of their ids on the stream.
CREATE TABLE outbox (
    epoch_ms INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    position INTEGER NOT NULL UNIQUE REFERENCES events (position),
    PRIMARY KEY (epoch_ms, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE mirror (
    uid              TEXT NOT NULL PRIMARY KEY,
    kind             TEXT NOT NULL,
    namespace        TEXT NOT NULL,
    name             TEXT NOT NULL,
    resource_version TEXT NOT NULL,
    generation       INTEGER NOT NULL,
    created_at       TEXT NOT NULL,
    spec             TEXT NOT NULL CHECK (json_valid(spec)),
    status           TEXT NOT NULL CHECK (json_valid(status)),
    observed_at      TEXT NOT NULL,
    deleted_at       TEXT
) STRICT;
CREATE INDEX mirror_by_object ON mirror (kind, namespace, name);

CREATE VIEW runs AS
SELECT uid, namespace, name,
       status ->> '$.phase'                   AS phase,
       spec   ->> '$.tickets'                 AS tickets,
       spec   ->> '$.mode'                    AS mode,
       status ->> '$.docs.homeRepo'           AS doc_home_repo,
       status ->> '$.docs.homeURL'            AS doc_home_url,
       status ->> '$.docs.authorityMode'      AS doc_authority_mode,
       status ->> '$.docs.seedMode'           AS doc_seed_mode,
       status ->> '$.docs.seedSummary'        AS doc_seed_summary,
       status ->> '$.docs.freshnessRevision'  AS doc_freshness_revision,
       status ->> '$.docs.freshnessAt'        AS doc_freshness_at,
       resource_version, generation, created_at, observed_at, deleted_at
FROM mirror
WHERE kind = 'Run';

CREATE VIEW run_workspaces AS
SELECT m.uid AS run_uid, m.namespace, m.name AS run,
       w.value ->> '$.ticket'   AS ticket,
       w.value ->> '$.name'     AS name,
       w.value ->> '$.path'     AS path,
       w.value ->> '$.branch'   AS branch,
       w.value ->> '$.repos'    AS repos,
       m.observed_at, m.deleted_at
FROM mirror m, json_each(m.status, '$.workspaces') w
WHERE m.kind = 'Run';

CREATE VIEW doc_sync_states AS
SELECT m.uid AS run_uid, m.namespace, m.name AS run,
       w.value ->> '$.ticket'            AS ticket,
       w.value ->> '$.seed.state'        AS state,
       w.value ->> '$.seed.revision'     AS revision,
       w.value ->> '$.seed.sourceCommit' AS source_commit,
       w.value ->> '$.seed.files'        AS files,
       w.value ->> '$.seed.bytes'        AS bytes,
       w.value ->> '$.seed.at'           AS at,
       w.value ->> '$.seed.attempts'     AS attempts,
       w.value ->> '$.seed.message'      AS message,
       w.value ->> '$.seed.reason'       AS reason,
       m.observed_at, m.deleted_at
FROM mirror m, json_each(m.status, '$.workspaces') w
WHERE m.kind = 'Run' AND w.value ->> '$.seed' IS NOT NULL;

CREATE VIEW run_briefs AS
SELECT uid AS run_uid, namespace, name AS run,
       spec ->> '$.brief.goal'         AS goal,
       spec ->> '$.brief.scope'        AS scope,
       spec ->> '$.brief.doneCriteria' AS done_criteria,
       spec ->> '$.brief.constraints'  AS constraints,
       spec ->> '$.brief.mergeIntent'  AS merge_intent,
       observed_at, deleted_at
FROM mirror
WHERE kind = 'Run' AND spec ->> '$.brief' IS NOT NULL;

CREATE VIEW ticket_topologies AS
SELECT uid, namespace, name,
       spec   ->> '$.ticket'           AS ticket,
       spec   ->> '$.docHomeRepo'      AS doc_home_repo,
       spec   ->> '$.docHomeURL'       AS doc_home_url,
       spec   ->> '$.docsPath'         AS docs_path,
       status ->> '$.authority.kind'   AS authority,
       status ->> '$.authority.reason' AS authority_reason,
       coalesce(status ->> '$.claims', '[]') AS claims,
       coalesce(json_array_length(status, '$.claims'), 0) AS runs,
       resource_version, generation, created_at, observed_at, deleted_at
FROM mirror
WHERE kind = 'TicketTopology';
