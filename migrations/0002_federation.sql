-- What servers of documents say of tickets, as last heard; views only, no decision reads it.

CREATE TABLE federated_sources (
    endpoint_uid  TEXT NOT NULL PRIMARY KEY,
    namespace     TEXT NOT NULL,
    endpoint      TEXT NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('Repo', 'Workspace')),
    repo          TEXT NOT NULL,
    home_url      TEXT,
    run_uid       TEXT,
    -- Milliseconds since 1970.
    indexed_at_ms INTEGER,
    -- Over all that is mirrored of the endpoint: the same again is not written again.
    content_hash  TEXT NOT NULL,
    mirrored_at   TEXT NOT NULL
) STRICT;

CREATE TABLE federated_copies (
    endpoint_uid  TEXT NOT NULL REFERENCES federated_sources (endpoint_uid) ON DELETE CASCADE,
    -- The ticket in small letters.
    ticket_key    TEXT NOT NULL,
    ticket        TEXT NOT NULL,
    title         TEXT NOT NULL,
    status        TEXT NOT NULL,
    topics        TEXT NOT NULL CHECK (json_valid(topics)),
    updated_at_ms INTEGER,
    -- The server lists it more than once.
    twice         INTEGER NOT NULL CHECK (twice IN (0, 1)),
    PRIMARY KEY (endpoint_uid, ticket_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX federated_copies_by_ticket ON federated_copies (ticket_key);

CREATE VIEW doc_endpoints AS
SELECT uid, namespace, name,
       spec   ->> '$.kind'                AS kind,
       spec   ->> '$.repo'                AS repo,
       spec   ->> '$.repoURL'             AS repo_url,
       spec   ->> '$.ticket'              AS ticket,
       spec   ->> '$.runRef.name'         AS run,
       status ->> '$.url'                 AS url,
       status ->> '$.webURL'              AS web_url,
       coalesce(status ->> '$.reachable', 0) AS reachable,
       (SELECT c.value ->> '$.status' FROM json_each(m.status, '$.conditions') c WHERE c.value ->> '$.type' = 'Fresh') AS fresh,
       status ->> '$.indexedAt'           AS indexed_at,
       status ->> '$.docsIndexed'         AS docs_indexed,
       status ->> '$.tickets'             AS tickets,
       status ->> '$.lastError.code'      AS last_error,
       status ->> '$.lastRefreshAt'       AS last_refresh_at,
       resource_version, generation, created_at, observed_at, deleted_at
FROM mirror m
WHERE kind = 'DocEndpoint';

DROP VIEW ticket_topologies;
CREATE VIEW ticket_topologies AS
SELECT uid, namespace, name,
       spec   ->> '$.ticket'             AS ticket,
       spec   ->> '$.docHomeRepo'        AS doc_home_repo,
       spec   ->> '$.docHomeURL'         AS doc_home_url,
       spec   ->> '$.docsPath'           AS docs_path,
       status ->> '$.authority.kind'     AS authority,
       status ->> '$.authority.endpoint' AS authority_endpoint,
       status ->> '$.authority.webURL'   AS web_url,
       status ->> '$.authority.reason'   AS authority_reason,
       status ->> '$.record.title'       AS title,
       status ->> '$.record.status'      AS status,
       status ->> '$.record.stale'       AS stale,
       coalesce(status ->> '$.alternates', '[]') AS alternates,
       coalesce(status ->> '$.claims', '[]') AS claims,
       coalesce(json_array_length(status, '$.claims'), 0) AS runs,
       resource_version, generation, created_at, observed_at, deleted_at
FROM mirror
WHERE kind = 'TicketTopology';

-- Every copy of every ticket, with what its endpoint says of itself.
CREATE VIEW federated_ticket_copies AS
SELECT s.namespace, c.ticket_key, c.ticket, s.endpoint, s.kind, s.repo, s.home_url, c.title, c.status, c.topics,
       c.updated_at_ms, s.indexed_at_ms, c.twice,
       coalesce(e.reachable, 0) AS reachable, coalesce(e.fresh, 'Unknown') AS fresh
FROM federated_copies c
JOIN federated_sources s ON s.endpoint_uid = c.endpoint_uid
LEFT JOIN doc_endpoints e ON e.uid = s.endpoint_uid;

-- Every ticket once: as its topology has it, else by the copy that a topology without runs would take.
CREATE VIEW federated_tickets AS
WITH placed AS (
    SELECT *,
           row_number() OVER (PARTITION BY namespace, ticket_key
               ORDER BY twice, kind = 'Workspace', updated_at_ms DESC, indexed_at_ms DESC, endpoint) AS place,
           count(*) OVER (PARTITION BY namespace, ticket_key) AS copies
    FROM federated_ticket_copies)
SELECT p.namespace, p.ticket_key, p.ticket,
       CASE WHEN t.uid IS NULL THEN p.kind ELSE t.authority END AS authority,
       CASE WHEN t.uid IS NULL THEN p.endpoint ELSE t.authority_endpoint END AS endpoint,
       CASE WHEN t.uid IS NULL THEN 'NoTopology' ELSE t.authority_reason END AS reason,
       coalesce(t.doc_home_repo, p.repo) AS repo,
       coalesce(t.title, p.title) AS title,
       coalesce(t.status, p.status) AS status,
       CASE WHEN t.stale IS NOT NULL THEN t.stale ELSE p.fresh <> 'True' END AS stale,
       t.web_url, p.updated_at_ms, p.indexed_at_ms, p.copies, coalesce(t.runs, 0) AS runs
FROM placed p
LEFT JOIN ticket_topologies t
    ON t.namespace = p.namespace AND lower(t.ticket) = p.ticket_key AND t.deleted_at IS NULL
WHERE p.place = 1;
