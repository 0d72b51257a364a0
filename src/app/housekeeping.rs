//! Starts the housekeeper once all caches are complete, and tells it who is alive. Decides nothing.

use std::sync::Arc;

use kube::ResourceExt as _;
use kube::runtime::reflector::Store;
use tracing::warn;

use super::{COUNT, Ground};
use crate::adapters::disk;
use crate::adapters::git::cache;
use crate::controller::context::Shared;
use crate::controller::runner::Guarded;
use crate::housekeeping::Housekeeper;
use crate::housekeeping::found::Living;
use crate::ports::executor::Executor;
use crate::run::crd::Run;
use crate::tasks::Tasks;

/// Starts it.
pub fn start_housekeeping(
    ground: &Ground,
    tasks: &mut Tasks,
    shared: &Shared,
    runs: Store<Guarded<Run>>,
    executor: Arc<dyn Executor>,
) {
    let housekeeper = Housekeeper::new(
        ground.args.housekeeping_settings(),
        Arc::new(move || living(&runs)),
        executor,
        ground.clock.clone(),
        ground.numbers.housekeeping.clone(),
    );
    watch_room(ground, tasks);
    let (caches, stop) = (shared.caches.clone(), ground.stop.clone());
    tasks.spawn("housekeeping", async move {
        tokio::select! {
            () = caches.complete() => {}
            () = stop.cancelled() => return,
        }
        housekeeper.work(stop).await;
    });
}

/// Shows how much room is left on the disks.
fn watch_room(ground: &Ground, tasks: &mut Tasks) {
    let (args, numbers) = (&ground.args, ground.numbers.housekeeping.clone());
    let (data, workspaces) = (args.data_dir.clone(), args.housekeeping_settings().places.workspaces);
    let (least, stop) = (args.min_free_bytes, ground.stop.clone());
    tasks.spawn("room", async move {
        while !stop.is_cancelled() {
            match (disk::free_bytes(&data), disk::free_bytes(&workspaces)) {
                (Ok(data), Ok(workspaces)) => numbers.show_room(data, workspaces, least),
                (Err(error), _) | (_, Err(error)) => warn!(%error, "failed to see how much room the disk has"),
            }
            tokio::select! {
                () = tokio::time::sleep(COUNT) => {}
                () = stop.cancelled() => {}
            }
        }
    });
}

/// Who is alive, as the cache has it now.
fn living(runs: &Store<Guarded<Run>>) -> Living {
    let mut living = Living::default();
    for object in runs.state() {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        living.runs.extend(object.uid());
        let Ok(run) = &object.0 else {
            living.unreadable.insert((namespace, name));
            continue;
        };
        let tickets = run.spec.tickets.iter();
        living
            .workspaces
            .extend(tickets.map(|t| (namespace.clone(), name.clone(), t.clone())));
        let repos = run.spec.repos.iter();
        living
            .caches
            .extend(repos.map(|r| cache::family_of(&namespace, &r.url)));
    }
    living
}
