//! Random histories of edits, looks, crashes and clocks, against models that know nothing of journals and statuses.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::super::crd::{Priority, ThreadState};
use super::super::sla::model::Simulation;
use super::world::{BORN, Cut, World, at, policy};
use crate::kernel::ladder::Ladder;

#[derive(Clone, Debug)]
enum Act {
    Post,
    State(ThreadState),
    Priority(Priority),
    Pass(Cut),
    /// A pass over a view of the watch so many versions old.
    Stale(usize, Cut),
    Wait(i64),
    ClockBack(i64),
    Policy(u64),
    Database(bool),
}

fn cut() -> impl Strategy<Value = Cut> {
    prop_oneof![4 => Just(Cut::Never), 1 => Just(Cut::BeforeWrite), 1 => Just(Cut::AfterWrite), 1 => Just(Cut::AfterRecord)]
}

fn state() -> impl Strategy<Value = ThreadState> {
    prop_oneof![
        2 => Just(ThreadState::Triaged), 2 => Just(ThreadState::WaitingOperator), 4 => Just(ThreadState::WaitingHuman),
        2 => Just(ThreadState::Answered), 1 => Just(ThreadState::Closed),
    ]
}

fn act(database: bool) -> impl Strategy<Value = Act> {
    let priority = prop_oneof![Just(Priority::Low), Just(Priority::Urgent), Just(Priority::Normal)];
    let works = u32::from(database);
    prop_oneof![
        4 => Just(Act::Post),
        5 => state().prop_map(Act::State),
        1 => priority.prop_map(Act::Priority),
        8 => cut().prop_map(Act::Pass),
        2 => (0usize..5, cut()).prop_map(|(old, cut)| Act::Stale(old, cut)),
        6 => (1i64..90).prop_map(Act::Wait),
        1 => (300i64..20_000).prop_map(Act::Wait),
        1 => (1i64..100_000).prop_map(Act::ClockBack),
        1 => (5u64..200).prop_map(Act::Policy),
        works => prop::bool::weighted(0.3).prop_map(Act::Database),
    ]
}

/// What a person would note down who was told of every edit, and of every look that came through.
#[derive(Default)]
struct Notebook {
    posts: Vec<String>,
    states: Vec<(ThreadState, ThreadState)>,
    priorities: usize,
    told: Vec<(i64, u32, i64)>,
    entries: usize,
    clock: Option<(usize, Simulation)>,
    last_since: i64,
}

impl Notebook {
    /// Somebody looked at the thread and could write down what was due.
    fn looked(&mut self, world: &World, ladder: &Ladder, state: ThreadState, entry: usize, owned: i64) {
        if self.clock.is_none() {
            self.last_since = BORN.min(world.now);
        }
        if self.clock.as_ref().is_none_or(|(known, _)| *known != entry) {
            let since = if entry == 0 {
                self.last_since
            } else {
                owned.min(world.now).max(self.last_since)
            };
            let none = Ladder::default();
            let runs = matches!(state, ThreadState::New | ThreadState::WaitingHuman);
            let ladder = if runs { ladder } else { &none };
            self.clock = Some((entry, Simulation::new(ladder, since)));
            self.last_since = since;
        }
        let since = self.last_since;
        if let Some((_, simulation)) = &mut self.clock {
            let rang = simulation.look(world.now);
            self.told
                .extend(rang.into_iter().map(|(level, deadline)| (since, level, deadline)));
        }
        self.entries = entry;
    }
}

fn spoken(world: &World) -> (Vec<String>, Vec<(String, String)>, usize) {
    let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
    let posts = world
        .events("forum.post.added")
        .iter()
        .map(|e| text(&e.data["body"]))
        .collect();
    let states = world.events("forum.state.changed");
    let states = states
        .iter()
        .map(|e| (text(&e.data["from"]), text(&e.data["to"])))
        .collect();
    (posts, states, world.events("forum.priority.changed").len())
}

fn escalations(world: &World) -> Vec<(String, i64, String)> {
    let told = world.events("forum.sla.escalation_requested");
    let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
    told.iter()
        .map(|e| {
            (
                text(&e.data["stateSince"]),
                e.data["level"].as_i64().unwrap(),
                text(&e.data["deadline"]),
            )
        })
        .collect()
}

/// Does one thing; whether the notebook's keeper was told of a look that came through.
fn perform(world: &mut World, act: &Act, notes: &mut Notebook) -> bool {
    let before = (
        world.thread.spec.posts.len(),
        world.thread.spec.state,
        world.thread.spec.priority,
    );
    let writes = world.writes;
    let mut looked = false;
    match act {
        Act::Post => world.post(),
        Act::State(to) => world.set_state(*to),
        Act::Priority(to) => world.set_priority(*to),
        Act::Pass(cut) => {
            world.pass(*cut);
            looked = *cut != Cut::BeforeWrite;
        }
        Act::Stale(old, cut) => {
            let place = world.seen.len().saturating_sub(1 + old);
            world.pass_over(place, *cut);
            looked = world.writes > writes;
        }
        Act::Wait(seconds) => world.now += seconds,
        Act::ClockBack(seconds) => world.now -= seconds,
        Act::Policy(first) => world.policy = policy(&[*first, first + 30], Some(20)),
        Act::Database(works) => world.database_fails = !works,
    }
    if looked && !world.is_settled() && !world.database_fails {
        // It was cut off halfway through: the process starts again and goes on.
        world.pass(Cut::Never);
    }
    let spec = &world.thread.spec;
    notes
        .posts
        .extend(spec.posts[before.0..].iter().map(|p| p.body.clone()));
    if spec.state != before.1 {
        notes.states.push((before.1, spec.state));
    }
    notes.priorities += usize::from(spec.priority != before.2);
    looked
}

fn whole_story_is_told(world: &World, notes: &Notebook) -> Result<(), TestCaseError> {
    let (posts, states, priorities) = spoken(world);
    prop_assert_eq!(&posts, &notes.posts);
    if world.attesting {
        let expected: Vec<_> = notes
            .states
            .iter()
            .map(|(a, b)| (format!("{a:?}"), format!("{b:?}")))
            .collect();
        prop_assert_eq!(&states, &expected);
        prop_assert_eq!(priorities, notes.priorities);
    }
    prop_assert!(
        states.windows(2).all(|w| w[0].1 == w[1].0),
        "each change begins where the last ended: {:?}",
        states
    );
    prop_assert_eq!(world.events("forum.thread.opened").len(), 1);
    let closed = usize::from(world.thread.spec.state == ThreadState::Closed);
    prop_assert_eq!(world.events("forum.thread.closed").len(), closed);
    let numbers: Vec<_> = world.database.keys().copied().collect();
    prop_assert_eq!(&numbers, &(1..).take(numbers.len()).collect::<Vec<_>>());
    let written = world.thread.status.as_ref().unwrap();
    prop_assert_eq!(written.state, Some(world.thread.spec.state));
    prop_assert_eq!(written.priority, Some(world.thread.spec.priority));
    Ok(())
}

/// Never two of one level in one state entry, never one early.
fn escalations_are_sound(world: &World) -> Result<(), TestCaseError> {
    let mut seen = BTreeSet::new();
    let mut entry = 0;
    for event in world.database.values() {
        if event.event_type == "forum.state.changed" {
            entry += 1;
        }
        if event.event_type == "forum.sla.escalation_requested" {
            prop_assert!(
                seen.insert((entry, event.data["level"].as_i64())),
                "two of one level: {:?}",
                event.data
            );
            let deadline: crate::kernel::moment::Moment = event.data["deadline"].as_str().unwrap().parse().unwrap();
            prop_assert!(event.occurred_at >= deadline, "early: {:?}", event);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Whatever is cut off and however the database fails: everything said and changed is told once, in order.
    #[test]
    fn every_edit_is_told_once_and_in_order(attesting: bool, acts in prop::collection::vec(act(true), 1..60)) {
        let mut world = World::new(attesting, "New");
        let mut notes = Notebook { posts: vec!["body of p0".into()], ..Notebook::default() };
        for act in &acts {
            perform(&mut world, act, &mut notes);
        }
        world.database_fails = false;
        for _ in 0..12 {
            world.pass(Cut::Never);
        }
        whole_story_is_told(&world, &notes)?;
        escalations_are_sound(&world)?;
        let writes = world.writes;
        world.pass(Cut::Never);
        prop_assert_eq!(world.writes, writes, "nothing is left to write");
    }

    /// The same escalations as by a stopwatch that is started at each entry and read at each look.
    #[test]
    fn deadlines_are_kept_as_by_a_stopwatch(acts in prop::collection::vec(act(false), 1..50)) {
        let mut world = World::new(true, "New");
        let mut notes = Notebook::default();
        let mut owned = BORN;
        for act in acts.iter().chain([&Act::Pass(Cut::Never)]) {
            let before = (world.thread.spec.posts.len(), world.thread.spec.state);
            let looked = perform(&mut world, act, &mut notes);
            let spec = &world.thread.spec;
            if (spec.posts.len(), spec.state) != before {
                owned = world.now;
            }
            if looked {
                let ladder = world.policy.sla.new.normal.clone();
                let (state, entry) = (world.thread.spec.state, notes.states.len());
                notes.looked(&world, &ladder, state, entry, owned);
            }
        }
        let expected: Vec<_> = notes
            .told
            .iter()
            .map(|(since, level, deadline)| (at(*since).to_string(), i64::from(*level), at(*deadline).to_string()))
            .collect();
        world.pass(Cut::Never);
        prop_assert_eq!(escalations(&world), expected);
        escalations_are_sound(&world)?;
        let since = world.thread.status.as_ref().unwrap().state_since;
        prop_assert_eq!(json!(since), json!(at(notes.last_since)));
    }
}
