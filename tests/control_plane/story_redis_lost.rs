//! Redis goes, comes back empty, or was never there: no reconcile waits for it, and no event is lost or out of order.

use metawsm::kernel::envelope::Envelope;
use serde_json::json;

use crate::harness::history::column;
use crate::harness::manifests::run;
use crate::harness::polling::eventually;
use crate::harness::redis::{Server, Streams};
use crate::harness::stage::Stage;

fn streams(stage: &Stage, server: &Server) -> Streams {
    Streams::new(&server.url(), &format!("{}:", stage.namespace()))
}

async fn until_active(streams: &Streams, name: &str) -> Vec<(String, Envelope)> {
    let subject = format!("/{name}");
    let active = |events: &[Envelope]| {
        events
            .iter()
            .any(|e| e.event.subject.ends_with(&subject) && e.event.data["to"] == "Active")
            .then_some(())
    };
    streams.until(&format!("{name} became active"), active).await;
    streams.all().await
}

fn types_of(events: &[(String, Envelope)], name: &str) -> Vec<String> {
    let of_run = events
        .iter()
        .filter(|(_, e)| e.event.subject.ends_with(&format!("/{name}")));
    of_run.map(|(_, e)| e.event.event_type.clone()).collect()
}

fn is_in_order(events: &[(String, Envelope)]) {
    let sequences: Vec<_> = events.iter().map(|(_, e)| e.sequence).collect();
    let expected: Vec<_> = (1..=i64::try_from(events.len()).unwrap()).collect();
    assert_eq!(sequences, expected, "every event once, in order");
    let logs: Vec<_> = events.iter().map(|(_, e)| e.log_id).collect();
    assert!(logs.windows(2).all(|pair| pair[0] == pair[1]), "one log");
}

#[tokio::test]
async fn events_made_while_redis_was_away_and_emptied_arrive_in_order_with_all_earlier_ones() {
    let stage = Stage::new().await;
    let mut server = Server::started().await;
    let docs = stage.home_of("docs", &["A-1", "B-1"]);
    let mut settings = stage.controller("a");
    settings.redis_url = server.url();
    let controller = settings.lead().await;
    stage.ready_run("first", &["A-1"], &[("docs", &docs)]).await;
    let before = until_active(&streams(&stage, &server), "first").await;

    server.stop();
    stage.ready_run("second", &["B-1"], &[("docs", &docs)]).await;
    server.start().await;

    let streams = streams(&stage, &server);
    let after = until_active(&streams, "second").await;
    is_in_order(&after);
    assert_eq!(
        after[..before.len()],
        before[..],
        "the earlier ones came back as they were"
    );
    assert_eq!(types_of(&after, "first"), types_of(&after, "second"));
    for event_type in ["run.docs.seeded", "run.phase.changed"] {
        let told = after.iter().filter(|(_, e)| e.event.event_type == event_type).count();
        assert_eq!(
            streams.of_type(event_type).await.len(),
            told,
            "the stream of {event_type}"
        );
    }
    outbox_is_empty(&controller.database()).await;
}

#[tokio::test]
async fn a_redis_that_is_flushed_while_it_serves_is_filled_again() {
    let stage = Stage::new().await;
    let server = Server::started().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let mut settings = stage.controller("a");
    settings.redis_url = server.url();
    let _controller = settings.lead().await;
    stage
        .create(&run("first", &["A-1"], &[("docs", &docs)], json!({})))
        .await;
    let streams = streams(&stage, &server);
    let before = until_active(&streams, "first").await;
    streams.flush().await;
    let after = until_active(&streams, "first").await;
    is_in_order(&after);
    assert_eq!(after[..before.len()], before[..]);
}

#[tokio::test]
async fn a_controller_that_starts_without_redis_works_and_tells_later() {
    let stage = Stage::new().await;
    let mut server = Server::started().await;
    server.stop();
    let docs = stage.home_of("docs", &["A-1"]);
    let mut settings = stage.controller("a");
    settings.redis_url = server.url();
    let controller = settings.lead().await;
    stage.ready_run("first", &["A-1"], &[("docs", &docs)]).await;
    server.start().await;
    is_in_order(&until_active(&streams(&stage, &server), "first").await);
    outbox_is_empty(&controller.database()).await;
}

async fn outbox_is_empty(database: &std::path::Path) {
    eventually("the outbox is empty", async || {
        column(database, "SELECT CAST(count(*) AS TEXT) FROM outbox")
            .await
            .first()
            .is_some_and(|n| n == "0")
            .then_some(())
    })
    .await;
}
