//! Lets go of what the policy keeps no longer: closed threads in the cluster, events in the database. Starts the task;
//! decides nothing.

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::reflector::Store;
use tokio::sync::watch;
use tracing::{info, warn};

use super::Ground;
use crate::adapters::sqlite::History;
use crate::controller::context::Shared;
use crate::controller::runner::Guarded;
use crate::forum_thread::archive::Archivist;
use crate::forum_thread::crd::ForumThread;
use crate::policy::live::InForce;
use crate::ports::projection::Projections as _;
use crate::tasks::Tasks;

/// How many events of a log are folded away in one transaction, which the next records wait for.
const EVENTS_AT_ONCE: u32 = 2000;

/// Starts it, once all caches are complete. `history` holds the archive and the events.
pub fn start_retention(
    ground: &Ground,
    tasks: &mut Tasks,
    shared: &Shared,
    history: &Arc<History>,
    threads: Store<Guarded<ForumThread>>,
    policy: watch::Receiver<InForce>,
) {
    let (stop, every) = (ground.stop.clone(), ground.args.housekeeping_interval);
    let (shared, history) = (shared.clone(), history.clone());
    tasks.spawn("retention", async move {
        tokio::select! {
            () = shared.caches.complete() => {}
            () = stop.cancelled() => return,
        }
        loop {
            let keep = policy.borrow().policy.retention;
            let round = async {
                if let Some(keep) = keep.closed_threads {
                    archive(&shared, &history, &threads, keep).await;
                }
                if let Some(keep) = keep.events {
                    fold_away(&shared, &history, keep).await;
                }
            };
            tokio::select! {
                () = round => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = stop.cancelled() => return,
            }
        }
    });
}

async fn archive(shared: &Shared, history: &Arc<History>, threads: &Store<Guarded<ForumThread>>, keep: Duration) {
    let archivist = Archivist {
        client: &shared.client,
        leadership: &shared.leadership,
        archive: history.as_ref(),
        keep,
    };
    if let Err(error) = archivist.sweep(threads, shared.clock.now()).await {
        warn!(%error, "closed threads stay in the cluster until the next look");
    }
}

async fn fold_away(shared: &Shared, history: &Arc<History>, keep: Duration) {
    let now = shared.clock.now().as_millis();
    let length = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
    let Some(before) = crate::kernel::moment::Moment::from_millis(now.saturating_sub(length)) else {
        return;
    };
    let mut total = 0;
    loop {
        match history.fold_away(before, EVENTS_AT_ONCE).await {
            Ok(gone) if gone.events == 0 => break,
            Ok(gone) => total += gone.events,
            Err(error) => return warn!(%error, "old events stay until the next look"),
        }
    }
    if total > 0 {
        info!(
            events = total,
            "old events were folded away; their threads are kept as snapshots"
        );
    }
}
