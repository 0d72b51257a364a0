//! Samples that have every field of each kind, so that each can be broken.

use serde_json::{Value, json};

use crate::admission::Base;

const WHEN: &str = "2026-11-21T08:00:00Z";

/// A spec with every field.
pub fn sample_spec(base: Base) -> Value {
    match base {
        Base::Run | Base::Bootstrap => json!({
            "tickets": ["METAWSM-101"],
            "repos": [{"name": "api", "url": "https://github.com/a/api", "baseBranch": "main",
                       "credentialsSecretRef": {"name": "git"}}],
            "docHomeRepo": "api", "docAuthorityMode": "WorkspaceActive", "docSeedMode": "CopyFromRepoOnStart",
            "docSeedFrom": "Commit", "docSeedRef": "main", "docsPath": "ttmp", "mode": "Bootstrap",
            "brief": {"goal": "a", "scope": "b", "doneCriteria": "c", "constraints": "d", "mergeIntent": "e"},
            "workspace": {"branchPrefix": "task"}, "suspend": false,
        }),
        Base::Topology => json!({
            "ticket": "CASE-0", "docHomeRepo": "api", "docHomeURL": "https://github.com/a/api", "docsPath": "ttmp",
        }),
        Base::DocEndpoint => json!({
            "kind": "Repo", "url": "http://docs.example.com:8787", "webURL": "http://docs.example.com", "repo": "api",
            "repoURL": "https://github.com/a/api", "interval": "30s", "timeout": "5s", "staleAfter": "15m",
            "authSecretRef": {"name": "docs"}, "suspend": false,
        }),
        Base::WorkspaceEndpoint => json!({
            "kind": "Workspace", "repo": "api", "repoURL": "https://github.com/a/api", "runRef": {"name": "case", "uid": "u-1"},
            "ticket": "0", "interval": "30s", "timeout": "5s", "staleAfter": "15m", "suspend": false,
        }),
        Base::Thread => thread(),
    }
}

/// A status with every field.
pub fn sample_status(base: Base) -> Value {
    let mut status = json!({
        "observedGeneration": 1, "lastHandledRequest": "now",
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "Seeded", "message": "all is well", "observedGeneration": 1,
            "lastTransitionTime": WHEN,
        }],
        "journal": [{
            "seq": 1, "at": WHEN, "type": "Accepted", "facts": {"a": 1}, "actor": {"type": "System", "name": "metawsm"},
            "cause": "ClaimsHeld", "prevHash": "",
        }],
    });
    let own = match base {
        Base::Run | Base::Bootstrap => {
            json!({
                "phase": "Active", "docs": docs(), "workspaces": [workspace()],
                "forum": {"open": 2, "waitingHuman": 1, "escalated": 1}, "warnings": [{"code": "DiskBudgetExceeded", "message": "a"}],
            })
        }
        Base::Topology => json!({
            "owner": {"runName": "relay", "runUID": "u-1"}, "runs": 1, "copies": 2,
            "authority": {"kind": "Repo", "endpoint": "docs", "webURL": "https://docs/ticket/A", "reason": "RepoOfHome"},
            "record": {
                "title": "a", "status": "active", "topics": ["b"], "updatedAt": WHEN, "indexedAt": WHEN, "stale": false, "source": "docs",
            },
            "alternates": [
                {"kind": "Workspace", "endpoint": "relay--a", "webURL": "https://docs/a", "reason": "RunNotActive", "updatedAt": WHEN},
            ],
            "warnings": [{"code": "SeveralWorkspaces", "message": "a"}],
            "claims": [{"runUID": "u-1", "runName": "relay", "homeURL": "/srv/docs", "since": WHEN}],
        }),
        Base::DocEndpoint | Base::WorkspaceEndpoint => json!({
            "url": "http://docs.example.com:8787", "webURL": "http://docs.example.com", "reachable": true, "indexedAt": WHEN,
            "docsIndexed": 4, "tickets": 2, "root": "/srv/docs/ttmp", "latency": "<64ms", "consecutiveFailures": 1,
            "lastError": {"code": "Timeout", "message": "a", "at": WHEN}, "lastRefreshAt": WHEN,
            "refresh": {"state": "Waiting", "cause": "Requested", "request": "now", "revision": "sha256:0", "message": "a", "nextAt": WHEN}, "seedRevision": "sha256:0",
        }),
        Base::Thread => thread_status(),
    };
    crate::harness::manifests::merge(&mut status, own);
    status
}

fn docs() -> Value {
    json!({
        "homeRepo": "api", "homeURL": "https://github.com/a/api", "authorityMode": "WorkspaceActive", "seedMode": "CopyFromRepoOnStart", "seedSummary": "1/1", "freshnessRevision": "sha256:0",
        "freshnessAt": WHEN,
    })
}

fn workspace() -> Value {
    json!({
        "ticket": "METAWSM-101", "name": "relay--metawsm-101", "path": "/w", "bytes": 1_048_576, "branch": "task/relay--metawsm-101", "endpoint": "relay--metawsm-101",
        "repos": [{"name": "api", "baseCommit": "c", "headCommit": "c", "dirty": false, "problem": "none"}],
        "prepare": {"state": "Ready", "attempts": 1, "at": WHEN, "reason": "a", "message": "b", "stalled": false},
        "seed": {
            "state": "Synced", "revision": "sha256:0", "sourceCommit": "c", "commit": "c", "files": 1, "bytes": 1, "at": WHEN,
            "syncedAt": WHEN, "attempts": 1, "reason": "a", "message": "b", "stalled": false,
        },
    })
}

fn thread() -> Value {
    let author = json!({"type": "Operator", "name": "ada", "attested": false, "via": "admin"});
    json!({
        "ticket": "METAWSM-101", "title": "Which port?", "runRef": {"name": "relay"}, "agentName": "coder",
        "continuedFrom": "older", "choices": ["80", "8080"], "state": "WaitingHuman", "priority": "High",
        "assignee": {"type": "Human", "name": "ada"}, "docsSync": "Enabled",
        "posts": [{
            "id": "q-1", "kind": "Question", "author": author, "body": "80 is taken.", "inReplyTo": "q-0", "choice": "80",
        }],
        "changes": [{
            "num": 1, "actor": author, "field": "State", "from": "New", "to": "WaitingHuman", "commandId": "c-1",
        }],
    })
}

fn thread_status() -> Value {
    json!({
        "state": "WaitingHuman", "stateSince": WHEN, "waitingOn": "Human", "assignee": "ada", "postCount": 1, "changeCount": 1,
        "priority": "High", "assignedTo": {"type": "Human", "name": "ada"},
        "posts": [{"id": "q-1", "recordedAt": WHEN, "seq": 1, "attested": true}],
        "lastPost": {"id": "q-1", "kind": "Question", "authorType": "Agent", "authorName": "coder", "at": WHEN},
        "sla": {
            "policy": {"levels": ["30m"], "repeatEvery": "10m", "revision": "sha256:0"}, "deadline": WHEN, "level": 1,
            "due": "11-21T08:00Z", "escalationCount": 1, "escalations": [{"level": 1, "at": WHEN, "eventId": "e-1"}], "breached": true, "lateBy": "3m20s",
        },
        "docsSync": {"state": "Pending", "endpoint": "docs", "at": WHEN, "message": "waits"},
    })
}
