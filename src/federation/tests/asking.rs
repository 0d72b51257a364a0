//! Who is asked, how often, and what of the answers is news.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::servers::{Mood, Servers};
use super::{Nothing, SECOND, drained, prober, target};
use crate::federation::metrics::FederationMetrics;
use crate::federation::target::{Place, Target};
use crate::federation::{Prober, ProberSettings};
use crate::kernel::moment::Moment;
use crate::ports::clock::Clock;

#[tokio::test(start_paused = true)]
async fn dead_hanging_and_panicking_servers_delay_nobody() {
    let servers = Arc::new(Servers::default());
    let (prober, _news) = prober(&servers);
    for n in 0..100 {
        let mood = match n {
            0..10 => Mood::Hangs,
            10..15 => Mood::Dead,
            15..20 => Mood::Panics,
            _ => Mood::Well(400),
        };
        servers.put(&format!("s{n}"), mood, 3);
        prober.ask(target(&format!("s{n}")), None);
    }
    // A second to begin in, and twice the time of a first round, a status and a list: more than 64 take a second turn.
    tokio::time::sleep(Duration::from_millis(2800)).await;
    let heard = (20..100).filter(|n| prober.catalogue().of(&format!("s{n}")).unwrap().1.reachable());
    assert_eq!(heard.count(), 80);
    tokio::time::sleep(6 * SECOND).await;
    let code = |name: &str| prober.catalogue().of(name).unwrap().1.trouble.unwrap().0.code;
    assert_eq!(
        [code("s0"), code("s10"), code("s15")],
        ["TimedOut", "ConnectFailed", "AskingFailed"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_quiet_server_is_asked_one_question_a_round_and_is_no_news() {
    let servers = Arc::new(Servers::default());
    let (prober, mut news) = prober(&servers);
    servers.put("docs", Mood::Well(1), 5);
    prober.ask(target("docs"), None);
    tokio::time::sleep(2 * SECOND).await;
    let first = drained(&mut news);
    assert_eq!(first.last().unwrap().tickets.len(), 5, "{first:?}");
    tokio::time::sleep(310 * SECOND).await;
    assert_eq!(drained(&mut news), []);
    let (asked, listed) = servers.with("docs", |s| (s.asked, s.listed));
    assert!(
        (10..=12).contains(&asked) && listed == 1,
        "{asked} questions, {listed} lists"
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_list_makes_no_slow_server_and_quiet_rounds_after_it_are_no_news() {
    let servers = Arc::new(Servers::default());
    let (prober, mut news) = prober(&servers);
    servers.put("docs", Mood::Well(10), 5);
    servers.with("docs", |s| s.lists_in = Duration::from_millis(800));
    prober.ask(target("docs"), None);
    tokio::time::sleep(3 * SECOND).await;
    drained(&mut news);
    let latency = || prober.catalogue().of("docs").unwrap().1.latency;
    assert_eq!(latency(), Some(Duration::from_millis(16)));
    tokio::time::sleep(24 * 60 * SECOND).await;
    assert!(servers.with("docs", |s| s.asked) > 20);
    assert_eq!(drained(&mut news), []);
    assert_eq!(latency(), Some(Duration::from_millis(16)));
}

#[tokio::test(start_paused = true)]
async fn only_what_changed_is_news() {
    let servers = Arc::new(Servers::default());
    let (prober, mut news) = prober(&servers);
    servers.put("docs", Mood::Well(1), 5);
    prober.ask(target("docs"), None);
    tokio::time::sleep(2 * SECOND).await;
    drained(&mut news);
    servers.with("docs", |s| {
        s.tickets.push("New-1".into());
        s.indexed = 7;
    });
    prober.ask(target("docs"), None);
    tokio::time::sleep(SECOND).await;
    let told: BTreeSet<_> = drained(&mut news).into_iter().flat_map(|n| n.tickets).collect();
    assert!(told.contains("new-1"), "{told:?}");
    assert_eq!(
        prober.catalogue().listed("team", "NEW-1")[0]
            .row
            .as_ref()
            .unwrap()
            .ticket,
        "New-1"
    );
    assert_eq!(prober.catalogue().listed("other", "NEW-1").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_keeps_its_last_answer_and_is_told_in_few_steps() {
    let servers = Arc::new(Servers::default());
    let (prober, mut news) = prober(&servers);
    servers.put("docs", Mood::Well(1), 5);
    prober.ask(target("docs"), None);
    tokio::time::sleep(2 * SECOND).await;
    servers.with("docs", |s| s.mood = Mood::Dead);
    tokio::time::sleep(40 * SECOND).await;
    drained(&mut news);
    tokio::time::sleep(24 * 3600 * SECOND).await;
    let told = drained(&mut news);
    assert!(told.len() <= 11, "{} times in a day", told.len());
    let known = prober.catalogue().of("docs").unwrap().1;
    assert!(
        known.facts.is_some() && !known.reachable() && known.failures >= 256,
        "{known:?}"
    );
    assert!(prober.catalogue().listed("team", "t-1")[0].row.is_some());
    servers.with("docs", |s| s.mood = Mood::Well(1));
    tokio::time::sleep(300 * SECOND).await;
    assert!(
        prober.catalogue().of("docs").unwrap().1.reachable(),
        "it is back within five minutes"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_made_once_and_alone_and_its_index_is_read_at_once() {
    let servers = Arc::new(Servers::default());
    let (prober, _news) = prober(&servers);
    servers.put("docs", Mood::Well(1), 5);
    prober.ask(target("docs"), None);
    tokio::time::sleep(2 * SECOND).await;
    let announced = Moment::from_millis(77).unwrap();
    for _ in 0..200 {
        prober.refresh("docs", announced);
        prober.ask(target("docs"), None);
    }
    tokio::time::sleep(3 * SECOND).await;
    let known = prober.catalogue().of("docs").unwrap().1;
    assert_eq!(known.flight.unwrap().outcome, Some(Ok(Moment::from_millis(2).unwrap())));
    assert_eq!(known.facts.unwrap().indexed_at, Moment::from_millis(2));
    assert_eq!(servers.with("docs", |s| s.refreshes), 1);
}

#[tokio::test(start_paused = true)]
async fn another_process_behind_the_address_is_not_believed() {
    let servers = Arc::new(Servers::default());
    let (prober, _news) = prober(&servers);
    servers.put("docs", Mood::Well(1), 5);
    let expecting = Target {
        expected_root: Some("/docs/".into()),
        ..target("docs")
    };
    prober.ask(expecting, None);
    tokio::time::sleep(2 * SECOND).await;
    assert!(prober.catalogue().of("docs").unwrap().1.reachable());
    servers.with("docs", |s| {
        (s.root, s.tickets) = ("/elsewhere".into(), vec!["Evil-1".into()]);
    });
    tokio::time::sleep(40 * SECOND).await;
    let known = prober.catalogue().of("docs").unwrap().1;
    assert_eq!(known.trouble.unwrap().0.code, "RootMismatch");
    assert!(prober.catalogue().listed("team", "evil-1")[0].row.is_none());
    servers.with("docs", |s| (s.root, s.tickets) = ("/docs".into(), vec![]));
    prober.ask(
        Target {
            expected_root: Some("/docs".into()),
            ..target("docs")
        },
        None,
    );
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(
        prober.catalogue().of("docs").unwrap().1.trouble.unwrap().0.code,
        "NoDocuments"
    );
}

#[tokio::test(start_paused = true)]
async fn who_is_forgotten_or_suspended_is_not_asked_any_more() {
    let servers = Arc::new(Servers::default());
    let (prober, mut news) = prober(&servers);
    for name in ["gone", "still"] {
        servers.put(name, Mood::Well(1), 5);
        prober.ask(target(name), None);
    }
    tokio::time::sleep(2 * SECOND).await;
    prober.forget("gone");
    prober.ask(
        Target {
            place: Place::Paused,
            ..target("still")
        },
        None,
    );
    drained(&mut news);
    let before = servers.with("gone", |s| s.asked) + servers.with("still", |s| s.asked);
    tokio::time::sleep(600 * SECOND).await;
    assert_eq!(
        servers.with("gone", |s| s.asked) + servers.with("still", |s| s.asked),
        before
    );
    assert!(prober.catalogue().of("gone").is_none());
    assert!(prober.catalogue().of("still").unwrap().1.facts.is_some());
}

/// Panics when it is looked at for the first time.
#[derive(Default)]
struct BrokenClock(std::sync::atomic::AtomicBool);

impl Clock for BrokenClock {
    fn now(&self) -> Moment {
        let broken = !self.0.swap(true, std::sync::atomic::Ordering::SeqCst);
        assert!(!broken, "a bug behind an answer");
        Moment::from_millis(1_000_000).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_behind_an_answer_ends_a_round_and_not_the_asking() {
    let servers = Arc::new(Servers::default());
    servers.put("docs", Mood::Dead, 3);
    let (nothing, metrics) = (Arc::new(Nothing), FederationMetrics::default());
    let (clock, settings) = (Arc::new(BrokenClock::default()), ProberSettings::default());
    let (prober, _news) = Prober::new(servers.clone(), nothing.clone(), nothing, clock, metrics, settings);
    prober.ask(target("docs"), None);
    tokio::time::sleep(3 * SECOND).await;
    assert!(!prober.catalogue().of("docs").unwrap().1.asked, "nothing was told");
    servers.with("docs", |s| s.mood = Mood::Well(10));
    tokio::time::sleep(10 * SECOND).await;
    assert!(prober.catalogue().of("docs").unwrap().1.reachable());
}
