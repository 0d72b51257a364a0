//! Workspaces' servers behind a door: whose process it is, and whether it is still the same one after the answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::servers::{Mood, Servers};
use super::{Nothing, SECOND, target};
use crate::federation::metrics::FederationMetrics;
use crate::federation::target::{Copy, Place, Target};
use crate::federation::{Prober, ProberSettings};
use crate::ports::doc_source::{DocsDoor, LiveDocs};

/// Finds these, one after the other; the last one for ever.
struct Door(Mutex<VecDeque<LiveDocs>>);

#[async_trait]
impl DocsDoor for Door {
    async fn live(&self, _: &str, _: &str, _: &str) -> Option<LiveDocs> {
        let mut next = self.0.lock().unwrap();
        if next.len() > 1 {
            next.pop_front()
        } else {
            next.front().cloned()
        }
    }
}

fn process(run_uid: &str, instance: &str) -> LiveDocs {
    LiveDocs {
        address: ([127, 0, 0, 1], 8787).into(),
        run_uid: run_uid.into(),
        instance: instance.into(),
    }
}

fn workspace() -> Target {
    Target {
        copy: Copy::Workspace,
        run_uid: Some("r-1".into()),
        ticket: Some("A-1".into()),
        place: Place::Served {
            run: "relay".into(),
            ticket: "A-1".into(),
        },
        expected_root: Some("/docs".into()),
        ..target("relay--a-1")
    }
}

/// What is known after the first round through this door, and how often the server was asked by then. A round that failed
/// may be followed by another half a second later.
async fn heard(found: Vec<LiveDocs>) -> (Result<i64, &'static str>, usize) {
    let servers = Arc::new(Servers::default());
    servers.put("127.0.0.1", Mood::Well(10), 3);
    let (nothing, metrics) = (Arc::new(Nothing), FederationMetrics::default());
    let door = Arc::new(Door(Mutex::new(found.into())));
    let settings = ProberSettings::default();
    let (prober, _news) = Prober::new(servers.clone(), door, nothing.clone(), nothing, metrics, settings);
    prober.ask(workspace(), None);
    let known = loop {
        let known = prober.catalogue().of("relay--a-1").unwrap().1;
        if known.asked {
            break known;
        }
        tokio::time::sleep(SECOND / 100).await;
    };
    let heard = match (known.trouble, known.facts) {
        (Some((problem, _)), _) => Err(problem.code),
        (None, facts) => Ok(facts.unwrap().tickets),
    };
    (heard, servers.with("127.0.0.1", |s| s.asked))
}

#[tokio::test(start_paused = true)]
async fn a_workspaces_server_is_believed_while_it_is_the_same_process() {
    assert_eq!(
        heard(vec![process("r-1", "a")]).await,
        (Ok(3), 2),
        "a status, and a list with its own"
    );
}

#[tokio::test(start_paused = true)]
async fn what_came_from_a_port_that_changed_hands_is_not_believed() {
    let (heard, asked) = heard(vec![process("r-1", "a"), process("r-1", "b")]).await;
    assert_eq!(heard, Err("NotServed"));
    assert!(asked > 0, "it was asked, and not believed");
}

#[tokio::test(start_paused = true)]
async fn the_server_of_another_run_of_that_name_is_not_even_asked() {
    assert_eq!(heard(vec![process("r-2", "a")]).await, (Err("NotServed"), 0));
}
