//! What is folded from events: the same rows whatever is repeated, permuted, rebuilt or folded away.

use std::sync::atomic::Ordering;

use metawsm::kernel::actor::ActorType;
use metawsm::ports::journal::Journal;
use metawsm::ports::outbox::Outbox;
use metawsm::ports::projection::Projections;
use metawsm::ports::read_model::ReadModel;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::forum_stage::{
    Question, all_sent, fold, in_minutes, projector, rows, window, without_places, words_are_sound,
};
use super::stage::{Stage, record_objects};

async fn one(stage: &Stage, query: &'static str) -> Vec<Option<String>> {
    sqlx::query_scalar(query)
        .fetch_all(&mut stage.raw().await)
        .await
        .unwrap()
}

fn thread_row(rows: &[Value], uid: &str) -> Value {
    rows.iter()
        .find(|row| row["table"] == "forum_threads" && row["uid"] == uid)
        .unwrap()
        .clone()
}

#[tokio::test]
async fn a_life_is_folded_into_one_row_and_its_facts() {
    let stage = Stage::new();
    let history = stage.open().await;
    Question::whole_life("one").record(&history).await;
    assert_eq!(fold(&history).await, 11);
    let rows = rows(&stage).await;
    let thread = thread_row(&rows, "uid-one");
    let expected = json!({
        "namespace": "team-a", "name": "one", "ticket": "A-1", "run_id": "team-a/r", "title": "How is one meant?",
        "state": "Closed", "waiting_on": "Nobody", "priority": "High", "assignee": "ada", "assignee_type": "Human",
        "post_count": 2, "escalation_count": 2, "escalated_level": 2, "opened_by": "coder", "opened_by_type": "Agent",
        "last_post_kind": "Answer", "last_post_by": "ada", "closed_by": "ada", "deleted_at": null, "last_seq": 11,
        "opened_at": "2023-11-14T22:13:20Z", "opened_ms": 1_700_000_000_000_i64,
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&thread[field], value, "{field}");
    }
    let count = |table: &str| rows.iter().filter(|row| row["table"] == table).count();
    let counts = [
        "forum_posts",
        "forum_state_transitions",
        "forum_assignments",
        "forum_priorities",
        "forum_escalations",
    ];
    assert_eq!(counts.map(count), [2, 4, 1, 1, 2]);
}

#[tokio::test]
async fn whose_turn_it_is_follows_assignments_too() {
    let stage = Stage::new();
    let history = stage.open().await;
    let mut question = Question::opened("one", "A-1", "t");
    question.record(&history).await;
    fold(&history).await;
    assert_eq!(
        one(&stage, "SELECT waiting_on FROM forum_threads").await,
        [Some("Operator".to_owned())]
    );
    question.assign("ada");
    history.record(question.step(1)).await.unwrap();
    fold(&history).await;
    assert_eq!(
        one(&stage, "SELECT waiting_on FROM forum_threads").await,
        [Some("Human".to_owned())]
    );
}

#[tokio::test]
async fn every_event_read_ten_times_changes_nothing() {
    let stage = Stage::new();
    let history = stage.open().await;
    for name in ["one", "two", "three"] {
        Question::whole_life(name).record(&history).await;
    }
    fold(&history).await;
    let expected = rows(&stage).await;
    for _ in 0..10 {
        sqlx::query("UPDATE projection_cursors SET position = 0")
            .execute(&mut stage.raw().await)
            .await
            .unwrap();
        assert_eq!(fold(&history).await, 33);
        assert_eq!(rows(&stage).await, expected);
    }
    assert!(words_are_sound(&stage).await);
}

#[test]
fn the_order_in_which_threads_and_even_their_facts_are_recorded_does_not_matter() {
    let lives: Vec<_> = ["one", "two", "three"].map(Question::whole_life).into();
    let steps: Vec<_> = (0..3).flat_map(|t| (0..11).map(move |s| (t, s))).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folded = |order: &[(usize, usize)]| {
        runtime.block_on(async {
            let stage = Stage::new();
            let history = stage.open().await;
            for (half, &(thread, step)) in order.iter().enumerate() {
                history.record(lives[thread].step(step)).await.unwrap();
                if half == order.len() / 2 {
                    fold(&history).await;
                }
            }
            fold(&history).await;
            without_places(rows(&stage).await)
        })
    };
    let expected = folded(&steps);
    let mut runner = TestRunner::new(Config::with_cases(24));
    let any_order = Just(steps).prop_shuffle();
    runner
        .run(&any_order, |order| {
            prop_assert_eq!(&folded(&order), &expected);
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_rebuild_gives_the_same_rows_and_keeps_what_was_read() {
    let stage = Stage::new();
    let history = stage.open().await;
    for name in ["one", "two"] {
        Question::whole_life(name).record(&history).await;
        record_objects(&history, name, 3).await;
    }
    fold(&history).await;
    sqlx::query("INSERT INTO forum_reads VALUES ('ada', 'uid-one', 5, 'now')")
        .execute(&mut stage.raw().await)
        .await
        .unwrap();
    let expected = rows(&stage).await;
    sqlx::query("UPDATE forum_threads SET title = 'spoiled', state = NULL")
        .execute(&mut stage.raw().await)
        .await
        .unwrap();
    history.reset().await.unwrap();
    assert!(rows(&stage).await.is_empty());
    fold(&history).await;
    assert_eq!(rows(&stage).await, expected);
    assert_eq!(
        one(&stage, "SELECT viewer FROM forum_reads").await,
        [Some("ada".to_owned())]
    );
    assert!(words_are_sound(&stage).await);
}

#[tokio::test]
async fn what_was_folded_away_stays_in_a_snapshot_and_a_rebuild_gives_the_same_rows() {
    let stage = Stage::new();
    let history = stage.open().await;
    let (done, mut open) = (
        Question::whole_life("done"),
        Question::opened("open", "A-2", "still open"),
    );
    done.record(&history).await;
    open.record(&history).await;
    fold(&history).await;
    let before_the_young = in_minutes(&stage, 30);
    stage.clock.0.store(3_600_000, Ordering::Relaxed);
    let unsent = history.fold_away(before_the_young, 1000).await.unwrap();
    assert_eq!(unsent.events, 0, "nothing was sent yet");
    all_sent(&history).await;
    open.post("q1", "Question", "coder", "young");
    history.record(open.step(1)).await.unwrap();
    fold(&history).await;
    let expected = rows(&stage).await;
    let gone = history.fold_away(before_the_young, 1000).await.unwrap();
    assert_eq!((gone.events, gone.threads), (12, 2));
    assert_eq!(
        one(&stage, "SELECT event_type FROM events").await,
        [Some("forum.post.added".to_owned())]
    );
    let verdict = history.verify_database().await.unwrap();
    assert!(verdict.flaws.is_empty() && verdict.gaps.is_empty(), "{verdict:?}");
    history.reset().await.unwrap();
    fold(&history).await;
    assert_eq!(rows(&stage).await, expected);
    for question in [&done, &open] {
        question.record(&history).await;
    }
    assert_eq!(
        one(&stage, "SELECT event_type FROM events").await.len(),
        1,
        "what was recorded again is nothing new"
    );
    assert!(words_are_sound(&stage).await);
}

#[tokio::test]
async fn only_what_is_folded_and_old_is_folded_away_oldest_first() {
    let stage = Stage::new();
    let history = stage.open().await;
    Question::whole_life("one").record(&history).await;
    all_sent(&history).await;
    let soon = in_minutes(&stage, 10);
    assert_eq!(
        history.fold_away(soon, 1000).await.unwrap().events,
        0,
        "nothing is folded"
    );
    fold(&history).await;
    let before_all = in_minutes(&stage, -10);
    assert_eq!(
        history.fold_away(before_all, 1000).await.unwrap().events,
        0,
        "nothing is old"
    );
    assert_eq!(history.fold_away(soon, 4).await.unwrap().events, 4);
    assert_eq!(
        history.fold_away(soon, 1000).await.unwrap().events,
        6,
        "the newest stays"
    );
    let verdict = history.verify_database().await.unwrap();
    assert!(verdict.flaws.is_empty(), "{verdict:?}");
}

#[tokio::test]
async fn an_event_that_cannot_be_folded_is_passed_over_and_stops_nobody() {
    let stage = Stage::new();
    let history = stage.open().await;
    let mut odd = Question::opened("odd", "A-1", "t");
    odd.tell("forum.state.changed", ActorType::Human, "ada", json!({ "to": 7 }));
    odd.tell("forum.later.invention", ActorType::Human, "ada", json!({ "new": true }));
    odd.post("c1", "Comment", "ada", "and on it goes");
    odd.record(&history).await;
    fold(&history).await;
    let row = thread_row(&rows(&stage).await, "uid-odd");
    assert_eq!((&row["state"], &row["post_count"]), (&json!("New"), &json!(1)));
}

#[tokio::test]
async fn two_projectors_fold_together_what_one_would() {
    let stage = Stage::new();
    let history = stage.open().await;
    for name in ["one", "two", "three", "four"] {
        Question::whole_life(name).record(&history).await;
    }
    let (first, second) = (projector(&history), projector(&history));
    let (a, b) = tokio::join!(first.catch_up(), second.catch_up());
    assert_eq!(a.unwrap() + b.unwrap(), 44, "each event was folded by one of them");
    let expected = rows(&stage).await;
    history.reset().await.unwrap();
    fold(&history).await;
    assert_eq!(rows(&stage).await, expected);
}

#[tokio::test]
async fn a_fold_on_an_old_cursor_writes_nothing() {
    let stage = Stage::new();
    let history = stage.open().await;
    Question::whole_life("one").record(&history).await;
    let batch = history.batch(5).await.unwrap();
    let (folded, passed_over) = metawsm::projections::fold_batch(batch);
    assert!(passed_over.is_empty());
    assert!(history.fold_in(folded.clone()).await.unwrap());
    let before = rows(&stage).await;
    assert!(!history.fold_in(folded).await.unwrap());
    assert_eq!(rows(&stage).await, before);
    let lag = history.lag().await.unwrap();
    assert_eq!(lag.events, 6);
    assert!(lag.oldest.is_some());
}

#[tokio::test]
async fn events_read_back_from_redis_are_folded_too() {
    let stage = Stage::new();
    let history = stage.open().await;
    let mut question = Question::whole_life("one");
    question.delete();
    question.record(&history).await;
    fold(&history).await;
    let expected = without_places(rows(&stage).await);
    let events = window(&history).await;
    history.close().await.unwrap();
    stage.delete_database();
    let history = stage.open().await;
    Question::opened("two", "A-1", "live before the window came back")
        .record(&history)
        .await;
    fold(&history).await;
    history.adopt(events).await.unwrap();
    fold(&history).await;
    let both = without_places(rows(&stage).await);
    let of_one: Vec<_> = both
        .into_iter()
        .filter(|row| row["uid"] == "uid-one" || row["thread_uid"] == "uid-one")
        .collect();
    assert_eq!(of_one, expected);
}
