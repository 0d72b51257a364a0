//! Records as passes of a busy controller make them, for the benchmarks of journal, relay and readers. Measures nothing.

use std::sync::Arc;

use metawsm::adapters::sqlite::History;
use metawsm::kernel::actor::Actor;
use metawsm::kernel::event::DomainEvent;
use metawsm::kernel::journal::{Journal, Transition};
use metawsm::kernel::moment::Moment;
use metawsm::kernel::subject::Subject;
use metawsm::ports::journal::{Journal as _, Mirror, Record};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// A record of one transition, its event and the object's mirror: what a pass hands over after each status write.
pub fn record(number: usize) -> Record {
    let uid = uuid::Uuid::from_u128(0x5eed_0000_0000_4000_8000_0000_0000_0000 | number as u128).to_string();
    let subject = Subject {
        kind: "Run".into(),
        namespace: "team-a".into(),
        name: format!("run-{number:06}"),
        uid,
    };
    let commit = format!("{number:040x}");
    let Value::Object(facts) = json!({
        "workspace": "t-1", "ticket": format!("T-{number}"), "files": 133, "bytes": 271_828, "revision": commit,
        "directory": format!("ttmp/2026/11/21/T-{number}--a-title-of-some-length"), "bootstrapped": false,
    }) else {
        unreachable!()
    };
    let transition = Transition {
        kind: "DocsSeeded",
        facts,
        actor: Actor::system(),
        cause: Some("Seeded".into()),
    };
    let mut journal = Journal::new(&subject.uid, &[]);
    journal.append(Moment::from_millis(1_795_000_000_000).unwrap(), vec![transition]);
    let entries = journal.into_entries();
    let mut event = DomainEvent::of(&subject, &entries[0], "run.docs.seeded");
    event.run_id = Some(subject.path());
    event.ticket = Some(format!("T-{number}"));
    let mirror = Some(mirror(number, &commit, &json!(entries)));
    Record {
        subject,
        entries,
        events: vec![event],
        mirror,
    }
}

fn mirror(number: usize, commit: &str, journal: &Value) -> Mirror {
    let condition = |kind: &str| {
        json!({"type": kind, "status": "True", "reason": "Seeded", "message": "every workspace is ready",
               "lastTransitionTime": "2026-11-21T08:36:39Z", "observedGeneration": 1})
    };
    let conditions = [
        "Ready",
        "Reconciling",
        "Stalled",
        "TopologyAccepted",
        "WorkspacesReady",
        "DocsSeeded",
    ];
    let conditions: Vec<_> = conditions.into_iter().map(condition).collect();
    Mirror {
        resource_version: format!("{}", 1_000_000 + number),
        generation: 1,
        created_at: "2026-11-21T08:36:39Z".into(),
        spec: Mirror::text(&json!({
            "tickets": [format!("T-{number}")], "docSeedMode": "CopyFromRepoOnStart", "docsPath": "ttmp",
            "repos": [{"name": "home", "url": "https://github.com/example/home", "baseBranch": "main"}],
        })),
        status: Mirror::text(&json!({
            "observedGeneration": 1, "phase": "Active", "journal": journal,
            "conditions": conditions,
            "docs": {"homeRepo": "home", "homeURL": "https://github.com/example/home", "seedSummary": "1/1"},
            "workspaces": [{
                "ticket": format!("T-{number}"), "name": "t-1", "path": "/var/lib/metawsm/workspaces/team-a/run/t-1",
                "branch": "task/t-1", "repos": [{"name": "home", "baseCommit": commit, "headCommit": commit}],
                "seed": {"state": "Synced", "revision": commit, "files": 133, "bytes": 271_828, "attempts": 1},
            }],
        })),
        deleted: false,
    }
}

/// Records all, so many callers at a time, as so many passes would.
pub async fn record_all(history: &Arc<History>, records: Vec<Record>, callers: usize) {
    let turns = Arc::new(Semaphore::new(callers));
    let mut waiting = tokio::task::JoinSet::new();
    for record in records {
        let (turn, history) = (turns.clone().acquire_owned().await.unwrap(), history.clone());
        waiting.spawn(async move {
            let recorded = history.record(record).await.expect("it is recorded");
            drop(turn);
            assert_eq!(recorded.fresh, 1);
        });
    }
    while let Some(done) = waiting.join_next().await {
        done.unwrap();
    }
}
