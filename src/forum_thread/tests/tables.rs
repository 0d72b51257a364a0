//! What is decided on what is seen, case by case.

use std::time::Duration;

use serde_json::json;

use super::super::clock_guard::Hold;
use super::super::crd::{Priority, ThreadState, WaitingOn};
use super::world::{BORN, Cut, World, at, policy};
use crate::kernel::condition::find;
use crate::kernel::plan::Next;

fn status(world: &World) -> &super::super::crd::ForumThreadStatus {
    world.thread.status.as_ref().expect("it was looked at")
}

#[test]
fn a_new_thread_is_recorded_with_its_question_and_its_clock_runs_from_its_creation() {
    let mut world = World::new(true, "New");
    world.now = BORN + 20;
    world.pass(Cut::Never);
    let types: Vec<_> = world.database.values().map(|e| e.event_type.as_str()).collect();
    assert_eq!(types, ["forum.thread.opened", "forum.post.added"]);
    let opened = &world.database[&1];
    assert_eq!(opened.data["title"], "Which?");
    assert_eq!(opened.data["state"], "New");
    assert_eq!(
        (opened.run_id.as_deref(), opened.ticket.as_deref()),
        (Some("n/r"), Some("A-1"))
    );
    assert_eq!(
        (
            opened.actor_type.as_str(),
            opened.actor_name.as_str(),
            opened.actor_attested
        ),
        ("Human", "ada", true)
    );
    let said = &world.database[&2].data;
    assert_eq!(
        (&said["body"], &said["author"]),
        (&json!("body of p0"), &json!({"type": "Human", "name": "ada"}))
    );
    let status = status(&world);
    assert_eq!(status.state_since, Some(at(BORN)));
    assert_eq!(status.sla.as_ref().unwrap().deadline, Some(at(BORN + 60)));
    assert_eq!(world.next, Some(Next::After(Duration::from_secs(40))));
    assert_eq!(status.waiting_on, Some(WaitingOn::Operator));
    assert_eq!(status.posts[0].seq, 2);
    assert!(status.posts[0].attested);
}

#[test]
fn a_deadline_that_passes_is_escalated_once_and_the_next_one_is_waited_for() {
    let mut world = World::new(true, "WaitingHuman");
    world.pass(Cut::Never);
    world.now = BORN + 60;
    world.pass(Cut::Never);
    world.pass(Cut::Never);
    let told = world.events("forum.sla.escalation_requested");
    assert_eq!(told.len(), 1);
    let expected = json!({"state": "WaitingHuman", "stateSince": at(BORN), "level": 1, "deadline": at(BORN + 60),
                          "late": false, "lateBySeconds": 0});
    assert_eq!(told[0].data, expected);
    let sla = status(&world).sla.clone().unwrap();
    assert_eq!((sla.level, sla.escalation_count, sla.breached), (1, 1, true));
    assert_eq!(sla.deadline, Some(at(BORN + 120)));
    assert_eq!(sla.escalations[0].event_id, told[0].event_id.to_string());
    assert_eq!(find(&status(&world).conditions, "WithinSLA").unwrap().status, "False");
}

#[test]
fn what_fell_due_while_nobody_looked_is_late_and_fires_once_per_level() {
    let mut world = World::new(true, "New");
    world.pass(Cut::Never);
    world.now = BORN + 86_400;
    world.pass(Cut::Never);
    let told = world.events("forum.sla.escalation_requested");
    let levels: Vec<_> = told
        .iter()
        .map(|e| (e.data["level"].clone(), e.data["late"].clone()))
        .collect();
    assert_eq!(
        levels,
        [
            (json!(1), json!(true)),
            (json!(2), json!(true)),
            (json!(1440), json!(false))
        ]
    );
}

#[test]
fn an_answer_stops_the_clock_and_stands_before_the_state_that_it_brought() {
    let mut world = World::new(true, "WaitingHuman");
    world.pass(Cut::Never);
    world.now = BORN + 30;
    world.set_state(ThreadState::Answered);
    world.now = BORN + 500;
    world.pass(Cut::Never);
    let types: Vec<_> = world.database.values().skip(2).map(|e| e.event_type.as_str()).collect();
    assert_eq!(
        types,
        ["forum.post.added", "forum.state.changed"],
        "and no escalation of a state that was left"
    );
    let changed = world.events("forum.state.changed")[0];
    let expected =
        json!({"from": "WaitingHuman", "to": "Answered", "since": at(BORN + 30), "waitingOn": "Human", "num": 1});
    assert_eq!(changed.data, expected);
    assert_eq!(status(&world).sla.as_ref().unwrap().deadline, None);
    assert_eq!(world.next, Some(Next::Settled));
}

#[test]
fn closing_is_told_twice_as_a_change_of_state_and_as_the_end() {
    let mut world = World::new(true, "New");
    world.pass(Cut::Never);
    world.set_state(ThreadState::Closed);
    world.pass(Cut::Never);
    assert_eq!(world.events("forum.state.changed").len(), 1);
    let closed = world.events("forum.thread.closed");
    assert_eq!(
        (closed[0].data.clone(), closed[0].actor_name.as_str()),
        (json!({"from": "New"}), "ada")
    );
}

#[test]
fn the_policy_of_the_entry_holds_until_the_next_entry() {
    let mut world = World::new(true, "New");
    world.pass(Cut::Never);
    world.policy = policy(&[10], None);
    world.set_priority(Priority::Urgent);
    world.now = BORN + 59;
    world.pass(Cut::Never);
    assert!(
        world.events("forum.sla.escalation_requested").is_empty(),
        "neither the file nor the priority moves it"
    );
    world.set_state(ThreadState::WaitingHuman);
    world.pass(Cut::Never);
    assert_eq!(status(&world).sla.as_ref().unwrap().deadline, Some(at(BORN + 69)));
}

#[test]
fn after_a_jump_of_the_clock_what_is_due_waits_and_says_so() {
    let mut world = World::new(true, "New");
    world.pass(Cut::Never);
    world.now = BORN + 86_400;
    world.hold = Some(Hold {
        left: Duration::from_secs(60),
        by_seconds: 86_400,
    });
    world.pass(Cut::Never);
    assert!(world.events("forum.sla.escalation_requested").is_empty());
    assert_eq!(
        find(&status(&world).conditions, "WithinSLA").unwrap().reason,
        "ClockJumped"
    );
    assert_eq!(world.next, Some(Next::After(Duration::from_millis(60_010))));
    world.hold = None;
    world.now = BORN + 30;
    world.pass(Cut::Never);
    assert!(
        world.events("forum.sla.escalation_requested").is_empty(),
        "the clock was set right"
    );
    assert_eq!(find(&status(&world).conditions, "WithinSLA").unwrap().reason, "InTime");
}

#[test]
fn two_changes_seen_at_once_are_two_facts_where_admission_wrote_lines() {
    let mut world = World::new(true, "New");
    world.pass(Cut::Never);
    world.set_state(ThreadState::Triaged);
    world.set_state(ThreadState::WaitingHuman);
    world.pass(Cut::Never);
    let told = world.events("forum.state.changed");
    let steps: Vec<_> = told
        .iter()
        .map(|e| (e.data["from"].clone(), e.data["to"].clone(), e.data["num"].clone()))
        .collect();
    assert_eq!(
        steps,
        [("New", "Triaged", 1), ("Triaged", "WaitingHuman", 2)].map(|(a, b, n)| (json!(a), json!(b), json!(n)))
    );
}

#[test]
fn without_lines_several_changes_may_look_like_one_and_that_is_marked() {
    let mut world = World::new(false, "New");
    world.pass(Cut::Never);
    world.set_state(ThreadState::Triaged);
    world.pass(Cut::Never);
    world.set_state(ThreadState::WaitingOperator);
    world.set_state(ThreadState::WaitingHuman);
    world.pass(Cut::Never);
    let told = world.events("forum.state.changed");
    assert_eq!(
        told.iter()
            .map(|e| e.data["coalesced"] == json!(true))
            .collect::<Vec<_>>(),
        [false, true]
    );
    assert!(told.iter().all(|e| !e.actor_attested && e.actor_name == "unknown"));
}

#[test]
fn a_thread_that_goes_tells_everything_first_and_then_its_end() {
    let mut world = World::new(true, "New");
    world.pass(Cut::Never);
    world.post();
    world.delete();
    world.pass(Cut::Never);
    let types: Vec<_> = world.database.values().skip(2).map(|e| e.event_type.as_str()).collect();
    assert_eq!(types, ["forum.post.added", "forum.thread.deleted"]);
    assert_eq!(
        world.events("forum.thread.deleted")[0].data,
        json!({"inferred": false, "state": "New"})
    );
}

#[test]
fn a_burst_that_the_journal_cannot_hold_at_once_is_recorded_over_several_writes() {
    let mut world = World::new(true, "New");
    for _ in 0..40 {
        world.post();
    }
    world.pass(Cut::Never);
    assert_eq!(world.events("forum.post.added").len(), 41);
    assert!(world.writes > 2);
    let writes = world.writes;
    world.pass(Cut::Never);
    assert_eq!(world.writes, writes, "nothing new, nothing written");
}
