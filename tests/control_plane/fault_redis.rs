//! A Redis that is slow, full, read-only, locked, behind or hanging: Runs become ready meanwhile, and every event arrives
//! afterwards, once and in order. Being away and being flushed have stories of their own.

use std::time::Duration;

use metawsm::kernel::envelope::Envelope;
use rustix::process::Signal;
use serde_json::json;

use crate::harness::controller::Controller;
use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::polling::{PATIENCE, within};
use crate::harness::redis::{Server, Streams};
use crate::harness::repositories::Repository;
use crate::harness::slow::SlowLine;
use crate::harness::stage::Stage;

/// A healthy Run is ready in two to five seconds, on overloaded cores in thirty; who waits for a hanging Redis never is.
const UNBOTHERED: Duration = Duration::from_secs(120);

/// The controller goes first: its log is read when a test fails.
struct Story {
    controller: Controller,
    stage: Stage,
    redis: Server,
    docs: Repository,
    runs: usize,
}

impl Story {
    async fn begin() -> Self {
        let redis = Server::started().await;
        let url = redis.url();
        Self::begin_at(redis, url).await
    }

    /// As [`Self::begin`], with a controller that looks for Redis there.
    async fn begin_at(redis: Server, url: String) -> Self {
        let stage = Stage::new().await;
        let docs = stage.repository("docs");
        for n in 1..=3 {
            docs.ticket(&format!("A-{n}"));
        }
        docs.commit("Write");
        let mut settings = stage.controller("a");
        settings.redis_url = url;
        let controller = settings.lead().await;
        Self {
            stage,
            redis,
            docs,
            controller,
            runs: 0,
        }
    }

    /// One more Run becomes ready, whatever Redis does.
    async fn one_more(&mut self) {
        self.runs += 1;
        let (name, ticket) = (format!("run-{}", self.runs), format!("A-{}", self.runs));
        self.stage
            .create(&run(&name, &[&ticket], &[("docs", &self.docs)], json!({})))
            .await;
        let ready = async || {
            let seen = self.stage.run(&name).await;
            let verdict = (!seen["status"].is_null()).then(|| crate::harness::kstatus::verdict(&seen));
            (verdict == Some(Verdict::Current)).then_some(())
        };
        within(UNBOTHERED, "the Run is ready though Redis fails", ready).await;
    }

    /// The relay could not tell everything: the fault is felt.
    async fn something_waits(&self) {
        let waits = async || {
            let (_, numbers) = self.controller.get("/metrics")?;
            let unsent = numbers.lines().find_map(|l| l.strip_prefix("metawsm_outbox_unsent "))?;
            (unsent.parse::<u64>().ok()? > 0).then_some(())
        };
        within(PATIENCE, "something waits in the outbox", waits).await;
    }

    /// Every event so far is in Redis, once, in order, without a gap.
    async fn all_told(&self) -> Vec<Envelope> {
        let streams = Streams::new(&self.redis.url(), &format!("{}:", self.stage.namespace()));
        let active = |events: &[Envelope]| {
            let active = events.iter().filter(|e| e.event.data["to"] == "Active").count();
            (active == self.runs).then(|| events.to_vec())
        };
        let all = within(PATIENCE, "all events are in Redis", async || {
            let seen: Vec<_> = streams.all().await.into_iter().map(|(_, e)| e).collect();
            active(&seen)
        })
        .await;
        let numbers: Vec<_> = all.iter().map(|e| e.sequence).collect();
        assert_eq!(
            numbers,
            (1..).take(numbers.len()).collect::<Vec<_>>(),
            "in order, once, without a gap"
        );
        all
    }
}

#[tokio::test]
async fn a_redis_that_hangs_stops_nobody_and_hears_everything_afterwards() {
    let mut story = Story::begin().await;
    story.redis.signal(Signal::STOP);
    story.one_more().await;
    story.redis.signal(Signal::CONT);
    story.all_told().await;
    story.controller.terminate().await;
}

#[tokio::test]
async fn a_controller_that_starts_beside_a_hanging_redis_works() {
    let mut story = Story::begin().await;
    story.controller.terminate().await;
    story.redis.signal(Signal::STOP);
    story.controller.restart_only();
    let leads = async || story.controller.leads().then_some(());
    within(UNBOTHERED, "it leads though Redis hangs", leads).await;
    story.one_more().await;
    story.redis.signal(Signal::CONT);
    story.all_told().await;
}

#[tokio::test]
async fn a_redis_that_is_full_read_only_or_locked_stops_nobody_and_hears_everything_afterwards() {
    let mut story = Story::begin().await;
    story.redis.tell(&["CONFIG", "SET", "maxmemory", "1"]).await;
    story.one_more().await;
    story.something_waits().await;
    story.redis.tell(&["CONFIG", "SET", "maxmemory", "0"]).await;
    story.all_told().await;

    story.redis.tell(&["REPLICAOF", "127.0.0.1", "1"]).await;
    story.one_more().await;
    story.something_waits().await;
    story.redis.tell(&["REPLICAOF", "NO", "ONE"]).await;
    story.all_told().await;

    story.redis.tell(&["CONFIG", "SET", "requirepass", "hunter2"]).await;
    story
        .redis
        .tell_with("hunter2", &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
        .await;
    story.one_more().await;
    story.something_waits().await;
    story
        .redis
        .tell_with("hunter2", &["CONFIG", "SET", "requirepass", ""])
        .await;
    story.all_told().await;
}

#[tokio::test]
async fn a_redis_that_lost_its_last_writes_gets_them_again() {
    let mut story = Story::begin().await;
    story.one_more().await;
    story.all_told().await;
    story.redis.tell(&["SAVE"]).await;
    story.one_more().await;
    let before = story.all_told().await;
    story.redis.stop();
    story.redis.start().await;
    let after = story.all_told().await;
    let ids = |events: &[Envelope]| events.iter().map(|e| e.event.event_id).collect::<Vec<_>>();
    // A docs server may have been heard meanwhile.
    assert!(ids(&after).starts_with(&ids(&before)), "{after:#?}");
}

#[tokio::test]
async fn a_slow_redis_hears_everything_late_and_one_slower_than_our_patience_hears_it_afterwards() {
    let redis = Server::started().await;
    let line = SlowLine::to(redis.port()).await;
    let url = format!("redis://127.0.0.1:{}", line.port());
    let mut story = Story::begin_at(redis, url).await;
    line.delay(Duration::from_millis(1500));
    story.one_more().await;
    story.all_told().await;
    // Longer than an answer is waited for: what was done is never heard of.
    line.delay(Duration::from_secs(7));
    story.one_more().await;
    story.something_waits().await;
    // Others who ask Redis meanwhile say so too, and may be earlier.
    let gave_up = |line: &str| line.contains(" metawsm::relay: ") && line.contains("timed out");
    within(PATIENCE, "the relay gives up waiting", async || {
        story.controller.log().lines().any(gave_up).then_some(())
    })
    .await;
    // What was on its way by then arrives also from a relay that never tries again; this does not.
    story.one_more().await;
    line.delay(Duration::ZERO);
    story.all_told().await;
    story.controller.terminate().await;
}

#[tokio::test]
async fn wrong_credentials_at_start_stop_nobody_are_not_shown_and_events_arrive_once_they_are_right() {
    let redis = Server::started().await;
    redis.tell(&["CONFIG", "SET", "requirepass", "hunter2"]).await;
    let url = redis.url().replace("://", "://:swordfish@");
    let mut story = Story::begin_at(redis, url).await;
    story.one_more().await;
    story.something_waits().await;
    // Something waits from when it is recorded on, also before anybody tried to send it.
    let log = within(PATIENCE, "the log says why", async || {
        let log = story.controller.log();
        (log.contains("WRONGPASS") || log.contains("AuthenticationFailed")).then_some(log)
    })
    .await;
    assert!(!log.contains("swordfish"), "the password is not shown");
    let right = ["CONFIG", "SET", "requirepass", "swordfish"];
    story.redis.tell_with("hunter2", &right).await;
    let told = async || {
        let (_, numbers) = story.controller.get("/metrics")?;
        numbers.lines().any(|l| l == "metawsm_outbox_unsent 0").then_some(())
    };
    within(PATIENCE, "nothing waits any more", told).await;
    story
        .redis
        .tell_with("swordfish", &["CONFIG", "SET", "requirepass", ""])
        .await;
    story.all_told().await;
}
