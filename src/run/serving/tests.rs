//! Docs servers and their endpoints, one facts' row after the other; and what the condition says of them.

use super::*;
use crate::kernel::moment::Moment;
use crate::ports::services::{LiveService, ServiceKey};
use serde_json::json;

fn run(suspend: bool) -> Run {
    let spec = json!({
        "tickets": ["A-1"], "repos": [{ "name": "home", "url": "/repos/home" }], "suspend": suspend,
    });
    let object = json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": "Run",
        "metadata": { "name": "r", "namespace": "n", "uid": "u" }, "spec": spec,
    });
    serde_json::from_value(object).unwrap()
}

fn workspace(seed: SeedState) -> WorkspaceStatus {
    let value = json!({
        "ticket": "A-1", "name": "r--a-1", "path": "/ws/n/r/A-1", "branch": "task/r--a-1",
        "prepare": { "state": "Ready" }, "seed": { "state": seed },
    });
    serde_json::from_value(value).unwrap()
}

fn home() -> Home {
    Home {
        repo: "home".into(),
        url: "/repos/home".into(),
    }
}

fn live() -> ServiceState {
    let key = ServiceKey {
        namespace: "n".into(),
        run: "r".into(),
        run_uid: "u".into(),
        workspace: "r--a-1".into(),
        ticket: "A-1".into(),
    };
    ServiceState::Serving(LiveService {
        key,
        addr: "127.0.0.1:9".parse().unwrap(),
        root: "/ws/n/r/A-1/home/ttmp".into(),
        started: Moment::from_millis(1).unwrap(),
        instance: "1".into(),
    })
}

fn failed() -> ServiceState {
    ServiceState::Waiting {
        why: "it ended (signal: 9)".into(),
        failures: 1,
        next: Moment::from_millis(9).unwrap(),
    }
}

fn seen(ours: bool, leaving: bool) -> EndpointSeen {
    EndpointSeen {
        uid: "e".into(),
        ours,
        leaving,
    }
}

fn names(effects: &[Effect]) -> Vec<&'static str> {
    let name = |effect: &Effect| match effect {
        Effect::StartDocs { service, .. } => {
            assert_eq!(service.root, Path::new("/ws/n/r/A-1/home/ttmp"));
            "start"
        }
        Effect::MakeEndpoint { .. } => "make",
        Effect::StopDocs => "stop",
        Effect::DropEndpoint { .. } => "drop",
        _ => "other",
    };
    effects.iter().map(name).collect()
}

#[test]
fn what_is_missing_is_started_and_nothing_else() {
    use SeedState::{Failed, Pending, Skipped, Synced};
    let table = [
        (Synced, false, Some(ServiceState::Absent), None, vec!["start"]),
        (Synced, false, Some(ServiceState::NoFolder), None, vec![]),
        (
            Synced,
            false,
            Some(ServiceState::NoFolder),
            Some(seen(true, false)),
            vec![],
        ),
        (Synced, false, Some(failed()), None, vec!["make"]),
        (
            Skipped,
            false,
            Some(ServiceState::Absent),
            Some(seen(true, false)),
            vec!["start"],
        ),
        (Synced, false, Some(live()), None, vec!["make"]),
        (Synced, false, Some(live()), Some(seen(true, false)), vec![]),
        (Synced, false, Some(failed()), Some(seen(true, false)), vec![]),
        (Synced, false, Some(live()), Some(seen(false, false)), vec![]),
        (Synced, false, Some(live()), Some(seen(true, true)), vec![]),
        (Synced, true, Some(ServiceState::Absent), None, vec![]),
        (Pending, false, None, None, vec![]),
        (Failed, false, Some(live()), Some(seen(true, false)), vec![]),
    ];
    for (seed, suspend, service, endpoint, expected) in table {
        let served = Served { service, endpoint };
        let moves = advance(&run(suspend), &home(), &workspace(seed), &served);
        assert_eq!(names(&moves.effects), expected, "{seed:?} {suspend} {served:?}");
        let ours = served.endpoint == Some(seen(true, false));
        assert!(ours || moves.endpoint.is_none(), "told before it was seen: {served:?}");
    }
}

#[test]
fn what_is_said_is_what_is_seen() {
    let table = [
        (Some(live()), Some(seen(true, false)), Tri::True, SERVING),
        (Some(failed()), Some(seen(true, false)), Tri::False, SERVER_FAILED),
        (Some(ServiceState::NoFolder), None, Tri::False, NO_FOLDER),
        (Some(live()), Some(seen(false, false)), Tri::False, "EndpointNameTaken"),
        (Some(live()), Some(seen(false, true)), Tri::False, "Starting"),
        (Some(live()), None, Tri::False, "Starting"),
        (
            Some(ServiceState::Absent),
            Some(seen(true, false)),
            Tri::False,
            "Starting",
        ),
    ];
    for (service, endpoint, value, reason) in table {
        let served = AllServed::from([("r--a-1".to_owned(), Served { service, endpoint })]);
        let said = verdict(&run(false), &[workspace(SeedState::Synced)], &served);
        assert_eq!((said.value, said.reason), (value, reason), "{served:?}");
    }
    let said = verdict(&run(false), &[workspace(SeedState::Pending)], &AllServed::new());
    assert_eq!((said.value, said.reason), (Tri::False, "NotSeeded"));
    assert_eq!(verdict(&run(false), &[], &AllServed::new()).value, Tri::Unknown);
}

#[test]
fn at_the_end_only_what_is_ours_goes() {
    let all = AllServed::from([
        (
            "a".to_owned(),
            Served {
                service: Some(failed()),
                endpoint: Some(seen(true, false)),
            },
        ),
        (
            "b".to_owned(),
            Served {
                service: Some(ServiceState::Absent),
                endpoint: Some(seen(false, false)),
            },
        ),
        (
            "c".to_owned(),
            Served {
                service: None,
                endpoint: Some(seen(true, true)),
            },
        ),
    ]);
    assert_eq!(names(&retire(&all)), ["stop", "drop"]);
    let gone = AllServed::from([(
        "a".to_owned(),
        Served {
            service: Some(ServiceState::Absent),
            endpoint: None,
        },
    )]);
    assert_eq!(retire(&gone), []);
}
