//! What is swept from real folders, and what is never touched.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::house::House;
use crate::housekeeping::found::{Found, Kind};
use crate::housekeeping::sweep::{Shelf, Swept};

#[test]
fn a_workspace_of_nobody_goes_after_its_time_with_its_empty_parents() {
    let house = House::new();
    let (gone, alive) = (
        house.workspace("old", "A-1", "dead"),
        house.workspace("new", "B-1", "alive"),
    );
    house.live("alive");
    house.round();
    house.days_pass(13);
    house.round();
    assert!(gone.exists(), "not yet");
    house.days_pass(1);
    house.round();
    assert!(!gone.parent().unwrap().exists(), "with the run's folder");
    assert!(alive.join("docs/file").exists());
    assert_eq!(fs::read_dir(house.places.workspaces.join(".trash")).unwrap().count(), 0);
}

#[test]
fn a_run_of_the_same_name_and_ticket_keeps_the_place() {
    let house = House::new();
    let path = house.workspace("run", "A-1", "dead");
    let place = ["team", "run", "A-1"].map(str::to_owned);
    house.living.lock().unwrap().workspaces.insert(place.into());
    house.grow_old();
    assert!(path.exists(), "its own prepare sets the old folder aside");
}

#[test]
fn what_is_not_ours_is_told_of_and_left() {
    let house = House::new();
    let outside = house.outside();
    let root = &house.places.workspaces;
    let unmarked = root.join("team/run/unmarked");
    fs::create_dir_all(&unmarked).unwrap();
    fs::write(root.join("notes"), "n").unwrap();
    symlink(&outside, root.join("namespace")).unwrap();
    symlink(&outside, root.join("team/linked-run")).unwrap();
    symlink(&outside, root.join("team/run/linked")).unwrap();
    let borrowed = house.workspace("run", "borrowed", "dead");
    fs::rename(borrowed.join(".metawsm"), outside.join("marker")).unwrap();
    symlink(outside.join("marker"), borrowed.join(".metawsm")).unwrap();
    house.grow_old();
    for kept in [
        &unmarked,
        &borrowed,
        &root.join("notes"),
        &root.join("team/linked-run/precious"),
    ] {
        assert!(kept.exists(), "{}", kept.display());
    }
    assert!(outside.join("precious").exists() && outside.join("marker/owner").exists());
    let text = numbers(&house);
    assert!(text.contains("metawsm_orphan_folders{kind=\"foreign\"} 6"), "{text}");
}

#[test]
fn everything_set_aside_goes_and_links_in_it_are_not_followed() {
    let house = House::new();
    let outside = house.outside();
    let aside = house.places.workspaces.join(".orphans");
    house.mark(&aside.join("team-run-a-1-0a1b2c3d-1"), "dead");
    symlink(&outside, aside.join("team-run-a-1-0a1b2c3d-1/door")).unwrap();
    symlink(&outside, aside.join("unowned-1")).unwrap();
    fs::write(aside.join("file"), "f").unwrap();
    house.round();
    assert_eq!(fs::read_dir(&aside).unwrap().count(), 3);
    house.days_pass(14);
    house.round();
    assert_eq!(fs::read_dir(&aside).unwrap().count(), 0);
    assert!(outside.join("precious").exists());
    assert!(numbers(&house).contains("metawsm_swept_total{kind=\"set_aside\"} 3"));
}

#[test]
fn an_orphans_folder_or_a_trash_that_leads_elsewhere_is_not_entered() {
    let house = House::new();
    let outside = house.outside();
    symlink(&outside, house.places.workspaces.join(".orphans")).unwrap();
    house.grow_old();
    assert!(outside.join("precious").exists());

    let gone = house.workspace("old", "A-1", "dead");
    let _ = fs::remove_dir(house.places.workspaces.join(".trash"));
    symlink(&outside, house.places.workspaces.join(".trash")).unwrap();
    for _ in 0..2 {
        house.housekeeper().round();
        house.days_pass(15);
    }
    assert!(house.metrics.failures.get() > 0, "it is told");
    assert!(gone.exists() && outside.join("precious").exists());
}

#[test]
fn a_round_that_died_is_finished_and_shows_no_half_workspace() {
    let house = House::new();
    let trash = house.places.workspaces.join(".trash");
    house.mark(&trash.join("A-1.0"), "dead");
    fs::remove_file(trash.join("A-1.0/docs/file")).unwrap();
    house.mark(&trash.join("B-1.0"), "alive");
    house.live("alive");
    let next = house.workspace("old", "A-1", "dead");
    house.grow_old();
    assert!(!next.exists());
    assert_eq!(house.there(), [".orphans", ".trash"]);
    assert_eq!(fs::read_dir(&trash).unwrap().count(), 0);
    assert!(
        !house.places.workspaces.join(".orphans/B-1.0.0").exists(),
        "set aside, and by now old"
    );
}

#[test]
fn what_takes_the_name_of_something_swept_begins_anew() {
    let house = House::new();
    let aside = house.places.workspaces.join(".orphans/team-run-a-1-x-1");
    house.mark(&aside, "dead");
    house.grow_old();
    assert!(!aside.exists());
    house.mark(&aside, "dead");
    house.round();
    house.days_pass(13);
    house.round();
    assert!(aside.exists());
}

#[test]
fn a_folder_that_changed_hands_or_is_worked_in_stays() {
    let house = House::new();
    let path = house.workspace("run", "A-1", "somebody");
    let [namespace, run, ticket, owner] = ["team", "run", "A-1", "dead"].map(str::to_owned);
    let found = |owner: &str| Found {
        kind: Kind::Workspace {
            namespace: namespace.clone(),
            run: run.clone(),
            ticket: ticket.clone(),
            owner: owner.to_owned(),
        },
        path: path.clone(),
    };
    let shelf = Shelf::of(&house.places);
    assert!(
        matches!(shelf.sweep(&found(&owner), &|| true).unwrap(), Swept::Left(_)),
        "another owner"
    );
    assert!(
        matches!(shelf.sweep(&found("somebody"), &|| false).unwrap(), Swept::Left(_)),
        "needed by now"
    );
    let lock = File::create(path.join(".metawsm/lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert!(
        matches!(shelf.sweep(&found("somebody"), &|| true).unwrap(), Swept::Left(_)),
        "a step works in it"
    );
    assert!(path.join("docs/file").exists());
    drop(lock);
    assert_eq!(shelf.sweep(&found("somebody"), &|| true).unwrap(), Swept::Gone);
    assert_eq!(shelf.sweep(&found("somebody"), &|| true).unwrap(), Swept::Gone, "again");
}

#[test]
fn caches_that_no_run_needs_go_sooner_and_never_under_a_step() {
    let house = House::new();
    let cache = |n: char| house.places.caches.join(n.to_string().repeat(32));
    for name in ['a', 'b', 'c'] {
        fs::create_dir_all(cache(name).join("objects")).unwrap();
        fs::write(cache(name).join("config"), "c").unwrap();
    }
    fs::create_dir(house.places.caches.join("not-ours")).unwrap();
    house.living.lock().unwrap().caches.insert("a".repeat(32));
    let lock = File::create(house.places.caches.join(format!("{}.lock", "b".repeat(32)))).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    house.round();
    house.days_pass(7);
    house.round();
    let there = ['a', 'b', 'c'].map(|name| cache(name).exists());
    assert_eq!(there, [true, true, false]);
    assert!(house.places.caches.join("not-ours").exists());
}

#[test]
fn steps_of_runs_that_are_gone_are_handed_to_the_executor() {
    let house = House::new();
    for uid in ["dead", "alive"] {
        let execution = house.places.steps.join(uid).join("w/prepare-1");
        fs::create_dir_all(&execution).unwrap();
        fs::write(execution.join("key.json"), r#"{ "namespace": "team" }"#).unwrap();
    }
    house.live("alive");
    assert_eq!(house.grow_old(), ["dead"]);
}

#[test]
fn a_controller_of_one_namespace_judges_only_its_own_folders() {
    let mut house = House::new();
    house.places.namespace = Some("other".to_owned());
    let path = house.workspace("old", "A-1", "dead");
    fs::create_dir_all(house.places.steps.join("dead/w/prepare-1")).unwrap();
    fs::write(
        house.places.steps.join("dead/w/prepare-1/key.json"),
        r#"{ "namespace": "team" }"#,
    )
    .unwrap();
    assert!(house.grow_old().is_empty());
    assert!(path.exists());
}

#[test]
fn steps_of_which_nobody_knows_whose_they_are_are_left_alone_and_stop_no_other() {
    let mut house = House::new();
    house.places.namespace = Some("team".to_owned());
    for (uid, key) in [
        ("broken", "{"),
        ("silent", "{}"),
        ("dead", r#"{ "namespace": "team" }"#),
    ] {
        let execution = house.places.steps.join(uid).join("w/prepare-1");
        fs::create_dir_all(&execution).unwrap();
        fs::write(execution.join("key.json"), key).unwrap();
    }
    assert_eq!(house.grow_old(), ["dead"]);
}

#[test]
fn a_removal_that_was_interrupted_is_finished_unless_its_run_lives() {
    let house = House::new();
    let half = |run: &str| house.places.workspaces.join("team").join(run).join(".removing-A-1");
    for run in ["gone", "going"] {
        fs::create_dir_all(half(run).join("docs")).unwrap();
    }
    let place = ["team", "going", "A-1"].map(str::to_owned);
    house.living.lock().unwrap().workspaces.insert(place.into());
    house.grow_old();
    assert!(!half("gone").exists() && half("going").exists());
}

fn numbers(house: &House) -> String {
    let (mut registry, mut text) = (Registry::default(), String::new());
    house.metrics.register(&mut registry);
    encode(&mut text, &registry).unwrap();
    text
}
