//! What may be asked: filters, words, pages that neither repeat nor lose, what changed, what is unread.

use std::collections::BTreeMap;
use std::sync::Arc;

use metawsm::adapters::sqlite::History;
use metawsm::kernel::question::{Participant, QuestionState, Turn, Urgency};
use metawsm::ports::journal::{Journal, Mirror, Record};
use metawsm::ports::questions::{ForumKeeping, Order, PageRequest, QuestionFilter, Questions, ReadMark};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::forum_stage::{Question, fold};
use super::stage::Stage;

async fn names(history: &History, filter: QuestionFilter) -> Vec<String> {
    let request = PageRequest {
        filter,
        limit: 100,
        order: Order::OldestFirst,
        ..PageRequest::default()
    };
    let page = history.reader().list_questions(&request).await.unwrap();
    page.questions.into_iter().map(|q| q.name).collect()
}

async fn search(history: &History, text: &str) -> Result<Vec<String>, String> {
    let request = PageRequest {
        filter: QuestionFilter {
            text: Some(text.into()),
            ..QuestionFilter::default()
        },
        limit: 100,
        ..PageRequest::default()
    };
    let page = history
        .reader()
        .list_questions(&request)
        .await
        .map_err(|e| e.to_string())?;
    Ok(page.questions.into_iter().map(|q| q.name).collect())
}

/// `asked` is new, `waiting` waits for ada, `answered` is answered, `gone` is deleted.
async fn four(stage: &Stage) -> Arc<History> {
    let history = stage.open().await;
    let asked = Question::opened("asked", "A-1", "Which port?");
    let mut waiting = Question::opened("waiting", "B-2", "Who signs off?");
    waiting.enter("New", "WaitingHuman");
    waiting.assign("ada");
    waiting.rank("Normal", "Urgent");
    let mut answered = Question::opened("answered", "a-1", "Is the Übergang done?");
    answered.post(
        "q",
        "Question",
        "coder",
        "The relay's \"retry\" loop: 50% done; DROP TABLE?",
    );
    answered.enter("New", "Answered");
    let mut gone = Question::opened("gone", "A-1", "Nobody asks this any more");
    gone.close();
    gone.delete();
    for question in [asked, waiting, answered, gone] {
        question.record(&history).await;
    }
    fold(&history).await;
    history
}

/// Filters, and the threads that each takes.
fn filters() -> Vec<(&'static str, QuestionFilter, &'static [&'static str])> {
    let by = |change: fn(&mut QuestionFilter)| {
        let mut filter = QuestionFilter::default();
        change(&mut filter);
        filter
    };
    vec![
        ("all", by(|_| ()), &["asked", "waiting", "answered"]),
        (
            "gone too",
            by(|f| f.gone = true),
            &["asked", "waiting", "answered", "gone"],
        ),
        ("ticket", by(|f| f.ticket = Some("A-1".into())), &["asked", "answered"]),
        (
            "run",
            by(|f| f.run = Some("team-a/r".into())),
            &["asked", "waiting", "answered"],
        ),
        ("no such run", by(|f| f.run = Some("team-a/x".into())), &[]),
        ("namespace", by(|f| f.namespace = Some("team-b".into())), &[]),
        (
            "states",
            by(|f| f.states = vec![QuestionState::New, QuestionState::Answered]),
            &["asked", "answered"],
        ),
        ("priority", by(|f| f.priorities = vec![Urgency::Urgent]), &["waiting"]),
        ("assignee", by(|f| f.assignee = Some("ada".into())), &["waiting"]),
        ("turn", by(|f| f.waiting_on = Some(Turn::Agent)), &["answered"]),
        ("text", by(|f| f.text = Some("which".into())), &["asked"]),
        (
            "text and ticket",
            by(|f| (f.text, f.ticket) = (Some("which".into()), Some("B-2".into()))),
            &[],
        ),
    ]
}

#[tokio::test]
async fn each_filter_takes_what_it_says() {
    let stage = Stage::new();
    let history = four(&stage).await;
    for (what, filter, expected) in filters() {
        assert_eq!(names(&history, filter).await, expected, "{what}");
    }
}

#[tokio::test]
async fn a_search_finds_words_whatever_their_syntax() {
    let stage = Stage::new();
    let history = four(&stage).await;
    let found = [
        ("retry", "answered"),
        ("RETR", "answered"),
        ("ubergang", "answered"),
        ("\"retry\"", "answered"),
        ("relay's", "answered"),
        ("drop table?", "answered"),
        ("port", "asked"),
        ("50%", "answered"),
        // Title and body together.
        ("Übergang relay", "answered"),
    ];
    for (text, name) in found {
        assert_eq!(search(&history, text).await.unwrap(), [name], "{text}");
    }
    let nothing = [
        "title:port",
        "NEAR(a b)",
        "a OR port",
        "port AND",
        "-port x",
        "\"port",
        "po*rt",
        "{port}: x",
        "a\0b",
        "^zzz",
        "'; --zz",
    ];
    for text in nothing {
        let answer = search(&history, text).await;
        assert!(answer.is_ok(), "{text}: {answer:?}");
    }
    for (text, why) in [
        ("\" * - ()", "has no word"),
        ("", "has no word"),
        (&*"a ".repeat(17), "may have 16 words"),
    ] {
        let answer = search(&history, text).await.unwrap_err();
        assert!(answer.contains(why), "{answer}");
    }
}

#[derive(Clone, Debug)]
enum Move {
    Page,
    Escalate(usize),
    Answer(usize),
    Delete(usize),
    Open,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let any = prop_oneof![
        4 => Just(Move::Page),
        2 => (0..12_usize).prop_map(Move::Escalate),
        2 => (0..12_usize).prop_map(Move::Answer),
        1 => (0..12_usize).prop_map(Move::Delete),
        2 => Just(Move::Open),
    ];
    prop::collection::vec(any, 1..30)
}

/// Plays the moves, then reads to the end: every name with how often it was listed, and who changed so that a filter
/// would let it go.
async fn paged(moves: &[Move], order: Order, limit: u32) -> (BTreeMap<String, usize>, Vec<Question>, Vec<usize>) {
    let stage = Stage::new();
    let history = stage.open().await;
    let mut threads: Vec<_> = (0..12)
        .map(|i| Question::opened(&format!("t{i:02}"), "A-1", "t"))
        .collect();
    for thread in &threads {
        thread.record(&history).await;
    }
    fold(&history).await;
    let mut request = PageRequest {
        filter: QuestionFilter {
            states: vec![QuestionState::New],
            ..QuestionFilter::default()
        },
        order,
        limit,
        ..PageRequest::default()
    };
    let (mut listed, mut left, mut done) = (BTreeMap::new(), Vec::new(), false);
    let rest = std::iter::repeat_n(&Move::Page, 40);
    for step in moves.iter().chain(rest) {
        match step {
            Move::Page if done => {}
            Move::Page => {
                let page = history.reader().list_questions(&request).await.unwrap();
                for question in page.questions {
                    *listed.entry(question.name).or_insert(0) += 1;
                }
                request.after = page.next;
                done = page.next.is_none();
            }
            Move::Escalate(i) => threads[*i].escalate(1),
            Move::Answer(i) => {
                left.push(*i);
                threads[*i].enter("New", "Answered");
            }
            Move::Delete(i) => {
                left.push(*i);
                threads[*i].delete();
            }
            Move::Open => {
                let fresh = Question::opened(&format!("t{:02}", threads.len()), "A-1", "t");
                fresh.record(&history).await;
                threads.push(fresh);
            }
        }
        if let Move::Escalate(i) | Move::Answer(i) | Move::Delete(i) = step {
            let last = threads[*i].entries.len() - 1;
            history.record(threads[*i].step(last)).await.unwrap();
        }
        fold(&history).await;
    }
    assert!(done, "the list comes to an end");
    (listed, threads, left)
}

#[test]
fn paging_neither_repeats_nor_loses_a_question_while_questions_change() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config::with_cases(24));
    runner
        .run(&(moves(), any::<bool>(), 1..6_u32), |(moves, newest, limit)| {
            let order = if newest { Order::NewestFirst } else { Order::OldestFirst };
            let (listed, threads, left) = runtime.block_on(paged(&moves, order, limit));
            prop_assert!(listed.values().all(|times| *times == 1), "{:?}", listed);
            for (i, thread) in threads.iter().enumerate().take(12) {
                let name = &thread.subject.name;
                prop_assert!(left.contains(&i) || listed.contains_key(name), "{} was lost", name);
            }
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn pages_and_a_watch_from_the_first_page_on_miss_nothing() {
    let stage = Stage::new();
    let history = four(&stage).await;
    let reader = history.reader();
    let page = reader
        .list_questions(&PageRequest {
            limit: 1,
            ..PageRequest::default()
        })
        .await
        .unwrap();
    let mut later = Question::opened("later", "A-1", "t");
    later.assign("ada");
    later.record(&history).await;
    fold(&history).await;
    let filter = QuestionFilter {
        assignee: Some("ada".into()),
        ..QuestionFilter::default()
    };
    let changes = reader.watch_questions(Some(&page.seen), &filter, 10).await.unwrap();
    let told: Vec<_> = changes
        .questions
        .iter()
        .map(|(q, taken)| (q.name.as_str(), *taken))
        .collect();
    assert_eq!((told, changes.restarted), (vec![("later", true)], false));
    let nothing = reader.watch_questions(Some(&changes.seen), &filter, 10).await.unwrap();
    assert!(nothing.questions.is_empty());
    let all = reader
        .watch_questions(None, &QuestionFilter::default(), 2)
        .await
        .unwrap();
    assert_eq!(all.questions.len(), 2);
    let rest = reader
        .watch_questions(Some(&all.seen), &QuestionFilter::default(), 10)
        .await
        .unwrap();
    assert_eq!(rest.questions.len(), 3, "it goes on where it stopped");
    for foreign in ["other/5".to_owned(), format!("{}/99999", page.seen.database)] {
        let cursor = foreign.parse().unwrap();
        let changes = reader.watch_questions(Some(&cursor), &filter, 10).await.unwrap();
        assert!(changes.restarted && changes.questions.len() == 5, "{foreign}");
    }
}

#[tokio::test]
async fn unread_are_the_posts_of_others_since_one_looked() {
    let stage = Stage::new();
    let history = stage.open().await;
    let mut question = Question::opened("one", "A-1", "t");
    question.post("q1", "Question", "coder", "?");
    question.post("c1", "Comment", "ada", "my own");
    question.record(&history).await;
    fold(&history).await;
    let unread = async || {
        let thread = history
            .reader()
            .get_thread("team-a", "one", Some("ada"))
            .await
            .unwrap()
            .unwrap();
        thread.question.unread
    };
    assert_eq!(unread().await, Some(1));
    let mark = ReadMark {
        viewer: "ada".into(),
        namespace: "team-a".into(),
        name: "one".into(),
    };
    assert!(history.mark_read(mark.clone()).await.unwrap());
    assert_eq!(unread().await, Some(0));
    question.post("c2", "Comment", "otto", "new");
    history.record(question.step(3)).await.unwrap();
    fold(&history).await;
    assert_eq!(unread().await, Some(1));
    let other = history
        .reader()
        .get_thread("team-a", "one", Some("otto"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(other.question.unread, Some(2), "who never looked has read nothing");
    let missing = ReadMark {
        name: "none".into(),
        ..mark
    };
    assert!(!history.mark_read(missing).await.unwrap());
}

#[tokio::test]
async fn counts_board_and_who_waits() {
    let stage = Stage::new();
    let history = four(&stage).await;
    let reader = history.reader();
    let counts = reader.queue_counts(Some("team-a")).await.unwrap();
    assert_eq!(counts.iter().map(|count| count.threads).sum::<i64>(), 3);
    assert!(reader.queue_counts(Some("team-b")).await.unwrap().is_empty());
    for (name, questions) in [(None, 1), (Some("ada"), 1), (Some("bob"), 0)] {
        let waiting = reader.waiting_for(Participant::Human, name).await.unwrap();
        assert_eq!((waiting.questions, waiting.runs), (questions, questions), "{name:?}");
    }
    for (name, due) in [("asked", "2026-01-01T00:00:00.5Z"), ("waiting", "2026-01-01T00:00:00Z")] {
        let question = Question::opened(name, "x", "x");
        let mirror = Mirror {
            resource_version: "5".into(),
            generation: 1,
            created_at: "2026-01-01T00:00:00Z".into(),
            spec: json!({ "title": "x" }).to_string(),
            status: json!({ "sla": { "deadline": due } }).to_string(),
            deleted: false,
        };
        let record = Record {
            subject: question.subject,
            entries: vec![],
            events: vec![],
            mirror: Some(mirror),
        };
        history.record(record).await.unwrap();
    }
    let board = reader.sla_board(None, 10).await.unwrap();
    let due: Vec<_> = board.iter().map(|q| q.name.as_str()).collect();
    assert_eq!(due, ["waiting", "asked"], "by instant, not by letters");
}

#[tokio::test]
async fn a_thread_is_shown_with_all_that_was_said_and_happened() {
    let stage = Stage::new();
    let history = stage.open().await;
    Question::whole_life("one").record(&history).await;
    fold(&history).await;
    let thread = history
        .reader()
        .get_thread("team-a", "one", None)
        .await
        .unwrap()
        .unwrap();
    let said: Vec<_> = thread
        .conversation
        .iter()
        .map(|p| (p.kind.as_str(), p.author.as_str()))
        .collect();
    assert_eq!(said, [("Question", "coder"), ("Answer", "ada")]);
    let happened: Vec<_> = thread
        .history
        .iter()
        .map(|h| (h.what.as_str(), h.to.as_deref()))
        .collect();
    assert_eq!(
        happened,
        [
            ("State", Some("New")),
            ("Priority", Some("High")),
            ("State", Some("WaitingHuman")),
            ("Escalation", Some("level 1")),
            ("Escalation", Some("level 2, 1 s late")),
            ("Assignee", Some("Human/ada")),
            ("State", Some("Answered")),
            ("State", Some("Closed")),
        ]
    );
    assert!(
        history
            .reader()
            .get_thread("team-a", "none", None)
            .await
            .unwrap()
            .is_none()
    );
}
