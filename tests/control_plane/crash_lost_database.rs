//! A database that is lost, and a controller that is killed while it reads the history back from Redis.

use super::crash_keeper::{Keeper, Point};
use super::crash_story::place;
use super::harness::history;
use super::harness::manifests::topology;
use super::harness::stage::Stage;
use super::validator;

#[tokio::test]
async fn crash_while_a_lost_history_is_read_back_loses_and_doubles_nothing() {
    for point in [
        Point::new("recover.after_adopt", "kill"),
        Point::new("recover.after_adopt", "error"),
        Point::new("sqlite.before_change", "kill"),
        Point::new("sqlite.after_change", "kill"),
        Point::new("sqlite.after_commit", "kill"),
    ] {
        let stage = Stage::new().await;
        let mut first = Keeper::start(stage.controller("one"), &[]);
        let home = stage.repository("home");
        for (name, ticket) in [("a-1", "A-1"), ("b-2", "B-2")] {
            first
                .during(stage.create(&topology(name, ticket, ("home", &home.url()))))
                .await;
        }
        let place = place(&stage);
        let known = |o: &serde_json::Value| !o["status"]["authority"].is_null();
        for name in ["a-1", "b-2"] {
            first
                .during(stage.until("TicketTopology", name, "it is recorded", known))
                .await;
        }
        assert_eq!(first.during(validator::flaws(&place)).await, vec![], "before");
        first.down();
        drop(first);
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", place.database.display()));
        }
        let mut second = Keeper::start(stage.controller("one"), std::slice::from_ref(&point));
        second
            .during(stage.create(&topology("c-3", "C-3", ("home", &home.url()))))
            .await;
        second
            .during(stage.until("TicketTopology", "c-3", "it is recorded", known))
            .await;
        let flaws = second.during(validator::flaws(&place)).await;
        assert_eq!(flaws, vec![], "{point}");
        assert!(second.happened(0), "the story comes by {point}");
        let sources = history::column(
            &place.database,
            "SELECT source || ' ' || subject FROM events ORDER BY position",
        )
        .await;
        let from_redis = sources.iter().filter(|s| s.starts_with("redis")).count();
        let all = (from_redis, sources.len());
        let without = ("recover.after_adopt", "error");
        assert!(
            all == (2, 3) || (point.name.as_str(), point.action.as_str()) == without,
            "{point}: old ones read back, new ones recorded: {sources:?}"
        );
    }
}
