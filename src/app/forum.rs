//! What the forum needs beside its driver: the policy under watch, the clocks compared, deadlines audited, and the
//! knowledge whether the API server stamps who writes. Starts them; decides nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::reflector::{ObjectRef, Store};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::Ground;
use crate::adapters::system_clock::SystemClock;
use crate::controller::context::Shared;
use crate::controller::kind::Note;
use crate::controller::runner::{Guarded, Pokes};
use crate::forum_thread::ThreadKind;
use crate::forum_thread::attestation::Attestation;
use crate::forum_thread::audit::judge;
use crate::forum_thread::crd::ForumThread;
use crate::forum_thread::observe::look_at_clocks;
use crate::forum_thread::policies;
use crate::policy::live::{InForce, LivePolicy};
use crate::tasks::Tasks;

/// How often the clocks are compared: often beside the minute that a jump has to reach.
const CLOCKS: Duration = Duration::from_secs(1);
/// How often deadlines are audited.
const AUDIT: Duration = Duration::from_secs(30);
/// How often it is asked whether the policies of admission are in force.
const ATTESTING: Duration = Duration::from_secs(15);
/// How often a refused policy is told again: Kubernetes forgets Events after an hour.
const TELL_AGAIN: Duration = Duration::from_mins(20);

/// Asks whether the policies of admission are in force; the answer comes while the history is opened.
pub fn ask_for_attestation(client: Client) -> JoinHandle<Attestation> {
    tokio::spawn(async move {
        let read = policies::read(&client).await;
        read.unwrap_or_else(|error| Attestation::Absent {
            why: format!("failed to read the policy of authors: {error}"),
        })
    })
}

/// The kind with all that it works with; its policy is watched from now on.
///
/// # Errors
/// There is no policy that could hold.
pub async fn thread_kind(
    ground: &Ground,
    tasks: &mut Tasks,
    shared: &Shared,
    attestation: JoinHandle<Attestation>,
) -> anyhow::Result<ThreadKind> {
    let (args, stop) = (&ground.args, &ground.stop);
    let last_good = args.data_dir.join("policy.last-good.yaml");
    let live = LivePolicy::open(args.policy.clone(), last_good, ground.numbers.policy.clone())?;
    let policy = live.reader();
    tasks.spawn("policy", live.watch(stop.clone()));
    let lease = ObjectReference {
        api_version: Some("coordination.k8s.io/v1".to_owned()),
        kind: Some("Lease".to_owned()),
        namespace: Some(args.lease_namespace.clone()),
        name: Some(args.lease_name.clone()),
        ..ObjectReference::default()
    };
    tasks.spawn(
        "policy news",
        tell_problems(shared.clone(), policy.clone(), lease, stop.clone()),
    );
    let now = attestation
        .await
        .context("the question for the policy of authors failed")?;
    tell_attestation(ground, &now);
    let (told, attested) = watch::channel(now);
    let (client, metrics, asked_until) = (shared.client.clone(), ground.numbers.forum.clone(), stop.clone());
    tasks.spawn("attestation", async move {
        while pause(ATTESTING, &asked_until).await {
            match policies::read(&client).await {
                Ok(now) => {
                    metrics
                        .attesting
                        .set(i64::from(matches!(now, Attestation::InForce { .. })));
                    told.send_if_modified(|before| {
                        let news = *before != now;
                        if news {
                            info!(attestation = ?now, "whether the API server vouches for who writes to a thread");
                        }
                        *before = now;
                        news
                    });
                }
                Err(error) => debug!(%error, "cannot ask whether the API server vouches for who writes"),
            }
        }
    });
    Ok(ThreadKind {
        policy,
        attestation: attested,
        clock: ground.clock.clone(),
        since_boot: SystemClock::since_boot,
        guard: Arc::default(),
        metrics: ground.numbers.forum.clone(),
    })
}

/// Starts what looks after threads once all caches are complete.
pub fn start_forum_upkeep(
    ground: &Ground,
    tasks: &mut Tasks,
    shared: &Shared,
    kind: ThreadKind,
    threads: Store<Guarded<ForumThread>>,
    wake: Pokes<ForumThread>,
) {
    let (stop, store, pokes, clocks) = (ground.stop.clone(), threads.clone(), wake.clone(), kind.clone());
    tasks.spawn("clocks", async move {
        let mut held = false;
        while pause(CLOCKS, &stop).await {
            let holds = look_at_clocks(&clocks).1.is_some();
            if held && !holds {
                // Timers run on the other clock: after a jump they are all wrong.
                for thread in store.state() {
                    let _ = pokes.send(ObjectRef::from_obj(thread.as_ref()));
                }
            }
            held = holds;
        }
    });
    let (stop, caches) = (ground.stop.clone(), shared.caches.clone());
    tasks.spawn("deadline audit", async move {
        tokio::select! {
            () = caches.complete() => {}
            () = stop.cancelled() => return,
        }
        let mut behind = BTreeSet::new();
        while pause(AUDIT, &stop).await {
            behind = audit(&kind, &threads, &wake, &behind);
        }
    });
}

/// One audit; what was found behind.
fn audit(
    kind: &ThreadKind,
    threads: &Store<Guarded<ForumThread>>,
    wake: &Pokes<ForumThread>,
    behind: &BTreeSet<String>,
) -> BTreeSet<String> {
    let all = threads.state();
    let readable = all.iter().filter_map(|t| t.0.as_deref().ok());
    let now = kind.clock.now();
    let found = judge(readable, behind, now);
    let metrics = &kind.metrics;
    let seconds = now.as_millis() / 1000;
    metrics
        .missed
        .set(i64::try_from(found.missed.len()).unwrap_or(i64::MAX));
    if found.missed.is_empty() {
        metrics.audited_at.set(seconds);
    } else {
        warn!(
            threads = found.missed.len(),
            "overdue threads were not escalated; looking at them now"
        );
    }
    metrics.audit_age.set(seconds - metrics.audited_at.get());
    let missed: BTreeSet<_> = found.missed.iter().collect();
    for thread in all.iter().filter(|t| {
        t.0.as_ref()
            .is_ok_and(|t| t.metadata.uid.as_ref().is_some_and(|u| missed.contains(u)))
    }) {
        let _ = wake.send(ObjectRef::from_obj(thread.as_ref()));
    }
    found.behind
}

/// Tells of a refused policy where people look: at the Lease of the controller.
async fn tell_problems(
    shared: Shared,
    mut policy: watch::Receiver<InForce>,
    lease: ObjectReference,
    stop: CancellationToken,
) {
    loop {
        let problem = policy.borrow_and_update().problem.clone();
        if let Some(text) = problem {
            let note = Note {
                warning: true,
                reason: "PolicyInvalid".to_owned(),
                action: "KeepPolicy".to_owned(),
                text: format!("{text}; the last good policy holds"),
            };
            shared.reporter.tell(lease.clone(), note);
        }
        tokio::select! {
            changed = policy.changed() => if changed.is_err() { return stop.cancelled().await },
            () = tokio::time::sleep(TELL_AGAIN) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Waits; `false` where it is time to end.
async fn pause(length: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(length) => true,
        () = stop.cancelled() => false,
    }
}

fn tell_attestation(ground: &Ground, now: &Attestation) {
    ground
        .numbers
        .forum
        .attesting
        .set(i64::from(matches!(now, Attestation::InForce { .. })));
    info!(attestation = ?now, "whether the API server vouches for who writes to a thread");
}
